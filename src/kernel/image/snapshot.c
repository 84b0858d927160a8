// SPDX-License-Identifier: GPL-2.0-or-later
// snapshot: images as bytes, so that what was there can be made again.
#include "image/snapshot.h"

#include <string.h>

#include "hostgate/ruleset.h"

/* Longest key of any set: NFT_DATA_VALUE_MAXLEN. */
#define KEY_LEN_MAX 64

void snapshot_add_u32(struct buf *out, uint32_t value)
{
	buf_add(out, &value, sizeof(value));
}

void snapshot_add_bytes(struct buf *out, const void *bytes, size_t len)
{
	uint64_t length = len;

	buf_add(out, &length, sizeof(length));
	if (len)
		buf_add(out, bytes, len);
}

void snapshot_add_text(struct buf *out, const char *text)
{
	snapshot_add_bytes(out, text, strlen(text));
}

static void take(struct snapshot *snapshot, void *out, size_t len)
{
	if (snapshot->bad || snapshot->left < len) {
		snapshot->bad = true;
		memset(out, 0, len);
		return;
	}
	memcpy(out, snapshot->at, len);
	snapshot->at += len;
	snapshot->left -= len;
}

uint32_t snapshot_take_u32(struct snapshot *snapshot)
{
	uint32_t value;

	take(snapshot, &value, sizeof(value));
	return value;
}

struct blob snapshot_take_bytes(struct snapshot *snapshot)
{
	struct blob blob;
	uint64_t len;

	take(snapshot, &len, sizeof(len));
	if (snapshot->bad || len > snapshot->left) {
		snapshot->bad = true;
		return (struct blob){0};
	}
	blob = (struct blob){snapshot->at, (size_t)len};
	snapshot->at += len;
	snapshot->left -= (size_t)len;
	return blob;
}

const char *snapshot_take_text(struct snapshot *snapshot, struct arena *arena)
{
	struct blob blob = snapshot_take_bytes(snapshot);

	return blob.len ? arena_strndup(arena, blob.bytes, blob.len) : "";
}

/* FNV-1a, 64 bits. */
uint64_t snapshot_sum(const void *bytes, size_t len)
{
	const uint8_t *byte = bytes;
	uint64_t sum = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ byte[i]) * 0x100000001b3u;
	return sum;
}

static void add_chain(struct buf *out, const struct image_chain *chain)
{
	snapshot_add_text(out, chain->name);
	snapshot_add_bytes(out, chain->blob.bytes, chain->blob.len);
	snapshot_add_u32(out, (uint32_t)chain->n_rules);
	for (size_t i = 0; i < chain->n_rules; i++) {
		snapshot_add_bytes(out, chain->rules[i].blob.bytes, chain->rules[i].blob.len);
		snapshot_add_text(out, chain->rules[i].comment);
	}
}

static void add_set(struct buf *out, const struct image_set *set)
{
	snapshot_add_text(out, set->name);
	snapshot_add_bytes(out, set->blob.bytes, set->blob.len);
	snapshot_add_u32(out, set->is_map);
	snapshot_add_u32(out, (uint32_t)set->key_len);
	snapshot_add_u32(out, (uint32_t)set->n_records);
	for (size_t i = 0; i < set->n_records; i++) {
		buf_add(out, image_key(set, i), set->key_len);
		snapshot_add_u32(out, image_verdict(set, i));
	}
}

void snapshot_add_image(struct buf *out, const struct image *image)
{
	snapshot_add_u32(out, image->exists);
	snapshot_add_bytes(out, image->blob.bytes, image->blob.len);
	snapshot_add_u32(out, (uint32_t)image->n_chains);
	for (size_t i = 0; i < image->n_chains; i++)
		add_chain(out, &image->chains[i]);
	snapshot_add_u32(out, (uint32_t)image->n_sets);
	for (size_t i = 0; i < image->n_sets; i++)
		add_set(out, &image->sets[i]);
}

static void take_chain(struct snapshot *snapshot, struct image *image)
{
	const char *name = snapshot_take_text(snapshot, image->arena);
	struct image_chain *chain = image_add_chain(image, name, snapshot_take_bytes(snapshot));
	uint32_t n = snapshot_take_u32(snapshot);

	for (uint32_t i = 0; i < n && !snapshot->bad; i++) {
		struct blob blob = snapshot_take_bytes(snapshot);

		image_add_rule(image, chain, blob, snapshot_take_text(snapshot, image->arena));
	}
}

static void take_set(struct snapshot *snapshot, struct image *image)
{
	const char *name = snapshot_take_text(snapshot, image->arena);
	struct blob blob = snapshot_take_bytes(snapshot);
	bool is_map = snapshot_take_u32(snapshot) != 0;
	uint32_t key_len = snapshot_take_u32(snapshot), n = snapshot_take_u32(snapshot);
	struct image_set *set;

	if (snapshot->bad || key_len > KEY_LEN_MAX) {
		snapshot->bad = true;
		return;
	}
	set = image_add_set(image, name, blob, is_map, key_len);
	for (uint32_t i = 0; i < n && !snapshot->bad; i++) {
		uint8_t key[KEY_LEN_MAX];
		uint32_t verdict;

		take(snapshot, key, key_len);
		verdict = snapshot_take_u32(snapshot);
		/* What somebody else put into a map of ours, and nobody can make again. */
		if (is_map && verdict >= image->n_chains)
			continue;
		memcpy(image_add_element(set, verdict, NO_INDEX), key, key_len);
	}
}

bool snapshot_take_image(struct snapshot *snapshot, struct image *image)
{
	bool exists = snapshot_take_u32(snapshot) != 0;
	struct blob blob = snapshot_take_bytes(snapshot);
	uint32_t n;

	if (exists)
		image_set_table(image, blob);
	n = snapshot_take_u32(snapshot);
	for (uint32_t i = 0; i < n && !snapshot->bad; i++)
		take_chain(snapshot, image);
	n = snapshot_take_u32(snapshot);
	for (uint32_t i = 0; i < n && !snapshot->bad; i++)
		take_set(snapshot, image);
	image_finish(image);
	return !snapshot->bad;
}
