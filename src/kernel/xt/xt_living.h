// SPDX-License-Identifier: GPL-2.0-or-later
// xt_living: which tables of iptables are there, without making any by looking.
#ifndef XT_XT_LIVING_H
#define XT_XT_LIVING_H

#include "hostgate/diag.h"
#include "xt/xt_library.h"

/** Most tables that a family has: filter, nat, mangle, raw, security. */
#define XT_LIVING_MAX 5

/** The tables of a family that live, the youngest first. */
struct xt_living {
	char names[XT_LIVING_MAX][XT_TABLE_MAXNAMELEN];
	size_t n;
};

/** Tells whether the kernel has the family at all: without IPv6 it has no packets of it. */
bool xt_living_has_family(enum family family);

/**
 * Lists them; a table comes to life, and stays, when anybody only looks at it. Without iptables
 * none lives. Returns 0 or -errno, queued unless diags is NULL.
 */
int xt_living_read(struct diags *diags, enum family family, struct xt_living *out);

/** Tells whether the table lives. */
bool xt_living_has(const struct xt_living *living, const char *table);

#endif
