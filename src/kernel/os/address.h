// SPDX-License-Identifier: GPL-2.0-or-later
// address: the addresses that the host has.
#ifndef OS_ADDRESS_H
#define OS_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "hostgate/arena.h"
#include "os/host_links.h"
#include "policy/flow.h"

struct host_addresses {
	struct host_address *items;
	size_t n;
};

/** Lists them, of both families, in the kernel's order. Returns 0 or -errno. */
int address_list(struct arena *arena, struct host_addresses *out);

/**
 * Tells whether the interface has one address of the family that the outside can answer, and no
 * other: then that is what masquerade takes.
 */
bool address_only(const struct host_links *links, const char *ifname, enum family family,
		  struct addr *out);

#endif
