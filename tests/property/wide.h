// SPDX-License-Identifier: GPL-2.0-or-later
// wide: rulesets from a seed that use all that a ruleset can say, beyond what any description needs.
#ifndef PROPERTY_WIDE_H
#define PROPERTY_WIDE_H

#include "hostgate/simulate.h"
#include "random.h"

/** Returns a ruleset of a few chains, sets and rules, as plan_ruleset() could make one. */
struct ruleset *wide_ruleset(struct random *random, struct arena *arena);

/** Returns a packet that such rulesets may catch, with addresses around the edges of their sets. */
struct packet wide_packet(struct random *random);

#endif
