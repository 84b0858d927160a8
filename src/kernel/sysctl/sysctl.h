// SPDX-License-Identifier: GPL-2.0-or-later
// sysctl: which values under /proc/sys are to change, and changing them with a way back.
#ifndef SYSCTL_SYSCTL_H
#define SYSCTL_SYSCTL_H

#include <stdbool.h>
#include <stddef.h>

#include "hostgate/arena.h"
#include "hostgate/diag.h"
#include "hostgate/ruleset.h"
#include "os/route.h"
#include "record/record.h"

/** When a value is written; what opens a way for packets is last, what closes one is first. */
enum sysctl_step {
	SYSCTL_STEP_CLOSE,  /**< before the tables change; also what must be there before it */
	SYSCTL_STEP_SETTLE, /**< after it */
	SYSCTL_STEP_OPEN,
	SYSCTL_STEP__COUNT
};

/** One value that is to change. */
struct sysctl_write {
	enum sysctl_step step;
	const char *path; /**< below the root: "net/ipv4/ip_forward" */
	const char *from; /**< when it is written */
	const char *to;
	const struct record_moved *restore; /**< written after it; see struct record_sysctl */
	size_t n_restore;
	const char *network; /**< that it is there for, or NULL */
	bool guard;	     /**< so that the host goes on hearing router advertisements */
	struct place place;
};

struct sysctl_writes {
	struct sysctl_write *items; /**< by step, in the order of writing */
	size_t n, cap;
};

/** Who else has rules for forwarded packets of a family. */
struct sysctl_users {
	const char **names; /**< "ip nat POSTROUTING of Docker" */
	size_t n, cap;
};

typedef void sysctl_users_fn(void *data, enum family family, struct sysctl_users *out);

/** What sysctl_plan() works with. */
struct sysctl_input {
	int root;				   /**< descriptor of /proc/sys */
	const struct ruleset *ruleset;		   /**< NULL: nothing is wanted any more */
	const struct record *record;		   /**< what was written before */
	bool interrupted; /**< putting it back may have begun, and not come to its end */
	/** For SYSCTL_IF_ADVERTISED: where such a route was learned, and what hears none. */
	const struct route_interfaces *advertised;
	const struct route_interfaces *deaf;
	/**
	 * Tells who uses forwarding now. Who came after it was switched on needs it: it then stays
	 * on, with a note. NULL: nobody is asked, and it is put back.
	 */
	sysctl_users_fn *users;
	void *users_data;
};

/** Opens /proc/sys. Returns a descriptor or -errno, queued. */
int sysctl_open_root(struct diags *diags);

/** Tells whether some sysctl of the ruleset depends on router advertisements. */
bool sysctl_needs_advertised(const struct ruleset *ruleset);

/**
 * Compares what is wanted and what was written before with what is there. *out: what is to be
 * written; *next: the entries of the record afterwards; *back: entries that, as the record of a
 * later sysctl_plan() without a ruleset, put back what out writes. Queues warnings on values that
 * somebody else changed. Returns 0 or -errno, queued.
 */
int sysctl_plan(struct arena *arena, struct diags *diags, const struct sysctl_input *input,
		struct sysctl_writes *out, struct record *next, struct record *back);

/** What was written in this run, for sysctl_undo(). Initialise with {0}. */
struct sysctl_log {
	struct record_moved *items; /**< path and the value it had, in the order of writing */
	size_t n, cap;
};

/**
 * Writes the values of one step. Stops at the first that fails. Returns 0 or -errno, queued.
 */
int sysctl_write(struct arena *arena, struct diags *diags, int root,
		 const struct sysctl_writes *writes, enum sysctl_step step, struct sysctl_log *log);

/** Puts back what the log holds, latest first. Returns 0, or -errno with the rest queued. */
int sysctl_undo(struct arena *arena, struct diags *diags, int root, struct sysctl_log *log);

#endif
