// SPDX-License-Identifier: GPL-2.0-or-later
// kernel_image: what differs between two tables.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "kernel/image.h"

#define BLOB(text) ((struct blob){text, sizeof(text)})

struct sample_element {
	const char *key; /* 4 bytes */
	uint32_t verdict;
};

/* A table with chains "a" and "b", rules in "a", and one map keyed by 4 bytes. */
static void make(struct image *image, const char *rules, const struct sample_element *elements,
		 size_t n)
{
	struct image_set *set;

	image_init(image);
	image_set_table(image, BLOB("table"));
	image_add_chain(image, "a", BLOB("chain a"));
	image_add_chain(image, "b", BLOB("chain b"));
	for (; *rules; rules++)
		image_add_rule(image, &image->chains[0], (struct blob){rules, 1}, "comment");
	set = image_add_set(image, "map", BLOB("set"), true, 4);
	for (size_t i = 0; i < n; i++)
		memcpy(image_add_element(set, elements[i].verdict, (uint32_t)i), elements[i].key,
		       4);
	image_finish(image);
}

static void compare(struct image *old, struct image *new, struct arena *arena, struct diff *out)
{
	image_diff(arena, old, new, out);
	if (out->n == 0)
		assert_int_equal(image_fingerprint(old), image_fingerprint(new));
	else
		assert_int_not_equal(image_fingerprint(old), image_fingerprint(new));
}

static void elements_in_any_order_are_the_same(void **state)
{
	static const struct sample_element one[] = {{"dddd", 0}, {"aaaa", 1}, {"bbbb", 0}};
	static const struct sample_element two[] = {{"aaaa", 1}, {"bbbb", 0}, {"dddd", 0}};
	struct arena *arena = arena_new();
	struct image old, new;
	struct diff diff;

	(void)state;
	make(&old, "xyz", one, 3);
	make(&new, "xyz", two, 3);
	image_diff(arena, &old, &new, &diff);
	assert_int_equal(diff.n, 0);
	assert_true(diff.only_elements);
	image_free(&old);
	image_free(&new);
	arena_free(arena);
}

static void element_changes_are_found_by_key(void **state)
{
	static const struct sample_element one[] = {{"aaaa", 0}, {"bbbb", 0}, {"dddd", 0}};
	static const struct sample_element two[] = {{"bbbb", 1}, {"cccc", 0}, {"dddd", 0}};
	struct arena *arena = arena_new();
	struct image old, new;
	struct diff diff;

	(void)state;
	make(&old, "", one, 3);
	make(&new, "", two, 3);
	compare(&old, &new, arena, &diff);
	assert_true(diff.only_elements);
	assert_int_equal(diff.n, 3);
	assert_int_equal(diff.items[0].kind, CHANGE_REMOVE);
	assert_memory_equal(image_key(&old.sets[0], diff.items[0].old_idx), "aaaa", 4);
	assert_int_equal(diff.items[1].kind, CHANGE_MODIFY);
	assert_memory_equal(image_key(&new.sets[0], diff.items[1].new_idx), "bbbb", 4);
	assert_int_equal(diff.items[2].kind, CHANGE_ADD);
	assert_memory_equal(image_key(&new.sets[0], diff.items[2].new_idx), "cccc", 4);
	assert_int_equal(image_source(&new.sets[0], diff.items[2].new_idx), 1);
	image_free(&old);
	image_free(&new);
	arena_free(arena);
}

static void rules_are_compared_in_their_order(void **state)
{
	static const struct {
		const char *old, *new;
		size_t n;
		enum change_kind first;
	} cases[] = {
		{"xyz", "xyz", 0, CHANGE__COUNT}, {"xyz", "xz", 1, CHANGE_REMOVE},
		{"xz", "xyz", 1, CHANGE_ADD},	  {"xyz", "xaz", 1, CHANGE_MODIFY},
		{"xyz", "yxz", 2, CHANGE_MODIFY}, {"", "xyz", 3, CHANGE_ADD},
		{"xyz", "", 3, CHANGE_REMOVE},	  {"xx", "x", 1, CHANGE_REMOVE},
	};
	struct arena *arena = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct image old, new;
		struct diff diff;

		make(&old, cases[i].old, NULL, 0);
		make(&new, cases[i].new, NULL, 0);
		compare(&old, &new, arena, &diff);
		assert_int_equal(diff.n, cases[i].n);
		assert_int_equal(diff.only_elements, cases[i].n == 0);
		if (diff.n)
			assert_int_equal(diff.items[0].kind, cases[i].first);
		image_free(&old);
		image_free(&new);
	}
	arena_free(arena);
}

static void foreign_elements_are_never_the_same(void **state)
{
	static const struct sample_element one[] = {{"aaaa", VERDICT_OTHER}};
	static const struct sample_element two[] = {{"aaaa", VERDICT_NONE}};
	struct arena *arena = arena_new();
	struct image old, new;
	struct diff diff;

	(void)state;
	make(&old, "", one, 1);
	make(&new, "", two, 1);
	compare(&old, &new, arena, &diff);
	assert_int_equal(diff.n, 1);
	assert_int_equal(diff.items[0].kind, CHANGE_MODIFY);
	image_free(&old);
	image_free(&new);
	arena_free(arena);
}

static void a_missing_table_is_one_difference(void **state)
{
	struct arena *arena = arena_new();
	struct image none, some;
	struct diff diff;

	(void)state;
	image_init(&none);
	make(&some, "x", NULL, 0);
	image_diff(arena, &none, &some, &diff);
	assert_int_equal(diff.n, 1);
	assert_int_equal(diff.items[0].object, OBJECT_TABLE);
	assert_int_equal(diff.items[0].kind, CHANGE_ADD);
	assert_false(diff.only_elements);
	image_diff(arena, &some, &none, &diff);
	assert_int_equal(diff.items[0].kind, CHANGE_REMOVE);
	image_diff(arena, &none, &none, &diff);
	assert_int_equal(diff.n, 0);
	image_free(&none);
	image_free(&some);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_in_any_order_are_the_same),
		cmocka_unit_test(element_changes_are_found_by_key),
		cmocka_unit_test(rules_are_compared_in_their_order),
		cmocka_unit_test(foreign_elements_are_never_the_same),
		cmocka_unit_test(a_missing_table_is_one_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
