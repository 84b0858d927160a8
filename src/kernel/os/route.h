// SPDX-License-Identifier: GPL-2.0-or-later
// route: which interfaces learned a default route by advertisement, and which way packets go.
#ifndef OS_ROUTE_H
#define OS_ROUTE_H

#include <stddef.h>

#include "hostgate/addr.h"
#include "hostgate/arena.h"
#include "hostgate/description.h"

struct route_interfaces {
	char (*names)[IFNAME_SIZE];
	size_t n, cap;
};

/**
 * Lists those on which the kernel learned one by itself. Names live in arena. Returns 0 or -errno.
 */
int route_read_advertised(struct arena *arena, struct route_interfaces *out);

/**
 * Finds the interface by which the host itself would send from its address to the other one now.
 * Returns 0 or -errno.
 */
int route_out_interface(const struct addr *from, const struct addr *to,
			char out[static IFNAME_SIZE]);

#endif
