// SPDX-License-Identifier: GPL-2.0-or-later
// image_diff: what differs between two tables.
#include <stdlib.h>
#include <string.h>

#include "base/exhaustion.h"
#include "image/image.h"

struct comparison {
	struct arena *arena;
	const struct image *old, *new;
	const uint32_t *chain_of_old; /* index of an old chain -> index of the new one, NO_INDEX */
	struct diff *out;
};

static bool blob_equal(struct blob a, struct blob b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.bytes, b.bytes, a.len) == 0);
}

/* Adds a difference; the caller sets what else it needs. */
static struct difference *differ(struct comparison *c, enum object object, uint32_t old_parent,
				 size_t old_idx, uint32_t new_parent, size_t new_idx)
{
	struct diff *out = c->out;
	enum change_kind kind = CHANGE_MODIFY;

	if (old_idx == NO_INDEX)
		kind = CHANGE_ADD;
	else if (new_idx == NO_INDEX)
		kind = CHANGE_REMOVE;
	if (object == OBJECT_ELEMENT)
		out->n_elements++;
	else if (object == OBJECT_TABLE || (object != OBJECT_RULE && kind == CHANGE_MODIFY))
		out->whole = true;
	out->items = arena_grow(c->arena, out->items, out->n, &out->cap, sizeof(*out->items));
	out->items[out->n] = (struct difference){.kind = kind,
						 .object = object,
						 .old_parent = old_parent,
						 .old_idx = (uint32_t)old_idx,
						 .new_parent = new_parent,
						 .new_idx = (uint32_t)new_idx,
						 .before = NO_INDEX};
	return &out->items[out->n++];
}

/* Rules. */

/* Most pairs of rules that are compared; longer chains keep what is the same at both ends. */
#define PAIRS_MAX ((size_t)1 << 20)

/* The parts of two chains that are compared: all but what is the same at both ends. */
struct middle {
	const struct image_rule *old, *new;
	uint32_t first;	     /* of both, in their chains */
	size_t n_old, n_new; /* lengths of the parts */
	uint16_t *common;    /* see fill_common(); NULL: nothing of it is the same */
};

static bool same(const struct middle *m, size_t i, size_t j)
{
	return blob_equal(m->old[i].blob, m->new[j].blob);
}

static uint16_t *common_at(const struct middle *m, size_t i, size_t j)
{
	return &m->common[i * (m->n_new + 1) + j];
}

/* At i, j: how many rules the rest of old from i and the rest of new from j have in common. */
static void fill_common(struct middle *m)
{
	if (m->n_old == 0 || m->n_new == 0 || m->n_new > PAIRS_MAX / m->n_old ||
	    m->n_old > UINT16_MAX)
		return;
	m->common = calloc((m->n_old + 1) * (m->n_new + 1), sizeof(*m->common));
	if (!m->common)
		arena_exhausted();
	for (size_t i = m->n_old; i-- > 0;)
		for (size_t j = m->n_new; j-- > 0;) {
			uint16_t skip_old = *common_at(m, i + 1, j);
			uint16_t skip_new = *common_at(m, i, j + 1);

			if (same(m, i, j))
				*common_at(m, i, j) = (uint16_t)(*common_at(m, i + 1, j + 1) + 1);
			else
				*common_at(m, i, j) = skip_old > skip_new ? skip_old : skip_new;
		}
}

/* Finds the next rules from *i and *j on that both keep; the ends when there are none. */
static void next_common(const struct middle *m, size_t *i, size_t *j)
{
	while (m->common && *i < m->n_old && *j < m->n_new) {
		if (same(m, *i, *j))
			return;
		if (*common_at(m, *i + 1, *j) >= *common_at(m, *i, *j + 1))
			++*i;
		else
			++*j;
	}
	*i = m->n_old;
	*j = m->n_new;
}

/* Cuts off what is the same at both ends. */
static struct middle middle_of(const struct image_chain *old, const struct image_chain *new)
{
	struct middle m = {.n_old = old->n_rules, .n_new = new->n_rules};

	while (m.first < m.n_old && m.first < m.n_new &&
	       blob_equal(old->rules[m.first].blob, new->rules[m.first].blob))
		m.first++;
	while (m.n_old > m.first && m.n_new > m.first &&
	       blob_equal(old->rules[m.n_old - 1].blob, new->rules[m.n_new - 1].blob)) {
		m.n_old--;
		m.n_new--;
	}
	m.n_old -= m.first;
	m.n_new -= m.first;
	m.old = old->rules + m.first;
	m.new = new->rules + m.first;
	return m;
}

/* The longest common part of both chains stays; a rule is never modified. */
static void compare_rules(struct comparison *c, uint32_t old_chain, uint32_t new_chain)
{
	const struct image_chain *old = &c->old->chains[old_chain];
	struct middle m = middle_of(old, &c->new->chains[new_chain]);
	size_t i = 0, j = 0;

	fill_common(&m);
	while (i < m.n_old || j < m.n_new) {
		size_t end_old = i, end_new = j, stays;

		next_common(&m, &end_old, &end_new);
		stays = m.first + end_old;
		for (; i < end_old; i++)
			differ(c, OBJECT_RULE, old_chain, m.first + i, new_chain, NO_INDEX);
		for (; j < end_new; j++)
			differ(c, OBJECT_RULE, old_chain, NO_INDEX, new_chain, m.first + j)
				->before = stays < old->n_rules ? (uint32_t)stays : NO_INDEX;
		/* Over the one that both keep, if there is one. */
		i += end_old < m.n_old;
		j += end_new < m.n_new;
	}
	free(m.common);
}

static bool verdict_equal(const struct comparison *c, uint32_t old, uint32_t new)
{
	if (old < c->old->n_chains)
		return c->chain_of_old[old] == new;
	return old == VERDICT_NONE && new == VERDICT_NONE;
}

static void compare_elements(struct comparison *c, uint32_t old_set, uint32_t new_set)
{
	const struct image_set *old = &c->old->sets[old_set], *new = &c->new->sets[new_set];
	size_t i = 0, j = 0;

	while (i < old->n_records || j < new->n_records) {
		int way = 0;

		if (i == old->n_records)
			way = 1;
		else if (j == new->n_records)
			way = -1;
		else
			way = memcmp(image_key(old, i), image_key(new, j), old->key_len);
		if (way < 0)
			differ(c, OBJECT_ELEMENT, old_set, i, new_set, NO_INDEX);
		else if (way > 0)
			differ(c, OBJECT_ELEMENT, old_set, NO_INDEX, new_set, j);
		else if (!verdict_equal(c, image_verdict(old, i), image_verdict(new, j)))
			differ(c, OBJECT_ELEMENT, old_set, i, new_set, j);
		i += way <= 0;
		j += way >= 0;
	}
}

static uint32_t *match_chains(struct comparison *c)
{
	uint32_t *chain_of_old = arena_calloc(c->arena, c->old->n_chains, sizeof(*chain_of_old));

	for (size_t i = 0; i < c->old->n_chains; i++)
		chain_of_old[i] = image_find_chain(c->new, c->old->chains[i].name);
	return chain_of_old;
}

static void compare_all_chains(struct comparison *c)
{
	size_t i = 0, j = 0;

	while (i < c->old->n_chains || j < c->new->n_chains) {
		uint32_t old = i < c->old->n_chains ? c->old->chain_order[i] : NO_INDEX;
		uint32_t new = j < c->new->n_chains ? c->new->chain_order[j] : NO_INDEX;
		int way = old == NO_INDEX ? 1
			  : new == NO_INDEX
				  ? -1
				  : strcmp(c->old->chains[old].name, c->new->chains[new].name);

		if (way < 0) {
			differ(c, OBJECT_CHAIN, NO_INDEX, old, NO_INDEX, NO_INDEX);
		} else if (way > 0) {
			differ(c, OBJECT_CHAIN, NO_INDEX, NO_INDEX, NO_INDEX, new);
		} else {
			if (!blob_equal(c->old->chains[old].blob, c->new->chains[new].blob))
				differ(c, OBJECT_CHAIN, NO_INDEX, old, NO_INDEX, new);
			compare_rules(c, old, new);
		}
		i += way <= 0;
		j += way >= 0;
	}
}

static void compare_all_sets(struct comparison *c)
{
	size_t i = 0, j = 0;

	while (i < c->old->n_sets || j < c->new->n_sets) {
		uint32_t old = i < c->old->n_sets ? c->old->set_order[i] : NO_INDEX;
		uint32_t new = j < c->new->n_sets ? c->new->set_order[j] : NO_INDEX;
		int way = old == NO_INDEX ? 1
			  : new == NO_INDEX
				  ? -1
				  : strcmp(c->old->sets[old].name, c->new->sets[new].name);

		if (way < 0)
			differ(c, OBJECT_SET, NO_INDEX, old, NO_INDEX, NO_INDEX);
		else if (way > 0)
			differ(c, OBJECT_SET, NO_INDEX, NO_INDEX, NO_INDEX, new);
		else if (!blob_equal(c->old->sets[old].blob, c->new->sets[new].blob))
			differ(c, OBJECT_SET, NO_INDEX, old, NO_INDEX, new);
		else
			compare_elements(c, old, new);
		i += way <= 0;
		j += way >= 0;
	}
}

void image_diff(struct arena *arena, const struct image *old, const struct image *new,
		struct diff *out)
{
	struct comparison c = {.arena = arena, .old = old, .new = new, .out = out};

	*out = (struct diff){0};
	if (!old->exists && !new->exists)
		return;
	if (!old->exists || !new->exists) {
		differ(&c, OBJECT_TABLE, NO_INDEX, old->exists ? 0 : NO_INDEX, NO_INDEX,
		       new->exists ? 0 : NO_INDEX);
		return;
	}
	if (!blob_equal(old->blob, new->blob))
		differ(&c, OBJECT_TABLE, NO_INDEX, 0, NO_INDEX, 0);
	c.chain_of_old = match_chains(&c);
	compare_all_chains(&c);
	compare_all_sets(&c);
}
