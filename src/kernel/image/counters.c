// SPDX-License-Identifier: GPL-2.0-or-later
// counters: what the kernel's rules and elements counted, by network.
#include "image/counters.h"

#include <stdlib.h>
#include <string.h>

static int compare_names(const void *a, const void *b, void *items_ptr)
{
	const struct network_counters *items = items_ptr;

	return strcmp(items[*(const uint32_t *)a].network, items[*(const uint32_t *)b].network);
}

void counters_init(struct arena *arena, const struct description *description,
		   struct counters *out)
{
	*out = (struct counters){
		.items = arena_calloc(arena, description->n_networks, sizeof(*out->items)),
		.by_name = arena_calloc(arena, description->n_networks, sizeof(*out->by_name)),
		.n = description->n_networks};
	for (uint32_t i = 0; i < out->n; i++) {
		out->items[i].network = description->networks[i].name;
		out->by_name[i] = i;
	}
	qsort_r(out->by_name, out->n, sizeof(*out->by_name), compare_names, out->items);
}

void counters_add(struct counters *counters, enum tally tally, const struct origin *origin,
		  struct counter count)
{
	size_t low = 0, high = counters->n;

	while (origin->network && low < high) {
		size_t middle = low + (high - low) / 2;
		struct network_counters *item = &counters->items[counters->by_name[middle]];
		int order = strcmp(origin->network, item->network);

		if (order == 0) {
			item->counts[tally].packets += count.packets;
			item->counts[tally].bytes += count.bytes;
			return;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
}
