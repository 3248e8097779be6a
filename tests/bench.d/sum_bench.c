// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How fast the Internet checksum is, compared with what the memory allows: sum_bench [--json].
 *
 * The limit is a loop of plain 32-byte loads (x86-64: AVX2, 8 accumulators, one `or` each) over the
 * same bytes at alignment 0; 64-byte loads and memcpy are shown beside it. Every way runs in turn,
 * for ROUND_NS at a time, ROUNDS times. A figure is the median of its rounds, a ratio the median of
 * the ratios within one round, so that a change of clock or another process on the machine affects
 * both sides. The buffers are reused: they are in the first-level cache, at 65483 bytes in the
 * second. Calls do not wait for each other's results.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sum/csum.h"

#ifdef __x86_64__
#define WIDE32 __attribute__((target("avx2")))
#define WIDE64 __attribute__((target("avx512f")))
#else
#define WIDE32
#define WIDE64
#endif

#define ROUNDS 81
#define ROUND_NS 15000.0
#define WAYS 12
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ROOM (65536 + 128)

typedef uint64_t wide32 __attribute__((vector_size(32), aligned(1), may_alias));
typedef uint64_t wide64 __attribute__((vector_size(64), aligned(1), may_alias));
typedef uint64_t word __attribute__((aligned(1), may_alias));
typedef uint64_t summing(const void *data, size_t len);

static const size_t lengths[] = { 20, 64, 128, 1460, 8948, 65483 };
static const size_t alignments[] = { 0, 1, 2, 14, 31, 34, 54, 63 };

static uint8_t source[ROOM] __attribute__((aligned(4096)));
static uint8_t target[ROOM] __attribute__((aligned(4096)));

/* The ways that are measured; the row without a function is csum_add(). */
static struct way {
	const char *name;
	summing *sum;
} ways[WAYS];
static size_t way_count;

enum { LOADS32, LOADS64, MEMCPY, CSUM_ADD }; /* the first rows */

struct figure {
	double ns[ROUNDS], of_limit[ROUNDS];
	double median_ns, median_of_limit;
	unsigned int turns; /* loops in a round */
};

static struct figure figures[COUNT(lengths)][COUNT(alignments)][WAYS];

static uint64_t short_loads(const uint8_t *at, size_t len)
{
	uint64_t all = *(const word *)(at + len - 8);

	for (size_t i = 0; i + 8 <= len; i += 8)
		all |= *(const word *)(at + i);
	return all;
}

/* The last load overlaps the one before. */
#define LOADS(type, at, len)                                                                       \
	do {                                                                                       \
		const uint8_t *last = (at) + (len) - sizeof(type);                                 \
		type a = *(const type *)last, b = a, c = a, d = a, e = a, f = a, g = a, h = a;     \
                                                                                                   \
		for (; (at) + 8 * sizeof(type) <= last; (at) += 8 * sizeof(type)) {                \
			a |= ((const type *)(at))[0];                                              \
			b |= ((const type *)(at))[1];                                              \
			c |= ((const type *)(at))[2];                                              \
			d |= ((const type *)(at))[3];                                              \
			e |= ((const type *)(at))[4];                                              \
			f |= ((const type *)(at))[5];                                              \
			g |= ((const type *)(at))[6];                                              \
			h |= ((const type *)(at))[7];                                              \
		}                                                                                  \
		for (; (at) < last; (at) += sizeof(type))                                          \
			a |= *(const type *)(at);                                                  \
		a |= b | c | d | e | f | g | h;                                                    \
		return a[0] | a[1] | a[2] | a[3];                                                  \
	} while (0)

WIDE32 static uint64_t loads32(const void *data, size_t len)
{
	const uint8_t *at = data;

	if (len < sizeof(wide32))
		return short_loads(at, len);
	LOADS(wide32, at, len);
}

WIDE64 static uint64_t loads64(const void *data, size_t len)
{
	const uint8_t *at = data;

	if (len < sizeof(wide64))
		return short_loads(at, len);
	LOADS(wide64, at, len);
}

#ifdef __x86_64__
#define HAS_LOADS32 __builtin_cpu_supports("avx2")
#define HAS_LOADS64 __builtin_cpu_supports("avx512f")
#else
#define HAS_LOADS32 true
#define HAS_LOADS64 true
#endif

static uint64_t loads8(const void *data, size_t len)
{
	return short_loads(data, len);
}

static uint64_t copy(const void *data, size_t len)
{
	memcpy(target, data, len);
	return 0;
}

static void add_way(const char *name, summing *sum)
{
	if (way_count < WAYS)
		ways[way_count++] = (struct way){ name, sum };
}

static void list_ways(void)
{
	add_way("loads of 32 bytes", HAS_LOADS32 ? loads32 : loads8);
	add_way("loads of 64 bytes", HAS_LOADS64 ? loads64 : loads8);
	add_way("memcpy", copy);
	add_way("csum_add()", NULL);
	for (const struct csum_variant *const *row = csum_variants; *row; row++)
		if ((*row)->usable())
			add_way((*row)->name, (*row)->sum);
}

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/*
 * The calling loops: four calls a turn, and aligned, since the address of a loop can make a
 * difference of a nanosecond a call.
 */
#define CALLS 4 /* in one turn of a loop */
#define LOOP __attribute__((noinline, aligned(64)))

LOOP static uint64_t loop_way(summing *sum, const uint8_t *data, size_t len, unsigned int turns)
{
	uint64_t all = 0;

	for (; turns; turns--) {
		all += sum(data, len);
		all += sum(data, len);
		all += sum(data, len);
		all += sum(data, len);
	}
	return all;
}

LOOP static uint64_t loop_csum_add(const uint8_t *data, size_t len, unsigned int turns)
{
	uint64_t all = 0;

	for (; turns; turns--) {
		all += csum_add(0, data, len);
		all += csum_add(0, data, len);
		all += csum_add(0, data, len);
		all += csum_add(0, data, len);
	}
	return all;
}

/* The time of one call. */
static double measure(size_t way, const uint8_t *data, size_t len, unsigned int turns)
{
	double start = now_ns();
	uint64_t all = way == CSUM_ADD ? loop_csum_add(data, len, turns)
				       : loop_way(ways[way].sum, data, len, turns);

	__asm__ volatile("" : : "r"(all)); /* used */
	return (now_ns() - start) / CALLS / turns;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double values[ROUNDS])
{
	qsort(values, ROUNDS, sizeof(values[0]), compare);
	return values[ROUNDS / 2];
}

/* One round of every way at one length and alignment, in turn. */
static void measure_round(struct figure row[WAYS], size_t len, size_t alignment, size_t round)
{
	const uint8_t *data = source + alignment;
	double limit;

	for (size_t way = 0; !round && way < way_count; way++)
		row[way].turns =
			1 + (unsigned int)(ROUND_NS / CALLS / measure(way, data, len, 4 * CALLS));
	limit = measure(LOADS32, source, len, row[LOADS32].turns);
	for (size_t way = 0; way < way_count; way++) {
		row[way].ns[round] = measure(way, data, len, row[way].turns);
		row[way].of_limit[round] = limit / row[way].ns[round];
	}
}

/*
 * Each round measures everything, so that a disturbance costs each figure only a few of its rounds.
 */
static void measure_all(void)
{
	for (size_t round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < COUNT(lengths); i++)
			for (size_t j = 0; j < COUNT(alignments); j++)
				measure_round(figures[i][j], lengths[i], alignments[j], round);
	for (size_t i = 0; i < COUNT(lengths); i++)
		for (size_t j = 0; j < COUNT(alignments); j++)
			for (size_t way = 0; way < way_count; way++) {
				struct figure *figure = &figures[i][j][way];

				figure->median_ns = median(figure->ns);
				figure->median_of_limit = median(figure->of_limit);
			}
}

/*
 * A target: at one length, for all alignments, at least this part of the limit or at most this many
 * ns.
 */
static const struct goal {
	const char *way;
	size_t len;
	double of_limit, ns; /* one of them 0 */
} goals[] = {
	{ "avx512vnni", 8948, 0.75, 0 }, { "avx512vnni", 1460, 0.55, 0 },
	{ "avx2", 8948, 0.65, 0 },	 { "avx2", 1460, 0.40, 0 },
	{ "csum_add()", 20, 0, 2.5 },	 { "csum_add()", 64, 0, 2.5 },
	{ "csum_add()", 128, 0, 3.5 },
};

/* The worst of all alignments; false if this way cannot run here. */
static bool worst(const struct goal *goal, double *ret_worst)
{
	size_t way = 0, length = 0;

	while (way < way_count && strcmp(ways[way].name, goal->way) != 0)
		way++;
	if (way == way_count)
		return false;
	while (lengths[length] != goal->len)
		length++;
	for (size_t i = 0; i < COUNT(alignments); i++) {
		const struct figure *figure = &figures[length][i][way];
		double value = goal->ns > 0 ? figure->median_ns : figure->median_of_limit;

		if (!i || (goal->ns > 0 ? value > *ret_worst : value < *ret_worst))
			*ret_worst = value;
	}
	return true;
}

static bool met(const struct goal *goal, double value)
{
	return goal->ns > 0 ? value <= goal->ns : value >= goal->of_limit;
}

static void print_text(void)
{
	double value;

	printf("The Internet checksum: csum_add() uses %s here.\n", csum_chosen()->name);
	printf("GB/s, in brackets the part of the limit (32-byte loads at alignment 0); below 200 bytes: ns\n");
	for (size_t length = 0; length < COUNT(lengths); length++) {
		printf("\n%zu bytes at alignment\n%-18s", lengths[length], "");
		for (size_t i = 0; i < COUNT(alignments); i++)
			printf(" %11zu", alignments[i]);
		for (size_t way = 0; way < way_count; way++) {
			printf("\n%-18s", ways[way].name);
			for (size_t i = 0; i < COUNT(alignments); i++) {
				const struct figure *figure = &figures[length][i][way];

				if (lengths[length] < 200)
					printf(" %11.2f", figure->median_ns);
				else
					printf("  %4.0f (%.2f)",
					       (double)lengths[length] / figure->median_ns,
					       figure->median_of_limit);
			}
		}
		printf("\n");
	}
	printf("\nTargets, each at its worst alignment:\n");
	for (const struct goal *goal = goals; goal < goals + COUNT(goals); goal++) {
		printf("  %-12s %5zu bytes  %s %.2f %s", goal->way, goal->len,
		       goal->ns > 0 ? "at most" : "at least",
		       goal->ns > 0 ? goal->ns : goal->of_limit,
		       goal->ns > 0 ? "ns" : "of the limit");
		if (worst(goal, &value))
			printf(": %.2f, %s\n", value, met(goal, value) ? "met" : "NOT MET");
		else
			printf(": not on this processor\n");
	}
}

static void print_json(void)
{
	const char *comma = "";
	double value;

	printf("{\"benchmark\":\"sum\",\"chosen\":\"%s\",\"limit\":\"%s, alignment 0\",\"figures\":[",
	       csum_chosen()->name, ways[LOADS32].name);
	for (size_t length = 0; length < COUNT(lengths); length++)
		for (size_t i = 0; i < COUNT(alignments); i++)
			for (size_t way = 0; way < way_count; way++, comma = ",") {
				const struct figure *figure = &figures[length][i][way];

				printf("%s\n{\"name\":\"%s\",\"bytes\":%zu,\"alignment\":%zu,"
				       "\"ns\":%.3f,\"gb_per_s\":%.2f,\"of_limit\":%.3f}",
				       comma, ways[way].name, lengths[length], alignments[i],
				       figure->median_ns,
				       (double)lengths[length] / figure->median_ns,
				       figure->median_of_limit);
			}
	printf("],\n\"targets\":[");
	comma = "";
	for (const struct goal *goal = goals; goal < goals + COUNT(goals); goal++) {
		if (!worst(goal, &value))
			continue;
		printf("%s\n{\"name\":\"%s\",\"bytes\":%zu,\"%s\":%.2f,\"worst\":%.3f,\"met\":%s}",
		       comma, goal->way, goal->len,
		       goal->ns > 0 ? "at_most_ns" : "at_least_of_limit",
		       goal->ns > 0 ? goal->ns : goal->of_limit, value,
		       met(goal, value) ? "true" : "false");
		comma = ",";
	}
	printf("]}\n");
}

int main(int argc, char **argv)
{
	bool json = argc == 2 && !strcmp(argv[1], "--json");

	if (argc > 1 && !json) {
		fprintf(stderr, "usage: sum_bench [--json]\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof(source); i++)
		source[i] = (uint8_t)(i * 2654435761u >> 13);
	list_ways();
	measure_all();
	if (json)
		print_json();
	else
		print_text();
	return 0;
}
