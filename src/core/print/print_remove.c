// SPDX-License-Identifier: GPL-2.0-or-later
// print_remove: a file for the restore tools that takes out what print_restore() put in.
#include <string.h>

#include "hostgate/print.h"
#include "print/print_header.h"
#include "print/xt_rule.h"
#include "rules/field.h"

static bool in_table(enum stage stage, const char *table)
{
	return strcmp(stage_table[stage].xt_table, table) == 0;
}

/* Those that print_restore() makes; of both families unless one of them has none. */
static void print_fill_holes(const struct ruleset *xt, struct buf *out)
{
	for (size_t i = 0; i < xt->n_holes; i++) {
		const struct hole_rule *hole = &xt->holes[i];
		bool v4 = hole->families[FAMILY_IPV4], v6 = hole->families[FAMILY_IPV6];

		buf_printf(out, "%s-D %s", v4 && v6 ? "" : v4 ? "-4 " : "-6 ",
			   xt_hole_chains[HOLE_IPTABLES][FAMILY_IPV4]);
		xt_hole_print(xt, hole, v4 ? FAMILY_IPV4 : FAMILY_IPV6, xt_restore_word, out);
		buf_putc(out, '\n');
	}
}

static void print_table(const struct ruleset *xt, const struct xt_part parts[FAMILY__COUNT],
			const char *table, struct buf *out)
{
	buf_printf(out, "*%s\n", table);
	if (strcmp(table, xt_table_list[XT_TABLES - 1].name) == 0 && xt->hole_wanted[HOLE_IPTABLES])
		print_fill_holes(xt, out);
	for (size_t s = 0; s < XT_STAGES; s++) {
		const struct chain *v4 = xt_part_base(&parts[FAMILY_IPV4], xt_stages[s]);
		const struct chain *v6 = xt_part_base(&parts[FAMILY_IPV6], xt_stages[s]);

		if (in_table(xt_stages[s], table) && (v4 || v6))
			buf_printf(out, "%s-D %s -j %s\n", xt_family_option(v4, v6),
				   stage_table[xt_stages[s]].xt_chain, (v4 ? v4 : v6)->name);
	}
	/* A chain goes when no rule leads to it any more. */
	for (int last = 0; last < 2; last++)
		for (size_t c = 0; c < xt->n_chains; c++)
			if (in_table(xt->chains[c].under, table) &&
			    (parts[FAMILY_IPV4].live[c] || parts[FAMILY_IPV6].live[c]))
				buf_printf(out, "%s%s %s\n",
					   xt_family_option(parts[FAMILY_IPV4].live[c],
							    parts[FAMILY_IPV6].live[c]),
					   last ? "-X" : "-F", xt->chains[c].name);
	buf_puts(out, "COMMIT\n");
}

void print_restore_remove(const struct ruleset *xt, const struct print_header *header,
			  struct buf *out)
{
	const struct xt_part parts[] = {xt_part_of(xt, FAMILY_IPV4), xt_part_of(xt, FAMILY_IPV6)};

	print_header_comment(header, out);
	buf_puts(out, "#\n"
		      "# For iptables-restore --noflush and for ip6tables-restore --noflush. Load it once,\n"
		      "# and only where this description is installed: they refuse to delete what does not\n"
		      "# exist. Restore forwarding first; the script of --dry-run=iptables does it by itself.\n");
	for (size_t t = XT_TABLES; t-- > 0;)
		print_table(xt, parts, xt_table_list[t].name, out);
}
