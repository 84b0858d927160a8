// SPDX-License-Identifier: GPL-2.0-or-later
// probe_draft: adds a probe to the list, with what should become of it.
#include "probe/probe_draft.h"

#include "policy/expect.h"

bool draft_is_for_many(const struct replica *r, const struct addr *addr)
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

void draft_judge(struct drafting *m, struct probe *probe)
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

uint32_t draft_add(struct drafting *m, struct probe probe)
{
	struct probe_list *list = m->list;

	if (probe.phase != PHASE_BACK && !probe_kind_table[probe.kind].l4proto[probe.family])
		return NO_PROBE;
	draft_judge(m, &probe);
	/* Within a network the host forwards for bridges only, which need no forwarding. */
	if (probe.passes && probe.phase == PHASE_ELSE && probe.network != NO_NETWORK &&
	    m->r->ports[probe.toward].kind != PORT_NETWORK)
		probe.phase = PHASE_OUT;
	list->items = arena_grow(m->arena, list->items, list->n, &list->cap, sizeof(*list->items));
	list->items[list->n] = probe;
	return (uint32_t)list->n++;
}

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

	if (!replica_has(m->r, to, NO_PORT) && !draft_is_for_many(m->r, to))
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

size_t draft_others(const struct drafting *m, uint32_t network, size_t max,
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

const struct replica_guest *draft_guest(const struct drafting *m, uint32_t network,
					enum family family)
{
	for (size_t i = 0; i < m->r->n_guests; i++)
		if (m->r->guests[i].network == network && m->r->guests[i].addr.family == family)
			return &m->r->guests[i];
	return NULL;
}

bool draft_is_port(const struct drafting *m, uint32_t port, enum port_kind kind)
{
	return m->r->ports[port].kind == kind;
}
