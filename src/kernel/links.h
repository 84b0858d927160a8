// SPDX-License-Identifier: GPL-2.0-or-later
// links: makes the copy's interfaces, addresses and routes through rtnetlink.
#ifndef KERNEL_LINKS_H
#define KERNEL_LINKS_H

#include "hostgate/diag.h"
#include "kernel/netlink.h"
#include "plan/replica.h"

/** Sockets of the two namespaces. Initialise with {0}. */
struct links {
	struct netlink wire, host;
	unsigned int *host_index; /**< interface numbers by port; 0, or NULL for all: any */
};

/** Opens the socket of the namespace that the process is in. Returns 0 or -errno. */
int links_open_wire(struct links *links);

/** Interface number of a port in the wires' namespace. */
unsigned int links_wire_index(uint32_t port);

/** Returns the port of a number in the wires' namespace. */
uint32_t links_port(unsigned int wire_index);

/**
 * Makes everything in the namespace that the process is in, with the other ends in the namespace
 * wire_namespace, and waits until all wires carry. Returns 0 or -errno, queued.
 */
int links_make(struct diags *diags, struct links *links, const struct replica *replica,
	       int wire_namespace);

/** Closes both sockets. */
void links_close(struct links *links);

#endif
