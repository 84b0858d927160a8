// SPDX-License-Identifier: GPL-2.0-or-later
// sysctl_want: which values a ruleset wants on this host's interfaces.
#include "sysctl/sysctl_want.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag_codes.h"

/*
 * Theory of operation
 *
 * A host begins to forward IPv6 by a switch. From then on it is a router: an interface with
 * accept_ra=1 hears no router advertisements any more, and the default routes that the kernel
 * learned by them are deleted at once, on every interface whose accept_ra is not 2. They do not come
 * back before the next advertisement. So interfaces that hear them are guarded first; once the
 * switch is on there is nothing to guard: who hears them then goes on hearing them.
 */

struct wanting {
	struct arena *arena;
	struct diags *diags;
	const struct sysctl_input *input;
	const struct sysctl_names *names; /* by family */
	struct sysctl_wants *out;
};

bool sysctl_needs_advertised(const struct ruleset *ruleset)
{
	for (size_t i = 0; i < ruleset->n_sysctls; i++)
		if (ruleset->sysctls[i].when == SYSCTL_IF_ADVERTISED)
			return true;
	return false;
}

static const char *path_of(struct wanting *w, enum family family, const char *interface,
			   const char *leaf)
{
	return arena_printf(w->arena, "%s/%s/%s", sysctl_families[family].conf, interface, leaf);
}

/* Whether the value is that one; of one that can't be read a later step tells. */
static bool is(struct wanting *w, const char *path, const char *value)
{
	const char *present = sysctl_file_read(w->arena, w->input->root, path);

	return present ? strcmp(present, value) == 0 : errno != ENOENT && errno != ENODEV;
}

static const char *text_of(struct wanting *w, uint8_t value)
{
	return arena_printf(w->arena, "%u", (unsigned int)value);
}

static void want(struct wanting *w, const struct sysctl *sysctl, const char *path)
{
	struct sysctl_wants *out = w->out;

	out->items = arena_grow(w->arena, out->items, out->n, &out->cap, sizeof(*out->items));
	out->items[out->n++] = (struct sysctl_want){path, text_of(w, sysctl->value), sysctl};
}

/* Guards. */

static void mark(const struct sysctl_names *names, const struct ifpattern *pattern, bool *marks)
{
	size_t first, n = sysctl_names_matching(names, pattern, &first);

	while (n-- > 0)
		marks[first + n] = true;
}

/* Marks the interfaces that are in a list of names. */
static bool *marks_of(struct wanting *w, const struct sysctl_names *names,
		      char (*list)[IFNAME_SIZE], size_t n)
{
	bool *marks = arena_calloc(w->arena, names->n, sizeof(*marks));

	for (size_t i = 0; i < n; i++) {
		struct ifpattern pattern = {0};

		memcpy(pattern.name, list[i], IFNAME_SIZE);
		mark(names, &pattern, marks);
	}
	return marks;
}

static bool accepts_advertisements(struct wanting *w, const char *interface, const char *path)
{
	return is(w, path, "1") && is(w, path_of(w, FAMILY_IPV6, interface, "forwarding"), "0");
}

static void expand_guard(struct wanting *w, const struct sysctl *sysctl)
{
	const struct sysctl_names *names = &w->names[sysctl->family];
	const struct route_interfaces *advertised = w->input->advertised;
	bool *excepted = arena_calloc(w->arena, names->n, sizeof(*excepted));
	bool *learned = marks_of(w, names, advertised->names, advertised->n);
	bool *deaf = marks_of(w, names, w->input->deaf->names, w->input->deaf->n);
	bool begins = is(w, sysctl_families[sysctl->family].path, "0");

	for (size_t i = 0; i < sysctl->n_except; i++)
		mark(names, &sysctl->except[i], excepted);
	for (size_t i = 0; i < names->n; i++) {
		const char *path = path_of(w, sysctl->family, names->items[i], sysctl->leaf);
		const struct record_sysctl *entry = record_find(w->input->record, path);
		/* Once guarded it stays guarded: without it the route could never come back. */
		bool wanted = entry && strtoul(entry->written, NULL, 10) == sysctl->value;

		if (!wanted && begins)
			wanted = learned[i] ||
				 (!deaf[i] && accepts_advertisements(w, names->items[i], path));
		if (wanted && !excepted[i])
			want(w, sysctl, path);
	}
}

static void expand(struct wanting *w, const struct sysctl *sysctl)
{
	const struct ifpattern *pattern = &sysctl->interface;
	const struct sysctl_names *names = &w->names[sysctl->family];
	size_t first, n;

	if (sysctl->when == SYSCTL_IF_ADVERTISED) {
		expand_guard(w, sysctl);
		return;
	}
	if (pattern->name[0] == '\0') {
		want(w, sysctl, sysctl->leaf);
		return;
	}
	n = sysctl_names_matching(names, pattern, &first);
	for (size_t i = first; i < first + n; i++)
		want(w, sysctl, path_of(w, sysctl->family, names->items[i], sysctl->leaf));
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(((const struct sysctl_want *)a)->path, ((const struct sysctl_want *)b)->path);
}

const struct sysctl_want *sysctl_wants_find(const struct sysctl_wants *wants, const char *path)
{
	const struct sysctl_want key = {.path = path};

	return wants->n ? bsearch(&key, wants->by_path, wants->n, sizeof(key), compare_paths)
			: NULL;
}

void sysctl_wants_make(struct arena *arena, struct diags *diags, const struct sysctl_input *input,
		       const struct sysctl_names names[static FAMILY__COUNT],
		       struct sysctl_wants *out)
{
	struct wanting w = {
		.arena = arena, .diags = diags, .input = input, .names = names, .out = out};

	*out = (struct sysctl_wants){0};
	for (size_t i = 0; input->ruleset && i < input->ruleset->n_sysctls; i++)
		expand(&w, &input->ruleset->sysctls[i]);
	out->by_path = arena_calloc(arena, out->n, sizeof(*out->by_path));
	if (out->n) {
		memcpy(out->by_path, out->items, out->n * sizeof(*out->by_path));
		qsort(out->by_path, out->n, sizeof(*out->by_path), compare_paths);
	}
}
