// SPDX-License-Identifier: GPL-2.0-or-later
// plan_opening: the pairs of interfaces that others' firewalls are asked to let pass.
#ifndef POLICY_PLAN_OPENING_H
#define POLICY_PLAN_OPENING_H

#include "hostgate/ruleset.h"

/** What the comment of every rule in a hole begins with: by this they are found again. */
#define HOLE_TAG "hostgate: "

/** Fills in the ruleset's holes, when the description asks for some. Part of plan_ruleset(). */
void plan_holes(struct ruleset *rs, const struct description *description);

#endif
