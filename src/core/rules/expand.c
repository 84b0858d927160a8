// SPDX-License-Identifier: GPL-2.0-or-later
// expand: set lookups as rules of their own; what both lowerings share.
#include "rules/expand.h"

#include <string.h>

#include "base/must.h"
#include "rules/build.h"

void rule_expand(struct rule *rule, uint8_t index, const struct element *element,
		 const struct ruleset *ruleset)
{
	struct match lookup = rule->matches[index], matches[TUPLE_MAX];
	uint8_t rest = (uint8_t)(rule->n_matches - index - 1), n = 0;
	bool dispatches = rule->action.kind == ACTION_DISPATCH && rest == 0;

	for (uint8_t f = 0; f < lookup.n_fields; f++)
		if (match_of_key(lookup.fields[f], &element->key[f], &matches[n]))
			n++;
	must(rule->n_matches - 1 + n <= MATCHES_MAX);
	memmove(&rule->matches[index + n], &rule->matches[index + 1], rest * sizeof(lookup));
	memcpy(&rule->matches[index], matches, n * sizeof(*matches));
	rule->n_matches = (uint8_t)(rule->n_matches - 1 + n);
	if (dispatches)
		rule->action = ruleset->actions[element->action];
	/* Of two elements the one that some network is the reason for. */
	if (rule->element == NO_INDEX || ruleset->origins[element->origin].network)
		rule->element = element->origin;
	if (ruleset->sets[lookup.set].tally != TALLY_NONE) {
		rule->tally = ruleset->sets[lookup.set].tally;
		rule->counter = true;
	}
}
