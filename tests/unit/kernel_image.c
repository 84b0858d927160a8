// SPDX-License-Identifier: GPL-2.0-or-later
// kernel_image: what differs between two tables.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "image/image.h"

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
	assert_false(diff.whole);
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
	assert_false(diff.whole);
	assert_int_equal(diff.n, 3);
	assert_int_equal(diff.n_elements, 3);
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

/* The old chain as the differences make it: rules away, rules in front of those that stay. */
static void edited(const struct diff *diff, const char *old, const char *new, char *out)
{
	for (size_t i = 0; i <= strlen(old); i++) {
		bool stays = i < strlen(old);

		for (size_t d = 0; d < diff->n; d++) {
			const struct difference *item = &diff->items[d];

			assert_int_equal(item->object, OBJECT_RULE);
			if (item->kind == CHANGE_ADD &&
			    (item->before == NO_INDEX ? strlen(old) : item->before) == i)
				*out++ = new[item->new_idx];
			if (item->kind == CHANGE_REMOVE && item->old_idx == i)
				stays = false;
		}
		if (stays)
			*out++ = old[i];
	}
	*out = '\0';
}

static void the_longest_common_rules_stay(void **state)
{
	static const struct {
		const char *old, *new;
		size_t n; /* of differences: the fewest there can be */
	} cases[] = {
		{"xyz", "xyz", 0},	   {"xyz", "xz", 1},	{"xz", "xyz", 1},
		{"xyz", "xaz", 2},	   {"xyz", "yxz", 2},	{"", "xyz", 3},
		{"xyz", "", 3},		   {"xx", "x", 1},	{"abcdef", "badcfe", 6},
		{"abcdefgh", "axcdyfgz", 6}, {"aaab", "baaa", 2}, {"abcabba", "cbabac", 5},
	};
	struct arena *arena = arena_new();
	char text[16];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct image old, new;
		struct diff diff;

		make(&old, cases[i].old, NULL, 0);
		make(&new, cases[i].new, NULL, 0);
		compare(&old, &new, arena, &diff);
		assert_int_equal(diff.n, cases[i].n);
		assert_int_equal(diff.n_elements, 0);
		assert_false(diff.whole);
		edited(&diff, cases[i].old, cases[i].new, text);
		assert_string_equal(text, cases[i].new);
		image_free(&old);
		image_free(&new);
	}
	arena_free(arena);
}

/* Chains of thousands of rules are not compared pair by pair, but both ends still stay. */
static void long_chains_keep_both_ends(void **state)
{
	enum { RULES = 3000 };
	static char one[RULES + 1], two[RULES + 1];
	struct arena *arena = arena_new();
	struct image old, new;
	struct diff diff;

	(void)state;
	for (size_t i = 0; i < RULES; i++) {
		one[i] = (char)('a' + i % 7);
		two[i] = i < 10 || i > RULES - 10 ? one[i] : (char)('A' + i % 7);
	}
	make(&old, one, NULL, 0);
	make(&new, two, NULL, 0);
	compare(&old, &new, arena, &diff);
	assert_int_equal(diff.n, 2 * (RULES - 19));
	assert_int_equal(diff.items[0].old_idx, 10);
	assert_int_equal(diff.items[diff.n - 1].before, RULES - 9);
	image_free(&old);
	image_free(&new);
	arena_free(arena);
}

static void what_a_set_or_chain_is_can_not_change_in_place(void **state)
{
	struct arena *arena = arena_new();
	struct image old, new;
	struct diff diff;

	(void)state;
	make(&old, "x", NULL, 0);
	for (size_t i = 0; i < 5; i++) {
		make(&new, "x", NULL, 0);
		if (i == 0)
			new.sets[0].blob = BLOB("other");
		else if (i == 1)
			new.chains[1].blob = BLOB("other");
		else if (i == 2)
			new.blob = BLOB("other");
		else if (i == 3)
			image_add_chain(&new, "c", BLOB("chain c"));
		else
			image_add_set(&new, "c", BLOB("set c"), false, 4);
		image_finish(&new);
		image_diff(arena, &old, &new, &diff);
		assert_int_equal(diff.n, 1);
		assert_int_equal(diff.whole, i < 3);
		image_free(&new);
	}
	image_free(&old);
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
	assert_int_equal(diff.n_elements, 0);
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
		cmocka_unit_test(the_longest_common_rules_stay),
		cmocka_unit_test(long_chains_keep_both_ends),
		cmocka_unit_test(what_a_set_or_chain_is_can_not_change_in_place),
		cmocka_unit_test(foreign_elements_are_never_the_same),
		cmocka_unit_test(a_missing_table_is_one_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
