// SPDX-License-Identifier: GPL-2.0-or-later
// explain: the way of one packet and of its reply, from the description alone.
/*
 * Theory of operation
 *
 * The description tells the ends of the way: a network's subnet that holds the address, the host's
 * own addresses, and for all else the uplinks. Which of several uplinks is taken is for the routing
 * table, so each makes a way of its own. The simulator then walks each way: the first packet of a
 * connection, and, where that passes, the reply as conntrack hands it over, its destination put
 * back already. What is delivered to the host crosses the door only.
 */
#include "hostgate/explain.h"

#include <netinet/in.h>
#include <string.h>

#include "rules/field.h"

/* Types of echo request and reply: RFC 792, RFC 4443. */
static const uint8_t echo[FAMILY__COUNT][2] = {{8, 0}, {128, 129}};

struct ends {
	struct end *items;
	size_t n;
};

static const struct subnet *subnet_with(const struct network *network, const struct addr *addr)
{
	for (size_t s = 0; s < network->n_subnets; s++)
		if (prefix_contains(&network->subnets[s].prefix, addr))
			return &network->subnets[s];
	return NULL;
}

static const struct network *network_with(const struct description *d, const struct addr *addr)
{
	for (size_t n = 0; n < d->n_networks; n++)
		if (subnet_with(&d->networks[n], addr))
			return &d->networks[n];
	return NULL;
}

/* Tells whether the address is one that the description gives to the host. */
static bool host_has(const struct description *d, const struct addr *addr, struct end *end)
{
	*end = (struct end){.kind = END_HOST};
	for (size_t n = 0; n < d->n_networks; n++) {
		end->network = &d->networks[n];
		for (size_t g = 0; g < end->network->n_gateways; g++)
			if (addr_equal(&end->network->gateways[g].addr, addr)) {
				end->subnet = subnet_with(end->network, addr);
				return true;
			}
	}
	end->network = NULL;
	for (size_t u = 0; u < d->n_uplinks; u++) {
		end->uplink = &d->uplinks[u];
		if (end->uplink->has_address[addr->family] &&
		    addr_equal(&end->uplink->address[addr->family], addr))
			return true;
	}
	return false;
}

/* A name that fits the pattern; for "tap*" the first that is likely to exist. */
static void example_name(const struct ifpattern *pattern, char out[static IFNAME_SIZE])
{
	memcpy(out, pattern->name, IFNAME_SIZE);
	if (pattern->wildcard && strlen(out) + 1 < IFNAME_SIZE)
		out[strlen(out)] = '0';
}

static struct end end_of_network(const struct network *network, const struct addr *addr)
{
	struct end end = {
		.kind = END_NETWORK, .network = network, .subnet = subnet_with(network, addr)};

	example_name(&network->interfaces[0], end.ifname);
	return end;
}

static struct end end_of_uplink(const struct uplink *uplink)
{
	struct end end = {.kind = END_UPLINK, .uplink = uplink};

	memcpy(end.ifname, uplink->interface.name, IFNAME_SIZE);
	return end;
}

static bool has_interface(const struct network *network, const char *ifname)
{
	for (size_t i = 0; i < network->n_interfaces; i++)
		if (ifpattern_matches(&network->interfaces[i], ifname))
			return true;
	return false;
}

/* An interface that no pattern of the description fits. */
static struct end end_elsewhere(const struct description *d)
{
	struct end end = {.kind = END_ELSEWHERE};
	bool taken = true;

	for (char letter = 'a'; taken && letter <= 'z'; letter++) {
		end.ifname[0] = letter;
		end.ifname[1] = '!';
		taken = false;
		for (size_t n = 0; n < d->n_networks; n++)
			taken = taken || has_interface(&d->networks[n], end.ifname);
	}
	return end;
}

static struct ends ends_outside(struct arena *arena, const struct description *d)
{
	size_t n = d->n_uplinks ? d->n_uplinks : 1;
	struct ends ends = {.items = arena_calloc(arena, n, sizeof(*ends.items)), .n = n};

	for (size_t u = 0; u < d->n_uplinks; u++)
		ends.items[u] = end_of_uplink(&d->uplinks[u]);
	if (d->n_uplinks == 0)
		ends.items[0] = end_elsewhere(d);
	return ends;
}

static struct ends ends_of_one(struct arena *arena, struct end end)
{
	struct ends ends = {.items = arena_alloc(arena, sizeof(end)), .n = 1};

	ends.items[0] = end;
	return ends;
}

/* Any network may have a machine that asks; the host hears it. */
static struct ends ends_of_networks(struct arena *arena, const struct description *d,
				    const struct addr *addr)
{
	struct ends ends = {.items = arena_calloc(arena, d->n_networks, sizeof(*ends.items)),
			    .n = d->n_networks};

	for (size_t n = 0; n < d->n_networks; n++)
		ends.items[n] = end_of_network(&d->networks[n], addr);
	return ends;
}

static struct ends ends_of_address(struct arena *arena, const struct description *d,
				   const struct addr *addr)
{
	const struct network *network = network_with(d, addr);
	struct end host;

	if (host_has(d, addr, &host))
		return ends_of_one(arena, host);
	if (network)
		return ends_of_one(arena, end_of_network(network, addr));
	return ends_outside(arena, d);
}

/* The end that a name stands for: an interface's first, then a network's or an uplink's. */
static bool end_of_name(const struct description *d, const char *name, const struct addr *addr,
			struct end *end)
{
	if (strlen(name) < IFNAME_SIZE) {
		for (size_t n = 0; n < d->n_networks; n++)
			if (has_interface(&d->networks[n], name)) {
				*end = end_of_network(&d->networks[n], addr);
				memset(end->ifname, 0, IFNAME_SIZE);
				memcpy(end->ifname, name, strlen(name));
				return true;
			}
		for (size_t u = 0; u < d->n_uplinks; u++)
			if (ifpattern_matches(&d->uplinks[u].interface, name)) {
				*end = end_of_uplink(&d->uplinks[u]);
				return true;
			}
	}
	for (size_t n = 0; n < d->n_networks; n++)
		if (strcmp(d->networks[n].name, name) == 0) {
			*end = end_of_network(&d->networks[n], addr);
			return true;
		}
	for (size_t u = 0; u < d->n_uplinks; u++)
		if (strcmp(d->uplinks[u].name, name) == 0) {
			*end = end_of_uplink(&d->uplinks[u]);
			return true;
		}
	return false;
}

static void walk_there(struct explained_path *path, const struct description *d,
		       const struct ruleset *ruleset, const struct query *query)
{
	struct end host;
	struct packet *packet = &path->there.packet;

	*packet = (struct packet){
		.family = query->saddr.family,
		.saddr = query->saddr,
		.daddr = query->daddr,
		.l4proto = query->l4proto,
		.dport = query->port,
		.icmp_type = echo[query->saddr.family][0],
		/* The host routes back by the description: to a network what is in its subnets. */
		.reverse_path = path->in.kind == END_NETWORK ? path->in.subnet != NULL
							     : !network_with(d, &query->saddr),
		.source_local = path->in.kind != END_HOST && host_has(d, &query->saddr, &host),
		.ct_state = CT_STATE_NEW,
		.ct_daddr = query->daddr,
	};
	memcpy(packet->iifname, path->in.ifname, IFNAME_SIZE);
	memcpy(packet->oifname, path->out.ifname, IFNAME_SIZE);
	packet->for_host = packet->dest_local = path->out.kind == END_HOST;
	path->there.outcome = simulate_packet(ruleset, packet);
}

static void walk_back(struct explained_path *path, const struct ruleset *ruleset,
		      const struct query *query)
{
	struct packet *packet = &path->back.packet;

	*packet = path->there.packet;
	packet->saddr = query->daddr;
	packet->daddr = query->saddr;
	packet->dport = 0;
	packet->icmp_type = echo[query->saddr.family][1];
	packet->reverse_path = true;
	packet->ct_state = CT_STATE_ESTABLISHED;
	packet->ct_reply = true;
	packet->ct_status = CT_STATUS_CONFIRMED;
	packet->ct_daddr = query->daddr;
	if (path->there.outcome.translated)
		packet->ct_status |= CT_STATUS_SRC_NAT;
	memcpy(packet->iifname, path->out.ifname, IFNAME_SIZE);
	memcpy(packet->oifname, path->in.ifname, IFNAME_SIZE);
	packet->for_host = packet->dest_local = path->in.kind == END_HOST;
	path->back.outcome = simulate_packet(ruleset, packet);
}

static struct way_end way_end_of(const struct end *end)
{
	return (struct way_end){end->kind, end->network, end->uplink};
}

/* Which key would let the refused packet pass, and whose it is. */
static void find_key(const struct description *d, const struct query *query,
		     struct explained_path *path)
{
	struct way_end from = way_end_of(&path->in), to = way_end_of(&path->out);
	const struct network *owner = network_with(d, &query->saddr);
	const struct passage *passage;
	struct way way;

	/* What the host sends from an address of a network is let out as the network's. */
	if (from.kind == END_HOST && owner)
		from = way_end_network(owner);
	way = ways_between(d, from, to);
	passage = &way.of[query->saddr.family];
	path->network = from.kind == END_NETWORK ? from.network : to.network;
	if (path->in.kind == END_NETWORK && !path->in.subnet) {
		path->key = WAY_KEY_SUBNET;
		path->place = path->network->subnets[0].place;
	} else if (passage->permission != PERMIT_ALL) {
		path->key = passage->key;
		path->place = passage->place;
	}
}

static enum fate find_fate(const struct explained_path *path)
{
	const struct outcome *outcome = &path->there.outcome;
	bool network = path->in.kind == END_NETWORK || path->out.kind == END_NETWORK;

	if (outcome->verdict != VERDICT_PASS)
		return FATE_REFUSED;
	if (path->out.kind == END_HOST)
		return FATE_DELIVERED;
	if (path->in.kind == END_NETWORK && path->in.network == path->out.network)
		return FATE_SWITCHED;
	if (network || path->in.kind == END_HOST || outcome->translated)
		return FATE_PASSES;
	return FATE_NOT_OURS;
}

bool explain_packet(struct arena *arena, const struct description *description,
		    const struct ruleset *ruleset, const struct query *query,
		    struct explanation *out, struct buf *error)
{
	struct ends in = ends_of_address(arena, description, &query->saddr);
	struct ends to = ends_of_address(arena, description, &query->daddr);
	struct end from;

	if (query->from && !end_of_name(description, query->from, &query->saddr, &from)) {
		buf_printf(error,
			   "--from: the description has no interface, network or uplink \"%.64s\"",
			   query->from);
		return false;
	}
	if (query->dhcp) {
		in = ends_of_networks(arena, description, &query->saddr);
		to = ends_of_one(arena, (struct end){.kind = END_HOST});
	}
	if (query->from)
		in = ends_of_one(arena, from);
	/* Where no network is at the other end, one uplink is as good as another. */
	if (to.items[0].kind != END_NETWORK && in.items[0].kind == END_UPLINK && !query->from)
		in.n = 1;
	*out = (struct explanation){
		.description = description,
		.ruleset = ruleset,
		.query = *query,
		.paths = arena_calloc(arena, in.n * to.n, sizeof(*out->paths)),
		.n_paths = in.n * to.n,
	};
	for (size_t i = 0; i < out->n_paths; i++) {
		struct explained_path *path = &out->paths[i];

		path->in = in.items[i / to.n];
		path->out = to.items[i % to.n];
		walk_there(path, description, ruleset, query);
		path->fate = find_fate(path);
		if (path->fate == FATE_REFUSED)
			find_key(description, query, path);
		/* The reply to a network's address that came in from outside goes elsewhere. */
		path->has_reply = !query->dhcp &&
				  (path->fate == FATE_PASSES || path->fate == FATE_DELIVERED) &&
				  (path->in.kind == END_NETWORK || path->in.kind == END_HOST ||
				   !network_with(description, &query->saddr));
		if (path->has_reply)
			walk_back(path, ruleset, query);
	}
	return true;
}
