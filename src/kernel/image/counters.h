// SPDX-License-Identifier: GPL-2.0-or-later
// counters: what the kernel's rules and elements counted, by network.
#ifndef IMAGE_COUNTERS_H
#define IMAGE_COUNTERS_H

#include "hostgate/ruleset.h"
#include "hostgate/ruleset.h"

/** What was counted for one network since its rules are there. */
struct network_counters {
	const char *network;
	struct counter {
		uint64_t packets, bytes;
	} counts[TALLY__COUNT];
};

/** In the order of the description. Lives in the arena of the call. */
struct counters {
	struct network_counters *items;
	size_t n;
	bool unknown[TALLY__COUNT]; /**< the rules do not count these */
	uint32_t *by_name; /**< indexes of items, sorted by their names */
};

/** Prepares zeros for every network of the description. Memory comes from arena. */
void counters_init(struct arena *arena, const struct description *description,
		   struct counters *out);

/** Adds what was counted for an origin's network, if there is such a network. */
void counters_add(struct counters *counters, enum tally tally, const struct origin *origin,
		  struct counter count);

#endif
