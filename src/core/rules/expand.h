// SPDX-License-Identifier: GPL-2.0-or-later
// expand: set lookups as rules of their own; what both lowerings share.
#ifndef RULES_EXPAND_H
#define RULES_EXPAND_H

#include "hostgate/ruleset.h"

/**
 * Turns the match at index of the rule, a lookup in a set of ruleset, into the comparison of its
 * fields with one element's key. An action that dispatched through that lookup becomes the
 * element's; what the element counts, the rule counts.
 */
void rule_expand(struct rule *rule, uint8_t index, const struct element *element,
		 const struct ruleset *ruleset);

#endif
