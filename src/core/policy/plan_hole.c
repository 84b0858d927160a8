// SPDX-License-Identifier: GPL-2.0-or-later
// plan_hole: the pairs of interfaces that others' firewalls are asked to let pass.
#include "policy/plan_hole.h"

#include <string.h>

#include "hostgate/ways.h"
#include "rules/build.h"
#include "rules/field.h"

/*
 * Theory of operation
 *
 * These are the pairs of the matrix, by interface and state alone: our own rules have judged such a
 * packet or will, and drop what is not to pass; in a chain of others it is only to be let through.
 * Should our rules be gone, these still open no other pair, and no connection from outside.
 *
 * Replies are RELATED or ESTABLISHED, in the words that everybody knows from iptables.
 */

static const char *way_text(struct arena *arena, const struct way *way)
{
	if (way->from.kind == END_UPLINK)
		return arena_printf(arena, HOLE_TAG "replies from %s to %s", way->from.uplink->name,
				    way->to.network->name);
	if (way->to.kind == END_UPLINK)
		return arena_printf(arena, HOLE_TAG "%s to %s", way->from.network->name,
				    way->to.uplink->name);
	return arena_printf(arena, HOLE_TAG "within %s", way->from.network->name);
}

static void add_pair(struct ruleset *rs, const struct network *network, const struct ifpattern *in,
		     const struct ifpattern *out, const struct way *way)
{
	struct hole_rule hole = {.network = network->name};

	hole.rule = rule_start(NO_INDEX, action_of(ACTION_ACCEPT),
			       ruleset_add_origin(rs, PROMISE_NONE, way_text(rs->arena, way), NULL,
						  network->place));
	rule_match_prefix(&hole.rule, FIELD_IIFNAME, key_of_interface(in));
	rule_match_prefix(&hole.rule, FIELD_OIFNAME, key_of_interface(out));
	if (way_passage(way)->permission == PERMIT_REPLIES)
		rule_match_bits(&hole.rule, FIELD_CT_STATE, CT_STATE_RELATED | CT_STATE_ESTABLISHED,
				false);
	for (enum family f = 0; f < FAMILY__COUNT; f++)
		hole.families[f] = way->of[f].permission != PERMIT_NOTHING;
	rs->holes = arena_grow(rs->arena, rs->holes, rs->n_holes, &rs->cap_holes,
			       sizeof(*rs->holes));
	rs->holes[rs->n_holes++] = hole;
}

/* The way out and the way back, interface by interface; within a network both are one. */
static void add_way(struct ruleset *rs, const struct description *description,
		    const struct way *way)
{
	struct way back = ways_between(description, way->to, way->from);
	const struct ifpattern *from, *to;
	size_t n_from = way_end_interfaces(&way->from, &from);
	size_t n_to = way_end_interfaces(&way->to, &to);

	for (size_t i = 0; i < n_from; i++)
		for (size_t j = 0; j < n_to; j++) {
			add_pair(rs, way->from.network, &from[i], &to[j], way);
			if (way->to.kind != END_NETWORK)
				add_pair(rs, way->from.network, &to[j], &from[i], &back);
		}
}

void plan_holes(struct ruleset *rs, const struct description *description)
{
	const struct settings *settings = &description->settings;
	bool any = false;

	for (enum hole h = 0; h < HOLE__COUNT; h++)
		any |= settings->holes[h];
	memcpy(rs->hole_wanted, settings->holes, sizeof(rs->hole_wanted));
	memcpy(rs->hole_places, settings->hole_places, sizeof(rs->hole_places));
	for (size_t n = 0; n < description->n_networks && any; n++) {
		struct ways ways = ways_of(description, &description->networks[n]);
		struct way way;

		while (ways_next(&ways, &way))
			if (way.from.kind == END_NETWORK && way_is_open(&way))
				add_way(rs, description, &way);
	}
}
