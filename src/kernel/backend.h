// SPDX-License-Identifier: GPL-2.0-or-later
// backend: one way to have rules in the kernel, as a few functions.
#ifndef KERNEL_BACKEND_H
#define KERNEL_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "hostgate/arena.h"
#include "hostgate/diag.h"
#include "hostgate/ruleset.h"
#include "kernel/apply.h"

/** What a backend works for. */
struct backend_input {
	struct arena *arena;
	struct diags *diags;
	const struct ruleset *ruleset; /**< lowered for it; NULL: nothing is wanted there */
	bool replaced;                 /**< without ruleset: another backend has its rules already */
	double wait_seconds;           /**< for a lock that it shares with other programs */
};

/** What a backend found. */
struct backend_found {
	bool exists;         /**< something of ours is there */
	uint32_t generation; /**< a number that changes with the tables, or 0 */
};

/** Functions return 0 or -errno with the reason queued. */
struct backend_info {
	const char *name;
	const char *where; /**< of its rules, for people: "table inet hostgate" */
	/** Returns the backend's own data, for the other functions. Never fails. */
	void *(*open)(const struct backend_input *input);
	/** Frees it, and the lock. NULL is allowed. */
	void (*close)(void *self);
	/** Keeps other programs away until close(); before a read() that a commit() follows. */
	int (*lock)(void *self);
	/** Reads what is there, and adds to changes what differs from what is wanted. */
	int (*read)(void *self, struct backend_found *out, struct changes *changes);
	/** Makes what is wanted of what was read last; nothing without a difference. */
	int (*commit)(void *self);
};

extern const struct backend_info backend_nft;
extern const struct backend_info backend_xt;

#endif
