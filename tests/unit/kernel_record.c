// SPDX-License-Identifier: GPL-2.0-or-later
// kernel_state: the state survives a round trip, and damage is told, never fatal.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/record.h"

struct fixture {
	struct arena *arena;
	struct diags diags;
	struct record_place place;
	char directory[32];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->arena = arena_new();
	diags_init(&f->diags, f->arena);
	strcpy(f->directory, "/tmp/hostgate-state-XXXXXX");
	if (!mkdtemp(f->directory))
		return -1;
	f->place.directory = f->directory;
	f->place.path = arena_printf(f->arena, "%s/1.json", f->directory);
	f->place.lock_path = arena_printf(f->arena, "%s/1.lock", f->directory);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	unlink(f->place.path);
	unlink(f->place.lock_path);
	rmdir(f->directory);
	arena_free(f->arena);
	free(f);
	return 0;
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void save_sample(struct fixture *f)
{
	struct record_moved moved[] = {{"net/ipv4/conf/eth9/forwarding", "1"}};
	const char *others[] = {"ip nat POSTROUTING of Docker", "inet x y"};
	struct record sample = {.version = "1",
			       .hash = "abc",
			       .files = "a.yaml",
			       .text = "networks: \"q\"\n",
			       .time = "2026-01-01T00:00:00Z"};

	record_add(f->arena, &sample,
		  (struct record_sysctl){.path = "net/ipv4/ip_forward",
					.before = "0",
					.written = "1",
					.moved = moved,
					.n_moved = 1,
					.others = others,
					.n_others = 2});
	record_add(f->arena, &sample,
		  (struct record_sysctl){.path = "net/ipv4/conf/eth0.5/send_redirects",
					.before = "1",
					.written = "0"});
	assert_int_equal(record_save(&f->diags, &f->place, &sample), 0);
}

static void what_was_saved_is_read(void **state)
{
	struct fixture *f = *state;
	struct record_sysctl *entry;
	struct record found;
	const char *why;
	struct stat stat_of_file;

	save_sample(f);
	assert_int_equal(stat(f->place.path, &stat_of_file), 0);
	assert_int_equal(stat_of_file.st_mode & 0777, 0600);
	assert_int_equal(record_load(f->arena, f->place.path, &found, &why), RECORD_READ);
	assert_string_equal(found.hash, "abc");
	assert_string_equal(found.text, "networks: \"q\"\n");
	assert_int_equal(found.n_sysctls, 2);
	entry = record_find(&found, "net/ipv4/ip_forward");
	assert_non_null(entry);
	assert_string_equal(entry->before, "0");
	assert_int_equal(entry->n_moved, 1);
	assert_string_equal(entry->moved[0].path, "net/ipv4/conf/eth9/forwarding");
	assert_int_equal(entry->n_others, 2);
	assert_string_equal(entry->others[0], "ip nat POSTROUTING of Docker");
	assert_string_equal(entry->others[1], "inet x y");
	assert_non_null(record_find(&found, "net/ipv4/conf/eth0.5/send_redirects"));
	assert_null(record_find(&found, "net/ipv4/conf/eth0/send_redirects"));
	assert_int_equal(record_forget(&f->diags, &f->place), 0);
	assert_int_equal(record_load(f->arena, f->place.path, &found, &why), RECORD_ABSENT);
	assert_int_equal(record_forget(&f->diags, &f->place), 0);
}

static void damage_is_told(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"{}",
		"{\"format\": 2}",
		"{\"format\": 1}",
		"{\"format\": 1, \"version\": \"1\", \"hash\": \"h\", \"files\": \"f\","
		" \"text\": \"t\", \"time\": \"t\", \"sysctls\": {\"a\": {\"before\": \"0\"}}}",
		"{\"format\": 1, \"version\": \"1\", \"hash\": \"h\", \"files\": \"f\","
		" \"text\": \"t\", \"time\": \"t\", \"sysctls\": []}",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct record found;
		const char *why = NULL;

		write_text(f->place.path, texts[i]);
		assert_int_equal(record_load(f->arena, f->place.path, &found, &why), RECORD_DAMAGED);
		assert_non_null(why);
		assert_null(found.hash);
		assert_int_equal(found.n_sysctls, 0);
	}
}

static void every_cut_is_damage(void **state)
{
	struct fixture *f = *state;
	struct record found;
	struct stat whole;
	const char *why;

	save_sample(f);
	assert_int_equal(stat(f->place.path, &whole), 0);
	/* The last bytes are the brace and the line end. */
	for (off_t len = whole.st_size - 2; len >= 0; len--) {
		assert_int_equal(truncate(f->place.path, len), 0);
		assert_int_equal(record_load(f->arena, f->place.path, &found, &why), RECORD_DAMAGED);
	}
}

static void the_state_of_another_boot_is_none(void **state)
{
	struct fixture *f = *state;
	struct record found;
	const char *why;

	write_text(f->place.path, "{\"format\": 1, \"boot\": \"other\", \"version\": \"1\"}");
	assert_int_equal(record_load(f->arena, f->place.path, &found, &why), RECORD_ABSENT);
	assert_int_equal(found.n_sysctls, 0);
}

static void a_failed_save_leaves_the_old_state(void **state)
{
	struct fixture *f = *state;
	struct record sample = {.version = "1", .hash = "h", .files = "f", .text = "t", .time = "t"};
	struct record_place nowhere = {.directory = "/nonexistent", .path = "/nonexistent/1.json"};

	assert_int_equal(record_save(&f->diags, &nowhere, &sample), -ENOENT);
	assert_int_equal(f->diags.n, 1);
	assert_string_equal(f->diags.items[0].code, "HG-E220");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_saved_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(damage_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(every_cut_is_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(the_state_of_another_boot_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(a_failed_save_leaves_the_old_state, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
