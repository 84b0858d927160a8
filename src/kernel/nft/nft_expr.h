// SPDX-License-Identifier: GPL-2.0-or-later
// nft_expr: one rule's matches and action as nf_tables expressions.
#ifndef NFT_NFT_EXPR_H
#define NFT_NFT_EXPR_H

#include <libnftnl/rule.h>

#include "hostgate/ruleset.h"

/** Adds the expressions of a rule of the lowered ruleset, those that nft(8) itself would write. */
void nft_expr_add_rule(struct nftnl_rule *out, const struct ruleset *ruleset,
		       const struct rule *rule);

#endif
