// SPDX-License-Identifier: GPL-2.0-or-later
// conntrack: takes connections that no longer fit the description out of the kernel's table.
#ifndef APPLY_CONNTRACK_H
#define APPLY_CONNTRACK_H

#include "apply/apply.h"
#include "hostgate/arena.h"
#include "hostgate/diag.h"

/**
 * Deletes the entries of networks that changes names, or that the description and the one
 * before (NULL: not known) have differently, where the description no longer lets
 * them pass as they are; counts them in changes. The rest of the table is not touched. Entries are
 * no matter of safety, so a failure is queued as a warning.
 */
void conntrack_settle(struct arena *arena, struct diags *diags,
		      const struct description *description, const struct description *before,
		      struct changes *changes);

#endif
