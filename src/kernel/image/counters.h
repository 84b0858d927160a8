// SPDX-License-Identifier: GPL-2.0-or-later
// counters: what the kernel's rules and elements counted, by network.
#ifndef IMAGE_COUNTERS_H
#define IMAGE_COUNTERS_H

#include "apply/apply.h"
#include "hostgate/ruleset.h"

/** Prepares zeros for every network of the description. Memory comes from arena. */
void counters_init(struct arena *arena, const struct description *description,
		   struct counters *out);

/** Adds what was counted for an origin's network, if there is such a network. */
void counters_add(struct counters *counters, enum tally tally, const struct origin *origin,
		  struct counter count);

#endif
