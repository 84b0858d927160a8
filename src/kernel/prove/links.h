// SPDX-License-Identifier: GPL-2.0-or-later
// links: makes the copy's interfaces, addresses and routes through rtnetlink.
#ifndef PROVE_LINKS_H
#define PROVE_LINKS_H

#include "hostgate/diag.h"
#include "os/netlink.h"
#include "probe/replica.h"
#include "prove/host_copy.h"

/** Sockets of the two namespaces. Initialise with {0}. */
struct links {
	struct netlink wire, host;
	unsigned int *index; /**< interface numbers in the copy, by link */
};

/** Opens the socket of the namespace that the process is in. Returns 0 or -errno. */
int links_open_wire(struct links *links);

/** Interface number of a link's wire in the wires' namespace. */
unsigned int links_wire_index(uint32_t link);

/** Returns the link of a number in the wires' namespace. */
uint32_t links_of_wire(unsigned int wire_index);

/**
 * Makes everything in the namespace that the process is in, with the other ends in the namespace
 * wire_namespace, and waits until all wires carry. host: what is as the host has it, or NULL.
 * Memory comes from arena. Returns 0 or -errno, queued.
 */
int links_make(struct arena *arena, struct diags *diags, struct links *links,
	       const struct replica *replica, const struct host_copy *host, int wire_namespace);

/**
 * Has the networks' subnets be reached by replica.astray, ahead of every other route but those to
 * the host itself; or no more. Returns 0 or -errno; -EOPNOTSUPP: the kernel has no routing rules.
 */
int links_lead(struct links *links, const struct replica *replica, bool astray);

/** Closes both sockets. */
void links_close(struct links *links);

#endif
