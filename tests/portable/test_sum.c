// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Compares the sums with very simple loops, for every processor that this is built for.
 * Prints TAP. Buffers end where a page without access begins, so that a read past the end crashes.
 * Sampling ends after a fixed time, also under an emulator.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "sum/crc32c.h"
#include "sum/csum.h"

#define OFFSETS 128
#define EVERY_LENGTH 600
#define LONGEST 70000
#define SAMPLE_SECONDS 1.5
#define PATTERNS 3
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const pattern_names[PATTERNS] = { "all ones", "zero", "random" };
static unsigned int tests;
static bool failed;
static char why[256]; /* the first failure of the current test; empty: none */

static __attribute__((format(printf, 1, 2))) void fail(const char *format, ...)
{
	va_list args;

	if (*why)
		return;
	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
}

/* Ends a test. */
static __attribute__((format(printf, 1, 2))) void report(const char *format, ...)
{
	va_list args;

	printf("%sok %u - ", *why ? "not " : "", ++tests);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	if (*why)
		printf("# %s\n", why);
	fflush(stdout);
	failed |= *why != 0;
	*why = 0;
}

/* CPU time of this process, so that other processes do not reduce the number of samples. */
static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* splitmix64 */
static uint64_t next_random(void)
{
	static uint64_t state = 1;
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* RFC 1071, byte pair by byte pair. */
static uint16_t plain(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

/* The value of csum_variant's sum as csum_add() would give it. */
static uint16_t folded(uint64_t sum)
{
	const uint16_t one = 1;

	while (sum >> 16)
		sum = (sum >> 16) + (sum & 0xffff);
	return *(const uint8_t *)&one ? (uint16_t)(sum << 8 | sum >> 8) : (uint16_t)sum;
}

/*
 * Returns `size` bytes that end at the beginning of a page without access. There is another one
 * before them.
 */
static uint8_t *guarded(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (size + page - 1) / page;
	uint8_t *map =
		mmap(NULL, (pages + 2) * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED || mprotect(map + page, pages * page, PROT_READ | PROT_WRITE)) {
		printf("Bail out! no memory: %s\n", strerror(errno));
		exit(1);
	}
	return map + (pages + 1) * page - size;
}

static void fill(uint8_t *data, size_t size, int pattern)
{
	for (size_t i = 0; i < size; i++)
		data[i] = pattern == 2 ? (uint8_t)next_random() : pattern == 1 ? 0 : 0xff;
}

/* Sums by a row of csum_variants[] or, if that is NULL, by csum_add(). */
static uint16_t sum_by(const struct csum_variant *variant, const uint8_t *data, size_t len)
{
	return variant ? folded(variant->sum(data, len)) : csum_add(0, data, len);
}

static void compare_sum(const struct csum_variant *variant, const uint8_t *data, size_t len,
			uint16_t want)
{
	uint16_t got = sum_by(variant, data, len);

	if (got != want)
		fail("%zu bytes at ...%02x: 0x%04x instead of 0x%04x", len,
		     (unsigned int)((uintptr_t)data & 0xff), got, want);
}

/* Every offset with every short length. The plain sum is continued from length to length. */
static void every_short_length(const struct csum_variant *variant, const uint8_t *room)
{
	for (size_t offset = 0; offset < OFFSETS; offset++) {
		const uint8_t *data = room + offset;
		uint32_t want = 0;

		for (size_t len = 0; len <= EVERY_LENGTH; len++) {
			compare_sum(variant, data, len, (uint16_t)want);
			want += len % 2 ? data[len] : (uint32_t)data[len] << 8;
			want = (want & 0xffff) + (want >> 16);
		}
	}
}

/* Lengths that end at the page without access. These have every alignment, too. */
static void short_lengths_at_the_end(const struct csum_variant *variant, const uint8_t *end)
{
	for (size_t len = 0; len <= EVERY_LENGTH; len++)
		compare_sum(variant, end - len, len, plain(end - len, len));
}

static void sampled_lengths(const struct csum_variant *variant, const uint8_t *room, size_t size)
{
	double until = seconds() + SAMPLE_SECONDS / PATTERNS / 4;

	do {
		size_t offset = next_random() % OFFSETS, len = next_random() % (LONGEST + 1);
		const uint8_t *data = next_random() % 2 ? room + offset : room + size - len;

		compare_sum(variant, data, len, plain(data, len));
	} while (seconds() < until);
}

static void equals_plain_loop(const struct csum_variant *variant)
{
	size_t size = LONGEST + OFFSETS; /* not whole pages */
	uint8_t *room = guarded(size);

	for (int pattern = 0; pattern < PATTERNS; pattern++) {
		fill(room, size, pattern);
		every_short_length(variant, room);
		short_lengths_at_the_end(variant, room + size);
		sampled_lengths(variant, room, size);
		report("%s equals the plain loop: %s", variant ? variant->name : "csum_add()",
		       pattern_names[pattern]);
	}
}

/* Buffers that begin near the beginning of a page, after one without access. */
static void nothing_before(const struct csum_variant *variant)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *room = guarded(size);

	fill(room, size, 2);
	for (size_t offset = 0; offset < 64; offset++)
		for (size_t len = 0; len < 200; len++)
			compare_sum(variant, room + offset, len, plain(room + offset, len));
	report("%s reads nothing before the buffer", variant ? variant->name : "csum_add()");
}

static void continues(void)
{
	uint8_t *data = guarded(3000);

	fill(data, 3000, 2);
	for (size_t len = 0; len <= 3000; len++) {
		size_t first = next_random() % (len + 1) & ~1ul;
		uint16_t sum = csum_add(csum_add(0, data, first), data + first, len - first);

		if (sum != plain(data, len))
			fail("%zu and %zu bytes", first, len - first);
	}
	if (csum_add(0xffff, data, 0) != 0xffff || csum_add(0, NULL, 0) != 0)
		fail("no bytes");
	report("csum_add() continues a sum");
}

/* RFC 1624 section 4 gives the example. */
static void updates(void)
{
	uint8_t data[64];

	if (csum_update(0xdd2f, 0x5555, 0x3285) != 0x0000)
		fail("RFC 1624's example: 0x%04x", csum_update(0xdd2f, 0x5555, 0x3285));
	for (int run = 0; run < 20000; run++) {
		size_t at = next_random() % 32 * 2;
		uint16_t before, after = (uint16_t)next_random(), field, want;

		fill(data, sizeof(data), 2);
		field = (uint16_t)~csum_add(0, data, sizeof(data));
		before = (uint16_t)(data[at] << 8 | data[at + 1]);
		data[at] = (uint8_t)(after >> 8);
		data[at + 1] = (uint8_t)after;
		want = (uint16_t)~csum_add(0, data, sizeof(data));
		if (csum_update(field, before, after) != want)
			fail("0x%04x to 0x%04x", before, after);
	}
	report("csum_update()");
}

/* The pseudo-headers as RFC 793 and RFC 8200 section 8.1 lay them out. */
static void pseudo_headers(void)
{
	uint8_t v4[12], v6[40];

	for (int run = 0; run < 5000; run++) {
		uint32_t len = (uint32_t)next_random();
		uint8_t proto = (uint8_t)next_random();

		fill(v6, sizeof(v6), 2);
		memset(v6 + 36, 0, 3);
		v6[39] = proto;
		for (int i = 0; i < 4; i++)
			v6[32 + i] = (uint8_t)(len >> (24 - 8 * i));
		if (csum_pseudo(v6, v6 + 16, 16, proto, len) != plain(v6, sizeof(v6)))
			fail("IPv6, protocol %u, %u bytes", proto, len);
		len &= 0xffff;
		memcpy(v4, v6, 8);
		v4[8] = 0;
		v4[9] = proto;
		v4[10] = (uint8_t)(len >> 8);
		v4[11] = (uint8_t)len;
		if (csum_pseudo(v4, v4 + 4, 4, proto, len) != plain(v4, sizeof(v4)))
			fail("IPv4, protocol %u, %u bytes", proto, len);
	}
	report("csum_pseudo() for IPv4 and IPv6");
}

/*
 * `times` copies of one block in a row, by mapping the same memory again and again. NULL: no
 * address space.
 */
static uint8_t *repeated(const uint8_t *block, size_t size, size_t times)
{
	int fd = memfd_create("sum", MFD_CLOEXEC);
	uint8_t *map = MAP_FAILED;

	if (fd >= 0 && write(fd, block, size) == (ssize_t)size)
		map = mmap(NULL, size * times, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	for (size_t i = 0; map != MAP_FAILED && i < times; i++)
		if (mmap(map + i * size, size, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) ==
		    MAP_FAILED)
			map = MAP_FAILED;
	if (fd >= 0)
		close(fd);
	return map == MAP_FAILED ? NULL : map;
}

/* Many copies of a block, whose bytes are all ones or random. */
struct copies {
	uint8_t *map;
	size_t size, times; /* of the block */
	uint16_t sum, sum_cut; /* of the block; without its first CUT bytes */
};

#define CUT 77

static struct copies copies_of(size_t size, size_t times, int pattern)
{
	uint8_t *block = guarded(size);
	struct copies copies = { .size = size, .times = times };

	fill(block, size, pattern);
	copies.map = repeated(block, size, times);
	copies.sum = plain(block, size);
	copies.sum_cut = plain(block + CUT, size - CUT);
	munmap(block, size);
	return copies;
}

/* Sums all in one call: a variant with lanes of 32 bits, or that loses carries, would overflow. */
static void sum_copies(const struct csum_variant *variant, const struct copies *copies)
{
	uint16_t want = copies->sum_cut;

	if (!copies->map) {
		fail("cannot map %zu times %zu bytes", copies->times, copies->size);
		return;
	}
	/* The length before each block is odd, so the bytes of its sum are swapped. */
	for (size_t i = 1; i < copies->times; i++)
		want = csum_plus(want, (uint16_t)(copies->sum << 8 | copies->sum >> 8));
	compare_sum(variant, copies->map + CUT, copies->size * copies->times - CUT, want);
}

#define MEGABYTE ((size_t)1 << 20)

static void long_sums(const struct csum_variant *variant)
{
	static struct copies ones, random, huge;
	const char *name = variant ? variant->name : "csum_add()";
	double start;

	if (!ones.map) {
		ones = copies_of(MEGABYTE, 19, 0);
		random = copies_of(MEGABYTE, 19, 2);
		huge = copies_of(32 * MEGABYTE, 170, 0);
	}
	sum_copies(variant, &ones);
	start = seconds();
	sum_copies(variant, &random);
	start = seconds() - start;
	report("%s over 19 MiB", name);
	if (start * 280 > 8) {
		printf("ok %u - %s over 5.3 GiB # SKIP too slow here (an emulator?)\n", ++tests,
		       name);
		return;
	}
	sum_copies(variant, &huge);
	report("%s over 5.3 GiB", name);
}

/* RFC 3720 appendix B.4, and the check value of every catalogue of CRCs. */
static const struct vector {
	const char *name;
	uint8_t data[48];
	size_t len;
	uint32_t crc;
} vectors[] = {
	{ "123456789", "123456789", 9, 0xe3069283 },
	{ "zeros", { 0 }, 32, 0x8a9136aa },
	{ "ones", { [0 ... 31] = 0xff }, 32, 0x62a8ab43 },
	{ "rising",
	  { 0,	1,  2,	3,  4,	5,  6,	7,  8,	9,  10, 11, 12, 13, 14, 15,
	    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31 },
	  32,
	  0x46dd794e },
	{ "falling",
	  { 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16,
	    15, 14, 13, 12, 11, 10, 9,	8,  7,	6,  5,	4,  3,	2,  1,	0 },
	  32,
	  0x113fdb5c },
	{ "SCSI read",
	  { [0] = 0x01,
	    [1] = 0xc0,
	    [16] = 0x14,
	    [22] = 0x04,
	    [27] = 0x14,
	    [31] = 0x18,
	    [32] = 0x28,
	    [40] = 0x02 },
	  48,
	  0xd9963a56 },
};

/* Bit by bit. */
static uint32_t plain_crc(const uint8_t *data, size_t len)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < len; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* Computes it by a row of crc32c_variants[] or, if that is NULL, by crc32c(). */
static uint32_t crc_by(const struct crc32c_variant *variant, uint32_t crc, const uint8_t *data,
		       size_t len)
{
	return variant ? ~variant->add(~crc, data, len) : crc32c(crc, data, len);
}

static void crc_is_right(const struct crc32c_variant *variant)
{
	const char *name = variant ? variant->name : "crc32c()";
	size_t size = 9000;
	uint8_t *room = guarded(size);
	double until = seconds() + SAMPLE_SECONDS / 4;

	for (const struct vector *vector = vectors; vector < vectors + COUNT(vectors); vector++) {
		uint32_t crc = crc_by(variant, 0, vector->data, vector->len);

		if (crc != vector->crc)
			fail("%s: 0x%08x", vector->name, crc);
	}
	report("crc32c, %s: the vectors of RFC 3720", name);
	fill(room, size, 2);
	for (size_t len = 0; len < 700; len++)
		if (crc_by(variant, 0, room + size - len, len) != plain_crc(room + size - len, len))
			fail("%zu bytes", len);
	do {
		size_t len = next_random() % (size + 1), first = next_random() % (len + 1);
		const uint8_t *data = room + next_random() % (size - len + 1);
		uint32_t crc = crc_by(variant, 0, data, first);

		if (crc_by(variant, crc, data + first, len - first) != plain_crc(data, len))
			fail("%zu bytes, the first %zu apart", len, first);
	} while (seconds() < until);
	report("crc32c, %s equals the plain loop", name);
}

static void crc_combines(void)
{
	uint8_t *data = guarded(3000);

	fill(data, 3000, 2);
	for (size_t len = 0; len <= 3000; len += 1 + len % 37) {
		size_t at = next_random() % (len + 1);
		uint32_t a = crc32c(0, data, at), b = crc32c(0, data + at, len - at);

		if (crc32c_combine(a, b, len - at) != crc32c(0, data, len))
			fail("%zu bytes split at %zu", len, at);
	}
	for (int run = 0; run < 1000; run++) {
		uint32_t a = (uint32_t)next_random(), b = (uint32_t)next_random();
		uint32_t c = (uint32_t)next_random();
		uint64_t len_b = next_random() >> 1, len_c = next_random() >> 1;

		if (crc32c_combine(crc32c_combine(a, b, len_b), c, len_c) !=
		    crc32c_combine(a, crc32c_combine(b, c, len_c), len_b + len_c))
			fail("order matters with lengths %llu, %llu", (unsigned long long)len_b,
			     (unsigned long long)len_c);
	}
	report("crc32c_combine()");
}

static void variant_is_right(const struct csum_variant *variant)
{
	equals_plain_loop(variant);
	nothing_before(variant);
	long_sums(variant);
}

static void not_here(const char *name)
{
	printf("ok %u - %s # SKIP not on this processor\n", ++tests, name);
}

int main(void)
{
	printf("# csum_add() uses %s\n", csum_chosen()->name);
	variant_is_right(NULL);
	for (const struct csum_variant *const *row = csum_variants; *row; row++) {
		if ((*row)->usable())
			variant_is_right(*row);
		else
			not_here((*row)->name);
	}
	continues();
	updates();
	pseudo_headers();
	crc_is_right(NULL);
	for (const struct crc32c_variant *const *row = crc32c_variants; *row; row++) {
		if ((*row)->usable())
			crc_is_right(*row);
		else
			not_here((*row)->name);
	}
	crc_combines();
	printf("1..%u\n", tests);
	return failed;
}
