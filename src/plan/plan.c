// SPDX-License-Identifier: GPL-2.0-or-later
// plan: description to ruleset; the only file that knows the policy.
/*
 * Theory of operation
 *
 * The rules are constant and the description is their data, in these sets:
 *
 *   networks   (interface)              every network's interfaces
 *   members    (interface, source)      every network's interfaces with its subnets
 *   inside     (in, out)                ways within one network
 *   exits      (in, out)                ways from a nat or routed network to its uplinks
 *   entries    (out, in)                the same ways back
 *   snat       (out, source) -> action  what a nat network's source becomes on its uplinks
 *   translated (out, source)            the keys of snat; the kernel takes no map of
 *                                       translations where nothing is translated
 *   closed     (out, source)            private sources that have no translation on that uplink
 *   uplinks    (interface)              every uplink
 *   kept_in, kept_out, forged (interface)
 *                                       every network's interfaces, to count what is refused
 *
 * Sets with a tally count for each network what is found by them. Counting decides nothing: where
 * the verdict asks for no set that could count, a rule in front of it does nothing but count.
 *
 * A chain is entered by goto and ends by accept, drop or reject: a packet's way through a stage is
 * one path, and what is not accepted on the way is refused at its end. Deny first: a packet that
 * came in on a network is judged as a leaving one; no rule about entering lets it pass.
 *
 * The door. Whatever the host answers to a forged source goes to the forged address, out of an
 * uplink. So a source must be a member's, or one that the host would answer through that same
 * interface. What has no routable source yet passes only towards destinations that are never
 * routed or answered with ICMP: DHCP, neighbour discovery, and link-local multicast. A link-local
 * IPv6 source is answered on its own link by definition; IPv4 has no such rule, so 169.254.0.0/16
 * passes to link-local multicast and is otherwise subject to the reverse path like any other.
 *
 * Within one network everything passes, before every other question: with br_netfilter on, frames
 * that only cross the switch pass FORWARD too, and may be of any state and source.
 */
#include <string.h>

#include "plan/build.h"
#include "plan/field.h"
#include "plan/hole.h"
#include "plan/plan_sysctl.h"

/* What the maker functions share. */
struct plan {
	const struct description *description;
	struct ruleset *rs;
	uint32_t networks, inside, exits, entries;
	uint32_t kept_in, kept_out, forged;
	uint32_t members[FAMILY__COUNT], snat[FAMILY__COUNT], closed[FAMILY__COUNT],
		translated[FAMILY__COUNT];
	uint32_t uplinks;
	uint32_t nd_types;
};

static const enum field saddr_field[FAMILY__COUNT] = {FIELD_SADDR4, FIELD_SADDR6};
static const enum field daddr_field[FAMILY__COUNT] = {FIELD_DADDR4, FIELD_DADDR6};

/* Destinations that translation leaves alone, and that so never leave with a private source. */
static const struct {
	enum family family;
	const char *prefix;
} link_scope[] = {
	{FAMILY_IPV4, "224.0.0.0/24"},
	{FAMILY_IPV4, "255.255.255.255/32"},
	{FAMILY_IPV6, "ff02::/16"},
};

static struct key no_key(void)
{
	return (struct key){0};
}

static struct key key_of_text(const char *text)
{
	struct prefix prefix = {0};

	/* Only constants of this file come here. */
	(void)prefix_parse(text, &prefix);
	return key_of_prefix(&prefix);
}

static uint32_t origin_of_rule(struct plan *plan, enum promise promise, const char *text)
{
	return ruleset_add_origin(plan->rs, promise, text, NULL, PLACE_NONE);
}

/* Sets and their elements. */

static uint32_t add_tally(struct plan *plan, enum tally tally, const char *name, enum field a,
			  enum field b)
{
	uint32_t set = ruleset_add_set(plan->rs, name, false, a, b);

	plan->rs->sets[set].tally = tally;
	return set;
}

static void make_sets(struct plan *plan)
{
	/* MLD report and done, neighbour solicitation, MLDv2 report: RFC 2710, 4861, 3810. */
	static const uint8_t nd_types[] = {131, 132, 135, 143};

	struct ruleset *rs = plan->rs;
	static const char *const names[][FAMILY__COUNT] = {
		{"members4", "members6"},
		{"snat4", "snat6"},
		{"closed4", "closed6"},
		{"translated4", "translated6"},
	};

	plan->networks = ruleset_add_set(rs, "networks", false, FIELD_IIFNAME, FIELD__COUNT);
	plan->uplinks = ruleset_add_set(rs, "uplinks", false, FIELD_OIFNAME, FIELD__COUNT);
	plan->inside = ruleset_add_set(rs, "inside", false, FIELD_IIFNAME, FIELD_OIFNAME);
	plan->exits =
		add_tally(plan, TALLY_OUT, "exits", FIELD_IIFNAME, FIELD_OIFNAME);
	plan->entries = add_tally(plan, TALLY_IN, "entries", FIELD_OIFNAME, FIELD_IIFNAME);
	plan->kept_in = add_tally(plan, TALLY_REFUSED, "kept_in", FIELD_IIFNAME, FIELD__COUNT);
	plan->kept_out = add_tally(plan, TALLY_REFUSED, "kept_out", FIELD_OIFNAME, FIELD__COUNT);
	plan->forged = add_tally(plan, TALLY_CAUGHT, "forged", FIELD_IIFNAME, FIELD__COUNT);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		plan->members[f] = ruleset_add_set(rs, names[0][f], false, FIELD_IIFNAME,
						   saddr_field[f]);
		plan->snat[f] =
			ruleset_add_set(rs, names[1][f], true, FIELD_OIFNAME, saddr_field[f]);
		plan->closed[f] = add_tally(plan, TALLY_CAUGHT, names[2][f], FIELD_OIFNAME,
					    saddr_field[f]);
		plan->translated[f] = add_tally(plan, TALLY_CAUGHT, names[3][f], FIELD_OIFNAME,
						saddr_field[f]);
	}
	plan->nd_types =
		ruleset_add_set(rs, "nd_types", false, FIELD_ICMPV6_TYPE, FIELD__COUNT);
	for (size_t i = 0; i < sizeof(nd_types); i++)
		ruleset_add_element(rs, plan->nd_types,
				    key_of_number(FIELD_ICMPV6_TYPE, nd_types[i]), no_key(),
				    NO_INDEX,
				    origin_of_rule(plan, PROMISE_P4, "neighbour discovery"));
}

static bool network_uses(const struct network *network, size_t uplink)
{
	for (size_t i = 0; i < network->n_uplinks; i++)
		if (network->uplinks[i] == uplink)
			return true;
	return false;
}

/* A private source either has a translation on an uplink or must not leave there at all. */
static void add_private_source(struct plan *plan, const struct network *network,
			       const struct subnet *subnet, size_t uplink_idx)
{
	const struct uplink *uplink = &plan->description->uplinks[uplink_idx];
	enum family family = subnet->prefix.addr.family;
	struct key out = key_of_interface(&uplink->interface);
	struct key source = key_of_prefix(&subnet->prefix);

	if (network->mode != MODE_NAT || !network_uses(network, uplink_idx)) {
		uint32_t origin = ruleset_add_origin(plan->rs, PROMISE_P2, "private source",
						     network->name, subnet->place);

		ruleset_add_element(plan->rs, plan->closed[family], out, source, NO_INDEX, origin);
		return;
	}
	struct translation translation = network_translation(network, uplink, family);
	struct action action = {
		.kind = translation.masquerade ? ACTION_MASQUERADE : ACTION_SNAT,
		.addr = translation.address,
	};

	if (translation.masquerade)
		action.addr = (struct addr){.family = family};
	uint32_t origin = ruleset_add_origin(plan->rs, PROMISE_NONE, "translation", network->name,
					     subnet->place);

	ruleset_add_element(plan->rs, plan->snat[family], out, source,
			    ruleset_add_action(plan->rs, action), origin);
	ruleset_add_element(plan->rs, plan->translated[family], out, source, NO_INDEX, origin);
}

static void add_network(struct plan *plan, const struct network *network)
{
	struct ruleset *rs = plan->rs;
	uint32_t origin =
		ruleset_add_origin(rs, PROMISE_P1, "network", network->name, network->place);

	for (size_t i = 0; i < network->n_interfaces; i++) {
		struct key in = key_of_interface(&network->interfaces[i]);

		ruleset_add_element(rs, plan->networks, in, no_key(), NO_INDEX, origin);
		ruleset_add_element(rs, plan->kept_in, in, no_key(), NO_INDEX, origin);
		ruleset_add_element(rs, plan->kept_out, in, no_key(), NO_INDEX, origin);
		ruleset_add_element(rs, plan->forged, in, no_key(), NO_INDEX, origin);
		for (size_t j = 0; j < network->n_interfaces; j++)
			ruleset_add_element(rs, plan->inside, in,
					    key_of_interface(&network->interfaces[j]), NO_INDEX,
					    origin);
		if (mode_leaves(network->mode))
			for (size_t u = 0; u < network->n_uplinks; u++) {
				const struct uplink *uplink =
					&plan->description->uplinks[network->uplinks[u]];

				struct key out = key_of_interface(&uplink->interface);

				ruleset_add_element(rs, plan->exits, in, out, NO_INDEX, origin);
				ruleset_add_element(rs, plan->entries, in, out, NO_INDEX, origin);
			}
	}
	for (size_t s = 0; s < network->n_subnets; s++) {
		const struct subnet *subnet = &network->subnets[s];
		uint32_t member = ruleset_add_origin(rs, PROMISE_P4, "subnet", network->name,
						     subnet->place);

		for (size_t i = 0; i < network->n_interfaces; i++)
			ruleset_add_element(rs, plan->members[subnet->prefix.addr.family],
					    key_of_interface(&network->interfaces[i]),
					    key_of_prefix(&subnet->prefix), NO_INDEX, member);
		if (network->mode == MODE_ROUTED)
			continue;
		for (size_t u = 0; u < plan->description->n_uplinks; u++)
			add_private_source(plan, network, subnet, u);
	}
}

/* Rules. Each maker writes the chains of one stage. */

static void add(struct plan *plan, struct rule rule)
{
	ruleset_add_rule(plan->rs, &rule);
}

/* Adds a rule that refuses, behind one that counts what it is going to refuse. */
static void add_counted(struct plan *plan, struct rule rule, uint32_t set, enum field field)
{
	struct rule count = rule;

	count.action = action_of(ACTION_COUNT);
	count.counter = false;
	count.origin = origin_of_rule(plan, PROMISE_NONE, "counts");
	rule_match_set(&count, set, field, FIELD__COUNT);
	add(plan, count);
	add(plan, rule);
}

static void make_door(struct plan *plan)
{
	struct ruleset *rs = plan->rs;
	uint32_t door = ruleset_add_chain(rs, "door", STAGE_DOOR, STAGE_DOOR);
	uint32_t source = ruleset_add_chain(rs, "source", STAGE_NONE, STAGE_DOOR);
	uint32_t forged = origin_of_rule(plan, PROMISE_P4, "forged source");
	uint32_t unready = origin_of_rule(plan, PROMISE_P4, "no source yet");
	struct action pass = action_of(ACTION_ACCEPT), drop = action_of(ACTION_DROP);
	struct rule rule;

	rule = rule_start(door, action_goto(source),
			  origin_of_rule(plan, PROMISE_P4, "came in on a network"));
	rule_match_set(&rule, plan->networks, FIELD_IIFNAME, FIELD__COUNT);
	add(plan, rule);

	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(source, pass,
				  origin_of_rule(plan, PROMISE_P4, "own source"));
		rule_match_set(&rule, plan->members[f], FIELD_IIFNAME, saddr_field[f]);
		add(plan, rule);
	}

	rule = rule_start(source, pass, origin_of_rule(plan, PROMISE_P4, "DHCP"));
	rule_match_prefix(&rule, FIELD_SADDR4, key_of_text("0.0.0.0/32"));
	rule_match_prefix(&rule, FIELD_DADDR4, key_of_text("255.255.255.255/32"));
	rule_match_prefix(&rule, FIELD_UDP_DPORT, key_of_number(FIELD_UDP_DPORT, 67));
	add(plan, rule);
	rule = rule_start(source, drop, unready);
	rule_match_prefix(&rule, FIELD_SADDR4, key_of_text("0.0.0.0/8"));
	add_counted(plan, rule, plan->forged, FIELD_IIFNAME);

	rule = rule_start(source, pass, origin_of_rule(plan, PROMISE_P4, "neighbour discovery"));
	rule_match_prefix(&rule, FIELD_SADDR6, key_of_text("::/128"));
	rule_match_prefix(&rule, FIELD_DADDR6, key_of_text("ff02::/16"));
	rule_match_set(&rule, plan->nd_types, FIELD_ICMPV6_TYPE, FIELD__COUNT);
	add(plan, rule);
	rule = rule_start(source, drop, unready);
	rule_match_prefix(&rule, FIELD_SADDR6, key_of_text("::/128"));
	add_counted(plan, rule, plan->forged, FIELD_IIFNAME);

	rule = rule_start(source, pass, origin_of_rule(plan, PROMISE_P4, "link-local"));
	rule_match_prefix(&rule, FIELD_SADDR4, key_of_text("169.254.0.0/16"));
	rule_match_prefix(&rule, FIELD_DADDR4, key_of_text("224.0.0.0/24"));
	add(plan, rule);
	rule = rule_start(source, pass, origin_of_rule(plan, PROMISE_P4, "link-local"));
	rule_match_prefix(&rule, FIELD_SADDR6, key_of_text("fe80::/10"));
	add(plan, rule);

	rule = rule_start(source, drop, forged);
	rule_match_prefix(&rule, FIELD_REVERSE_PATH, key_of_number(FIELD_REVERSE_PATH, 0));
	add_counted(plan, rule, plan->forged, FIELD_IIFNAME);
}

/*
 * The kernel gives two answers before it asks the door: IPv6 hop-by-hop options are read, and a
 * wrong one is answered with "parameter problem", before any hook; and where fragments are put
 * together in front of the door (legacy iptables), one that stays incomplete is answered with
 * "reassembly time exceeded". A forged source may lie anywhere, so from here these answers go
 * nowhere at all. Guests' own, which are forwarded, do not pass this place.
 */
static void make_output(struct plan *plan)
{
	static const struct {
		enum field field;
		uint8_t type, code;
	} answers[] = {{FIELD_ICMP_KIND, 11, 1}, {FIELD_ICMPV6_KIND, 3, 1}, {FIELD_ICMPV6_TYPE, 4, 0}};
	uint32_t chain = ruleset_add_chain(plan->rs, "answers", STAGE_OUTPUT, STAGE_OUTPUT);
	uint32_t origin = origin_of_rule(plan, PROMISE_P4, "answer to a forged source");

	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		enum field field = answers[i].field;
		struct rule rule = rule_start(chain, action_of(ACTION_DROP), origin);
		uint32_t number = answers[i].type;

		if (field != FIELD_ICMPV6_TYPE)
			number = number << 8 | answers[i].code;
		rule_match_prefix(&rule, field, key_of_number(field, number));
		add(plan, rule);
	}
}

static void make_forward(struct plan *plan)
{
	struct ruleset *rs = plan->rs;
	uint32_t forward = ruleset_add_chain(rs, "forward", STAGE_FORWARD, STAGE_FORWARD);
	uint32_t leave = ruleset_add_chain(rs, "leave", STAGE_NONE, STAGE_FORWARD);
	uint32_t exit = ruleset_add_chain(rs, "exit", STAGE_NONE, STAGE_FORWARD);
	uint32_t enter = ruleset_add_chain(rs, "enter", STAGE_NONE, STAGE_FORWARD);
	uint32_t entry = ruleset_add_chain(rs, "entry", STAGE_NONE, STAGE_FORWARD);
	uint32_t reply = ruleset_add_chain(rs, "reply", STAGE_NONE, STAGE_FORWARD);
	struct action pass = action_of(ACTION_ACCEPT), drop = action_of(ACTION_DROP);
	struct action refuse = plan->description->settings.deny == DENY_DROP ?
				       drop :
				       action_of(ACTION_REJECT);
	uint32_t invalid = origin_of_rule(plan, PROMISE_P2, "invalid state");
	struct rule rule;

	rule = rule_start(forward, action_goto(leave),
			  origin_of_rule(plan, PROMISE_P1, "leaves a network"));
	rule_match_set(&rule, plan->networks, FIELD_IIFNAME, FIELD__COUNT);
	add(plan, rule);
	rule = rule_start(forward, action_goto(enter),
			  origin_of_rule(plan, PROMISE_P3, "enters a network"));
	rule_match_set(&rule, plan->networks, FIELD_OIFNAME, FIELD__COUNT);
	add(plan, rule);

	rule = rule_start(leave, pass, origin_of_rule(plan, PROMISE_P1, "within a network"));
	rule_match_set(&rule, plan->inside, FIELD_IIFNAME, FIELD_OIFNAME);
	add(plan, rule);
	rule = rule_start(leave, drop, invalid);
	rule_match_bits(&rule, FIELD_CT_STATE, CT_STATE_INVALID, false);
	add_counted(plan, rule, plan->kept_in, FIELD_IIFNAME);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(leave, action_goto(exit),
				  origin_of_rule(plan, PROMISE_P4, "own source"));
		rule_match_set(&rule, plan->members[f], FIELD_IIFNAME, saddr_field[f]);
		add(plan, rule);
	}
	rule = rule_start(leave, refuse, origin_of_rule(plan, PROMISE_P4, "not its source"));
	add_counted(plan, rule, plan->kept_in, FIELD_IIFNAME);

	rule = rule_start(exit, pass, origin_of_rule(plan, PROMISE_P1, "to an uplink of its own"));
	rule_match_set(&rule, plan->exits, FIELD_IIFNAME, FIELD_OIFNAME);
	add(plan, rule);
	rule = rule_start(exit, refuse, origin_of_rule(plan, PROMISE_P1, "no way out there"));
	add_counted(plan, rule, plan->kept_in, FIELD_IIFNAME);

	rule = rule_start(enter, drop, invalid);
	rule_match_bits(&rule, FIELD_CT_STATE, CT_STATE_INVALID, false);
	add_counted(plan, rule, plan->kept_out, FIELD_OIFNAME);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(enter, action_goto(entry),
				  origin_of_rule(plan, PROMISE_P3, "to its own address"));
		rule_match_set(&rule, plan->members[f], FIELD_OIFNAME, daddr_field[f]);
		add(plan, rule);
	}
	rule = rule_start(enter, drop, origin_of_rule(plan, PROMISE_P3, "not its address"));
	add_counted(plan, rule, plan->kept_out, FIELD_OIFNAME);

	/*
	 * The second and third are both "related": an ICMP error about a connection, and the
	 * packets of a connection that a helper announced, which are original ones of their own.
	 */
	rule = rule_start(entry, action_goto(reply), origin_of_rule(plan, PROMISE_P3, "reply"));
	rule_match_prefix(&rule, FIELD_CT_DIRECTION, key_of_number(FIELD_CT_DIRECTION, 1));
	add(plan, rule);
	rule = rule_start(entry, action_goto(reply), origin_of_rule(plan, PROMISE_P3, "related"));
	rule_match_bits(&rule, FIELD_CT_STATE, CT_STATE_RELATED, false);
	add(plan, rule);
	rule = rule_start(entry, action_goto(reply),
			  origin_of_rule(plan, PROMISE_P3, "announced by a helper"));
	rule_match_bits(&rule, FIELD_CT_STATUS, CT_STATUS_EXPECTED, false);
	add(plan, rule);
	rule = rule_start(entry, drop, origin_of_rule(plan, PROMISE_P3, "nobody asked"));
	add_counted(plan, rule, plan->kept_out, FIELD_OIFNAME);

	/* The last question, since it counts what enters. */
	rule = rule_start(reply, pass,
			  origin_of_rule(plan, PROMISE_P3, "from an uplink of its own"));
	rule_match_set(&rule, plan->entries, FIELD_OIFNAME, FIELD_IIFNAME);
	add(plan, rule);
	rule = rule_start(reply, drop, origin_of_rule(plan, PROMISE_P3, "no way in from there"));
	add_counted(plan, rule, plan->kept_out, FIELD_OIFNAME);
}

/* A base chain whose rules concern packets to the uplinks only; returns the chain for those. */
static uint32_t make_outside(struct plan *plan, enum stage stage, const char *base,
			     const char *name)
{
	uint32_t chain = ruleset_add_chain(plan->rs, base, stage, stage);
	uint32_t outside = ruleset_add_chain(plan->rs, name, STAGE_NONE, stage);
	struct rule rule = rule_start(chain, action_goto(outside),
				      origin_of_rule(plan, PROMISE_P2, "goes outside"));

	rule_match_set(&rule, plan->uplinks, FIELD_OIFNAME, FIELD__COUNT);
	add(plan, rule);
	return outside;
}

/* What has no translation, and so must not leave. */
static void make_outbound(struct plan *plan)
{
	uint32_t chain = make_outside(plan, STAGE_OUTBOUND, "outbound", "stay");
	struct rule rule;

	for (size_t i = 0; i < sizeof(link_scope) / sizeof(*link_scope); i++) {
		enum family f = link_scope[i].family;

		rule = rule_start(chain, action_of(ACTION_DROP),
				  origin_of_rule(plan, PROMISE_P2, "stays on the link"));
		rule_match_prefix(&rule, daddr_field[f], key_of_text(link_scope[i].prefix));
		rule_match_set(&rule, plan->translated[f], FIELD_OIFNAME, saddr_field[f]);
		add(plan, rule);
	}
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(chain, action_of(ACTION_DROP),
				  origin_of_rule(plan, PROMISE_P2, "no translation there"));
		rule_match_set(&rule, plan->closed[f], FIELD_OIFNAME, saddr_field[f]);
		add(plan, rule);
	}
}

static void make_translation(struct plan *plan)
{
	uint32_t chain = ruleset_add_chain(plan->rs, "translate", STAGE_NAT_POSTROUTING,
					   STAGE_NAT_POSTROUTING);

	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		struct rule rule = rule_start(chain, action_of(ACTION_DISPATCH),
					      origin_of_rule(plan, PROMISE_NONE, "translation"));

		rule_match_set(&rule, plan->snat[f], FIELD_OIFNAME, saddr_field[f]);
		add(plan, rule);
	}
}

/* What should have been translated, and was not. */
static void make_guard(struct plan *plan)
{
	uint32_t chain = make_outside(plan, STAGE_GUARD, "guard", "private");

	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		struct rule rule = rule_start(chain, action_of(ACTION_DROP),
					      origin_of_rule(plan, PROMISE_P2, "private source"));

		rule_match_prefix(&rule, FIELD_UNTRANSLATED,
				  key_of_number(FIELD_UNTRANSLATED, 1));
		rule_match_set(&rule, plan->translated[f], FIELD_OIFNAME, saddr_field[f]);
		add(plan, rule);
	}
}

struct ruleset *plan_ruleset(struct arena *arena, const struct description *description)
{
	struct plan plan = {.description = description, .rs = ruleset_new(arena)};

	plan.rs->clean_slate = description->settings.clean_slate;
	make_sets(&plan);
	for (size_t i = 0; i < description->n_networks; i++)
		add_network(&plan, &description->networks[i]);
	for (size_t u = 0; u < description->n_uplinks; u++)
		ruleset_add_element(plan.rs, plan.uplinks,
				    key_of_interface(&description->uplinks[u].interface),
				    no_key(), NO_INDEX,
				    ruleset_add_origin(plan.rs, PROMISE_P2, "uplink",
						       description->uplinks[u].name,
						       description->uplinks[u].place));
	make_door(&plan);
	make_forward(&plan);
	make_output(&plan);
	make_outbound(&plan);
	make_translation(&plan);
	make_guard(&plan);
	plan_holes(plan.rs, description);
	plan_sysctls(plan.rs, description);
	return plan.rs;
}
