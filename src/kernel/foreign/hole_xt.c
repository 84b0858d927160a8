// SPDX-License-Identifier: GPL-2.0-or-later
// hole_xt: holes in chains of legacy iptables, through libiptc.
#include <errno.h>
#include <string.h>

#include "foreign/hole_chain.h"
#include "print/xt_rule.h"
#include "rules/ours.h"
#include "xt/xt_living.h"
#include "xt/xt_refusal.h"
#include "xt/xt_table.h"

/* How often somebody who takes no lock may change a table between our reading and our commit. */
#define COMMIT_ATTEMPTS 10

/* The index of table filter in xt_table_list: opening comes last. */
#define FILTER (XT_TABLES - 1)

struct xt_room *hole_xt_room(struct arena *arena)
{
	return arena_alloc(arena, sizeof(struct xt_room));
}

struct hole_item hole_xt_wanted(const struct holes *holes, uint32_t idx, enum family family)
{
	const struct hole_rule *hole = &holes->ruleset->holes[idx];
	const struct origin *origin = &holes->ruleset->origins[hole->rule.origin];
	struct hole_item item = {.comment = origin->text, .network = hole->network, .hole = idx};

	item.form = xt_entry_build(holes->ruleset, &hole->rule, family, holes->room);
	xt_entry_set_target(family, holes->room, IPTC_LABEL_ACCEPT);
	return item;
}

void hole_xt_want(struct holes *holes, uint32_t idx, enum family family)
{
	hole_items_add(holes->arena, &holes->wanted[HOLE_LEGACY][family],
		       hole_xt_wanted(holes, idx, family));
}

/* Reading. */

struct reading {
	struct holes *holes;
	struct hole_chain *chain;
	const struct xt_library *library;
	struct xtc_handle *handle;
};

static void take_entry(struct reading *r, const void *entry, unsigned int position)
{
	const char *target = r->library->get_target(entry, r->handle);
	char comment[XT_COMMENT_SIZE];
	struct hole_item item = {.handle = position};

	if (target && ours_chain(target)) {
		r->chain->has_jump = true;
		r->chain->jump = position;
		return;
	}
	item.form = xt_entry_from_kernel(r->chain->family, entry, target ? target : "",
					 r->holes->room);
	if (item.form.len == 0)
		return;
	item.comment = xt_entry_comment(r->chain->family, item.form, comment);
	if (ours_tag(item.comment))
		hole_items_add(r->holes->arena, &r->chain->present, item);
}

static bool has_chain(const struct xt_library *library, struct xtc_handle *handle, const char *name)
{
	for (const char *chain = library->first_chain(handle); chain;
	     chain = library->next_chain(handle))
		if (strcmp(chain, name) == 0)
			return true;
	return false;
}

static void read_chain(struct holes *holes, struct hole_chain *chain, struct xtc_handle *handle)
{
	const char *name = xt_hole_chains[chain->place][chain->family];
	struct reading r = {.holes = holes,
			    .chain = chain,
			    .library = &xt_libraries[chain->family],
			    .handle = handle};
	unsigned int position = 0;

	chain->exists = has_chain(r.library, handle, name);
	if (chain->exists)
		for (const void *entry = r.library->first_rule(name, handle); entry;
		     entry = r.library->next_rule(entry, handle))
			take_entry(&r, entry, position++);
	hole_compare(holes, chain);
}

static void read_family(struct holes *holes, enum family family, struct xtc_handle *handle)
{
	for (enum hole h = 0; h < HOLE__COUNT; h++) {
		struct hole_chain *chain = &holes->chains[HOLE_LEGACY][family][h];

		*chain = (struct hole_chain){
			.keeper = HOLE_LEGACY, .family = family, .place = h};
		read_chain(holes, chain, handle);
	}
}

static int fail(struct diags *diags, enum family family, int err, const char *doing)
{
	struct xt_content content __attribute__((cleanup(xt_table_free))) = {0};

	xt_table_init(&content, family, &xt_table_list[FILTER]);
	xt_refusal_table(diags, &content, err, doing);
	return -err;
}

/* A table that comes to life with our own rules will have its built-in chains. */
static void foresee_family(struct holes *holes, enum family family)
{
	struct hole_chain *chain = &holes->chains[HOLE_LEGACY][family][HOLE_IPTABLES];

	chain->exists = holes->legacy_comes && xt_living_has_family(family);
	hole_compare(holes, chain);
}

int hole_xt_read(struct holes *holes, struct diags *diags)
{
	hole_reset(holes, HOLE_LEGACY);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		struct xtc_handle *handle;
		struct xt_living living;
		int err = xt_living_read(diags, f, &living);

		if (err != 0)
			return err;
		if (!xt_living_has(&living, xt_table_list[FILTER].name)) {
			foresee_family(holes, f);
			continue;
		}
		handle = xt_libraries[f].init(xt_table_list[FILTER].name);
		if (!handle)
			return fail(diags, f, errno, "read");
		read_family(holes, f, handle);
		xt_libraries[f].free(handle);
	}
	return 0;
}

/* Writing. */

static bool remove_surplus(const struct xt_library *library, struct xtc_handle *handle,
			   const struct hole_chain *chain, const char *name, struct arena *arena)
{
	const struct hole_items *surplus = &chain->surplus;
	bool *goes;
	uint64_t last = 0;

	for (size_t i = 0; i < surplus->n; i++)
		last = surplus->items[i].handle > last ? surplus->items[i].handle : last;
	goes = arena_calloc(arena, last + 1, sizeof(*goes));
	for (size_t i = 0; i < surplus->n; i++)
		goes[surplus->items[i].handle] = true;
	/* From the last to the first, so that positions stay. */
	for (uint64_t i = last + 1; i-- > 0;)
		if (goes[i] && !library->delete(name, (unsigned int)i, handle))
			return false;
	return true;
}

static bool add_missing(const struct xt_library *library, struct xtc_handle *handle,
			const struct hole_chain *chain, const char *name, struct xt_room *room)
{
	unsigned int first = chain->has_jump ? (unsigned int)chain->jump + 1 : 0;

	for (size_t i = 0; i < chain->missing.n; i++) {
		const struct blob *form = &chain->missing.items[i].form;

		memcpy(room->bytes, form->bytes, form->len);
		if (!library->insert(name, room->bytes, first + (unsigned int)i, handle))
			return false;
	}
	return true;
}

/* libiptc forgets what the policies of built-in chains counted, unless it is told. */
static bool keep_policies(const struct xt_library *library, struct xtc_handle *handle)
{
	for (size_t i = 0; i < XT_BUILTINS_MAX && xt_table_list[FILTER].builtins[i]; i++) {
		const char *name = xt_table_list[FILTER].builtins[i];
		struct xt_counters counters;
		const char *policy = library->get_policy(name, &counters, handle);

		if (policy && !library->set_policy(name, policy, &counters, handle))
			return false;
	}
	return true;
}

static int commit_once(struct holes *holes, enum family family, enum hole_step step,
		       struct xtc_handle *handle, bool *changed)
{
	const struct xt_library *library = &xt_libraries[family];
	bool differs = false;

	read_family(holes, family, handle);
	for (enum hole h = 0; h < HOLE__COUNT; h++) {
		const struct hole_chain *chain = &holes->chains[HOLE_LEGACY][family][h];
		const char *name = xt_hole_chains[h][family];
		bool fine = true;

		if (!hole_differs(chain, step))
			continue;
		differs = true;
		errno = 0;
		if (step == HOLE_CLOSE)
			fine = remove_surplus(library, handle, chain, name, holes->arena);
		else
			fine = add_missing(library, handle, chain, name, holes->room);
		if (!fine)
			return errno ? -errno : -EINVAL;
	}
	errno = 0;
	if (differs && (!keep_policies(library, handle) || !library->commit(handle)))
		return errno ? -errno : -EINVAL;
	*changed = *changed || differs;
	return 0;
}

static int commit_family(struct holes *holes, struct diags *diags, enum family family,
			 enum hole_step step, bool *changed)
{
	int err = -EAGAIN;

	for (int attempt = 0; attempt < COMMIT_ATTEMPTS && err == -EAGAIN; attempt++) {
		struct xtc_handle *handle = xt_libraries[family].init(xt_table_list[FILTER].name);

		if (!handle)
			return fail(diags, family, errno, "read");
		err = commit_once(holes, family, step, handle, changed);
		xt_libraries[family].free(handle);
	}
	return err == 0 ? 0 : fail(diags, family, -err, "change");
}

int hole_xt_commit(struct holes *holes, struct diags *diags, enum hole_step step, bool *changed)
{
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		bool differs = false;
		int err;

		for (enum hole h = 0; h < HOLE__COUNT; h++)
			differs |= hole_differs(&holes->chains[HOLE_LEGACY][f][h], step);
		if (!differs)
			continue;
		err = commit_family(holes, diags, f, step, changed);
		if (err != 0)
			return err;
	}
	return 0;
}
