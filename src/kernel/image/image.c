// SPDX-License-Identifier: GPL-2.0-or-later
// image: a table as compact data, made from a ruleset or from the kernel, and what differs.
#include "image/image.h"

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

uint32_t image_find_element(const struct image_set *set, const uint8_t *key)
{
	size_t low = 0, high = set->n_records;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order_of_keys = memcmp(key, image_key(set, middle), set->key_len);

		if (order_of_keys == 0)
			return (uint32_t)middle;
		if (order_of_keys < 0)
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
