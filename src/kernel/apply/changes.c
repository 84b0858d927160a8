// SPDX-License-Identifier: GPL-2.0-or-later
// changes: differences as a list for people; the same for plan, apply and remove.
#include "apply/changes.h"

#include <string.h>

#include "nft/nft_build.h"
#include "nft/nft_refusal.h"
#include "rules/ours.h"

static const char *count(struct arena *arena, const struct image *image)
{
	size_t n_chains = 0, n_rules = 0, n_elements = 0;

	for (size_t i = 0; i < image->n_chains; i++) {
		n_chains += !image->name || ours_chain(image->chains[i].name);
		n_rules += image->chains[i].n_rules;
	}
	for (size_t i = 0; i < image->n_sets; i++)
		n_elements += image->sets[i].n_records;
	if (image->name)
		return arena_printf(arena, "%zu chains, %zu rules", n_chains, n_rules);
	return arena_printf(arena, "%zu chains, %zu rules, %zu sets, %zu elements", n_chains,
			    n_rules, image->n_sets, n_elements);
}

/* An object of the one table of nf_tables, or of one of the many of iptables. */
static const char *name_in(struct arena *arena, const struct image *image, const char *name)
{
	if (image->name)
		return arena_printf(arena, "%s %s", image->name, name);
	return arena_strdup(arena, name);
}

static struct change of_table(struct arena *arena, const struct image *old,
			      const struct image *new, const struct difference *d)
{
	return (struct change){.kind = d->kind,
			       .what = "table",
			       .name = new->name ? arena_strdup(arena, new->name) :
						   "inet " TABLE_NAME,
			       .before = old->exists ? count(arena, old) : NULL,
			       .after = new->exists ? count(arena, new) : NULL};
}

/* Whose a rule is, by what it is made of; NULL for one that the ruleset does not make. */
static const char *network_of_rule(struct change_source source, const char *chain_name,
				   struct blob blob)
{
	uint32_t idx = source.ruleset ? image_find_chain(source.image, chain_name) : NO_INDEX;
	const struct image_chain *chain;

	if (idx == NO_INDEX)
		return NULL;
	chain = &source.image->chains[idx];
	for (size_t i = 0; i < chain->n_rules; i++) {
		const struct image_rule *rule = &chain->rules[i];

		if (rule->rule != NO_INDEX && rule->blob.len == blob.len &&
		    memcmp(rule->blob.bytes, blob.bytes, blob.len) == 0)
			return rule_network(source.ruleset, &source.ruleset->rules[rule->rule]);
	}
	return NULL;
}

/* Likewise of an element, by its key. */
static const char *network_of_element(struct change_source source, const struct image_set *set,
				      const uint8_t *key)
{
	for (size_t i = 0; source.ruleset && i < source.image->n_sets; i++) {
		const struct image_set *made = &source.image->sets[i];
		uint32_t idx = NO_INDEX;

		if (strcmp(made->name, set->name) == 0 && made->key_len == set->key_len)
			idx = image_find_element(made, key);
		if (idx == NO_INDEX)
			continue;
		return source.ruleset
			->origins[source.ruleset->sets[i].elements[image_source(made, idx)].origin]
			.network;
	}
	return NULL;
}

static struct change of_rule(struct arena *arena, struct change_source made,
			     struct change_source was, const struct image *old,
			     const struct image *new, const struct difference *d)
{
	struct change change = {.kind = d->kind, .what = "rule"};
	const char *comment = "", *chain = new->chains[d->new_parent].name;

	if (d->old_idx != NO_INDEX) {
		const struct image_rule *rule = &old->chains[d->old_parent].rules[d->old_idx];

		change.before = arena_strdup(arena, rule->comment);
		comment = change.before;
		change.network = network_of_rule(was, chain, rule->blob);
	}
	if (d->new_idx != NO_INDEX) {
		const struct image_rule *rule = &new->chains[d->new_parent].rules[d->new_idx];

		change.after = arena_strdup(arena, rule->comment);
		comment = change.after;
		change.network = network_of_rule(made, chain, rule->blob);
	}
	change.name = arena_printf(arena, "%s: %s", name_in(arena, new, chain), comment);
	return change;
}

static const char *number_of(struct arena *arena, size_t n, const char *what)
{
	return arena_printf(arena, "%zu %s%s", n, what, n == 1 ? "" : "s");
}

/* Of a chain that comes or goes, its rules are told as a number. */
static struct change of_chain(struct arena *arena, const struct image *old,
			      const struct image *new, const struct difference *d)
{
	struct change change = {.kind = d->kind, .what = "chain"};
	const struct image_chain *before = d->old_idx == NO_INDEX ? NULL : &old->chains[d->old_idx];
	const struct image_chain *after = d->new_idx == NO_INDEX ? NULL : &new->chains[d->new_idx];

	change.name = name_in(arena, new, after ? after->name : before->name);
	if (before)
		change.before = number_of(arena, before->n_rules, "rule");
	if (after)
		change.after = number_of(arena, after->n_rules, "rule");
	return change;
}

/* Of the network that all elements belong to, if there is one. */
static const char *network_of_set(struct change_source source, const struct image_set *set)
{
	const char *network = NULL;

	for (size_t i = 0; i < set->n_records; i++) {
		const char *one = network_of_element(source, set, image_key(set, i));

		if (!one || (network && strcmp(one, network) != 0))
			return NULL;
		network = one;
	}
	return network;
}

/* Likewise, of a set its elements. */
static struct change of_set(struct arena *arena, struct change_source made,
			    struct change_source was, const struct image *old,
			    const struct image *new, const struct difference *d)
{
	struct change change = {.kind = d->kind, .what = "set"};
	const struct image_set *before = d->old_idx == NO_INDEX ? NULL : &old->sets[d->old_idx];
	const struct image_set *after = d->new_idx == NO_INDEX ? NULL : &new->sets[d->new_idx];

	change.name = arena_strdup(arena, after ? after->name : before->name);
	if (before) {
		change.before = number_of(arena, before->n_records, "element");
		change.network = network_of_set(was, before);
	}
	if (after) {
		change.after = number_of(arena, after->n_records, "element");
		change.network = network_of_set(made, after);
	}
	return change;
}

static const char *target(struct arena *arena, const struct image *image,
			  const struct image_set *set, uint32_t element)
{
	uint32_t verdict = image_verdict(set, element);

	if (verdict == VERDICT_NONE)
		return NULL;
	if (verdict >= image->n_chains)
		return "something else";
	return arena_printf(arena, "goto %s", image->chains[verdict].name);
}

static struct change of_element(struct arena *arena, struct change_source made,
				struct change_source was, const struct image *old,
				const struct image *new, const struct difference *d,
				struct buf *text)
{
	const struct image_set *old_set = &old->sets[d->old_parent];
	const struct image_set *new_set = &new->sets[d->new_parent];
	struct change change = {.kind = d->kind, .what = "element"};

	text->len = 0;
	buf_printf(text, "%s: ", new_set->name);
	if (d->old_idx != NO_INDEX)
		change.before = target(arena, old, old_set, d->old_idx);
	if (d->new_idx != NO_INDEX) {
		change.after = target(arena, new, new_set, d->new_idx);
		change.network =
			network_of_element(made, new_set, image_key(new_set, d->new_idx));
		nft_refusal_record(new_set, image_key(new_set, d->new_idx), text);
	} else {
		change.network =
			network_of_element(was, old_set, image_key(old_set, d->old_idx));
		nft_refusal_record(old_set, image_key(old_set, d->old_idx), text);
	}
	change.name = arena_strndup(arena, text->data, text->len);
	return change;
}

bool changes_take_away(const struct diff *diff)
{
	for (size_t i = 0; i < diff->n; i++)
		if (diff->items[i].kind == CHANGE_REMOVE &&
		    diff->items[i].object != OBJECT_TABLE)
			return true;
	return false;
}

void changes_of_tables(struct arena *arena, struct change_source made, struct change_source was,
		       const struct image *old, const struct image *new, const struct diff *diff,
		       struct changes *out)
{
	struct buf text __attribute__((cleanup(buf_free))) = {0};

	for (size_t i = 0; i < diff->n; i++) {
		const struct difference *d = &diff->items[i];
		struct change change = {.kind = d->kind};

		switch (d->object) {
		case OBJECT_TABLE:
			change = of_table(arena, old, new, d);
			break;
		case OBJECT_CHAIN:
			change = of_chain(arena, old, new, d);
			break;
		case OBJECT_SET:
			change = of_set(arena, made, was, old, new, d);
			break;
		case OBJECT_RULE:
			change = of_rule(arena, made, was, old, new, d);
			break;
		case OBJECT_ELEMENT:
			change = of_element(arena, made, was, old, new, d, &text);
			break;
		case OBJECT__COUNT:
			break;
		}
		changes_add(arena, out, change);
	}
}

void changes_of_removal(struct arena *arena, struct changes *out)
{
	changes_add(arena, out, (struct change){.kind = CHANGE_REMOVE,
					.what = "table",
					.name = "inet " TABLE_NAME});
}

void changes_of_sysctls(struct arena *arena, const struct sysctl_writes *writes,
			struct changes *out)
{
	for (size_t i = 0; i < writes->n; i++)
		changes_add(arena, out, (struct change){.kind = CHANGE_MODIFY,
						.what = "sysctl",
						.name = writes->items[i].path,
						.before = writes->items[i].from,
						.after = writes->items[i].to,
						.network = writes->items[i].network});
}
