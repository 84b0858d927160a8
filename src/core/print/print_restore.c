// SPDX-License-Identifier: GPL-2.0-or-later
// print_restore: a ruleset lowered for iptables as one file for both restore tools.
/*
 * iptables-restore leaves lines with -6 alone, and ip6tables-restore lines with -4: see
 * iptables(8). So one file serves both.
 */
#include "hostgate/print.h"
#include "print/print_header.h"
#include "print/xt_rule.h"
#include "rules/build.h"
#include "rules/field.h"

#include <string.h>

/* What both families have of the ruleset. */
struct restore_printer {
	const struct ruleset *rs;
	struct xt_part parts[FAMILY__COUNT];
	struct buf *out;
};

static bool in_table(const struct chain *chain, const char *table)
{
	return strcmp(stage_table[chain->under].xt_table, table) == 0;
}

static void print_rule(struct restore_printer *p, const struct rule *rule)
{
	bool v4 = xt_part_has(&p->parts[FAMILY_IPV4], rule);
	bool v6 = xt_part_has(&p->parts[FAMILY_IPV6], rule);
	/* Words that differ between the families, or a rule that only one of them has. */
	bool split = v4 != v6 || rule->action.kind == ACTION_REJECT;

	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		if (!(f == FAMILY_IPV4 ? v4 : v6))
			continue;
		if (split)
			buf_puts(p->out, f == FAMILY_IPV4 ? "-4 " : "-6 ");
		xt_rule_print(p->rs, rule, f, xt_restore_word, p->out);
		buf_putc(p->out, '\n');
		if (!split)
			return;
	}
}

/* The line that makes a chain makes it for both families; one that has no rule for it drops it. */
static void print_chains(struct restore_printer *p, const char *table)
{
	const struct chain_index *index = &p->parts[0].index;
	const struct ruleset *rs = p->rs;

	for (size_t c = 0; c < rs->n_chains; c++)
		if (in_table(&rs->chains[c], table) &&
		    (p->parts[FAMILY_IPV4].live[c] || p->parts[FAMILY_IPV6].live[c]))
			buf_printf(p->out, ":%s - [0:0]\n", rs->chains[c].name);
	for (uint32_t c = 0; c < rs->n_chains; c++) {
		if (!in_table(&rs->chains[c], table))
			continue;
		for (uint32_t i = index->first[c]; i < index->first[c + 1]; i++)
			print_rule(p, &rs->rules[index->order[i]]);
	}
	for (uint32_t c = 0; c < rs->n_chains; c++)
		if (in_table(&rs->chains[c], table) &&
		    p->parts[FAMILY_IPV4].live[c] != p->parts[FAMILY_IPV6].live[c])
			buf_printf(p->out, "%s-X %s\n",
				   xt_family_option(!p->parts[FAMILY_IPV4].live[c],
						    !p->parts[FAMILY_IPV6].live[c]),
				   rs->chains[c].name);
}

/* Whether any family has rules of ours in the table, or all of others' are to go. */
static bool is_needed(const struct restore_printer *p, const struct xt_table *table)
{
	for (size_t c = 0; c < p->rs->n_chains; c++)
		if (in_table(&p->rs->chains[c], table->name) &&
		    (p->parts[FAMILY_IPV4].live[c] || p->parts[FAMILY_IPV6].live[c]))
			return true;
	return p->rs->clean_slate && table->cleaned;
}

static void print_jumps(struct restore_printer *p, const char *table)
{
	for (size_t s = XT_STAGES; s-- > 0;) {
		const struct stage_info *info = &stage_table[xt_stages[s]];
		const struct chain *v4 = xt_part_base(&p->parts[FAMILY_IPV4], xt_stages[s]);
		const struct chain *v6 = xt_part_base(&p->parts[FAMILY_IPV6], xt_stages[s]);

		if (strcmp(info->xt_table, table) == 0 && (v4 || v6))
			buf_printf(p->out, "%s-I %s -j %s\n", xt_family_option(v4, v6),
				   info->xt_chain, (v4 ? v4 : v6)->name);
	}
}

static void print_clean(const struct xt_table *table, struct buf *out)
{
	for (size_t i = 0; i < XT_BUILTINS_MAX && table->builtins[i]; i++)
		buf_printf(out, "-F %s\n", table->builtins[i]);
}

/*
 * FORWARD is always there, and our jump to its head was just made. A chain that is not there would
 * make the tools refuse the whole table, so lines for others are for the reader to enable.
 */
static void print_hole(const struct ruleset *xt, enum hole place, const struct hole_rule *hole,
		       struct buf *out)
{
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		bool both = hole->families[FAMILY_IPV4] && hole->families[FAMILY_IPV6] &&
			    strcmp(xt_hole_chains[place][0], xt_hole_chains[place][1]) == 0;

		if (!hole->families[f])
			continue;
		buf_printf(out, "%s%s-I %s %u", place == HOLE_IPTABLES ? "" : "# ",
			   both ? "" : f == FAMILY_IPV4 ? "-4 " : "-6 ", xt_hole_chains[place][f],
			   place == HOLE_IPTABLES ? 2 : 1);
		xt_hole_print(xt, hole, f, xt_restore_word, out);
		buf_putc(out, '\n');
		if (both)
			return;
	}
}

static void print_holes(const struct ruleset *xt, struct buf *out)
{
	for (enum hole h = 0; h < HOLE__COUNT; h++) {
		if (!xt->hole_wanted[h])
			continue;
		if (h != HOLE_IPTABLES)
			buf_printf(out, "# Only where chain %s exists:\n",
				   xt_hole_chains[h][FAMILY_IPV4]);
		/* Each is put in front of those that came before it. */
		for (size_t i = xt->n_holes; i-- > 0;)
			print_hole(xt, h, &xt->holes[i], out);
	}
}

void print_restore(const struct ruleset *xt, const struct print_header *header, struct buf *out)
{
	struct restore_printer p = {
		.rs = xt,
		.parts = {xt_part_of(xt, FAMILY_IPV4), xt_part_of(xt, FAMILY_IPV6)},
		.out = out,
	};

	print_header_comment(header, out);
	buf_puts(out, "#\n"
		      "# For iptables-restore --noflush and for ip6tables-restore --noflush: each reads\n"
		      "# the lines of its family. The chains are filled anew each time; the jumps (-I) are\n"
		      "# added each time, so load it once after boot. Sysctls (forwarding) are not in it:\n"
		      "# see the script of --dry-run=iptables.\n");
	if (xt->clean_slate)
		buf_puts(out, "#\n"
			      "# -F deletes other programs' rules from the built-in chains of mangle, nat and filter\n"
			      "# (clean-slate). Their own chains, which such a file cannot list, keep their rules,\n"
			      "# but nothing jumps to them any more.\n");
	for (size_t t = 0; t < XT_TABLES; t++) {
		if (!is_needed(&p, &xt_table_list[t]))
			continue;
		buf_printf(out, "*%s\n", xt_table_list[t].name);
		print_chains(&p, xt_table_list[t].name);
		if (xt->clean_slate && xt_table_list[t].cleaned)
			print_clean(&xt_table_list[t], out);
		print_jumps(&p, xt_table_list[t].name);
		if (t == XT_TABLES - 1)
			print_holes(xt, out);
		buf_puts(out, "COMMIT\n");
	}
}
