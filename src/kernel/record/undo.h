// SPDX-License-Identifier: GPL-2.0-or-later
// undo: what it takes to undo the last change, kept in a file beside the record.
#ifndef RECORD_UNDO_H
#define RECORD_UNDO_H

#include "image/image.h"
#include "record/record.h"

/*
 * Theory of operation
 *
 * Before a change the file gets all that the change can alter, as the kernel has it and not as a
 * description would make it: our rules of both backends, the values of the sysctls that are going
 * to be written, and the record. So what comes back is what was there, whoever made it, and also
 * when this program has been replaced by another version since.
 *
 * The file of the change before is kept until the new change is done: one that fails, and puts
 * everything back, leaves the earlier one to be undone.
 */

/** What was there before a change, and is there again. Texts; NULL where nothing was recorded. */
struct restored {
	const char *undone; /**< time of the change that was undone */
	const char *time, *files, *hash;
};

struct undo {
	const char *id;   /**< of the change */
	const char *time; /**< of the change */
	bool had_record;
	struct record record;  /**< before the change; when had_record */
	struct record writes; /**< its sysctls: what the change writes; see sysctl_plan() */
	/** Of backend_info.snapshot(): ours, and of others those that were going to be taken out. */
	struct blob rules[BACKEND__COUNT], others[BACKEND__COUNT];
};

/** Functions return 0 or -errno, queued. */

/** Writes the file, and keeps the one of the change before aside. */
int undo_save(struct diags *diags, const struct record_place *place, const struct undo *undo);

/** The change is done: the file that was kept aside goes. */
void undo_settle(const struct record_place *place);

/** The change came to nothing: the file that was kept aside, or none, is the file again. */
void undo_restore(const struct record_place *place);

/**
 * Reads the file; texts and rules live in arena. -ENOENT, not queued: there is none, or one of an
 * earlier boot.
 */
int undo_load(struct arena *arena, struct diags *diags, const struct record_place *place,
	      struct undo *out);

/** What is there again once it is undone. */
struct restored undo_restored(const struct undo *undo);

/** Forgets the file. */
int undo_forget(struct diags *diags, const struct record_place *place);

#endif
