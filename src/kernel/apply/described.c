// SPDX-License-Identifier: GPL-2.0-or-later
// described: what a record describes, read when it is first asked for.
#include "apply/described.h"

#include <string.h>

struct described described_by(struct arena *arena, const struct record *record)
{
	return (struct described){.arena = arena, .record = *record};
}

static void read_once(struct described *described)
{
	struct ruleset *ruleset;

	if (described->read || !described->arena)
		return;
	described->read = true;
	described->description = record_description(described->arena, &described->record);
	if (!described->description)
		return;
	ruleset = plan_ruleset(described->arena, described->description);
	/* They are places in a text that no file holds any more. */
	memset(ruleset->hole_places, 0, sizeof(ruleset->hole_places));
	described->ruleset = ruleset;
}

const struct description *described_description(struct described *described)
{
	read_once(described);
	return described->description;
}

const struct ruleset *described_ruleset(struct described *described)
{
	read_once(described);
	return described->ruleset;
}
