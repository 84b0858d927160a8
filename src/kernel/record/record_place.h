// SPDX-License-Identifier: GPL-2.0-or-later
// record_place: where the record of a network namespace is kept, its lock, and its files.
#ifndef RECORD_RECORD_PLACE_H
#define RECORD_RECORD_PLACE_H

#include <stddef.h>

#include "hostgate/arena.h"
#include "hostgate/buf.h"
#include "hostgate/diag.h"

/** Where the record of this network namespace is kept. */
struct record_place {
	const char *directory;
	const char *path;
	const char *lock_path;
	const char *undo_path; /**< what undoes the last change; see undo.h */
};

/** Finds the place by the namespace's cookie. Returns 0 or -errno, queued. */
int record_locate(struct arena *arena, struct diags *diags, struct record_place *out);

/**
 * Finds the place and waits at most wait_seconds for its lock. Returns a descriptor that holds it
 * until closed, or -errno, queued: -EBUSY when somebody else has it, -EINTR when a signal came.
 */
int record_enter(struct arena *arena, struct diags *diags, double wait_seconds,
		struct record_place *out);

/** What record_save(), record_load() and record_forget() do with any file of the place. */
int record_replace(struct diags *diags, const struct record_place *place, const char *path,
		  const void *bytes, size_t len);
int record_read_file(const char *path, struct buf *out);
int record_discard(const char *path);

/** Queues that a file can't be written, read or removed (doing). Returns -err. */
int record_failed(struct diags *diags, int err, const char *doing, const char *path);

#endif
