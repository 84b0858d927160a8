// SPDX-License-Identifier: GPL-2.0-or-later
// apply: make the kernel match a ruleset, in the order that never opens a gap; and undo it.
#ifndef APPLY_APPLY_H
#define APPLY_APPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostgate/arena.h"
#include "hostgate/buf.h"
#include "hostgate/diag.h"
#include "hostgate/ruleset.h"
#include "image/change.h"
#include "image/counters.h"
#include "os/host_links.h"
#include "record/undo.h"

/** An apply that is undone unless it is confirmed in time. */
struct apply_confirm {
	unsigned int seconds; /**< 0: it stays */
	/** Called in a process of its own when it was undone, or could not be. */
	void (*undone)(int result, const struct diags *diags, const struct restored *restored,
		       void *data);
	void *data;
};

/** What the program knows about a description that the kernel layer only records. */
struct apply_input {
	const struct description *description;
	const struct ruleset *ruleset; /**< as planned; the backend lowers it */
	enum backend backend;       /**< where the rules go */
	const char *hash;           /**< of the description, hexadecimal */
	const char *text;           /**< canonical text of the description, for status */
	const char *files;          /**< names of the files, for status */
	const char *version;        /**< of hostgate */
	double wait_seconds;        /**< how long to wait for the lock */
	const struct host_links *links; /**< NULL, or all of the host's, just read */
	struct apply_confirm confirm;
};

/** What hostgate remembers of the last apply in this network namespace. */
struct installed {
	enum backend backend; /**< that has rules of ours; BACKEND_AUTO: none */
	const char *where;    /**< the rules are, for people; NULL: nowhere */
	bool recorded;       /**< there is a readable record file */
	bool damaged;        /**< there is one that can't be understood */
	const char *state_path;
	const char *version, *hash, *files, *text, *time; /**< as recorded; NULL when not */
	bool unfinished;      /**< the last change failed or was killed before its end */
	bool pending;         /**< it is undone unless it is confirmed */
	int64_t seconds_left; /**< until then; negative: nobody undid it in time */
	bool can_undo;        /**< rollback would bring back: */
	struct restored before;
};

/**
 * All of these return 0, or -errno with the reason queued in diags (-EPERM, -EACCES: not
 * permitted; -EBUSY: the lock is held by somebody else; others: failed, the message says whether
 * anything changed). Memory comes from arena.
 */

/**
 * Compares the kernel with the input. counters, unless NULL: what the rules counted, as far as they
 * are those of the input. Writes nothing, takes no lock.
 */
int kernel_plan(struct arena *arena, struct diags *diags, const struct apply_input *input,
		struct changes *out, struct counters *counters);

/** Makes the kernel match the input. out: what was changed; n == 0: there was nothing to do. */
int kernel_apply(struct arena *arena, struct diags *diags, const struct apply_input *input,
		 struct changes *out);

/** Takes everything out again and puts sysctls back. out: what was changed. */
int kernel_remove(struct arena *arena, struct diags *diags, double wait_seconds,
		  struct changes *out);

/**
 * Undoes the last change that apply made: rules and sysctls are again what they were before it,
 * whatever made them. Without id; with it, only the change of this id, and only while it waits to
 * be confirmed: else -ESTALE, nothing queued. out: what was changed; restored: lives in arena.
 */
int kernel_rollback(struct arena *arena, struct diags *diags, double wait_seconds, const char *id,
		    struct changes *out, struct restored *restored);

/** Keeps the change that waits to be confirmed. */
int kernel_confirm(struct arena *arena, struct diags *diags, double wait_seconds);

/** Reads what is installed here. */
int kernel_installed(struct arena *arena, struct diags *diags, struct installed *out);

/** Moves the process into the named network namespace (/run/netns/NAME). */
int kernel_enter_netns(struct diags *diags, const char *name);

#endif
