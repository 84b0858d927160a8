// SPDX-License-Identifier: GPL-2.0-or-later
// xt_part: what one family needs of a ruleset that was lowered for iptables.
#include "rules/xt_part.h"

/* Where a rule leads in its own family, or NO_INDEX. */
static uint32_t target_of(const struct rule *rule)
{
	bool leads = rule->action.kind == ACTION_GOTO || rule->action.kind == ACTION_COUNT;

	return leads ? rule->action.chain : NO_INDEX;
}

/*
 * Finds chains that have a rule of the family, by what is behind them. A goto to a chain without
 * rules ends the stage, so it can be left out only where nothing follows.
 */
static bool find_live(const struct xt_part *part, uint32_t chain, bool *live)
{
	bool follows = false, changed = false;

	for (uint32_t i = part->index.first[chain + 1]; i-- > part->index.first[chain];) {
		const struct rule *rule = &part->rs->rules[part->index.order[i]];
		uint32_t target = target_of(rule);

		if (!rule_in_family(rule, part->family))
			continue;
		/* Nothing follows that it could save a packet from. */
		if (rule->action.kind == ACTION_ACCEPT && !follows && rule->tally == TALLY_NONE)
			continue;
		if (target != NO_INDEX && !live[target]) {
			if (rule->action.kind == ACTION_COUNT || !follows)
				continue;
			live[target] = changed = true;
		}
		follows = true;
	}
	if (follows && !live[chain])
		live[chain] = changed = true;
	return changed;
}

/* Finds chains that a packet can come to. */
static void find_reached(const struct xt_part *part, uint32_t chain, bool *reached)
{
	if (reached[chain] || !part->live[chain])
		return;
	reached[chain] = true;
	for (uint32_t i = part->index.first[chain]; i < part->index.first[chain + 1]; i++) {
		const struct rule *rule = &part->rs->rules[part->index.order[i]];
		uint32_t target = target_of(rule);

		if (target != NO_INDEX && rule_in_family(rule, part->family))
			find_reached(part, target, reached);
	}
}

struct xt_part xt_part_of(const struct ruleset *rs, enum family family)
{
	bool *live = arena_calloc(rs->arena, rs->n_chains, sizeof(*live)), changed = true;
	bool *reached = arena_calloc(rs->arena, rs->n_chains, sizeof(*reached));
	struct xt_part part = {rs, family, ruleset_index(rs), live};

	/* Chains stand before those that they lead to, so one round finds nearly all. */
	while (changed) {
		changed = false;
		for (uint32_t c = (uint32_t)rs->n_chains; c-- > 0;)
			changed = find_live(&part, c, live) || changed;
	}
	for (uint32_t c = 0; c < rs->n_chains; c++)
		if (rs->chains[c].stage != STAGE_NONE)
			find_reached(&part, c, reached);
	part.live = reached;
	return part;
}

bool xt_part_has(const struct xt_part *part, const struct rule *rule)
{
	uint32_t target = target_of(rule);

	return part->live[rule->chain] && rule_in_family(rule, part->family) &&
	       (target == NO_INDEX || part->live[target]);
}

const struct chain *xt_part_base(const struct xt_part *part, enum stage stage)
{
	for (size_t c = 0; c < part->rs->n_chains; c++)
		if (part->rs->chains[c].stage == stage && part->live[c])
			return &part->rs->chains[c];
	return NULL;
}
