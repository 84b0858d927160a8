// SPDX-License-Identifier: GPL-2.0-or-later
// replica_make: the copy of the described host that prove builds, as data: wires, addresses, routes.
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
	struct prefix block = making_choose_block(m, family);
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
		if (!making_has_port(m, pattern->name))
			making_port(m, PORT_NETWORK, network, pattern->name);
		return;
	}
	for (char digit = '0'; digit < '2'; digit++) {
		snprintf(name, sizeof(name), "%.14s%c", pattern->name, digit);
		if (!making_has_port(m, name))
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
			uplink->has_address[f] ? uplink->address[f] : making_choose_address(m, f);

		making_address(m, port, &own, (uint8_t)family_bits(f));
		making_route(m, port, (struct prefix){.addr.family = f}, metric, false);
	}
	making_remotes(m, port);
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
		struct addr own = making_choose_address(m, f);

		making_address(m, port, &own, (uint8_t)family_bits(f));
		/* A host of isolated networks alone has its way out here. */
		if (m->d->n_uplinks == 0 && !m->host)
			making_route(m, port, (struct prefix){.addr.family = f}, 10, false);
	}
	making_remotes(m, port);
	port = add_unnamed(m, PORT_CANARY, "canary");
	m->r->canary = making_choose_address(m, FAMILY_IPV4);
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
		r->forged[f] = making_choose_address(&m, f);
	for (uint32_t n = 0; n < description->n_networks; n++)
		add_network(&m, n);
	for (uint32_t u = 0; u < description->n_uplinks; u++)
		add_uplink(&m, u);
	add_other(&m);
	making_seen_rest(&m);
	choose_astray(r);
	return r;
}
