/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes packets to a new pcapng file, each with a comment. */
#ifndef TRUESUM_PCAP_WRITER_H
#define TRUESUM_PCAP_WRITER_H

#include "pcap/reader.h"

struct writer;

/* Creates the file; refuses (-EEXIST) to write over one. */
int writer_new(const char *path, struct writer **ret_writer);
/*
 * Adds one packet, and before it a description of its interface if the link type is new. `comment`
 * may be NULL.
 */
int writer_add(struct writer *writer, const struct record *record, const char *comment);
/* Flushes and closes; the file is complete only if this returns 0. */
int writer_close(struct writer **writer);
/* Closes and removes a file that was not closed: no half-written file is left. */
void writer_cleanup(struct writer **writer);

#endif
