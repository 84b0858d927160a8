// SPDX-License-Identifier: GPL-2.0-or-later
// tell_opening: which key of the description would let a refused packet pass.
#include "print/tell_opening.h"

#include "text/schema.h"

static void subnet_hint(struct arena *arena, const struct explained_path *path, struct told *told)
{
	const struct network *network = path->network;
	enum family family = path->there.packet.family;

	if (network_has_family(network, family))
		told->hint = arena_printf(
			arena, "If guests of %s may use this address, add it to `subnet`.",
			network->name);
	else
		told->hint = arena_printf(arena,
					  "%s of %s does not pass. To let it pass, add its subnet "
					  "to `subnet`.",
					  family_name(family), network->name);
}

/* A key of networks, or that this version does not know it yet. */
static void key_hint(struct arena *arena, const struct explained_path *path, const char *key,
		     const char *what, struct told *told)
{
	const struct schema_key *row = schema_find(SECTION_NETWORK, key);

	if (row && row->supported) {
		told->hint = arena_printf(arena, "To let it pass, use the key of the network %s "
						 "that %s: `%s`.",
					  path->network->name, what, key);
		return;
	}
	told->place = PLACE_NONE;
	told->hint = arena_printf(arena,
				  "This version cannot let it pass: the key that %s, `%s`, is not "
				  "supported yet.",
				  what, key);
}

void tell_opening(struct arena *arena, const struct explained_path *path, struct told *told)
{
	const struct network *network = path->network;

	told->place = path->place;
	switch (path->key) {
	case WAY_KEY_SUBNET:
		subnet_hint(arena, path, told);
		return;
	case WAY_KEY_MODE:
		told->hint =
			arena_printf(arena,
				     "To let it pass, give the network %s `mode: nat` (out with a "
				     "public source) or `mode: routed` (out unchanged).",
				     network->name);
		return;
	case WAY_KEY_UPLINK:
		told->hint =
			arena_printf(arena, "To let it pass, add %s to `uplink` of the network %s.",
				     path->out.uplink->name, network->name);
		return;
	case WAY_KEY_UPLINKS:
		told->hint =
			arena_printf(arena,
				     "To let it pass, name an uplink under `uplinks`, and give "
				     "the network %s `mode: nat` or `mode: routed`.",
				     network->name);
		return;
	case WAY_KEY_REACH:
		key_hint(arena, path, "reach", "lets the guests of one network reach another",
			 told);
		return;
	case WAY_KEY_PUBLISH:
		key_hint(arena, path, "publish", "opens a door from outside to a guest", told);
		return;
	case WAY_KEY_ALLOW_FROM:
		key_hint(arena, path, "allow-from", "lets connections in from outside", told);
		return;
	case WAY_KEY_NONE:
		told->hint = "Nothing in the description can let it pass.";
		return;
	case WAY_KEY__COUNT:
		return;
	}
}
