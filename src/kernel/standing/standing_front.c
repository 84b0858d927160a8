// SPDX-License-Identifier: GPL-2.0-or-later
// standing_front: facts about others' rules in front of ours.
#include "standing/standing_fact.h"

/* plan and apply need no word of it: to move the jumps is one of their changes. */
void standing_fronts(struct standing_finder *finder)
{
	const struct fronts *fronts = &finder->view->fronts;

	for (size_t i = 0; i < fronts->n; i++) {
		const struct front_finding *f = &fronts->items[i];

		diag_hint(finder->diags,
			  standing_say(finder, PLACE_NONE,
				       "%s stands in front of %s in %s %s %s and may take packets "
				       "from hostgate's rules",
				       front_text(finder->arena, f), f->chain,
				       foreign_family(f->base->table), f->base->table->name,
				       f->base->chain->name),
			  "`hostgate apply` moves hostgate's jump to the front, and nothing else");
	}
}
