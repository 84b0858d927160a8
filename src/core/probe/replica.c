// SPDX-License-Identifier: GPL-2.0-or-later
// replica: the copy of the described host that prove builds, as data: wires, addresses, routes.
#include "probe/replica_making.h"

#include <stdio.h>
#include <string.h>

/*
 * Theory of operation
 *
 * What the description leaves open is chosen so that leaks show. Each network has guests at both
 * ends of every subnet, since a wrong prefix length cuts one off, and on each of its interfaces.
 * Beside its subnets it has one more, of each family, that the host has an address in and a route
 * to but that the description does not know: it passes the reverse-path test, and only the rules
 * about subnets keep it in. Every uplink has somebody behind it that is reached by that uplink
 * alone. Two more ports are described nowhere: one that nothing may leak to, one for the canary.
 *
 * Addresses that are chosen here are in no subnet of the description and are no address of it.
 */

/* Where addresses are chosen: RFC 5737, 6598, 2544, 1918; RFC 3849, 4193. */
static const char *const pools[FAMILY__COUNT][4] = {
	{"192.0.2.0/24", "198.51.100.0/24", "198.18.0.0/15", "100.64.0.0/10"},
	{"2001:db8:6867::/48", "2001:db8:4854::/48", "fd68:6f73:7467::/48", "fd61:7465:3031::/48"},
};

struct addr addr_step(struct addr addr, int step)
{
	int carry = step;

	for (size_t i = family_bits(addr.family) / 8; i-- > 0 && carry != 0;) {
		int sum = addr.bytes[i] + carry;

		addr.bytes[i] = (uint8_t)(sum & 0xff);
		carry = sum >> 8;
	}
	return addr;
}

struct addr prefix_last(const struct prefix *prefix)
{
	struct addr addr = prefix->addr;

	for (unsigned int bit = prefix->len; bit < family_bits(addr.family); bit++)
		addr.bytes[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	return addr;
}

static struct prefix whole(const struct addr *addr)
{
	return (struct prefix){*addr, (uint8_t)family_bits(addr->family)};
}

/* Choosing addresses. */

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

/* Takes the next block of 8 addresses that is free; the last pool is large enough for all. */
static struct prefix choose_block(struct making *m, enum family family)
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

static struct addr choose_address(struct making *m, enum family family)
{
	return addr_step(choose_block(m, family).addr, 1);
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

void making_host_route(struct making *m, uint32_t port, const struct addr *addr)
{
	making_route(m, port, whole(addr), 1, false);
}

static bool has_port(const struct replica *r, const char *name)
{
	for (size_t i = 0; i < r->n_ports; i++)
		if (strcmp(r->ports[i].name, name) == 0)
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

/* Networks. */

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

/* The first free address from one end of the subnet; false when it is full. */
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

/* Puts one subnet on the ports first to end - 1, which are all of the network's. */
static void add_subnet(struct making *m, uint32_t network_idx, uint32_t subnet_idx, uint32_t first,
		       uint32_t end)
{
	const struct network *network = &m->d->networks[network_idx];
	const struct prefix *subnet = &network->subnets[subnet_idx].prefix;
	struct addr gateway, addr;
	bool has_gateway = false;

	for (size_t g = 0; g < network->n_gateways; g++) {
		if (!prefix_contains(subnet, &network->gateways[g].addr))
			continue;
		if (!has_gateway)
			gateway = network->gateways[g].addr;
		has_gateway = true;
		making_address(m, first, &network->gateways[g].addr, subnet->len);
	}
	/* In a subnet of one address that one is the guest's. */
	if (!has_gateway && subnet->len < family_bits(subnet->addr.family) &&
	    making_find_free(m, subnet, false, &gateway)) {
		has_gateway = true;
		making_address(m, first, &gateway, subnet->len);
	}
	making_route(m, first, *subnet, 0, has_gateway);
	for (uint32_t port = first; port < end; port++)
		for (int from_end = 0; from_end < 2; from_end++) {
			if (!making_find_free(m, subnet, from_end, &addr))
				continue;
			making_guest(m, port, network_idx, subnet_idx, &addr,
				     has_gateway ? &gateway : NULL);
			if (port != first)
				making_host_route(m, port, &addr);
		}
}

static void add_undeclared(struct making *m, uint32_t network, uint32_t port, enum family family)
{
	struct prefix block = choose_block(m, family);
	struct addr gateway = addr_step(block.addr, 1), guest = addr_step(block.addr, 2);

	making_address(m, port, &gateway, block.len);
	making_route(m, port, block, 0, true);
	making_guest(m, port, network, NO_SUBNET, &guest, &gateway);
}

/* A pattern becomes two interfaces where its name leaves room for a digit. */
static void add_pattern(struct making *m, uint32_t network, const struct ifpattern *pattern)
{
	char name[IFNAME_SIZE];

	if (!pattern->wildcard || strlen(pattern->name) + 1 >= IFNAME_SIZE) {
		if (!has_port(m->r, pattern->name))
			making_port(m, PORT_NETWORK, network, pattern->name);
		return;
	}
	for (char digit = '0'; digit < '2'; digit++) {
		snprintf(name, sizeof(name), "%.14s%c", pattern->name, digit);
		if (!has_port(m->r, name))
			making_port(m, PORT_NETWORK, network, name);
	}
}

static void add_network(struct making *m, uint32_t idx)
{
	const struct network *network = &m->d->networks[idx];
	uint32_t first = (uint32_t)m->r->n_ports;

	size_t n_seen = 0;

	for (size_t i = 0; i < network->n_interfaces; i++) {
		size_t n = making_seen_ports(m, PORT_NETWORK, idx, &network->interfaces[i]);

		if (n == 0)
			add_pattern(m, idx, &network->interfaces[i]);
		n_seen += n;
	}
	for (uint32_t s = 0; s < network->n_subnets; s++) {
		if (n_seen > 0)
			making_seen_subnet(m, idx, s, first, (uint32_t)m->r->n_ports);
		else
			add_subnet(m, idx, s, first, (uint32_t)m->r->n_ports);
	}
	for (enum family f = 0; f < FAMILY__COUNT; f++)
		add_undeclared(m, idx, first, f);
}

/* Everything else. */

void making_remotes(struct making *m, uint32_t port)
{
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		struct replica_port *p = &m->r->ports[port];

		p->has_remote[f] = true;
		p->remote[f] = choose_address(m, f);
		p->stranger[f] = choose_address(m, f);
		making_host_route(m, port, &p->remote[f]);
		making_host_route(m, port, &p->stranger[f]);
	}
}

static void add_uplink(struct making *m, uint32_t idx)
{
	const struct uplink *uplink = &m->d->uplinks[idx];
	uint32_t port, metric = 10 + idx;

	if (making_seen_ports(m, PORT_UPLINK, idx, &uplink->interface) > 0) {
		making_remotes(m, (uint32_t)m->r->n_ports - 1);
		return;
	}
	/* A default route of the host's own comes first. */
	if (m->host)
		metric += UINT32_C(1) << 30;
	port = making_port(m, PORT_UPLINK, idx, uplink->interface.name);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		struct addr own =
			uplink->has_address[f] ? uplink->address[f] : choose_address(m, f);

		making_address(m, port, &own, (uint8_t)family_bits(f));
		making_route(m, port, (struct prefix){.addr.family = f}, metric, false);
	}
	making_remotes(m, port);
}

bool making_is_named(const struct making *m, const char *name)
{
	for (size_t n = 0; n < m->d->n_networks; n++)
		for (size_t p = 0; p < m->d->networks[n].n_interfaces; p++)
			if (ifpattern_matches(&m->d->networks[n].interfaces[p], name))
				return true;
	return has_port(m->r, name) || has_link(m, name);
}

/* A name that fits no pattern: another beginning when "other*" is one. */
void making_name(const struct making *m, const char *base, char out[static IFNAME_SIZE])
{
	snprintf(out, IFNAME_SIZE, "%s0", base);
	for (char first = '~'; making_is_named(m, out) && first > '@'; first--)
		for (char digit = '0'; making_is_named(m, out) && digit <= '9'; digit++)
			snprintf(out, IFNAME_SIZE, "%c%.10s%c", first, base, digit);
}

static uint32_t add_unnamed(struct making *m, enum port_kind kind, const char *base)
{
	char name[IFNAME_SIZE];

	making_name(m, base, name);
	return making_port(m, kind, 0, name);
}

static void add_other(struct making *m)
{
	uint32_t port = add_unnamed(m, PORT_OTHER, "other");

	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		struct addr own = choose_address(m, f);

		making_address(m, port, &own, (uint8_t)family_bits(f));
		/* A host of isolated networks alone has its way out here. */
		if (m->d->n_uplinks == 0 && !m->host)
			making_route(m, port, (struct prefix){.addr.family = f}, 10, false);
	}
	making_remotes(m, port);
	port = add_unnamed(m, PORT_CANARY, "canary");
	m->r->canary = choose_address(m, FAMILY_IPV4);
	making_address(m, port, &m->r->canary, 32);
}

/* An uplink, or where there is none, an interface that the description does not name. */
static void choose_astray(struct replica *r)
{
	r->astray = NO_PORT;
	for (uint32_t port = 0; port < r->n_ports && !r->of_host; port++) {
		enum port_kind kind = r->ports[port].kind;

		if (kind == PORT_UPLINK || (kind == PORT_OTHER && r->astray == NO_PORT)) {
			r->astray = port;
			if (kind == PORT_UPLINK)
				return;
		}
	}
}

const struct replica *replica_make(struct arena *arena, const struct description *description,
				   const struct host_seen *host)
{
	struct replica *r = arena_alloc(arena, sizeof(*r));
	struct making m = {.arena = arena, .r = r, .d = description, .host = host};

	r->description = description;
	r->of_host = host != NULL;
	for (enum family f = 0; f < FAMILY__COUNT; f++)
		r->forged[f] = choose_address(&m, f);
	for (uint32_t n = 0; n < description->n_networks; n++)
		add_network(&m, n);
	for (uint32_t u = 0; u < description->n_uplinks; u++)
		add_uplink(&m, u);
	add_other(&m);
	making_seen_rest(&m);
	choose_astray(r);
	return r;
}

uint32_t replica_route_to(const struct replica *replica, const struct addr *addr)
{
	const struct replica_route *best = NULL;

	for (size_t i = 0; i < replica->n_routes; i++) {
		const struct replica_route *route = &replica->routes[i];

		if (!prefix_contains(&route->prefix, addr))
			continue;
		if (!best || route->prefix.len > best->prefix.len ||
		    (route->prefix.len == best->prefix.len && route->metric < best->metric))
			best = route;
	}
	return best ? best->port : NO_PORT;
}

uint32_t replica_route_astray(const struct replica *replica, const struct addr *addr)
{
	const struct description *d = replica->description;

	for (size_t n = 0; n < d->n_networks; n++)
		for (size_t s = 0; s < d->networks[n].n_subnets; s++)
			if (prefix_contains(&d->networks[n].subnets[s].prefix, addr))
				return replica->astray;
	return replica_route_to(replica, addr);
}

bool replica_has(const struct replica *replica, const struct addr *addr, uint32_t port)
{
	for (size_t i = 0; i < replica->n_addresses; i++)
		if ((port == NO_PORT || replica->addresses[i].port == port) &&
		    addr_equal(&replica->addresses[i].prefix.addr, addr))
			return true;
	return false;
}

const struct addr *replica_own(const struct replica *replica, uint32_t port, enum family family)
{
	for (size_t i = 0; i < replica->n_addresses; i++)
		if (replica->addresses[i].port == port &&
		    replica->addresses[i].prefix.addr.family == family)
			return &replica->addresses[i].prefix.addr;
	return NULL;
}

uint32_t replica_top(const struct replica *replica, uint32_t link)
{
	uint32_t master = replica->links[link].master;

	return master == NO_LINK ? link : master;
}

uint32_t replica_entry(const struct replica *replica, uint32_t link)
{
	if (!replica->links[link].joins)
		return link;
	for (uint32_t i = 0; i < replica->n_links; i++)
		if (replica->links[i].master == link)
			return i;
	return link;
}
