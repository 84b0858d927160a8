// SPDX-License-Identifier: GPL-2.0-or-later
// lock: files by which programs take turns.
#ifndef OS_LOCK_H
#define OS_LOCK_H

#include "hostgate/diag.h"

struct lock {
	const char *path;
	const char *other; /**< what somebody else does who holds it, for the message */
};

/**
 * Waits at most wait_seconds for the lock. Returns a descriptor that holds it until closed, or
 * -errno, queued: -EBUSY when somebody else has it, -EINTR when a signal came.
 */
int lock_take(struct diags *diags, const struct lock *lock, double wait_seconds);

/** Queues that a lock at the path can't be taken, by errno. Returns -errno. */
int lock_failed(struct diags *diags, const char *path);

/**
 * The same for the lock that iptables' own programs take: /run/xtables.lock, or the file that
 * XTABLES_LOCKFILE names.
 */
int lock_xtables(struct diags *diags, double wait_seconds);

#endif
