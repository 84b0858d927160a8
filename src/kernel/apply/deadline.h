// SPDX-License-Identifier: GPL-2.0-or-later
// deadline: a process that undoes a change unless it is confirmed in time.
#ifndef APPLY_DEADLINE_H
#define APPLY_DEADLINE_H

#include <stdint.h>

#include "apply/apply.h"
#include "record/record.h"

/*
 * Theory of operation
 *
 * The guard is there before anything is changed. It belongs to no terminal and no session, holds
 * nothing but its network namespace, and looks at the record: as long as the record says that the
 * change of its id waits, it waits too; once the record says something else, it ends. So a kill of
 * the program that started it, at any moment, changes nothing about the undoing.
 */

/** Characters of an id with its NUL. */
#define DEADLINE_ID_SIZE 17

/** A guard that was started. */
struct deadline {
	int go; /**< descriptor: the guard looks at the record once this is closed; -1: none */
};

/** Returns seconds of the clock that struct record_pending goes by. */
uint64_t deadline_now(void);

/** Writes a new id for a change. */
void deadline_new_id(char out[static DEADLINE_ID_SIZE]);

/**
 * Starts the guard for the change that the record will name by id. Until deadline_release() it does
 * nothing. Returns 0 or -errno, queued.
 */
int deadline_start(struct diags *diags, const struct record_place *place, const char *id,
		const struct apply_confirm *confirm, struct deadline *out);

/** Lets it look at the record. Usable as a cleanup attribute's function. */
void deadline_release(struct deadline *guard);

#endif
