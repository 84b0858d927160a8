// SPDX-License-Identifier: GPL-2.0-or-later
// plan_sysctl: which sysctls the policy needs, in the order in which they are written.
#ifndef POLICY_PLAN_SYSCTL_H
#define POLICY_PLAN_SYSCTL_H

#include "hostgate/ruleset.h"

/** Adds them to the ruleset of the description. */
void plan_sysctls(struct ruleset *rs, const struct description *description);

#endif
