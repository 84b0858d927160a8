// SPDX-License-Identifier: GPL-2.0-or-later
// host_links: the interfaces, addresses and routes of this network namespace, by rtnetlink.
#ifndef OS_HOST_LINKS_H
#define OS_HOST_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostgate/addr.h"
#include "hostgate/arena.h"
#include "hostgate/description.h"

/** An interface. */
struct host_link {
	unsigned int index;
	char name[IFNAME_SIZE];
	unsigned int flags;  /**< IFF_* */
	unsigned int master; /**< index of the bridge, bond, team or VRF it belongs to; 0: none */
	/** Index of the interface below (VLAN, macvlan) or at the other end (veth); 0: none here. */
	unsigned int link;
	const char *kind;   /**< as ip(8) names it: "bridge", "vlan"; "" for hardware; never NULL */
	bool any_peer;	    /**< a tunnel that takes packets from whoever sends them */
	bool filters_vlans; /**< a bridge that asks which VLAN a port may send to */
};

/** Another name of an interface, which ip(8) takes, and the packet filter does not. */
struct host_altname {
	const char *name;
	unsigned int index; /**< of the interface */
};

/** An address that an interface has. */
struct host_links_address {
	struct prefix prefix; /**< the address as it is, with the length of its subnet */
	unsigned int index;   /**< of the interface */
	bool global;	      /**< in use, and for more than this link or this host */
};

/** A unicast route by which packets need no gateway, or a default route. */
struct host_route {
	struct prefix to;
	unsigned int index; /**< of the interface */
	bool gateway;	    /**< by a gateway */
};

/** What was read. Lives in the arena. */
struct host_links {
	struct host_link *items; /**< by index */
	size_t n, cap;
	struct host_link **by_name;
	struct host_altname *altnames; /**< by name */
	size_t n_altnames, cap_altnames;
	struct host_links_address *addresses; /**< in the kernel's order */
	size_t n_addresses, cap_addresses;
	struct host_route *routes;
	size_t n_routes, cap_routes;
};

/** What host_links_read() reads. */
enum host_links_part {
	HOST_LINKS_LINKS = 1,
	HOST_LINKS_ADDRESSES = 2,
	HOST_LINKS_ROUTES = 4,
	HOST_LINKS_ALL = 7,
};

/** Reads the parts, a sum of the above. Returns 0 or -errno. */
int host_links_read(struct arena *arena, unsigned int parts, struct host_links *out);

/** Brings interfaces and names into order; after they were filled in by hand. */
void host_links_sort(struct arena *arena, struct host_links *links);

/** Returns the interface, or NULL. */
const struct host_link *host_links_find(const struct host_links *links, const char *name);

/** Returns the interface of that index, or NULL. */
const struct host_link *host_links_at(const struct host_links *links, unsigned int index);

/**
 * Tells whether the interface belongs to one that takes what comes in there: a bridge, bond, team or
 * Open vSwitch; any but a VRF. IP hears nothing on it.
 */
bool host_links_is_port(const struct host_links *links, const struct host_link *link);

/**
 * Returns the place in by_name of the first interface that fits the pattern: all that fit follow
 * it. links->n when none does.
 */
size_t host_links_first(const struct host_links *links, const struct ifpattern *pattern);

/** Returns an interface that has another name that fits the pattern, or NULL. */
const struct host_link *host_links_find_alt(const struct host_links *links,
					    const struct ifpattern *pattern);

#endif
