// SPDX-License-Identifier: GPL-2.0-or-later
// probe_list: which packets prove sends, and what should become of each.
#include "policy/expect.h"
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

/* Forged sources behind different interfaces to the outside: so many of them are enough. */
#define FORGED_FAR_MAX 4

static bool is_for_many(const struct replica *r, const struct addr *addr)
{
	if (addr->family == FAMILY_IPV6)
		return addr->bytes[0] == 0xff;
	if (addr->bytes[0] >= 224)
		return true;
	for (size_t i = 0; i < r->n_addresses; i++) {
		struct prefix subnet = prefix_truncate(&r->addresses[i].prefix);
		struct addr last = prefix_last(&subnet);

		if (subnet.len < 31 && addr_equal(&last, addr))
			return true;
	}
	return false;
}

/* Fills in what should become of the probe. */
static void judge(struct drafting *m, struct probe *probe)
{
	const struct probe *about = probe->about == NO_PROBE ? NULL : &m->list->items[probe->about];
	struct packet packet = probe_packet(m->list, probe);
	struct expectation expected = expect_packet(m->d, &packet);

	if (!expected.passes || probe->toward == NO_PORT || probe->kind == PROBE_FRAGMENT ||
	    probe->kind == PROBE_LAST_HOP || probe->kind == PROBE_LAST_HOP_ECHO ||
	    probe->kind == PROBE_HOP_OPTION)
		return;
	/* On a real host: back to where it came from, so nobody gets it who should not. */
	if (probe->toward == probe->in && m->r->ports[probe->in].kind != PORT_NETWORK)
		return;
	/* A stranger writes to the translated address, which is the host's. */
	if (probe->kind == PROBE_STRANGER && !addr_equal(&about->seen_saddr, &about->saddr))
		return;
	probe->seen_saddr = expected.source;
	if (expected.masquerade) {
		const struct addr *own = replica_own(m->r, probe->toward, probe->family);

		/* The kernel would borrow one of another interface. */
		if (!own)
			return;
		probe->seen_saddr = *own;
		probe->any_own = true;
	}
	probe->passes = true;
}

/* Adds the probe, judged; returns its index or NO_PROBE when there is no such packet. */
uint32_t draft_add(struct drafting *m, struct probe probe)
{
	struct probe_list *list = m->list;

	if (probe.phase != PHASE_BACK && !probe_kind_table[probe.kind].l4proto[probe.family])
		return NO_PROBE;
	judge(m, &probe);
	/* Within a network the host forwards for bridges only, which need no forwarding. */
	if (probe.passes && probe.phase == PHASE_ELSE && probe.network != NO_NETWORK &&
	    m->r->ports[probe.toward].kind != PORT_NETWORK)
		probe.phase = PHASE_OUT;
	list->items = arena_grow(m->arena, list->items, list->n, &list->cap, sizeof(*list->items));
	list->items[list->n] = probe;
	return (uint32_t)list->n++;
}

/* A packet on its way from a wire; where it would go is looked up. */
struct probe draft_forwarded(const struct drafting *m, uint32_t in, const struct addr *from,
			      const struct addr *to)
{
	struct probe probe = {
		.phase = PHASE_ELSE,
		.family = from->family,
		.in = in,
		.about = NO_PROBE,
		.saddr = *from,
		.daddr = *to,
		.toward = NO_PORT,
	};

	if (!replica_has(m->r, to, NO_PORT) && !is_for_many(m->r, to))
		probe.toward = replica_route_to(m->r, to);
	return probe;
}

void draft_kinds(struct drafting *m, struct probe probe, const enum probe_kind *kinds)
{
	for (; *kinds != PROBE__COUNT; kinds++) {
		probe.kind = *kinds;
		draft_add(m, probe);
	}
}

/* Networks that a network is tested against: all, or its neighbours and a fixed sample. */
static size_t pick_others(const struct drafting *m, uint32_t network, size_t max,
			  uint32_t out[static PROBE_ALL_PAIRS_MAX])
{
	size_t count = m->d->n_networks, n = 0;

	if (count - 1 <= max) {
		for (uint32_t i = 0; i < count; i++)
			if (i != network)
				out[n++] = i;
		return n;
	}
	for (size_t step = 1; step < count && n < max; step = step < 2 ? 2 : step * 3 / 2 + 1) {
		out[n++] = (uint32_t)((network + step) % count);
		if (n < max && (2 * step) % count != 0)
			out[n++] = (uint32_t)((network + count - step) % count);
	}
	return n;
}

/* The first guest of the network and family; an undescribed one when it has no other. */
static const struct replica_guest *guest_of(const struct drafting *m, uint32_t network,
					    enum family family)
{
	for (size_t i = 0; i < m->r->n_guests; i++)
		if (m->r->guests[i].network == network && m->r->guests[i].addr.family == family)
			return &m->r->guests[i];
	return NULL;
}

static bool is_port(const struct drafting *m, uint32_t port, enum port_kind kind)
{
	return m->r->ports[port].kind == kind;
}

/* Out and back. */

/* All that may come back to a probe that was seen outside. */
static void add_answers(struct drafting *m, uint32_t about)
{
	const struct replica *r = m->r;
	struct probe sent = m->list->items[about];
	struct probe probe = {
		.kind = PROBE_REPLY,
		.phase = PHASE_BACK,
		.promise = PROMISE_NONE,
		.family = sent.family,
		.network = sent.network,
		.in = sent.toward,
		.toward = sent.in,
		.about = about,
		.saddr = sent.daddr,
		.daddr = sent.saddr,
		.what = "comes back to the guest",
	};

	draft_add(m, probe);
	if (sent.kind != PROBE_UDP)
		return;
	probe.kind = PROBE_ERROR_ABOUT;
	probe.saddr = r->ports[sent.toward].stranger[sent.family];
	draft_add(m, probe);
	probe.promise = PROMISE_P3;
	probe.kind = PROBE_STRANGER;
	probe.what = "into a connection of others";
	draft_add(m, probe);
	probe.kind = PROBE_REPLY;
	probe.saddr = sent.daddr;
	probe.what = "by an interface that is not its uplink";
	for (uint32_t port = 0; port < r->n_ports; port++) {
		bool foreign = is_port(m, port, PORT_OTHER) ||
			       (is_port(m, port, PORT_UPLINK) && port != sent.toward);

		probe.in = port;
		struct packet packet = probe_packet(m->list, &probe);

		if (foreign && !expect_packet(m->d, &packet).passes)
			draft_add(m, probe);
	}
}

/*
 * Without ports, answers to two guests behind one address can't be told apart, and the kernel drops
 * the second one's packet.
 */
static bool is_ambiguous(struct drafting *m, const struct probe *probe)
{
	bool *taken = &m->unported[probe->toward * FAMILY__COUNT + probe->family];

	if (probe->kind != PROBE_PROTOCOL || addr_equal(&probe->saddr, &probe->seen_saddr))
		return false;
	if (*taken)
		return true;
	*taken = true;
	return false;
}

static void add_out(struct drafting *m, const struct replica_guest *guest)
{
	static const enum probe_kind kinds[] = {
		PROBE_UDP,	  PROBE_TCP,	    PROBE_ECHO,
		PROBE_PROTOCOL,	  PROBE_FRAGMENTS,  PROBE_FRAGMENTS_BACK,
		PROBE_RST,	  PROBE_FIN_ACK,    PROBE_SYN_ACK,
		PROBE_ALL_FLAGS,  PROBE_ECHO_REPLY, PROBE_ERROR,
		PROBE_UDP_BROKEN, PROBE_TCP_BROKEN, PROBE_FRAGMENT,
		PROBE_REPORT,
	};
	const struct network *network = &m->d->networks[guest->network];
	enum family family = guest->addr.family;

	for (uint32_t port = 0; port < m->r->n_ports; port++) {
		if (is_port(m, port, PORT_NETWORK) || is_port(m, port, PORT_CANARY))
			continue;
		struct probe probe =
			draft_forwarded(m, guest->port, &guest->addr, &m->r->ports[port].remote[family]);

		probe.network = guest->network;
		for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
			uint32_t idx;

			probe.kind = kinds[k];
			probe.promise = PROMISE_P1;
			probe.what = "has no way out there";
			probe.passes = false;
			judge(m, &probe);
			if (probe.passes && is_ambiguous(m, &probe))
				continue;
			if (probe.passes) {
				probe.promise = PROMISE_NONE;
				probe.what = "goes out";
			} else if (network->mode == MODE_NAT && guest->subnet != NO_SUBNET) {
				probe.promise = PROMISE_P2;
				probe.what = "must not leave with a private source";
			}
			idx = draft_add(m, probe);
			if (probe.passes && (kinds[k] == PROBE_UDP || kinds[k] == PROBE_TCP ||
					     kinds[k] == PROBE_ECHO))
				add_answers(m, idx);
		}
	}
}

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
	size_t n = pick_others(m, network, max, others);

	m->list->sampled = m->list->sampled || n + 1 < m->d->n_networks;
	for (enum family f = 0; f < FAMILY__COUNT; f++)
		for (size_t i = 0; i < n; i++) {
			const struct replica_guest *from = guest_of(m, network, f);
			struct probe probe = draft_forwarded(m, from->port, &from->addr,
						       &guest_of(m, others[i], f)->addr);

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
		if (is_port(m, port, PORT_NETWORK) || is_port(m, port, PORT_CANARY))
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

/* Forged sources. */

static void add_forged_from(struct drafting *m, uint32_t network, uint32_t in,
			    const struct addr *source, const char *what)
{
	const struct replica *r = m->r;
	const struct addr *own = replica_own(r, in, source->family);
	struct probe probe;

	for (uint32_t port = 0; port < r->n_ports; port++) {
		if (is_port(m, port, PORT_NETWORK) || is_port(m, port, PORT_CANARY))
			continue;
		probe = draft_forwarded(m, in, source, &r->ports[port].stranger[source->family]);
		probe.network = network;
		probe.promise = PROMISE_P4;
		probe.what = what;
		draft_kinds(m, probe,
			  KINDS(PROBE_UDP, PROBE_TCP, PROBE_ECHO, PROBE_RST, PROBE_FRAGMENTS,
				PROBE_LAST_HOP, PROBE_LAST_HOP_ECHO, PROBE_HOP_OPTION));
		if (!replica_own(r, port, source->family))
			continue;
		probe.daddr = *replica_own(r, port, source->family);
		probe.toward = NO_PORT;
		draft_kinds(m, probe,
			  KINDS(PROBE_UDP, PROBE_TCP, PROBE_ACK, PROBE_ECHO, PROBE_PROTOCOL));
	}
	if (!own)
		return;
	probe = draft_forwarded(m, in, source, own);
	probe.network = network;
	probe.promise = PROMISE_P4;
	probe.what = what;
	draft_kinds(m, probe, KINDS(PROBE_UDP, PROBE_TCP, PROBE_ACK, PROBE_ECHO, PROBE_PROTOCOL));
}

/* Addresses just outside the subnet's two ends, where they are nobody's. */
static void add_forged_edges(struct drafting *m, uint32_t network, uint32_t in,
			     const struct prefix *subnet)
{
	struct addr last = prefix_last(subnet);
	struct addr edges[] = {addr_step(subnet->addr, -1), addr_step(last, 1)};

	for (size_t i = 0; i < 2; i++)
		if (!expect_member(&m->d->networks[network], &edges[i]) &&
		    !is_for_many(m->r, &edges[i]))
			add_forged_from(m, network, in, &edges[i],
					"forged source, next to the subnet");
}

static void add_forged(struct drafting *m, uint32_t network, uint32_t in)
{
	static const char *const link_local[FAMILY__COUNT] = {"169.254.7.7", "fe80::707"};
	const struct network *described = &m->d->networks[network];
	uint32_t others[PROBE_ALL_PAIRS_MAX];
	size_t n = pick_others(m, network, 4, others);
	struct addr addr;

	for (size_t s = 0; s < described->n_subnets; s++)
		add_forged_edges(m, network, in, &described->subnets[s].prefix);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		add_forged_from(m, network, in, &m->r->forged[f], "forged source, outside");
		size_t far = 0;

		for (uint32_t port = 0; port < m->r->n_ports && far < FORGED_FAR_MAX; port++)
			if (is_port(m, port, PORT_UPLINK) || is_port(m, port, PORT_OTHER)) {
				add_forged_from(m, network, in, &m->r->ports[port].remote[f],
						"forged source, outside");
				far++;
			}
		for (size_t i = 0; i < n; i++)
			add_forged_from(m, network, in, &guest_of(m, others[i], f)->addr,
					"forged source, of another network");
		(void)addr_parse(link_local[f], &addr);
		add_forged_from(m, network, in, &addr, "link-local source");
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
		if (!is_port(m, port, PORT_UPLINK))
			continue;
		probe = draft_forwarded(m, NO_PORT, &guest->gateway, &m->r->ports[port].remote[family]);
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

			if (!is_port(m, port, PORT_UPLINK))
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

/* On a real host: what it answers to a guest, and what goes by its own default route. */
static void add_of_host(struct drafting *m, const struct replica_guest *guest)
{
	const struct replica *r = m->r;
	struct probe probe;

	for (size_t i = 0; i < r->n_addresses; i++) {
		const struct addr *own = &r->addresses[i].prefix.addr;

		if (own->family != guest->addr.family || !r->addresses[i].on_host)
			continue;
		probe = draft_forwarded(m, guest->port, &guest->addr, own);
		probe.network = guest->network;
		probe.promise = PROMISE_P1;
		probe.what = "to the host";
		draft_kinds(m, probe, KINDS(PROBE_UDP, PROBE_ACK, PROBE_ECHO));
	}
	probe = draft_forwarded(m, guest->port, &guest->addr, &r->forged[guest->addr.family]);
	probe.network = guest->network;
	probe.promise = PROMISE_P1;
	probe.what = "on its last hop";
	draft_kinds(m, probe, KINDS(PROBE_LAST_HOP, PROBE_LAST_HOP_ECHO));
	probe.kind = PROBE_UDP;
	probe.what = "by the host's own route";
	judge(m, &probe);
	if (probe.passes)
		probe.promise = PROMISE_NONE;
	uint32_t idx = draft_add(m, probe);

	if (m->list->items[idx].passes)
		add_answers(m, idx);
}

struct probe_list *probe_list_make(struct arena *arena, const struct replica *replica)
{
	struct probe_list *list = arena_alloc(arena, sizeof(*list));
	struct drafting m = {arena, list, replica, replica->description, NULL};

	list->replica = replica;
	m.unported = arena_calloc(arena, replica->n_ports * FAMILY__COUNT, sizeof(*m.unported));
	for (size_t i = 0; i < replica->n_guests; i++) {
		const struct replica_guest *guest = &replica->guests[i];

		add_out(&m, guest);
		if (guest->subnet != NO_SUBNET)
			add_inside(&m, guest);
		add_entering(&m, guest);
		if (replica->of_host)
			add_of_host(&m, guest);
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
			add_forged(&m, replica->ports[port].idx, port);
	for (uint32_t port = 0; port < replica->n_ports; port++)
		if (replica->ports[port].kind == PORT_OTHER)
			add_unconcerned(&m, port);
	draft_inside(&m);
	return list;
}
