// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where a capture's bytes come from: mapped files, which may shrink while they are read; gzip and
 * zstd in all their parts, complete and cut off; standard input of any kind, and again after
 * capture_rewind().
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "base/fail.h" /* before cmocka has a macro of that name */

#include <cmocka.h>

#include "pcap/capture.h"

enum { LEN = 200000 };

static char folder[] = "/var/tmp/tsum-capture-XXXXXX";
static char path[64];
static uint8_t data[LEN]; /* what all the files hold */

static int set_up(void **state)
{
	static const uint8_t magic[] = { 0xd4, 0xc3, 0xb2, 0xa1 };

	(void)state;
	memcpy(data, magic, sizeof(magic));
	for (size_t i = 4; i < LEN; i++)
		data[i] = (uint8_t)(i * i >> 7 ^ i);
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/capture", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void write_file(const void *bytes, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static struct capture *open_input(const char *name)
{
	struct capture *capture;

	if (capture_open(name, &capture))
		fail_msg("%s", fail_text());
	return capture;
}

/* Expects all of data[], in steps that divide no other size. */
static void assert_data(struct capture *capture)
{
	const uint8_t *bytes;
	size_t len;

	for (size_t at = 0; at < LEN; at += 3331) {
		size_t want = LEN - at < 5000 ? LEN - at : 5000;

		assert_int_equal(capture_bytes(capture, at, 5000, &bytes, &len), 0);
		assert_true(len >= want && len <= LEN - at);
		assert_memory_equal(bytes, data + at, len);
	}
	assert_int_equal(capture_bytes(capture, LEN, 1, &bytes, &len), 0);
	assert_int_equal(len, 0);
	assert_int_equal(capture_bytes(capture, LEN + 100, 1, &bytes, &len), 0);
	assert_int_equal(len, 0);
	assert_null(capture_error(capture));
}

static void assert_twice(struct capture *capture)
{
	assert_data(capture);
	assert_int_equal(capture_rewind(capture), 0);
	assert_data(capture);
}

static void test_plain(void **state)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;
	uint64_t done, total;

	(void)state;
	write_file(data, LEN);
	capture = open_input(path);
	assert_true(capture_mapped(capture));
	assert_string_equal(capture_compression(capture), "none");
	assert_string_equal(capture_name(capture), path);
	capture_progress(capture, &done, &total);
	assert_int_equal(done, 0);
	assert_int_equal(total, LEN);
	assert_twice(capture);
	capture_progress(capture, &done, &total);
	assert_int_equal(done, LEN);
}

static void assert_refused(const char *name, int rc, const char *words)
{
	struct capture *capture;

	assert_int_equal(capture_open(name, &capture), rc);
	if (!strstr(fail_text(), words) || !strstr(fail_text(), name))
		fail_msg("\"%s\" does not say \"%s\"", fail_text(), words);
}

static void test_refused(void **state)
{
	static const struct {
		const char *bytes;
		int rc;
		const char *words;
	} files[] = {
		{ "", -ENODATA, "is empty" },
		{ "ab", -EBADMSG, "it has 2 bytes" },
		{ "no capture", -EBADMSG,
		  "is not a pcap or pcapng file (it begins with 6e 6f 20 63)" },
		{ "\xfd"
		  "7zXZ",
		  -EBADMSG, "xz -dc" },
		{ "BZh91AY", -EBADMSG, "bzip2 -dc" },
		{ "snoop", -EBADMSG, "editcap" },
		{ "\x1f\x8b nonsense", -EBADMSG, "the gzip data is damaged" },
		{ "\x28\xb5\x2f\xfd nonsense", -EBADMSG, "the zstd data is" },
	};

	(void)state;
	assert_refused("/nonexistent", -ENOENT, "cannot open");
	assert_refused(folder, -EISDIR, "is a directory");
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		write_file(files[i].bytes, strlen(files[i].bytes));
		assert_refused(path, files[i].rc, files[i].words);
	}
}

/* Appends a gzip member of data[from..to) at `out`. */
static size_t gzip(uint8_t *out, size_t room, size_t from, size_t to)
{
	z_stream zlib = { .next_in = data + from, .avail_in = (uInt)(to - from) };

	assert_int_equal(deflateInit2(&zlib, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	zlib.next_out = out;
	zlib.avail_out = (uInt)room;
	assert_int_equal(deflate(&zlib, Z_FINISH), Z_STREAM_END);
	deflateEnd(&zlib);
	return zlib.total_out;
}

static uint8_t packed[LEN * 2];

/* Three members, one of them empty. */
static size_t gzip_members(void)
{
	size_t len = gzip(packed, sizeof(packed), 0, 70001);

	len += gzip(packed + len, sizeof(packed) - len, 70001, 70001);
	return len + gzip(packed + len, sizeof(packed) - len, 70001, LEN);
}

/* A skippable frame, a frame, a skippable one, a frame. */
static size_t zstd_frames(void)
{
	static const uint8_t skippable[] = { 0x53, 0x2a, 0x4d, 0x18, 5, 0, 0, 0, 1, 2, 3, 4, 5 };
	size_t len = 0;

	for (int i = 0; i < 2; i++) {
		size_t from = i ? 50001 : 0, to = i ? LEN : 50001;

		memcpy(packed + len, skippable, sizeof(skippable));
		len += sizeof(skippable);
		len += ZSTD_compress(packed + len, sizeof(packed) - len, data + from, to - from, 3);
	}
	return len;
}

static void assert_packed(size_t len, const char *name)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;
	uint64_t done, total;

	write_file(packed, len);
	capture = open_input(path);
	assert_false(capture_mapped(capture));
	assert_string_equal(capture_compression(capture), name);
	assert_twice(capture);
	capture_progress(capture, &done, &total);
	assert_int_equal(done, len);
	assert_int_equal(total, len);
}

static void test_compressed(void **state)
{
	size_t len;

	(void)state;
	assert_packed(gzip(packed, sizeof(packed), 0, LEN), "gzip");
	len = gzip_members();
	assert_packed(len, "gzip");
	memset(packed + len, 0, 1000); /* padding, as on a tape */
	assert_packed(len + 1000, "gzip");
	assert_packed(ZSTD_compress(packed, sizeof(packed), data, LEN, 3), "zstd");
	assert_packed(zstd_frames(), "zstd");
}

/*
 * Expects a correct beginning, then an error that says where the data break off. Returns how many
 * bytes came before it.
 */
static size_t assert_broken(const uint8_t *bytes, size_t len, size_t room, const char *words)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;
	size_t at = 0, got;
	const uint8_t *out;

	assert_int_equal(capture_memory(bytes, len, room, &capture), 0);
	while (at < LEN && !capture_bytes(capture, at, 1, &out, &got)) {
		if (!got)
			fail_msg("an end at %zu of %zu bytes", at, len);
		assert_memory_equal(out, data + at, got);
		at += got;
	}
	assert_int_equal(capture_bytes(capture, at, 1, &out, &got), -EBADMSG);
	if (!strstr(capture_error(capture), words))
		fail_msg("\"%s\" does not say \"%s\"", capture_error(capture), words);
	return at;
}

/* Cut off just before the last byte, the file still yields `least` bytes. */
static void assert_cut_anywhere(size_t len, size_t least, const char *words)
{
	for (size_t cut = 20; cut < len; cut += 997) {
		_cleanup_free_ uint8_t *exact = malloc(cut);

		memcpy(exact, packed, cut);
		assert_broken(exact, cut, 4096, words);
	}
	assert_true(assert_broken(packed, len - 1, 1 << 20, words) >= least);
}

static void test_cut_off(void **state)
{
	(void)state;
	assert_cut_anywhere(gzip(packed, sizeof(packed), 0, LEN), LEN,
			    "the gzip data is cut off after");
	assert_cut_anywhere(ZSTD_compress(packed, sizeof(packed), data, LEN, 3), 128 << 10,
			    "the zstd data is cut off after");
}

static void test_damaged(void **state)
{
	static const uint8_t more[] = { 'm', 'o', 'r', 'e' };
	size_t len = gzip_members();

	(void)state;
	packed[len - 5] ^= 1; /* the member's check sum */
	assert_int_equal(assert_broken(packed, len, 4096, "incorrect data check"), LEN);
	packed[len - 5] ^= 1;
	memcpy(packed + len, more, sizeof(more));
	assert_int_equal(assert_broken(packed, len + 4, 4096, "what follows is not gzip data"),
			 LEN);
	len = zstd_frames();
	memcpy(packed + len, more, sizeof(more));
	assert_int_equal(assert_broken(packed, len + 4, 4096, "the zstd data is damaged"), LEN);
}

static void test_cannot_seek_back(void **state)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;
	const uint8_t *bytes;
	size_t len;

	(void)state;
	assert_int_equal(capture_memory(data, LEN, 1024, &capture), 0);
	assert_int_equal(capture_bytes(capture, 100, 1, &bytes, &len), 0);
	assert_int_equal(capture_bytes(capture, 100, 90000, &bytes, &len), 0);
	assert_true(len >= 90000);
	assert_int_equal(capture_bytes(capture, 99, 1, &bytes, &len), -ESPIPE);
}

/* Replaces standard input by a pipe that a child fills in pieces. Returns the old one. */
static int pipe_in(const uint8_t *bytes, size_t len)
{
	int ends[2], before = dup(STDIN_FILENO);

	assert_int_equal(pipe(ends), 0);
	if (!fork()) {
		close(ends[0]);
		while (len) {
			ssize_t wrote = write(ends[1], bytes, len < 1777 ? len : 1777);

			if (wrote < 0)
				_exit(1);
			bytes += wrote;
			len -= (size_t)wrote;
		}
		_exit(0);
	}
	dup2(ends[0], STDIN_FILENO);
	close(ends[0]);
	close(ends[1]);
	return before;
}

static void restore_stdin(int before)
{
	dup2(before, STDIN_FILENO);
	close(before);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

static void assert_piped(const uint8_t *bytes, size_t len, const char *name)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;
	int before = pipe_in(bytes, len);
	uint64_t done, total;
	const uint8_t *out;
	size_t got;

	capture = open_input("-");
	assert_string_equal(capture_name(capture), "standard input");
	assert_string_equal(capture_compression(capture), name);
	assert_false(capture_mapped(capture));
	assert_int_equal(capture_bytes(capture, 1000, 20000, &out, &got), 0);
	assert_memory_equal(out, data + 1000, got);
	assert_int_equal(capture_rewind(capture), 0); /* in the middle of it */
	assert_twice(capture);
	capture_progress(capture, &done, &total);
	assert_int_equal(done, len);
	assert_int_equal(total, 0);
	restore_stdin(before);
}

static void test_pipes(void **state)
{
	(void)state;
	assert_piped(data, LEN, "none");
	assert_piped(packed, gzip_members(), "gzip");
	assert_piped(packed, zstd_frames(), "zstd");
}

static void test_pipe_not_kept(void **state)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;
	int before = pipe_in(data, LEN);

	(void)state;
	setenv("TMPDIR", "/nonexistent", 1);
	capture = open_input("-");
	assert_data(capture);
	assert_int_equal(capture_rewind(capture), -ENOENT);
	assert_non_null(strstr(fail_text(), "standard input a second time"));
	assert_non_null(strstr(fail_text(), "/nonexistent"));
	unsetenv("TMPDIR");
	restore_stdin(before);
}

/* Bytes that are still in the buffer can be read again; later ones cannot. */
static void test_pipe_read_once(void **state)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;
	int before = pipe_in(data, LEN);

	(void)state;
	capture = open_input("-");
	capture_read_once(capture);
	assert_int_equal(capture_rewind(capture), 0);
	assert_data(capture);
	assert_int_equal(capture_rewind(capture), -ESPIPE);
	restore_stdin(before);
}

/* The disk is full when half of the input is kept: this does not disturb the first reading. */
static void test_pipe_kept_in_part(void **state)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;
	int before = pipe_in(data, LEN);
	struct rlimit old, limit;

	(void)state;
	getrlimit(RLIMIT_FSIZE, &old);
	limit = (struct rlimit){ LEN / 2, old.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	capture = open_input("-");
	assert_data(capture);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(capture_rewind(capture), -EFBIG);
	restore_stdin(before);
}

static void test_redirected(void **state)
{
	int before = dup(STDIN_FILENO), fd;
	struct capture *capture;

	(void)state;
	write_file("xx", 2);
	fd = open(path, O_RDWR | O_APPEND);
	assert_int_equal(write(fd, data, LEN), LEN);
	dup2(fd, STDIN_FILENO);
	lseek(STDIN_FILENO, 2, SEEK_SET);
	capture = open_input("-");
	assert_false(capture_mapped(capture));
	assert_twice(capture);
	capture_cleanup(&capture);
	write_file(data, LEN);
	lseek(STDIN_FILENO, 0, SEEK_SET);
	capture = open_input("-");
	assert_true(capture_mapped(capture));
	assert_twice(capture);
	capture_cleanup(&capture);
	close(fd);
	restore_stdin(before);
}

/* The missing bytes read as zeros, and there is one error about them. */
static void assert_shrinks(size_t to)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;
	const uint8_t *bytes;
	uint32_t sum = 0;
	size_t len;

	write_file(data, LEN);
	capture = open_input(path);
	assert_int_equal(capture_bytes(capture, 0, LEN, &bytes, &len), 0);
	assert_null(capture_error(capture));
	assert_int_equal(truncate(path, (off_t)to), 0);
	for (size_t i = to; i < LEN; i++)
		sum += bytes[i];
	assert_int_equal(sum, 0);
	assert_memory_equal(bytes, data, to < 4096 ? 0 : to);
	assert_string_equal(capture_error(capture), "the file became shorter while it was read");
	assert_int_equal(capture_bytes(capture, 0, 10, &bytes, &len), -EIO);
}

static void test_file_that_shrinks(void **state)
{
	(void)state;
	assert_shrinks(0);
	assert_shrinks(4096);
	assert_shrinks(100000);
	assert_shrinks(LEN - 1); /* within the last page: no signal */
}

/* A SIGBUS that is not about a capture still kills, while a capture is open and afterwards. */
static void assert_bus_error_kills(bool sent)
{
	int status;
	pid_t child = fork();

	if (!child) {
		struct rlimit none = { 0, 0 };
		struct capture *capture = open_input(path);

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGALRM, SIG_DFL);
		alarm(10);
		if (!sent)
			capture_cleanup(&capture);
		raise(SIGBUS);
		_exit(capture != NULL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGBUS);
}

static void test_other_bus_errors(void **state)
{
	(void)state;
	write_file(data, LEN);
	signal(SIGBUS, SIG_DFL); /* a sanitizer's handler exits instead */
	assert_bus_error_kills(true);
	assert_bus_error_kills(false);
}

/* 256 MiB from a file of 256 KiB. */
static void test_memory_is_bounded(void **state)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;
	static uint8_t zeros[1 << 20] = { 0xd4, 0xc3, 0xb2, 0xa1 };
	struct rusage before, after;
	const uint8_t *bytes;
	uint64_t at = 0;
	size_t len;
	gzFile file;

	(void)state;
	file = gzopen(path, "wb1");
	for (int i = 0; i < 256; i++)
		assert_int_equal(gzwrite(file, zeros, sizeof(zeros)), sizeof(zeros));
	gzclose(file);
	getrusage(RUSAGE_SELF, &before);
	capture = open_input(path);
	do {
		assert_int_equal(capture_bytes(capture, at, 65536, &bytes, &len), 0);
		at += len;
	} while (len);
	getrusage(RUSAGE_SELF, &after);
	assert_int_equal(at, 256 << 20);
	assert_true(after.ru_maxrss - before.ru_maxrss < 8192);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_compressed),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_cannot_seek_back),
		cmocka_unit_test(test_pipes),
		cmocka_unit_test(test_pipe_not_kept),
		cmocka_unit_test(test_pipe_read_once),
		cmocka_unit_test(test_pipe_kept_in_part),
		cmocka_unit_test(test_redirected),
		cmocka_unit_test(test_file_that_shrinks),
		cmocka_unit_test(test_other_bus_errors),
		cmocka_unit_test(test_memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
