// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The mass test: generated packets against packet_judge(), in one process and without a file.
 *   mass [--packets N] [--damaged N] [--seed N] [--show N]
 * Undamaged packets: every checksum must have the verdict it was made with, none may be called bad.
 * Damaged ones: bad if the plain formula sees it, and only then. Cases that no formula decides
 * (hurt.c) are counted by name. Exit code 1 if anything differs.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "packet/fragments.h"
#include "packet/verdict.h"
#include "packets.h"

struct tally {
	uint64_t packets, bytes, undamaged, false_alarms, layers, layers_other;
	uint64_t fragments_whole;
	uint64_t damaged[HURT_KINDS], seen[HURT_KINDS], missed[HURT_KINDS];
	uint64_t unseen[HURT_KINDS], unseen_alarms;
	uint64_t doubt[DOUBT_KINDS], doubt_bad[DOUBT_KINDS];
	uint64_t verdicts[SUM_VERDICTS];
	uint64_t show;
	double seconds;
};

/* Finds packet_judge()'s numbers by the names that both sides use. */
static enum layer_kind kind_of[OF_KINDS];
static enum sum_verdict verdict_of[IS_KINDS];

static int find(const char *name, const char *const *names, int count)
{
	for (int i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0)
			return i;
	}
	fprintf(stderr, "mass: truesum does not know \"%s\"\n", name);
	exit(2);
}

static void match_names(void)
{
	for (int i = 0; i < OF_KINDS; i++)
		kind_of[i] = (enum layer_kind)find(of_names[i], layer_names, LAYER_KINDS);
	for (int i = 0; i < IS_KINDS; i++)
		verdict_of[i] =
			(enum sum_verdict)find(truth_names[i], sum_verdict_names, SUM_VERDICTS);
}

/* Shows the first few failures, with the packet in text2pcap's format. */
static void show(struct tally *tally, const char *what, const struct packet *packet,
		 const struct packet_judgement *judged)
{
	if (!tally->show)
		return;
	tally->show--;
	printf("# %s: packet %" PRIu64 ", link %" PRIu32 ", damage %s, expected %s (%s)\n", what,
	       packet->number, packet->link, hurt_names[packet->hurt], expect_names[packet->expect],
	       doubt_names[packet->doubt]);
	printf("#   made:   ");
	for (size_t i = packet->covers; i-- > 0;)
		printf(" %s=%s@%" PRIu32, of_names[packet->cover[i].of],
		       truth_names[packet->cover[i].was], packet->cover[i].field - packet->start);
	printf("\n#   judged: %s (%s)", sum_verdict_names[judged->verdict],
	       reason_words[judged->reason]);
	for (size_t i = 0; i < judged->layer_count; i++)
		printf(" %s=%s@%" PRIu32 "[%s]", layer_names[judged->layer[i].kind],
		       sum_verdict_names[judged->layer[i].verdict], judged->layer[i].field,
		       reason_words[judged->layer[i].reason]);
	printf("\n");
	for (uint32_t i = 0; i < packet->captured && i < 256; i++) {
		if (i % 16 == 0)
			printf("%s%04x", i ? "\n" : "", i);
		printf(" %02x", packet->data[packet->start + i]);
	}
	printf("\n");
}

/* Compares layer by layer, outermost first. Layers that the capture cut off may be missing. */
static void compare_layers(struct tally *tally, const struct packet *packet,
			   const struct packet_judgement *judged)
{
	size_t at = 0;

	for (size_t i = packet->covers; i-- > 0;) {
		const struct covered *cover = &packet->cover[i];
		const struct packet_layer *layer = &judged->layer[at];
		bool cut = cover->was == IS_TRUNCATED ||
			   (cover->elsewhere && cover->was == IS_UNKNOWN);

		tally->layers++;
		if (at < judged->layer_count && layer->kind == kind_of[cover->of]) {
			at++;
			if (layer->verdict == verdict_of[cover->was] &&
			    (cover->elsewhere || cover->was == IS_NONE || cut ||
			     layer->field == cover->field - packet->start))
				continue;
			if (cut && (layer->verdict == SUM_UNFINISHED || layer->verdict == SUM_NONE))
				continue;
		} else if (cut) {
			continue;
		}
		tally->layers_other++;
		show(tally, "a layer is judged otherwise", packet, judged);
		return;
	}
	if (at < judged->layer_count) {
		tally->layers_other++;
		show(tally, "a layer too many", packet, judged);
	}
}

static void count_damaged(struct tally *tally, const struct packet *packet,
			  const struct packet_judgement *judged)
{
	bool bad = judged->verdict == SUM_BAD;

	tally->damaged[packet->hurt]++;
	if (packet->doubt) {
		tally->doubt[packet->doubt]++;
		tally->doubt_bad[packet->doubt] += bad;
	}
	if (packet->expect == EXPECT_BAD) {
		tally->seen[packet->hurt]++;
		if (bad)
			return;
		tally->missed[packet->hurt]++;
		show(tally, "missed", packet, judged);
	} else if (packet->expect == EXPECT_FINE) {
		tally->unseen[packet->hurt]++;
		if (!bad)
			return;
		tally->unseen_alarms++;
		show(tally, "bad, though nothing covered differs", packet, judged);
	}
}

static void run(struct tally *tally, const struct generator_options *options)
{
	struct generator *generator = generator_new(options);
	struct fragments *fragments = NULL;
	struct packet_judgement judged;
	const struct packet *packet;
	uint64_t given_up = 0;

	if (fragments_new(1 << 14, &fragments) != 0)
		abort();
	while ((packet = generator_next(generator))) {
		packet_judge(packet->link, packet->data + packet->start, packet->captured,
			     packet->end - packet->start, &judged);
		if (judged.fragment.is && judged.verdict != SUM_BAD &&
		    fragments_add(fragments, &judged, &given_up) == 1)
			tally->fragments_whole++;
		tally->packets++;
		tally->bytes += packet->captured;
		tally->verdicts[judged.verdict]++;
		if (packet->hurt) {
			count_damaged(tally, packet, &judged);
			continue;
		}
		tally->undamaged++;
		if (judged.verdict == SUM_BAD) {
			tally->false_alarms++;
			show(tally, "a false alarm", packet, &judged);
		}
		compare_layers(tally, packet, &judged);
	}
	fragments_free(fragments);
	generator_free(generator);
}

static uint64_t sum(const uint64_t *row, int count)
{
	uint64_t all = 0;

	while (count-- > 0)
		all += row[count];
	return all;
}

static bool report(const struct tally *whole, const struct tally *hurt)
{
	uint64_t missed = sum(hurt->missed, HURT_KINDS);
	uint64_t alarms = whole->false_alarms + hurt->false_alarms;
	uint64_t other = whole->layers_other + hurt->layers_other;

	printf("undamaged packets   %10" PRIu64 "  called bad %" PRIu64 "\n",
	       whole->undamaged + hurt->undamaged, alarms);
	printf("  their checksums   %10" PRIu64 "  judged otherwise than made %" PRIu64 "\n",
	       whole->layers + hurt->layers, other);
	for (int i = 0; i < SUM_VERDICTS; i++)
		printf("    %-14s  %10" PRIu64 " packets\n", sum_verdict_names[i],
		       whole->verdicts[i]);
	printf("  datagrams made whole of fragments %" PRIu64 "\n\n",
	       whole->fragments_whole + hurt->fragments_whole);
	printf("damaged packets     %10s  %10s  %10s  %10s\n", "all", "seen by sum", "missed",
	       "unseen");
	for (int i = 1; i < HURT_KINDS; i++)
		printf("  %-16s  %10" PRIu64 "  %11" PRIu64 "  %10" PRIu64 "  %10" PRIu64 "\n",
		       hurt_names[i], hurt->damaged[i], hurt->seen[i], hurt->missed[i],
		       hurt->unseen[i]);
	printf("  %-16s  %10" PRIu64 "  %11" PRIu64 "  %10" PRIu64 "  %10" PRIu64 "\n", "all",
	       sum(hurt->damaged, HURT_KINDS), sum(hurt->seen, HURT_KINDS), missed,
	       sum(hurt->unseen, HURT_KINDS));
	printf("  unseen, and called bad: %" PRIu64 "\n", hurt->unseen_alarms);
	printf("  not decided by any formula:\n");
	for (int i = 1; i < DOUBT_KINDS; i++)
		printf("    %-11s %9" PRIu64 ", called bad %8" PRIu64 "  %s\n", doubt_names[i],
		       hurt->doubt[i], hurt->doubt_bad[i], doubt_words[i]);
	printf("\n%s in %.1f s\n",
	       alarms || other || missed || hurt->unseen_alarms ? "FAILED" : "as it must be",
	       whole->seconds + hurt->seconds);
	return !(alarms || other || missed || hurt->unseen_alarms);
}

static double now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = { { "packets", required_argument, NULL, 'n' },
						      { "damaged", required_argument, NULL, 'd' },
						      { "seed", required_argument, NULL, 's' },
						      { "show", required_argument, NULL, 'v' },
						      { NULL, 0, NULL, 0 } };
	struct generator_options options = {
		.seed = 1, .count = 10000000, .link = UINT32_MAX, .little = true
	};
	struct tally whole = { .show = 5 }, hurt = { .show = 5 };
	uint64_t damaged = 1500000;
	double start = now();
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (c == 'n')
			options.count = strtoull(optarg, NULL, 10);
		else if (c == 'd')
			damaged = strtoull(optarg, NULL, 10);
		else if (c == 's')
			options.seed = strtoull(optarg, NULL, 10);
		else if (c == 'v')
			whole.show = hurt.show = strtoull(optarg, NULL, 10);
		else
			return 2;
	}
	match_names();
	run(&whole, &options);
	whole.seconds = now() - start;
	start = now();
	options.seed += 1000003;
	options.count = damaged * 10 / 9;
	options.hurt = 950;
	run(&hurt, &options);
	hurt.seconds = now() - start;
	return report(&whole, &hurt) ? 0 : 1;
}
