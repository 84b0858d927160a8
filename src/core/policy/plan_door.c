// SPDX-License-Identifier: GPL-2.0-or-later
// plan_door: who may come in, before routing and connections: sources that are believed.
/*
 * Theory of operation
 *
 * Whatever the host answers to a forged source goes to the forged address, out of an
 * uplink. So a source must be a member's, or one that the host would answer through that same
 * interface. What has no routable source yet passes only towards destinations that are never
 * routed or answered: DHCP, IGMP, neighbour discovery, link-local multicast. A link-local IPv6
 * source is answered on its own link by definition; IPv4 has no such rule, so 169.254.0.0/16 passes
 * to multicast, for the sake of guests on one bridge (br_netfilter), but not to the host itself,
 * and is otherwise subject to the reverse path like any other.
 */
#include <netinet/in.h>

#include "policy/plan_rules.h"
#include "rules/field.h"

/* No guest becomes the host's router: ICMP redirect; router advertisement and redirect. */
static void make_no_router(struct plan *plan, uint32_t source)
{
	static const uint8_t types[] = {134, 137};
	uint32_t chain = ruleset_add_chain(plan->rs, "router", STAGE_NONE, STAGE_DOOR);
	uint32_t origin = plan_reason(plan, PROMISE_P4, "no router of ours");
	uint32_t set = plan_constant_set(plan, "router_types", FIELD_ICMPV6_TYPE, types,
					 sizeof(types), "no router of ours");
	struct rule rule = rule_start(source, action_goto(chain), origin);

	rule_match_number(&rule, FIELD_ICMP_TYPE, 5);
	plan_add(plan, rule);
	rule = rule_start(source, action_goto(chain), origin);
	rule_match_set(&rule, set, FIELDS(FIELD_ICMPV6_TYPE));
	plan_add(plan, rule);
	plan_add_counted(plan, rule_start(chain, action_of(ACTION_DROP), origin), plan->forged,
			 FIELD_IIFNAME);
}

/* What a machine sends while it has no address yet. */
static void make_unready(struct plan *plan, uint32_t source)
{
	/* MLD report and done, router and neighbour solicitation, MLDv2 report: RFC 2710, 4861, 3810. */
	static const uint8_t nd_types[] = {131, 132, 133, 135, 143};
	uint32_t unready = plan_reason(plan, PROMISE_P4, "no source yet");
	struct action pass = action_of(ACTION_ACCEPT), drop = action_of(ACTION_DROP);
	struct rule rule = rule_start(source, pass, plan_reason(plan, PROMISE_P4, "DHCP"));

	rule_match_prefix(&rule, FIELD_SADDR4, key_of_text("0.0.0.0/32"));
	rule_match_prefix(&rule, FIELD_DADDR4, key_of_text("255.255.255.255/32"));
	rule_match_prefix(&rule, FIELD_SERVICE, key_of_service(IPPROTO_UDP, 67));
	plan_add(plan, rule);
	/* To the network's own broadcast address. The kernel takes no such packet for any other. */
	rule = rule_start(source, pass, plan_reason(plan, PROMISE_P4, "DHCP"));
	rule_match_prefix(&rule, FIELD_SADDR4, key_of_text("0.0.0.0/32"));
	rule_match_prefix(&rule, FIELD_SERVICE, key_of_service(IPPROTO_UDP, 67));
	rule_match_set(&rule, plan->members[FAMILY_IPV4], FIELDS(FIELD_IIFNAME, FIELD_DADDR4));
	plan_add(plan, rule);
	rule = rule_start(source, pass, plan_reason(plan, PROMISE_P4, "IGMP"));
	rule_match_prefix(&rule, FIELD_SADDR4, key_of_text("0.0.0.0/32"));
	rule_match_prefix(&rule, FIELD_DADDR4, key_of_text("224.0.0.0/4"));
	rule_match_number(&rule, FIELD_L4PROTO, 2);
	plan_add(plan, rule);
	rule = rule_start(source, drop, unready);
	rule_match_prefix(&rule, FIELD_SADDR4, key_of_text("0.0.0.0/8"));
	plan_add_counted(plan, rule, plan->forged, FIELD_IIFNAME);

	rule = rule_start(source, pass, plan_reason(plan, PROMISE_P4, "neighbour discovery"));
	rule_match_prefix(&rule, FIELD_SADDR6, key_of_text("::/128"));
	rule_match_prefix(&rule, FIELD_DADDR6, key_of_text("ff02::/16"));
	rule_match_set(&rule,
		       plan_constant_set(plan, "nd_types", FIELD_ICMPV6_TYPE, nd_types,
					 sizeof(nd_types), "neighbour discovery"),
		       FIELDS(FIELD_ICMPV6_TYPE));
	plan_add(plan, rule);
	rule = rule_start(source, drop, unready);
	rule_match_prefix(&rule, FIELD_SADDR6, key_of_text("::/128"));
	plan_add_counted(plan, rule, plan->forged, FIELD_IIFNAME);
}

/* What is for the host. */
static const struct {
	enum field field;
	const char *prefix; /* NULL: the answer 1 */
} to_host[] = {
	{FIELD_DEST_LOCAL, NULL},
	{FIELD_DEST_BROADCAST, NULL},
	{FIELD_DADDR4, "224.0.0.0/4"},
	{FIELD_DADDR6, "ff00::/8"},
};

static void match_to_host(struct rule *rule, size_t i)
{
	rule_match_prefix(rule, to_host[i].field,
			  to_host[i].prefix ? key_of_text(to_host[i].prefix)
					    : key_of_number(to_host[i].field, 1));
}

/*
 * The host's own source. The kernel gives the host back what it sends to many itself, as if it came
 * in there. It is of a connection already, where what a guest sends is not yet of one.
 */
static void make_self(struct plan *plan, uint32_t own)
{
	uint32_t host = plan_reason(plan, PROMISE_P4, "the host's own source");
	uint32_t self = ruleset_add_chain(plan->rs, "self", STAGE_NONE, STAGE_DOOR);
	struct rule rule = rule_start(own, action_goto(self), host);

	rule_match_number(&rule, FIELD_SOURCE_LOCAL, 1);
	plan_add(plan, rule);
	for (size_t i = 1; i < sizeof(to_host) / sizeof(*to_host); i++) {
		rule = rule_start(self, action_of(ACTION_ACCEPT),
				  plan_reason(plan, PROMISE_NONE, "the host to many"));
		match_to_host(&rule, i);
		if (plan_tracks(plan))
			rule_match_bits(&rule, FIELD_CT_STATE, CT_STATE_INVALID, true);
		plan_add(plan, rule);
	}
	plan_add_counted(plan, rule_start(self, action_of(ACTION_DROP), host), plan->forged,
			 FIELD_IIFNAME);
}

/*
 * Sources that are the network's, but may not be a guest's: the host's own; and what the host would
 * answer by another interface. Iptables can ask for the reverse path only here, where nobody knows
 * yet what is for the host and what for another guest on the same bridge.
 */
static void make_own(struct plan *plan, uint32_t own)
{
	uint32_t origin = plan_reason(plan, PROMISE_P1, "answered elsewhere");

	make_self(plan, own);
	for (size_t i = 0; i < sizeof(to_host) / sizeof(*to_host); i++) {
		struct rule rule = rule_start(own, action_of(ACTION_DROP), origin);

		rule.only = FOR_XT;
		match_to_host(&rule, i);
		rule_match_number(&rule, FIELD_REVERSE_PATH, 0);
		plan_add_counted(plan, rule, plan->forged, FIELD_IIFNAME);
	}
}

/* By a network's interface. */
static void make_source(struct plan *plan, uint32_t source, uint32_t own)
{
	struct action pass = action_of(ACTION_ACCEPT);
	struct rule rule;

	make_no_router(plan, source);
	plan_add_by_family(
		plan,
		rule_start(source, action_goto(own), plan_reason(plan, PROMISE_P4, "own source")),
		plan->members, FIELD_IIFNAME, plan_saddr);
	make_unready(plan, source);
	rule = rule_start(source, pass, plan_reason(plan, PROMISE_P4, "link-local"));
	rule_match_prefix(&rule, FIELD_SADDR4, key_of_text("169.254.0.0/16"));
	rule_match_prefix(&rule, FIELD_DADDR4, key_of_text("224.0.0.0/4"));
	plan_add(plan, rule);
	rule = rule_start(source, pass, plan_reason(plan, PROMISE_P4, "link-local"));
	rule_match_prefix(&rule, FIELD_SADDR6, key_of_text("fe80::/10"));
	plan_add(plan, rule);
	rule = rule_start(source, action_of(ACTION_DROP),
			  plan_reason(plan, PROMISE_P4, "forged source"));
	rule_match_number(&rule, FIELD_REVERSE_PATH, 0);
	plan_add_counted(plan, rule, plan->forged, FIELD_IIFNAME);
}

/* An inside source by another interface. */
static void make_elsewhere(struct plan *plan, uint32_t elsewhere)
{
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		struct rule rule =
			rule_start(elsewhere, action_of(ACTION_DROP),
				   plan_reason(plan, PROMISE_P3, "inside source from elsewhere"));

		rule_match_number(&rule, FIELD_REVERSE_PATH, 0);
		rule_match_set(&rule, plan->strays[f], FIELDS(plan_saddr[f]));
		plan_add(plan, rule);
	}
}

void plan_door(struct plan *plan)
{
	struct ruleset *rs = plan->rs;
	uint32_t door = ruleset_add_chain(rs, "door", STAGE_DOOR, STAGE_DOOR);
	uint32_t source = ruleset_add_chain(rs, "source", STAGE_NONE, STAGE_DOOR);
	uint32_t own = ruleset_add_chain(rs, "own", STAGE_NONE, STAGE_DOOR);
	uint32_t elsewhere = ruleset_add_chain(rs, "elsewhere", STAGE_NONE, STAGE_DOOR);
	struct rule rule;

	rule = rule_start(door, action_goto(source),
			  plan_reason(plan, PROMISE_P4, "came in on a network"));
	rule_match_set(&rule, plan->networks, FIELDS(FIELD_IIFNAME));
	plan_add(plan, rule);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(door, action_goto(elsewhere),
				  plan_reason(plan, PROMISE_P3, "an inside source"));
		rule_match_set(&rule, plan->subnets[f], FIELDS(plan_saddr[f]));
		plan_add(plan, rule);
	}
	make_source(plan, source, own);
	make_own(plan, own);
	make_elsewhere(plan, elsewhere);
}
