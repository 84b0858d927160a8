// SPDX-License-Identifier: GPL-2.0-or-later
// subnets: all subnets of a description in order, to find the one that holds an address.
#ifndef MODEL_SUBNETS_H
#define MODEL_SUBNETS_H

#include "hostgate/description.h"

/** A subnet and whose it is. */
struct owned_subnet {
	const struct subnet *subnet;
	const struct network *network;
};

/** Disjoint subnets in ascending order. */
struct subnet_index {
	struct owned_subnet *items;
	size_t n;
};

/** Puts them in ascending order: one that holds another comes first. */
void subnets_sort(struct owned_subnet *items, size_t n);

/** Returns those of a description that was checked. */
struct subnet_index subnets_index(struct arena *arena, const struct description *description);

/** Returns the subnet that holds the address, or NULL. */
const struct owned_subnet *subnets_find(const struct subnet_index *index, const struct addr *addr);

#endif
