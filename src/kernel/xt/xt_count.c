// SPDX-License-Identifier: GPL-2.0-or-later
// xt_count: what our rules of iptables counted.
#include "xt/xt_count.h"

#include <string.h>

#include "image/counters.h"
#include "rules/ours.h"

void xt_count_known(const struct ruleset *ruleset, struct counters *counters)
{
	/* The others are counted by the rules that decide; without any there was nothing to count. */
	counters->unknown[TALLY_REFUSED] = true;
	for (size_t i = 0; i < ruleset->n_rules; i++)
		counters->unknown[ruleset->rules[i].tally] = false;
}

static void count_chain(const struct ruleset *ruleset, const struct image_chain *wanted,
			const struct xt_content *present, uint32_t there,
			struct counters *counters)
{
	const struct image_chain *chain = &present->image.chains[there];
	const struct xt_counters *counts = &present->counters[present->first_counter[there]];

	for (size_t i = 0; i < wanted->n_rules && i < chain->n_rules; i++) {
		const struct rule *rule = &ruleset->rules[wanted->rules[i].rule];
		struct blob a = wanted->rules[i].blob, b = chain->rules[i].blob;

		if (rule->tally == TALLY_NONE || a.len != b.len ||
		    memcmp(a.bytes, b.bytes, a.len) != 0)
			continue;
		counters_add(counters, rule->tally, &ruleset->origins[rule->element],
			     (struct counter){counts[i].pcnt, counts[i].bcnt});
	}
}

void xt_count_table(const struct xt_part *part, const struct xt_content *present,
		    struct counters *counters)
{
	struct xt_content wanted __attribute__((cleanup(xt_table_free))) = {0};

	xt_table_init(&wanted, present->family, present->table);
	xt_table_build(&wanted, part);
	for (size_t i = 0; i < wanted.image.n_chains; i++) {
		const struct image_chain *chain = &wanted.image.chains[i];
		uint32_t there = image_find_chain(&present->image, chain->name);

		if (ours_chain(chain->name) && there != NO_INDEX)
			count_chain(part->rs, chain, present, there, counters);
	}
}
