// SPDX-License-Identifier: GPL-2.0-or-later
// plan_hole: the pairs of interfaces that others' firewalls are asked to let pass.
#ifndef POLICY_PLAN_HOLE_H
#define POLICY_PLAN_HOLE_H

#include "hostgate/ruleset.h"
#include "rules/ours.h"

/** Fills in the ruleset's holes, when the description asks for some. Part of plan_ruleset(). */
void plan_holes(struct ruleset *rs, const struct description *description);

#endif
