// SPDX-License-Identifier: GPL-2.0-or-later
// kept_xt: rules of others in a table of iptables, kept so that they can come back.
#include "foreign/kept_xt.h"

#include <errno.h>
#include <string.h>

#include "rules/ours.h"
#include "xt/xt_entry.h"
#include "xt/xt_ours.h"

/* Without what was counted, so that two rules can be compared. */
static struct blob comparable(struct arena *arena, const struct xt_layout *layout,
			      struct blob entry)
{
	uint8_t *copy = arena_alloc(arena, entry.len);

	memcpy(copy, entry.bytes, entry.len);
	memset(copy + layout->counters, 0, sizeof(struct xt_counters));
	return (struct blob){copy, entry.len};
}

/* An entry as libiptc takes it, with its counters. */
static struct blob copy_entry(struct arena *arena, enum family family, const uint8_t *entry,
			      const char *target, struct xt_room *room)
{
	size_t counters = xt_libraries[family].layout.counters;
	struct blob blob = xt_entry_from_kernel(family, entry, target, room);
	uint8_t *copy = arena_alloc(arena, blob.len);

	if (blob.len) {
		memcpy(copy, blob.bytes, blob.len);
		memcpy(copy + counters, entry + counters, sizeof(struct xt_counters));
	}
	return (struct blob){copy, blob.len};
}

static bool has_chain(const struct xt_library *library, struct xtc_handle *handle,
		      const char *wanted)
{
	for (const char *chain = library->first_chain(handle); chain;
	     chain = library->next_chain(handle))
		if (strcmp(chain, wanted) == 0)
			return true;
	return false;
}

void kept_xt_read(struct arena *arena, enum family family, const char *table,
		   struct xtc_handle *handle, struct kept_xt *out)
{
	const struct xt_library *library = &xt_libraries[family];
	struct xt_room *room = arena_alloc(arena, sizeof(*room));

	*out = (struct kept_xt){0};
	for (const char *chain = library->first_chain(handle); chain;
	     chain = library->next_chain(handle)) {
		bool first = true;

		if (ours_chain(chain))
			continue;
		for (const void *entry = library->first_rule(chain, handle); entry;
		     entry = library->next_rule(entry, handle)) {
			const char *target = library->get_target(entry, handle);

			target = target ? target : "";
			if (ours_chain(target))
				first = false;
			if (ours_rule_xt(family, table, chain, entry, target))
				continue;
			out->rules = arena_grow(arena, out->rules, out->n, &out->cap,
						sizeof(*out->rules));
			out->rules[out->n++] = (struct kept_xt_rule){
				.chain = arena_strdup(arena, chain),
				.target = arena_strdup(arena, target),
				.entry = copy_entry(arena, family, entry, target, room),
				.first = first};
		}
	}
	/* libiptc goes through chains one at a time. */
	for (size_t i = 0; i < out->n; i++)
		out->rules[i].jumps = has_chain(library, handle, out->rules[i].target);
}

void kept_xt_save(const struct kept_xt *kept, struct buf *out)
{
	snapshot_add_u32(out, (uint32_t)kept->n);
	for (size_t i = 0; i < kept->n; i++) {
		const struct kept_xt_rule *rule = &kept->rules[i];

		snapshot_add_text(out, rule->chain);
		snapshot_add_text(out, rule->target);
		snapshot_add_u32(out, rule->first);
		snapshot_add_u32(out, rule->jumps);
		snapshot_add_bytes(out, rule->entry.bytes, rule->entry.len);
	}
}

void kept_xt_load(struct snapshot *snapshot, struct arena *arena, struct kept_xt *out)
{
	uint32_t n = snapshot_take_u32(snapshot);

	*out = (struct kept_xt){0};
	for (uint32_t i = 0; i < n && !snapshot->bad; i++) {
		struct kept_xt_rule rule = {.chain = snapshot_take_text(snapshot, arena)};
		struct blob entry;
		void *copy;

		rule.target = snapshot_take_text(snapshot, arena);
		rule.first = snapshot_take_u32(snapshot) != 0;
		rule.jumps = snapshot_take_u32(snapshot) != 0;
		entry = snapshot_take_bytes(snapshot);
		copy = arena_alloc(arena, entry.len);
		if (entry.len)
			memcpy(copy, entry.bytes, entry.len);
		rule.entry = (struct blob){copy, entry.len};
		out->rules = arena_grow(arena, out->rules, out->n, &out->cap, sizeof(rule));
		out->rules[out->n++] = rule;
	}
}

size_t kept_xt_missing(struct arena *arena, enum family family, const char *table,
			struct xtc_handle *handle, const struct kept_xt *saved,
			struct kept_xt *out)
{
	const struct xt_library *library = &xt_libraries[family];
	const struct xt_layout *layout = &library->layout;
	size_t n_lost = 0;
	struct kept_xt present;
	struct blob *keys;

	*out = (struct kept_xt){0};
	kept_xt_read(arena, family, table, handle, &present);
	keys = arena_calloc(arena, present.n, sizeof(*keys));
	for (size_t i = 0; i < present.n; i++)
		keys[i] = comparable(arena, layout, present.rules[i].entry);
	for (size_t i = 0; i < saved->n; i++) {
		const struct kept_xt_rule *rule = &saved->rules[i];
		struct blob key = comparable(arena, layout, rule->entry);
		size_t at = 0;

		while (at < present.n &&
		       (keys[at].len != key.len ||
			strcmp(present.rules[at].chain, rule->chain) != 0 ||
			memcmp(keys[at].bytes, key.bytes, key.len) != 0))
			at++;
		if (at < present.n) {
			keys[at].len = 0; /* each stands for one */
			continue;
		}
		if (!has_chain(library, handle, rule->chain) ||
		    (rule->jumps && !has_chain(library, handle, rule->target))) {
			n_lost++;
			continue;
		}
		out->rules = arena_grow(arena, out->rules, out->n, &out->cap, sizeof(*rule));
		out->rules[out->n++] = *rule;
	}
	return n_lost;
}

int kept_xt_put(enum family family, struct xtc_handle *handle, const struct kept_xt *kept)
{
	const struct xt_library *library = &xt_libraries[family];
	const char *last = "";
	unsigned int position = 0;

	for (size_t i = 0; i < kept->n; i++) {
		const struct kept_xt_rule *rule = &kept->rules[i];
		int ok;

		if (strcmp(last, rule->chain) != 0)
			position = 0;
		last = rule->chain;
		if (rule->first)
			ok = library->insert(rule->chain, rule->entry.bytes, position++, handle);
		else
			ok = library->append(rule->chain, rule->entry.bytes, handle);
		if (!ok)
			return errno ? -errno : -EINVAL;
	}
	return 0;
}
