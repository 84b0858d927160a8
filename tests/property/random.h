// SPDX-License-Identifier: GPL-2.0-or-later
// random: descriptions and packets from a seed, for tests of properties.
#ifndef TESTS_RANDOM_H
#define TESTS_RANDOM_H

#include "hostgate/description.h"
#include "hostgate/simulate.h"

/** A generator of numbers; the same seed gives the same numbers everywhere. */
struct random {
	uint64_t state;
};

/** Returns a number from 0 to below - 1. */
uint32_t random_below(struct random *random, uint32_t below);

/** Returns a valid description with up to max_networks networks; memory is the arena's. */
struct description *random_description(struct random *random, struct arena *arena,
				       uint32_t max_networks);

/** Returns a packet that has a good chance to concern the description. */
struct packet random_packet(struct random *random, const struct description *description);

/** Tells whether a packet fares the same: what is dropped has no source to compare. */
bool same_outcome(const struct outcome *a, const struct outcome *b);

#endif
