// SPDX-License-Identifier: GPL-2.0-or-later
// lower_xt: a ruleset as iptables has it: rules that compare fields, and no sets.
/*
 * Theory of operation
 *
 * A lookup in a set becomes one rule for each element.
 *
 * Legacy iptables has no place after translation that may drop: the guard stands in mangle
 * POSTROUTING, which both forwarded packets and the host's own pass with their final
 * out-interface, but before translation. "Leaves untranslated" is there what translation is going
 * to leave alone: a packet that conntrack does not know (INVALID, UNTRACKED), an original one of a
 * connection that is confirmed without a source translation (it is older than the rules), a reply
 * of a connection whose destination was not translated. A connection's first packet is neither:
 * it meets the translating rules next.
 */
#include <ctype.h>

#include "plan/build.h"
#include "plan/expand.h"
#include "plan/field.h"

struct lowering {
	const struct ruleset *in;
	struct ruleset *out;
};

static void lower_lookups(struct lowering *low, const struct rule *rule)
{
	uint8_t index = 0;

	while (index < rule->n_matches && rule->matches[index].kind != MATCH_SET)
		index++;
	if (index == rule->n_matches) {
		ruleset_add_rule(low->out, rule);
		return;
	}
	const struct set *set = &low->in->sets[rule->matches[index].set];

	for (size_t i = 0; i < set->n_elements; i++) {
		struct rule copy = *rule;

		rule_expand(&copy, index, &set->elements[i], low->in->actions);
		lower_lookups(low, &copy);
	}
}

/* Adds the conditions under which translation will leave a packet alone, one case at a time. */
static void add_untranslated_case(struct rule *rule, unsigned int which)
{
	switch (which) {
	case 0:
		rule_match_bits(rule, FIELD_CT_STATE, CT_STATE_INVALID | CT_STATE_UNTRACKED,
				false);
		return;
	case 1:
		rule_match_prefix(rule, FIELD_CT_DIRECTION, key_of_number(FIELD_CT_DIRECTION, 0));
		rule_match_bits(rule, FIELD_CT_STATUS, CT_STATUS_CONFIRMED, false);
		rule_match_bits(rule, FIELD_CT_STATUS, CT_STATUS_SRC_NAT, true);
		return;
	default:
		rule_match_prefix(rule, FIELD_CT_DIRECTION, key_of_number(FIELD_CT_DIRECTION, 1));
		rule_match_bits(rule, FIELD_CT_STATUS, CT_STATUS_DST_NAT, true);
		return;
	}
}

#define UNTRANSLATED_CASES 3

static void lower_rule(struct lowering *low, const struct rule *rule)
{
	struct rule rest = *rule;
	bool untranslated = false;

	rest.n_matches = 0;
	for (uint8_t i = 0; i < rule->n_matches; i++)
		if (rule->matches[i].fields[0] == FIELD_UNTRANSLATED)
			untranslated = true;
		else
			rest.matches[rest.n_matches++] = rule->matches[i];
	if (!untranslated) {
		lower_lookups(low, &rest);
		return;
	}
	for (unsigned int which = 0; which < UNTRANSLATED_CASES; which++) {
		struct rule copy = rest;

		add_untranslated_case(&copy, which);
		lower_lookups(low, &copy);
	}
}

static const char *chain_name(struct arena *arena, const struct chain *chain)
{
	char *name = arena_printf(arena, "HOSTGATE-%s", chain->name);

	for (char *c = name; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	return name;
}

struct ruleset *lower_xt(struct arena *arena, const struct ruleset *ruleset)
{
	struct lowering low = {.in = ruleset, .out = ruleset_frame(arena, ruleset)};

	low.out->guard_first = true;
	for (size_t i = 0; i < low.out->n_chains; i++)
		low.out->chains[i].name = chain_name(arena, &low.out->chains[i]);
	for (size_t i = 0; i < ruleset->n_rules; i++)
		lower_rule(&low, &ruleset->rules[i]);
	return low.out;
}
