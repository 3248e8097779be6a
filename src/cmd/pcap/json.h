/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The report of `truesum pcap` as JSON: one object a line and file. */
#ifndef TRUESUM_CMD_PCAP_JSON_H
#define TRUESUM_CMD_PCAP_JSON_H

#include <jansson.h>

#include "cmd/pcap/result.h"
#include "packet/shape.h"

#define PCAP_JSON_FLOWS 10000 /* the worst, in an object */

/* To standard output. -ENOMEM with a sentence. */
int pcap_print_json(const struct pcap_result *result);

/* Pieces that others use too; all return a new reference, or NULL where memory is missing. */
json_t *pcap_json_time(int64_t time_ns); /* null where there is none */
json_t *pcap_json_sum(uint32_t sum, bool wide); /* "0x1234" */
json_t *pcap_json_difference(const struct packet_layer *layer); /* "-0x0400" */
json_t *pcap_json_flow(const struct packet_flow *flow); /* proto, src, ...: an object */
json_t *pcap_json_shape(const struct shape *shape); /* bits, by_offset_mod_..., line */
json_t *pcap_json_broken(const char *why, uint64_t offset); /* null where why is NULL */

/* Prints the object on one line, and releases it. */
int pcap_json_line(json_t *object);

#endif
