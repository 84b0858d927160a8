// SPDX-License-Identifier: GPL-2.0-or-later
// test_buf: what is added is there, in order, and ends with a NUL.
#include "reading.h"

static void an_empty_buffer_is_an_empty_text(void **state)
{
	struct buf buf = {0};

	(void)state;
	assert_string_equal(buf_text(&buf), "");
	buf_puts(&buf, "");
	buf_add(&buf, NULL, 0);
	assert_string_equal(buf_text(&buf), "");
	buf_free(&buf);
	buf_free(&buf);
}

static void everything_added_is_there(void **state)
{
	struct buf buf = {0};

	(void)state;
	buf_puts(&buf, "one ");
	buf_putc(&buf, '2');
	buf_printf(&buf, " %s %d", "three", 4);
	buf_add(&buf, "\0x", 2);
	assert_int_equal(buf.len, 15);
	assert_memory_equal(buf.data, "one 2 three 4\0x", 16);
	buf_free(&buf);
	assert_int_equal(buf.len, 0);
}

static void a_buffer_grows(void **state)
{
	struct buf buf = {0};

	(void)state;
	for (size_t i = 0; i < 100000; i++) {
		buf_printf(&buf, "%zu,", i % 10);
		assert_int_equal(buf.data[buf.len], 0);
	}
	assert_int_equal(buf.len, 200000);
	for (size_t i = 0; i < 100000; i++)
		assert_int_equal(buf.data[2 * i], '0' + i % 10);
	buf_printf(&buf, "%300000d", 1);
	assert_int_equal(buf.len, 500000);
	buf_free(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_buffer_is_an_empty_text),
		cmocka_unit_test(everything_added_is_there),
		cmocka_unit_test(a_buffer_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
