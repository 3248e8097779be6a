/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `truesum recv` prints: lines as they arrive, and the summary as text or JSON. */
#ifndef TRUESUM_CMD_TRAFFIC_RECV_OUTPUT_H
#define TRUESUM_CMD_TRAFFIC_RECV_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "lab/check.h"

enum recv_result { RECV_INTACT, RECV_DAMAGED, RECV_STRANGE, RECV_NOTHING };

/* Where the printing of lines stands. */
struct recv_printer {
	bool quiet; /* damaged lines only */
	bool silent; /* none */
	bool datagrams;
	uint64_t start_ns; /* time 0 of the lines */
	bool begun;
	uint32_t due; /* the message to follow */
	unsigned int strange; /* lines shown of somebody else's traffic */
};

void recv_print_line(struct recv_printer *printer, const struct check_line *line);

struct recv_outcome {
	const struct check_tally *tally;
	bool udp;
	uint16_t port;
	const char *peer; /* NULL: nobody came */
	const char *ended_by; /* "close", "reset", "idle", "time", "signal", "strange" */
	uint64_t duration_ns; /* from the first bytes to the last */
	uint64_t other_datagrams; /* from other peers than ours */
	bool has_csum_errors; /* could be read */
	uint64_t csum_errors; /* packets this network namespace dropped meanwhile */
};

enum recv_result recv_result(const struct check_tally *tally);
void recv_print_summary(const struct recv_outcome *outcome);
int recv_print_json(const struct recv_outcome *outcome);

#endif
