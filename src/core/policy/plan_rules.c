// SPDX-License-Identifier: GPL-2.0-or-later
// plan_rules: the chains and rules of a ruleset, over the sets that plan.c fills.
/*
 * Theory of operation
 *
 * A chain is entered by goto and ends by accept, drop or reject: a packet's way through a stage is
 * one path, and what is not accepted on the way is refused at its end. Deny first: a packet that
 * came in on a network is judged as a leaving one; no rule about entering lets it pass. Counting
 * decides nothing: where the verdict asks for no set that could count, a rule in front of it does
 * nothing but count.
 *
 * An inside address belongs to one place, in both directions; the host's routes have no say in it:
 *
 *   as a source, in       It comes in on its network's interface (door), and is no address of the
 *                         host. On any other interface it is believed only where the host's own
 *                         route to it leads out there (a LAN that has the same subnet) and the host
 *                         has asked for it. It is not forwarded.
 *   as a destination, out A packet to it leaves by its network's interface. By another one only
 *                         what the host begins itself, with an address of that interface: to a LAN
 *                         that has the same subnet. Answers do not.
 *   as a source, out      Not by an uplink, before or after translation.
 *
 * The door. Whatever the host answers to a forged source goes to the forged address, out of an
 * uplink. So a source must be a member's, or one that the host would answer through that same
 * interface. What has no routable source yet passes only towards destinations that are never
 * routed or answered: DHCP, IGMP, neighbour discovery, link-local multicast. A link-local IPv6
 * source is answered on its own link by definition; IPv4 has no such rule, so 169.254.0.0/16 passes
 * to multicast, for the sake of guests on one bridge (br_netfilter), but not to the host itself,
 * and is otherwise subject to the reverse path like any other.
 *
 * Within one network everything passes, before every other question: with br_netfilter on, frames
 * that only cross the switch pass FORWARD too, and may be of any state and source.
 *
 * What the host would answer by another interface than the guest's it does not hear: where a
 * service's socket is bound to no address, such an answer looks like a connection of the host's own.
 *
 * Where nothing may leave, nothing asks for a connection: rules that do make the kernel track all
 * connections of the host. The host's answers are then told by what they are, and a LAN's packets
 * to it by the route alone.
 */
#include "policy/plan_rules.h"

#include <string.h>

#include "rules/field.h"

const enum field plan_saddr[FAMILY__COUNT] = {FIELD_SADDR4, FIELD_SADDR6};
const enum field plan_daddr[FAMILY__COUNT] = {FIELD_DADDR4, FIELD_DADDR6};
static const enum field ct_saddr[FAMILY__COUNT] = {FIELD_CT_SADDR4, FIELD_CT_SADDR6};
static const enum field ct_daddr[FAMILY__COUNT] = {FIELD_CT_DADDR4, FIELD_CT_DADDR6};

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

bool plan_has_one(const struct plan *plan, uint32_t set)
{
	return plan->rs->sets[set].n_elements > 0;
}

bool plan_has(const struct plan *plan, const uint32_t sets[static FAMILY__COUNT])
{
	return plan_has_one(plan, sets[FAMILY_IPV4]) || plan_has_one(plan, sets[FAMILY_IPV6]);
}

/* Whether connections are asked for at all. */
static bool is_tracking(const struct plan *plan)
{
	return plan_has_one(plan, plan->exits);
}

static struct key key_of_text(const char *text)
{
	struct prefix prefix = {0};

	/* Only constants of this file come here. */
	(void)prefix_parse(text, &prefix);
	return key_of_prefix(&prefix);
}

static uint32_t reason(struct plan *plan, enum promise promise, const char *text)
{
	return ruleset_add_origin(plan->rs, promise, text, NULL, PLACE_NONE);
}

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
	count.origin = reason(plan, PROMISE_NONE, "counts");
	rule_match_set(&count, set, field, FIELD__COUNT);
	add(plan, count);
	add(plan, rule);
}

static void match_number(struct rule *rule, enum field field, uint32_t number)
{
	rule_match_prefix(rule, field, key_of_number(field, number));
}

/* A set of numbers that no description changes. */
static uint32_t constant_set(struct plan *plan, const char *name, enum field field,
			     const uint8_t *numbers, size_t n, const char *text)
{
	uint32_t set = ruleset_add_set(plan->rs, name, false, field, FIELD__COUNT);
	uint32_t origin = reason(plan, PROMISE_P4, text);

	for (size_t i = 0; i < n; i++)
		ruleset_add_element(plan->rs, set, key_of_number(field, numbers[i]),
				    (struct key){0}, NO_INDEX, origin);
	return set;
}

/* The door. */

/* No guest becomes the host's router: ICMP redirect; router advertisement and redirect. */
static void make_no_router(struct plan *plan, uint32_t source)
{
	static const uint8_t types[] = {134, 137};
	uint32_t chain = ruleset_add_chain(plan->rs, "router", STAGE_NONE, STAGE_DOOR);
	uint32_t origin = reason(plan, PROMISE_P4, "no router of ours");
	uint32_t set = constant_set(plan, "router_types", FIELD_ICMPV6_TYPE, types, sizeof(types),
				    "no router of ours");
	struct rule rule = rule_start(source, action_goto(chain), origin);

	match_number(&rule, FIELD_ICMP_TYPE, 5);
	add(plan, rule);
	rule = rule_start(source, action_goto(chain), origin);
	rule_match_set(&rule, set, FIELD_ICMPV6_TYPE, FIELD__COUNT);
	add(plan, rule);
	add_counted(plan, rule_start(chain, action_of(ACTION_DROP), origin), plan->forged,
		    FIELD_IIFNAME);
}

/* What a machine sends while it has no address yet. */
static void make_unready(struct plan *plan, uint32_t source)
{
	/* MLD report and done, router and neighbour solicitation, MLDv2 report: RFC 2710, 4861, 3810. */
	static const uint8_t nd_types[] = {131, 132, 133, 135, 143};
	uint32_t unready = reason(plan, PROMISE_P4, "no source yet");
	struct action pass = action_of(ACTION_ACCEPT), drop = action_of(ACTION_DROP);
	struct rule rule = rule_start(source, pass, reason(plan, PROMISE_P4, "DHCP"));

	rule_match_prefix(&rule, FIELD_SADDR4, key_of_text("0.0.0.0/32"));
	rule_match_prefix(&rule, FIELD_DADDR4, key_of_text("255.255.255.255/32"));
	match_number(&rule, FIELD_UDP_DPORT, 67);
	add(plan, rule);
	/* To the network's own broadcast address. The kernel takes no such packet for any other. */
	rule = rule_start(source, pass, reason(plan, PROMISE_P4, "DHCP"));
	rule_match_prefix(&rule, FIELD_SADDR4, key_of_text("0.0.0.0/32"));
	match_number(&rule, FIELD_UDP_DPORT, 67);
	rule_match_set(&rule, plan->members[FAMILY_IPV4], FIELD_IIFNAME, FIELD_DADDR4);
	add(plan, rule);
	rule = rule_start(source, pass, reason(plan, PROMISE_P4, "IGMP"));
	rule_match_prefix(&rule, FIELD_SADDR4, key_of_text("0.0.0.0/32"));
	rule_match_prefix(&rule, FIELD_DADDR4, key_of_text("224.0.0.0/4"));
	match_number(&rule, FIELD_L4PROTO, 2);
	add(plan, rule);
	rule = rule_start(source, drop, unready);
	rule_match_prefix(&rule, FIELD_SADDR4, key_of_text("0.0.0.0/8"));
	add_counted(plan, rule, plan->forged, FIELD_IIFNAME);

	rule = rule_start(source, pass, reason(plan, PROMISE_P4, "neighbour discovery"));
	rule_match_prefix(&rule, FIELD_SADDR6, key_of_text("::/128"));
	rule_match_prefix(&rule, FIELD_DADDR6, key_of_text("ff02::/16"));
	rule_match_set(&rule,
		       constant_set(plan, "nd_types", FIELD_ICMPV6_TYPE, nd_types, sizeof(nd_types),
				    "neighbour discovery"),
		       FIELD_ICMPV6_TYPE, FIELD__COUNT);
	add(plan, rule);
	rule = rule_start(source, drop, unready);
	rule_match_prefix(&rule, FIELD_SADDR6, key_of_text("::/128"));
	add_counted(plan, rule, plan->forged, FIELD_IIFNAME);
}

/*
 * Sources that are the network's, but may not be a guest's: the host's own; and what the host would
 * answer by another interface. Iptables can ask for the reverse path only here, where nobody knows
 * yet what is for the host and what for another guest on the same bridge.
 */
static void make_own(struct plan *plan, uint32_t own)
{
	static const struct {
		enum field field;
		const char *prefix; /* NULL: the answer 1 */
	} to_host[] = {
		{FIELD_DEST_LOCAL, NULL},
		{FIELD_DEST_BROADCAST, NULL},
		{FIELD_DADDR4, "224.0.0.0/4"},
		{FIELD_DADDR6, "ff00::/8"},
	};
	uint32_t origin = reason(plan, PROMISE_P1, "answered elsewhere");
	uint32_t host = reason(plan, PROMISE_P4, "the host's own source");
	uint32_t self = ruleset_add_chain(plan->rs, "self", STAGE_NONE, STAGE_DOOR);
	struct rule rule = rule_start(own, action_goto(self), host);

	match_number(&rule, FIELD_SOURCE_LOCAL, 1);
	add(plan, rule);
	/*
	 * The kernel gives the host back what it sends to many itself, as if it came in there. It
	 * is of a connection already, where what a guest sends is not yet of one.
	 */
	for (size_t i = 1; i < sizeof(to_host) / sizeof(*to_host); i++) {
		rule = rule_start(self, action_of(ACTION_ACCEPT),
				  reason(plan, PROMISE_NONE, "the host to many"));
		rule_match_prefix(&rule, to_host[i].field,
				  to_host[i].prefix ? key_of_text(to_host[i].prefix)
						    : key_of_number(to_host[i].field, 1));
		if (is_tracking(plan))
			rule_match_bits(&rule, FIELD_CT_STATE, CT_STATE_INVALID, true);
		add(plan, rule);
	}
	add_counted(plan, rule_start(self, action_of(ACTION_DROP), host), plan->forged,
		    FIELD_IIFNAME);
	for (size_t i = 0; i < sizeof(to_host) / sizeof(*to_host); i++) {
		rule = rule_start(own, action_of(ACTION_DROP), origin);
		rule.only = FOR_XT;
		rule_match_prefix(&rule, to_host[i].field,
				  to_host[i].prefix ? key_of_text(to_host[i].prefix)
						    : key_of_number(to_host[i].field, 1));
		match_number(&rule, FIELD_REVERSE_PATH, 0);
		add_counted(plan, rule, plan->forged, FIELD_IIFNAME);
	}
}

static void make_door(struct plan *plan)
{
	struct ruleset *rs = plan->rs;
	uint32_t door = ruleset_add_chain(rs, "door", STAGE_DOOR, STAGE_DOOR);
	uint32_t source = ruleset_add_chain(rs, "source", STAGE_NONE, STAGE_DOOR);
	uint32_t own = ruleset_add_chain(rs, "own", STAGE_NONE, STAGE_DOOR);
	uint32_t elsewhere = ruleset_add_chain(rs, "elsewhere", STAGE_NONE, STAGE_DOOR);
	struct action pass = action_of(ACTION_ACCEPT), drop = action_of(ACTION_DROP);
	struct rule rule;

	rule = rule_start(door, action_goto(source),
			  reason(plan, PROMISE_P4, "came in on a network"));
	rule_match_set(&rule, plan->networks, FIELD_IIFNAME, FIELD__COUNT);
	add(plan, rule);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(door, action_goto(elsewhere),
				  reason(plan, PROMISE_P3, "an inside source"));
		rule_match_set(&rule, plan->subnets[f], plan_saddr[f], FIELD__COUNT);
		add(plan, rule);
	}

	make_no_router(plan, source);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(source, action_goto(own), reason(plan, PROMISE_P4, "own source"));
		rule_match_set(&rule, plan->members[f], FIELD_IIFNAME, plan_saddr[f]);
		add(plan, rule);
	}
	make_unready(plan, source);
	rule = rule_start(source, pass, reason(plan, PROMISE_P4, "link-local"));
	rule_match_prefix(&rule, FIELD_SADDR4, key_of_text("169.254.0.0/16"));
	rule_match_prefix(&rule, FIELD_DADDR4, key_of_text("224.0.0.0/4"));
	add(plan, rule);
	rule = rule_start(source, pass, reason(plan, PROMISE_P4, "link-local"));
	rule_match_prefix(&rule, FIELD_SADDR6, key_of_text("fe80::/10"));
	add(plan, rule);
	rule = rule_start(source, drop, reason(plan, PROMISE_P4, "forged source"));
	match_number(&rule, FIELD_REVERSE_PATH, 0);
	add_counted(plan, rule, plan->forged, FIELD_IIFNAME);

	make_own(plan, own);

	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(elsewhere, drop,
				  reason(plan, PROMISE_P3, "inside source from elsewhere"));
		match_number(&rule, FIELD_REVERSE_PATH, 0);
		rule_match_set(&rule, plan->strays[f], plan_saddr[f], FIELD__COUNT);
		add(plan, rule);
	}
}

/* Inside sources: a guest that could be answered; or somebody elsewhere whom the host asked. */
static void make_taken(struct plan *plan, uint32_t input)
{
	struct ruleset *rs = plan->rs;
	uint32_t taken = ruleset_add_chain(rs, "taken", STAGE_NONE, STAGE_INPUT);
	uint32_t guest = ruleset_add_chain(rs, "guest", STAGE_NONE, STAGE_INPUT);
	struct rule rule;

	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(input, action_goto(taken),
				  reason(plan, PROMISE_P3, "an inside source"));
		rule_match_set(&rule, plan->subnets[f], plan_saddr[f], FIELD__COUNT);
		add(plan, rule);
	}
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(taken, action_goto(guest),
				  reason(plan, PROMISE_P4, "own source"));
		rule_match_set(&rule, plan->members[f], FIELD_IIFNAME, plan_saddr[f]);
		rule.only = FOR_NFT;
		add(plan, rule);
		rule.action = action_of(ACTION_ACCEPT);
		rule.only = FOR_XT;
		add(plan, rule);
	}
	rule = rule_start(guest, action_of(ACTION_ACCEPT),
			  reason(plan, PROMISE_NONE, "the host to many"));
	match_number(&rule, FIELD_SOURCE_LOCAL, 1);
	rule.only = FOR_NFT;
	add(plan, rule);
	rule = rule_start(guest, action_of(ACTION_DROP),
			  reason(plan, PROMISE_P1, "answered elsewhere"));
	match_number(&rule, FIELD_REVERSE_PATH, 0);
	rule.only = FOR_NFT;
	add_counted(plan, rule, plan->forged, FIELD_IIFNAME);
	if (!is_tracking(plan))
		return;
	rule = rule_start(taken, action_of(ACTION_ACCEPT),
			  reason(plan, PROMISE_NONE, "the host to itself"));
	rule_match_prefix(&rule, FIELD_IIFNAME, key_of_interface(&loopback));
	add(plan, rule);
	rule = rule_start(taken, action_of(ACTION_ACCEPT),
			  reason(plan, PROMISE_NONE, "begun by the host there"));
	match_number(&rule, FIELD_CT_DIRECTION, 1);
	rule_match_bits(&rule, FIELD_CT_STATE, CT_STATE_ESTABLISHED, false);
	add(plan, rule);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(taken, action_of(ACTION_DROP),
				  reason(plan, PROMISE_P3, "inside source from elsewhere"));
		rule_match_set(&rule, plan->strays[f], plan_saddr[f], FIELD__COUNT);
		add(plan, rule);
	}
}

/* The host answers a link-local IPv4 source by its default route: so it does not hear it. */
static void make_link_local(struct plan *plan, uint32_t input)
{
	uint32_t unanswered = ruleset_add_chain(plan->rs, "unanswered", STAGE_NONE, STAGE_INPUT);
	struct rule rule = rule_start(input, action_goto(unanswered),
				      reason(plan, PROMISE_P4, "link-local"));

	rule_match_prefix(&rule, FIELD_SADDR4, key_of_text("169.254.0.0/16"));
	rule_match_prefix(&rule, FIELD_DADDR4, key_of_text("224.0.0.0/4"));
	rule_match_set(&rule, plan->networks, FIELD_IIFNAME, FIELD__COUNT);
	add(plan, rule);
	rule = rule_start(unanswered, action_of(ACTION_DROP),
			  reason(plan, PROMISE_P4, "link-local, and not answered there"));
	rule_match_prefix(&rule, FIELD_SADDR4, key_of_text("169.254.0.0/16"));
	add_counted(plan, rule, plan->forged, FIELD_IIFNAME);
}

static void make_input(struct plan *plan)
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
static void make_answers(struct plan *plan)
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
	uint32_t origin = reason(plan, PROMISE_P4, "answer to nobody knows whom");

	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		struct rule rule = rule_start(chain, action_of(ACTION_DROP), origin);

		rule.only = answers[i].only;
		match_number(&rule, answers[i].field,
			     (uint32_t)answers[i].type << 8 | answers[i].code);
		add(plan, rule);
	}
}

/* Forwarding. */

/* Invalid packets have a chain of their own, so that all others are asked for their state once. */
static void make_invalid(struct plan *plan, uint32_t from, const char *name, uint32_t kept,
			 enum field side)
{
	uint32_t chain = ruleset_add_chain(plan->rs, name, STAGE_NONE, STAGE_FORWARD);
	uint32_t origin = reason(plan, PROMISE_P2, "invalid state");
	struct rule rule = rule_start(from, action_goto(chain), origin);

	rule_match_bits(&rule, FIELD_CT_STATE, CT_STATE_INVALID, false);
	add(plan, rule);
	add_counted(plan, rule_start(chain, action_of(ACTION_DROP), origin), kept, side);
}

static void make_leave(struct plan *plan, uint32_t leave)
{
	struct ruleset *rs = plan->rs;
	struct action refuse = action_of(
		plan->description->settings.deny == DENY_DROP ? ACTION_DROP : ACTION_REJECT);
	struct rule rule = rule_start(leave, action_of(ACTION_ACCEPT),
				      reason(plan, PROMISE_P1, "within a network"));
	uint32_t exit;

	rule_match_set(&rule, plan->inside, FIELD_IIFNAME, FIELD_OIFNAME);
	add(plan, rule);
	if (!is_tracking(plan)) {
		rule = rule_start(leave, refuse, reason(plan, PROMISE_P1, "no way out there"));
		add_counted(plan, rule, plan->kept_in, FIELD_IIFNAME);
		return;
	}
	exit = ruleset_add_chain(rs, "exit", STAGE_NONE, STAGE_FORWARD);
	make_invalid(plan, leave, "leave_invalid", plan->kept_in, FIELD_IIFNAME);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(leave, action_goto(exit), reason(plan, PROMISE_P4, "own source"));
		rule_match_set(&rule, plan->members[f], FIELD_IIFNAME, plan_saddr[f]);
		add(plan, rule);
	}
	rule = rule_start(leave, refuse, reason(plan, PROMISE_P4, "not its source"));
	add_counted(plan, rule, plan->kept_in, FIELD_IIFNAME);

	rule = rule_start(exit, action_of(ACTION_ACCEPT),
			  reason(plan, PROMISE_P1, "to an uplink of its own"));
	rule_match_set(&rule, plan->exits, FIELD_IIFNAME, FIELD_OIFNAME);
	add(plan, rule);
	rule = rule_start(exit, refuse, reason(plan, PROMISE_P1, "no way out there"));
	add_counted(plan, rule, plan->kept_in, FIELD_IIFNAME);
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
	struct action pass = action_of(ACTION_ACCEPT), drop = action_of(ACTION_DROP);
	struct rule rule;

	if (plan_has_one(plan, plan->entries)) {
		rule = rule_start(
			reply, pass,
			reason(plan, PROMISE_P3, "translated, from its uplink"));
		rule_match_bits(&rule, FIELD_CT_STATUS, CT_STATUS_SRC_NAT, false);
		rule_match_set(&rule, plan->entries, FIELD_OIFNAME, FIELD_IIFNAME);
		add(plan, rule);
		rule = rule_start(reply, pass, reason(plan, PROMISE_P3, "announced by a helper"));
		rule_match_bits(&rule, FIELD_CT_STATUS, CT_STATUS_EXPECTED, false);
		rule_match_bits(&rule, FIELD_CT_STATUS, CT_STATUS_DST_NAT, false);
		rule_match_set(&rule, plan->entries, FIELD_OIFNAME, FIELD_IIFNAME);
		add(plan, rule);
	}
	if (plan_has_one(plan, plan->routed)) {
		uint32_t with_host =
			ruleset_add_chain(plan->rs, "with_host", STAGE_NONE, STAGE_FORWARD);
		uint32_t origin = reason(plan, PROMISE_P3, "of a connection with the host");

		for (enum family f = 0; f < FAMILY__COUNT; f++) {
			rule = rule_start(reply, drop,
					  reason(plan, PROMISE_P3, "inside source from elsewhere"));
			rule_match_set(&rule, plan->strays[f], plan_saddr[f], FIELD__COUNT);
			add(plan, rule);
			rule = rule_start(reply, drop,
					  reason(plan, PROMISE_P3, "of a connection within"));
			rule_match_set(&rule, plan->strays[f], ct_daddr[f], FIELD__COUNT);
			add(plan, rule);
			rule = rule_start(reply, action_goto(with_host), origin);
			rule_match_set(&rule, plan->own[f], ct_daddr[f], FIELD__COUNT);
			add(plan, rule);
		}
		add_counted(plan, rule_start(with_host, drop, origin), plan->kept_out,
			    FIELD_OIFNAME);
		rule = rule_start(reply, drop, reason(plan, PROMISE_P3, "the host's own source"));
		match_number(&rule, FIELD_SOURCE_LOCAL, 1);
		add_counted(plan, rule, plan->kept_out, FIELD_OIFNAME);
		rule = rule_start(reply, drop, reason(plan, PROMISE_P3, "a broadcast source"));
		match_number(&rule, FIELD_SOURCE_BROADCAST, 1);
		add_counted(plan, rule, plan->kept_out, FIELD_OIFNAME);
		rule = rule_start(reply, pass,
				  reason(plan, PROMISE_P3, "from an uplink of its own"));
		rule_match_set(&rule, plan->routed, FIELD_OIFNAME, FIELD_IIFNAME);
		add(plan, rule);
	}
	rule = rule_start(reply, drop, reason(plan, PROMISE_P3, "no way in from there"));
	add_counted(plan, rule, plan->kept_out, FIELD_OIFNAME);
}

static void make_enter(struct plan *plan, uint32_t enter)
{
	/*
	 * The second and third are both "related": an ICMP error about a connection, and the
	 * packets of a connection that a helper announced, which are original ones of their own.
	 */
	struct ruleset *rs = plan->rs;
	struct action drop = action_of(ACTION_DROP);
	struct rule rule;
	uint32_t entry, reply, related;

	if (!is_tracking(plan)) {
		rule = rule_start(enter, drop, reason(plan, PROMISE_P3, "no way in from there"));
		add_counted(plan, rule, plan->kept_out, FIELD_OIFNAME);
		return;
	}
	entry = ruleset_add_chain(rs, "entry", STAGE_NONE, STAGE_FORWARD);
	reply = ruleset_add_chain(rs, "reply", STAGE_NONE, STAGE_FORWARD);
	make_invalid(plan, enter, "enter_invalid", plan->kept_out, FIELD_OIFNAME);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(enter, action_goto(entry),
				  reason(plan, PROMISE_P3, "to its own address"));
		rule_match_set(&rule, plan->members[f], FIELD_OIFNAME, plan_daddr[f]);
		add(plan, rule);
	}
	rule = rule_start(enter, drop, reason(plan, PROMISE_P3, "not its address"));
	add_counted(plan, rule, plan->kept_out, FIELD_OIFNAME);

	related = ruleset_add_chain(rs, "related", STAGE_NONE, STAGE_FORWARD);
	rule = rule_start(entry, action_goto(related), reason(plan, PROMISE_P3, "related"));
	rule_match_bits(&rule, FIELD_CT_STATE, CT_STATE_RELATED, false);
	add(plan, rule);
	/* An error may have any source; that of a reply is the connection's. */
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(related, drop,
				  reason(plan, PROMISE_P3, "inside source from elsewhere"));
		rule_match_set(&rule, plan->strays[f], plan_saddr[f], FIELD__COUNT);
		add(plan, rule);
	}
	add(plan, rule_start(related, action_goto(reply), reason(plan, PROMISE_P3, "related")));
	rule = rule_start(entry, action_goto(reply), reason(plan, PROMISE_P3, "reply"));
	match_number(&rule, FIELD_CT_DIRECTION, 1);
	add(plan, rule);
	rule = rule_start(entry, action_goto(reply),
			  reason(plan, PROMISE_P3, "announced by a helper"));
	rule_match_bits(&rule, FIELD_CT_STATUS, CT_STATUS_EXPECTED, false);
	add(plan, rule);
	rule = rule_start(entry, drop, reason(plan, PROMISE_P3, "nobody asked"));
	add_counted(plan, rule, plan->kept_out, FIELD_OIFNAME);
	make_reply(plan, reply);
}

static void make_forward(struct plan *plan)
{
	struct ruleset *rs = plan->rs;
	uint32_t forward = ruleset_add_chain(rs, "forward", STAGE_FORWARD, STAGE_FORWARD);
	uint32_t leave = ruleset_add_chain(rs, "leave", STAGE_NONE, STAGE_FORWARD);
	uint32_t enter = ruleset_add_chain(rs, "enter", STAGE_NONE, STAGE_FORWARD);
	struct rule rule;

	rule = rule_start(forward, action_goto(leave),
			  reason(plan, PROMISE_P1, "leaves a network"));
	rule_match_set(&rule, plan->networks, FIELD_IIFNAME, FIELD__COUNT);
	add(plan, rule);
	rule = rule_start(forward, action_goto(enter),
			  reason(plan, PROMISE_P3, "enters a network"));
	rule_match_set(&rule, plan->networks, FIELD_OIFNAME, FIELD__COUNT);
	add(plan, rule);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(forward, action_of(ACTION_DROP),
				  reason(plan, PROMISE_P1, "inside source from elsewhere"));
		rule_match_set(&rule, plan->strays[f], plan_saddr[f], FIELD__COUNT);
		add(plan, rule);
		rule = rule_start(forward, action_of(ACTION_DROP),
				  reason(plan, PROMISE_P1, "not to its network"));
		rule_match_set(&rule, plan->strays[f], plan_daddr[f], FIELD__COUNT);
		add(plan, rule);
	}
	make_leave(plan, leave);
	make_enter(plan, enter);
}

/* Leaving. */

/* What answers somebody, as conntrack knows. */
static void make_answers_known(struct plan *plan, uint32_t inward, uint32_t stray)
{
	uint32_t origin = reason(plan, PROMISE_P1, "answers");
	struct rule rule = rule_start(inward, action_goto(stray), origin);

	match_number(&rule, FIELD_CT_DIRECTION, 1);
	add(plan, rule);
	rule = rule_start(inward, action_goto(stray), origin);
	rule_match_bits(&rule, FIELD_CT_STATE,
			CT_STATE_RELATED | CT_STATE_INVALID | CT_STATE_UNTRACKED, false);
	add(plan, rule);
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
					      reason(plan, PROMISE_P1, "answers"));
		uint32_t types = constant_set(plan, names[f], icmp_type[f], v4 ? types4 : types6,
					      v4 ? sizeof(types4) : sizeof(types6), "answers");

		rule_match_set(&rule, types, icmp_type[f], FIELD__COUNT);
		add(plan, rule);
	}
}

/* Packets to an inside address. */
static void make_inward(struct plan *plan, uint32_t inward)
{
	uint32_t stray = ruleset_add_chain(plan->rs, "stray", STAGE_NONE, STAGE_OUTBOUND);
	struct rule rule = rule_start(inward, action_of(ACTION_ACCEPT),
				      reason(plan, PROMISE_NONE, "the host to itself"));

	rule_match_prefix(&rule, FIELD_OIFNAME, key_of_interface(&loopback));
	add(plan, rule);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(inward, action_of(ACTION_ACCEPT),
				  reason(plan, PROMISE_P1, "to its own network"));
		rule_match_set(&rule, plan->members[f], FIELD_OIFNAME, plan_daddr[f]);
		add(plan, rule);
	}
	if (is_tracking(plan))
		make_answers_known(plan, inward, stray);
	else
		make_answer_types(plan, inward, stray);
	rule = rule_start(inward, action_goto(stray),
			  reason(plan, PROMISE_P1, "not begun by the host there"));
	match_number(&rule, FIELD_SOURCE_ON_OUT, 0);
	add(plan, rule);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(stray, action_of(ACTION_DROP),
				  reason(plan, PROMISE_P1, "not to its network"));
		rule_match_set(&rule, plan->strays[f], plan_daddr[f], FIELD__COUNT);
		add(plan, rule);
	}
}

/* A rule that drops private sources; an address of the uplink itself is none there. */
static struct rule private_source(struct plan *plan, uint32_t chain, uint32_t set,
				  enum field source, const char *text)
{
	struct rule rule =
		rule_start(chain, action_of(ACTION_DROP), reason(plan, PROMISE_P2, text));

	rule_match_set(&rule, set, FIELD_OIFNAME, source);
	match_number(&rule, FIELD_SOURCE_ON_OUT, 0);
	return rule;
}

/* Sources that have no translation on an uplink, and so must not leave. */
static void make_stay(struct plan *plan, uint32_t outbound)
{
	uint32_t stay = ruleset_add_chain(plan->rs, "stay", STAGE_NONE, STAGE_OUTBOUND);
	struct rule rule =
		rule_start(outbound, action_goto(stay), reason(plan, PROMISE_P2, "goes outside"));

	rule_match_set(&rule, plan->uplinks, FIELD_OIFNAME, FIELD__COUNT);
	add(plan, rule);
	for (size_t i = 0; i < sizeof(link_scope) / sizeof(*link_scope); i++) {
		enum family f = link_scope[i].family;

		rule = rule_start(stay, action_of(ACTION_DROP),
				  reason(plan, PROMISE_P2, "stays on the link"));
		rule_match_prefix(&rule, plan_daddr[f], key_of_text(link_scope[i].prefix));
		rule_match_set(&rule, plan->translated[f], FIELD_OIFNAME, plan_saddr[f]);
		match_number(&rule, FIELD_SOURCE_ON_OUT, 0);
		add(plan, rule);
	}
	for (enum family f = 0; f < FAMILY__COUNT; f++)
		add(plan, private_source(plan, stay, plan->closed[f], plan_saddr[f],
					 "no translation there"));
}

static void make_outbound(struct plan *plan)
{
	struct ruleset *rs = plan->rs;
	uint32_t outbound = ruleset_add_chain(rs, "outbound", STAGE_OUTBOUND, STAGE_OUTBOUND);
	uint32_t inward = ruleset_add_chain(rs, "inward", STAGE_NONE, STAGE_OUTBOUND);

	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		struct rule rule = rule_start(outbound, action_goto(inward),
					      reason(plan, PROMISE_P1, "to an inside address"));

		rule_match_set(&rule, plan->subnets[f], plan_daddr[f], FIELD__COUNT);
		add(plan, rule);
	}
	if (plan_has(plan, plan->closed) || plan_has(plan, plan->translated))
		make_stay(plan, outbound);
	make_inward(plan, inward);
}

static void make_translation(struct plan *plan)
{
	uint32_t chain = ruleset_add_chain(plan->rs, "translate", STAGE_NAT_POSTROUTING,
					   STAGE_NAT_POSTROUTING);
	struct rule rule = rule_start(chain, action_of(ACTION_ACCEPT),
				      reason(plan, PROMISE_NONE, "the uplink's own source"));

	match_number(&rule, FIELD_SOURCE_ON_OUT, 1);
	add(plan, rule);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = rule_start(chain, action_of(ACTION_DISPATCH),
				  reason(plan, PROMISE_NONE, "translation"));
		rule_match_set(&rule, plan->snat[f], FIELD_OIFNAME, plan_saddr[f]);
		add(plan, rule);
	}
}

/* What should have been translated, and was not; or was, to what is not the uplink's. */
static void make_guard(struct plan *plan)
{
	struct ruleset *rs = plan->rs;
	uint32_t guard = ruleset_add_chain(rs, "guard", STAGE_GUARD, STAGE_GUARD);
	uint32_t private = ruleset_add_chain(rs, "private", STAGE_NONE, STAGE_GUARD);
	struct rule rule =
		rule_start(guard, action_goto(private), reason(plan, PROMISE_P2, "goes outside"));

	rule_match_set(&rule, plan->uplinks, FIELD_OIFNAME, FIELD__COUNT);
	add(plan, rule);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		rule = private_source(plan, private, plan->translated[f], plan_saddr[f],
				      "private source");
		match_number(&rule, FIELD_UNTRANSLATED, 1);
		add(plan, rule);
		rule = private_source(plan, private, plan->closed[f], plan_saddr[f],
				      "translated to a private source");
		rule.only = FOR_NFT;
		add(plan, rule);
		/*
		 * Masquerade takes any address of the host where the uplink has none. Once a
		 * connection has its address, the kernel ends it when it moves to another uplink.
		 */
		rule = rule_start(private, action_of(ACTION_DROP),
				  reason(plan, PROMISE_P2, "not the uplink's address"));
		rule_match_bits(&rule, FIELD_CT_STATE, CT_STATE_NEW | CT_STATE_RELATED, false);
		rule_match_set(&rule, plan->borrowed[f], FIELD_OIFNAME, ct_saddr[f]);
		match_number(&rule, FIELD_SOURCE_ON_OUT, 0);
		rule.only = FOR_NFT;
		add(plan, rule);
	}
}

void plan_rules(struct plan *plan)
{
	make_door(plan);
	make_input(plan);
	make_forward(plan);
	make_answers(plan);
	make_outbound(plan);
	if (!plan_has(plan, plan->snat))
		return;
	make_translation(plan);
	make_guard(plan);
}
