// SPDX-License-Identifier: GPL-2.0-or-later
// lower_nft: a ruleset as nf_tables has it: sets of one shape, maps of verdicts.
/*
 * Theory of operation
 *
 * A hash set finds exact keys only. So a set of prefixes becomes one hash set for each shape (each
 * combination of prefix lengths), looked up with the packet's fields masked to that shape, and a
 * rule with a lookup becomes one rule for each of these sets. Interface patterns ("tap*") have no
 * masked lookup that nft could print; they are few, and each becomes a rule of its own.
 *
 * A service is protocol and port to a set, the protocol alone where an element asks for no port,
 * and nothing where it asks for neither: such elements are of different shapes.
 *
 * A map gives a verdict. Its elements that translate go to a chain that holds just that
 * translation, one chain for each address.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "rules/build.h"
#include "rules/expand.h"
#include "rules/field.h"

/* A set of the output, and which elements of the input's it has. */
struct shaped {
	uint32_t set;
	uint8_t bits[TUPLE_MAX]; /* of the keys, by the input's fields */
};

/* What became of one set. */
struct lowered_set {
	struct shaped *shaped;
	size_t n_shaped, cap_shaped;
	const struct element **loose; /* elements that become rules */
	size_t n_loose, cap_loose;
};

struct nft_lowering {
	const struct ruleset *in;
	struct ruleset *out;
	struct lowered_set *sets; /* by index of the input's set */
	uint32_t *action_chain;   /* by index of the input's action: chain in the output */
};

static bool is_loose(const struct set *set, const struct element *element)
{
	for (uint8_t f = 0; f < set->n_fields; f++)
		if ((set->fields[f] == FIELD_IIFNAME || set->fields[f] == FIELD_OIFNAME) &&
		    element->key[f].bits < field_bits(set->fields[f]))
			return true;
	/* A set of nothing is none. */
	return set->n_fields == 1 && set->fields[0] == FIELD_SERVICE && element->key[0].bits == 0;
}

static bool has_shape(const struct set *set, const struct shaped *shaped,
		      const struct element *element)
{
	for (uint8_t f = 0; f < set->n_fields; f++)
		if (shaped->bits[f] != element->key[f].bits)
			return false;
	return true;
}

static void append_field(struct fields *to, enum field field)
{
	must(to->n < TUPLE_MAX);
	to->field[to->n++] = field;
}

/* The fields that the output's set has for those of the input's. */
static struct fields split_fields(const enum field *fields, uint8_t n, const uint8_t *bits)
{
	struct fields split = {0};

	for (uint8_t f = 0; f < n; f++) {
		if (fields[f] != FIELD_SERVICE) {
			append_field(&split, fields[f]);
			continue;
		}
		if (bits[f] > 0)
			append_field(&split, FIELD_L4PROTO);
		if (bits[f] > SERVICE_PROTOCOL_BITS)
			append_field(&split, FIELD_DPORT);
	}
	return split;
}

/* The same for the keys. */
static void split_keys(const struct set *set, const struct element *element,
		       struct key out[static TUPLE_MAX])
{
	for (uint8_t f = 0; f < set->n_fields; f++) {
		const struct key *key = &element->key[f];

		if (set->fields[f] != FIELD_SERVICE) {
			*out++ = *key;
			continue;
		}
		if (key->bits > 0)
			*out++ = key_of_number(FIELD_L4PROTO, key_protocol(key));
		if (key->bits > SERVICE_PROTOCOL_BITS)
			*out++ = key_of_number(FIELD_DPORT, key_port(key));
	}
}

static const char *shape_name(struct arena *arena, const struct set *set,
			      const struct element *element)
{
	const char *name = set->name;

	for (uint8_t f = 0; f < set->n_fields; f++)
		if (field_table[set->fields[f]].load == NFT_LOAD_NETWORK)
			name = arena_printf(arena, "%s_%u", name, element->key[f].bits);
		else if (set->fields[f] == FIELD_SERVICE &&
			 element->key[f].bits <= SERVICE_PROTOCOL_BITS)
			name = arena_printf(arena, "%s_%s", name,
					    element->key[f].bits ? "protocol" : "any");
	return name;
}

static uint32_t shaped_set(struct nft_lowering *low, const struct set *set,
			   struct lowered_set *lowered, const struct element *element)
{
	struct ruleset *out = low->out;

	for (size_t i = lowered->n_shaped; i-- > 0;)
		if (has_shape(set, &lowered->shaped[i], element))
			return lowered->shaped[i].set;
	lowered->shaped = arena_grow(out->arena, lowered->shaped, lowered->n_shaped,
				     &lowered->cap_shaped, sizeof(*lowered->shaped));
	struct shaped *shaped = &lowered->shaped[lowered->n_shaped++];
	struct key key[TUPLE_MAX];
	struct set *added;

	for (uint8_t f = 0; f < set->n_fields; f++)
		shaped->bits[f] = element->key[f].bits;
	shaped->set = ruleset_add_set(out, shape_name(out->arena, set, element), set->is_map,
				      split_fields(set->fields, set->n_fields, shaped->bits));
	added = &out->sets[shaped->set];
	added->tally = set->tally;
	split_keys(set, element, key);
	for (uint8_t f = 0; f < added->n_fields; f++)
		added->shape[f] = key[f].bits;
	return shaped->set;
}

static void lower_set(struct nft_lowering *low, const struct set *set, struct lowered_set *lowered)
{
	struct ruleset *out = low->out;

	for (size_t i = 0; i < set->n_elements; i++) {
		const struct element *element = &set->elements[i];

		if (is_loose(set, element)) {
			lowered->loose = arena_grow(out->arena, lowered->loose, lowered->n_loose,
						    &lowered->cap_loose, sizeof(*lowered->loose));
			lowered->loose[lowered->n_loose++] = element;
			continue;
		}
		uint32_t action = element->action;

		if (action != NO_INDEX)
			action = ruleset_add_action(out, action_goto(low->action_chain[action]));
		uint32_t to = shaped_set(low, set, lowered, element);
		struct key key[TUPLE_MAX];

		split_keys(set, element, key);
		ruleset_add_element(out, to, (struct keys){out->sets[to].n_fields, key}, action,
				    element->origin);
	}
}

/* A chain's name holds no ':', and no two addresses of a family give the same name without. */
static const char *action_name(struct arena *arena, const struct action *action)
{
	char text[ADDR_TEXT_SIZE];

	if (action->kind == ACTION_MASQUERADE)
		return "to_uplink";
	addr_format(&action->addr, text);
	for (char *c = text; *c; c++)
		if (*c == ':')
			*c = '.';
	return arena_printf(arena, "to_%s", text);
}

static int compare_actions(const void *a, const void *b)
{
	const struct action *x = *(const struct action *const *)a;
	const struct action *y = *(const struct action *const *)b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->kind == ACTION_MASQUERADE ? 0 : addr_compare(&x->addr, &y->addr);
}

/* One chain for each different action of a map, named after it; equal ones share it. */
static void lower_actions(struct nft_lowering *low)
{
	const struct ruleset *in = low->in;
	const struct action **order = arena_calloc(low->out->arena, in->n_actions, sizeof(*order));

	low->action_chain =
		arena_calloc(low->out->arena, in->n_actions, sizeof(*low->action_chain));
	for (size_t i = 0; i < in->n_actions; i++)
		order[i] = &in->actions[i];
	qsort(order, in->n_actions, sizeof(*order), compare_actions);
	for (size_t i = 0; i < in->n_actions; i++) {
		if (i == 0 || compare_actions(&order[i - 1], &order[i]) != 0) {
			uint32_t chain = ruleset_add_chain(
				low->out, action_name(low->out->arena, order[i]), STAGE_NONE,
				STAGE_NAT_POSTROUTING);
			struct rule rule = rule_start(
				chain, *order[i],
				ruleset_add_origin(low->out, PROMISE_NONE, "translation", NULL,
						   PLACE_NONE));

			ruleset_add_rule(low->out, &rule);
		}
		low->action_chain[order[i] - in->actions] = (uint32_t)low->out->n_chains - 1;
	}
}

static void shape_lookup(struct match *lookup, const struct shaped *shaped)
{
	struct fields fields = split_fields(lookup->fields, lookup->n_fields, shaped->bits);

	lookup->set = shaped->set;
	lookup->n_fields = fields.n;
	memcpy(lookup->fields, fields.field, sizeof(lookup->fields));
}

/* Replaces the lookups from index on, one after the other, and adds the rules that result. */
static void lower_lookups(struct nft_lowering *low, const struct rule *rule, uint8_t index)
{
	while (index < rule->n_matches && rule->matches[index].kind != MATCH_SET)
		index++;
	if (index == rule->n_matches) {
		ruleset_add_rule(low->out, rule);
		return;
	}
	const struct lowered_set *lowered = &low->sets[rule->matches[index].set];

	for (size_t i = 0; i < lowered->n_shaped; i++) {
		struct rule copy = *rule;

		shape_lookup(&copy.matches[index], &lowered->shaped[i]);
		lower_lookups(low, &copy, index + 1);
	}
	for (size_t i = 0; i < lowered->n_loose; i++) {
		struct rule copy = *rule;

		rule_expand(&copy, index, lowered->loose[i], low->in);
		lower_lookups(low, &copy, index);
	}
}

/* The guard stands after translation: a source that is still private there is untranslated. */
static void drop_untranslated(struct rule *rule)
{
	uint8_t n = 0;

	for (uint8_t i = 0; i < rule->n_matches; i++)
		if (rule->matches[i].fields[0] != FIELD_UNTRANSLATED)
			rule->matches[n++] = rule->matches[i];
	rule->n_matches = n;
}

struct ruleset *lower_nft(struct arena *arena, const struct ruleset *ruleset)
{
	struct nft_lowering low = {.in = ruleset, .out = ruleset_frame(arena, ruleset)};

	lower_actions(&low);
	low.sets = arena_calloc(arena, ruleset->n_sets, sizeof(*low.sets));
	for (size_t i = 0; i < ruleset->n_sets; i++)
		lower_set(&low, &ruleset->sets[i], &low.sets[i]);
	for (size_t i = 0; i < ruleset->n_rules; i++) {
		struct rule rule = ruleset->rules[i];

		if (rule.only == FOR_XT)
			continue;
		drop_untranslated(&rule);
		lower_lookups(&low, &rule, 0);
	}
	return low.out;
}
