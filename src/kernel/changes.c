// SPDX-License-Identifier: GPL-2.0-or-later
// changes: differences as a list for people; the same for plan, apply and remove.
#include "kernel/changes.h"

#include <string.h>

#include "kernel/nft_build.h"
#include "kernel/nft_explain.h"
#include "kernel/xt_table.h"

void changes_add(struct arena *arena, struct changes *out, struct change change)
{
	out->items = arena_grow(arena, out->items, out->n, &out->cap, sizeof(*out->items));
	out->items[out->n++] = change;
}

static const char *count(struct arena *arena, const struct image *image)
{
	size_t n_chains = 0, n_rules = 0, n_elements = 0;

	for (size_t i = 0; i < image->n_chains; i++) {
		n_chains += !image->name || xt_table_is_ours(image->chains[i].name);
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

static struct change of_rule(struct arena *arena, const struct ruleset *ruleset,
			     const struct image *old, const struct image *new,
			     const struct difference *d)
{
	struct change change = {.kind = d->kind, .what = "rule"};
	const char *comment = "", *chain;

	if (d->old_idx != NO_INDEX) {
		change.before = old->chains[d->old_parent].rules[d->old_idx].comment;
		comment = change.before;
	}
	if (d->new_idx != NO_INDEX) {
		const struct image_rule *rule = &new->chains[d->new_parent].rules[d->new_idx];

		change.after = rule->comment;
		comment = change.after;
		if (ruleset && rule->rule != NO_INDEX)
			change.network =
				ruleset->origins[ruleset->rules[rule->rule].origin].network;
	}
	chain = name_in(arena, new, new->chains[d->new_parent].name);
	change.name = arena_printf(arena, "%s: %s", chain, comment);
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

/* Of an element that was made from the ruleset; NULL for one that was not. */
static const char *network_of(const struct ruleset *ruleset, uint32_t set, uint32_t element)
{
	if (!ruleset || element == NO_INDEX)
		return NULL;
	return ruleset->origins[ruleset->sets[set].elements[element].origin].network;
}

/* Likewise; the network is told when all elements are of the same one. */
static struct change of_set(struct arena *arena, const struct ruleset *ruleset,
			    const struct image *old, const struct image *new,
			    const struct difference *d)
{
	struct change change = {.kind = d->kind, .what = "set"};
	const struct image_set *before = d->old_idx == NO_INDEX ? NULL : &old->sets[d->old_idx];
	const struct image_set *after = d->new_idx == NO_INDEX ? NULL : &new->sets[d->new_idx];

	change.name = arena_strdup(arena, after ? after->name : before->name);
	if (before)
		change.before = number_of(arena, before->n_records, "element");
	if (!after)
		return change;
	change.after = number_of(arena, after->n_records, "element");
	for (size_t i = 0; i < after->n_records; i++) {
		const char *network = network_of(ruleset, d->new_idx, image_source(after, i));

		if (i > 0 && (!network || !change.network || strcmp(network, change.network) != 0)) {
			change.network = NULL;
			break;
		}
		change.network = network;
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

static struct change of_element(struct arena *arena, const struct ruleset *ruleset,
				const struct image *old, const struct image *new,
				const struct difference *d, struct buf *text)
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
			network_of(ruleset, d->new_parent, image_source(new_set, d->new_idx));
		nft_explain_record(new_set, image_key(new_set, d->new_idx), text);
	} else {
		nft_explain_record(old_set, image_key(old_set, d->old_idx), text);
	}
	change.name = arena_strndup(arena, text->data, text->len);
	return change;
}

void changes_of_tables(struct arena *arena, const struct ruleset *ruleset,
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
			change = of_set(arena, ruleset, old, new, d);
			break;
		case OBJECT_RULE:
			change = of_rule(arena, ruleset, old, new, d);
			break;
		case OBJECT_ELEMENT:
			change = of_element(arena, ruleset, old, new, d, &text);
			break;
		case OBJECT__COUNT:
			break;
		}
		/* The list outlives the images. */
		if (d->object == OBJECT_RULE) {
			change.before = change.before ? arena_strdup(arena, change.before) : NULL;
			change.after = change.after ? arena_strdup(arena, change.after) : NULL;
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

void changes_of_others(struct arena *arena, const char *table, size_t n, enum change_kind kind,
		       struct changes *out)
{
	const char *what =
		arena_printf(arena, "%zu rule%s of others (clean-slate)", n, n == 1 ? "" : "s");

	if (n > 0)
		changes_add(arena, out, (struct change){.kind = kind,
						.what = "table",
						.name = arena_strdup(arena, table),
						.before = kind == CHANGE_REMOVE ? what : NULL,
						.after = kind == CHANGE_ADD ? what : NULL});
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
