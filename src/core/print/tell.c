// SPDX-License-Identifier: GPL-2.0-or-later
// tell: each step of a packet's way as a sentence or two, for people who never saw a rule.
#include <string.h>

#include "print/print_explain.h"
#include "print/tell_opening.h"
#include "rules/origin.h"

struct teller {
	struct arena *arena;
	const struct explanation *explanation;
	const struct explained_path *path;
	const struct leg *leg;
	struct told told;
};

static const char *const promises[PROMISE__COUNT] = {
	[PROMISE_NONE] = "",
	[PROMISE_P1] = "nothing leaks out",
	[PROMISE_P2] = "no private source outside",
	[PROMISE_P3] = "nothing gets in",
	[PROMISE_P4] = "no forged source, and no answer to one",
};

static const char *const fates[FATE__COUNT] = {
	[FATE_PASSES] = "passes",     [FATE_DELIVERED] = "delivered", [FATE_SWITCHED] = "switched",
	[FATE_NOT_OURS] = "not ours", [FATE_REFUSED] = "refused",
};

const char *fate_name(enum fate fate)
{
	return fates[fate];
}

/* Words for addresses and ends. */

static const char *addr_text(struct teller *t, const struct addr *addr)
{
	char text[ADDR_TEXT_SIZE];

	return arena_strdup(t->arena, addr_format(addr, text));
}

static const char *subnet_text(struct teller *t, const struct subnet *subnet)
{
	char text[ADDR_TEXT_SIZE];

	return arena_strdup(t->arena, prefix_format(&subnet->prefix, text));
}

/* "vmnet1", or "tap*" where the name is an example only, or "one of tap0, tap1". */
static const char *interface_text(struct teller *t, const struct end *end)
{
	const struct network *network = end->network;
	char text[IFNAME_SIZE + 1];
	const char *list = "";

	if (end->kind == END_ELSEWHERE)
		return "an interface that the description does not name";
	if (end->kind != END_NETWORK || (end == &t->path->in && t->explanation->query.from))
		return end->ifname;
	for (size_t i = 0; i < network->n_interfaces; i++)
		list = arena_printf(t->arena, "%s%s%s", list, i ? ", " : "",
				    ifpattern_format(&network->interfaces[i], text));
	return network->n_interfaces > 1 ? arena_printf(t->arena, "one of %s", list) : list;
}

/* "eth0", or "isp-a (interface eth0)". */
static const char *uplink_text(struct teller *t, const struct uplink *uplink)
{
	if (strcmp(uplink->name, uplink->interface.name) == 0)
		return uplink->name;
	return arena_printf(t->arena, "%s (interface %s)", uplink->name, uplink->interface.name);
}

static struct told_step *add_step(struct teller *t, const char *text)
{
	struct told_step *step = &t->told.steps[t->told.n_steps++];

	step->text = text;
	return step;
}

/* Gives the step the rules that were met in the stages from first to last. */
static void add_rules(struct teller *t, struct told_step *step, enum stage first, enum stage last)
{
	const struct outcome *outcome = &t->leg->outcome;

	for (size_t i = 0; i < outcome->n_steps; i++) {
		const struct step *met = &outcome->trace[i];

		if (met->stage < first || met->stage > last)
			continue;
		if (step->n_met++ == 0)
			step->met = met;
	}
}

static bool met_rules(const struct teller *t, enum stage stage)
{
	for (size_t i = 0; i < t->leg->outcome.n_steps; i++)
		if (t->leg->outcome.trace[i].stage == stage)
			return true;
	return false;
}

static bool is_refused(const struct teller *t)
{
	return t->leg->outcome.verdict != VERDICT_PASS;
}

static bool is_refused_at(const struct teller *t, enum stage stage)
{
	return is_refused(t) && t->leg->outcome.stage == stage;
}

/* The first packet. */

static const char *host_text(struct teller *t, const struct end *end)
{
	if (end->network)
		return arena_printf(t->arena, "the host's own address on the network %s",
				    end->network->name);
	return arena_printf(t->arena, "the host's own address on the uplink %s",
			    uplink_text(t, end->uplink));
}

static void tell_arrival(struct teller *t)
{
	const struct end *in = &t->path->in;
	const char *source = addr_text(t, &t->leg->packet.saddr);

	switch (in->kind) {
	case END_HOST:
		add_step(t, arena_printf(t->arena, "The host itself sends it: %s is %s.", source,
					 host_text(t, in)));
		return;
	case END_NETWORK:
		if (t->explanation->query.dhcp)
			add_step(t, arena_printf(t->arena,
						 "It comes in on %s, from the network %s. Its "
						 "sender has no address yet and asks for one "
						 "(DHCP).",
						 interface_text(t, in), in->network->name));
		else if (in->subnet)
			add_step(t, arena_printf(t->arena,
						 "It comes in on %s: %s is in %s, a subnet of the "
						 "network %s.",
						 interface_text(t, in), source,
						 subnet_text(t, in->subnet), in->network->name));
		else
			add_step(t, arena_printf(t->arena,
						 "It comes in on %s, from the network %s. Its "
						 "source %s is not in a subnet of that network.",
						 interface_text(t, in), in->network->name, source));
		return;
	case END_UPLINK:
		add_step(t, arena_printf(t->arena, "It comes in from outside, on the uplink %s.",
					 uplink_text(t, in->uplink)));
		return;
	case END_ELSEWHERE:
		add_step(t, "It comes in from outside, on an interface that the description does "
			    "not name.");
		return;
	case END__COUNT:
		return;
	}
}

/* What is wrong with a source that the door refuses. */
static const char *why_forged(struct teller *t)
{
	const struct network *network = t->path->in.network;
	enum family family = t->leg->packet.family;
	const struct packet *packet = &t->leg->packet;

	if (packet->source_local)
		return "it is the host's own address";
	if (network && !network_has_family(network, family))
		return arena_printf(t->arena, "%s has no %s subnet", network->name,
				    family_name(family));
	return "forged, or a mistake";
}

static void tell_door(struct teller *t)
{
	const char *source = addr_text(t, &t->leg->packet.saddr);
	bool network = t->path->in.kind == END_NETWORK;
	const char *rule = network ? "The host checks the source first: from a network it accepts "
				     "only addresses of that network. "
				   : "The host checks the source first: it accepts an address of a "
				     "network only from that network's own interface. ";

	if (!met_rules(t, STAGE_DOOR))
		return;
	if (!is_refused_at(t, STAGE_DOOR)) {
		if (t->explanation->query.dhcp && network)
			add_rules(t,
				  add_step(t, "The host checks the source first: a sender without "
					      "an address may ask for one on its link."),
				  STAGE_DOOR, STAGE_DOOR);
		else if (network)
			add_rules(t,
				  add_step(t, arena_printf(t->arena, "%s%s is one of them.", rule,
							   source)),
				  STAGE_DOOR, STAGE_DOOR);
		return;
	}
	add_rules(
		t,
		add_step(t, arena_printf(t->arena,
					 "%s%s is %s. The packet is dropped silently, because any "
					 "answer of the host would go to %s.",
					 rule, source,
					 network ? arena_printf(t->arena, "not: %s", why_forged(t))
						 : "such an address, and forged here",
					 source)),
		STAGE_DOOR, STAGE_DOOR);
}

static void tell_route(struct teller *t)
{
	const struct end *out = &t->path->out;
	const char *destination = addr_text(t, &t->leg->packet.daddr);

	switch (out->kind) {
	case END_HOST:
		if (t->explanation->query.dhcp) {
			add_step(t, "It is for everyone on the link, so for the host, too. It goes "
				    "no further.");
			return;
		}
		add_step(t, arena_printf(t->arena,
					 "The host looks up the route: %s is %s, so the packet is "
					 "for the host and goes no further.",
					 destination, host_text(t, out)));
		return;
	case END_NETWORK:
		add_step(t,
			 arena_printf(t->arena,
				      "The host looks up the route: %s is in %s, a subnet of the "
				      "network %s, so it goes out through %s.",
				      destination, subnet_text(t, out->subnet), out->network->name,
				      interface_text(t, out)));
		return;
	case END_UPLINK:
		add_step(t, arena_printf(t->arena,
					 "The host looks up the route: %s is in none of the "
					 "networks, so it goes out through the uplink %s.",
					 destination, uplink_text(t, out->uplink)));
		return;
	case END_ELSEWHERE:
		add_step(t, arena_printf(t->arena,
					 "The host looks up the route: %s is in none of the "
					 "networks, and the description names no uplink, so it "
					 "goes wherever the host's routes lead.",
					 destination));
		return;
	case END__COUNT:
		return;
	}
}

static const char *refusal_text(const struct teller *t)
{
	if (t->leg->outcome.verdict == VERDICT_DROP)
		return "The packet is dropped without an answer.";
	return "The packet is refused, and the sender gets an ICMP error (\"administratively "
	       "prohibited\").";
}

/* Why a network may, or may not, send to where the packet goes. */
static const char *permission_text(struct teller *t, const struct network *network)
{
	const struct end *out = &t->path->out;

	if (!is_refused(t))
		return arena_printf(
			t->arena,
			"Its mode is %s, so its guests may go out through its uplinks, and %s is "
			"one of them.",
			mode_name(network->mode), uplink_text(t, out->uplink));
	if (out->kind == END_NETWORK)
		return "Never to another network.";
	if (ways_out(t->explanation->description, network, t->leg->packet.family).permission ==
	    PERMIT_NOTHING)
		return arena_printf(t->arena, "Its mode is %s, so nothing may leave it.",
				    mode_name(network->mode));
	return arena_printf(t->arena, "Its mode is %s, but %s is not one of its uplinks.",
			    mode_name(network->mode),
			    out->uplink ? uplink_text(t, out->uplink)
					: "the interface to the outside");
}

static void tell_forward(struct teller *t)
{
	const struct explained_path *path = t->path;
	bool keep = t->explanation->description->settings.forwarding == FORWARDING_KEEP;
	const char *text;

	if (!met_rules(t, STAGE_FORWARD))
		return;
	if (path->in.kind == END_NETWORK)
		text = arena_printf(t->arena, "May %s send there? %s%s%s", path->in.network->name,
				    permission_text(t, path->in.network),
				    is_refused(t) || keep ? " " : "",
				    is_refused(t) ? refusal_text(t)
				    : keep ? "The host forwards it only if something else has "
					     "switched forwarding on (`forwarding: keep`)."
					   : "");
	else if (path->out.kind == END_NETWORK)
		text = arena_printf(t->arena,
				    "May the packet enter the network %s? Only replies to "
				    "connections that a guest opened may, and this packet opens a "
				    "new one. %s",
				    path->out.network->name, refusal_text(t));
	else
		text = arena_printf(t->arena,
				    "Its source is an address of a network, but it comes from "
				    "elsewhere. %s",
				    refusal_text(t));
	add_rules(t, add_step(t, text), STAGE_FORWARD, STAGE_FORWARD);
}

/* Whose private source the packet has, as the rule that met it says. */
static const char *last_network(const struct teller *t)
{
	const struct outcome *outcome = &t->leg->outcome;
	const struct ruleset *rs = t->explanation->ruleset;

	return outcome->n_steps > 0
		       ? rs->origins[outcome->trace[outcome->n_steps - 1].origin].network
		       : NULL;
}

static const char *untranslated_text(struct teller *t, const char *source)
{
	const struct end *in = &t->path->in;

	if (in->kind == END_NETWORK && !network_is_private(in->network))
		return arena_printf(t->arena,
				    "Its source stays %s: the mode of %s is routed, so routers "
				    "outside know the way to this address.",
				    source, in->network->name);
	return arena_printf(t->arena, "Its source stays %s.", source);
}

static void tell_translation(struct teller *t)
{
	const struct outcome *outcome = &t->leg->outcome;
	const char *source = addr_text(t, &t->leg->packet.saddr);
	const struct uplink *uplink = t->path->out.uplink;
	const char *text;

	if (!met_rules(t, STAGE_OUTBOUND))
		return;
	if (is_refused_at(t, STAGE_OUTBOUND))
		text = arena_printf(t->arena,
				    "The source %s is a private address of the network %s, which "
				    "has no public address on %s; nobody outside could answer it. "
				    "%s",
				    source, last_network(t), uplink_text(t, uplink),
				    refusal_text(t));
	else if (!outcome->translated)
		text = untranslated_text(t, source);
	else
		text = arena_printf(
			t->arena,
			"Its source is rewritten: %s becomes %s (SNAT), because nobody outside "
			"could "
			"answer a private address. The host remembers both (connection tracking).",
			source,
			outcome->masquerade
				? arena_printf(t->arena, "the address that %s has at that moment",
					       uplink->interface.name)
				: addr_text(t, &outcome->source));
	add_rules(t, add_step(t, text), STAGE_OUTBOUND, STAGE_NAT_POSTROUTING);
}

static void tell_guard(struct teller *t)
{
	if (!met_rules(t, STAGE_GUARD))
		return;
	add_rules(
		t,
		add_step(t, arena_printf(t->arena,
					 "A last check drops packets whose source should have been "
					 "rewritten but was not. %s",
					 is_refused_at(t, STAGE_GUARD) ? refusal_text(t)
								       : "This packet goes out.")),
		STAGE_GUARD, STAGE_GUARD);
}

static const char *seen_text(struct teller *t)
{
	const struct outcome *outcome = &t->leg->outcome;

	if (outcome->masquerade)
		return arena_printf(t->arena, "the address of %s",
				    t->path->out.uplink->interface.name);
	return addr_text(t, &outcome->source);
}

static const char *passes_text(struct teller *t)
{
	const char *destination = addr_text(t, &t->leg->packet.daddr);

	return arena_printf(t->arena, "Passes. %s sees %s as the sender.", destination,
			    seen_text(t));
}

static const char *refused_text(struct teller *t)
{
	const struct outcome *outcome = &t->leg->outcome;
	const struct ruleset *rs = t->explanation->ruleset;
	const struct rule *rule = &rs->rules[outcome->trace[outcome->n_steps - 1].rule];
	enum promise promise = rs->origins[rule->origin].promise;

	return arena_printf(t->arena, "Refused. Promise %s: %s.", promise_name(promise),
			    promises[promise]);
}

/* Both ends on one network: the host has no part in it, as a rule. */
static void tell_switched(struct teller *t)
{
	add_rules(
		t,
		add_step(t, arena_printf(
				    t->arena,
				    "Both ends are on the network %s. Its switch delivers the "
				    "packet, and the host takes no part. Where the kernel passes "
				    "such packets through the rules all the same (br_netfilter), "
				    "they are let through.",
				    t->path->in.network->name)),
		STAGE_DOOR, STAGE_GUARD);
}

static struct teller start(struct arena *arena, const struct explanation *explanation,
			   const struct explained_path *path, const struct leg *leg)
{
	return (struct teller){
		.arena = arena, .explanation = explanation, .path = path, .leg = leg};
}

struct told tell_there(struct arena *arena, const struct explanation *explanation,
		       const struct explained_path *path)
{
	struct teller t = start(arena, explanation, path, &path->there);

	if (path->fate != FATE_SWITCHED) {
		tell_arrival(&t);
		tell_door(&t);
		if (!is_refused_at(&t, STAGE_DOOR))
			tell_route(&t);
		tell_forward(&t);
		tell_translation(&t);
		tell_guard(&t);
	}
	switch (path->fate) {
	case FATE_PASSES:
		t.told.verdict = passes_text(&t);
		break;
	case FATE_DELIVERED:
		t.told.verdict = "Reaches the host. hostgate does not decide whom the host's own "
				 "services answer.";
		break;
	case FATE_SWITCHED:
		tell_switched(&t);
		t.told.verdict = "Passes.";
		break;
	case FATE_NOT_OURS:
		t.told.verdict = "Not hostgate's: neither end is in a network of the description. "
				 "The packet is treated as it would be without hostgate.";
		break;
	case FATE_REFUSED:
		t.told.verdict = refused_text(&t);
		tell_opening(arena, path, &t.told);
		break;
	case FATE__COUNT:
		break;
	}
	return t.told;
}

/* The reply. */

static void tell_return(struct teller *t)
{
	const struct packet *packet = &t->leg->packet;
	const struct outcome *there = &t->path->there.outcome;
	const char *source = addr_text(t, &packet->saddr);
	const char *guest = addr_text(t, &packet->daddr);
	const struct end *from = &t->path->out;

	if (from->kind == END_HOST)
		add_step(t,
			 arena_printf(t->arena, "The host answers, from %s to %s.", source, guest));
	else if (!there->translated)
		add_step(t, arena_printf(t->arena,
					 "It comes in on %s, from %s to %s. The host knows the "
					 "connection (connection tracking).",
					 interface_text(t, from), source, guest));
	else
		add_step(t, arena_printf(t->arena,
					 "It comes in on %s, from %s to %s. The host remembers the "
					 "connection and puts %s back as the destination.",
					 interface_text(t, from), source,
					 there->masquerade
						 ? arena_printf(t->arena, "the address of %s",
								from->uplink->interface.name)
						 : addr_text(t, &there->source),
					 guest));
}

static void tell_way_home(struct teller *t)
{
	const struct end *to = &t->path->in;
	const char *guest = addr_text(t, &t->leg->packet.daddr);

	if (to->kind == END_NETWORK)
		add_step(t, arena_printf(t->arena,
					 "%s is on the network %s, so it goes out through %s.",
					 guest, to->network->name, interface_text(t, to)));
	else if (to->kind == END_HOST)
		add_step(t,
			 arena_printf(t->arena, "%s is the host's own address, so it has arrived.",
				      guest));
	else
		add_step(t,
			 arena_printf(t->arena, "%s is outside, so it goes out through %s.", guest,
				      to->kind == END_UPLINK ? uplink_text(t, to->uplink)
							     : "the interface of its route"));
}

static void tell_entrance(struct teller *t)
{
	if (!met_rules(t, STAGE_FORWARD))
		return;
	add_rules(t,
		  add_step(t, arena_printf(
				      t->arena,
				      "May the packet enter the network %s? It is a reply to a "
				      "connection that a guest opened%s",
				      t->path->in.network->name,
				      is_refused(t) ? ", but it is not let in." : ". So it may.")),
		  STAGE_FORWARD, STAGE_FORWARD);
}

static void tell_leaving(struct teller *t)
{
	if (!met_rules(t, STAGE_OUTBOUND))
		return;
	add_rules(t, add_step(t, "It goes outside with the host's own address as the source."),
		  STAGE_OUTBOUND, STAGE_GUARD);
}

struct told tell_back(struct arena *arena, const struct explanation *explanation,
		      const struct explained_path *path)
{
	struct teller t = start(arena, explanation, path, &path->back);

	tell_return(&t);
	tell_door(&t);
	tell_way_home(&t);
	tell_entrance(&t);
	tell_leaving(&t);
	if (is_refused(&t))
		t.told.verdict = refused_text(&t);
	else
		t.told.verdict = arena_printf(arena, "Arrives. %s gets it from %s.",
					      addr_text(&t, &path->back.packet.daddr),
					      addr_text(&t, &path->back.packet.saddr));
	return t.told;
}
