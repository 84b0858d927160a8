// SPDX-License-Identifier: GPL-2.0-or-later
// xt_edit: our part of one table made what it should be, in the memory of libiptc.
#include "xt/xt_edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules/ours.h"
#include "xt/xt_ours.h"

/* Longest name of a chain. */
#define CHAIN_NAME_MAX (XT_EXTENSION_MAXNAMELEN - 1)

/* What becomes of a chain that is there. */
enum chain_fate {
	CHAIN_UNKNOWN,
	CHAIN_STAYS,  /* it is as wanted, and so is all that it leads to */
	CHAIN_FILLED, /* it is wanted with other rules, or leads to such a chain */
	CHAIN_GOES,
	CHAIN_FATE__COUNT
};

struct editing {
	const struct xt_library *library;
	struct xtc_handle *handle;
	const struct xt_content *present, *wanted;
	struct arena *arena;
	enum xt_edit edit;
	enum chain_fate *fates; /* by index of present's chain */
	struct xt_jump *jumps; /* present's, with positions as they become */
	unsigned int n_renamed;
	struct xt_room *room;
	int err; /* the first one's -errno; later steps are left out */
};

/* Steps. A failed one makes all later ones do nothing. */

static void check(struct editing *e, int ok)
{
	if (!ok)
		e->err = errno ? -errno : -EINVAL;
}

#define STEP(e, function, ...)                                                                 \
	do {                                                                                   \
		if ((e)->err == 0)                                                             \
			check(e, (e)->library->function(__VA_ARGS__, (e)->handle));            \
	} while (0)

static const struct image_chain *chain_named(const struct xt_content *content, const char *name)
{
	uint32_t idx = image_find_chain(&content->image, name);

	return idx == NO_INDEX ? NULL : &content->image.chains[idx];
}

/* Which chains stay. */

static bool same_rule(struct blob a, struct blob b)
{
	return a.len == b.len && memcmp(a.bytes, b.bytes, a.len) == 0;
}

static bool same_rules(const struct image_chain *a, const struct image_chain *b)
{
	if (a->n_rules != b->n_rules)
		return false;
	for (size_t i = 0; i < a->n_rules; i++)
		if (!same_rule(a->rules[i].blob, b->rules[i].blob))
			return false;
	return true;
}

/*
 * While both are there, a chain serves both only with everything that it leads to. Chains do not
 * lead back to themselves: the kernel refuses that.
 */
static enum chain_fate find_fate(struct editing *e, uint32_t idx)
{
	const struct image_chain *chain = &e->present->image.chains[idx];
	const struct image_chain *wanted = chain_named(e->wanted, chain->name);

	if (e->fates[idx] != CHAIN_UNKNOWN)
		return e->fates[idx];
	e->fates[idx] = !wanted			    ? CHAIN_GOES
			: same_rules(chain, wanted) ? CHAIN_STAYS
						    : CHAIN_FILLED;
	for (size_t i = 0;
	     e->edit == XT_EDIT_BOTH && e->fates[idx] == CHAIN_STAYS && i < chain->n_rules; i++) {
		const char *target = xt_entry_target(e->present->family, chain->rules[i].blob);
		uint32_t to = NO_INDEX;

		if (ours_chain(target))
			to = image_find_chain(&e->present->image, target);
		if (to != NO_INDEX && find_fate(e, to) != CHAIN_STAYS)
			e->fates[idx] = CHAIN_FILLED;
	}
	return e->fates[idx];
}

static bool is_ours(const struct editing *e, uint32_t idx)
{
	return ours_chain(e->present->image.chains[idx].name);
}

static void find_fates(struct editing *e)
{
	size_t n = e->present->image.n_chains;

	e->fates = arena_calloc(e->arena, n, sizeof(*e->fates));
	for (uint32_t i = 0; i < n; i++)
		if (is_ours(e, i))
			find_fate(e, i);
}

/* Filling. */

/*
 * What the present chain counted by the same rule; NULL when it has none. *next: where to look,
 * behind the rule that was found last: of rules that come or go between those that stay, none
 * makes others lose their counters.
 */
static const struct xt_counters *counters_of(const struct editing *e, uint32_t there, size_t *next,
					     struct blob rule)
{
	const struct image_chain *chain;

	if (there == NO_INDEX)
		return NULL;
	chain = &e->present->image.chains[there];
	for (size_t i = *next; i < chain->n_rules; i++)
		if (same_rule(chain->rules[i].blob, rule)) {
			*next = i + 1;
			return &e->present->counters[e->present->first_counter[there] + i];
		}
	return NULL;
}

/* Appends the wanted rules; there: index of the present chain of this name, or NO_INDEX. */
static void fill(struct editing *e, const struct image_chain *chain, uint32_t there)
{
	uint8_t *bytes = e->room->bytes;
	size_t next = 0;

	for (size_t i = 0; i < chain->n_rules && e->err == 0; i++) {
		struct blob blob = chain->rules[i].blob;
		const struct xt_counters *counted = counters_of(e, there, &next, blob);

		memcpy(bytes, blob.bytes, blob.len);
		if (counted)
			memcpy(bytes + e->library->layout.counters, counted, sizeof(*counted));
		STEP(e, append, chain->name, bytes);
	}
}

/* An unused name that says that the chain is an old one. */
static const char *old_name(struct editing *e, const char *name)
{
	char *old = arena_printf(e->arena, "%s.OLD", name);

	while (strlen(old) > CHAIN_NAME_MAX || chain_named(e->present, old))
		old = arena_printf(e->arena, XT_CHAIN_PREFIX "%u.OLD", ++e->n_renamed);
	return old;
}

static void put_aside(struct editing *e, uint32_t idx)
{
	const char *name = e->present->image.chains[idx].name, *old = old_name(e, name);

	STEP(e, rename_chain, name, old);
	STEP(e, create_chain, name);
	for (size_t i = 0; i < e->present->n_jumps; i++)
		if (strcmp(e->jumps[i].chain, name) == 0)
			e->jumps[i].chain = old;
}

/* First all chains are there, then they are filled: rules lead from one to the other. */
static void make_chains(struct editing *e)
{
	const struct image *present = &e->present->image, *wanted = &e->wanted->image;

	for (uint32_t i = 0; i < present->n_chains; i++) {
		if (e->fates[i] == CHAIN_FILLED && e->edit == XT_EDIT_BOTH)
			put_aside(e, i);
		else if (e->fates[i] == CHAIN_FILLED)
			STEP(e, flush_chain, present->chains[i].name);
	}
	for (size_t i = 0; i < wanted->n_chains; i++)
		if (ours_chain(wanted->chains[i].name) &&
		    !chain_named(e->present, wanted->chains[i].name))
			STEP(e, create_chain, wanted->chains[i].name);
}

static void fill_chains(struct editing *e)
{
	const struct image *present = &e->present->image, *wanted = &e->wanted->image;

	for (size_t i = 0; i < wanted->n_chains; i++) {
		const struct image_chain *chain = &wanted->chains[i];
		uint32_t there = image_find_chain(present, chain->name);

		if (!ours_chain(chain->name) ||
		    (there != NO_INDEX && e->fates[there] == CHAIN_STAYS))
			continue;
		fill(e, chain, there);
	}
}

/* Jumps. */

static void insert_jump(struct editing *e, const struct xt_jump *wanted, unsigned int position)
{
	xt_entry_build_jump(e->present->family, wanted->chain, e->room);
	STEP(e, insert, wanted->builtin, e->room->bytes, position);
	for (size_t i = 0; i < e->present->n_jumps; i++)
		if (strcmp(e->jumps[i].builtin, wanted->builtin) == 0 &&
		    e->jumps[i].position >= position)
			e->jumps[i].position++;
}

/* Others' rules that it moves past go on to stand in their order. */
static void move_to_front(struct editing *e, struct xt_jump *jump)
{
	STEP(e, delete, jump->builtin, jump->position);
	for (size_t i = 0; i < e->present->n_jumps; i++)
		if (strcmp(e->jumps[i].builtin, jump->builtin) == 0 &&
		    e->jumps[i].position > jump->position)
			e->jumps[i].position--;
	insert_jump(e, jump, 0);
	jump->position = 0;
}

/* Where a jump that is not there yet goes: behind the one that it stands behind, or to the front. */
static unsigned int find_position(const struct editing *e, size_t idx)
{
	const struct xt_jump *jumps = e->wanted->jumps;

	for (size_t w = idx; w-- > 0;)
		for (size_t i = 0; i < e->present->n_jumps; i++)
			if (strcmp(jumps[w].builtin, jumps[idx].builtin) == 0 &&
			    strcmp(e->jumps[i].builtin, jumps[w].builtin) == 0 &&
			    e->present->jumps[i].plain &&
			    strcmp(e->present->jumps[i].chain, jumps[w].chain) == 0)
				return jumps[w].first ? 0 : e->jumps[i].position + 1;
	return 0;
}

/* One that is there is as good; else the new one comes in front of the one it is to follow. */
static void make_jump(struct editing *e, size_t idx)
{
	const struct xt_jump *wanted = &e->wanted->jumps[idx];
	unsigned int position = find_position(e, idx);

	for (size_t i = 0; i < e->present->n_jumps; i++) {
		const struct xt_jump *before = &e->present->jumps[i];

		if (strcmp(before->builtin, wanted->builtin) != 0 || !before->plain ||
		    strcmp(before->chain, wanted->chain) != 0)
			continue;
		if (strcmp(e->jumps[i].chain, wanted->chain) == 0) {
			if (wanted->first)
				move_to_front(e, &e->jumps[i]);
			return;
		}
		position = wanted->first ? 0 : e->jumps[i].position;
		break;
	}
	insert_jump(e, wanted, position);
}

static bool is_wanted(const struct editing *e, size_t idx)
{
	const struct xt_jump *jump = &e->jumps[idx];

	for (size_t i = 0; i < idx; i++)
		if (e->jumps[i].plain && strcmp(e->jumps[i].chain, jump->chain) == 0 &&
		    strcmp(e->jumps[i].builtin, jump->builtin) == 0)
			return false; /* a second one */
	for (size_t i = 0; i < e->wanted->n_jumps; i++)
		if (jump->plain && strcmp(e->wanted->jumps[i].chain, jump->chain) == 0 &&
		    strcmp(e->wanted->jumps[i].builtin, jump->builtin) == 0)
			return true;
	return false;
}

/* From the last to the first, so that positions stay. */
static void drop_jumps(struct editing *e)
{
	for (size_t i = e->present->n_jumps; i-- > 0;)
		if (!is_wanted(e, i))
			STEP(e, delete, e->jumps[i].builtin, e->jumps[i].position);
}

static void drop_chains(struct editing *e)
{
	const struct image *present = &e->present->image;

	for (uint32_t i = 0; i < present->n_chains; i++)
		if (e->fates[i] == CHAIN_GOES)
			STEP(e, flush_chain, present->chains[i].name);
	for (uint32_t i = 0; i < present->n_chains; i++)
		if (e->fates[i] == CHAIN_GOES)
			STEP(e, delete_chain, present->chains[i].name);
}

/* Rules of others. */

/* From the last to the first, so that positions stay. Holes stay, and in built-in chains our jumps. */
static void clean_chain(struct editing *e, const char *name, bool builtin)
{
	enum family family = e->present->family;
	unsigned int *positions = NULL, position = 0;
	size_t n = 0, cap = 0;

	for (const void *entry = e->library->first_rule(name, e->handle); entry;
	     entry = e->library->next_rule(entry, e->handle), position++) {
		const char *target = e->library->get_target(entry, e->handle);

		if (ours_rule_xt(family, e->present->table->name, name, entry, target) &&
		    (builtin || !target || !ours_chain(target)))
			continue;
		positions = arena_grow(e->arena, positions, n, &cap, sizeof(*positions));
		positions[n++] = position;
	}
	while (n-- > 0)
		STEP(e, delete, name, positions[n]);
}

/* Their chains stay, without a rule of theirs. */
static void clean_table(struct editing *e)
{
	for (const char *name = e->library->first_chain(e->handle); name;
	     name = e->library->next_chain(e->handle)) {
		if (!ours_chain(name))
			clean_chain(e, name, e->library->is_builtin(name, e->handle));
	}
}

/* What others use can neither go nor be put aside. */
static void refuse_users(struct editing *e)
{
	if (e->wanted->clean)
		return;
	for (uint32_t i = 0; e->present->user && i < e->present->image.n_chains; i++)
		if (e->fates[i] == CHAIN_GOES ||
		    (e->fates[i] == CHAIN_FILLED && e->edit == XT_EDIT_BOTH))
			e->err = -EMLINK;
}

static void add_wanted(struct editing *e)
{
	size_t n = e->present->n_jumps;

	e->jumps = arena_calloc(e->arena, n, sizeof(*e->jumps));
	if (n)
		memcpy(e->jumps, e->present->jumps, n * sizeof(*e->jumps));
	find_fates(e);
	refuse_users(e);
	make_chains(e);
	fill_chains(e);
	/* Each comes in front of those before it, and so they stand in their order. */
	for (size_t i = e->wanted->n_jumps; i-- > 0;)
		make_jump(e, i);
}

/* Our chains let a packet pass by RETURN only; what is no network's falls through to the end. */
static void close_chain(struct editing *e, const struct image_chain *chain)
{
	enum family family = e->present->family;

	STEP(e, flush_chain, chain->name);
	for (size_t i = 0; i < chain->n_rules; i++) {
		struct blob blob = chain->rules[i].blob;

		memcpy(e->room->bytes, blob.bytes, blob.len);
		e->room->len = blob.len;
		if (strcmp(xt_entry_target(family, blob), IPTC_LABEL_RETURN) == 0)
			xt_entry_set_target(family, e->room, IPTC_LABEL_DROP);
		STEP(e, append, chain->name, e->room->bytes);
	}
}

static void close_chains(struct editing *e)
{
	for (uint32_t i = 0; i < e->present->image.n_chains; i++)
		if (is_ours(e, i))
			close_chain(e, &e->present->image.chains[i]);
}

/* libiptc forgets what the policies of built-in chains counted, unless it is told. */
static void keep_policies(struct editing *e)
{
	for (size_t i = 0; i < e->present->image.n_chains; i++) {
		const char *name = e->present->image.chains[i].name, *policy;
		struct xt_counters counters;

		if (ours_chain(name))
			continue;
		policy = e->library->get_policy(name, &counters, e->handle);
		if (policy)
			STEP(e, set_policy, name, policy, &counters);
	}
}

int xt_edit_table(struct xtc_handle *handle, const struct xt_content *present,
		  const struct xt_content *wanted, enum xt_edit edit)
{
	struct editing e = {.library = &xt_libraries[present->family],
			    .handle = handle,
			    .present = present,
			    .wanted = wanted,
			    .arena = arena_new(),
			    .edit = edit};

	e.room = arena_alloc(e.arena, sizeof(*e.room));
	switch (edit) {
	case XT_EDIT_BOTH:
		add_wanted(&e);
		break;
	case XT_EDIT_WHOLE:
		add_wanted(&e);
		drop_jumps(&e);
		if (wanted->clean)
			clean_table(&e);
		drop_chains(&e);
		break;
	case XT_EDIT_CLOSE:
		close_chains(&e);
		break;
	case XT_EDIT__COUNT:
		break;
	}
	keep_policies(&e);
	arena_free(e.arena);
	return e.err;
}
