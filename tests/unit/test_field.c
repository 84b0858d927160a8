// SPDX-License-Identifier: GPL-2.0-or-later
// The tables of fields and bits, and that a rule is never written without one of its matches.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "hostgate/buf.h"
#include "print/xt_rule.h"
#include "rules/build.h"
#include "rules/field.h"

static jmp_buf stopped;

static void stop(const char *what, const char *file, int line)
{
	(void)what;
	(void)file;
	(void)line;
	longjmp(stopped, 1);
}

/* Whether the statement ends the process. */
#define STOPS(statement) (must_on_failure(stop), setjmp(stopped) == 0 ? ((statement), false) : true)

static void every_field_says_how_it_is_asked(void **state)
{
	(void)state;
	for (enum field f = 0; f < FIELD__COUNT; f++) {
		const struct field_info *info = &field_table[f];

		assert_non_null(info->name);
		assert_true(info->bytes > 0 && info->bytes <= KEY_SIZE);
		assert_int_not_equal(info->xt_place, XT_PLACE_UNSAID);
		assert_int_not_equal(info->load, NFT_LOAD_UNSAID);
	}
}

static struct ruleset *ruleset(struct arena *arena)
{
	struct ruleset *rs = arena_alloc(arena, sizeof(*rs));

	rs->arena = arena;
	ruleset_add_chain(rs, "FORWARD", STAGE_FORWARD, STAGE_FORWARD);
	ruleset_add_origin(rs, PROMISE_P1, "a reason", NULL, (struct place){0});
	return rs;
}

static void print(const struct ruleset *rs, const struct rule *rule, struct buf *out)
{
	xt_rule_print(rs, rule, field_table[rule->matches[0].fields[0]].family, xt_restore_word,
		      out);
}

/* Each field alone: it is printed, or the program ends; never a rule that asks for nothing. */
static void no_match_is_left_out(void **state)
{
	struct arena *arena = arena_new();
	struct ruleset *rs = ruleset(arena);

	(void)state;
	for (enum field f = 0; f < FIELD__COUNT; f++) {
		struct rule with = rule_start(0, action_of(ACTION_ACCEPT), 0), without = with;
		struct buf one = {0}, other = {0};

		if (f == FIELD_CT_STATE || f == FIELD_CT_STATUS)
			rule_match_bits(&with, f, CT_STATE_ESTABLISHED | CT_STATUS_CONFIRMED,
					false);
		else
			rule_match_prefix(&with, f, key_of_number(f, 6u << 16 | 1));
		if (f == FIELD_CT_STATUS)
			with.matches[0].key = key_of_number(f, CT_STATUS_CONFIRMED);
		if (f == FIELD_CT_STATE)
			with.matches[0].key = key_of_number(f, CT_STATE_ESTABLISHED);
		print(rs, &without, &other);
		if (field_table[f].xt_place == XT_PLACE_NONE)
			assert_true(STOPS(print(rs, &with, &one)));
		else
			print(rs, &with, &one);
		if (field_table[f].xt_place != XT_PLACE_NONE &&
		    strcmp(buf_text(&one), buf_text(&other)) == 0)
			fail_msg("%s is not written: %s", field_table[f].name, buf_text(&one));
		buf_free(&one);
		buf_free(&other);
	}
	arena_free(arena);
}

static void a_set_that_was_not_lowered_stops(void **state)
{
	struct arena *arena = arena_new();
	struct ruleset *rs = ruleset(arena);
	struct rule rule = rule_start(0, action_of(ACTION_ACCEPT), 0);
	struct buf out = {0};

	(void)state;
	rule_match_set(&rule, 0, FIELDS(FIELD_IIFNAME));
	assert_true(STOPS(print(rs, &rule, &out)));
	buf_free(&out);
	arena_free(arena);
}

static void an_action_without_words_stops(void **state)
{
	struct arena *arena = arena_new();
	struct ruleset *rs = ruleset(arena);
	struct rule rule = rule_start(0, action_of(ACTION_DISPATCH), 0);
	struct buf out = {0};

	(void)state;
	rule_match_prefix(&rule, FIELD_L4PROTO, key_of_number(FIELD_L4PROTO, 6));
	assert_true(STOPS(print(rs, &rule, &out)));
	buf_free(&out);
	arena_free(arena);
}

/* A bit that no table knows is not a bit less to ask for. */
static void an_unknown_bit_stops(void **state)
{
	struct rule rule = rule_start(0, action_of(ACTION_ACCEPT), 0);

	(void)state;
	rule_match_bits(&rule, FIELD_CT_STATE, CT_STATE_NEW | 1u << 20, false);
	assert_true(STOPS(field_bit_next(&rule.matches[0], NULL)));
}

static void matches_are_in_the_order_of_iptables(void **state)
{
	struct rule rule = rule_start(0, action_of(ACTION_ACCEPT), 0);
	const struct match *order[MATCHES_MAX];
	static const enum field given[] = {FIELD_CT_STATE, FIELD_OIFNAME, FIELD_DADDR4,
					   FIELD_IIFNAME, FIELD_SADDR4};
	static const enum field wanted[] = {FIELD_SADDR4, FIELD_DADDR4, FIELD_IIFNAME,
					    FIELD_OIFNAME, FIELD_CT_STATE};

	(void)state;
	for (size_t i = 0; i < 5; i++)
		rule_match_bits(&rule, given[i], 1, false);
	assert_int_equal(xt_matches_of(&rule, order), 5);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(order[i]->fields[0], wanted[i]);
}

/* In every build, not only in one with assertions. */
static void more_matches_than_a_rule_holds_stop(void **state)
{
	struct rule rule = rule_start(0, action_of(ACTION_ACCEPT), 0);

	(void)state;
	for (int i = 0; i < MATCHES_MAX; i++)
		rule_match_bits(&rule, FIELD_CT_STATE, 1, false);
	assert_true(STOPS(rule_match_bits(&rule, FIELD_CT_STATE, 1, false)));
	assert_int_equal(rule.n_matches, MATCHES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_says_how_it_is_asked),
		cmocka_unit_test(no_match_is_left_out),
		cmocka_unit_test(a_set_that_was_not_lowered_stops),
		cmocka_unit_test(an_action_without_words_stops),
		cmocka_unit_test(an_unknown_bit_stops),
		cmocka_unit_test(matches_are_in_the_order_of_iptables),
		cmocka_unit_test(more_matches_than_a_rule_holds_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
