// SPDX-License-Identifier: GPL-2.0-or-later
// probe_forged: probes with a source that the network does not have.
#include "policy/expect.h"
#include "probe/probe_draft.h"

/* Forged sources behind different interfaces to the outside: so many of them are enough. */
#define FORGED_FAR_MAX 4

static void add_forged_from(struct drafting *m, uint32_t network, uint32_t in,
			    const struct addr *source, const char *what)
{
	const struct replica *r = m->r;
	const struct addr *own = replica_own(r, in, source->family);
	struct probe probe;

	for (uint32_t port = 0; port < r->n_ports; port++) {
		if (draft_is_port(m, port, PORT_NETWORK) || draft_is_port(m, port, PORT_CANARY))
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
		    !draft_is_for_many(m->r, &edges[i]))
			add_forged_from(m, network, in, &edges[i],
					"forged source, next to the subnet");
}

void draft_forged(struct drafting *m, uint32_t network, uint32_t in)
{
	static const char *const link_local[FAMILY__COUNT] = {"169.254.7.7", "fe80::707"};
	const struct network *described = &m->d->networks[network];
	uint32_t others[PROBE_ALL_PAIRS_MAX];
	size_t n = draft_others(m, network, 4, others);
	struct addr addr;

	for (size_t s = 0; s < described->n_subnets; s++)
		add_forged_edges(m, network, in, &described->subnets[s].prefix);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		add_forged_from(m, network, in, &m->r->forged[f], "forged source, outside");
		size_t far = 0;

		for (uint32_t port = 0; port < m->r->n_ports && far < FORGED_FAR_MAX; port++)
			if (draft_is_port(m, port, PORT_UPLINK) ||
			    draft_is_port(m, port, PORT_OTHER)) {
				add_forged_from(m, network, in, &m->r->ports[port].remote[f],
						"forged source, outside");
				far++;
			}
		for (size_t i = 0; i < n; i++)
			add_forged_from(m, network, in, &draft_guest(m, others[i], f)->addr,
					"forged source, of another network");
		(void)addr_parse(link_local[f], &addr);
		add_forged_from(m, network, in, &addr, "link-local source");
	}
}
