// SPDX-License-Identifier: GPL-2.0-or-later
// hole_items: the rules of a hole as sets, compared with what is wanted there.
#include <stdlib.h>
#include <string.h>

#include "foreign/hole_chain.h"

void hole_items_add(struct arena *arena, struct hole_items *items, struct hole_item item)
{
	void *bytes = arena_alloc(arena, item.form.len);

	memcpy(bytes, item.form.bytes, item.form.len);
	item.form.bytes = bytes;
	item.comment = arena_strdup(arena, item.comment);
	items->items = arena_grow(arena, items->items, items->n, &items->cap, sizeof(item));
	items->items[items->n++] = item;
}

void hole_reset(struct holes *holes, enum hole_keeper keeper)
{
	for (enum family f = 0; f < FAMILY__COUNT; f++)
		for (enum hole h = 0; h < HOLE__COUNT; h++)
			holes->chains[keeper][f][h] =
				(struct hole_chain){.keeper = keeper, .family = f, .place = h};
}

/* Comparing. */

static int compare_items(const void *a, const void *b)
{
	const struct hole_item *const *x = a, *const *y = b;
	const struct blob *one = &(*x)->form, *two = &(*y)->form;

	if (one->len != two->len)
		return one->len < two->len ? -1 : 1;
	return memcmp(one->bytes, two->bytes, one->len);
}

static const struct hole_item **sorted(struct arena *arena, const struct hole_items *items)
{
	const struct hole_item **order = arena_calloc(arena, items->n, sizeof(*order));

	for (size_t i = 0; i < items->n; i++)
		order[i] = &items->items[i];
	if (items->n > 1)
		qsort(order, items->n, sizeof(*order), compare_items);
	return order;
}

static int compare_handles(const void *a, const void *b)
{
	uint64_t x = ((const struct hole_item *)a)->handle, y = ((const struct hole_item *)b)->handle;

	return x < y ? -1 : x > y;
}

/* Moves what is in only one of two sorted lists to that list's difference. */
static void split(const struct holes *holes, const struct hole_items *wanted,
		  struct hole_chain *chain, bool *is_missing)
{
	const struct hole_item **w = sorted(holes->arena, wanted);
	const struct hole_item **p = sorted(holes->arena, &chain->present);
	size_t i = 0, j = 0;

	while (i < wanted->n || j < chain->present.n) {
		int order = i == wanted->n	   ? 1 :
			    j == chain->present.n ? -1 :
						     compare_items(&w[i], &p[j]);

		if (order < 0)
			is_missing[w[i] - wanted->items] = true;
		if (order > 0)
			hole_items_add(holes->arena, &chain->surplus, *p[j]);
		i += order <= 0;
		j += order >= 0;
	}
	if (chain->surplus.n > 1)
		qsort(chain->surplus.items, chain->surplus.n, sizeof(*chain->surplus.items),
		      compare_handles);
}

void hole_compare(const struct holes *holes, struct hole_chain *chain)
{
	static const struct hole_items nothing;
	bool asked = holes->ruleset && holes->ruleset->hole_wanted[chain->place];
	const struct hole_items *wanted =
		asked ? &holes->wanted[chain->keeper][chain->family] : &nothing;
	bool *is_missing = arena_calloc(holes->arena, wanted->n, sizeof(*is_missing));

	chain->missing = chain->surplus = nothing;
	if (!chain->exists)
		return;
	split(holes, wanted, chain, is_missing);
	for (size_t i = 0; i < wanted->n; i++)
		if (is_missing[i])
			hole_items_add(holes->arena, &chain->missing, wanted->items[i]);
}

bool hole_differs(const struct hole_chain *chain, enum hole_step step)
{
	return (step == HOLE_CLOSE ? chain->surplus.n : chain->missing.n) > 0;
}
