// SPDX-License-Identifier: GPL-2.0-or-later
// test_diag: the queue, its order and limit, the text, and the table of codes.
#include "reading.h"

#include <dirent.h>
#include <errno.h>

#include "base/diag_codes.h"

static struct place at(uint32_t line, uint32_t column, uint32_t len)
{
	return (struct place){.line = line, .column = column, .len = len};
}

static void assert_text(const char *source, struct place place, const char *message,
			const char *expected)
{
	struct arena *arena = arena_new();
	struct buf out = {0};
	struct diags diags;

	diags_init(&diags, arena);
	diags_add_source(&diags, "f.yaml", source, strlen(source));
	diag_add(&diags, SEVERITY_ERROR, "HG-E000", place, "%s", message);
	diag_format(&diags, &diags.items[0], false, &out);
	assert_string_equal(buf_text(&out), expected);
	buf_free(&out);
	arena_free(arena);
}

static void a_caret_stands_below_its_text(void **state)
{
	(void)state;
	assert_text("a: b\ncd: ef\n", at(2, 5, 2), "wrong",
		    "f.yaml:2:5: error: wrong [HG-E000]\n"
		    "     2 | cd: ef\n"
		    "       |     ^~\n");
	assert_text("a:\tb\r\n", at(1, 4, 1), "wrong",
		    "f.yaml:1:4: error: wrong [HG-E000]\n"
		    "     1 | a:\tb\n"
		    "       |   \t^\n");
	assert_text("größe: x\n", at(1, 10, 9), "wrong",
		    "f.yaml:1:10: error: wrong [HG-E000]\n"
		    "     1 | größe: x\n"
		    "       |        ^\n");
	assert_text("größe: x\n", at(1, 1, 7), "wrong",
		    "f.yaml:1:1: error: wrong [HG-E000]\n"
		    "     1 | größe: x\n"
		    "       | ^~~~~\n");
	assert_text("", at(1, 1, 0), "wrong",
		    "f.yaml:1:1: error: wrong [HG-E000]\n     1 | \n       | ^\n");
	assert_text("a\n", at(9, 9, 9), "wrong",
		    "f.yaml:9:9: error: wrong [HG-E000]\n     9 | \n       | ^\n");
	assert_text("a\n", PLACE_NONE, "wrong", "error: wrong [HG-E000]\n");
}

static void control_bytes_do_not_reach_the_terminal(void **state)
{
	(void)state;
	assert_text("a\033[31m\xc2\x9b \xff\xc3(\n", at(1, 2, 1), "bad \033]0;x\a",
		    "f.yaml:1:2: error: bad ?]0;x? [HG-E000]\n"
		    "     1 | a?[31m?? ?\?(\n"
		    "       |  ^\n");
}

static void a_long_line_is_cut_around_the_caret(void **state)
{
	struct arena *arena = arena_new();
	char *line = arena_alloc(arena, 1000001);
	struct buf out = {0};
	struct diags diags;

	(void)state;
	memset(line, 'x', 1000000);
	memcpy(line + 500000, "HERE", 4);
	diags_init(&diags, arena);
	diags_add_source(&diags, "f", line, 1000000);
	diag_add(&diags, SEVERITY_NOTE, "HG-E000", at(1, 500001, 4), "m");
	diags_format(&diags, false, &out);
	assert_true(out.len < 400);
	assert_non_null(strstr(buf_text(&out), "xHEREx"));
	assert_int_equal(strstr(buf_text(&out), "HERE") - strstr(buf_text(&out), " 1 | "),
			 strstr(buf_text(&out), "^~~~\n") - strstr(buf_text(&out), "   | "));
	buf_free(&out);
	arena_free(arena);
}

static void related_places_hints_and_errno_follow(void **state)
{
	struct arena *arena = arena_new();
	struct buf out = {0};
	struct diags diags;
	struct diag *diag;

	(void)state;
	diags_init(&diags, arena);
	diags_add_source(&diags, "a", "\xef\xbb\xbfone\n", 7);
	diags_add_source(&diags, "b", "two\n", 4);
	diag = diag_add(&diags, SEVERITY_WARNING, "HG-W000",
			(struct place){.source = 1, .line = 1, .column = 1, .len = 3}, "again");
	diag_relate(&diags, diag, at(1, 1, 3), "first");
	diag_hint(&diags, diag, "do %s\nor that", "this");
	diag->err = EPERM;
	diags_format(&diags, false, &out);
	assert_string_equal(buf_text(&out),
			    "b:1:1: warning: again [HG-W000]\n     1 | two\n       | ^~~\n"
			    "a:1:1: note: first\n     1 | one\n       | ^~~\n"
			    "system: Operation not permitted\nhint: do this\nor that\n");
	for (int i = 0; i < 10; i++)
		diag_relate(&diags, diag, at(1, 1, 1), "more");
	assert_int_equal(diag->n_related, DIAG_RELATED_MAX);
	buf_free(&out);
	diag_format(&diags, diag, true, &out);
	assert_non_null(strstr(buf_text(&out), "\033[1;35mwarning:\033[0m"));
	buf_free(&out);
	arena_free(arena);
}

static void the_first_errors_by_place_are_kept(void **state)
{
	struct arena *arena = arena_new();
	struct buf out = {0};
	uint64_t seed = 5;
	struct diags diags;
	uint32_t lines[1000];

	(void)state;
	diags_init(&diags, arena);
	for (uint32_t i = 0; i < 1000; i++)
		lines[i] = i + 1;
	for (uint32_t i = 999; i; i--) {
		uint32_t j = next_random(&seed) % (i + 1), moved = lines[i];

		lines[i] = lines[j];
		lines[j] = moved;
	}
	for (uint32_t i = 0; i < 1000; i++) {
		struct diag *diag = diag_add(&diags, SEVERITY_ERROR, "HG-E000", at(lines[i], 1, 1),
					     "%u", lines[i]);

		diag_hint(&diags, diag, "%u", lines[i]);
		diag_relate(&diags, diag, at(1, 1, 1), "x");
		diag_add(&diags, SEVERITY_WARNING, "HG-W000", at(lines[i], 2, 1), "%u", lines[i]);
	}
	diags_sort(&diags, 0);
	assert_int_equal(diags.n_errors, 1000);
	assert_int_equal(diags.n, 2 * DIAG_MAX_ERRORS);
	for (uint32_t i = 0; i < diags.n; i++)
		assert_int_equal(diags.items[i].place.line, i / 2 + 1);
	diags_format(&diags, false, &out);
	assert_non_null(strstr(buf_text(&out), "\n980 further errors\n"));
	buf_free(&out);
	arena_free(arena);
}

static void sorting_is_stable_and_leaves_earlier_ones(void **state)
{
	struct arena *arena = arena_new();
	struct diags diags;

	(void)state;
	diags_init(&diags, arena);
	diag_add(&diags, SEVERITY_ERROR, "HG-E000", at(9, 1, 1), "z");
	diag_add(&diags, SEVERITY_ERROR, "HG-E000", at(5, 2, 1), "b");
	diag_add(&diags, SEVERITY_ERROR, "HG-E000", at(5, 2, 1), "c");
	diag_add(&diags, SEVERITY_ERROR, "HG-E000", at(5, 1, 1), "a");
	diags_sort(&diags, 1);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(diags.items[i].message[0], "zabc"[i]);
	arena_free(arena);
}

static void the_nearest_word_is_found(void **state)
{
	static const char *const words[] = {"gateway", "subnet", "mode", "uplink", "eth0", "a"};
	static const struct {
		const char *word, *nearest;
	} cases[] = {
		{"gatway", "gateway"}, {"sunbet", "subnet"}, {"snet", "subnet"}, {"MODE", "mode"},
		{"eth1", "eth0"},      {"uplinks", "uplink"}, {"colour", NULL},   {"b", NULL},
		{"", NULL},	       {"gatewaygatewaygateway", NULL},
	};
	char huge[1001] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *nearest = diag_nearest(cases[i].word, words, 6);

		if (cases[i].nearest)
			assert_string_equal(nearest, cases[i].nearest);
		else
			assert_null(nearest);
	}
	memset(huge, 'x', 1000);
	assert_null(diag_nearest(huge, words, 6));
	assert_null(diag_nearest("x", words, 0));
}

static void codes_are_unique_and_have_a_meaning(void **state)
{
	(void)state;
	for (size_t i = 0; i < DIAG_CODE__COUNT; i++) {
		const char *code = diag_codes[i].code;

		assert_int_equal(strlen(code), 7);
		assert_memory_equal(code, "HG-", 3);
		assert_non_null(strchr("EWN", code[3]));
		assert_true(strlen(diag_codes[i].meaning) > 10);
		for (size_t j = 0; j < i; j++) {
			assert_string_not_equal(code, diag_codes[j].code);
			assert_string_not_equal(diag_codes[i].meaning, diag_codes[j].meaning);
		}
	}
}

static bool code_is_in_table(const char *code)
{
	for (size_t i = 0; i < DIAG_CODE__COUNT; i++)
		if (strncmp(diag_codes[i].code, code, 7) == 0)
			return true;
	return false;
}

/* Looks at every code that is written out in a file of the tree. */
static void check_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[4096];

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		for (const char *code = strstr(line, "\"HG-"); code; code = strstr(code, "\"HG-")) {
			if (!code_is_in_table(++code))
				fail_msg("%s: %.7s is not in the table of codes", path, code);
		}
	fclose(file);
}

static void check_folder(const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;

	if (!folder)
		return;
	while ((entry = readdir(folder))) {
		char below[1024];
		size_t len = strlen(entry->d_name);

		if (entry->d_name[0] == '.')
			continue;
		snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
		if (entry->d_type == DT_DIR)
			check_folder(below);
		else if (len > 2 && strcmp(entry->d_name + len - 2, ".c") == 0)
			check_file(below);
	}
	closedir(folder);
}

static void no_code_is_used_that_is_not_in_the_table(void **state)
{
	(void)state;
	check_folder("src");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_caret_stands_below_its_text),
		cmocka_unit_test(control_bytes_do_not_reach_the_terminal),
		cmocka_unit_test(a_long_line_is_cut_around_the_caret),
		cmocka_unit_test(related_places_hints_and_errno_follow),
		cmocka_unit_test(the_first_errors_by_place_are_kept),
		cmocka_unit_test(sorting_is_stable_and_leaves_earlier_ones),
		cmocka_unit_test(the_nearest_word_is_found),
		cmocka_unit_test(codes_are_unique_and_have_a_meaning),
		cmocka_unit_test(no_code_is_used_that_is_not_in_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
