// SPDX-License-Identifier: GPL-2.0-or-later
// subnets: all subnets of a description in order, to find the one that holds an address.
#include "model/subnets.h"

#include <stdlib.h>

static int compare_subnets(const void *a, const void *b)
{
	const struct owned_subnet *x = a, *y = b;
	int order = addr_compare(&x->subnet->prefix.addr, &y->subnet->prefix.addr);

	if (order)
		return order;
	if (x->subnet->prefix.len != y->subnet->prefix.len)
		return x->subnet->prefix.len < y->subnet->prefix.len ? -1 : 1;
	return place_compare(&x->subnet->place, &y->subnet->place);
}

void subnets_sort(struct owned_subnet *items, size_t n)
{
	if (n > 0)
		qsort(items, n, sizeof(*items), compare_subnets);
}

struct subnet_index subnets_index(struct arena *arena, const struct description *description)
{
	struct subnet_index index = {0};
	size_t n = 0;

	for (size_t i = 0; i < description->n_networks; i++)
		n += description->networks[i].n_subnets;
	index.items = arena_calloc(arena, n, sizeof(*index.items));
	for (size_t i = 0; i < description->n_networks; i++) {
		const struct network *network = &description->networks[i];

		for (size_t s = 0; s < network->n_subnets; s++)
			index.items[index.n++] =
				(struct owned_subnet){&network->subnets[s], network};
	}
	subnets_sort(index.items, index.n);
	return index;
}

const struct owned_subnet *subnets_find(const struct subnet_index *index, const struct addr *addr)
{
	size_t low = 0, high = index->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (addr_compare(&index->items[middle].subnet->prefix.addr, addr) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low && prefix_contains(&index->items[low - 1].subnet->prefix, addr))
		return &index->items[low - 1];
	return NULL;
}
