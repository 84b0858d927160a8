// SPDX-License-Identifier: GPL-2.0-or-later
// probe_inside: probes of inside addresses where they do not belong, and of a host that is led astray.
/*
 * Theory of operation
 *
 * PHASE_ASTRAY comes last: the copy then has a routing rule, in front of all others, by which the
 * networks' subnets are reached through another interface, replica.astray. A host is like this
 * whose interface lacks an address of a described subnet, or whose other program routes it into a
 * tunnel. What the host answers to a guest must then be seen nowhere.
 */
#include "policy/expect.h"
#include "probe/probe_draft.h"

static bool is_outside(const struct drafting *m, uint32_t port)
{
	return m->r->ports[port].kind == PORT_UPLINK || m->r->ports[port].kind == PORT_OTHER;
}

/* An outsider takes a guest's address: the host's answer would go into the network. */
static void add_claimed(struct drafting *m, const struct replica_guest *guest)
{
	enum family family = guest->addr.family;

	for (uint32_t port = 0; port < m->r->n_ports; port++) {
		const struct addr *own = replica_own(m->r, port, family);
		struct probe probe;

		if (!is_outside(m, port) || !own)
			continue;
		probe = draft_forwarded(m, port, &guest->addr, own);
		probe.network = guest->network;
		probe.promise = PROMISE_P3;
		probe.what = "from outside, with a guest's source";
		draft_kinds(m, probe,
			    KINDS(PROBE_UDP, PROBE_TCP, PROBE_ACK, PROBE_ECHO, PROBE_PROTOCOL));
		probe = draft_forwarded(m, port, &guest->addr,
					&m->r->ports[port].stranger[family]);
		probe.network = guest->network;
		probe.promise = PROMISE_P3;
		probe.what = "from outside, with a guest's source";
		draft_kinds(m, probe, KINDS(PROBE_LAST_HOP, PROBE_LAST_HOP_ECHO));
	}
}

/* A guest takes the host's address. */
static void add_host_source(struct drafting *m, const struct replica_guest *guest)
{
	for (uint32_t port = 0; port < m->r->n_ports; port++) {
		struct probe probe;

		if (!is_outside(m, port))
			continue;
		probe = draft_forwarded(m, guest->port, &guest->gateway,
					&m->r->ports[port].stranger[guest->addr.family]);
		probe.network = guest->network;
		probe.promise = PROMISE_P4;
		probe.what = "forged source, the host's own";
		draft_kinds(m, probe, KINDS(PROBE_UDP, PROBE_TCP, PROBE_ECHO));
	}
}

/* A connection of a guest with the host, and an outsider who answers it. */
static void add_host_answer(struct drafting *m, const struct replica_guest *guest,
			    const struct addr *host)
{
	struct probe probe = draft_forwarded(m, guest->port, &guest->addr, host);

	/* Without ports, so that whoever sends the other way is its reply. */
	probe.kind = PROBE_PROTOCOL;
	probe.network = guest->network;
	probe.promise = PROMISE_P1;
	probe.what = "to the host";
	draft_add(m, probe);
	for (uint32_t port = 0; port < m->r->n_ports; port++) {
		if (!is_outside(m, port))
			continue;
		probe = draft_forwarded(m, port, host, &guest->addr);
		probe.kind = PROBE_PROTOCOL;
		probe.network = guest->network;
		probe.promise = PROMISE_P3;
		probe.what = "as if it were the host's answer";
		draft_add(m, probe);
	}
}

static void add_host_answers(struct drafting *m, const struct replica_guest *guest)
{
	if (guest->has_gateway)
		add_host_answer(m, guest, &guest->gateway);
	for (uint32_t port = 0; port < m->r->n_ports; port++) {
		const struct addr *own = replica_own(m->r, port, guest->addr.family);

		if (is_outside(m, port) && own)
			add_host_answer(m, guest, own);
	}
}

/* What would make a guest the host's router; and what the host would answer elsewhere. */
static void add_small_talk(struct drafting *m, const struct replica_guest *guest)
{
	enum family family = guest->addr.family;
	struct addr source, group;
	struct probe probe;

	for (uint32_t port = 0; port < m->r->n_ports; port++) {
		if (!is_outside(m, port))
			continue;
		probe = draft_forwarded(m, guest->port, &guest->addr,
					&m->r->ports[port].remote[family]);
		probe.network = guest->network;
		probe.promise = PROMISE_P4;
		probe.what = "as if it were a router";
		draft_kinds(m, probe, KINDS(PROBE_ROUTER));
	}
	if (family != FAMILY_IPV4)
		return;
	(void)addr_parse("169.254.7.7", &source);
	(void)addr_parse("224.0.0.1", &group);
	probe = draft_forwarded(m, guest->port, &source, &group);
	probe.network = guest->network;
	probe.promise = PROMISE_P4;
	probe.what = "link-local source, to many";
	draft_kinds(m, probe, KINDS(PROBE_ECHO));
}

/* Astray. */

static void add_astray(struct drafting *m, const struct replica_guest *guest)
{
	enum family family = guest->addr.family;
	struct probe probe;

	for (uint32_t port = 0; port < m->r->n_ports; port++) {
		const struct addr *own = replica_own(m->r, port, family);

		if (!is_outside(m, port))
			continue;
		if (own) {
			probe = draft_forwarded(m, guest->port, &guest->addr, own);
			probe.phase = PHASE_ASTRAY;
			probe.network = guest->network;
			probe.promise = PROMISE_P1;
			probe.what = "answered by another way";
			draft_kinds(m, probe, KINDS(PROBE_UDP, PROBE_TCP, PROBE_ACK, PROBE_ECHO));
		}
		probe = draft_forwarded(m, guest->port, &guest->addr,
					&m->r->ports[port].remote[family]);
		probe.phase = PHASE_ASTRAY;
		probe.network = guest->network;
		probe.promise = PROMISE_P1;
		probe.what = "answered by another way";
		draft_kinds(m, probe, KINDS(PROBE_LAST_HOP, PROBE_LAST_HOP_ECHO));
		/* From where the route is now, to anywhere else. */
		if (port == m->r->astray)
			continue;
		probe = draft_forwarded(m, m->r->astray, &guest->addr,
					&m->r->ports[port].remote[family]);
		probe.phase = PHASE_ASTRAY;
		probe.network = guest->network;
		probe.promise = PROMISE_P3;
		probe.what = "from another way, with a guest's source";
		draft_kinds(m, probe, KINDS(PROBE_UDP, PROBE_TCP, PROBE_ECHO));
	}
}

/* A guest's packet to another network, which is reached by an uplink now. */
static void add_to_other(struct drafting *m, const struct replica_guest *guest)
{
	for (size_t i = 0; i < m->r->n_guests; i++) {
		const struct replica_guest *other = &m->r->guests[i];
		struct probe probe;

		if (other->network == guest->network || other->subnet == NO_SUBNET ||
		    other->addr.family != guest->addr.family)
			continue;
		probe = draft_forwarded(m, guest->port, &guest->addr, &other->addr);
		probe.toward = m->r->astray;
		probe.phase = PHASE_ASTRAY;
		probe.network = guest->network;
		probe.promise = PROMISE_P1;
		probe.what = "to another network, by another way";
		draft_kinds(m, probe, KINDS(PROBE_UDP, PROBE_TCP));
		return;
	}
}

static bool is_first(const struct drafting *m, size_t idx)
{
	const struct replica_guest *guest = &m->r->guests[idx];

	return guest->subnet != NO_SUBNET &&
	       (idx == 0 || m->r->guests[idx - 1].network != guest->network ||
		m->r->guests[idx - 1].subnet != guest->subnet);
}

void draft_inside(struct drafting *m)
{
	for (size_t i = 0; i < m->r->n_guests; i++) {
		const struct replica_guest *guest = &m->r->guests[i];

		if (!is_first(m, i))
			continue;
		add_claimed(m, guest);
		if (guest->has_gateway)
			add_host_source(m, guest);
		add_host_answers(m, guest);
		add_small_talk(m, guest);
	}
	for (size_t i = 0; i < m->r->n_guests && m->r->astray != NO_PORT; i++) {
		if (!is_first(m, i))
			continue;
		add_astray(m, &m->r->guests[i]);
		add_to_other(m, &m->r->guests[i]);
	}
}
