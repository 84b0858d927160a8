// SPDX-License-Identifier: GPL-2.0-or-later
// Which rules are hostgate's own: by table, chain, target, and tag in the places of holes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "xt/xt_entry.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>

#include "nft/raw_rule.h"
#include "rules/build.h"
#include "rules/ours.h"
#include "xt/xt_ours.h"

static const struct {
	const char *table, *chain, *target, *comment;
	bool ours;
} cases[] = {
	{"filter", "HOSTGATE-FORWARD", "DROP", NULL, true},
	{"nat", "POSTROUTING", "HOSTGATE-NAT", NULL, true},
	{"filter", "DOCKER-USER", "HOSTGATE-FORWARD", NULL, true},
	{"filter", "FORWARD", "ACCEPT", "hostgate: vmnet1 to outside", true},
	{"filter", "DOCKER-USER", "ACCEPT", "hostgate: within vmnet1", true},
	{"filter", "ufw-user-forward", "ACCEPT", "hostgate: within vmnet1", true},
	{"filter", "ufw6-user-forward", "ACCEPT", "hostgate: within vmnet1", true},
	{"filter", "FORWARD", "ACCEPT", "", false},
	{"filter", "FORWARD", "ACCEPT", NULL, false},
	{"filter", "FORWARD", "ACCEPT", "for hostgate: x", false},
	{"filter", "FORWARD", "ACCEPT", "hostgate", false},
	{"filter", "INPUT", "ACCEPT", "hostgate: x", false},
	{"nat", "DOCKER-USER", "ACCEPT", "hostgate: x", false},
	{"mangle", "FORWARD", "ACCEPT", "hostgate: x", false},
	{"filter", "DOCKER", "DOCKER-USER", NULL, false},
	{"filter", "FORWARD", "", NULL, false},
	{"filter", "FORWARD", NULL, NULL, false},
	{"filter", "HOSTGATE", "hostgate-x", NULL, false},
};

#define CASES (sizeof(cases) / sizeof(*cases))

static void a_rule_is_ours_by_chain_target_or_tag(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES; i++)
		if (ours_rule(cases[i].table, cases[i].chain, cases[i].target, cases[i].comment) !=
		    cases[i].ours)
			fail_msg("case %zu", i);
}

static void a_table_is_ours_by_family_and_name(void **state)
{
	(void)state;
	assert_true(ours_table(NFPROTO_INET, "hostgate"));
	assert_false(ours_table(NFPROTO_IPV4, "hostgate"));
	assert_false(ours_table(NFPROTO_INET, "hostgate-trace"));
}

static struct nlattr *start_expression(struct nlmsghdr *message, const char *name,
				       struct nlattr **data)
{
	struct nlattr *nest = mnl_attr_nest_start(message, NFTA_LIST_ELEM);

	mnl_attr_put_strz(message, NFTA_EXPR_NAME, name);
	*data = mnl_attr_nest_start(message, NFTA_EXPR_DATA);
	return nest;
}

/* The expressions of a rule as iptables-nft makes them. */
static const struct nlattr *expressions_of(struct nlmsghdr *message, const char *target,
					   const char *comment)
{
	struct nlattr *list = mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS);
	char info[XT_COMMENT_SIZE - 1] = "";
	struct nlattr *nest, *data, *value, *verdict;

	nest = start_expression(message, "counter", &data);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, nest);
	if (comment) {
		strcpy(info, comment);
		nest = start_expression(message, "match", &data);
		mnl_attr_put_strz(message, NFTA_MATCH_NAME, "comment");
		mnl_attr_put(message, NFTA_MATCH_INFO, sizeof(info), info);
		mnl_attr_nest_end(message, data);
		mnl_attr_nest_end(message, nest);
	}
	if (target) {
		nest = start_expression(message, "immediate", &data);
		value = mnl_attr_nest_start(message, NFTA_IMMEDIATE_DATA);
		verdict = mnl_attr_nest_start(message, NFTA_DATA_VERDICT);
		if (strcmp(target, "ACCEPT") != 0 && strcmp(target, "DROP") != 0)
			mnl_attr_put_strz(message, NFTA_VERDICT_CHAIN, target);
		mnl_attr_nest_end(message, verdict);
		mnl_attr_nest_end(message, value);
		mnl_attr_nest_end(message, data);
		mnl_attr_nest_end(message, nest);
	}
	mnl_attr_nest_end(message, list);
	return list;
}

static void expressions_say_the_same(void **state)
{
	_Alignas(8) uint8_t room[2048];

	(void)state;
	for (size_t i = 0; i < CASES; i++) {
		struct nlmsghdr *message = mnl_nlmsg_put_header(memset(room, 0, sizeof(room)));
		const struct nlattr *expressions =
			expressions_of(message, cases[i].target, cases[i].comment);

		if (ours_rule_nft(cases[i].table, cases[i].chain, expressions) != cases[i].ours)
			fail_msg("case %zu", i);
	}
	assert_true(ours_rule_nft("filter", "HOSTGATE-FORWARD", NULL));
	assert_false(ours_rule_nft("filter", "FORWARD", NULL));
}

static void entries_say_the_same(void **state)
{
	struct arena *arena = arena_new();
	struct xt_room *room = arena_alloc(arena, sizeof(*room));

	(void)state;
	for (size_t i = 0; i < CASES; i++)
		for (enum family f = 0; f < FAMILY__COUNT; f++) {
			struct ruleset *ruleset = ruleset_new(arena);
			struct rule rule = rule_start(NO_INDEX, action_of(ACTION_DROP), 0);
			struct blob entry;

			ruleset_add_origin(ruleset, PROMISE_NONE,
					   cases[i].comment ? cases[i].comment : "", NULL,
					   PLACE_NONE);
			entry = cases[i].comment ? xt_entry_build(ruleset, &rule, f, room)
						 : xt_entry_build_jump(f, "ACCEPT", room);
			if (ours_rule_xt(f, cases[i].table, cases[i].chain, entry.bytes,
					 cases[i].target) != cases[i].ours)
				fail_msg("case %zu", i);
		}
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_is_ours_by_chain_target_or_tag),
		cmocka_unit_test(a_table_is_ours_by_family_and_name),
		cmocka_unit_test(expressions_say_the_same),
		cmocka_unit_test(entries_say_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
