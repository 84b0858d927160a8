// SPDX-License-Identifier: GPL-2.0-or-later
// replica: the copy of the described host that prove builds, as data: wires, addresses, routes.
#ifndef PROBE_REPLICA_H
#define PROBE_REPLICA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostgate/arena.h"
#include "hostgate/description.h"
#include "probe/host_seen.h"

enum port_kind {
	PORT_NETWORK,
	PORT_UPLINK,
	PORT_OTHER,  /**< an interface that the description does not name */
	PORT_CANARY, /**< another one, for the packet that tells that all before it are through */
	PORT__COUNT
};

/** Somewhere that packets come in or leave: an interface of the host. */
struct replica_port {
	char name[IFNAME_SIZE]; /**< as rules would know it; a description may say an altname */
	enum port_kind kind;
	uint32_t idx; /**< into description.networks or description.uplinks */
	bool has_remote[FAMILY__COUNT];
	struct addr remote[FAMILY__COUNT]; /**< somebody far behind an uplink, or on another port */
	struct addr stranger[FAMILY__COUNT]; /**< somebody else there */
};

/**
 * An interface that is made. The first links are those of the ports, in their order; others are
 * what a host has beside them. A wire is at each that joins no others.
 */
struct replica_link {
	char name[IFNAME_SIZE];
	unsigned int index; /**< number on the host; 0: it has none there, the copy alone has it */
	bool joins;	    /**< made as a bridge of its ports */
	uint32_t master;    /**< link that it is a port of, or NO_LINK */
	uint32_t port;	    /**< what is seen here is seen on this port */
};

#define NO_LINK UINT32_MAX

/** An address of the host itself. */
struct replica_address {
	uint32_t port;	      /**< NO_PORT: of an interface that is no port */
	bool on_host;	      /**< it is the host's own, else chosen */
	struct prefix prefix; /**< the address, with the length of its subnet; host bits are kept */
};

/** Where the host sends packets. */
struct replica_route {
	uint32_t port;
	struct prefix prefix;
	uint32_t metric;
	bool on_host;
	bool connected; /**< the kernel makes it with the address */
};

/** A machine on a network. */
struct replica_guest {
	uint32_t port;
	uint32_t network; /**< index into description.networks */
	uint32_t subnet;  /**< index into its subnets, or NO_SUBNET */
	struct addr addr;
	bool lone; /**< the host has routes to single guests of the subnet, not to this one */
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
	bool of_host; /**< the host was looked at */
	struct replica_link *links;
	size_t n_links, cap_links;
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
	uint32_t astray; /**< port by which the networks are reached in PHASE_ASTRAY; NO_PORT: none */
	struct addr canary;	 /**< IPv4 address of the host on the canary's port */
};

/**
 * Makes the copy of a checked description. host: what it has of a real host, or NULL; interfaces
 * that this one lacks are as the description wishes. Memory comes from arena; never fails.
 */
const struct replica *replica_make(struct arena *arena, const struct description *description,
				   const struct host_seen *host);

#define NO_PORT UINT32_MAX

/** Returns the port by which the host reaches the address, or NO_PORT. */
uint32_t replica_route_to(const struct replica *replica, const struct addr *addr);

/** The same when the host is led astray. */
uint32_t replica_route_astray(const struct replica *replica, const struct addr *addr);

/** Tells whether the address is the host's own, on the port (NO_PORT: on any). */
bool replica_has(const struct replica *replica, const struct addr *addr, uint32_t port);

/** Returns the link on which packets of the link come in: the one that joins it, or itself. */
uint32_t replica_top(const struct replica *replica, uint32_t link);

/** Returns the link with the wire at which frames for the port, or link, go in and come out. */
uint32_t replica_entry(const struct replica *replica, uint32_t link);

/** Returns the host's first address of the family on the port, or NULL. */
const struct addr *replica_own(const struct replica *replica, uint32_t port, enum family family);

#endif
