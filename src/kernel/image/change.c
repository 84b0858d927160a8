// SPDX-License-Identifier: GPL-2.0-or-later
// change: what differs, or was changed, as a list for people.
#include "image/change.h"

const char *change_kind_name(enum change_kind kind)
{
	static const char *const names[CHANGE__COUNT] = {
		[CHANGE_ADD] = "add",
		[CHANGE_MODIFY] = "modify",
		[CHANGE_REMOVE] = "remove",
	};

	return names[kind];
}

void changes_add(struct arena *arena, struct changes *out, struct change change)
{
	out->items = arena_grow(arena, out->items, out->n, &out->cap, sizeof(*out->items));
	out->items[out->n++] = change;
}

void changes_of_others(struct arena *arena, const char *table, size_t n, enum change_kind kind,
		       struct changes *out)
{
	const char *what = arena_printf(arena, "%zu rule%s of other programs (clean-slate)", n,
					n == 1 ? "" : "s");

	if (n > 0)
		changes_add(arena, out, (struct change){.kind = kind,
						.what = "table",
						.name = arena_strdup(arena, table),
						.before = kind == CHANGE_REMOVE ? what : NULL,
						.after = kind == CHANGE_ADD ? what : NULL});
}
