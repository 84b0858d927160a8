// SPDX-License-Identifier: GPL-2.0-or-later
// sysctl_plan: which values under /proc/sys are to change.
#include "sysctl/sysctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag_codes.h"
#include "sysctl/sysctl_file.h"
#include "sysctl/sysctl_want.h"

/*
 * Theory of operation
 *
 * Wanted values come from the ruleset, earlier ones from the record. A value that is there already
 * is not written and not remembered: it is not ours. One that we wrote and nobody wants any more
 * is put back, unless it is no longer what we wrote.
 *
 * net.ipv4.ip_forward and net.ipv6.conf.all.forwarding are switches: written, they set the
 * forwarding of every interface (and for IPv4 conf.all.accept_redirects to the opposite). What
 * switching back would not restore by itself is remembered with the switch as "moved". Both
 * effects are the kernel's documented behaviour, so they are known before anything is written.
 */

struct planning {
	struct arena *arena;
	struct diags *diags;
	const struct sysctl_input *input;
	struct sysctl_names names[FAMILY__COUNT]; /* of interfaces, sorted */
	struct sysctl_wants wants;
	const char *switched[FAMILY__COUNT]; /* what those that are written become */
	size_t n_put_back; /* first ones of out */
	bool as_is;	   /* what is there counts, not what will be */
	struct sysctl_writes *out;
	struct record *next, *back;
	const char *unreadable; /* the first value that is there, but cannot be read */
	int unreadable_err;
};

static const char *leaf_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_forwarding(const char *path)
{
	const char *leaf = leaf_of(path);

	return strcmp(leaf, "forwarding") == 0 || strcmp(leaf, "ip_forward") == 0 ||
	       strcmp(leaf, "force_forwarding") == 0;
}

/* That a host which forwards goes on hearing router advertisements. */
static bool is_guard(const char *path, const char *value)
{
	return strcmp(leaf_of(path), "accept_ra") == 0 && strcmp(value, "2") == 0;
}

/* A guard that can't be written ends the run while nothing is changed yet. */
static enum sysctl_step step_of(const char *path, const char *to)
{
	if (is_guard(path, to))
		return SYSCTL_STEP_CLOSE;
	if (!is_forwarding(path))
		return SYSCTL_STEP_SETTLE;
	return strcmp(to, "0") == 0 ? SYSCTL_STEP_CLOSE : SYSCTL_STEP_OPEN;
}

/* What is there, and what will be there when the values of earlier runs are back. */

static const char *opposite_of(const char *value)
{
	return strcmp(value, "0") == 0 ? "1" : "0";
}

/* Returns what a switch with this value makes of the path, or NULL when it leaves it alone. */
static const char *effect_of(enum family family, const char *path, const char *value)
{
	size_t len = strlen(sysctl_families[family].conf);

	if (sysctl_families[family].opposite && strcmp(path, sysctl_families[family].opposite) == 0)
		return opposite_of(value);
	if (strncmp(path, sysctl_families[family].conf, len) == 0 &&
	    strcmp(leaf_of(path), "forwarding") == 0)
		return value;
	return NULL;
}

/* Returns NULL where there is no such value; one that cannot be read is an error in the end. */
static const char *read_present(struct planning *p, const char *path)
{
	const char *value = sysctl_file_read(p->arena, p->input->root, path);
	int err = errno;

	if (!value && err != ENOENT && err != ENODEV && !p->unreadable) {
		p->unreadable = path;
		p->unreadable_err = err;
	}
	errno = err;
	return value;
}

/* Returns the value when all that is put back has been put back. */
static const char *predict(struct planning *p, const char *path)
{
	const char *value = NULL;

	for (size_t i = 0; !p->as_is && i < p->n_put_back; i++) {
		const struct sysctl_write *write = &p->out->items[i];
		enum family family;

		if (strcmp(write->path, path) == 0)
			return write->to;
		if (!sysctl_is_switch(write->path, &family) || !effect_of(family, path, write->to))
			continue;
		value = effect_of(family, path, write->to);
		for (size_t j = 0; j < write->n_restore; j++)
			if (strcmp(write->restore[j].path, path) == 0)
				value = write->restore[j].before;
	}
	return value ? value : read_present(p, path);
}

/* Returns the value when the switches have been written, too. */
static const char *foresee(struct planning *p, const char *path)
{
	for (enum family f = 0; f < FAMILY__COUNT; f++)
		if (p->switched[f] && effect_of(f, path, p->switched[f]))
			return effect_of(f, path, p->switched[f]);
	return predict(p, path);
}

/* What the record of an interrupted run says of a value that the switch moved; else NULL. */
static const char *remembered(const struct planning *p, const struct record_sysctl *entry,
			      const char *path)
{
	const struct record_sysctl *known = record_find(p->input->record, entry->path);

	if (!p->input->interrupted || !known || strcmp(known->before, entry->before) != 0)
		return NULL;
	for (size_t i = 0; i < known->n_moved; i++)
		if (strcmp(known->moved[i].path, path) == 0)
			return known->moved[i].before;
	return NULL;
}

/* A value of ours that stays has an entry, which knows what it is when all of ours is gone. */
static const char *before_ours(struct planning *p, const char *path)
{
	const struct record_sysctl *own = record_find(p->input->record, path);
	const struct sysctl_want *wanted = sysctl_wants_find(&p->wants, path);
	const char *value = predict(p, path);

	if (!p->as_is && own && wanted && value && strcmp(value, own->written) == 0 &&
	    strcmp(wanted->value, own->written) == 0)
		return own->before;
	return value;
}

static void remember_moved(struct planning *p, struct record_sysctl *entry, const char *path,
			   const char *unmoved)
{
	const char *value = before_ours(p, path);

	/* Switched back, but not yet put back by the interrupted run. */
	if (value && strcmp(value, unmoved) == 0)
		value = remembered(p, entry, path);
	if (!value || strcmp(value, unmoved) == 0)
		return;
	entry->moved = arena_grow(p->arena, entry->moved, entry->n_moved, &entry->cap_moved,
				  sizeof(*entry->moved));
	entry->moved[entry->n_moved++] = (struct record_moved){path, value};
}

/* Remembers what switching back would not make of each interface by itself. */
static void remember_all_moved(struct planning *p, enum family family, struct record_sysctl *entry)
{
	const struct sysctl_names *names = &p->names[family];

	remember_moved(
		p, entry,
		arena_printf(p->arena, "%s/default/forwarding", sysctl_families[family].conf),
		entry->before);
	for (size_t i = 0; i < names->n; i++)
		remember_moved(p, entry,
			       arena_printf(p->arena, "%s/%s/forwarding",
					    sysctl_families[family].conf, names->items[i]),
			       entry->before);
	if (sysctl_families[family].opposite)
		remember_moved(p, entry, sysctl_families[family].opposite,
			       opposite_of(entry->before));
}

static void add_write(struct planning *p, struct sysctl_write write)
{
	const char *present = read_present(p, write.path);
	struct record_sysctl back = {.path = write.path,
				    .before = present ? present : write.from,
				    .written = write.to};
	struct sysctl_writes *out = p->out;
	enum family family;

	/* What undoes it goes by what is there now, not by what is there once others are back. */
	p->as_is = true;
	if (sysctl_is_switch(write.path, &family))
		remember_all_moved(p, family, &back);
	p->as_is = false;
	if (strcmp(back.before, back.written) != 0)
		record_add(p->arena, p->back, back);
	write.step = step_of(write.path, write.to);
	out->items = arena_grow(p->arena, out->items, out->n, &out->cap, sizeof(*out->items));
	out->items[out->n++] = write;
}

/* What the switch moved goes back to what it was, unless somebody moved it again. */
static void plan_restore(struct planning *p, const struct record_sysctl *entry,
			 struct sysctl_write *write)
{
	struct record_moved *restore = arena_calloc(p->arena, entry->n_moved, sizeof(*restore));
	enum family family;

	write->restore = restore;
	if (!sysctl_is_switch(entry->path, &family))
		return;
	for (size_t i = 0; i < entry->n_moved; i++) {
		const struct record_moved *moved = &entry->moved[i];
		const char *present = read_present(p, moved->path);
		const char *after = effect_of(family, moved->path, entry->written), *before;
		const struct record_sysctl *own = record_find(p->input->record, moved->path);

		if (!present || !after)
			continue;
		before = strcmp(present, after) == 0 ? moved->before : present;
		if (own && strcmp(present, own->written) == 0)
			before = own->before;
		restore[write->n_restore++] = (struct record_moved){moved->path, before};
	}
}

static enum family family_of(const char *path)
{
	return strncmp(path, "net/ipv6/", strlen("net/ipv6/")) == 0 ? FAMILY_IPV6 : FAMILY_IPV4;
}

static void find_users(struct planning *p, const char *path, struct sysctl_users *out)
{
	*out = (struct sysctl_users){0};
	if (p->input->users && is_forwarding(path))
		p->input->users(p->input->users_data, family_of(path), out);
}

static bool was_there(const struct record_sysctl *entry, const char *name)
{
	for (size_t i = 0; i < entry->n_others; i++)
		if (strcmp(entry->others[i], name) == 0)
			return true;
	return false;
}

/* Most users that the note names. */
#define USERS_SHOWN 3

/* Who had rules for it while it was off did not need it; who came since does. */
static bool is_needed(struct planning *p, const struct record_sysctl *entry)
{
	struct buf named __attribute__((cleanup(buf_free))) = {0};
	struct sysctl_users users;
	struct diag *diag;
	size_t n = 0;

	if (strcmp(entry->before, "0") != 0)
		return false;
	find_users(p, entry->path, &users);
	for (size_t i = 0; i < users.n; i++) {
		if (was_there(entry, users.names[i]))
			continue;
		if (n++ < USERS_SHOWN)
			buf_printf(&named, "%s%s", n == 1 ? "" : "; ", users.names[i]);
	}
	if (n == 0)
		return false;
	if (n > USERS_SHOWN)
		buf_printf(&named, "; and %zu more", n - USERS_SHOWN);
	diag = diag_add(p->diags, SEVERITY_NOTE, CODE(FORWARDING_USED), PLACE_NONE,
			"%s stays %s, which hostgate wrote: other programs now need it (%s)",
			entry->path, entry->written, buf_text(&named));
	diag_hint(p->diags, diag, "`echo 0 > /proc/sys/%s` switches it off", entry->path);
	return true;
}

/* The switch is back already, but a run was interrupted that may have left what it moved. */
static void plan_restore_rest(struct planning *p, const struct record_sysctl *entry)
{
	enum family family;

	if (!sysctl_is_switch(entry->path, &family))
		return;
	for (size_t i = 0; i < entry->n_moved; i++) {
		const struct record_moved *moved = &entry->moved[i];
		const char *present = read_present(p, moved->path);
		const char *after = effect_of(family, moved->path, entry->before);

		if (present && after && strcmp(present, after) == 0 &&
		    strcmp(present, moved->before) != 0)
			add_write(p, (struct sysctl_write){.path = moved->path,
							   .from = present,
							   .to = moved->before});
	}
}

static void plan_put_back(struct planning *p, const struct record_sysctl *entry, const char *present)
{
	struct sysctl_write write = {.path = entry->path, .from = present, .to = entry->before};

	if (strcmp(present, entry->before) == 0) {
		if (p->input->interrupted)
			plan_restore_rest(p, entry);
		return;
	}
	if (strcmp(present, entry->written) != 0) {
		diag_add(p->diags, SEVERITY_WARNING, CODE(SYSCTL_FOREIGN), PLACE_NONE,
			 "%s is %s, but hostgate wrote %s: another program changed it since, so it "
			 "is left alone (before hostgate it was %s)",
			 entry->path, present, entry->written, entry->before);
		return;
	}
	plan_restore(p, entry, &write);
	add_write(p, write);
}

/* Taking rules away while a value can't be put back would leave forwarding on without them. */
static int tell_unread(struct planning *p, const char *path, int err)
{
	struct diag *diag = diag_add(p->diags, SEVERITY_ERROR, CODE(SYSCTL_FAILED), PLACE_NONE,
				     "cannot read %s: %s", path, strerror(err));

	diag->err = err;
	return -err;
}

/* While the host goes on forwarding, it would not hear router advertisements any more. */
static bool is_guarding(struct planning *p, const struct record_sysctl *entry)
{
	const char *value;

	if (!is_guard(entry->path, entry->written))
		return false;
	value = predict(p, sysctl_families[FAMILY_IPV6].path);
	return value && strcmp(value, "0") != 0;
}

static int plan_put_backs_of(struct planning *p, bool forwarding)
{
	for (size_t i = 0; i < p->input->record->n_sysctls; i++) {
		const struct record_sysctl *entry = &p->input->record->sysctls[i];
		const struct sysctl_want *wanted = sysctl_wants_find(&p->wants, entry->path);
		const char *present;

		if (is_forwarding(entry->path) != forwarding)
			continue;
		present = read_present(p, entry->path);
		/* Without its interface the value is gone. */
		if (!present && errno != ENOENT && errno != ENODEV)
			return tell_unread(p, entry->path, errno);
		if (!present)
			continue;
		if (!wanted && strcmp(present, entry->written) == 0 &&
		    (forwarding ? is_needed(p, entry) : is_guarding(p, entry))) {
			record_add(p->arena, p->next, *entry);
			continue;
		}
		/* Wanted is what was there before: that is putting back, too. */
		if (!wanted || (strcmp(wanted->value, entry->before) == 0 &&
				strcmp(present, entry->written) == 0))
			plan_put_back(p, entry, present);
	}
	p->n_put_back = p->out->n;
	return 0;
}

static int plan_put_backs(struct planning *p)
{
	int err = plan_put_backs_of(p, true);

	return err ? err : plan_put_backs_of(p, false);
}

static int tell_unreadable(struct planning *p, const struct sysctl_want *wanted, int err)
{
	struct diag *diag;
	const struct origin *origin = &p->input->ruleset->origins[wanted->from->origin];
	enum family family;

	/* An interface may have gone since they were listed. */
	if (err == ENOENT &&
	    (wanted->from->phase != SYSCTL_FORWARD ||
	     strcmp(leaf_of(wanted->path), "force_forwarding") != 0) &&
	    !sysctl_is_switch(wanted->path, &family))
		return 0;
	diag = diag_add(p->diags, SEVERITY_ERROR,
			err == ENOENT ? CODE(SYSCTL_MISSING) : CODE(SYSCTL_FAILED), origin->place,
			"cannot read %s: %s", wanted->path, strerror(err));
	diag->err = err;
	if (err == ENOENT && strcmp(leaf_of(wanted->path), "force_forwarding") == 0)
		diag_hint(p->diags, diag,
			  "IPv6 forwarding for single interfaces needs Linux 6.17; use "
			  "`forwarding: auto`");
	else if (err == ENOENT)
		diag_hint(p->diags, diag, "is IPv6 switched off in this kernel?");
	return -err;
}

static int plan_wanted(struct planning *p, const struct sysctl_want *wanted)
{
	const struct record_sysctl *entry = record_find(p->input->record, wanted->path);
	const char *present = read_present(p, wanted->path), *from;
	const struct origin *origin = &p->input->ruleset->origins[wanted->from->origin];
	struct record_sysctl now = {.path = wanted->path, .written = wanted->value};
	struct sysctl_users users;
	enum family family;

	if (!present)
		return tell_unreadable(p, wanted, errno);
	from = foresee(p, wanted->path);
	if (!from)
		return tell_unreadable(p, wanted, errno);
	if (strcmp(from, wanted->value) == 0) {
		if (entry && strcmp(entry->written, wanted->value) == 0)
			record_add(p->arena, p->next, *entry);
		return 0;
	}
	now.before = entry && strcmp(present, entry->written) == 0 ? entry->before : from;
	if (sysctl_is_switch(wanted->path, &family)) {
		remember_all_moved(p, family, &now);
		p->switched[family] = wanted->value;
	}
	if (entry && now.before == entry->before) {
		now.others = entry->others;
		now.n_others = entry->n_others;
	} else {
		find_users(p, wanted->path, &users);
		now.others = users.names;
		now.n_others = users.n;
	}
	record_add(p->arena, p->next, now);
	add_write(p, (struct sysctl_write){.path = wanted->path,
					   .from = from,
					   .to = wanted->value,
					   .network = origin->network,
					   .guard = wanted->from->phase == SYSCTL_GUARD,
					   .place = origin->place});
	return 0;
}

static void sort_by_step(struct arena *arena, struct sysctl_writes *writes)
{
	struct sysctl_write *sorted = arena_calloc(arena, writes->n, sizeof(*sorted));
	size_t n = 0;

	for (enum sysctl_step step = 0; step < SYSCTL_STEP__COUNT; step++)
		for (size_t i = 0; i < writes->n; i++)
			if (writes->items[i].step == step)
				sorted[n++] = writes->items[i];
	writes->items = sorted;
}

int sysctl_plan(struct arena *arena, struct diags *diags, const struct sysctl_input *input,
		struct sysctl_writes *out, struct record *next, struct record *back)
{
	struct planning p = {.arena = arena,
			     .diags = diags,
			     .input = input,
			     .out = out,
			     .next = next,
			     .back = back};
	int err = 0;

	*out = (struct sysctl_writes){0};
	next->sysctls = NULL;
	next->n_sysctls = next->cap_sysctls = 0;
	*back = (struct record){0};
	for (enum family f = 0; err == 0 && f < FAMILY__COUNT; f++)
		err = sysctl_names_read(arena, input->root, sysctl_families[f].conf, &p.names[f]);
	if (err != 0) {
		diag_add(diags, SEVERITY_ERROR, CODE(SYSCTL_FAILED), PLACE_NONE,
			 "cannot list the interfaces' sysctls: %s", strerror(-err))
			->err = -err;
		return err;
	}
	sysctl_wants_make(arena, diags, input, p.names, &p.wants);
	err = plan_put_backs(&p);
	for (size_t i = 0; err == 0 && i < p.wants.n; i++)
		err = plan_wanted(&p, &p.wants.items[i]);
	sort_by_step(arena, out);
	record_sort(next);
	record_sort(back);
	return err == 0 && p.unreadable ? tell_unread(&p, p.unreadable, p.unreadable_err) : err;
}
