// SPDX-License-Identifier: GPL-2.0-or-later
// xt_ours: which rules of legacy iptables are hostgate's own.
#include "xt/xt_ours.h"

#include <string.h>

#include "xt/xt_entry.h"

bool ours_rule_xt(enum family family, const char *table, const char *chain, const void *entry,
		  const char *target)
{
	char comment[XT_COMMENT_SIZE];
	uint16_t len;

	memcpy(&len, (const uint8_t *)entry + xt_libraries[family].layout.next_offset, sizeof(len));
	return ours_rule(table, chain, target,
			 xt_entry_comment(family, (struct blob){entry, len}, comment));
}
