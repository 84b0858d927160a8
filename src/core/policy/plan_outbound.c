// SPDX-License-Identifier: GPL-2.0-or-later
// plan_outbound: what leaves the host: to whom, and with which source.
#include "policy/plan_rules.h"
#include "rules/field.h"

static const enum field ct_saddr[FAMILY__COUNT] = {FIELD_CT_SADDR4, FIELD_CT_SADDR6};
static const enum field icmp_type[FAMILY__COUNT] = {FIELD_ICMP_TYPE, FIELD_ICMPV6_TYPE};

static const struct ifpattern loopback = {.name = "lo"};

/* Destinations that translation leaves alone, and that so never leave with a private source. */
static const struct {
	enum family family;
	const char *prefix;
} link_scope[] = {
	{FAMILY_IPV4, "224.0.0.0/24"},
	{FAMILY_IPV4, "255.255.255.255/32"},
	{FAMILY_IPV6, "ff02::/16"},
};

/* What answers somebody, as conntrack knows. */
static void make_answers_known(struct plan *plan, uint32_t inward, uint32_t stray)
{
	uint32_t origin = plan_reason(plan, PROMISE_P1, "answers");
	struct rule rule = rule_start(inward, action_goto(stray), origin);

	rule_match_number(&rule, FIELD_CT_DIRECTION, 1);
	plan_add(plan, rule);
	rule = rule_start(inward, action_goto(stray), origin);
	rule_match_bits(&rule, FIELD_CT_STATE,
			CT_STATE_RELATED | CT_STATE_INVALID | CT_STATE_UNTRACKED, false);
	plan_add(plan, rule);
}

/* What answers somebody, where no connections are known: ICMP by its type. */
static void make_answer_types(struct plan *plan, uint32_t inward, uint32_t stray)
{
	/* Echo, errors, timestamp, address mask; errors, echo, node information, redirect. */
	static const uint8_t types4[] = {0, 3, 4, 5, 11, 12, 14, 16, 18};
	static const uint8_t types6[] = {1, 2, 3, 4, 129, 137, 140};
	static const char *const names[FAMILY__COUNT] = {"answer_types4", "answer_types6"};

	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		bool v4 = f == FAMILY_IPV4;
		struct rule rule = rule_start(inward, action_goto(stray),
					      plan_reason(plan, PROMISE_P1, "answers"));
		uint32_t types =
			plan_constant_set(plan, names[f], icmp_type[f], v4 ? types4 : types6,
					  v4 ? sizeof(types4) : sizeof(types6), "answers");

		rule_match_set(&rule, types, FIELDS(icmp_type[f]));
		plan_add(plan, rule);
	}
}

/* Packets to an inside address. */
static void make_inward(struct plan *plan, uint32_t inward)
{
	uint32_t stray = ruleset_add_chain(plan->rs, "stray", STAGE_NONE, STAGE_OUTBOUND);
	struct rule rule = rule_start(inward, action_of(ACTION_ACCEPT),
				      plan_reason(plan, PROMISE_NONE, "the host to itself"));

	rule_match_prefix(&rule, FIELD_OIFNAME, key_of_interface(&loopback));
	plan_add(plan, rule);
	plan_add_by_family(plan,
			   rule_start(inward, action_of(ACTION_ACCEPT),
				      plan_reason(plan, PROMISE_P1, "to its own network")),
			   plan->members, FIELD_OIFNAME, plan_daddr);
	if (plan_tracks(plan))
		make_answers_known(plan, inward, stray);
	else
		make_answer_types(plan, inward, stray);
	rule = rule_start(inward, action_goto(stray),
			  plan_reason(plan, PROMISE_P1, "not begun by the host there"));
	rule_match_number(&rule, FIELD_SOURCE_ON_OUT, 0);
	plan_add(plan, rule);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(stray, action_of(ACTION_DROP),
				  plan_reason(plan, PROMISE_P1, "not to its network"));
		rule_match_set(&rule, plan->strays[f], FIELDS(plan_daddr[f]));
		plan_add(plan, rule);
	}
}

/* A rule that drops private sources; an address of the uplink itself is none there. */
static struct rule private_source(struct plan *plan, uint32_t chain, uint32_t set,
				  enum field source, const char *text)
{
	struct rule rule =
		rule_start(chain, action_of(ACTION_DROP), plan_reason(plan, PROMISE_P2, text));

	rule_match_set(&rule, set, FIELDS(FIELD_OIFNAME, source));
	rule_match_number(&rule, FIELD_SOURCE_ON_OUT, 0);
	return rule;
}

/* Sources that have no translation on an uplink, and so must not leave. */
static void make_stay(struct plan *plan, uint32_t outbound)
{
	uint32_t stay = ruleset_add_chain(plan->rs, "stay", STAGE_NONE, STAGE_OUTBOUND);
	struct rule rule = rule_start(outbound, action_goto(stay),
				      plan_reason(plan, PROMISE_P2, "goes outside"));

	rule_match_set(&rule, plan->uplinks, FIELDS(FIELD_OIFNAME));
	plan_add(plan, rule);
	for (size_t i = 0; i < sizeof(link_scope) / sizeof(*link_scope); i++) {
		enum family f = link_scope[i].family;

		rule = rule_start(stay, action_of(ACTION_DROP),
				  plan_reason(plan, PROMISE_P2, "stays on the link"));
		rule_match_prefix(&rule, plan_daddr[f], key_of_text(link_scope[i].prefix));
		rule_match_set(&rule, plan->translated[f], FIELDS(FIELD_OIFNAME, plan_saddr[f]));
		rule_match_number(&rule, FIELD_SOURCE_ON_OUT, 0);
		plan_add(plan, rule);
	}
	for (enum family f = 0; f < FAMILY__COUNT; f++)
		plan_add(plan, private_source(plan, stay, plan->closed[f], plan_saddr[f],
					      "no translation there"));
}

void plan_outbound(struct plan *plan)
{
	struct ruleset *rs = plan->rs;
	uint32_t outbound = ruleset_add_chain(rs, "outbound", STAGE_OUTBOUND, STAGE_OUTBOUND);
	uint32_t inward = ruleset_add_chain(rs, "inward", STAGE_NONE, STAGE_OUTBOUND);

	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		struct rule rule =
			rule_start(outbound, action_goto(inward),
				   plan_reason(plan, PROMISE_P1, "to an inside address"));

		rule_match_set(&rule, plan->subnets[f], FIELDS(plan_daddr[f]));
		plan_add(plan, rule);
	}
	if (plan_has(plan, plan->closed) || plan_has(plan, plan->translated))
		make_stay(plan, outbound);
	make_inward(plan, inward);
}

void plan_translation(struct plan *plan)
{
	uint32_t chain = ruleset_add_chain(plan->rs, "translate", STAGE_NAT_POSTROUTING,
					   STAGE_NAT_POSTROUTING);
	struct rule rule = rule_start(chain, action_of(ACTION_ACCEPT),
				      plan_reason(plan, PROMISE_NONE, "the uplink's own source"));

	rule_match_number(&rule, FIELD_SOURCE_ON_OUT, 1);
	plan_add(plan, rule);
	plan_add_by_family(plan,
			   rule_start(chain, action_of(ACTION_DISPATCH),
				      plan_reason(plan, PROMISE_NONE, "translation")),
			   plan->snat, FIELD_OIFNAME, plan_saddr);
}

/* What should have been translated, and was not; or was, to what is not the uplink's. */
void plan_guard(struct plan *plan)
{
	struct ruleset *rs = plan->rs;
	uint32_t guard = ruleset_add_chain(rs, "guard", STAGE_GUARD, STAGE_GUARD);
	uint32_t private = ruleset_add_chain(rs, "private", STAGE_NONE, STAGE_GUARD);
	struct rule rule = rule_start(guard, action_goto(private),
				      plan_reason(plan, PROMISE_P2, "goes outside"));

	rule_match_set(&rule, plan->uplinks, FIELDS(FIELD_OIFNAME));
	plan_add(plan, rule);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = private_source(plan, private, plan->translated[f], plan_saddr[f],
				      "private source");
		rule_match_number(&rule, FIELD_UNTRANSLATED, 1);
		plan_add(plan, rule);
		rule = private_source(plan, private, plan->closed[f], plan_saddr[f],
				      "translated to a private source");
		rule.only = FOR_NFT;
		plan_add(plan, rule);
		/*
		 * Masquerade takes any address of the host where the uplink has none. Once a
		 * connection has its address, the kernel ends it when it moves to another uplink.
		 */
		rule = rule_start(private, action_of(ACTION_DROP),
				  plan_reason(plan, PROMISE_P2, "not the uplink's address"));
		rule_match_bits(&rule, FIELD_CT_STATE, CT_STATE_NEW | CT_STATE_RELATED, false);
		rule_match_set(&rule, plan->borrowed[f], FIELDS(FIELD_OIFNAME, ct_saddr[f]));
		rule_match_number(&rule, FIELD_SOURCE_ON_OUT, 0);
		rule.only = FOR_NFT;
		plan_add(plan, rule);
	}
}
