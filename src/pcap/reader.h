/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The packets of a capture: pcap (micro- and nanoseconds, both byte orders, Kuznetsov's) and pcapng
 * (several sections and interfaces). draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
 *
 * A frame check sequence the file says is at the end of its packets is left out of `captured` and
 * `len`. Some writers note a `len` smaller than `captured`: `captured` is taken for both. A record of
 * more than RECORD_MAX bytes is taken for a broken one.
 */
#ifndef TRUESUM_PCAP_READER_H
#define TRUESUM_PCAP_READER_H

#include "base/cleanup.h"
#include "pcap/capture.h"

struct reader;

#define RECORD_MAX (16U << 20)

/* One packet. `data` is valid until the next call on the same reader; of a mapped capture, until it closes. */
struct record {
	const uint8_t *data;
	uint32_t captured; /* bytes at data */
	uint32_t len; /* bytes on the wire, >= captured */
	uint32_t link; /* LINKTYPE_... of its interface */
	uint32_t interface; /* pcapng: number within the file, counted over sections; pcap: 0 */
	int64_t time_ns; /* since 1970; INT64_MIN where the record has none (simple packet block) */
	uint64_t offset; /* of the record in the decompressed capture */
};

/* Reads the file's head. -EBADMSG with a sentence where there is none. Starts at the first byte. */
int reader_new(struct capture *capture, struct reader **ret_reader);
void reader_free(struct reader *reader);
DEFINE_CLEANUP(struct reader *, reader, reader_free)

/* "pcap", "pcap-ns", "pcap-kuznetsov", "pcapng". */
const char *reader_format(const struct reader *reader);

/*
 * The next packet: 1; 0 at the end; -EBADMSG where the capture is broken or cut off there, or another
 * -errno where it cannot be read: reader_broken() says where and why, and every further call says the
 * same. Never calls fail(), so that threads may read.
 */
int reader_next(struct reader *reader, struct record *ret_record);

/*
 * Why reading ended early: a sentence (the reader's own), and the byte offset of the broken record in
 * the decompressed capture. NULL: it did not.
 */
const char *reader_broken(const struct reader *reader, uint64_t *ret_offset);

/* Where the next record begins. */
uint64_t reader_at(const struct reader *reader);

/*
 * For several threads over a mapped capture: a reader for the records that begin in [from, to), that
 * looks by itself for the first of them. It may guess wrongly where a packet's payload looks like
 * records (or the sections change before `from`): its records are right exactly if `reader_first()` of
 * it is where the reader of the part before ended (reader_at()) and both agree on what was read
 * before (reader_fits()). `first` is a reader at the first record, which must outlive the part.
 * A part of `from` 0 begins where `first` does. Parts may be made and read by different threads at the
 * same time; none of this calls fail().
 */
int reader_part(const struct reader *first, uint64_t from, uint64_t to, struct reader **ret_part);
uint64_t reader_first(const struct reader *part);
bool reader_fits(const struct reader *before, const struct reader *part);

/*
 * A reader for what begins in [at of `before`, to): goes on where `before` ended, surely. For the part
 * after one that did not fit.
 */
int reader_follow(const struct reader *before, uint64_t to, struct reader **ret_part);

#endif
