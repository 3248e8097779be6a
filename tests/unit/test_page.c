// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The HTML page of a made-up result with hostile bytes in it: everything is escaped, every link has
 * its target, damaged lines are shown, the file is replaced as a whole or not at all.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fail.h" /* before cmocka.h, which has a macro fail() */

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cmd/lab/show.h"
#include "lab/message.h"
#include "lab/topology.h"

#define MESSAGES 12
#define OPENS 4 /* the window holds messages OPENS .. CLOSES-1 */
#define CLOSES 8
#define PACE_NS 25000000
#define SCRIPT "<script>alert('x')</script>&\"\033\x80"

static const struct lab_settings settings = {
	.before = OPENS, .during = CLOSES - OPENS, .after = MESSAGES - CLOSES, .pace_ns = PACE_NS
};
static const struct lab_run run = {
	.settings = &settings, .kernel = "6.18<b>", .version = "0.1.0", .started = 1700000000
};

/*
 * A cell that delivers: message OPENS holds hostile bytes, the others of the window one flip each.
 */
struct sample {
	struct lab_cell cell;
	struct message_fate messages[MESSAGES];
	struct event events[3 * MESSAGES + 2];
	uint8_t received[MESSAGES * MESSAGE_MAX];
};

static void add_event(struct sample *sample, struct event event)
{
	sample->events[sample->cell.result.event_count++] = event;
}

static void add_message(struct sample *sample, uint32_t k)
{
	struct cell_result *result = &sample->cell.result;
	char text[MESSAGE_MAX];
	size_t len = message_write(k, text);
	uint64_t at = (uint64_t)k * PACE_NS;
	bool bad = k >= OPENS && k < CLOSES;

	if (bad)
		text[k] ^= 4;
	if (k == OPENS)
		memcpy(text, SCRIPT, sizeof(SCRIPT) - 1);
	memcpy(sample->received + result->received_len, text, len);
	sample->messages[k] = (struct message_fate){ .sent = true,
						     .sent_ns = at,
						     .read_ns = at + 1000,
						     .bytes_read = (uint32_t)len,
						     .bytes_wrong = bad };
	add_event(sample,
		  (struct event){ .at_ns = at, .kind = EVENT_SENT, .first = k, .count = 1 });
	add_event(
		sample,
		(struct event){
			.at_ns = at, .kind = EVENT_WIRE, .first = k, .count = 1, .damaged = bad });
	add_event(sample, (struct event){ .at_ns = at + 1000,
					  .kind = EVENT_READ,
					  .first = k,
					  .count = 1,
					  .damaged = bad,
					  .offset = result->received_len,
					  .len = (uint32_t)len });
	result->received_len += len;
}

static void fill(struct sample *sample)
{
	struct cell_result *result = &sample->cell.result;

	memset(sample, 0, sizeof(*sample));
	sample->cell.key = (struct cell_key){ .topology = &topologies[1],
					      .family = AF_INET,
					      .behaviour = BEHAVIOUR_VETH_2016 };
	*result = (struct cell_result){ .verdict = VERDICT_DELIVERS_CORRUPT,
					.caught_by = CAUGHT_NOBODY,
					.agreement = AGREEMENT_DIFFERS,
					.expected = VERDICT_VERIFIED,
					.expected_by = CAUGHT_CONTAINER,
					.sent = MESSAGES,
					.delivered = MESSAGES - (CLOSES - OPENS),
					.delivered_damaged = CLOSES - OPENS,
					.message_count = MESSAGES,
					.messages = sample->messages,
					.events = sample->events,
					.received = sample->received,
					.reason = SCRIPT };
	for (uint32_t k = 0; k < MESSAGES; k++) {
		if (k == OPENS || k == CLOSES)
			add_event(sample, (struct event){ .at_ns = (uint64_t)k * PACE_NS,
							  .kind = EVENT_WINDOW,
							  .damaged = k == OPENS });
		add_message(sample, k);
	}
}

static char *page_with(const struct lab_run *about, const struct lab_cell *cells, size_t count)
{
	char path[] = "/tmp/truesum-page-XXXXXX";
	_cleanup_close_ int fd = mkstemp(path);
	char *text = NULL;
	size_t size;

	assert_true(fd >= 0);
	assert_int_equal(lab_page(path, about, cells, count), 0);
	close(fd);
	fd = open(path, O_RDONLY | O_CLOEXEC); /* another file: the page replaced it */
	assert_int_equal(file_read(fd, path, 1 << 20, &text, &size), 0);
	unlink(path);
	assert_int_equal(strlen(text), size); /* no NUL byte got in */
	return text;
}

static char *page_of(const struct lab_cell *cells, size_t count)
{
	return page_with(&run, cells, count);
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\"", part);
}

static void assert_lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("\"%s\" at: %.80s", part, strstr(text, part));
}

static void test_everything_is_escaped(void **state)
{
	struct sample sample;
	_cleanup_free_ char *page = NULL;

	(void)state;
	fill(&sample);
	page = page_of(&sample.cell, 1);
	assert_lacks(page, "<script");
	assert_lacks(page, "6.18<b>");
	assert_has(page, "Linux 6.18&lt;b&gt;");
	assert_lacks(page, "\033");
	assert_has(page, "<mark>&lt;</mark>");
	assert_has(page, "<mark>&#39;</mark>");
	assert_has(page, "<mark>\\x1b</mark>");
	assert_has(page, "<mark>\\x80</mark>");
	assert_has(page, "<mark>e</mark>"); /* 'a' with its bit 2 flipped */
}

static void test_verdict_and_matrix(void **state)
{
	struct sample sample;
	_cleanup_free_ char *page = NULL;

	(void)state;
	fill(&sample);
	page = page_of(&sample.cell, 1);
	assert_has(page, "<html lang=\"en\">");
	assert_has(page, "1 cell DIFFERS from what is expected.");
	assert_has(page, "<th scope=\"row\">");
	assert_has(page, "</span> DELIVERED 4/4");
	assert_has(page, "not as expected</strong>");
	assert_has(page, "4 damaged messages read</text>");
	assert_lacks(page, "http://");
	assert_lacks(page, "https://");
}

/* Every href="#..." has its id, and no id occurs twice. */
static void test_links_have_targets(void **state)
{
	struct sample sample;
	_cleanup_free_ char *page = NULL;
	unsigned int links = 0;

	(void)state;
	fill(&sample);
	page = page_of(&sample.cell, 1);
	for (const char *at = page; (at = strstr(at, "href=\"#")); at++) {
		const char *name = at + strlen("href=\"#");
		char id[200];

		snprintf(id, sizeof(id), " id=\"%.*s\"", (int)strcspn(name, "\""), name);
		assert_has(page, id);
		if (strstr(strstr(page, id) + 1, id))
			fail_msg("twice:%s", id);
		links++;
	}
	assert_true(links >= 4);
}

/* Whatever kernel the cell that delivers has, its bytes are shown. */
static void test_any_cell_that_delivers_is_shown(void **state)
{
	(void)state;
	for (int behaviour = 0; behaviour < BEHAVIOURS; behaviour++) {
		struct sample sample;
		_cleanup_free_ char *page = NULL;

		fill(&sample);
		sample.cell.key.behaviour = (enum behaviour)behaviour;
		page = page_of(&sample.cell, 1);
		assert_has(page, "Not verified: damaged lines as they come");
		assert_has(page, "<mark>e</mark>");
	}
}

/* The picture shows the damage window from its first message to its end. */
static void test_picture_has_the_window(void **state)
{
	struct sample sample;
	_cleanup_free_ char *page = NULL;
	const char *window;
	double from, width;

	(void)state;
	fill(&sample);
	page = page_of(&sample.cell, 1);
	window = strstr(page, "<rect class=\"w\"");
	assert_non_null(window);
	assert_int_equal(
		sscanf(window, "<rect class=\"w\" x=\"%lf\" y=\"14\" width=\"%lf\"", &from, &width),
		2);
	/* The lanes are 534 wide, from 96 on, and the last message was read soon after its time. */
	assert_true(from > 96 + 534. * OPENS / MESSAGES &&
		    from < 96 + 534. * (OPENS + 1) / MESSAGES);
	assert_true(width > 534. * (CLOSES - OPENS) / MESSAGES &&
		    width < 534. * (CLOSES - OPENS + 1) / MESSAGES);
}

/* Of datagrams the picture shows what was read of each; a lost one has no bytes. */
static void test_datagrams_are_shown(void **state)
{
	struct sample sample;
	_cleanup_free_ char *page = NULL;

	(void)state;
	fill(&sample);
	sample.cell.key.proto = PROTO_UDP;
	/* Message 0 was lost: nothing of it was read, and all others moved up. */
	sample.messages[0].bytes_read = 0;
	for (size_t i = 0; i < sample.cell.result.event_count; i++) {
		struct event *event = &sample.events[i];

		if (event->kind == EVENT_READ && event->first)
			event->offset -= message_len(0);
		else if (event->kind == EVENT_READ)
			event->kind = EVENT_WIRE;
	}
	sample.cell.result.received_len -= message_len(0);
	memmove(sample.received, sample.received + message_len(0), sample.cell.result.received_len);
	page = page_of(&sample.cell, 1);
	assert_has(page, "<mark>e</mark>");
	assert_has(page, "<mark>&lt;</mark>");
}

static void test_skipped_and_empty(void **state)
{
	struct sample sample;
	_cleanup_free_ char *page = NULL, *empty = page_of(NULL, 0);

	(void)state;
	fill(&sample);
	memset(&sample.cell.result, 0, sizeof(sample.cell.result));
	sample.cell.result.skipped = true;
	strcpy(sample.cell.result.reason, "no ipvlan");
	page = page_of(&sample.cell, 1);
	assert_has(page, "not here");
	assert_has(page, "no ipvlan");
	assert_has(empty, "Could not find out");
}

static void test_texts_are_escaped(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;" },
		{ "na\xc3\xafve", "na\xc3\xafve" },
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
		{ "\xc0\xbc", "\xef\xbf\xbd\xef\xbf\xbd" }, /* '<' in two bytes */
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* a surrogate */
		{ "\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd" }, /* cut short */
		{ "\x01\x7f", "\xef\xbf\xbd\xef\xbf\xbd" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct lab_run named = { .settings = &settings,
					 .kernel = rows[i].in,
					 .version = "0.1.0" };
		_cleanup_free_ char *page = page_with(&named, NULL, 0);
		char title[128];

		snprintf(title, sizeof(title), "damaged packets on Linux %s</title>", rows[i].out);
		assert_has(page, title);
	}
}

static unsigned int files_in(const char *path)
{
	unsigned int files = 0;
	DIR *dir = opendir(path);

	assert_non_null(dir);
	while (readdir(dir))
		files++;
	closedir(dir);
	return files - 2; /* . and .. */
}

static void test_file_is_replaced(void **state)
{
	char dir[] = "/tmp/truesum-page-XXXXXX";
	char path[sizeof(dir) + 16];
	struct sample sample;
	struct stat status;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/page.html", dir);
	fill(&sample);
	umask(022);
	assert_int_equal(lab_page(path, &run, &sample.cell, 1), 0);
	assert_int_equal(lab_page(path, &run, &sample.cell, 1), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0644);
	assert_true(status.st_size > 5000);
	assert_int_equal(files_in(dir), 1);
	unlink(path);
	rmdir(dir);
}

static void test_unwritable_path_is_named(void **state)
{
	struct sample sample;

	(void)state;
	fill(&sample);
	assert_int_equal(lab_page("/nonexistent/page.html", &run, &sample.cell, 1), -ENOENT);
	assert_has(fail_text(), "/nonexistent/page.html");
	assert_int_equal(lab_page("/dev/null", &run, &sample.cell, 1), 0);
	assert_int_equal(lab_page("/dev/full", &run, &sample.cell, 1), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_is_escaped),
		cmocka_unit_test(test_verdict_and_matrix),
		cmocka_unit_test(test_links_have_targets),
		cmocka_unit_test(test_any_cell_that_delivers_is_shown),
		cmocka_unit_test(test_picture_has_the_window),
		cmocka_unit_test(test_datagrams_are_shown),
		cmocka_unit_test(test_skipped_and_empty),
		cmocka_unit_test(test_texts_are_escaped),
		cmocka_unit_test(test_file_is_replaced),
		cmocka_unit_test(test_unwritable_path_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
