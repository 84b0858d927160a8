// SPDX-License-Identifier: GPL-2.0-or-later
// test_golden_errors: the full text of the diagnostics for wrong descriptions.
//
// tests/golden/errors/NAME.yaml (and NAME.yaml.2 as a second file) must give NAME.txt.
// GOLDEN_UPDATE=1 writes the .txt files instead: look at the difference.
#include "reading.h"

#include <dirent.h>
#include <sys/stat.h>

#include "base/diag_codes.h"

#define FOLDER "tests/golden/errors"

static bool codes_seen[DIAG_CODE__COUNT];

/* Returns the bytes of a file in the arena, NULL when it is not there. */
static char *file_bytes(struct arena *arena, const char *path, size_t *len)
{
	FILE *file = fopen(path, "r");
	struct stat status;
	char *bytes;

	if (!file)
		return NULL;
	assert_int_equal(fstat(fileno(file), &status), 0);
	bytes = arena_alloc(arena, (size_t)status.st_size + 1);
	*len = fread(bytes, 1, (size_t)status.st_size, file);
	fclose(file);
	return bytes;
}

static void note_codes(const struct diags *diags)
{
	for (size_t i = 0; i < diags->n; i++)
		for (size_t j = 0; j < DIAG_CODE__COUNT; j++)
			if (strcmp(diag_codes[j].code, diags->items[i].code) == 0)
				codes_seen[j] = true;
}

/* Returns whether the case gives what it should. */
static bool check_case(const char *name, bool update)
{
	struct arena *arena = arena_new();
	const char *yaml = arena_printf(arena, "%s.yaml", name);
	const char *second = arena_printf(arena, "%s.2", yaml);
	const char *golden = arena_printf(arena, "%s/%s.txt", FOLDER, name);
	struct description description;
	struct buf out = {0};
	char *bytes, *expected;
	size_t len, expected_len = 0;
	struct diags diags;
	bool same;

	diags_init(&diags, arena);
	bytes = file_bytes(arena, arena_printf(arena, "%s/%s", FOLDER, yaml), &len);
	assert_non_null(bytes);
	diags_add_source(&diags, yaml, bytes, len);
	bytes = file_bytes(arena, arena_printf(arena, "%s/%s", FOLDER, second), &len);
	if (bytes)
		diags_add_source(&diags, second, bytes, len);
	if (description_read(arena, &diags, &description))
		fail_msg("%s is not wrong", yaml);
	note_codes(&diags);
	diags_format(&diags, false, &out);

	if (update) {
		FILE *file = fopen(golden, "w");

		assert_non_null(file);
		fwrite(out.data, 1, out.len, file);
		fclose(file);
	}
	expected = file_bytes(arena, golden, &expected_len);
	same = expected && expected_len == out.len && memcmp(expected, out.data, out.len) == 0;
	if (!same)
		print_message("%s: expected\n%s\ngot\n%s\n", yaml,
			      expected ? expected : "(no file)", buf_text(&out));
	buf_free(&out);
	arena_free(arena);
	return same;
}

static void wrong_descriptions_give_their_texts(void **state)
{
	DIR *folder = opendir(FOLDER);
	struct dirent *entry;
	size_t n = 0, n_failed = 0;

	(void)state;
	assert_non_null(folder);
	while ((entry = readdir(folder))) {
		char *dot = strrchr(entry->d_name, '.');

		if (!dot || strcmp(dot, ".yaml") != 0)
			continue;
		*dot = '\0';
		n++;
		n_failed += !check_case(entry->d_name, getenv("GOLDEN_UPDATE") != NULL);
	}
	closedir(folder);
	assert_true(n >= 40);
	assert_int_equal(n_failed, 0);
}

/* Codes of a description that are too large for a golden file have their test in test_yaml. */
static void every_code_of_a_description_has_a_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < DIAG_CODE__COUNT; i++) {
		bool of_description = i <= DIAG_FORWARDING_DISABLED || i == DIAG_UPLINK_UNUSED;
		bool large = i == DIAG_FILE_TOO_LARGE || i == DIAG_YAML_NODES;

		if (of_description && !large && !codes_seen[i])
			fail_msg("%s (%s) has no case", diag_codes[i].code, diag_codes[i].meaning);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_descriptions_give_their_texts),
		cmocka_unit_test(every_code_of_a_description_has_a_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
