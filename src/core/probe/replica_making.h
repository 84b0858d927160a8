// SPDX-License-Identifier: GPL-2.0-or-later
// replica_making: what the makers of the copy, of a description alone and of a host, share.
#ifndef PROBE_REPLICA_MAKING_H
#define PROBE_REPLICA_MAKING_H

#include "probe/replica.h"

struct making {
	struct arena *arena;
	struct replica *r;
	const struct description *d;
	const struct host_seen *host;	 /**< or NULL */
	size_t pool[FAMILY__COUNT];	 /**< where to look for addresses next */
	struct addr next[FAMILY__COUNT]; /**< zero: at the pool's start */
};

/** Add an object of the same name as the kernel is to make, or has. */
void making_address(struct making *m, uint32_t port, const struct addr *addr, uint8_t len);
void making_route(struct making *m, uint32_t port, struct prefix prefix, uint32_t metric,
		  bool connected);
void making_host_route(struct making *m, uint32_t port, const struct addr *addr);
uint32_t making_port(struct making *m, enum port_kind kind, size_t idx, const char *name);
uint32_t making_link(struct making *m, const struct replica_link *link);
void making_guest(struct making *m, uint32_t port, uint32_t network, uint32_t subnet,
		  const struct addr *addr, const struct addr *gateway);

/** Takes the next block of 8 addresses, or one of such a block, that nothing has. */
struct prefix making_choose_block(struct making *m, enum family family);
struct addr making_choose_address(struct making *m, enum family family);

/** Chooses somebody behind the port, of each family. */
void making_remotes(struct making *m, uint32_t port);

/** Tells whether a port has the name. */
bool making_has_port(const struct making *m, const char *name);

/** Tells whether an interface of the copy, or a pattern of the description, has the name. */
bool making_is_named(const struct making *m, const char *name);

/** Writes a name that starts so and that nothing has; out: room for an interface's name. */
void making_name(const struct making *m, const char *base, char out[static IFNAME_SIZE]);

/** The first free address from one end of the subnet; false when it is full. */
bool making_find_free(const struct making *m, const struct prefix *subnet, bool from_end,
		      struct addr *out);

/**
 * The host's own interfaces. making_seen_ports() adds those that fit the pattern as ports and
 * returns how many; making_seen_subnet() puts a subnet of a network that has such on its ports,
 * first to end - 1; making_seen_rest() adds all that nothing in the description fits.
 */
size_t making_seen_ports(struct making *m, enum port_kind kind, size_t idx,
			 const struct ifpattern *pattern);
void making_seen_subnet(struct making *m, uint32_t network, uint32_t subnet, uint32_t first,
			uint32_t end);
void making_seen_rest(struct making *m);

#endif
