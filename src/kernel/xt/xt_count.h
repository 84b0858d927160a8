// SPDX-License-Identifier: GPL-2.0-or-later
// xt_count: what our rules of iptables counted.
#ifndef XT_XT_COUNT_H
#define XT_XT_COUNT_H

#include "image/counters.h"
#include "xt/xt_table.h"

/** Notes which tallies the rules, lowered by lower_xt(), do not count. */
void xt_count_known(const struct ruleset *ruleset, struct counters *counters);

/** Adds what the rules of the kernel's table counted that are also wanted. */
void xt_count_table(const struct xt_part *part, const struct xt_content *present,
		    struct counters *counters);

#endif
