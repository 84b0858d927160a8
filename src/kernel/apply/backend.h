// SPDX-License-Identifier: GPL-2.0-or-later
// backend: one way to have rules in the kernel, as a few functions.
#ifndef APPLY_BACKEND_H
#define APPLY_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "apply/apply.h"
#include "apply/described.h"
#include "hostgate/arena.h"
#include "hostgate/buf.h"
#include "hostgate/diag.h"
#include "hostgate/ruleset.h"
#include "image/image.h"

/**
 * While nf_tables is of this generation, the rules are those with this fingerprint: they were read
 * back and nobody has changed anything since. Generation 0: not known.
 */
struct backend_mark {
	uint32_t generation;
	uint64_t fingerprint;
};

/** What a backend works for. */
struct backend_input {
	struct arena *arena;
	const struct ruleset *ruleset; /**< as planned; NULL: nothing is wanted there */
	struct blob snapshot;          /**< without ruleset: what snapshot() wrote is wanted */
	struct blob others;            /**< likewise: rules of others that are to be there again */
	struct backend_mark known;     /**< of the last apply */
	struct described *was;         /**< by the last apply: whose what goes was */
	bool replaced;                 /**< without ruleset: another backend holds the rules */
	bool clean_slate;              /**< no rule of others is wanted in xt_table_list's tables */
	double wait_seconds;           /**< for a lock that it shares with other programs */
};

/** What a backend found. */
struct backend_found {
	bool exists;              /**< something of ours is there */
	struct backend_mark mark; /**< of what is wanted, when that is what is there */
};

/** Functions return 0 or -errno with the reason queued. */
struct backend_info {
	const char *name;
	const char *where; /**< its rules are, for people: "table inet hostgate" */
	/** Tells whether the kernel has it: 0 or -errno, nothing queued. Changes nothing. */
	int (*probe)(void);
	/** Returns the backend's own data, for the other functions; the arena holds it. */
	void *(*open)(const struct backend_input *input);
	/** Frees what the arena does not hold, and the lock. NULL is allowed. */
	void (*close)(void *self);
	/** Keeps other programs away until close(); before a read() that a commit() follows. */
	int (*lock)(void *self, struct diags *diags);
	/** Tells whether something of ours is there. */
	int (*find)(void *self, struct diags *diags, bool *exists);
	/**
	 * Reads what is there, and adds to changes what differs from what is wanted. Where nothing
	 * is wanted, nothing is there in a kernel that has not the backend.
	 */
	int (*read)(void *self, struct diags *diags, struct backend_found *out,
		    struct changes *changes);
	/** Adds what the rules that are there and wanted counted. Needs no read() before. */
	int (*count)(void *self, struct diags *diags, struct counters *counters);
	/**
	 * Writes all of ours that is there, and the rules of others that are to go, for
	 * backend_input; nothing when there is nothing. After read(), before commit().
	 */
	int (*snapshot)(void *self, struct diags *diags, struct buf *out, struct buf *others);
	/**
	 * Makes what is wanted of what was read last; nothing without a difference. *changed is set
	 * once the kernel has taken a part of it, even when a later one fails.
	 */
	int (*commit)(void *self, struct diags *diags, bool *changed);
};

extern const struct backend_info backend_nft;
extern const struct backend_info backend_xt;

/** Indexed by enum backend; NULL for BACKEND_AUTO. */
extern const struct backend_info *const backend_list[BACKEND__COUNT];

/**
 * Turns BACKEND_AUTO into the first that the kernel has: nf_tables, else iptables. Another one is
 * taken as it is. Returns 0, or -errno with what is missing queued.
 */
int backend_choose(struct diags *diags, enum backend wanted, enum backend *out);

#endif
