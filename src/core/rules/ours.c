// SPDX-License-Identifier: GPL-2.0-or-later
// ours: which of the host's rules are hostgate's own, by their names.
#include "rules/ours.h"

#include <linux/netfilter.h>
#include <string.h>

#include "rules/build.h"
#include "rules/xt_place.h"

bool ours_table(uint8_t family, const char *table)
{
	return family == NFPROTO_INET && strcmp(table, TABLE_NAME) == 0;
}

bool ours_chain(const char *chain)
{
	return strncmp(chain, XT_CHAIN_PREFIX, strlen(XT_CHAIN_PREFIX)) == 0;
}

bool ours_tag(const char *comment)
{
	return strncmp(comment, HOLE_TAG, strlen(HOLE_TAG)) == 0;
}

/* Elsewhere a comment with the tag is somebody's remark. */
static bool has_holes(const char *table, const char *chain)
{
	if (strcmp(table, xt_table_list[XT_TABLES - 1].name) != 0)
		return false;
	for (enum hole h = 0; h < HOLE__COUNT; h++)
		for (enum family f = 0; f < FAMILY__COUNT; f++)
			if (strcmp(chain, xt_hole_chains[h][f]) == 0)
				return true;
	return false;
}

bool ours_rule(const char *table, const char *chain, const char *target, const char *comment)
{
	return ours_chain(chain) || (target && ours_chain(target)) ||
	       (comment && ours_tag(comment) && has_holes(table, chain));
}
