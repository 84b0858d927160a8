// SPDX-License-Identifier: GPL-2.0-or-later
// sandbox: namespaces that belong to this process alone and end with it.
#ifndef OS_SANDBOX_H
#define OS_SANDBOX_H

#include <sys/types.h>

#include "hostgate/diag.h"

/** What one process has of its sandbox. */
struct sandbox {
	int wire; /**< descriptor of the network namespace of the wires' other ends */
};

/**
 * Runs work in a child process that dies with this one. Its return value is the child's exit
 * status. Returns the child's process id or -errno, queued.
 */
pid_t sandbox_start(struct diags *diags, int (*work)(void *data), void *data);

/** Waits for the child. Returns its exit status, or -1 when it was killed. */
int sandbox_wait(pid_t child);

/**
 * Moves this process into new namespaces: network (the host's), another network (the wires'), and
 * mount; as an ordinary user also a user namespace where it is root. The record of apply and all
 * locks go to a file system that nobody else sees. prepare is called in the wires' namespace, for
 * sockets that stay there. Returns 0 or -errno, queued: -EPERM when the system does not let this
 * user do that.
 */
int sandbox_enter(struct diags *diags, struct sandbox *sandbox, int (*prepare)(void *data),
		  void *data);

/** Writes a value below /proc/sys. Returns 0 or -errno; nothing is queued. */
int sandbox_sysctl(const char *path, const char *value);

#endif
