// SPDX-License-Identifier: GPL-2.0-or-later
// record: what hostgate remembers of the last apply in this network namespace; and the lock.
#ifndef RECORD_RECORD_H
#define RECORD_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostgate/arena.h"
#include "hostgate/buf.h"
#include "hostgate/description.h"
#include "hostgate/diag.h"
#include "record/record_place.h"

/** A value that a switch of all interfaces moved and that switching back would not restore. */
struct state_moved {
	const char *path;
	const char *before;
};

/** A sysctl that hostgate wrote. Paths are below /proc/sys. */
struct state_sysctl {
	const char *path;
	const char *before;  /**< what remove puts back */
	const char *written; /**< what hostgate wrote; another value now is somebody else's */
	struct state_moved *moved;
	size_t n_moved, cap_moved;
	const char **others; /**< forwarding: who else had rules for it when it was written */
	size_t n_others, cap_others;
};

/** An apply that is undone unless it is confirmed. */
struct state_pending {
	const char *id; /**< of the change; NULL: nothing waits */
	uint64_t until; /**< seconds of CLOCK_BOOTTIME */
};

struct state {
	const char *version, *hash, *files, *text, *time; /**< of the last apply */
	/**
	 * While nf_tables is of this generation, the table is the one with this fingerprint: it was
	 * read back and nobody has changed anything since. 0: not known.
	 */
	uint32_t generation;
	uint64_t fingerprint;
	struct state_pending pending;
	/** A change began and has not come to its end; sysctls are those of before and of after. */
	bool unfinished;
	struct state_sysctl *sysctls;
	size_t n_sysctls, cap_sysctls;
};

enum state_found {
	STATE_ABSENT,
	STATE_READ,
	STATE_DAMAGED, /**< not to be understood: cut off, not ours, or of a later version */
	STATE_UNREADABLE, /**< there, but reading it failed */
	STATE_FOUND__COUNT
};

/**
 * Reads the state; texts live in arena. One of an earlier boot is as good as absent: tables and
 * sysctls did not survive it. On STATE_DAMAGED and STATE_UNREADABLE *why says what is wrong.
 */
enum state_found state_load(struct arena *arena, const char *path, struct state *out,
			    const char **why);

/** The same for the text of a file. */
enum state_found state_parse(struct arena *arena, const char *text, size_t len, struct state *out,
			     const char **why);

/** Writes the text of a file. Returns false when a text in it is not UTF-8. */
bool state_print(const struct state *state, struct buf *out);

/** Replaces the file at once, or leaves it as it was. Returns 0 or -errno, queued. */
int state_save(struct diags *diags, const struct state_place *place, const struct state *state);

/** Forgets the state. Returns 0 or -errno, queued. */
int state_forget(struct diags *diags, const struct state_place *place);

/**
 * Reads the description that was recorded. Returns NULL when there is none, none that came to its
 * end, or none that this version can read. Lives in arena.
 */
const struct description *state_description(struct arena *arena, const struct state *state);

/** Orders the entries by path; state_find() needs it after state_add(). */
void state_sort(struct state *state);

/** Returns the entry of the path, or NULL. */
struct state_sysctl *state_find(const struct state *state, const char *path);

/** Adds a copy of an entry; texts and the moved values are not copied. */
void state_add(struct arena *arena, struct state *state, struct state_sysctl entry);

/** Returns state (sorted) with those entries of other added whose paths it does not have. */
struct state state_merge(struct arena *arena, const struct state *state,
			 const struct state *other);

#endif
