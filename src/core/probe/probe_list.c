// SPDX-License-Identifier: GPL-2.0-or-later
// probe_list: which packets prove sends, and what should become of each.
#include "probe/probe.h"
#include "probe/probe_draft.h"

/*
 * Theory of operation
 *
 * A probe is a packet by its kind, its addresses and the wire it is put on. What should become of
 * it is asked of expect_packet(), with the route that the copy has for it. What the host itself
 * takes (its own addresses, broadcast, multicast) must show on no other wire.
 *
 * Probes that should pass are sent first, on the host just as apply leaves it; so a sysctl that was
 * forgotten shows. All others are sent when the host forwards everywhere: a leak must not hide
 * behind forwarding that happens to be off.
 */

/* Inside, and between networks. */

static void add_inside(struct drafting *m, const struct replica_guest *guest)
{
	struct probe probe;

	for (size_t i = 0; i < m->r->n_guests; i++) {
		const struct replica_guest *other = &m->r->guests[i];

		if (other->network != guest->network || other->port == guest->port ||
		    other->subnet == NO_SUBNET || other->addr.family != guest->addr.family)
			continue;
		probe = draft_forwarded(m, guest->port, &guest->addr, &other->addr);
		probe.network = guest->network;
		probe.promise = PROMISE_NONE;
		probe.what = "within the network";
		draft_add(m, probe);
	}
	if (!guest->has_gateway)
		return;
	probe = draft_forwarded(m, guest->port, &guest->addr, &guest->gateway);
	probe.kind = PROBE_ECHO;
	probe.phase = PHASE_OUT;
	probe.network = guest->network;
	probe.promise = PROMISE_NONE;
	probe.what = "the gateway answers";
	uint32_t idx = draft_add(m, probe);

	m->list->items[idx].passes = true;
	m->list->items[idx].toward = guest->port;
	m->list->items[idx].seen_saddr = guest->gateway;
}

static void add_between(struct drafting *m, uint32_t network)
{
	uint32_t others[PROBE_ALL_PAIRS_MAX];
	size_t max = m->d->n_networks <= PROBE_ALL_PAIRS_MAX ? PROBE_ALL_PAIRS_MAX : 16;
	size_t n = draft_others(m, network, max, others);

	m->list->sampled = m->list->sampled || n + 1 < m->d->n_networks;
	for (enum family f = 0; f < FAMILY__COUNT; f++)
		for (size_t i = 0; i < n; i++) {
			const struct replica_guest *from = draft_guest(m, network, f);
			struct probe probe = draft_forwarded(m, from->port, &from->addr,
							     &draft_guest(m, others[i], f)->addr);

			probe.network = network;
			probe.promise = PROMISE_P1;
			probe.what = "to another network";
			draft_kinds(m, probe,
				    KINDS(PROBE_UDP, PROBE_TCP, PROBE_ECHO, PROBE_RST, PROBE_ERROR,
					  PROBE_FRAGMENTS));
		}
}

static void add_entering(struct drafting *m, const struct replica_guest *guest)
{
	enum family family = guest->addr.family;

	for (uint32_t port = 0; port < m->r->n_ports; port++) {
		if (draft_is_port(m, port, PORT_NETWORK) || draft_is_port(m, port, PORT_CANARY))
			continue;
		/* Not of the remote: a protocol without ports would be the reply to the guest's. */
		struct probe probe =
			draft_forwarded(m, port, &m->r->ports[port].stranger[family], &guest->addr);

		probe.network = guest->network;
		probe.promise = PROMISE_P3;
		probe.what = "from outside";
		draft_kinds(m, probe,
			    KINDS(PROBE_UDP, PROBE_TCP, PROBE_ECHO, PROBE_PROTOCOL, PROBE_FRAGMENTS,
				  PROBE_RST, PROBE_SYN_ACK, PROBE_ECHO_REPLY, PROBE_ERROR,
				  PROBE_ACK));
		/* As if it were the guest's neighbour. */
		probe.saddr = addr_step(guest->addr, 1);
		probe.what = "from outside, with a source of the network";
		draft_kinds(m, probe, KINDS(PROBE_UDP, PROBE_TCP));
	}
}

/* To many, and from the host itself. */

static const char *const groups[] = {"255.255.255.255", "224.0.0.251", "239.255.255.250",
				     "ff02::fb",	"ff05::2",     "ff0e::101"};

static void add_to_many(struct drafting *m, const struct replica_guest *guest)
{
	const struct network *network = &m->d->networks[guest->network];
	struct probe probe = {.network = guest->network, .promise = PROMISE_P1};
	struct addr to;

	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		(void)addr_parse(groups[i], &to);
		if (to.family != guest->addr.family)
			continue;
		probe = draft_forwarded(m, guest->port, &guest->addr, &to);
		probe.network = guest->network;
		probe.promise = PROMISE_P1;
		probe.what = "to many";
		draft_add(m, probe);
	}
	if (guest->subnet == NO_SUBNET || guest->addr.family != FAMILY_IPV4)
		return;
	to = prefix_last(&network->subnets[guest->subnet].prefix);
	probe = draft_forwarded(m, guest->port, &guest->addr, &to);
	probe.toward = NO_PORT;
	probe.network = guest->network;
	probe.promise = PROMISE_P1;
	probe.what = "to its subnet's broadcast address";
	if (network->subnets[guest->subnet].prefix.len < 31)
		draft_kinds(m, probe, KINDS(PROBE_UDP, PROBE_ECHO));
	probe.saddr = (struct addr){.family = FAMILY_IPV4};
	(void)addr_parse("255.255.255.255", &probe.daddr);
	probe.what = "asks for an address";
	draft_kinds(m, probe, KINDS(PROBE_DHCP, PROBE_UDP));
}

static void add_own(struct drafting *m, const struct replica_guest *guest)
{
	enum family family = guest->addr.family;
	struct probe probe;

	for (uint32_t port = 0; port < m->r->n_ports; port++) {
		if (!draft_is_port(m, port, PORT_UPLINK))
			continue;
		probe = draft_forwarded(m, NO_PORT, &guest->gateway,
					&m->r->ports[port].remote[family]);
		probe.network = guest->network;
		probe.promise = PROMISE_P2;
		probe.what = "of the host, from its gateway address";
		draft_kinds(m, probe,
			    KINDS(PROBE_UDP, PROBE_TCP, PROBE_ECHO, PROBE_RST, PROBE_FIN_ACK,
				  PROBE_ECHO_REPLY, PROBE_REPORT));
		for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
			(void)addr_parse(groups[i], &probe.daddr);
			if (probe.daddr.family == family) {
				probe.toward = port;
				probe.what = "of the host, from its gateway address, to many";
				draft_kinds(m, probe, KINDS(PROBE_UDP));
			}
		}
	}
}

/* Pairs without a network in them are left alone. */
static void add_unconcerned(struct drafting *m, uint32_t other)
{
	for (uint32_t port = 0; port < m->r->n_ports; port++)
		for (enum family f = 0; f < FAMILY__COUNT; f++) {
			struct probe probe;

			if (!draft_is_port(m, port, PORT_UPLINK))
				continue;
			probe = draft_forwarded(m, other, &m->r->ports[other].remote[f],
						&m->r->ports[port].remote[f]);
			probe.network = NO_NETWORK;
			probe.promise = PROMISE_NONE;
			probe.what = "no network is concerned";
			draft_add(m, probe);
			probe = draft_forwarded(m, port, &m->r->ports[port].remote[f],
						&m->r->ports[other].remote[f]);
			probe.network = NO_NETWORK;
			probe.promise = PROMISE_NONE;
			probe.what = "no network is concerned";
			draft_add(m, probe);
		}
}

/* Whether the guest is the first of its subnet: what concerns the subnet is asked once. */
static bool is_first(const struct drafting *m, size_t idx)
{
	const struct replica_guest *guest = &m->r->guests[idx];

	return idx == 0 || m->r->guests[idx - 1].network != guest->network ||
	       m->r->guests[idx - 1].subnet != guest->subnet;
}

struct probe_list *probe_list_make(struct arena *arena, const struct replica *replica)
{
	struct probe_list *list = arena_alloc(arena, sizeof(*list));
	struct drafting m = {arena, list, replica, replica->description, NULL};

	list->replica = replica;
	m.unported = arena_calloc(arena, replica->n_ports * FAMILY__COUNT, sizeof(*m.unported));
	for (size_t i = 0; i < replica->n_guests; i++) {
		const struct replica_guest *guest = &replica->guests[i];

		draft_out(&m, guest);
		if (guest->subnet != NO_SUBNET)
			add_inside(&m, guest);
		add_entering(&m, guest);
		if (replica->of_host)
			draft_of_host(&m, guest);
		if (!is_first(&m, i))
			continue;
		add_to_many(&m, guest);
		if (guest->subnet != NO_SUBNET && guest->has_gateway)
			add_own(&m, guest);
	}
	for (uint32_t n = 0; n < m.d->n_networks; n++)
		add_between(&m, n);
	for (uint32_t port = 0; port < replica->n_ports; port++)
		if (replica->ports[port].kind == PORT_NETWORK)
			draft_forged(&m, replica->ports[port].idx, port);
	for (uint32_t port = 0; port < replica->n_ports; port++)
		if (replica->ports[port].kind == PORT_OTHER)
			add_unconcerned(&m, port);
	draft_inside(&m);
	return list;
}
