// SPDX-License-Identifier: GPL-2.0-or-later
// changes: differences as a list for people; the same for plan, apply and remove.
#ifndef KERNEL_CHANGES_H
#define KERNEL_CHANGES_H

#include "kernel/image.h"
#include "kernel/sysctl.h"

/** Adds a copy of one. */
void changes_add(struct arena *arena, struct changes *out, struct change change);

/** Adds what differs between the images. ruleset: what new was made from, or NULL. */
void changes_of_tables(struct arena *arena, const struct ruleset *ruleset,
		       const struct image *old, const struct image *new, const struct diff *diff,
		       struct changes *out);

/** Adds that the table, whose objects nobody counted, is taken out. */
void changes_of_removal(struct arena *arena, struct changes *out);

/**
 * Adds that n rules of others are taken out of the table, "ip filter", or come back there; nothing
 * for none.
 */
void changes_of_others(struct arena *arena, const char *table, size_t n, enum change_kind kind,
		       struct changes *out);

/** Adds the sysctls that are written. */
void changes_of_sysctls(struct arena *arena, const struct sysctl_writes *writes,
			struct changes *out);

#endif
