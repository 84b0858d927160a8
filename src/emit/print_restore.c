// SPDX-License-Identifier: GPL-2.0-or-later
// print_restore: a ruleset lowered for iptables as one file for both restore tools.
/*
 * iptables-restore leaves lines with -6 alone, and ip6tables-restore lines with -4: see
 * iptables(8). So one file serves both.
 */
#include "emit/header.h"
#include "emit/xt_rule.h"
#include "hostgate/print.h"
#include "plan/build.h"
#include "plan/field.h"

#include <string.h>

/* The restore tools read words between double quotes, with a backslash before a quote. */
static void print_word(struct buf *out, const char *word)
{
	buf_putc(out, '"');
	for (; *word; word++) {
		if (*word == '"' || *word == '\\')
			buf_putc(out, '\\');
		buf_putc(out, *word);
	}
	buf_putc(out, '"');
}

static bool in_table(const struct chain *chain, const char *table)
{
	return strcmp(stage_table[chain->under].xt_table, table) == 0;
}

static void print_rule(const struct ruleset *rs, const struct rule *rule, struct buf *out)
{
	bool v4 = rule_in_family(rule, FAMILY_IPV4), v6 = rule_in_family(rule, FAMILY_IPV6);
	/* Words that differ between the families, or a rule that only one of them has. */
	bool split = v4 != v6 || rule->action.kind == ACTION_REJECT;

	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		if (!(f == FAMILY_IPV4 ? v4 : v6))
			continue;
		if (split)
			buf_puts(out, f == FAMILY_IPV4 ? "-4 " : "-6 ");
		xt_rule_print(rs, rule, f, print_word, out);
		buf_putc(out, '\n');
		if (!split)
			return;
	}
}

static void print_clean(const struct xt_table *table, struct buf *out)
{
	for (size_t i = 0; i < XT_BUILTINS_MAX && table->builtins[i]; i++)
		buf_printf(out, "-F %s\n", table->builtins[i]);
}

void print_restore(const struct ruleset *xt, const struct print_header *header, struct buf *out)
{
	struct chain_index index = ruleset_index(xt);

	print_header_comment(header, out);
	buf_puts(out, "#\n"
		      "# For iptables-restore --noflush and for ip6tables-restore --noflush: each reads\n"
		      "# the lines of its family. The chains are filled anew each time; the jumps (-I) are\n"
		      "# added each time, so load it once after boot. Sysctls (forwarding) are not in it:\n"
		      "# see the script of --dry-run=iptables.\n");
	if (xt->clean_slate)
		buf_puts(out, "#\n"
			      "# The built-in chains of mangle, nat and filter are emptied of others' rules (-F;\n"
			      "# clean-slate). Others' own chains, which such a file can't list, keep their\n"
			      "# rules, but nothing leads to them any more.\n");
	for (size_t t = 0; t < XT_TABLES; t++) {
		buf_printf(out, "*%s\n", xt_table_list[t].name);
		for (size_t c = 0; c < xt->n_chains; c++)
			if (in_table(&xt->chains[c], xt_table_list[t].name))
				buf_printf(out, ":%s - [0:0]\n", xt->chains[c].name);
		for (uint32_t c = 0; c < xt->n_chains; c++) {
			if (!in_table(&xt->chains[c], xt_table_list[t].name))
				continue;
			for (uint32_t i = index.first[c]; i < index.first[c + 1]; i++)
				print_rule(xt, &xt->rules[index.order[i]], out);
		}
		if (xt->clean_slate && xt_table_list[t].cleaned)
			print_clean(&xt_table_list[t], out);
		for (size_t s = 0; s < XT_STAGES; s++)
			if (strcmp(stage_table[xt_stages[s]].xt_table, xt_table_list[t].name) == 0)
				buf_printf(out, "-I %s -j %s\n", stage_table[xt_stages[s]].xt_chain,
					   xt_base_chain(xt, xt_stages[s])->name);
		buf_puts(out, "COMMIT\n");
	}
}
