// SPDX-License-Identifier: GPL-2.0-or-later
// change: what differs, or was changed, as a list for people.
#ifndef IMAGE_CHANGE_H
#define IMAGE_CHANGE_H

#include <stddef.h>

#include "hostgate/arena.h"

/** One thing that differs between the kernel and what it should be. */
struct change {
	enum change_kind {
		CHANGE_ADD,
		CHANGE_MODIFY,
		CHANGE_REMOVE,
		CHANGE__COUNT
	} kind;
	const char *what;   /**< "element", "rule", "chain", "set", "table", "sysctl" */
	const char *name;   /**< "members4_24: vmnet1 . 192.168.56.0", "net/ipv4/ip_forward" */
	const char *before; /**< present value, or NULL */
	const char *after;  /**< wanted value, or NULL */
	const char *network; /**< the description's network it belongs to, or NULL */
};

/** Connections of one network that no longer fitted and were taken out of conntrack. */
struct conntrack_count {
	const char *network;
	size_t n;
};

/** What there is to change, or was changed. Lives in the arena of the call. */
struct changes {
	struct change *items;
	size_t n, cap;
	struct conntrack_count *conntrack; /**< by name of the network; after an apply */
	size_t n_conntrack, cap_conntrack;
};

/** "add", "modify", "remove". */
const char *change_kind_name(enum change_kind kind);

/** Adds a copy of one. */
void changes_add(struct arena *arena, struct changes *out, struct change change);

/**
 * Adds that n rules of others are taken out of the table, "ip filter", or come back there; nothing
 * for none.
 */
void changes_of_others(struct arena *arena, const char *table, size_t n, enum change_kind kind,
		       struct changes *out);

#endif
