// SPDX-License-Identifier: GPL-2.0-or-later
// replica_host: the part of the copy that is as a real host has it.
#include <stdio.h>
#include <string.h>

#include "probe/replica_making.h"

/*
 * Theory of operation
 *
 * Interfaces become ports with wires, whatever they are on the host: what goes into a VLAN or a
 * tunnel is seen on a wire of its own. A bridge, and what joins others like one, is a bridge of
 * ports with wires. When the description names such a port, that is where its guests are; the
 * bridge, on which their packets really come in, is then no port of its own but stands behind that
 * one, with its addresses and routes.
 *
 * Guests have addresses that the host has routes for, at both ends of each; and at both ends of
 * their subnet, whether it has or not.
 */

static const struct seen_link *find_number(const struct host_seen *host, unsigned int index)
{
	for (size_t i = 0; i < host->n_links; i++)
		if (host->links[i].index == index)
			return &host->links[i];
	return NULL;
}

/* What the link is a port of, when its packets come in there; or NULL. */
static const struct seen_link *joined_by(const struct host_seen *host, const struct seen_link *link)
{
	const struct seen_link *master = link->master ? find_number(host, link->master) : NULL;

	return master && master->joins ? master : NULL;
}

/* The filter knows no altname, but who wrote one means this interface. */
static bool fits(const struct ifpattern *pattern, const struct seen_link *link)
{
	if (ifpattern_matches(pattern, link->name))
		return true;
	for (size_t i = 0; i < link->n_altnames && !pattern->wildcard; i++)
		if (strcmp(link->altnames[i], pattern->name) == 0)
			return true;
	return false;
}

static uint32_t link_of(const struct replica *r, unsigned int index)
{
	for (uint32_t i = 0; i < r->n_links; i++)
		if (r->links[i].index == index)
			return i;
	return NO_LINK;
}

static uint32_t add_port(struct making *m, enum port_kind kind, size_t idx, const char *name,
			 const struct seen_link *link)
{
	uint32_t port = making_port(m, kind, idx, name);
	struct replica_link *made = &m->r->links[port];

	memcpy(made->name, link->name, sizeof(made->name));
	made->index = link->index;
	made->joins = link->joins;
	return port;
}

/* The port that stands for the interface: itself, its own port, or NO_PORT. */
static uint32_t port_of(const struct making *m, unsigned int index)
{
	for (uint32_t i = 0; i < m->r->n_ports; i++)
		if (m->r->links[i].index == index)
			return i;
	for (uint32_t i = 0; i < m->r->n_ports; i++) {
		const struct seen_link *link =
			m->r->links[i].index ? find_number(m->host, m->r->links[i].index) : NULL;
		const struct seen_link *master = link ? joined_by(m->host, link) : NULL;

		if (master && master->index == index)
			return i;
	}
	return NO_PORT;
}

static bool is_link_local(const struct addr *addr)
{
	return addr->family == FAMILY_IPV6 && addr->bytes[0] == 0xfe &&
	       (addr->bytes[1] & 0xc0) == 0x80;
}

/* The host's own addresses on a port, before guests choose theirs. */
static void add_addresses(struct making *m, uint32_t port)
{
	for (size_t i = 0; i < m->host->n_addresses; i++) {
		const struct seen_address *a = &m->host->addresses[i];

		if (port_of(m, a->index) != port || is_link_local(&a->prefix.addr))
			continue;
		making_address(m, port, &a->prefix.addr, a->prefix.len);
		m->r->addresses[m->r->n_addresses - 1].on_host = true;
	}
}

size_t making_seen_ports(struct making *m, enum port_kind kind, size_t idx,
			 const struct ifpattern *pattern)
{
	size_t n = 0;

	for (size_t i = 0; m->host && i < m->host->n_links; i++) {
		const struct seen_link *link = &m->host->links[i];

		if (!fits(pattern, link) || link_of(m->r, link->index) != NO_LINK)
			continue;
		add_addresses(m, add_port(m, kind, idx,
					  pattern->wildcard ? link->name : pattern->name, link));
		n++;
	}
	return n;
}

/* Guests. */

/* The host's address on the port that is in the subnet, or NULL. */
static const struct addr *gateway_in(const struct making *m, uint32_t port,
				     const struct prefix *subnet)
{
	for (size_t i = 0; i < m->r->n_addresses; i++)
		if (m->r->addresses[i].port == port && m->r->addresses[i].on_host &&
		    prefix_contains(subnet, &m->r->addresses[i].prefix.addr))
			return &m->r->addresses[i].prefix.addr;
	return NULL;
}

static void add_guests(struct making *m, uint32_t port, uint32_t network, uint32_t subnet,
		       const struct prefix *prefix, bool lone)
{
	const struct addr *gateway = gateway_in(m, port, prefix);
	struct addr addr, own;

	if (gateway)
		own = *gateway;
	for (int from_end = 0; from_end < 2; from_end++) {
		if (!making_find_free(m, prefix, from_end, &addr))
			continue;
		making_guest(m, port, network, subnet, &addr, gateway ? &own : NULL);
		m->r->guests[m->r->n_guests - 1].lone = lone;
		/* What the copy alone has must have a way there. */
		if (m->r->links[port].index == 0)
			making_host_route(m, port, &addr);
	}
}

/*
 * The part of the subnet that a route is about. Routes as wide as all the world are no reason to
 * believe that guests are there.
 */
static bool cut(const struct prefix *subnet, const struct prefix *route, struct prefix *out)
{
	if (route->len == 0 || !prefix_overlaps(subnet, route))
		return false;
	*out = route->len > subnet->len ? *route : *subnet;
	return true;
}

void making_seen_subnet(struct making *m, uint32_t network, uint32_t subnet, uint32_t first,
			uint32_t end)
{
	const struct prefix *whole = &m->d->networks[network].subnets[subnet].prefix;
	bool covered = false, only_single = true;
	uint32_t home = NO_PORT;
	struct prefix part;

	for (uint32_t port = first; port < end; port++) {
		if (m->r->links[port].index == 0)
			add_guests(m, port, network, subnet, whole, false);
		for (size_t i = 0; i < m->host->n_routes; i++) {
			if (port_of(m, m->host->routes[i].index) != port ||
			    !cut(whole, &m->host->routes[i].prefix, &part))
				continue;
			if (home == NO_PORT)
				home = port;
			covered = covered || part.len == whole->len;
			only_single = only_single && part.len == family_bits(part.addr.family);
			add_guests(m, port, network, subnet, &part, false);
		}
	}
	if (!covered)
		add_guests(m, home == NO_PORT ? first : home, network, subnet, whole,
			   home != NO_PORT && only_single);
}

/* Everything else. */

static void add_link(struct making *m, const struct seen_link *link, uint32_t port)
{
	struct replica_link made = {
		.index = link->index, .joins = link->joins, .master = NO_LINK, .port = port};

	memcpy(made.name, link->name, sizeof(made.name));
	making_link(m, &made);
}

static bool is_other(const struct making *m, const struct seen_link *link)
{
	return link->up && port_of(m, link->index) == NO_PORT && !joined_by(m->host, link);
}

static void add_others(struct making *m)
{
	for (size_t i = 0; i < m->host->n_links; i++) {
		const struct seen_link *link = &m->host->links[i];
		uint32_t port;

		if (!is_other(m, link))
			continue;
		port = add_port(m, PORT_OTHER, 0, link->name, link);
		add_addresses(m, port);
		making_remotes(m, port);
	}
}

/* Bridges that described ports stand for, and the ports of bridges. */
static void add_beside(struct making *m)
{
	for (size_t i = 0; i < m->host->n_links; i++) {
		const struct seen_link *link = &m->host->links[i];
		const struct seen_link *master = joined_by(m->host, link);
		uint32_t port = port_of(m, master ? master->index : link->index);

		if (link_of(m->r, link->index) == NO_LINK && port != NO_PORT &&
		    (link->up || link->joins))
			add_link(m, link, port);
	}
}

static void add_wires_of_bridges(struct making *m)
{
	for (uint32_t i = 0; i < m->r->n_links; i++) {
		struct replica_link wire = {.master = i, .port = m->r->links[i].port};

		if (!m->r->links[i].joins || replica_entry(m->r, i) != i)
			continue;
		making_name(m, "port", wire.name);
		making_link(m, &wire);
	}
}

/* Main-table routes and the addresses of interfaces without a port. */
static void add_routes(struct making *m)
{
	for (size_t i = 0; i < m->host->n_routes; i++) {
		const struct seen_route *route = &m->host->routes[i];
		uint32_t port = port_of(m, route->index);

		if (port == NO_PORT)
			continue;
		making_route(m, port, route->prefix, route->metric, false);
		m->r->routes[m->r->n_routes - 1].on_host = true;
	}
	for (size_t i = 0; i < m->host->n_addresses; i++) {
		const struct seen_address *a = &m->host->addresses[i];

		if (port_of(m, a->index) != NO_PORT || is_link_local(&a->prefix.addr))
			continue;
		making_address(m, NO_PORT, &a->prefix.addr, a->prefix.len);
		m->r->addresses[m->r->n_addresses - 1].on_host = true;
	}
}

void making_seen_rest(struct making *m)
{
	if (!m->host)
		return;
	add_others(m);
	add_beside(m);
	for (uint32_t i = 0; i < m->r->n_links; i++) {
		const struct seen_link *link =
			m->r->links[i].index ? find_number(m->host, m->r->links[i].index) : NULL;
		const struct seen_link *master = link ? joined_by(m->host, link) : NULL;

		if (master)
			m->r->links[i].master = link_of(m->r, master->index);
	}
	add_wires_of_bridges(m);
	add_routes(m);
}
