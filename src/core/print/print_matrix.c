// SPDX-License-Identifier: GPL-2.0-or-later
// print_matrix: what may pass, from where to where and with which address, as a table for people.
#include <string.h>

#include "hostgate/print.h"
#include "hostgate/ways.h"

enum column {
	COLUMN_FROM,
	COLUMN_TO,
	COLUMN_WHAT,
	COLUMN_AS,
	COLUMN_RESULT,
	COLUMN__COUNT
};

struct row {
	const char *cell[COLUMN__COUNT];
	enum permission permission;
	enum matrix_result result;
};

struct table {
	struct arena *arena;
	matrix_judge_fn *judge; /* or NULL */
	const void *data;
	struct row *rows;
	size_t n, cap;
	size_t width[COLUMN__COUNT];
};

static const char *const titles[COLUMN__COUNT] = {"FROM", "TO", "WHAT HAPPENS", "AS", ""};

/* Red, yellow, green. */
static const char *const colours[PERMIT__COUNT] = {"\033[31m", "\033[33m", "\033[32m"};

static const char *const result_names[MATRIX__COUNT] = {
	[MATRIX_UNTESTED] = "",
	[MATRIX_PASS] = "PASS",
	[MATRIX_LEAK] = "LEAK",
	[MATRIX_FAIL] = "FAIL",
};

static const char *const result_colours[MATRIX__COUNT] = {
	[MATRIX_UNTESTED] = "",
	[MATRIX_PASS] = "\033[32m",
	[MATRIX_LEAK] = "\033[1;31m",
	[MATRIX_FAIL] = "\033[1;31m",
};

static void add_row(struct table *t, enum permission permission, const struct matrix_cell *cell,
		    const char *from, const char *to, const char *what, const char *as)
{
	struct row row = {{from, to, what, as, ""}, permission, MATRIX_UNTESTED};

	if (t->judge)
		row.result = t->judge(cell, t->data);
	row.cell[COLUMN_RESULT] = result_names[row.result];
	t->rows = arena_grow(t->arena, t->rows, t->n, &t->cap, sizeof(*t->rows));
	t->rows[t->n++] = row;
	for (size_t c = 0; c < COLUMN__COUNT; c++)
		if (strlen(row.cell[c]) > t->width[c])
			t->width[c] = strlen(row.cell[c]);
}

/* "vmnet1", or "lab (tap0, tap1)" where name and interface differ. */
static const char *network_text(struct arena *arena, const struct network *network)
{
	char text[IFNAME_SIZE + 1];
	const char *list = "";

	for (size_t i = 0; i < network->n_interfaces; i++)
		list = arena_printf(arena, "%s%s%s", list, i ? ", " : "",
				    ifpattern_format(&network->interfaces[i], text));
	if (strcmp(list, network->name) == 0)
		return network->name;
	return arena_printf(arena, "%s (%s)", network->name, list);
}

static const char *uplink_text(struct arena *arena, const struct uplink *uplink)
{
	if (strcmp(uplink->name, uplink->interface.name) == 0)
		return uplink->name;
	return arena_printf(arena, "%s (%s)", uplink->name, uplink->interface.name);
}

/* What the source becomes, by family. */
static const char *address_text(struct arena *arena, const struct way *way)
{
	char text[ADDR_TEXT_SIZE];
	const char *list = "";

	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		const struct translation *translation = &way->of[f].translation;

		if (!way->of[f].translated)
			continue;
		list = arena_printf(arena, "%s%s%s", list, *list ? ", " : "",
				    translation->masquerade
					    ? arena_printf(arena, "%s address of %s",
							   family_name(f),
							   way->to.uplink->interface.name)
					    : addr_format(&translation->address, text));
	}
	return list;
}

/* A family without a subnet does not pass at all. */
static const char *family_limit(const struct way *way)
{
	if (way->of[FAMILY_IPV6].permission == PERMIT_NOTHING)
		return ", IPv4 only";
	return way->of[FAMILY_IPV4].permission == PERMIT_NOTHING ? ", IPv6 only" : "";
}

static const char *what_text(struct arena *arena, const struct way *way, enum deny deny)
{
	const struct passage *passage = way_passage(way);

	if (passage->permission == PERMIT_REPLIES)
		return "replies only";
	if (passage->permission == PERMIT_ALL)
		return arena_printf(arena, "passes, %s%s",
				    passage->translated ? "translated" : "untranslated",
				    family_limit(way));
	return way->from.kind == END_NETWORK && deny == DENY_REJECT ? "refused (reject)"
								    : "refused (drop)";
}

static void add_way(struct table *t, const struct description *d, const struct way *way,
		    const char *from, const char *to, const struct matrix_cell *cell)
{
	const struct passage *passage = way_passage(way);
	const char *as = "";

	if (passage->permission == PERMIT_ALL)
		as = passage->translated ? address_text(t->arena, way) : "its own address";
	add_row(t, passage->permission, cell, from, to, what_text(t->arena, way, d->settings.deny),
		as);
}

static void add_network(struct table *t, const struct description *d, uint32_t idx)
{
	struct ways ways = ways_of(d, &d->networks[idx]);
	const char *name = network_text(t->arena, ways.network);
	const char *others = "anywhere";
	struct way way;

	while (ways_next(&ways, &way)) {
		bool enters = way.from.kind != END_NETWORK;
		const struct uplink *uplink = enters ? way.from.uplink : way.to.uplink;
		const char *other = uplink ? uplink_text(t->arena, uplink) : others;
		struct matrix_cell cell = {idx, NO_INDEX, enters};

		if (way.from.kind == way.to.kind)
			continue;
		if (uplink) {
			cell.uplink = (uint32_t)(uplink - d->uplinks);
			others = "anywhere else";
		}
		add_way(t, d, &way, enters ? other : name, enters ? name : other, &cell);
	}
}

static void print_row(const struct table *t, const struct row *row, const char *colour,
		      struct buf *out)
{
	size_t last = COLUMN__COUNT - 1;

	while (last > 0 && !*row->cell[last])
		last--;
	for (size_t c = 0; c <= last; c++) {
		const char *paint = c == COLUMN_WHAT ? colour : "";

		if (c == COLUMN_RESULT && *colour)
			paint = result_colours[row->result];
		buf_printf(out, "%s%s%s", paint, row->cell[c], *paint ? "\033[0m" : "");
		if (c < last)
			buf_printf(out, "%*s", (int)(t->width[c] - strlen(row->cell[c]) + 2), "");
	}
	buf_putc(out, '\n');
}

void print_matrix_judged(const struct description *description, matrix_judge_fn *judge,
			 const void *data, bool colour, struct buf *out)
{
	struct table t = {.arena = arena_new(), .judge = judge, .data = data};
	struct row header = {0};

	for (size_t c = 0; c < COLUMN__COUNT; c++) {
		header.cell[c] = titles[c];
		t.width[c] = strlen(titles[c]);
	}
	for (uint32_t n = 0; n < description->n_networks; n++)
		add_network(&t, description, n);
	print_row(&t, &header, "", out);
	for (size_t r = 0; r < t.n; r++)
		print_row(&t, &t.rows[r], colour ? colours[t.rows[r].permission] : "", out);
	arena_free(t.arena);
}

void print_matrix(const struct description *description, bool colour, struct buf *out)
{
	print_matrix_judged(description, NULL, NULL, colour, out);
}
