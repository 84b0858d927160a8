// SPDX-License-Identifier: GPL-2.0-or-later
// plan_input: what the host itself hears, and what it does not answer.
/*
 * Theory of operation
 *
 * What the host would answer by another interface than the guest's it does not hear: where a
 * service's socket is bound to no address, such an answer looks like a connection of the host's own.
 */
#include "policy/plan_rules.h"
#include "rules/field.h"

static const struct ifpattern loopback = {.name = "lo"};

/* A guest that could be answered. */
static void make_guest(struct plan *plan, uint32_t taken, uint32_t guest)
{
	struct rule rule;

	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(taken, action_goto(guest),
				  plan_reason(plan, PROMISE_P4, "own source"));
		rule_match_set(&rule, plan->members[f], FIELDS(FIELD_IIFNAME, plan_saddr[f]));
		rule.only = FOR_NFT;
		plan_add(plan, rule);
		rule.action = action_of(ACTION_ACCEPT);
		rule.only = FOR_XT;
		plan_add(plan, rule);
	}
	rule = rule_start(guest, action_of(ACTION_ACCEPT),
			  plan_reason(plan, PROMISE_NONE, "the host to many"));
	rule_match_number(&rule, FIELD_SOURCE_LOCAL, 1);
	rule.only = FOR_NFT;
	plan_add(plan, rule);
	rule = rule_start(guest, action_of(ACTION_DROP),
			  plan_reason(plan, PROMISE_P1, "answered elsewhere"));
	rule_match_number(&rule, FIELD_REVERSE_PATH, 0);
	rule.only = FOR_NFT;
	plan_add_counted(plan, rule, plan->forged, FIELD_IIFNAME);
}

/* Somebody elsewhere whom the host asked; where connections are not known, whoever passed the door. */
static void make_asked(struct plan *plan, uint32_t taken)
{
	struct rule rule;

	if (!plan_tracks(plan))
		return;
	rule = rule_start(taken, action_of(ACTION_ACCEPT),
			  plan_reason(plan, PROMISE_NONE, "the host to itself"));
	rule_match_prefix(&rule, FIELD_IIFNAME, key_of_interface(&loopback));
	plan_add(plan, rule);
	rule = rule_start(taken, action_of(ACTION_ACCEPT),
			  plan_reason(plan, PROMISE_NONE, "begun by the host there"));
	rule_match_number(&rule, FIELD_CT_DIRECTION, 1);
	rule_match_bits(&rule, FIELD_CT_STATE, CT_STATE_ESTABLISHED, false);
	plan_add(plan, rule);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(taken, action_of(ACTION_DROP),
				  plan_reason(plan, PROMISE_P3, "inside source from elsewhere"));
		rule_match_set(&rule, plan->strays[f], FIELDS(plan_saddr[f]));
		plan_add(plan, rule);
	}
}

/* Inside sources. */
static void make_taken(struct plan *plan, uint32_t input)
{
	struct ruleset *rs = plan->rs;
	uint32_t taken = ruleset_add_chain(rs, "taken", STAGE_NONE, STAGE_INPUT);
	uint32_t guest = ruleset_add_chain(rs, "guest", STAGE_NONE, STAGE_INPUT);
	struct rule rule;

	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(input, action_goto(taken),
				  plan_reason(plan, PROMISE_P3, "an inside source"));
		rule_match_set(&rule, plan->subnets[f], FIELDS(plan_saddr[f]));
		plan_add(plan, rule);
	}
	make_guest(plan, taken, guest);
	make_asked(plan, taken);
}

/* The host answers a link-local IPv4 source by its default route: so it does not hear it. */
static void make_link_local(struct plan *plan, uint32_t input)
{
	uint32_t unanswered = ruleset_add_chain(plan->rs, "unanswered", STAGE_NONE, STAGE_INPUT);
	struct rule rule = rule_start(input, action_goto(unanswered),
				      plan_reason(plan, PROMISE_P4, "link-local"));

	rule_match_prefix(&rule, FIELD_SADDR4, key_of_text("169.254.0.0/16"));
	rule_match_prefix(&rule, FIELD_DADDR4, key_of_text("224.0.0.0/4"));
	rule_match_set(&rule, plan->networks, FIELDS(FIELD_IIFNAME));
	plan_add(plan, rule);
	rule = rule_start(unanswered, action_of(ACTION_DROP),
			  plan_reason(plan, PROMISE_P4, "link-local, and not answered there"));
	rule_match_prefix(&rule, FIELD_SADDR4, key_of_text("169.254.0.0/16"));
	plan_add_counted(plan, rule, plan->forged, FIELD_IIFNAME);
}

void plan_input(struct plan *plan)
{
	uint32_t input = ruleset_add_chain(plan->rs, "input", STAGE_INPUT, STAGE_INPUT);

	make_taken(plan, input);
	make_link_local(plan, input);
}

/*
 * Some answers of the kernel go where no rule could foresee. IPv6 hop-by-hop options are read, and a
 * wrong one is answered with "parameter problem" (code 0 or 2), before any hook. Where fragments
 * are put together in front of the door (legacy iptables), one that stays incomplete is answered
 * with "reassembly time exceeded". And an IPv4 source route is remembered before the next option
 * turns out to be wrong: "parameter problem" then follows it backwards, to whatever address the
 * sender wrote there. So from here these answers go nowhere at all. Guests' own, which are
 * forwarded, do not pass this place.
 */
void plan_answers(struct plan *plan)
{
	static const struct {
		enum field field;
		uint8_t type, code;
		enum lowering_for only;
	} answers[] = {
		{FIELD_ICMP_KIND, 11, 1, FOR_XT},    {FIELD_ICMP_KIND, 12, 0, FOR_BOTH},
		{FIELD_ICMPV6_KIND, 3, 1, FOR_XT},   {FIELD_ICMPV6_KIND, 4, 0, FOR_BOTH},
		{FIELD_ICMPV6_KIND, 4, 2, FOR_BOTH},
	};
	uint32_t chain = ruleset_add_chain(plan->rs, "answers", STAGE_OUTPUT, STAGE_OUTPUT);
	uint32_t origin = plan_reason(plan, PROMISE_P4, "answer to nobody knows whom");

	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		struct rule rule = rule_start(chain, action_of(ACTION_DROP), origin);

		rule.only = answers[i].only;
		rule_match_number(&rule, answers[i].field,
				  (uint32_t)answers[i].type << 8 | answers[i].code);
		plan_add(plan, rule);
	}
}
