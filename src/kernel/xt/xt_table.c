// SPDX-License-Identifier: GPL-2.0-or-later
// xt_table: our part of one table of iptables as an image, wanted or as the kernel has it.
#include "xt/xt_table.h"

#include <stdlib.h>
#include <string.h>

#include "print/xt_rule.h"
#include "rules/field.h"
#include "rules/ours.h"
#include "xt/xt_ours.h"

void xt_table_init(struct xt_content *content, enum family family, const struct xt_table *table)
{
	*content = (struct xt_content){.family = family, .table = table};
	image_init(&content->image);
	content->image.name = arena_printf(content->image.arena, "%s %s",
					   xt_libraries[family].command, table->name);
}

void xt_table_free(struct xt_content *content)
{
	image_free(&content->image);
	*content = (struct xt_content){0};
}

static struct image_chain *add_chain(struct xt_content *content, const char *name)
{
	return image_add_chain(&content->image, name, (struct blob){0});
}

static void add_jump(struct xt_content *content, struct xt_jump jump)
{
	struct arena *arena = content->image.arena;

	content->jumps = arena_grow(arena, content->jumps, content->n_jumps, &content->cap_jumps,
				    sizeof(*content->jumps));
	jump.builtin = arena_strdup(arena, jump.builtin);
	jump.chain = arena_strdup(arena, jump.chain);
	content->jumps[content->n_jumps++] = jump;
}

static int compare_jumps(const void *a, const void *b)
{
	const struct image_rule *x = a, *y = b;
	int order = strcmp(x->comment, y->comment);

	return order ? order : (int)x->blob.len - (int)y->blob.len;
}

/* Adds a jump to the image of its built-in chain, at the end of which it is for now. */
static void add_jump_rule(struct xt_content *content, struct image_chain *builtin,
			  struct blob entry)
{
	struct buf comment __attribute__((cleanup(buf_free))) = {0};

	buf_printf(&comment, "jump to %s", xt_entry_target(content->family, entry));
	image_add_rule(&content->image, builtin, entry, buf_text(&comment));
}

static void sort_jumps(struct image_chain *builtin)
{
	if (builtin->n_rules > 1)
		qsort(builtin->rules, builtin->n_rules, sizeof(*builtin->rules), compare_jumps);
}

/* What is wanted. */

static bool in_table(const struct xt_content *content, enum stage stage)
{
	return strcmp(stage_table[stage].xt_table, content->table->name) == 0;
}

static void build_builtin(struct xt_content *content, const struct xt_part *part,
			  const char *builtin, struct xt_room *room)
{
	struct image_chain *chain = add_chain(content, builtin);

	for (size_t s = 0; s < XT_STAGES; s++) {
		const struct chain *to = xt_part_base(part, xt_stages[s]);

		if (!to || !in_table(content, xt_stages[s]) ||
		    strcmp(stage_table[xt_stages[s]].xt_chain, builtin) != 0)
			continue;
		add_jump(content,
			 (struct xt_jump){.builtin = builtin, .chain = to->name, .plain = true});
		add_jump_rule(content, chain, xt_entry_build_jump(content->family, to->name, room));
	}
	sort_jumps(chain);
}

static void build_chain(struct xt_content *content, const struct xt_part *part, uint32_t idx,
			struct xt_room *room)
{
	const struct ruleset *ruleset = part->rs;
	const struct chain_index *index = &part->index;
	struct image_chain *chain = add_chain(content, ruleset->chains[idx].name);
	char comment[XT_COMMENT_SIZE];

	for (uint32_t i = index->first[idx]; i < index->first[idx + 1]; i++) {
		const struct rule *rule = &ruleset->rules[index->order[i]];
		struct blob entry;

		if (!xt_part_has(part, rule))
			continue;
		entry = xt_entry_build(ruleset, rule, content->family, room);
		image_add_rule(&content->image, chain, entry,
			       xt_entry_comment(content->family, entry, comment))
			->rule = index->order[i];
	}
}

/* The largest that is put on no stack. */
static struct xt_room *new_room(struct xt_content *content)
{
	return arena_alloc(content->image.arena, sizeof(struct xt_room));
}

void xt_table_build(struct xt_content *content, const struct xt_part *part)
{
	const struct ruleset *ruleset = part->rs;
	struct xt_room *room = new_room(content);

	for (uint32_t c = 0; c < ruleset->n_chains; c++)
		if (part->live[c] && in_table(content, ruleset->chains[c].under)) {
			content->image.exists = true;
			build_chain(content, part, c, room);
		}
	for (size_t i = 0; i < XT_BUILTINS_MAX && content->table->builtins[i]; i++)
		build_builtin(content, part, content->table->builtins[i], room);
	image_finish(&content->image);
}

/* What the kernel has. */

struct reading {
	struct xt_content *content;
	const struct xt_library *library;
	struct xtc_handle *handle;
	struct xt_room *room;
};

static void keep_counters(struct reading *r, const void *entry)
{
	struct xt_content *content = r->content;

	content->counters = arena_grow(content->image.arena, content->counters,
				       content->n_counters, &content->cap_counters,
				       sizeof(*content->counters));
	memcpy(&content->counters[content->n_counters++],
	       (const uint8_t *)entry + r->library->layout.counters, sizeof(struct xt_counters));
}

static const char *target_of(struct reading *r, const void *entry)
{
	const char *target = r->library->get_target(entry, r->handle);

	return target ? target : "";
}

static struct blob entry_of(struct reading *r, const void *entry)
{
	return xt_entry_from_kernel(r->content->family, entry,
				    target_of(r, entry), r->room);
}

static void read_chain(struct reading *r, const char *name)
{
	struct image_chain *chain = add_chain(r->content, name);
	char comment[XT_COMMENT_SIZE];

	for (const void *entry = r->library->first_rule(name, r->handle); entry;
	     entry = r->library->next_rule(entry, r->handle)) {
		struct blob blob = entry_of(r, entry);

		keep_counters(r, entry);
		image_add_rule(&r->content->image, chain, blob,
			       blob.len ? xt_entry_comment(r->content->family, blob, comment) : "");
	}
	r->content->image.exists = true;
}

static bool is_ours(struct reading *r, const char *chain, const void *entry)
{
	return ours_rule_xt(r->content->family, r->content->table->name, chain, entry,
			    target_of(r, entry));
}

static void read_builtin(struct reading *r, const char *name)
{
	struct image_chain *chain = add_chain(r->content, name);
	struct xt_room *plain = new_room(r->content);
	unsigned int position = 0, in_front = 0;

	for (const void *entry = r->library->first_rule(name, r->handle); entry;
	     entry = r->library->next_rule(entry, r->handle), position++) {
		const char *target = target_of(r, entry);
		struct blob blob, wanted;

		if (!ours_chain(target)) {
			in_front++;
			r->content->n_others += !is_ours(r, name, entry);
			continue;
		}
		blob = entry_of(r, entry);
		wanted = xt_entry_build_jump(r->content->family, target, plain);
		add_jump(r->content,
			 (struct xt_jump){.builtin = name,
					  .chain = target,
					  .position = position,
					  .in_front = in_front,
					  .plain = blob.len == wanted.len &&
						   memcmp(blob.bytes, wanted.bytes, blob.len) == 0});
		add_jump_rule(r->content, chain, blob);
		r->content->image.exists = true;
	}
	sort_jumps(chain);
}

/* Others' chains are left alone; one that uses ours must be known before ours is taken away. */
static void look_for_user(struct reading *r, const char *name)
{
	for (const void *entry = r->library->first_rule(name, r->handle); entry;
	     entry = r->library->next_rule(entry, r->handle)) {
		bool uses = ours_chain(target_of(r, entry));

		r->content->n_others += uses || !is_ours(r, name, entry);
		if (uses)
			r->content->user = arena_strdup(r->content->image.arena, name);
	}
}

static void number_counters(struct xt_content *content)
{
	size_t next = 0;

	content->first_counter = arena_calloc(content->image.arena, content->image.n_chains,
					      sizeof(*content->first_counter));
	for (size_t i = 0; i < content->image.n_chains; i++) {
		content->first_counter[i] = next;
		if (ours_chain(content->image.chains[i].name))
			next += content->image.chains[i].n_rules;
	}
}

void xt_table_read(struct xt_content *content, struct xtc_handle *handle)
{
	struct reading r = {.content = content,
			    .library = &xt_libraries[content->family],
			    .handle = handle,
			    .room = new_room(content)};

	for (const char *name = r.library->first_chain(handle); name;
	     name = r.library->next_chain(handle)) {
		if (r.library->is_builtin(name, handle))
			read_builtin(&r, name);
		else if (ours_chain(name))
			read_chain(&r, name);
		else
			look_for_user(&r, name);
	}
	number_counters(content);
	image_finish(&content->image);
}

/* What is kept. */

void xt_table_save(const struct xt_content *content, struct buf *out)
{
	snapshot_add_image(out, &content->image);
	snapshot_add_u32(out, (uint32_t)content->n_jumps);
	for (size_t i = 0; i < content->n_jumps; i++) {
		snapshot_add_text(out, content->jumps[i].builtin);
		snapshot_add_text(out, content->jumps[i].chain);
	}
}

void xt_table_restore(struct xt_content *content, struct snapshot *saved)
{
	struct arena *arena = content->image.arena;
	uint32_t n;

	(void)snapshot_take_image(saved, &content->image);
	n = snapshot_take_u32(saved);
	for (uint32_t i = 0; i < n && !saved->bad; i++) {
		const char *builtin = snapshot_take_text(saved, arena);

		add_jump(content, (struct xt_jump){.builtin = builtin,
						   .chain = snapshot_take_text(saved, arena),
						   .plain = true});
	}
}
