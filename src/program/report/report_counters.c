// SPDX-License-Identifier: GPL-2.0-or-later
// report_counters: what was counted for each network, for people and as JSON.
#include "report/report_counters.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name, *title;
} tallies[TALLY__COUNT] = {
	[TALLY_NONE] = {NULL, "COUNTED"},
	[TALLY_IN] = {"in", "IN"},
	[TALLY_OUT] = {"out", "OUT"},
	[TALLY_REFUSED] = {"refused", "REFUSED"},
	[TALLY_CAUGHT] = {"caught", "BAD SOURCE"},
};

static uint64_t packets_of(const struct network_counters *item)
{
	uint64_t sum = 0;

	for (enum tally t = 0; t < TALLY__COUNT; t++)
		sum += item->counts[t].packets;
	return sum;
}

static int compare(const void *a, const void *b)
{
	const struct network_counters *x = *(const struct network_counters *const *)a;
	const struct network_counters *y = *(const struct network_counters *const *)b;
	uint64_t of_x = packets_of(x), of_y = packets_of(y);

	if (of_x != of_y)
		return of_x > of_y ? -1 : 1;
	return x < y ? -1 : x > y; /* as described */
}

/* "0", "7 (588 B)", "12345 (1.2 MiB)" */
static const char *cell_of(struct arena *arena, struct counter count, bool unknown)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double size = (double)count.bytes / 1024;
	size_t unit = 0;

	if (unknown)
		return "-";
	if (count.packets == 0)
		return "0";
	if (count.bytes < 1024)
		return arena_printf(arena, "%" PRIu64 " (%" PRIu64 " B)", count.packets,
				    count.bytes);
	for (; size >= 1024 && unit + 1 < sizeof(units) / sizeof(*units); unit++)
		size /= 1024;
	return arena_printf(arena, "%" PRIu64 " (%.1f %s)", count.packets, size, units[unit]);
}

static void print_row(const char *const cells[TALLY__COUNT], const size_t width[TALLY__COUNT],
		      struct buf *out)
{
	for (enum tally t = 0; t < TALLY__COUNT; t++)
		buf_printf(out, "%*s%s", t + 1 < TALLY__COUNT ? -(int)width[t] : 0, cells[t],
			   t + 1 < TALLY__COUNT ? "  " : "\n");
}

static void add_width(const char *const cells[TALLY__COUNT], size_t width[TALLY__COUNT])
{
	for (enum tally t = 0; t < TALLY__COUNT; t++)
		if (strlen(cells[t]) > width[t])
			width[t] = strlen(cells[t]);
}

void counters_print(struct arena *arena, const struct counters *counters, size_t limit,
		    struct buf *out)
{
	size_t n = limit > 0 && counters->n > limit ? limit : counters->n;
	const struct network_counters **order =
		arena_calloc(arena, counters->n, sizeof(const struct network_counters *));
	const char *(*cells)[TALLY__COUNT] = arena_calloc(arena, n + 1, sizeof(*cells));
	size_t width[TALLY__COUNT] = {0};

	if (counters->n == 0)
		return;
	for (size_t i = 0; i < counters->n; i++)
		order[i] = &counters->items[i];
	qsort(order, counters->n, sizeof(const struct network_counters *), compare);
	for (enum tally t = 0; t < TALLY__COUNT; t++)
		cells[0][t] = tallies[t].title;
	for (size_t i = 0; i < n; i++) {
		cells[i + 1][TALLY_NONE] = order[i]->network;
		for (enum tally t = TALLY_NONE + 1; t < TALLY__COUNT; t++)
			cells[i + 1][t] = cell_of(arena, order[i]->counts[t], counters->unknown[t]);
	}
	for (size_t i = 0; i <= n; i++)
		add_width(cells[i], width);
	for (size_t i = 0; i <= n; i++)
		print_row(cells[i], width, out);
	if (n < counters->n)
		buf_printf(out, "and %zu more with fewer packets; --verbose shows all\n",
			   counters->n - n);
}

static json_t *json_of(struct counter count)
{
	json_t *object = json_object();

	json_object_set_new(object, "packets", json_integer((json_int_t)count.packets));
	json_object_set_new(object, "bytes", json_integer((json_int_t)count.bytes));
	return object;
}

void json_add_counters(json_t *document, const struct counters *counters)
{
	json_t *all = json_object();

	for (size_t i = 0; i < counters->n; i++) {
		json_t *object = json_object();

		for (enum tally t = TALLY_NONE + 1; t < TALLY__COUNT; t++)
			json_object_set_new(object, tallies[t].name,
					    counters->unknown[t] ?
						    json_null() :
						    json_of(counters->items[i].counts[t]));
		json_object_set_new(all, counters->items[i].network, object);
	}
	json_object_set_new(document, "counters", all);
}
