// SPDX-License-Identifier: GPL-2.0-or-later
// replica: the copy of the described host that prove builds, as data: wires, addresses, routes.
#ifndef PLAN_REPLICA_H
#define PLAN_REPLICA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostgate/arena.h"
#include "hostgate/description.h"

enum port_kind {
	PORT_NETWORK,
	PORT_UPLINK,
	PORT_OTHER,  /**< an interface that the description does not name */
	PORT_CANARY, /**< another one, for the packet that tells that all before it are through */
	PORT__COUNT
};

/** An interface of the host, with a wire at it. */
struct replica_port {
	char name[IFNAME_SIZE];
	enum port_kind kind;
	uint32_t idx; /**< into description.networks or description.uplinks */
	bool has_remote[FAMILY__COUNT];
	struct addr remote[FAMILY__COUNT]; /**< somebody far behind an uplink, or on another port */
	struct addr stranger[FAMILY__COUNT]; /**< somebody else there */
};

/** An address of the host itself. */
struct replica_address {
	uint32_t port;
	struct prefix prefix; /**< the address, with the length of its subnet; host bits are kept */
};

/** Where the host sends packets. */
struct replica_route {
	uint32_t port;
	struct prefix prefix;
	uint32_t metric;
	bool connected; /**< the kernel makes it with the address */
};

/** A machine on a network. */
struct replica_guest {
	uint32_t port;
	uint32_t network; /**< index into description.networks */
	uint32_t subnet;  /**< index into its subnets, or NO_SUBNET */
	struct addr addr;
	bool has_gateway;
	struct addr gateway; /**< the host's address in its subnet */
};

/**
 * A guest's subnet that is on the wire, with an address and a route of the host, but not in the
 * description.
 */
#define NO_SUBNET UINT32_MAX

struct replica {
	const struct description *description;
	struct replica_port *ports;
	size_t n_ports, cap_ports;
	struct replica_address *addresses;
	size_t n_addresses, cap_addresses;
	struct replica_route *routes;
	size_t n_routes, cap_routes;
	struct replica_guest *guests; /**< in the order of the networks */
	size_t n_guests, cap_guests;
	struct addr forged
		[FAMILY__COUNT]; /**< somebody of whom the host knows no more than its default route */
	struct addr canary;	 /**< IPv4 address of the host on the canary's port */
};

/** Makes the copy of a checked description. Memory comes from arena; never fails. */
const struct replica *replica_make(struct arena *arena, const struct description *description);

#define NO_PORT UINT32_MAX

/** Returns the port by which the host reaches the address, or NO_PORT. */
uint32_t replica_route_to(const struct replica *replica, const struct addr *addr);

/** Tells whether the address is the host's own, on the port (NO_PORT: on any). */
bool replica_has(const struct replica *replica, const struct addr *addr, uint32_t port);

/** Returns the host's first address of the family on the port, or NULL. */
const struct addr *replica_own(const struct replica *replica, uint32_t port, enum family family);

/** Adds step to the address as to a number; a negative one goes down. */
struct addr addr_step(struct addr addr, int step);

/** Returns the last address of the prefix. */
struct addr prefix_last(const struct prefix *prefix);

#endif
