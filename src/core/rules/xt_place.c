// SPDX-License-Identifier: GPL-2.0-or-later
// xt_place: where rules of a ruleset stand in iptables: tables, built-in chains, order of matches.
#include "rules/xt_place.h"

#include "base/must.h"
#include "rules/field.h"

const struct xt_table xt_table_list[XT_TABLES] = {
	{"raw", false, {"PREROUTING", "OUTPUT"}},
	{"mangle", true, {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}},
	{"nat", true, {"PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"}},
	{"filter", true, {"INPUT", "FORWARD", "OUTPUT"}},
};
const enum stage xt_stages[] = {
	STAGE_DOOR,    STAGE_OUTBOUND, STAGE_GUARD, STAGE_INPUT, STAGE_NAT_POSTROUTING,
	STAGE_FORWARD, STAGE_OUTPUT,
};

const char *const xt_hole_chains[HOLE__COUNT][FAMILY__COUNT] = {
	[HOLE_DOCKER] = {"DOCKER-USER", "DOCKER-USER"},
	[HOLE_UFW] = {"ufw-user-forward", "ufw6-user-forward"},
	[HOLE_IPTABLES] = {"FORWARD", "FORWARD"},
};

uint8_t xt_matches_of(const struct rule *rule, const struct match *out[static MATCHES_MAX])
{
	uint8_t n = 0;

	for (uint8_t i = 0; i < rule->n_matches; i++) {
		const struct match *match = &rule->matches[i];
		enum xt_place place = field_table[match->fields[0]].xt_place;
		uint8_t at = n++;

		/* A match that nobody writes would leave a rule that catches more than it should. */
		must(place > XT_PLACE_NONE && match->kind != MATCH_SET);
		for (; at > 0 && field_table[out[at - 1]->fields[0]].xt_place > place; at--)
			out[at] = out[at - 1];
		out[at] = match;
	}
	return n;
}
