// SPDX-License-Identifier: GPL-2.0-or-later
// host_seen: what a host has, as far as the copy of it that prove builds depends on it; data.
#ifndef PROBE_HOST_SEEN_H
#define PROBE_HOST_SEEN_H

#include "hostgate/addr.h"
#include "hostgate/description.h"

/** An interface; the loopback is none. */
struct seen_link {
	char name[IFNAME_SIZE];
	const char **altnames; /**< other names that it has */
	size_t n_altnames;
	unsigned int index;  /**< its number */
	unsigned int master; /**< number of what it is a port or member of; 0: of nothing */
	bool up;
	bool joins; /**< a bridge, bond or team: packets of its ports come in on it */
};

/** An address of the host itself. */
struct seen_address {
	unsigned int index;   /**< of the interface */
	struct prefix prefix; /**< the address, with the length of its subnet */
};

/** A unicast route of the main table. */
struct seen_route {
	unsigned int index; /**< of the interface; of several next hops: the first one's */
	struct prefix prefix;
	uint32_t metric;
};

/** Each in the kernel's order. */
struct host_seen {
	struct seen_link *links;
	size_t n_links, cap_links;
	struct seen_address *addresses;
	size_t n_addresses, cap_addresses;
	struct seen_route *routes;
	size_t n_routes, cap_routes;
};

#endif
