/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The packets of a capture: pcap (micro- and nanoseconds, both byte orders, Kuznetsov's) and pcapng
 * (several sections and interfaces). draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
 *
 * If the file says that its packets end with a frame check sequence, `captured` and `len` leave it
 * out. Some writers note a `len` smaller than `captured`: then `captured` stands for both. A record
 * of more than RECORD_MAX bytes counts as broken.
 */
#ifndef TRUESUM_PCAP_READER_H
#define TRUESUM_PCAP_READER_H

#include "base/cleanup.h"
#include "pcap/capture.h"

struct reader;

#define RECORD_MAX (16U << 20)

/*
 * One packet. `data` is valid until the next call on the same reader; of a mapped capture, until it
 * closes.
 */
struct record {
	const uint8_t *data;
	uint32_t captured; /* bytes at data */
	uint32_t len; /* bytes on the wire, >= captured */
	uint32_t link; /* LINKTYPE_... of its interface */
	uint32_t interface; /* pcapng: number within the file, counted over sections; pcap: 0 */
	int64_t time_ns; /* since 1970; INT64_MIN: the record has none (simple packet block) */
	uint64_t offset; /* of the record in the decompressed capture */
};

/* Reads the file's head, from the first byte. -EBADMSG with a sentence: this is no capture. */
int reader_new(struct capture *capture, struct reader **ret_reader);
void reader_free(struct reader *reader);
DEFINE_CLEANUP(struct reader *, reader, reader_free)

/* "pcap", "pcap-ns", "pcap-kuznetsov", "pcapng". */
const char *reader_format(const struct reader *reader);

/*
 * The next packet: 1; 0 at the end; -EBADMSG if the capture is broken or cut off there, or another
 * -errno if it cannot be read: reader_broken() says where and why, and every further call returns
 * the same. Calls no fail(), so that threads may read.
 */
int reader_next(struct reader *reader, struct record *ret_record);

/*
 * Why reading ended early: a sentence (the reader's own), and the byte offset of the broken record
 * in the decompressed capture. NULL: it did not.
 */
const char *reader_broken(const struct reader *reader, uint64_t *ret_offset);

/* Where the next record begins. */
uint64_t reader_at(const struct reader *reader);

/*
 * A reader for a part of a capture: the records that begin before `to`. The first one is:
 * - if `from` is 0: the one where `reader` stands now;
 * - else: the first place at or after `from` that looks like a record. That is wrong if a packet's
 *   payload looks like records, or if the section changes before `from`. `reader` must stand at the
 *   capture's first record, and the capture must be mapped (else -ESPIPE).
 *
 * Threads may make and read parts of one capture at the same time; none of this calls fail().
 * -ENOMEM
 */
int reader_part(const struct reader *reader, uint64_t from, uint64_t to, struct reader **ret_part);

/*
 * Whether `part` began where the reader of the part before it ended, with the same byte order and
 * interfaces: then its records are right. If not, read it again: reader_part(before, 0, to).
 */
bool reader_fits(const struct reader *before, const struct reader *part);

#endif
