// SPDX-License-Identifier: GPL-2.0-or-later
// replica: what the copy of the host has, and where it sends packets.
#include "probe/replica.h"

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
