// SPDX-License-Identifier: GPL-2.0-or-later
// replica_making: addresses and names that are free, and objects of the copy that get them.
#include "probe/replica_making.h"

#include <stdio.h>
#include <string.h>

/* Where addresses are chosen: RFC 5737, 6598, 2544, 1918; RFC 3849, 4193. */
static const char *const pools[FAMILY__COUNT][4] = {
	{"192.0.2.0/24", "198.51.100.0/24", "198.18.0.0/15", "100.64.0.0/10"},
	{"2001:db8:6867::/48", "2001:db8:4854::/48", "fd68:6f73:7467::/48", "fd61:7465:3031::/48"},
};

/* Routes to all the world, or half of it, take no addresses away. */
static bool is_on_host(const struct host_seen *host, const struct prefix *prefix)
{
	uint8_t shortest = prefix->addr.family == FAMILY_IPV4 ? 8 : 16;

	for (size_t i = 0; host && i < host->n_addresses; i++)
		if (prefix_overlaps(prefix, &host->addresses[i].prefix))
			return true;
	for (size_t i = 0; host && i < host->n_routes; i++)
		if (host->routes[i].prefix.len >= shortest &&
		    prefix_overlaps(prefix, &host->routes[i].prefix))
			return true;
	return false;
}

static bool is_described(const struct description *d, const struct prefix *prefix)
{
	for (size_t u = 0; u < d->n_uplinks; u++)
		if (d->uplinks[u].has_address[prefix->addr.family] &&
		    prefix_contains(prefix, &d->uplinks[u].address[prefix->addr.family]))
			return true;
	for (size_t n = 0; n < d->n_networks; n++) {
		const struct network *network = &d->networks[n];

		if (network->snat == SNAT_ADDRESS &&
		    prefix_contains(prefix, &network->snat_address))
			return true;
		for (size_t s = 0; s < network->n_subnets; s++)
			if (prefix_overlaps(prefix, &network->subnets[s].prefix))
				return true;
	}
	return false;
}

/* The last pool is large enough for all. */
struct prefix making_choose_block(struct making *m, enum family family)
{
	struct prefix block, pool;

	for (;;) {
		bool fresh = m->next[family].bytes[0] == 0;

		(void)prefix_parse(pools[family][m->pool[family]], &pool);
		block.addr = fresh ? pool.addr : m->next[family];
		block.len = (uint8_t)(family_bits(family) - 3);
		if (!prefix_contains(&pool, &block.addr) && m->pool[family] < 3) {
			m->pool[family]++;
			m->next[family] = (struct addr){.family = family};
			continue;
		}
		m->next[family] = addr_step(block.addr, 8);
		if (!is_described(m->d, &block) && !is_on_host(m->host, &block))
			return block;
	}
}

struct addr making_choose_address(struct making *m, enum family family)
{
	return addr_step(making_choose_block(m, family).addr, 1);
}

/* Names. */

bool making_has_port(const struct making *m, const char *name)
{
	for (size_t i = 0; i < m->r->n_ports; i++)
		if (strcmp(m->r->ports[i].name, name) == 0)
			return true;
	return false;
}

static bool has_link(const struct making *m, const char *name)
{
	for (size_t i = 0; i < m->r->n_links; i++)
		if (strcmp(m->r->links[i].name, name) == 0)
			return true;
	for (size_t i = 0; m->host && i < m->host->n_links; i++)
		if (strcmp(m->host->links[i].name, name) == 0)
			return true;
	return false;
}

bool making_is_named(const struct making *m, const char *name)
{
	for (size_t n = 0; n < m->d->n_networks; n++)
		for (size_t p = 0; p < m->d->networks[n].n_interfaces; p++)
			if (ifpattern_matches(&m->d->networks[n].interfaces[p], name))
				return true;
	return making_has_port(m, name) || has_link(m, name);
}

/* Another beginning when "other*" is a pattern. */
void making_name(const struct making *m, const char *base, char out[static IFNAME_SIZE])
{
	snprintf(out, IFNAME_SIZE, "%s0", base);
	for (char first = '~'; making_is_named(m, out) && first > '@'; first--)
		for (char digit = '0'; making_is_named(m, out) && digit <= '9'; digit++)
			snprintf(out, IFNAME_SIZE, "%c%.10s%c", first, base, digit);
}

/* Adding objects. */

void making_address(struct making *m, uint32_t port, const struct addr *addr, uint8_t len)
{
	struct replica *r = m->r;

	r->addresses = arena_grow(m->arena, r->addresses, r->n_addresses, &r->cap_addresses,
				  sizeof(*r->addresses));
	r->addresses[r->n_addresses++] =
		(struct replica_address){.port = port, .prefix = {*addr, len}};
}

void making_route(struct making *m, uint32_t port, struct prefix prefix, uint32_t metric,
		  bool connected)
{
	struct replica *r = m->r;

	r->routes =
		arena_grow(m->arena, r->routes, r->n_routes, &r->cap_routes, sizeof(*r->routes));
	r->routes[r->n_routes++] = (struct replica_route){
		.port = port, .prefix = prefix, .metric = metric, .connected = connected};
}

static struct prefix whole(const struct addr *addr)
{
	return (struct prefix){*addr, (uint8_t)family_bits(addr->family)};
}

void making_host_route(struct making *m, uint32_t port, const struct addr *addr)
{
	making_route(m, port, whole(addr), 1, false);
}

uint32_t making_link(struct making *m, const struct replica_link *link)
{
	struct replica *r = m->r;

	r->links = arena_grow(m->arena, r->links, r->n_links, &r->cap_links, sizeof(*r->links));
	r->links[r->n_links] = *link;
	return (uint32_t)r->n_links++;
}

uint32_t making_port(struct making *m, enum port_kind kind, size_t idx, const char *name)
{
	struct replica *r = m->r;
	struct replica_port port = {.kind = kind, .idx = (uint32_t)idx};
	struct replica_link link = {.master = NO_LINK, .port = (uint32_t)r->n_ports};

	snprintf(port.name, sizeof(port.name), "%s", name);
	memcpy(link.name, port.name, sizeof(link.name));
	making_link(m, &link);
	r->ports = arena_grow(m->arena, r->ports, r->n_ports, &r->cap_ports, sizeof(*r->ports));
	r->ports[r->n_ports] = port;
	return (uint32_t)r->n_ports++;
}

static bool is_taken(const struct making *m, const struct addr *addr)
{
	for (size_t i = 0; i < m->r->n_addresses; i++)
		if (addr_equal(&m->r->addresses[i].prefix.addr, addr))
			return true;
	for (size_t i = 0; i < m->r->n_guests; i++)
		if (addr_equal(&m->r->guests[i].addr, addr))
			return true;
	return false;
}

bool making_find_free(const struct making *m, const struct prefix *subnet, bool from_end,
		      struct addr *out)
{
	bool v4 = subnet->addr.family == FAMILY_IPV4;
	bool has_ends = v4 ? subnet->len < 31 : subnet->len < 127; /* network, broadcast, anycast */
	struct addr addr = from_end ? prefix_last(subnet) : subnet->addr;

	if (has_ends && (v4 || !from_end))
		addr = addr_step(addr, from_end ? -1 : 1);
	while (is_taken(m, &addr))
		addr = addr_step(addr, from_end ? -1 : 1);
	*out = addr;
	if (!prefix_contains(subnet, &addr))
		return false;
	if (has_ends && addr_equal(&addr, &subnet->addr))
		return false;
	struct addr last = prefix_last(subnet);

	return !(has_ends && v4 && addr_equal(&addr, &last));
}

void making_guest(struct making *m, uint32_t port, uint32_t network, uint32_t subnet,
		  const struct addr *addr, const struct addr *gateway)
{
	struct replica *r = m->r;
	struct replica_guest guest = {
		.port = port, .network = network, .subnet = subnet, .addr = *addr};

	if (gateway) {
		guest.has_gateway = true;
		guest.gateway = *gateway;
	}
	r->guests =
		arena_grow(m->arena, r->guests, r->n_guests, &r->cap_guests, sizeof(*r->guests));
	r->guests[r->n_guests++] = guest;
}

void making_remotes(struct making *m, uint32_t port)
{
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		struct replica_port *p = &m->r->ports[port];

		p->has_remote[f] = true;
		p->remote[f] = making_choose_address(m, f);
		p->stranger[f] = making_choose_address(m, f);
		making_host_route(m, port, &p->remote[f]);
		making_host_route(m, port, &p->stranger[f]);
	}
}
