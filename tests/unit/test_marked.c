// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Damaged messages in the text output: which parts may be left out, carets below the wrong bytes,
 * and how a wrong byte is described.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/common/marked.h"

struct fixture {
	char got[MESSAGE_MAX], want[MESSAGE_MAX];
	struct message_line line;
	char *text;
	size_t size;
	FILE *out;
};

static void prepare(struct fixture *f, uint32_t k)
{
	f->line.len = message_write(k, f->got);
	message_write(k, f->want);
	f->line.got = (uint8_t *)f->got;
	f->line.want = (uint8_t *)f->want;
	f->out = open_memstream(&f->text, &f->size);
	assert_non_null(f->out);
}

static void expect_text(struct fixture *f, const char *text)
{
	fclose(f->out);
	assert_string_equal(f->text, text);
	free(f->text);
}

static void test_undamaged_line_is_shortened_to_fit(void **state)
{
	struct fixture f;

	(void)state;
	prepare(&f, 12);
	assert_int_equal(marked_print(f.out, &f.line, 7, MARKED_PLAIN), 7);
	expect_text(&f, "aaa… 12");
	prepare(&f, 12);
	assert_int_equal(marked_print(f.out, &f.line, 60, MARKED_COLORED), 60);
	expect_text(&f, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 12");
}

static void test_wrong_bytes_and_counter_stay(void **state)
{
	struct fixture f;

	(void)state;
	prepare(&f, 123);
	f.got[7] = '!';
	f.got[40] = 'e';
	assert_int_equal(marked_print(f.out, &f.line, 20, MARKED_PLAIN), 20);
	expect_text(&f, "aaaaaaa!a…eaaaa… 123");
}

static void test_carets_stand_below_wrong_bytes(void **state)
{
	struct fixture f;

	(void)state;
	prepare(&f, 1);
	f.got[3] = 'A';
	f.got[59] = '\v'; /* the newline, which is shown because it is wrong */
	marked_print(f.out, &f.line, 80, MARKED_PLAIN);
	fputc('\n', f.out);
	marked_print(f.out, &f.line, 80, MARKED_CARETS);
	expect_text(&f, "aaaAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1·\n"
			"   ^                                                       ^");
	prepare(&f, 1);
	marked_print(f.out, &f.line, 80, MARKED_CARETS);
	expect_text(&f, "");
}

static void test_a_line_with_nothing_to_leave_out_stays_whole(void **state)
{
	struct fixture f;

	(void)state;
	prepare(&f, 1);
	memset(f.got, 'b', f.line.len);
	assert_int_equal(marked_print(f.out, &f.line, 10, MARKED_PLAIN), f.line.len);
	fclose(f.out);
	free(f.text);
}

static void test_red_around_wrong_bytes_only(void **state)
{
	struct fixture f;

	(void)state;
	prepare(&f, 1);
	f.got[0] = 'A';
	marked_print(f.out, &f.line, 5, MARKED_COLORED);
	expect_text(&f, "\033[1;31mA\033[0ma… 1");
}

static void test_a_wrong_byte_is_named(void **state)
{
	struct fixture f;

	(void)state;
	prepare(&f, 0);
	marked_describe(f.out, 12, 0x21, 0x61);
	expect_text(&f, "0x61→0x21 at offset 12 (bit 6 1→0)");
	prepare(&f, 0);
	marked_describe(f.out, 30, 0x49, 0x61);
	expect_text(&f, "0x61→0x49 at offset 30 (bit 5 1→0, bit 3 0→1)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_undamaged_line_is_shortened_to_fit),
		cmocka_unit_test(test_wrong_bytes_and_counter_stay),
		cmocka_unit_test(test_carets_stand_below_wrong_bytes),
		cmocka_unit_test(test_a_line_with_nothing_to_leave_out_stays_whole),
		cmocka_unit_test(test_red_around_wrong_bytes_only),
		cmocka_unit_test(test_a_wrong_byte_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
