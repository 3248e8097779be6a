// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Prints the verdict on every layer of every packet, to compare with other tools: layers FILE...
 *   frame, the packet's verdict, its layers, outermost first, as kind=verdict:reason,
 *   the walk's reason
 * The verdict is "-" if the link type is not known, "waits" for a fragment. Frame numbers continue
 * from file to file. Each file begins with a line "#, frames before it, its name".
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "pcap/pass.h"

static const char *const codes[SUM_REASONS] = {
	[REASON_NONE] = "",
	[REASON_PSEUDO] = "pseudo",
	[REASON_PSEUDO_NO_LENGTH] = "pseudo-no-length",
	[REASON_ZERO_FIELD] = "zero",
	[REASON_LOCAL_OFFLOAD] = "local-offload",
	[REASON_FRAGMENT] = "fragment",
	[REASON_FRAGMENTS_MISSING] = "fragments-missing",
	[REASON_FRAGMENTS_OVERLAP] = "overlap",
	[REASON_IN_FRAGMENT] = "in-fragment",
	[REASON_MERGED] = "merged",
	[REASON_LENGTH] = "length",
	[REASON_PROTOCOL] = "protocol",
	[REASON_ROUTING] = "routing",
	[REASON_LAYERS] = "layers",
};

/* Some tools call the other zero of one's complement wrong, so this marks it. */
static const char *code_of(const struct packet_layer *layer)
{
	if (layer->verdict == SUM_GOOD && layer->stored == 0xffff && layer->kind != LAYER_UDP &&
	    layer->kind != LAYER_UDPLITE)
		return "ffff";
	return codes[layer->reason] ? codes[layer->reason] : "?";
}

/* `owner`: how many frames the earlier files have. */
static int print(void *owner, const struct pass_packet *packet)
{
	const struct packet_judgement *judgement = &packet->judgement;
	const uint64_t *before = owner;

	printf("%" PRIu64 "\t%s\t", *before + packet->frame,
	       !packet->link_known ? "-"
	       : packet->waits	   ? "waits"
				   : sum_verdict_names[judgement->verdict]);
	for (unsigned int i = 0; packet->link_known && i < judgement->layer_count; i++)
		printf("%s%s=%s:%s", i ? "," : "", layer_names[judgement->layer[i].kind],
		       sum_verdict_names[judgement->layer[i].verdict],
		       code_of(&judgement->layer[i]));
	printf("\t%s\n", codes[judgement->reason] ? codes[judgement->reason] : "?");
	return 0;
}

/* Prints one file. Its frame numbers continue from *frames. */
static int print_file(const char *path, uint64_t *frames)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;
	const struct pass_visitor visitor = { print, frames };
	const struct pass pass = { PASS_DATAGRAMS, &visitor, 1, NULL };
	struct pass_end end;
	int rc = capture_open(path, &capture);

	printf("#\t%" PRIu64 "\t%s\n", *frames, path);
	rc = rc ? rc : pass_run(capture, &pass, &end);
	if (!rc)
		*frames += end.packets;
	return rc;
}

int main(int argc, char **argv)
{
	uint64_t frames = 0;
	int bad = 0;

	for (int i = 1; i < argc; i++) {
		if (print_file(argv[i], &frames) == 0)
			continue;
		fprintf(stderr, "layers: %s\n", fail_text());
		bad++;
	}
	return bad ? 3 : 0;
}
