// SPDX-License-Identifier: GPL-2.0-or-later
// changes: differences as a list for people; the same for plan, apply and remove.
#ifndef APPLY_CHANGES_H
#define APPLY_CHANGES_H

#include "image/change.h"
#include "image/image.h"
#include "sysctl/sysctl.h"

/** An image that was made from a ruleset, which tells whose each object is. */
struct change_source {
	const struct image *image;
	const struct ruleset *ruleset; /**< NULL: not known */
};

/** Tells whether anything goes: then it is worth to know what it had been made from. */
bool changes_take_away(const struct diff *diff);

/**
 * Adds what differs between the images. made: what new was made from; was: what the old one had
 * been made from, before whatever others did to it.
 */
void changes_of_tables(struct arena *arena, struct change_source made, struct change_source was,
		       const struct image *old, const struct image *new, const struct diff *diff,
		       struct changes *out);

/** Adds that the table, whose objects nobody counted, is taken out. */
void changes_of_removal(struct arena *arena, struct changes *out);

/** Adds the sysctls that are written. */
void changes_of_sysctls(struct arena *arena, const struct sysctl_writes *writes,
			struct changes *out);

#endif
