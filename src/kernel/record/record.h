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
struct record_moved {
	const char *path;
	const char *before;
};

/** A sysctl that hostgate wrote. Paths are below /proc/sys. */
struct record_sysctl {
	const char *path;
	const char *before;  /**< what remove puts back */
	const char *written; /**< what hostgate wrote; another value now is somebody else's */
	struct record_moved *moved;
	size_t n_moved, cap_moved;
	const char **others; /**< forwarding: who else had rules for it when it was written */
	size_t n_others, cap_others;
};

/** An apply that is undone unless it is confirmed. */
struct record_pending {
	const char *id; /**< of the change; NULL: nothing waits */
	uint64_t until; /**< seconds of CLOCK_BOOTTIME */
};

struct record {
	const char *version, *hash, *files, *text, *time; /**< of the last apply */
	/**
	 * While nf_tables is of this generation, the table is the one with this fingerprint: it was
	 * read back and nobody has changed anything since. 0: not known.
	 */
	uint32_t generation;
	uint64_t fingerprint;
	struct record_pending pending;
	/** A change began and has not come to its end; sysctls are those of before and of after. */
	bool unfinished;
	struct record_sysctl *sysctls;
	size_t n_sysctls, cap_sysctls;
};

enum record_found {
	RECORD_ABSENT,
	RECORD_READ,
	RECORD_DAMAGED, /**< not to be understood: cut off, not ours, or of a later version */
	RECORD_UNREADABLE, /**< there, but reading it failed */
	RECORD_FOUND__COUNT
};

/**
 * Reads the record; texts live in arena. One of an earlier boot is as good as absent: tables and
 * sysctls did not survive it. On RECORD_DAMAGED and RECORD_UNREADABLE *why says what is wrong.
 */
enum record_found record_load(struct arena *arena, const char *path, struct record *out,
			    const char **why);

/** The same for the text of a file. */
enum record_found record_parse(struct arena *arena, const char *text, size_t len, struct record *out,
			     const char **why);

/** Writes the text of a file. Returns false when a text in it is not UTF-8. */
bool record_print(const struct record *record, struct buf *out);

/** Replaces the file at once, or leaves it as it was. Returns 0 or -errno, queued. */
int record_save(struct diags *diags, const struct record_place *place, const struct record *record);

/** Forgets the record. Returns 0 or -errno, queued. */
int record_forget(struct diags *diags, const struct record_place *place);

/**
 * Reads the description that was recorded. Returns NULL when there is none, none that came to its
 * end, or none that this version can read. Lives in arena.
 */
const struct description *record_description(struct arena *arena, const struct record *record);

/** Orders the entries by path; record_find() needs it after record_add(). */
void record_sort(struct record *record);

/** Returns the entry of the path, or NULL. */
struct record_sysctl *record_find(const struct record *record, const char *path);

/** Adds a copy of an entry; texts and the moved values are not copied. */
void record_add(struct arena *arena, struct record *record, struct record_sysctl entry);

/** Returns record (sorted) with those entries of other added whose paths it does not have. */
struct record record_merge(struct arena *arena, const struct record *record,
			 const struct record *other);

#endif
