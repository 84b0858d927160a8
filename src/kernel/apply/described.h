// SPDX-License-Identifier: GPL-2.0-or-later
// described: what a record describes, read when it is first asked for.
#ifndef APPLY_DESCRIBED_H
#define APPLY_DESCRIBED_H

#include "hostgate/ruleset.h"
#include "record/record.h"

/** Zeroed: there is no record. Mostly nobody asks, and a large description takes time to read. */
struct described {
	struct arena *arena;
	struct record record;
	bool read;
	const struct description *description;
	const struct ruleset *ruleset;
};

/** Returns what the record describes. Memory comes from arena. */
struct described described_by(struct arena *arena, const struct record *record);

/** Returns the description; NULL: there is none that can be read. */
const struct description *described_description(struct described *described);

/** Returns its rules, as they are planned now; NULL likewise. */
const struct ruleset *described_ruleset(struct described *described);

#endif
