// SPDX-License-Identifier: GPL-2.0-or-later
// report_changes: a list of changes as text for people.
#include <string.h>

#include "report/report_changes.h"

static const struct {
	const char *past, *sign, *colour;
} kinds[CHANGE__COUNT] = {
	[CHANGE_ADD] = {"added", "+", "\033[32m"},
	[CHANGE_MODIFY] = {"modified", "~", "\033[33m"},
	[CHANGE_REMOVE] = {"removed", "-", "\033[31m"},
};

/* What it was and is; a single value that the name tells already is left out. */
static void add_values(const struct change *change, struct buf *out)
{
	const char *single = change->before ? change->before : change->after;

	if (change->before && change->after)
		buf_printf(out, ": %s -> %s", change->before, change->after);
	else if (single && !strstr(change->name, single))
		buf_printf(out, ": %s", single);
}

void changes_print(const struct changes *changes, size_t limit, bool colour, struct buf *out)
{
	size_t n = limit > 0 && changes->n > limit ? limit : changes->n;

	for (size_t i = 0; i < n; i++) {
		const struct change *change = &changes->items[i];

		buf_printf(out, "%s%s %s %s", colour ? kinds[change->kind].colour : "",
			   kinds[change->kind].sign, change->what, change->name);
		add_values(change, out);
		if (change->network)
			buf_printf(out, " (%s)", change->network);
		buf_puts(out, colour ? "\033[0m\n" : "\n");
	}
	if (n < changes->n)
		buf_printf(out, "  and %zu more; --verbose shows all\n", changes->n - n);
}

void changes_count(const struct changes *changes, struct buf *out)
{
	size_t count[CHANGE__COUNT] = {0};

	for (size_t i = 0; i < changes->n; i++)
		count[changes->items[i].kind]++;
	for (size_t i = 0; i < CHANGE__COUNT; i++)
		buf_printf(out, "%s%zu %s", i == 0 ? "" : ", ", count[i], kinds[i].past);
}

void changes_print_conntrack(const struct changes *changes, size_t limit, struct buf *out)
{
	size_t n = limit > 0 && changes->n_conntrack > limit ? limit : changes->n_conntrack;
	size_t others = 0;

	for (size_t i = 0; i < n; i++) {
		const struct conntrack_count *count = &changes->conntrack[i];

		buf_printf(out,
			   "%zu connection%s of %s deleted from conntrack: what is still allowed "
			   "starts again, as described now\n",
			   count->n, count->n == 1 ? "" : "s", count->network);
	}
	for (size_t i = n; i < changes->n_conntrack; i++)
		others += changes->conntrack[i].n;
	if (others > 0)
		buf_printf(out, "  and %zu of %zu more networks; --verbose shows all\n", others,
			   changes->n_conntrack - n);
}
