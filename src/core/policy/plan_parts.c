// SPDX-License-Identifier: GPL-2.0-or-later
// plan_parts: what the makers of rules are made of.
#include "policy/plan_parts.h"

#include "rules/field.h"

const enum field plan_saddr[FAMILY__COUNT] = {FIELD_SADDR4, FIELD_SADDR6};
const enum field plan_daddr[FAMILY__COUNT] = {FIELD_DADDR4, FIELD_DADDR6};

bool plan_has_one(const struct plan *plan, uint32_t set)
{
	return plan->rs->sets[set].n_elements > 0;
}

bool plan_has(const struct plan *plan, const uint32_t sets[static FAMILY__COUNT])
{
	return plan_has_one(plan, sets[FAMILY_IPV4]) || plan_has_one(plan, sets[FAMILY_IPV6]);
}

bool plan_tracks(const struct plan *plan)
{
	return plan_has_one(plan, plan->exits);
}

uint32_t plan_reason(struct plan *plan, enum promise promise, const char *text)
{
	return ruleset_add_origin(plan->rs, promise, text, NULL, PLACE_NONE);
}

void plan_add(struct plan *plan, struct rule rule)
{
	ruleset_add_rule(plan->rs, &rule);
}

void plan_add_by_family(struct plan *plan, struct rule rule, const uint32_t set[FAMILY__COUNT],
			enum field name, const enum field addr[FAMILY__COUNT])
{
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		struct rule of_family = rule;

		rule_match_set(&of_family, set[f], FIELDS(name, addr[f]));
		plan_add(plan, of_family);
	}
}

void plan_add_counted(struct plan *plan, struct rule rule, uint32_t set, enum field field)
{
	struct rule count = rule;

	count.action = action_of(ACTION_COUNT);
	count.counter = false;
	count.origin = plan_reason(plan, PROMISE_NONE, "counts");
	rule_match_set(&count, set, FIELDS(field));
	plan_add(plan, count);
	plan_add(plan, rule);
}

uint32_t plan_constant_set(struct plan *plan, const char *name, enum field field,
			   const uint8_t *numbers, size_t n, const char *text)
{
	uint32_t set = ruleset_add_set(plan->rs, name, false, FIELDS(field));
	uint32_t origin = plan_reason(plan, PROMISE_P4, text);

	for (size_t i = 0; i < n; i++)
		ruleset_add_element(plan->rs, set, KEYS(key_of_number(field, numbers[i])), NO_INDEX,
				    origin);
	return set;
}
