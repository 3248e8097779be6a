/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `truesum pcap` found, what it means in sentences (findings.c), and printing it as text
 * (report.c) or as JSON (json.c).
 */
#ifndef TRUESUM_CMD_PCAP_REPORT_H
#define TRUESUM_CMD_PCAP_REPORT_H

#include <stdio.h>

#include "diff/diff.h"
#include "pcap/diagnosis.h"
#include "pcap/scan.h"

/* One file. */
struct pcap_result {
	const char *name; /* "standard input" for "-" */
	const char *path; /* as given */
	const char *compression; /* "none", ... */
	const struct scan *scan;
	const struct diagnosis_result *diagnosis;
	bool at_receiver; /* the capture was made there */
	const struct diff_copies *copies; /* NULL: nothing damaged, or no second pass */
	const char *not_compared; /* why there was no second pass, or NULL */
	bool several; /* there are more files: say which one each line is about */
};

/* What is said about a packet. */
struct packet_view {
	const struct pass_packet *packet;
	enum sum_verdict verdict;
	const struct packet_layer
		*layer; /* that decides: the innermost with this verdict; or NULL */
	const struct packet_layer
		*sums; /* the same if its stored and computed mean something; or NULL */
	const char *reason; /* "" if there is none */
	const char *class; /* what a wrong or unfinished sum means; NULL: there is none */
	char link[48]; /* for a reason */
};

/* Names of enum diff_where, in text and JSON. */
extern const char *const diff_places[];

/* ---- What it means ---- */

#define PCAP_FINDINGS 8

struct pcap_finding {
	const char *class;
	uint64_t packets, flows;
	bool has_flows;
	char *sentence; /* the caller frees it */
};

/* The findings, the worst first, PCAP_FINDINGS at most; those without memory are left out. */
size_t pcap_findings(const struct pcap_result *result, struct pcap_finding *ret_findings);
/* Whether one of them is that something is wrong. */
bool pcap_found(const struct pcap_result *result);
/* A line for each cause of rewritten packets. */
void pcap_print_causes(FILE *out, const struct pcap_result *result);
/* The first line of the report, without its end: "3 damaged packets in 2 flows; ...". */
void pcap_headline(FILE *out, const struct pcap_result *result, bool color);

/* ---- Text ---- */

/* The whole report on a file, to standard output. */
void pcap_report(const struct pcap_result *result);
/* Its first sentence only: "3 damaged packets in 2 flows; ...". */
void pcap_report_verdict(FILE *out, const struct pcap_result *result);
/* A line about a packet. */
void pcap_report_packet(const struct packet_view *view);
/* What --diff found; names as given. */
void pcap_report_diff(const struct diff *diff, const char *before, const char *after);

/* ---- JSON: one line to standard output; -ENOMEM with a sentence ---- */

int pcap_json(const struct pcap_result *result);
/* `file`: the name to put into the object. */
int pcap_json_packet(const struct packet_view *view, const char *file);
int pcap_json_diff(const struct diff *diff, const char *before, const char *after);

#endif
