// SPDX-License-Identifier: GPL-2.0-or-later
// plan_hole: the pairs of interfaces that others' firewalls are asked to let pass.
#include "policy/plan_hole.h"

#include <string.h>

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

static uint32_t add_origin(struct ruleset *rs, const struct network *network, const char *text)
{
	return ruleset_add_origin(rs, PROMISE_NONE, text, NULL, network->place);
}

/* within: in a network; with br_netfilter even frames of a family that it has no subnet of. */
static void add_pair(struct ruleset *rs, const struct network *network, const struct ifpattern *in,
		     const struct ifpattern *out, uint32_t state, bool within, const char *text)
{
	struct hole_rule hole = {.network = network->name};

	hole.rule = rule_start(NO_INDEX, action_of(ACTION_ACCEPT), add_origin(rs, network, text));
	rule_match_prefix(&hole.rule, FIELD_IIFNAME, key_of_interface(in));
	rule_match_prefix(&hole.rule, FIELD_OIFNAME, key_of_interface(out));
	if (state)
		rule_match_bits(&hole.rule, FIELD_CT_STATE, state, false);
	for (enum family f = 0; f < FAMILY__COUNT; f++)
		hole.families[f] = within || network_has_family(network, f);
	rs->holes = arena_grow(rs->arena, rs->holes, rs->n_holes, &rs->cap_holes,
			       sizeof(*rs->holes));
	rs->holes[rs->n_holes++] = hole;
}

static void add_network(struct ruleset *rs, const struct description *description,
			const struct network *network)
{
	const char *within = arena_printf(rs->arena, HOLE_TAG "within %s", network->name);

	/* Where there are several interfaces, also from one to the other. */
	for (size_t i = 0; i < network->n_interfaces; i++)
		for (size_t j = 0; j < network->n_interfaces; j++)
			add_pair(rs, network, &network->interfaces[i], &network->interfaces[j], 0,
				 true, within);
	if (network->mode == MODE_ISOLATED)
		return;
	for (size_t u = 0; u < network->n_uplinks; u++) {
		const struct uplink *uplink = &description->uplinks[network->uplinks[u]];
		const char *out = arena_printf(rs->arena, HOLE_TAG "%s to %s", network->name,
					       uplink->name);
		const char *back = arena_printf(rs->arena, HOLE_TAG "replies from %s to %s",
						uplink->name, network->name);

		for (size_t i = 0; i < network->n_interfaces; i++) {
			add_pair(rs, network, &network->interfaces[i], &uplink->interface, 0,
				 false, out);
			add_pair(rs, network, &uplink->interface, &network->interfaces[i],
				 CT_STATE_RELATED | CT_STATE_ESTABLISHED, false, back);
		}
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
	for (size_t n = 0; n < description->n_networks && any; n++)
		add_network(rs, description, &description->networks[n]);
}
