// SPDX-License-Identifier: GPL-2.0-or-later
// kept_nft_write: rules of others as messages of a transaction.
#include <endian.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "foreign/kept_nft.h"
#include "nft/nft_write.h"
#include "nft/raw_rule.h"

/* One that has a handle goes; one without is made, at the end of its chain or in front. */
static void put_other(struct nft_writing *w, const struct kept_nft_rule *rule, uint16_t flags)
{
	struct nlmsghdr *message =
		nft_write_start(w, rule->family, (struct nft_subject){.object = OBJECT__COUNT},
		      rule->handle ? NFT_MSG_DELRULE : NFT_MSG_NEWRULE, flags,
		      2 * (NFT_NAME_MAXLEN + 8) + 64 + rule->expressions.len +
			      rule->comment.len);

	mnl_attr_put_strz(message, NFTA_RULE_TABLE, rule->table);
	mnl_attr_put_strz(message, NFTA_RULE_CHAIN, rule->chain);
	if (rule->handle) {
		mnl_attr_put_u64(message, NFTA_RULE_HANDLE, htobe64(rule->handle));
	} else {
		raw_rule_put(message, rule->expressions.bytes, rule->family);
		if (rule->comment.len)
			raw_rule_put_attr(message, rule->comment.bytes);
	}
	batch_commit(&w->batch);
}

void kept_nft_write(struct nft_writing *w, const struct kept_nft *others)
{
	for (size_t i = 0; i < others->n; i++) {
		const struct kept_nft_rule *rule = &others->rules[i];

		if (rule->handle)
			put_other(w, rule, 0);
		else if (!rule->first)
			put_other(w, rule, NLM_F_CREATE | NLM_F_APPEND);
	}
	/* Each in front of all, the last one first. */
	for (size_t i = others->n; i-- > 0;)
		if (!others->rules[i].handle && others->rules[i].first)
			put_other(w, &others->rules[i], NLM_F_CREATE);
}
