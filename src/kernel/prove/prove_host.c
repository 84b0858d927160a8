// SPDX-License-Identifier: GPL-2.0-or-later
// prove_host: what is asked of a copy of the real host: where packets go there, and went before.
#include <errno.h>
#include <string.h>

#include "os/route_get.h"
#include "policy/expect.h"
#include "prove/prove_run.h"

/*
 * Theory of operation
 *
 * The host's routing may send a packet elsewhere than the probe was meant to go. Then it is judged
 * by where it was seen, and that it should be seen at the other place can't be asked. A packet to a
 * guest is an exception: without a route by its network's interface the network does not work.
 *
 * Pairs without a network are the host's own affair: others' rules may drop them. They go through a
 * copy without our rules first, and with them must fare the same.
 */

bool prove_same_way(const struct prove_run *run, uint32_t port, uint32_t other)
{
	const struct replica *r = run->list->replica;

	return port == other || (port != NO_PORT && other != NO_PORT &&
				 replica_top(r, port) == replica_top(r, other));
}

bool prove_answers_outside(const struct prove_run *run, const struct probe *probe,
			   const struct sight *sight)
{
	const struct replica *r = run->list->replica;

	return r->of_host && probe->in != NO_PORT && r->ports[probe->in].kind != PORT_NETWORK &&
	       r->ports[sight->port].kind != PORT_NETWORK &&
	       !addr_equal(&sight->daddr, &probe->daddr);
}

bool prove_may_be_there(const struct prove_run *run, uint32_t idx, const struct sight *sight)
{
	const struct probe *probe = &run->list->items[idx];
	const struct replica *r = run->list->replica;
	struct packet packet = probe_packet(run->list, probe);
	struct expectation expected;

	/* Its own packet, no answer to it. */
	if (!r->of_host || probe->toward == NO_PORT || !addr_equal(&sight->daddr, &probe->daddr) ||
	    sight->l4proto != packet.l4proto)
		return false;
	memcpy(packet.oifname, r->ports[sight->port].name, sizeof(packet.oifname));
	packet.source_on_out = replica_has(r, &probe->saddr, sight->port);
	expected = expect_packet(r->description, &packet);
	if (!expected.passes)
		return false;
	return expected.masquerade ? replica_has(r, &sight->saddr, sight->port)
				   : addr_equal(&sight->saddr, &expected.source);
}

bool prove_has_no_way(struct prove_run *run, uint32_t probe, int err)
{
	if (!run->list->replica->of_host || (err != -EADDRNOTAVAIL && err != -ENETUNREACH &&
					     err != -EHOSTUNREACH && err != -EACCES))
		return false;
	run->elsewhere[probe] = NO_PORT;
	return true;
}

static void tell_detour(struct prove_run *run, uint32_t probe, uint32_t port)
{
	struct prove_message record = {.kind = MESSAGE_DETOUR};

	record.detour.probe = probe;
	record.detour.port = port;
	(void)prove_tell(run, &record);
}

/* A guest that the host need not know: it has routes to single ones. */
static bool is_lone(const struct replica *r, const struct addr *addr)
{
	for (size_t i = 0; i < r->n_guests; i++)
		if (addr_equal(&r->guests[i].addr, addr))
			return r->guests[i].lone;
	return false;
}

/* The port by which the kernel would send it; NO_PORT: by none. False when that can't be told. */
static bool ask_route(struct prove_run *run, const struct probe *probe, uint32_t *out)
{
	const struct replica *r = run->list->replica;
	struct route_query query = {.daddr = probe->daddr, .saddr = &probe->saddr};
	struct route_answer answer;
	int err;

	query.iif = run->links.index[replica_top(r, probe->in)];
	err = route_get(&run->links.host, &query, &answer);
	*out = NO_PORT;
	if (err == -ENETUNREACH)
		return true;
	if (err != 0)
		return false;
	for (uint32_t i = 0; i < r->n_links; i++)
		if (run->links.index[i] == answer.oif)
			*out = r->links[i].port;
	return true;
}

bool prove_detours(struct prove_run *run, uint32_t idx)
{
	const struct probe *probe = &run->list->items[idx];
	const struct replica *r = run->list->replica;
	uint32_t port;

	if (!r->of_host)
		return false;
	if (run->elsewhere[idx]) {
		port = run->elsewhere[idx];
		tell_detour(run, idx, port == NO_PORT ? NO_PORT : port - 1);
		return true;
	}
	/* The host's own are sent by a given interface. */
	if (probe->in == NO_PORT || !ask_route(run, probe, &port) ||
	    prove_same_way(run, port, probe->toward))
		return false;
	if (r->ports[probe->toward].kind == PORT_NETWORK && !is_lone(r, &probe->daddr))
		return false;
	tell_detour(run, idx, port);
	return true;
}

bool prove_compares(const struct prove_run *run, uint32_t probe)
{
	return run->list->replica->of_host && run->list->items[probe].network == NO_NETWORK;
}

bool prove_differs(const struct prove_run *run, uint32_t probe, enum finding_kind *kind)
{
	const struct sight *before = run->before[probe], *now = run->seen[probe];

	if (before && now && before->port == now->port && addr_equal(&before->saddr, &now->saddr) &&
	    addr_equal(&before->daddr, &now->daddr))
		return false;
	*kind = !now ? FINDING_MISSING : !before ? FINDING_LEAK : FINDING_SOURCE;
	return before || now;
}
