// SPDX-License-Identifier: GPL-2.0-or-later
// xt_ours: which rules of legacy iptables are hostgate's own.
#ifndef XT_XT_OURS_H
#define XT_XT_OURS_H

#include "hostgate/addr.h"
#include "rules/ours.h"

/** Tells whether a rule of legacy iptables is ours; entry, target: as libiptc has them. */
bool ours_rule_xt(enum family family, const char *table, const char *chain, const void *entry,
		  const char *target);

#endif
