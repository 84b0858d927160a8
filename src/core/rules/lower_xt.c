// SPDX-License-Identifier: GPL-2.0-or-later
// lower_xt: a ruleset as iptables has it: rules that compare fields, and no sets.
/*
 * Theory of operation
 *
 * A lookup in a small set becomes one rule for each element. A large set becomes a tree of chains:
 * each node compares the next bits of one field and goes on to the child that has them, so that a
 * packet meets a few rules of each level instead of all. Chains are entered by goto only (RETURN
 * then leads back to the built-in chain from any depth), so a node can't fall back into the chain
 * that asked: what follows there becomes a chain of its own, "the rest", and every node ends by
 * going to it.
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
#include <stdlib.h>
#include <string.h>

#include "rules/build.h"
#include "rules/expand.h"
#include "rules/field.h"

/* A list is faster up to about here. The benchmark sets another one to compare. */
#ifndef LIST_MAX
#define LIST_MAX 32
#endif

/*
 * What a tree consists of. Chains behind one another are few this way: iptables-nft hands the
 * script's to nf_tables, which takes no more than 15 behind a built-in one.
 */
#define NODE_MAX 64 /* children of a node */
#define LEAF_MAX 64 /* elements that are compared one after the other */

struct xt_lowering {
	const struct ruleset *in;
	struct ruleset *out;
	uint32_t *tail;	   /* by index of a whole chain: where its next rule goes */
	uint32_t *n_parts; /* by index of a whole chain: chains made from it */
	uint32_t *counting; /* chains that count; see counting_chain() */
	const struct set *only; /* the set of one element that the next rule counts for; or NULL */
};

/* A new chain beside the one that the input's chain became. */
static uint32_t add_part(struct xt_lowering *low, uint32_t chain)
{
	const struct chain *whole = &low->out->chains[chain];
	const char *name = arena_printf(low->out->arena, "%s-%u", whole->name,
					(unsigned int)++low->n_parts[chain]);

	return ruleset_add_chain(low->out, name, STAGE_NONE, whole->under);
}

static uint8_t find_lookup(const struct rule *rule)
{
	uint8_t index = 0;

	while (index < rule->n_matches && rule->matches[index].kind != MATCH_SET)
		index++;
	return index;
}

/* One rule for each element, and so for each further lookup. */
static void lower_to_list(struct xt_lowering *low, const struct rule *rule,
			  const struct element *const *elements, size_t n)
{
	uint8_t index = find_lookup(rule);

	for (size_t i = 0; i < n; i++) {
		struct rule copy = *rule;

		rule_expand(&copy, index, elements[i], low->in);
		index = find_lookup(&copy);
		if (index == copy.n_matches) {
			ruleset_add_rule(low->out, &copy);
		} else {
			const struct set *set = &low->in->sets[copy.matches[index].set];
			const struct element **all =
				arena_calloc(low->out->arena, set->n_elements, sizeof(*all));

			for (size_t e = 0; e < set->n_elements; e++)
				all[e] = &set->elements[e];
			lower_to_list(low, &copy, all, set->n_elements);
		}
		index = find_lookup(rule);
	}
}

/* What the nodes of one tree share. */
struct tree {
	struct xt_lowering *low;
	const struct rule *rule; /* matches: the lookup alone */
	uint32_t chain;		 /* of the input */
	uint32_t rest;		 /* where a miss goes */
	uint8_t field;		 /* which of the lookup's fields */
	unsigned int step;	 /* bits that one level compares */
};

/* The first bits of a key; a name that ends within them is the whole name. */
static struct key key_head(const struct tree *t, const struct key *key, unsigned int bits)
{
	struct key head = {.bits = (uint8_t)bits};

	if (t->step == 8 && memchr(key->bytes, '\0', bits / 8))
		return *key;
	memcpy(head.bytes, key->bytes, (bits + 7) / 8);
	if (bits % 8)
		head.bytes[bits / 8] &= (uint8_t)(0xff00u >> bits % 8);
	return head;
}

static unsigned int common_bits(const struct key *a, const struct key *b)
{
	unsigned int limit = a->bits < b->bits ? a->bits : b->bits, bit = 0;

	while (bit < limit && !((a->bytes[bit / 8] ^ b->bytes[bit / 8]) & (0x80u >> bit % 8)))
		bit++;
	return bit;
}

static void go(struct tree *t, uint32_t from, uint32_t to, const struct key *key)
{
	struct rule rule = rule_start(from, action_goto(to), t->rule->origin);

	if (key)
		rule_match_prefix(&rule, t->rule->matches[0].fields[t->field], *key);
	ruleset_add_rule(t->low->out, &rule);
}

/* How many different heads of so many bits the sorted elements have; *largest: most of one head. */
static size_t count_heads(const struct tree *t, const struct element *const *elements, size_t n,
			  unsigned int bits, size_t *largest)
{
	size_t heads = 0, start = 0;

	*largest = 0;
	for (size_t i = 1; i <= n; i++) {
		if (i < n && common_bits(&elements[i - 1]->key[t->field],
					 &elements[i]->key[t->field]) >= bits)
			continue;
		if (i - start > *largest)
			*largest = i - start;
		start = i;
		heads++;
	}
	return heads;
}

/*
 * The bits by which a node tells its children apart: those that all share and one step more, and
 * further steps while children are too large for leaves and do not become too many.
 */
static unsigned int node_bits(const struct tree *t, const struct element *const *elements, size_t n)
{
	/* Sorted: what the first and the last share, all share. */
	unsigned int bits =
		common_bits(&elements[0]->key[t->field], &elements[n - 1]->key[t->field]);
	unsigned int most = field_bits(t->rule->matches[0].fields[t->field]);
	size_t largest;

	bits = bits / t->step * t->step + t->step;
	(void)count_heads(t, elements, n, bits, &largest);
	while (largest > LEAF_MAX && bits + t->step <= most &&
	       count_heads(t, elements, n, bits + t->step, &largest) <= NODE_MAX)
		bits += t->step;
	return bits;
}

static void fill_leaf(struct tree *t, uint32_t chain, const struct element *const *elements,
		      size_t n)
{
	struct rule rule = *t->rule;

	rule.chain = chain;
	lower_to_list(t->low, &rule, elements, n);
}

/* Fills the chain so that it finds one of the elements, which are sorted by the tree's field. */
static void fill_node(struct tree *t, uint32_t chain, const struct element *const *elements,
		      size_t n)
{
	const struct key *first_key = &elements[0]->key[t->field];
	unsigned int bits = node_bits(t, elements, n);

	if (n <= LEAF_MAX ||
	    common_bits(first_key, &elements[n - 1]->key[t->field]) >= first_key->bits) {
		fill_leaf(t, chain, elements, n);
		go(t, chain, t->rest, NULL);
		return;
	}
	for (size_t first = 0, end; first < n; first = end) {
		const struct key *key = &elements[first]->key[t->field];

		for (end = first + 1; end < n && key->bits >= bits; end++)
			if (common_bits(key, &elements[end]->key[t->field]) < bits)
				break;
		if (end - first == 1) {
			fill_leaf(t, chain, &elements[first], 1);
			continue;
		}
		struct key head = key_head(t, key, bits);
		uint32_t child = add_part(t->low, t->chain);

		go(t, chain, child, &head);
		fill_node(t, child, &elements[first], end - first);
	}
	go(t, chain, t->rest, NULL);
}

static int compare_keys(const void *a, const void *b, void *field)
{
	const struct element *x = *(const struct element *const *)a;
	const struct element *y = *(const struct element *const *)b;
	uint8_t f = *(const uint8_t *)field;
	int order = memcmp(x->key[f].bytes, y->key[f].bytes, KEY_SIZE);

	return order ? order : (int)x->key[f].bits - (int)y->key[f].bits;
}

/* Sorts the elements by the field and tells how many different keys it has. */
static size_t sort_by(const struct element **elements, size_t n, uint8_t field)
{
	size_t different = 1;

	qsort_r(elements, n, sizeof(*elements), compare_keys, &field);
	for (size_t i = 1; i < n; i++)
		if (compare_keys(&elements[i - 1], &elements[i], &field) != 0)
			different++;
	return different;
}

/* Whether iptables can compare the first bits of the field. */
static bool has_heads(enum field field)
{
	return field != FIELD_SERVICE;
}

/* Whether a tree can tell elements of the lookup apart. */
static bool grows_trees(const struct match *lookup)
{
	for (uint8_t f = 0; f < lookup->n_fields; f++)
		if (has_heads(lookup->fields[f]))
			return true;
	return false;
}

/* The field that tells most elements apart. */
static uint8_t best_field(const struct match *lookup, const struct element **elements, size_t n)
{
	size_t most = 0;
	uint8_t best = 0;

	for (uint8_t f = 0; f < lookup->n_fields && lookup->n_fields > 1; f++) {
		size_t different = sort_by(elements, n, f);

		if (different > most && has_heads(lookup->fields[f])) {
			most = different;
			best = f;
		}
	}
	return best;
}

/* Grows a tree for the lookup; the chain goes on in "the rest". */
static void lower_to_tree(struct xt_lowering *low, uint32_t chain, const struct rule *rule,
			  uint8_t index, const struct element **elements, size_t n)
{
	struct rule entry = *rule, lookup = *rule;
	struct tree tree = {.low = low, .rule = &lookup, .chain = chain};
	uint32_t root = low->tail[chain];

	lookup.matches[0] = rule->matches[index];
	lookup.n_matches = 1;
	entry.n_matches = 0;
	for (uint8_t i = 0; i < rule->n_matches; i++)
		if (i != index)
			entry.matches[entry.n_matches++] = rule->matches[i];
	tree.field = best_field(&rule->matches[index], elements, n);
	sort_by(elements, n, tree.field);
	/* iptables compares names by whole bytes. */
	tree.step = field_table[lookup.matches[0].fields[tree.field]].load == NFT_LOAD_META ? 8 : 1;

	tree.rest = add_part(low, chain);
	if (entry.n_matches > 0) {
		root = add_part(low, chain);
		entry.action = action_goto(root);
		entry.counter = false;
		ruleset_add_rule(low->out, &entry);
		go(&tree, low->tail[chain], tree.rest, NULL);
	}
	low->tail[chain] = tree.rest;
	fill_node(&tree, root, elements, n);
}

static void lower_lookups(struct xt_lowering *low, uint32_t chain, const struct rule *rule)
{
	uint8_t index = find_lookup(rule);
	struct rule placed = *rule;

	placed.chain = low->tail[chain];
	if (index == rule->n_matches) {
		ruleset_add_rule(low->out, &placed);
		return;
	}
	const struct set *set = &low->in->sets[rule->matches[index].set];
	const struct element **elements =
		arena_calloc(low->out->arena, set->n_elements, sizeof(*elements));

	for (size_t i = 0; i < set->n_elements; i++)
		elements[i] = &set->elements[i];
	if (set->n_elements > LIST_MAX && grows_trees(&rule->matches[index]))
		lower_to_tree(low, chain, &placed, index, elements, set->n_elements);
	else
		lower_to_list(low, &placed, elements, set->n_elements);
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

/* The chain that counts for the elements of the rule's last set: a table has its own. */
static uint32_t *counting_chain(struct xt_lowering *low, const struct rule *rule)
{
	uint32_t set = rule->matches[rule->n_matches - 1].set;

	return &low->counting[set * STAGE__COUNT + low->in->chains[rule->chain].under];
}

/*
 * The last set of a rule that counts, when it has one element: all that comes there is of the one
 * network, and the rule behind, which refuses the same packets, counts them as well.
 */
static const struct set *only_element(const struct xt_lowering *low, const struct rule *rule)
{
	const struct set *set = &low->in->sets[rule->matches[rule->n_matches - 1].set];

	return set->n_elements == 1 ? set : NULL;
}

/* What counts and decides nothing is a chain that is jumped to and returned from. */
static void lower_count(struct xt_lowering *low, const struct rule *rule)
{
	struct rule jump = *rule;
	uint32_t chain = *counting_chain(low, rule);

	low->only = only_element(low, rule);
	if (chain == NO_INDEX || low->only)
		return;
	jump.chain = low->tail[rule->chain];
	jump.n_matches--;
	jump.action.chain = chain;
	ruleset_add_rule(low->out, &jump);
}

static void lower_rule(struct xt_lowering *low, const struct rule *rule)
{
	struct rule rest = *rule;
	bool untranslated = false;

	if (rule->action.kind == ACTION_COUNT) {
		lower_count(low, rule);
		return;
	}
	if (low->only) {
		rest.tally = low->only->tally;
		rest.element = low->only->elements[0].origin;
		low->only = NULL;
	}
	rest.n_matches = 0;
	for (uint8_t i = 0; i < rule->n_matches; i++)
		if (rule->matches[i].fields[0] == FIELD_UNTRANSLATED)
			untranslated = true;
		else
			rest.matches[rest.n_matches++] = rule->matches[i];
	if (!untranslated) {
		lower_lookups(low, rule->chain, &rest);
		return;
	}
	for (unsigned int which = 0; which < UNTRANSLATED_CASES; which++) {
		struct rule copy = rest;

		add_untranslated_case(&copy, which);
		lower_lookups(low, rule->chain, &copy);
	}
}

static const char *chain_name(struct arena *arena, const char *plain)
{
	char *name = arena_printf(arena, "HOSTGATE-%s", plain);

	for (char *c = name; *c; c++)
		*c = *c == '_' ? '-' : (char)toupper((unsigned char)*c);
	return name;
}

/*
 * Behind the trees of a stage with several lookups, one more would be too much for iptables-nft:
 * see NODE_MAX.
 */
static bool can_count(const struct ruleset *in, const struct rule *rule)
{
	const struct set *set = &in->sets[rule->matches[rule->n_matches - 1].set];

	return set->n_elements <= LIST_MAX || in->chains[rule->chain].under != STAGE_FORWARD;
}

/* One chain for each set by which rules count, behind those of the input. */
static void add_counting_chains(struct xt_lowering *low)
{
	const struct ruleset *in = low->in;
	size_t n = in->n_sets * STAGE__COUNT;

	low->counting = arena_calloc(low->out->arena, n, sizeof(*low->counting));
	for (size_t i = 0; i < n; i++)
		low->counting[i] = NO_INDEX;
	for (size_t i = 0; i < in->n_rules; i++) {
		const struct rule *rule = &in->rules[i];
		enum stage under = in->chains[rule->chain].under;
		const char *name;

		if (rule->action.kind != ACTION_COUNT || !can_count(in, rule) ||
		    only_element(low, rule) || *counting_chain(low, rule) != NO_INDEX)
			continue;
		name = in->sets[rule->matches[rule->n_matches - 1].set].name;
		if (under == STAGE_INPUT)
			name = arena_printf(low->out->arena, "%s_input", name);
		*counting_chain(low, rule) =
			ruleset_add_chain(low->out, name, STAGE_NONE, under);
	}
}

/* Each element's rule returns to the rule that counts; so does what finds none. */
static void fill_counting_chains(struct xt_lowering *low)
{
	const struct ruleset *in = low->in;

	for (size_t i = 0; i < in->n_rules; i++) {
		struct rule rule = in->rules[i];
		uint32_t *counting, chain;

		if (rule.action.kind != ACTION_COUNT)
			continue;
		counting = counting_chain(low, &rule);
		chain = *counting;
		if (chain == NO_INDEX)
			continue;
		*counting = NO_INDEX; /* once */
		rule.matches[0] = rule.matches[rule.n_matches - 1];
		rule.n_matches = 1;
		rule.action = action_of(ACTION_ACCEPT);
		lower_lookups(low, chain, &rule);
	}
}

/* What a chain does with every packet that comes to it; NULL when that is more than one thing. */
static const struct rule *decision_of(const struct ruleset *rs, const struct chain_index *index,
				      uint32_t chain)
{
	const struct rule *first;

	if (index->first[chain] == index->first[chain + 1])
		return NULL;
	first = &rs->rules[index->order[index->first[chain]]];
	return first->n_matches == 0 && first->action.kind != ACTION_COUNT ? first : NULL;
}

/* A rule that leads to a chain that decides at once decides itself. */
static void shorten_ways(struct ruleset *rs)
{
	struct chain_index index = ruleset_index(rs);

	for (size_t i = 0; i < rs->n_rules; i++) {
		struct rule *rule = &rs->rules[i];
		const struct rule *there = rule->action.kind == ACTION_GOTO
						   ? decision_of(rs, &index, rule->action.chain)
						   : NULL;

		if (!there || rule->tally != TALLY_NONE)
			continue;
		rule->action = there->action;
		rule->counter = there->counter;
		rule->tally = there->tally;
		rule->origin = there->origin;
		if (there->element != NO_INDEX)
			rule->element = there->element;
	}
}

struct ruleset *lower_xt(struct arena *arena, const struct ruleset *ruleset)
{
	struct xt_lowering low = {.in = ruleset, .out = ruleset_frame(arena, ruleset)};

	low.out->guard_first = true;
	add_counting_chains(&low);
	for (size_t i = 0; i < low.out->n_chains; i++)
		low.out->chains[i].name = chain_name(arena, low.out->chains[i].name);
	low.tail = arena_calloc(arena, low.out->n_chains, sizeof(*low.tail));
	low.n_parts = arena_calloc(arena, low.out->n_chains, sizeof(*low.n_parts));
	for (uint32_t i = 0; i < low.out->n_chains; i++)
		low.tail[i] = i;
	for (size_t i = 0; i < ruleset->n_rules; i++)
		if (ruleset->rules[i].only != FOR_NFT)
			lower_rule(&low, &ruleset->rules[i]);
	fill_counting_chains(&low);
	shorten_ways(low.out);
	return low.out;
}
