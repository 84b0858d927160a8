// SPDX-License-Identifier: GPL-2.0-or-later
// probe_out: probes of a guest to the outside and to the host, and all that may come back.
#include "hostgate/ways.h"
#include "policy/expect.h"
#include "probe/probe_draft.h"

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
		bool foreign = draft_is_port(m, port, PORT_OTHER) ||
			       (draft_is_port(m, port, PORT_UPLINK) && port != sent.toward);

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

void draft_out(struct drafting *m, const struct replica_guest *guest)
{
	static const enum probe_kind kinds[] = {
		PROBE_UDP,	  PROBE_TCP,	    PROBE_ECHO,
		PROBE_PROTOCOL,	  PROBE_FRAGMENTS,  PROBE_FRAGMENTS_BACK,
		PROBE_RST,	  PROBE_FIN_ACK,    PROBE_SYN_ACK,
		PROBE_ALL_FLAGS,  PROBE_ECHO_REPLY, PROBE_ERROR,
		PROBE_UDP_BROKEN, PROBE_TCP_BROKEN, PROBE_FRAGMENT,
		PROBE_REPORT,
	};
	enum family family = guest->addr.family;
	struct passage out = ways_out(m->d, &m->d->networks[guest->network], family);

	for (uint32_t port = 0; port < m->r->n_ports; port++) {
		if (draft_is_port(m, port, PORT_NETWORK) || draft_is_port(m, port, PORT_CANARY))
			continue;
		struct probe probe = draft_forwarded(m, guest->port, &guest->addr,
						     &m->r->ports[port].remote[family]);

		probe.network = guest->network;
		for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
			uint32_t idx;

			probe.kind = kinds[k];
			probe.promise = PROMISE_P1;
			probe.what = "has no way out there";
			probe.passes = false;
			draft_judge(m, &probe);
			if (probe.passes && is_ambiguous(m, &probe))
				continue;
			if (probe.passes) {
				probe.promise = PROMISE_NONE;
				probe.what = "goes out";
			} else if (out.translated && guest->subnet != NO_SUBNET) {
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

void draft_of_host(struct drafting *m, const struct replica_guest *guest)
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
	draft_judge(m, &probe);
	if (probe.passes)
		probe.promise = PROMISE_NONE;
	uint32_t idx = draft_add(m, probe);

	if (m->list->items[idx].passes)
		add_answers(m, idx);
}
