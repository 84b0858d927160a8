// SPDX-License-Identifier: GPL-2.0-or-later
// Lookups of the judge in sets of nf_tables: keys, intervals, concatenations, keys known in part.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <linux/netfilter/nf_tables.h>

#include "judge/judge_eval.h"

#define ALL "\xff\xff\xff\xff\xff\xff\xff\xff"

static const uint8_t *bytes(const char *text)
{
	return (const uint8_t *)text;
}

static enum tri find(struct foreign_set *set, const char *key, const char *known,
		     struct lookup *lookup)
{
	struct foreign *foreign = &(struct foreign){.arena = arena_new()};
	struct foreign_table *table;

	/* Puts the elements in order, as after reading. */
	foreign_add_table(foreign, (struct foreign_table){.name = "t", .sets = set, .n_sets = 1});
	table = &foreign->tables[0];
	foreign_finish(foreign);
	judge_lookup(&table->sets[0], bytes(key), bytes(known), lookup);
	arena_free(foreign->arena);
	return lookup->found;
}

static void a_hash_set_holds_its_keys(void **state)
{
	struct foreign_element elements[] = {{.key = bytes("\1\2\3\4")}, {.key = bytes("\5\6\7\x8")}};
	struct foreign_set set = {.name = "s", .key_len = 4, .elements = elements, .n_elements = 2};
	struct lookup lookup;

	(void)state;
	assert_int_equal(find(&set, "\5\6\7\x8", ALL, &lookup), TRI_YES);
	assert_ptr_equal(lookup.sure, &elements[1]);
	assert_int_equal(find(&set, "\5\6\7\x9", ALL, &lookup), TRI_NO);
	/* The last byte is not known: the first three decide who may be meant. */
	assert_int_equal(find(&set, "\5\6\7\0", "\xff\xff\xff\0", &lookup), TRI_MAYBE);
	assert_int_equal(lookup.n_maybe, 1);
	assert_ptr_equal(lookup.maybe[0], &elements[1]);
	assert_int_equal(find(&set, "\5\7\7\0", "\xff\xff\xff\0", &lookup), TRI_NO);
	assert_int_equal(find(&set, "\0\0\0\0", "\0\0\0\0", &lookup), TRI_MAYBE);
	assert_int_equal(lookup.n_maybe, 2);
}

static void an_interval_lasts_until_the_next_end(void **state)
{
	/* 10-19, 20-29 (they touch: an end and a beginning at 20), and 40 to the last. */
	struct foreign_element elements[] = {
		{.key = bytes("\x28")},
		{.key = bytes("\x14")},
		{.key = bytes("\x1e"), .interval_end = true},
		{.key = bytes("\x14"), .interval_end = true},
		{.key = bytes("\xa")},
	};
	struct foreign_set set = {.name = "s",
				 .key_len = 1,
				 .flags = NFT_SET_INTERVAL,
				 .elements = elements,
				 .n_elements = 5};
	static const struct {
		const char *key;
		enum tri found;
	} cases[] = {{"\0", TRI_NO},	  {"\x9", TRI_NO},    {"\xa", TRI_YES},
		     {"\x13", TRI_YES},	  {"\x14", TRI_YES},  {"\x1d", TRI_YES},
		     {"\x1e", TRI_NO},	  {"\x27", TRI_NO},   {"\x28", TRI_YES},
		     {"\xff", TRI_YES}};
	struct lookup lookup;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(find(&set, cases[i].key, ALL, &lookup), cases[i].found);
	assert_int_equal(find(&set, "\0", "\xfe", &lookup), TRI_MAYBE);
}

static void concatenations_have_an_interval_in_each_field(void **state)
{
	/* Two bytes (padded to four) from 1.0 to 1.255, and one byte from 5 to 9. */
	struct foreign_element elements[] = {{.key = bytes("\1\0\0\0\5\0\0\0"),
					     .key_end = bytes("\1\xff\0\0\x9\0\0\0")}};
	struct foreign_set set = {.name = "s",
				 .key_len = 8,
				 .flags = NFT_SET_INTERVAL | NFT_SET_CONCAT,
				 .n_fields = 2,
				 .field_len = {2, 1},
				 .elements = elements,
				 .n_elements = 1};
	struct lookup lookup;

	(void)state;
	assert_int_equal(find(&set, "\1\7\0\0\5\0\0\0", ALL, &lookup), TRI_YES);
	assert_int_equal(find(&set, "\1\7\0\0\x9\0\0\0", ALL, &lookup), TRI_YES);
	assert_int_equal(find(&set, "\1\7\0\0\xa\0\0\0", ALL, &lookup), TRI_NO);
	assert_int_equal(find(&set, "\2\0\0\0\5\0\0\0", ALL, &lookup), TRI_NO);
	/* As bytes of one number it would be in between: each field is asked by itself. */
	assert_int_equal(find(&set, "\1\7\0\0\1\0\0\0", ALL, &lookup), TRI_NO);
	/* A field that is not known can't make good what another one refuses. */
	assert_int_equal(find(&set, "\2\0\0\0\5\0\0\0", "\xff\xff\xff\xff\0\0\0\0", &lookup),
			 TRI_NO);
	assert_int_equal(find(&set, "\1\0\0\0\5\0\0\0", "\xff\xff\xff\xff\0\0\0\0", &lookup),
			 TRI_MAYBE);
}

static void the_catchall_is_for_the_rest(void **state)
{
	struct foreign_element elements[] = {{.key = bytes("\1"), .verdict = NFT_RETURN},
					    {.catchall = true, .verdict = NFT_JUMP}};
	struct foreign_set set = {.name = "s", .key_len = 1, .elements = elements, .n_elements = 2};
	struct lookup lookup;

	(void)state;
	assert_int_equal(find(&set, "\1", ALL, &lookup), TRI_YES);
	assert_int_equal(lookup.sure->verdict, NFT_RETURN);
	assert_int_equal(find(&set, "\2", ALL, &lookup), TRI_YES);
	assert_int_equal(lookup.sure->verdict, NFT_JUMP);
	assert_int_equal(find(&set, "\0", "\0", &lookup), TRI_MAYBE);
	assert_int_equal(lookup.n_maybe, 2);
}

static void an_element_with_a_limit_may_be_met(void **state)
{
	struct foreign_element elements[] = {{.key = bytes("\1"), .conditional = true}};
	struct foreign_set set = {.name = "s", .key_len = 1, .elements = elements, .n_elements = 1};
	struct lookup lookup;

	(void)state;
	assert_int_equal(find(&set, "\1", ALL, &lookup), TRI_MAYBE);
	assert_int_equal(find(&set, "\2", ALL, &lookup), TRI_NO);
}

static void three_values_are_combined(void **state)
{
	static const enum tri all[] = {TRI_NO, TRI_YES, TRI_MAYBE};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(tri_and(all[i], TRI_NO), TRI_NO);
		assert_int_equal(tri_or(all[i], TRI_YES), TRI_YES);
		assert_int_equal(tri_and(all[i], TRI_YES), all[i]);
		assert_int_equal(tri_or(all[i], TRI_NO), all[i]);
		assert_int_equal(tri_not(tri_not(all[i])), all[i]);
		assert_int_equal(tri_and(all[i], TRI_MAYBE),
				 all[i] == TRI_NO ? TRI_NO : TRI_MAYBE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hash_set_holds_its_keys),
		cmocka_unit_test(an_interval_lasts_until_the_next_end),
		cmocka_unit_test(concatenations_have_an_interval_in_each_field),
		cmocka_unit_test(the_catchall_is_for_the_rest),
		cmocka_unit_test(an_element_with_a_limit_may_be_met),
		cmocka_unit_test(three_values_are_combined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
