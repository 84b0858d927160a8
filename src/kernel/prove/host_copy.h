// SPDX-License-Identifier: GPL-2.0-or-later
// host_copy: what of the host comes into the copy that is proved: addresses, routes, rules, sysctls.
#ifndef PROVE_HOST_COPY_H
#define PROVE_HOST_COPY_H

#include "hostgate/diag.h"
#include "os/host_links.h"
#include "os/netlink.h"
#include "probe/host_seen.h"

/** Messages as the kernel dumped them. */
struct host_copy_dump {
	const struct nlmsghdr **items;
	size_t n, cap;
};

/** A sysctl of the host. */
struct host_copy_sysctl {
	const char *path; /**< below /proc/sys */
	const char *value;
	const char *ifname; /**< of the interface that it is of; NULL: of none */
};

struct host_copy {
	struct arena *arena; /**< not owned */
	struct host_links links;
	struct host_seen seen; /**< the same as plain data */
	struct host_copy_dump addresses, routes, rules;
	struct host_copy_sysctl *sysctls;
	size_t n_sysctls, cap_sysctls;
};

/**
 * Reads it from the network namespace that the process is in. Memory comes from arena. Returns 0,
 * or -errno with the reason queued.
 */
int host_copy_read(struct arena *arena, struct diags *diags, struct host_copy *out);

/**
 * Puts it into the namespace that the process is in by now, whose interfaces have the numbers of
 * the host's. What the kernel refuses is left out, with a warning. Returns 0, or -errno with the
 * reason queued.
 */
int host_copy_put(struct diags *diags, const struct host_copy *copy, struct netlink *netlink);

/** Writes the sysctls: of interfaces, which exist then, or all others. */
void host_copy_put_sysctls(const struct host_copy *copy, bool of_interfaces);

#endif
