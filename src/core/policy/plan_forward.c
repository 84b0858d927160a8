// SPDX-License-Identifier: GPL-2.0-or-later
// plan_forward: what is forwarded: it leaves a network, enters one, or concerns none.
/*
 * Theory of operation
 *
 * Within one network everything passes, before every other question: with br_netfilter on, frames
 * that only cross the switch pass FORWARD too, and may be of any state and source.
 */
#include "policy/plan_rules.h"
#include "rules/field.h"

static const enum field ct_daddr[FAMILY__COUNT] = {FIELD_CT_DADDR4, FIELD_CT_DADDR6};

/* Invalid packets have a chain of their own, so that all others are asked for their state once. */
static void make_invalid(struct plan *plan, uint32_t from, const char *name, uint32_t kept,
			 enum field side)
{
	uint32_t chain = ruleset_add_chain(plan->rs, name, STAGE_NONE, STAGE_FORWARD);
	uint32_t origin = plan_reason(plan, PROMISE_P2, "invalid state");
	struct rule rule = rule_start(from, action_goto(chain), origin);

	rule_match_bits(&rule, FIELD_CT_STATE, CT_STATE_INVALID, false);
	plan_add(plan, rule);
	plan_add_counted(plan, rule_start(chain, action_of(ACTION_DROP), origin), kept, side);
}

static void make_leave(struct plan *plan, uint32_t leave)
{
	struct ruleset *rs = plan->rs;
	struct action refuse = action_of(
		plan->description->settings.deny == DENY_DROP ? ACTION_DROP : ACTION_REJECT);
	struct rule rule = rule_start(leave, action_of(ACTION_ACCEPT),
				      plan_reason(plan, PROMISE_P1, "within a network"));
	uint32_t exit;

	rule_match_set(&rule, plan->inside, FIELDS(FIELD_IIFNAME, FIELD_OIFNAME));
	plan_add(plan, rule);
	if (!plan_tracks(plan)) {
		rule = rule_start(leave, refuse, plan_reason(plan, PROMISE_P1, "no way out there"));
		plan_add_counted(plan, rule, plan->kept_in, FIELD_IIFNAME);
		return;
	}
	exit = ruleset_add_chain(rs, "exit", STAGE_NONE, STAGE_FORWARD);
	make_invalid(plan, leave, "leave_invalid", plan->kept_in, FIELD_IIFNAME);
	plan_add_by_family(
		plan,
		rule_start(leave, action_goto(exit), plan_reason(plan, PROMISE_P4, "own source")),
		plan->members, FIELD_IIFNAME, plan_saddr);
	rule = rule_start(leave, refuse, plan_reason(plan, PROMISE_P4, "not its source"));
	plan_add_counted(plan, rule, plan->kept_in, FIELD_IIFNAME);

	rule = rule_start(exit, action_of(ACTION_ACCEPT),
			  plan_reason(plan, PROMISE_P1, "to an uplink of its own"));
	rule_match_set(&rule, plan->exits, FIELDS(FIELD_IIFNAME, FIELD_OIFNAME));
	plan_add(plan, rule);
	rule = rule_start(exit, refuse, plan_reason(plan, PROMISE_P1, "no way out there"));
	plan_add_counted(plan, rule, plan->kept_in, FIELD_IIFNAME);
}

static void make_reply_translated(struct plan *plan, uint32_t reply)
{
	struct action pass = action_of(ACTION_ACCEPT);
	struct rule rule;

	rule = rule_start(reply, pass,
			  plan_reason(plan, PROMISE_P3, "translated, from its uplink"));
	rule_match_bits(&rule, FIELD_CT_STATUS, CT_STATUS_SRC_NAT, false);
	rule_match_set(&rule, plan->entries, FIELDS(FIELD_OIFNAME, FIELD_IIFNAME));
	plan_add(plan, rule);
	rule = rule_start(reply, pass, plan_reason(plan, PROMISE_P3, "announced by a helper"));
	rule_match_bits(&rule, FIELD_CT_STATUS, CT_STATUS_EXPECTED, false);
	rule_match_bits(&rule, FIELD_CT_STATUS, CT_STATUS_DST_NAT, false);
	rule_match_set(&rule, plan->entries, FIELDS(FIELD_OIFNAME, FIELD_IIFNAME));
	plan_add(plan, rule);
}

static void make_reply_routed(struct plan *plan, uint32_t reply)
{
	struct action drop = action_of(ACTION_DROP);
	uint32_t with_host = ruleset_add_chain(plan->rs, "with_host", STAGE_NONE, STAGE_FORWARD);
	uint32_t origin = plan_reason(plan, PROMISE_P3, "of a connection with the host");
	struct rule rule;

	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(reply, drop,
				  plan_reason(plan, PROMISE_P3, "inside source from elsewhere"));
		rule_match_set(&rule, plan->strays[f], FIELDS(plan_saddr[f]));
		plan_add(plan, rule);
		rule = rule_start(reply, drop,
				  plan_reason(plan, PROMISE_P3, "of a connection within"));
		rule_match_set(&rule, plan->strays[f], FIELDS(ct_daddr[f]));
		plan_add(plan, rule);
		rule = rule_start(reply, action_goto(with_host), origin);
		rule_match_set(&rule, plan->own[f], FIELDS(ct_daddr[f]));
		plan_add(plan, rule);
	}
	plan_add_counted(plan, rule_start(with_host, drop, origin), plan->kept_out, FIELD_OIFNAME);
	rule = rule_start(reply, drop, plan_reason(plan, PROMISE_P3, "the host's own source"));
	rule_match_number(&rule, FIELD_SOURCE_LOCAL, 1);
	plan_add_counted(plan, rule, plan->kept_out, FIELD_OIFNAME);
	rule = rule_start(reply, drop, plan_reason(plan, PROMISE_P3, "a broadcast source"));
	rule_match_number(&rule, FIELD_SOURCE_BROADCAST, 1);
	plan_add_counted(plan, rule, plan->kept_out, FIELD_OIFNAME);
	rule = rule_start(reply, action_of(ACTION_ACCEPT),
			  plan_reason(plan, PROMISE_P3, "from an uplink of its own"));
	rule_match_set(&rule, plan->routed, FIELDS(FIELD_OIFNAME, FIELD_IIFNAME));
	plan_add(plan, rule);
}

/*
 * What belongs to a connection may enter where it left. A nat network's connections through an
 * uplink are translated; one that is not is the guest's with the host or with a neighbour, and who
 * answers it from outside has forged the source. A routed network's are not translated: there
 * neither the source itself nor the connection's destination may be ours. Asked for last is what
 * counts.
 */
static void make_reply(struct plan *plan, uint32_t reply)
{
	struct rule rule;

	if (plan_has_one(plan, plan->entries))
		make_reply_translated(plan, reply);
	if (plan_has_one(plan, plan->routed))
		make_reply_routed(plan, reply);
	rule = rule_start(reply, action_of(ACTION_DROP),
			  plan_reason(plan, PROMISE_P3, "no way in from there"));
	plan_add_counted(plan, rule, plan->kept_out, FIELD_OIFNAME);
}

/*
 * Two things are "related": an ICMP error about a connection, and the packets of a connection that a
 * helper announced, which are original ones of their own.
 */
static void make_entry(struct plan *plan, uint32_t entry, uint32_t reply)
{
	struct action drop = action_of(ACTION_DROP);
	uint32_t related = ruleset_add_chain(plan->rs, "related", STAGE_NONE, STAGE_FORWARD);
	struct rule rule =
		rule_start(entry, action_goto(related), plan_reason(plan, PROMISE_P3, "related"));

	rule_match_bits(&rule, FIELD_CT_STATE, CT_STATE_RELATED, false);
	plan_add(plan, rule);
	/* An error may have any source; that of a reply is the connection's. */
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(related, drop,
				  plan_reason(plan, PROMISE_P3, "inside source from elsewhere"));
		rule_match_set(&rule, plan->strays[f], FIELDS(plan_saddr[f]));
		plan_add(plan, rule);
	}
	plan_add(plan,
		 rule_start(related, action_goto(reply), plan_reason(plan, PROMISE_P3, "related")));
	rule = rule_start(entry, action_goto(reply), plan_reason(plan, PROMISE_P3, "reply"));
	rule_match_number(&rule, FIELD_CT_DIRECTION, 1);
	plan_add(plan, rule);
	rule = rule_start(entry, action_goto(reply),
			  plan_reason(plan, PROMISE_P3, "announced by a helper"));
	rule_match_bits(&rule, FIELD_CT_STATUS, CT_STATUS_EXPECTED, false);
	plan_add(plan, rule);
	rule = rule_start(entry, drop, plan_reason(plan, PROMISE_P3, "nobody asked"));
	plan_add_counted(plan, rule, plan->kept_out, FIELD_OIFNAME);
}

static void make_enter(struct plan *plan, uint32_t enter)
{
	struct ruleset *rs = plan->rs;
	struct action drop = action_of(ACTION_DROP);
	struct rule rule;
	uint32_t entry, reply;

	if (!plan_tracks(plan)) {
		rule = rule_start(enter, drop,
				  plan_reason(plan, PROMISE_P3, "no way in from there"));
		plan_add_counted(plan, rule, plan->kept_out, FIELD_OIFNAME);
		return;
	}
	entry = ruleset_add_chain(rs, "entry", STAGE_NONE, STAGE_FORWARD);
	reply = ruleset_add_chain(rs, "reply", STAGE_NONE, STAGE_FORWARD);
	make_invalid(plan, enter, "enter_invalid", plan->kept_out, FIELD_OIFNAME);
	plan_add_by_family(plan,
			   rule_start(enter, action_goto(entry),
				      plan_reason(plan, PROMISE_P3, "to its own address")),
			   plan->members, FIELD_OIFNAME, plan_daddr);
	rule = rule_start(enter, drop, plan_reason(plan, PROMISE_P3, "not its address"));
	plan_add_counted(plan, rule, plan->kept_out, FIELD_OIFNAME);
	make_entry(plan, entry, reply);
	make_reply(plan, reply);
}

void plan_forward(struct plan *plan)
{
	struct ruleset *rs = plan->rs;
	uint32_t forward = ruleset_add_chain(rs, "forward", STAGE_FORWARD, STAGE_FORWARD);
	uint32_t leave = ruleset_add_chain(rs, "leave", STAGE_NONE, STAGE_FORWARD);
	uint32_t enter = ruleset_add_chain(rs, "enter", STAGE_NONE, STAGE_FORWARD);
	struct rule rule;

	rule = rule_start(forward, action_goto(leave),
			  plan_reason(plan, PROMISE_P1, "leaves a network"));
	rule_match_set(&rule, plan->networks, FIELDS(FIELD_IIFNAME));
	plan_add(plan, rule);
	rule = rule_start(forward, action_goto(enter),
			  plan_reason(plan, PROMISE_P3, "enters a network"));
	rule_match_set(&rule, plan->networks, FIELDS(FIELD_OIFNAME));
	plan_add(plan, rule);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(forward, action_of(ACTION_DROP),
				  plan_reason(plan, PROMISE_P1, "inside source from elsewhere"));
		rule_match_set(&rule, plan->strays[f], FIELDS(plan_saddr[f]));
		plan_add(plan, rule);
		rule = rule_start(forward, action_of(ACTION_DROP),
				  plan_reason(plan, PROMISE_P1, "not to its network"));
		rule_match_set(&rule, plan->strays[f], FIELDS(plan_daddr[f]));
		plan_add(plan, rule);
	}
	make_leave(plan, leave);
	make_enter(plan, enter);
}
