// SPDX-License-Identifier: GPL-2.0-or-later
// backend_xt: the rules in the kernel's iptables and ip6tables.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply/backend.h"
#include "apply/changes.h"
#include "base/diag_codes.h"
#include "foreign/kept_xt.h"
#include "judge/front.h"
#include "os/lock.h"
#include "xt/xt_count.h"
#include "xt/xt_edit.h"
#include "xt/xt_living.h"
#include "xt/xt_refusal.h"

/*
 * Theory of operation
 *
 * A table comes to life, and stays, when anybody only looks at it. So the list of tables that live
 * is read first, and others are known to be empty.
 *
 * The kernel takes one table at a time. Where several tables of a family change, all are brought
 * to hold the old and the new rules first (see xt_edit.h); what comes last in each round is
 * filter, which decides what may pass at all. When everything goes, filter first drops what it let
 * pass, and is the last to go: until then no packet leaves without its door, translation and guard.
 */

/* How often somebody who takes no lock may change a table between our reading and our commit. */
#define COMMIT_ATTEMPTS 10

struct backend_xt {
	struct backend_input input;
	struct diags *diags;	       /* of the call */
	bool *changed;
	const struct ruleset *ruleset; /* lowered */
	struct xt_part parts[FAMILY__COUNT];
	const struct ruleset *was; /* of the last apply, lowered, once that is asked for */
	struct xt_part was_parts[FAMILY__COUNT];
	struct blob saved[FAMILY__COUNT][XT_TABLES]; /* of a snapshot that is wanted */
	struct kept_xt saved_others[FAMILY__COUNT][XT_TABLES];
	const struct foreign *foreign; /* of this reading, once that is asked for */
	int lock;
	struct xt_state {
		bool exists;  /* something of ours is there */
		bool differs; /* from what is wanted */
		bool others;  /* has rules of others that are to go */
		bool returns; /* others' rules of saved_others are not there */
		unsigned int moves; /* bits of built-in chains in which our jumps come to the front */
		const char *user; /* a chain of others that jumps to ours, or NULL */
	} state[FAMILY__COUNT][XT_TABLES];
};

#define SCOPED_CONTENT struct xt_content __attribute__((cleanup(xt_table_free)))

static int fail(struct backend_xt *xt, const struct xt_content *content, int err,
		const char *doing)
{
	xt_refusal_table(xt->diags, content, err, doing);
	return -err;
}

static int xt_probe(void)
{
	return xt_refusal_probe(FAMILY_IPV4);
}

static void *xt_open(const struct backend_input *input)
{
	struct backend_xt *xt = arena_alloc(input->arena, sizeof(*xt));

	*xt = (struct backend_xt){.input = *input, .lock = -1};
	if (input->ruleset) {
		xt->ruleset = lower_xt(input->arena, input->ruleset);
		for (enum family f = 0; f < FAMILY__COUNT; f++)
			xt->parts[f] = xt_part_of(xt->ruleset, f);
	} else if (input->snapshot.len) {
		struct snapshot snapshot = {input->snapshot.bytes, input->snapshot.len, false};

		for (enum family f = 0; f < FAMILY__COUNT; f++)
			for (size_t t = 0; t < XT_TABLES; t++)
				xt->saved[f][t] = snapshot_take_bytes(&snapshot);
	}
	if (input->others.len) {
		struct snapshot snapshot = {input->others.bytes, input->others.len, false};

		for (enum family f = 0; f < FAMILY__COUNT; f++)
			for (size_t t = 0; t < XT_TABLES; t++)
				kept_xt_load(&snapshot, input->arena, &xt->saved_others[f][t]);
	}
	return xt;
}

/* Whether something is wanted; else all of ours goes. */
static bool wants_rules(const struct backend_xt *xt)
{
	return xt->ruleset || xt->input.snapshot.len;
}

static void make_wanted(const struct backend_xt *xt, enum family family, size_t table,
			struct xt_content *out)
{
	struct blob bytes = xt->saved[family][table];
	struct snapshot saved = {bytes.bytes, bytes.len, false};

	xt_table_init(out, family, &xt_table_list[table]);
	if (xt->ruleset)
		xt_table_build(out, &xt->parts[family]);
	else if (bytes.len)
		xt_table_restore(out, &saved);
}

/* What the last apply made; returns what it was made from, or NULL when nobody knows. */
static const struct ruleset *build_was(struct backend_xt *xt, enum family family, size_t table,
				       struct xt_content *out)
{
	const struct ruleset *was = described_ruleset(xt->input.was);

	if (was && !xt->was) {
		xt->was = lower_xt(xt->input.arena, was);
		for (enum family f = 0; f < FAMILY__COUNT; f++)
			xt->was_parts[f] = xt_part_of(xt->was, f);
	}
	xt_table_init(out, family, &xt_table_list[table]);
	if (xt->was)
		xt_table_build(out, &xt->was_parts[family]);
	return xt->was;
}

/* Ours in a table as the kernel has it; free also after a failure. */
static int read_present(struct backend_xt *xt, enum family family, size_t table,
			struct xt_content *out)
{
	struct xtc_handle *handle;

	xt_table_init(out, family, &xt_table_list[table]);
	handle = xt_libraries[family].init(xt_table_list[table].name);
	if (!handle)
		return fail(xt, out, errno, "read");
	xt_table_read(out, handle);
	xt_libraries[family].free(handle);
	return 0;
}

static void xt_close(void *self)
{
	struct backend_xt *xt = self;

	if (xt && xt->lock >= 0)
		close(xt->lock);
}

static int xt_take_lock(void *self, struct diags *diags)
{
	struct backend_xt *xt = self;

	if (xt->lock < 0)
		xt->lock = lock_xtables(diags, xt->input.wait_seconds);
	return xt->lock < 0 ? xt->lock : 0;
}

static void tell_lost(struct backend_xt *xt, enum family family, size_t table, size_t n)
{
	if (n > 0)
		diag_add(xt->diags, SEVERITY_WARNING, CODE(RULE_LOST), PLACE_NONE,
			 "%zu rule%s of other programs that settings.clean-slate deleted from "
			 "table %s of %s cannot be restored: the chain, or one that it jumps to, "
			 "is gone",
			 n, n == 1 ? "" : "s", xt_table_list[table].name,
			 xt_libraries[family].command);
}

/* Others' rules of a table, or those of saved (if any) that it lacks. */
static int read_others(struct backend_xt *xt, enum family family, size_t table,
		       const struct kept_xt *saved, struct kept_xt *out)
{
	struct xt_content name __attribute__((cleanup(xt_table_free))) = {0};
	struct xtc_handle *handle;

	xt_table_init(&name, family, &xt_table_list[table]);
	handle = xt_libraries[family].init(xt_table_list[table].name);
	if (!handle)
		return fail(xt, &name, errno, "read");
	if (saved)
		tell_lost(xt, family, table,
			  kept_xt_missing(xt->input.arena, family, xt_table_list[table].name,
					   handle, saved, out));
	else
		kept_xt_read(xt->input.arena, family, xt_table_list[table].name, handle, out);
	xt_libraries[family].free(handle);
	return 0;
}

/* Tells whether others' rules are to go from the table. */
static bool is_cleaned(const struct backend_xt *xt, size_t table)
{
	return xt->input.clean_slate && xt_table_list[table].cleaned;
}

/* Jumps behind what may take packets from our rules. */

static int read_survey(struct backend_xt *xt, const struct xt_content *present)
{
	struct foreign *foreign = arena_alloc(xt->input.arena, sizeof(*foreign));
	int err;

	if (xt->foreign)
		return 0;
	*foreign = (struct foreign){.arena = xt->input.arena};
	err = foreign_read_xt(foreign);
	if (err != 0)
		return fail(xt, present, -err, "read");
	foreign_finish(foreign);
	xt->foreign = foreign;
	return 0;
}

static unsigned int bit_of(const struct xt_table *table, const char *builtin)
{
	for (unsigned int i = 0; i < XT_BUILTINS_MAX && table->builtins[i]; i++)
		if (strcmp(table->builtins[i], builtin) == 0)
			return 1u << i;
	return 0;
}

static int find_moves(struct backend_xt *xt, const struct xt_content *present,
		      struct xt_state *state, struct changes *changes)
{
	struct arena *arena = xt->input.arena;
	int err = 0;

	for (size_t i = 0; i < present->n_jumps && err == 0; i++) {
		const struct xt_jump *jump = &present->jumps[i];
		struct front_finding finding;

		if (jump->in_front > 0)
			err = read_survey(xt, present);
		if (err != 0 || jump->in_front == 0 ||
		    !front_find(xt->foreign, &xt->parts[present->family], present->table->name,
				jump->builtin, jump->chain, &finding))
			continue;
		state->moves |= bit_of(present->table, jump->builtin);
		changes_add(arena, changes,
			    (struct change){
				    .kind = CHANGE_MODIFY,
				    .what = "rule",
				    .name = arena_printf(arena, "%s %s: jump to %s",
							 present->image.name, jump->builtin,
							 jump->chain),
				    .before = arena_printf(arena, "behind %s",
							   front_text(arena, &finding)),
				    .after = "first"});
	}
	return err;
}

/* Reading. */

static int read_table(struct backend_xt *xt, enum family family, size_t table, bool lives,
		      struct xt_asked *asked, struct changes *changes)
{
	SCOPED_CONTENT present = {0};
	SCOPED_CONTENT wanted = {0};
	const struct ruleset *ruleset = xt->ruleset;
	struct xt_state *state = &xt->state[family][table];
	const struct ruleset *made_before = NULL;
	SCOPED_CONTENT was = {0};
	struct diff diff;
	int err = 0;

	if (lives)
		err = read_present(xt, family, table, &present);
	else
		xt_table_init(&present, family, &xt_table_list[table]);
	if (err != 0)
		return err;
	make_wanted(xt, family, table, &wanted);
	image_diff(xt->input.arena, &present.image, &wanted.image, &diff);
	*state = (struct xt_state){.exists = present.image.exists, .differs = diff.n > 0};
	if (present.user && !is_cleaned(xt, table))
		state->user = arena_strdup(xt->input.arena, present.user);
	if (ruleset && !is_cleaned(xt, table))
		err = find_moves(xt, &present, state, changes);
	if (err != 0)
		return err;
	if (changes_take_away(&diff))
		made_before = build_was(xt, family, table, &was);
	changes_of_tables(xt->input.arena, (struct change_source){&wanted.image, ruleset},
			  (struct change_source){&was.image, made_before}, &present.image,
			  &wanted.image, &diff, changes);
	if (is_cleaned(xt, table)) {
		state->others = present.n_others > 0;
		changes_of_others(xt->input.arena, present.image.name, present.n_others,
				  CHANGE_REMOVE, changes);
	}
	if (xt->saved_others[family][table].n > 0) {
		const struct kept_xt *saved = &xt->saved_others[family][table];
		struct kept_xt missing = *saved;

		if (lives)
			err = read_others(xt, family, table, saved, &missing);
		if (err != 0)
			return err;
		state->returns = missing.n > 0;
		changes_of_others(xt->input.arena, present.image.name, missing.n, CHANGE_ADD,
				  changes);
	}
	if (!ruleset || diff.n == 0)
		return 0;
	return xt_refusal_missing(xt->diags, ruleset, &wanted, asked);
}

static int xt_find(void *self, struct diags *diags, bool *exists)
{
	struct backend_xt *xt = self;
	int err = 0;

	xt->diags = diags;
	*exists = false;
	for (enum family f = 0; f < FAMILY__COUNT && err == 0; f++) {
		struct xt_living living;

		err = xt_living_read(xt->diags, f, &living);
		for (size_t t = 0; t < XT_TABLES && err == 0; t++) {
			SCOPED_CONTENT present = {0};

			if (!xt_living_has(&living, xt_table_list[t].name))
				continue;
			err = read_present(xt, f, t, &present);
			*exists = *exists || present.image.exists;
		}
	}
	return err;
}

static int xt_read(void *self, struct diags *diags, struct backend_found *out,
		   struct changes *changes)
{
	struct backend_xt *xt = self;

	xt->diags = diags;
	xt->foreign = NULL;
	*out = (struct backend_found){0};
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		struct xt_living living;
		struct xt_asked asked = {0};
		int err;

		if (!xt_living_has_family(f))
			continue;
		err = xt_living_read(xt->diags, f, &living);
		for (size_t t = 0; t < XT_TABLES && err == 0; t++) {
			bool lives = xt_living_has(&living, xt_table_list[t].name);

			if (!lives && !xt->ruleset && !xt->saved[f][t].len &&
			    !xt->saved_others[f][t].n)
				continue;
			err = read_table(xt, f, t, lives, &asked, changes);
			out->exists = out->exists || xt->state[f][t].exists;
		}
		if (err != 0)
			return err;
	}
	return 0;
}

/* A table that holds nothing of ours is kept as no bytes. */
static int xt_snapshot(void *self, struct diags *diags, struct buf *out, struct buf *others)
{
	struct buf text __attribute__((cleanup(buf_free))) = {0};
	struct backend_xt *xt = self;
	size_t start = out->len, start_others = others->len;
	bool exists = false, cleans = false;
	int err = 0;

	xt->diags = diags;
	for (enum family f = 0; f < FAMILY__COUNT && err == 0; f++)
		for (size_t t = 0; t < XT_TABLES && err == 0; t++) {
			SCOPED_CONTENT present = {0};
			struct kept_xt kept = {0};

			text.len = 0;
			exists = exists || xt->state[f][t].exists;
			if (xt->state[f][t].exists)
				err = read_present(xt, f, t, &present);
			if (err == 0 && xt->state[f][t].exists)
				xt_table_save(&present, &text);
			snapshot_add_bytes(out, text.data, text.len);
			cleans = cleans || xt->state[f][t].others;
			if (err == 0 && xt->state[f][t].others)
				err = read_others(xt, f, t, NULL, &kept);
			kept_xt_save(&kept, others);
		}
	if (!exists)
		out->len = start;
	if (!cleans)
		others->len = start_others;
	return err;
}

static int xt_count(void *self, struct diags *diags, struct counters *counters)
{
	struct backend_xt *xt = self;
	int err = 0;

	xt->diags = diags;
	xt_count_known(xt->ruleset, counters);
	for (enum family f = 0; f < FAMILY__COUNT && err == 0; f++) {
		struct xt_living living;

		if (!xt_living_has_family(f))
			continue;
		err = xt_living_read(xt->diags, f, &living);
		for (size_t t = 0; t < XT_TABLES && err == 0; t++) {
			SCOPED_CONTENT present = {0};

			if (!xt_living_has(&living, xt_table_list[t].name))
				continue;
			err = read_present(xt, f, t, &present);
			if (err == 0)
				xt_count_table(&xt->parts[f], &present, counters);
		}
	}
	return err;
}

/* Writing. */

/* What gives counters back comes after the new table, and may fail by itself. */
static bool was_replaced(struct backend_xt *xt, const struct xt_content *before, enum family family,
			 size_t table)
{
	SCOPED_CONTENT now = {0};

	return read_present(xt, family, table, &now) != 0 ||
	       image_fingerprint(&now.image) != image_fingerprint(&before->image);
}

/* What has come back meanwhile does not come twice. */
static int return_others(struct backend_xt *xt, struct xtc_handle *handle, enum family family,
			 size_t table)
{
	const struct kept_xt *saved = &xt->saved_others[family][table];
	struct kept_xt missing;

	if (saved->n == 0)
		return 0;
	(void)kept_xt_missing(xt->input.arena, family, xt_table_list[table].name, handle, saved,
			       &missing);
	return kept_xt_put(family, handle, &missing);
}

static int commit_once(struct backend_xt *xt, struct xtc_handle *handle, enum family family,
		       size_t table, enum xt_edit edit)
{
	SCOPED_CONTENT present = {0};
	SCOPED_CONTENT wanted = {0};
	int err;

	xt_table_init(&present, family, &xt_table_list[table]);
	xt_table_read(&present, handle);
	make_wanted(xt, family, table, &wanted);
	wanted.clean = is_cleaned(xt, table);
	for (size_t i = 0; i < wanted.n_jumps; i++)
		wanted.jumps[i].first = xt->state[family][table].moves &
					bit_of(wanted.table, wanted.jumps[i].builtin);
	err = xt_edit_table(handle, &present, &wanted, edit);
	if (err == 0 && edit == XT_EDIT_WHOLE)
		err = return_others(xt, handle, family, table);
	if (err == 0 && !xt_libraries[family].commit(handle))
		err = errno ? -errno : -EINVAL;
	if (err != 0 && err != -EAGAIN) {
		fail(xt, &present, -err, "change");
		*xt->changed = *xt->changed || was_replaced(xt, &present, family, table);
	}
	return err;
}

static int commit_table(struct backend_xt *xt, enum family family, size_t table,
			enum xt_edit edit)
{
	struct xt_content name __attribute__((cleanup(xt_table_free))) = {0};

	xt_table_init(&name, family, &xt_table_list[table]);
	for (int attempt = 0; attempt < COMMIT_ATTEMPTS; attempt++) {
		struct xtc_handle *handle = xt_libraries[family].init(xt_table_list[table].name);
		int err;

		if (!handle)
			return fail(xt, &name, errno, "read");
		err = commit_once(xt, handle, family, table, edit);
		xt_libraries[family].free(handle);
		if (err == 0)
			*xt->changed = true;
		if (err != -EAGAIN)
			return err;
	}
	return fail(xt, &name, EAGAIN, "change");
}

/* The round before the last one, for tables that hold something already. */
static int prepare_tables(struct backend_xt *xt, enum family family, size_t n_differing)
{
	int err = 0;

	if (!wants_rules(xt)) {
		if (!xt->input.replaced && xt->state[family][XT_TABLES - 1].exists)
			err = commit_table(xt, family, XT_TABLES - 1, XT_EDIT_CLOSE);
		return err;
	}
	for (size_t t = 0; t < XT_TABLES && err == 0 && n_differing > 1; t++)
		if (xt->state[family][t].differs && xt->state[family][t].exists)
			err = commit_table(xt, family, t, XT_EDIT_BOTH);
	return err;
}

/* Before anything is changed. */
static int refuse_users(struct backend_xt *xt)
{
	struct xt_content content __attribute__((cleanup(xt_table_free))) = {0};

	for (enum family f = 0; f < FAMILY__COUNT; f++)
		for (size_t t = 0; t < XT_TABLES; t++) {
			if (!xt->state[f][t].differs || !xt->state[f][t].user)
				continue;
			xt_table_init(&content, f, &xt_table_list[t]);
			content.user = xt->state[f][t].user;
			return fail(xt, &content, EMLINK, "change");
		}
	return 0;
}

static int xt_commit(void *self, struct diags *diags, bool *changed)
{
	struct backend_xt *xt = self;
	int err;

	xt->diags = diags;
	xt->changed = changed;
	err = refuse_users(xt);
	if (err != 0)
		return err;
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		size_t n_differing = 0;

		for (size_t t = 0; t < XT_TABLES; t++)
			n_differing += xt->state[f][t].differs;
		err = prepare_tables(xt, f, n_differing);
		for (size_t t = 0; t < XT_TABLES && err == 0; t++)
			if (xt->state[f][t].differs || xt->state[f][t].others ||
			    xt->state[f][t].returns || xt->state[f][t].moves)
				err = commit_table(xt, f, t, XT_EDIT_WHOLE);
		if (err != 0)
			return err;
	}
	return 0;
}

const struct backend_info backend_xt = {
	.name = "iptables",
	.where = "chains HOSTGATE-* of iptables and ip6tables",
	.probe = xt_probe,
	.open = xt_open,
	.close = xt_close,
	.lock = xt_take_lock,
	.find = xt_find,
	.read = xt_read,
	.snapshot = xt_snapshot,
	.count = xt_count,
	.commit = xt_commit,
};
