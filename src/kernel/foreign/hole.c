// SPDX-License-Identifier: GPL-2.0-or-later
// hole: accepts in the places that others' firewalls keep for them (settings.holes).
#include "foreign/hole.h"

#include <string.h>

#include "base/diag_codes.h"
#include "foreign/hole_chain.h"
#include "image/change.h"
#include "print/xt_rule.h"

static bool wants_any(const struct ruleset *ruleset)
{
	for (enum hole h = 0; ruleset && h < HOLE__COUNT; h++)
		if (ruleset->hole_wanted[h])
			return true;
	return false;
}

void holes_init(struct holes *holes, struct arena *arena, const struct ruleset *ruleset,
		bool legacy_comes)
{
	*holes = (struct holes){.arena = arena,
				.ruleset = wants_any(ruleset) ? ruleset : NULL,
				.legacy_comes = legacy_comes};
	holes->room = hole_xt_room(arena);
	for (uint32_t i = 0; holes->ruleset && i < holes->ruleset->n_holes; i++)
		for (enum family f = 0; f < FAMILY__COUNT; f++) {
			if (!holes->ruleset->holes[i].families[f])
				continue;
			hole_nft_want(holes, i, f);
			hole_xt_want(holes, i, f);
		}
}

/* Telling. */

static const char *table_name(const struct hole_chain *chain)
{
	static const char *const names[HOLE_KEEPER__COUNT][FAMILY__COUNT] = {
		[HOLE_NFT] = {"ip filter", "ip6 filter"},
		[HOLE_LEGACY] = {"iptables filter", "ip6tables filter"},
	};

	return names[chain->keeper][chain->family];
}

static void list_items(const struct holes *holes, const struct hole_chain *chain,
		       const struct hole_items *items, enum change_kind kind,
		       struct changes *changes)
{
	const char *name = xt_hole_chains[chain->place][chain->family];

	for (size_t i = 0; i < items->n; i++)
		changes_add(holes->arena, changes,
			    (struct change){.kind = kind,
					    .what = "rule",
					    .name = arena_printf(holes->arena, "%s %s: %s",
								 table_name(chain), name,
								 items->items[i].comment),
					    .network = items->items[i].network});
}

static bool is_anywhere(const struct holes *holes, enum hole place)
{
	for (enum hole_keeper k = 0; k < HOLE_KEEPER__COUNT; k++)
		for (enum family f = 0; f < FAMILY__COUNT; f++)
			if (holes->chains[k][f][place].exists)
				return true;
	return false;
}

static void note_missing(const struct holes *holes, struct diags *diags, enum hole place)
{
	static const char *const hints[HOLE__COUNT] = {
		[HOLE_DOCKER] = "Docker creates it when it starts; apply again then",
		[HOLE_UFW] = "`ufw enable` creates it; apply again then",
		[HOLE_IPTABLES] = "iptables is not in use here, so it refuses nothing either",
	};
	struct diag *diag = diag_add(diags, SEVERITY_NOTE, CODE(HOLE_MISSING),
				     holes->ruleset->hole_places[place],
				     "iptables' table filter has no chain %s to make a hole in",
				     xt_hole_chains[place][FAMILY_IPV4]);

	diag_hint(diags, diag, "%s", hints[place]);
}

int holes_read(struct holes *holes, struct diags *diags, struct changes *changes)
{
	int err = hole_nft_read(holes, diags);

	if (err == 0)
		err = hole_xt_read(holes, diags);
	if (err != 0)
		return err;
	for (enum hole_keeper k = 0; k < HOLE_KEEPER__COUNT; k++)
		for (enum family f = 0; f < FAMILY__COUNT; f++)
			for (enum hole h = 0; h < HOLE__COUNT; h++) {
				struct hole_chain *chain = &holes->chains[k][f][h];

				list_items(holes, chain, &chain->surplus, CHANGE_REMOVE, changes);
				list_items(holes, chain, &chain->missing, CHANGE_ADD, changes);
			}
	for (enum hole h = 0; holes->ruleset && h < HOLE__COUNT; h++)
		if (holes->ruleset->hole_wanted[h] && !is_anywhere(holes, h))
			note_missing(holes, diags, h);
	return 0;
}

/* Changing. */

static bool keeper_differs(const struct holes *holes, enum hole_keeper keeper, enum hole_step step)
{
	for (enum family f = 0; f < FAMILY__COUNT; f++)
		for (enum hole h = 0; h < HOLE__COUNT; h++)
			if (hole_differs(&holes->chains[keeper][f][h], step))
				return true;
	return false;
}

bool holes_need_lock(const struct holes *holes)
{
	return keeper_differs(holes, HOLE_LEGACY, HOLE_CLOSE) ||
	       keeper_differs(holes, HOLE_LEGACY, HOLE_OPEN);
}

int holes_commit(struct holes *holes, struct diags *diags, enum hole_step step, bool *changed)
{
	int err = 0;

	if (keeper_differs(holes, HOLE_NFT, step))
		err = hole_nft_commit(holes, diags, step, changed);
	if (err == 0 && keeper_differs(holes, HOLE_LEGACY, step))
		err = hole_xt_commit(holes, diags, step, changed);
	return err;
}
