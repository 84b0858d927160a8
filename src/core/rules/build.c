// SPDX-License-Identifier: GPL-2.0-or-later
// build: adding objects to a ruleset; used by plan and the lowerings.
#include "rules/build.h"

#include <string.h>

#include "base/must.h"
#include "rules/field.h"

#define GROW(rs, array) \
	((rs)->array = arena_grow((rs)->arena, (rs)->array, (rs)->n_##array, &(rs)->cap_##array, \
				  sizeof(*(rs)->array)))

/** How many of the latest actions are searched for an equal one. */
#define RECENT_ACTIONS 16

struct ruleset *ruleset_new(struct arena *arena)
{
	struct ruleset *rs = arena_alloc(arena, sizeof(*rs));

	rs->arena = arena;
	return rs;
}

struct ruleset *ruleset_frame(struct arena *arena, const struct ruleset *of)
{
	struct ruleset *rs = ruleset_new(arena);

	/* Shared until one is added to: capacity 0 makes arena_grow() copy. */
	rs->origins = of->origins;
	rs->n_origins = of->n_origins;
	rs->sysctls = of->sysctls;
	rs->n_sysctls = of->n_sysctls;
	rs->clean_slate = of->clean_slate;
	rs->holes = of->holes;
	rs->n_holes = of->n_holes;
	memcpy(rs->hole_wanted, of->hole_wanted, sizeof(rs->hole_wanted));
	memcpy(rs->hole_places, of->hole_places, sizeof(rs->hole_places));
	for (size_t i = 0; i < of->n_chains; i++)
		ruleset_add_chain(rs, of->chains[i].name, of->chains[i].stage,
				  of->chains[i].under);
	return rs;
}

uint32_t ruleset_add_origin(struct ruleset *rs, enum promise promise, const char *text,
			    const char *network, struct place place)
{
	GROW(rs, origins);
	rs->origins[rs->n_origins] = (struct origin){
		.promise = promise, .text = text, .network = network, .place = place};
	return (uint32_t)rs->n_origins++;
}

uint32_t ruleset_add_chain(struct ruleset *rs, const char *name, enum stage stage,
			   enum stage under)
{
	GROW(rs, chains);
	rs->chains[rs->n_chains] = (struct chain){.name = name, .stage = stage, .under = under};
	return (uint32_t)rs->n_chains++;
}

uint32_t ruleset_add_set(struct ruleset *rs, const char *name, bool is_map, struct fields fields)
{
	GROW(rs, sets);
	struct set *set = &rs->sets[rs->n_sets];

	*set = (struct set){.name = name, .is_map = is_map, .n_fields = fields.n};
	memcpy(set->fields, fields.field, sizeof(set->fields));
	return (uint32_t)rs->n_sets++;
}

void ruleset_add_element(struct ruleset *rs, uint32_t set_idx, struct keys keys, uint32_t action,
			 uint32_t origin)
{
	struct set *set = &rs->sets[set_idx];
	struct key *key = arena_calloc(rs->arena, keys.n, sizeof(*key));

	must(keys.n == set->n_fields);
	memcpy(key, keys.key, keys.n * sizeof(*key));
	set->elements = arena_grow(rs->arena, set->elements, set->n_elements, &set->cap_elements,
				   sizeof(*set->elements));
	set->elements[set->n_elements++] =
		(struct element){.key = key, .action = action, .origin = origin};
}

bool action_equal(const struct action *a, const struct action *b)
{
	return a->kind == b->kind && a->chain == b->chain && addr_equal(&a->addr, &b->addr);
}

uint32_t ruleset_add_action(struct ruleset *rs, struct action action)
{
	/* Neighbours in the description mostly share their address; the rest costs only memory. */
	for (size_t i = rs->n_actions; i-- > 0 && i + RECENT_ACTIONS >= rs->n_actions;)
		if (action_equal(&rs->actions[i], &action))
			return (uint32_t)i;
	GROW(rs, actions);
	rs->actions[rs->n_actions] = action;
	return (uint32_t)rs->n_actions++;
}

void ruleset_add_sysctl(struct ruleset *rs, struct sysctl sysctl)
{
	GROW(rs, sysctls);
	rs->sysctls[rs->n_sysctls++] = sysctl;
}

void ruleset_add_rule(struct ruleset *rs, const struct rule *rule)
{
	GROW(rs, rules);
	rs->rules[rs->n_rules++] = *rule;
}

struct chain_index ruleset_index(const struct ruleset *rs)
{
	uint32_t *first = arena_calloc(rs->arena, rs->n_chains + 2, sizeof(*first));
	uint32_t *order = arena_calloc(rs->arena, rs->n_rules, sizeof(*order));

	/* Counting sort; first is filled one place late, and the fill moves it into place. */
	for (size_t i = 0; i < rs->n_rules; i++)
		first[rs->rules[i].chain + 2]++;
	for (size_t c = 2; c <= rs->n_chains; c++)
		first[c] += first[c - 1];
	for (size_t i = 0; i < rs->n_rules; i++)
		order[first[rs->rules[i].chain + 1]++] = (uint32_t)i;
	return (struct chain_index){.first = first, .order = order};
}

struct rule rule_start(uint32_t chain, struct action action, uint32_t origin)
{
	return (struct rule){.chain = chain,
			     .element = NO_INDEX,
			     .action = action,
			     .origin = origin,
			     .counter = action.kind == ACTION_DROP ||
					action.kind == ACTION_REJECT};
}

static struct match *rule_add_match(struct rule *rule, enum match_kind kind, enum field field)
{
	must(rule->n_matches < MATCHES_MAX);
	struct match *match = &rule->matches[rule->n_matches++];

	*match = (struct match){.kind = kind, .n_fields = 1, .fields = {field}};
	return match;
}

bool match_of_key(enum field field, const struct key *key, struct match *out)
{
	*out = (struct match){.kind = MATCH_PREFIX, .n_fields = 1, .fields = {field}, .key = *key};
	if (field != FIELD_SERVICE || key->bits == field_bits(field))
		return true;
	must(key->bits == 0 || key->bits == SERVICE_PROTOCOL_BITS);
	out->fields[0] = FIELD_L4PROTO;
	return key->bits != 0;
}

void rule_match_prefix(struct rule *rule, enum field field, struct key key)
{
	struct match match;

	if (match_of_key(field, &key, &match))
		*rule_add_match(rule, MATCH_PREFIX, field) = match;
}

void rule_match_number(struct rule *rule, enum field field, uint32_t number)
{
	rule_match_prefix(rule, field, key_of_number(field, number));
}

void rule_match_bits(struct rule *rule, enum field field, uint32_t bits, bool negated)
{
	struct match *match = rule_add_match(rule, MATCH_BITS, field);

	match->key = key_of_number(field, bits);
	match->negated = negated;
}

void rule_match_set(struct rule *rule, uint32_t set, struct fields fields)
{
	struct match *match = rule_add_match(rule, MATCH_SET, fields.field[0]);

	match->set = set;
	match->n_fields = fields.n;
	memcpy(match->fields, fields.field, sizeof(match->fields));
}

struct action action_of(enum action_kind kind)
{
	return (struct action){.kind = kind};
}

struct action action_goto(uint32_t chain)
{
	return (struct action){.kind = ACTION_GOTO, .chain = chain};
}

bool rule_in_family(const struct rule *rule, enum family family)
{
	if (rule->action.kind == ACTION_SNAT && rule->action.addr.family != family)
		return false;
	for (size_t i = 0; i < rule->n_matches; i++) {
		const struct match *match = &rule->matches[i];

		for (size_t f = 0; f < match->n_fields; f++) {
			const struct field_info *info = &field_table[match->fields[f]];

			if (info->one_family && info->family != family)
				return false;
		}
	}
	return true;
}

const char *rule_network(const struct ruleset *ruleset, const struct rule *rule)
{
	const char *network = ruleset->origins[rule->origin].network;

	if (!network && rule->element != NO_INDEX)
		network = ruleset->origins[rule->element].network;
	return network;
}
