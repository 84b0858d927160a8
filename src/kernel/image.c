// SPDX-License-Identifier: GPL-2.0-or-later
// image: a table as compact data, made from a ruleset or from the kernel, and what differs.
#include "kernel/image.h"

#include <stdlib.h>
#include <string.h>

#include "base/exhaustion.h"

/* A record: the key, then these. */
struct record_tail {
	uint32_t verdict;
	uint32_t source;
};

void image_init(struct image *image)
{
	*image = (struct image){.arena = arena_new()};
}

void image_free(struct image *image)
{
	for (size_t i = 0; i < image->n_sets; i++)
		free(image->sets[i].records);
	arena_free(image->arena);
	*image = (struct image){0};
}

static struct blob blob_copy(struct arena *arena, struct blob blob)
{
	void *bytes = arena_alloc(arena, blob.len);

	if (blob.len)
		memcpy(bytes, blob.bytes, blob.len);
	return (struct blob){bytes, blob.len};
}

void image_set_table(struct image *image, struct blob blob)
{
	image->exists = true;
	image->blob = blob_copy(image->arena, blob);
}

struct image_chain *image_add_chain(struct image *image, const char *name, struct blob blob)
{
	struct image_chain *chain;

	image->chains = arena_grow(image->arena, image->chains, image->n_chains, &image->cap_chains,
				   sizeof(*image->chains));
	chain = &image->chains[image->n_chains++];
	*chain = (struct image_chain){.name = arena_strdup(image->arena, name),
				      .blob = blob_copy(image->arena, blob)};
	return chain;
}

struct image_set *image_add_set(struct image *image, const char *name, struct blob blob,
				bool is_map, size_t key_len)
{
	struct image_set *set;

	image->sets = arena_grow(image->arena, image->sets, image->n_sets, &image->cap_sets,
				 sizeof(*image->sets));
	set = &image->sets[image->n_sets++];
	*set = (struct image_set){.name = arena_strdup(image->arena, name),
				  .blob = blob_copy(image->arena, blob),
				  .is_map = is_map,
				  .key_len = key_len};
	return set;
}

struct image_rule *image_add_rule(struct image *image, struct image_chain *chain, struct blob blob,
				  const char *comment)
{
	struct image_rule *rule;

	chain->rules = arena_grow(image->arena, chain->rules, chain->n_rules, &chain->cap_rules,
				  sizeof(*chain->rules));
	rule = &chain->rules[chain->n_rules++];
	*rule = (struct image_rule){.blob = blob_copy(image->arena, blob),
				    .comment = arena_strdup(image->arena, comment),
				    .rule = NO_INDEX};
	return rule;
}

static size_t stride(const struct image_set *set)
{
	return set->key_len + sizeof(struct record_tail);
}

uint8_t *image_add_element(struct image_set *set, uint32_t verdict, uint32_t source)
{
	struct record_tail tail = {verdict, source};
	uint8_t *record;

	if (set->n_records == set->cap_records) {
		size_t cap = set->cap_records ? set->cap_records * 2 : 16;
		uint8_t *records = reallocarray(set->records, cap, stride(set));

		if (!records)
			arena_exhausted();
		set->records = records;
		set->cap_records = cap;
	}
	record = set->records + set->n_records++ * stride(set);
	memset(record, 0, set->key_len);
	memcpy(record + set->key_len, &tail, sizeof(tail));
	return record;
}

const uint8_t *image_key(const struct image_set *set, size_t element)
{
	return set->records + element * stride(set);
}

static struct record_tail tail_of(const struct image_set *set, size_t element)
{
	struct record_tail tail;

	memcpy(&tail, image_key(set, element) + set->key_len, sizeof(tail));
	return tail;
}

uint32_t image_verdict(const struct image_set *set, size_t element)
{
	return tail_of(set, element).verdict;
}

uint32_t image_source(const struct image_set *set, size_t element)
{
	return tail_of(set, element).source;
}

/* Order by name. */

static int compare_chains(const void *a, const void *b, void *image_ptr)
{
	const struct image *image = image_ptr;

	return strcmp(image->chains[*(const uint32_t *)a].name,
		      image->chains[*(const uint32_t *)b].name);
}

static int compare_sets(const void *a, const void *b, void *image_ptr)
{
	const struct image *image = image_ptr;

	return strcmp(image->sets[*(const uint32_t *)a].name,
		      image->sets[*(const uint32_t *)b].name);
}

static uint32_t *order(struct image *image, size_t n,
		       int (*compare)(const void *, const void *, void *))
{
	uint32_t *indexes = arena_calloc(image->arena, n, sizeof(*indexes));

	for (size_t i = 0; i < n; i++)
		indexes[i] = (uint32_t)i;
	qsort_r(indexes, n, sizeof(*indexes), compare, image);
	return indexes;
}

void image_order_chains(struct image *image)
{
	image->chain_order = order(image, image->n_chains, compare_chains);
}

uint32_t image_find_chain(const struct image *image, const char *name)
{
	size_t low = 0, high = image->n_chains;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		uint32_t chain = image->chain_order[middle];
		int order_of_names = strcmp(name, image->chains[chain].name);

		if (order_of_names == 0)
			return chain;
		if (order_of_names < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NO_INDEX;
}

static int compare_records(const void *a, const void *b, void *key_len)
{
	return memcmp(a, b, *(const size_t *)key_len);
}

static bool is_sorted(const struct image_set *set)
{
	for (size_t i = 1; i < set->n_records; i++)
		if (memcmp(image_key(set, i - 1), image_key(set, i), set->key_len) > 0)
			return false;
	return true;
}

void image_finish(struct image *image)
{
	image_order_chains(image);
	image->set_order = order(image, image->n_sets, compare_sets);
	for (size_t i = 0; i < image->n_sets; i++) {
		struct image_set *set = &image->sets[i];

		if (!is_sorted(set))
			qsort_r(set->records, set->n_records, stride(set), compare_records,
				&set->key_len);
	}
}

/* FNV-1a, 64 bits; each part with its length, so that no two rows of parts run into one. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < sizeof(len); i++)
		hash = (hash ^ (uint8_t)(len >> i * 8)) * 0x100000001b3u;
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ byte[i]) * 0x100000001b3u;
	return hash;
}

uint64_t image_fingerprint(const struct image *image)
{
	uint64_t hash = mix(0xcbf29ce484222325u, image->blob.bytes, image->blob.len);

	for (size_t i = 0; i < image->n_chains; i++) {
		const struct image_chain *chain = &image->chains[i];

		hash = mix(hash, chain->blob.bytes, chain->blob.len);
		for (size_t j = 0; j < chain->n_rules; j++)
			hash = mix(hash, chain->rules[j].blob.bytes, chain->rules[j].blob.len);
	}
	for (size_t i = 0; i < image->n_sets; i++) {
		const struct image_set *set = &image->sets[i];

		hash = mix(hash, set->blob.bytes, set->blob.len);
		hash = mix(hash, set->records, set->n_records * stride(set));
	}
	return hash;
}

/* Differences. */

struct comparison {
	struct arena *arena;
	const struct image *old, *new;
	const uint32_t *chain_of_old; /* index of an old chain -> index of the new one, NO_INDEX */
	struct diff *out;
};

static bool blob_equal(struct blob a, struct blob b)
{
	return a.len == b.len && memcmp(a.bytes, b.bytes, a.len) == 0;
}

static void differ(struct comparison *c, enum object object, uint32_t old_parent, size_t old_idx,
		   uint32_t new_parent, size_t new_idx)
{
	struct diff *out = c->out;
	enum change_kind kind = CHANGE_MODIFY;

	if (old_idx == NO_INDEX)
		kind = CHANGE_ADD;
	else if (new_idx == NO_INDEX)
		kind = CHANGE_REMOVE;
	if (object != OBJECT_ELEMENT)
		out->only_elements = false;
	out->items = arena_grow(c->arena, out->items, out->n, &out->cap, sizeof(*out->items));
	out->items[out->n++] = (struct difference){.kind = kind,
						   .object = object,
						   .old_parent = old_parent,
						   .old_idx = (uint32_t)old_idx,
						   .new_parent = new_parent,
						   .new_idx = (uint32_t)new_idx};
}

/* Rules that are the same at both ends of the chains are left out; the rest is told in pairs. */
static void compare_rules(struct comparison *c, uint32_t old_chain, uint32_t new_chain)
{
	const struct image_chain *old = &c->old->chains[old_chain];
	const struct image_chain *new = &c->new->chains[new_chain];
	size_t n_old = old->n_rules, n_new = new->n_rules, first = 0;

	while (first < n_old && first < n_new &&
	       blob_equal(old->rules[first].blob, new->rules[first].blob))
		first++;
	while (n_old > first && n_new > first &&
	       blob_equal(old->rules[n_old - 1].blob, new->rules[n_new - 1].blob)) {
		n_old--;
		n_new--;
	}
	for (size_t i = first; i < n_old || i < n_new; i++)
		differ(c, OBJECT_RULE, old_chain, i < n_old ? i : NO_INDEX, new_chain,
		       i < n_new ? i : NO_INDEX);
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

	*out = (struct diff){.only_elements = true};
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
