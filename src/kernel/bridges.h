// SPDX-License-Identifier: GPL-2.0-or-later
// bridges: which interfaces of this network namespace are bridges, and which hand over to one.
#ifndef KERNEL_BRIDGES_H
#define KERNEL_BRIDGES_H

#include <stddef.h>

#include "hostgate/arena.h"
#include "hostgate/description.h"

struct bridges {
	char (*names)[IFNAME_SIZE];
	size_t n, cap;
};

/** Lists them. Names live in arena. Returns 0 or -errno. */
int bridges_read(struct arena *arena, struct bridges *out);

/**
 * Lists those on which IP hears nothing from outside: ports of bridges, members of bonds and the
 * like, the loopback. Likewise.
 */
int bridges_read_deaf(struct arena *arena, struct bridges *out);

#endif
