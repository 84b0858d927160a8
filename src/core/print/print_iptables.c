// SPDX-License-Identifier: GPL-2.0-or-later
// print_iptables: a ruleset lowered for iptables as a script for sh.
/*
 * Theory of operation
 *
 * The script adds one command at a time, and still never opens a gap (P5), on the first run and on
 * any later one. The chains of an earlier run are renamed first: they go on working, since a jump
 * follows its chain's name. The new chains are filled while nothing leads to them. Then every new
 * chain gets its jump, in front of the old one: for a moment a packet has to please both. Then the
 * old ones are taken away. Forwarding comes last. With a clean slate others' rules go one by one,
 * from the last to the first, once every new chain has its jump: no jump is ever missing. Holes in
 * others' chains are filled first and made last.
 *
 * If a run is interrupted, the next one tells from the jump that is made last which of the two
 * sets is whole.
 */
#include <string.h>

#include "hostgate/print.h"
#include "policy/plan_hole.h"
#include "print/print_header.h"
#include "print/xt_rule.h"
#include "rules/build.h"
#include "rules/field.h"
#include "script_parts.h"

/* Longest line of what is not a rule. */
#define COLUMNS_MAX 96

struct script_printer {
	const struct ruleset *rs;
	struct xt_part part; /* of the family */
	struct buf *out;
	enum family family;
	const char *indent;
};

static const char *const command[FAMILY__COUNT] = {"iptables", "ip6tables"};

/* Words of sh: anything but harmless bytes is put between single quotes. */
static void print_word(struct buf *out, const char *word)
{
	static const char harmless[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				       "0123456789_./:@%+=,-";

	if (*word && strspn(word, harmless) == strlen(word)) {
		buf_puts(out, word);
		return;
	}
	buf_putc(out, '\'');
	for (; *word; word++)
		if (*word == '\'')
			buf_puts(out, "'\\''");
		else
			buf_putc(out, *word);
	buf_putc(out, '\'');
}

static void print_rule(struct script_printer *p, const struct rule *rule)
{
	buf_printf(p->out, "%s%s -w -t %s ", p->indent, command[p->family],
		   stage_table[p->rs->chains[rule->chain].under].xt_table);
	xt_rule_print(p->rs, rule, p->family, print_word, p->out);
	buf_putc(p->out, '\n');
}

static bool is_new(const struct script_printer *p, uint32_t chain, const char *table)
{
	return p->part.live[chain] &&
	       strcmp(stage_table[p->rs->chains[chain].under].xt_table, table) == 0;
}

/* The new chains of a table, several in one loop, its lines within COLUMNS_MAX. */
static void print_new_chains(struct script_printer *p, const char *table)
{
	size_t column = 0, n = 0;
	const char *only = "";

	for (uint32_t c = 0; c < p->rs->n_chains; c++)
		if (is_new(p, c, table)) {
			only = p->rs->chains[c].name;
			n++;
		}
	for (uint32_t c = 0; n > 1 && c < p->rs->n_chains; c++) {
		const char *name = p->rs->chains[c].name;

		if (!is_new(p, c, table))
			continue;
		if (column == 0) {
			buf_printf(p->out, "%sfor chain in", p->indent);
			column = 8 * strlen(p->indent) + strlen("for chain in");
		}
		if (column + 1 + strlen(name) > COLUMNS_MAX) {
			buf_printf(p->out, " \\\n%s\t%s", p->indent, name);
			column = 8 * (strlen(p->indent) + 1);
		} else {
			buf_printf(p->out, " %s", name);
		}
		column += 1 + strlen(name);
	}
	if (n > 1)
		buf_printf(p->out, "; do\n%s\t%s -w -t %s -N $chain\n%sdone\n", p->indent,
			   command[p->family], table, p->indent);
	if (n == 1)
		buf_printf(p->out, "%s%s -w -t %s -N %s\n", p->indent, command[p->family], table,
			   only);
}

static void print_chains(struct script_printer *p)
{
	const struct ruleset *rs = p->rs;
	const struct chain_index *index = &p->part.index;

	for (size_t t = 0; t < XT_TABLES; t++)
		print_new_chains(p, xt_table_list[t].name);
	for (uint32_t c = 0; c < rs->n_chains; c++) {
		bool first = true;

		for (uint32_t i = index->first[c]; i < index->first[c + 1]; i++) {
			const struct rule *rule = &rs->rules[index->order[i]];

			if (!xt_part_has(&p->part, rule))
				continue;
			if (first)
				buf_putc(p->out, '\n');
			first = false;
			print_rule(p, rule);
		}
	}
}

/*
 * What jumps lead to in each table, the one that is made last in front: in xt_stages' order, and
 * whatever the description, since an earlier one may have had others.
 */
static void print_aside(struct script_printer *p)
{
	static const char *const entered[XT_TABLES] = {
		"HOSTGATE-DOOR",
		"HOSTGATE-OUTBOUND HOSTGATE-GUARD HOSTGATE-INPUT",
		"HOSTGATE-TRANSLATE",
		"HOSTGATE-FORWARD HOSTGATE-ANSWERS",
	};

	for (size_t t = 0; t < XT_TABLES; t++)
		buf_printf(p->out, "%saside %s %s %s\n", p->indent, command[p->family],
			   xt_table_list[t].name, entered[t]);
}

static void print_jumps(struct script_printer *p)
{
	for (size_t t = 0; t < XT_TABLES; t++)
		for (size_t s = XT_STAGES; s-- > 0;) {
			const struct stage_info *info = &stage_table[xt_stages[s]];
			const struct chain *base = xt_part_base(&p->part, xt_stages[s]);

			if (base && strcmp(info->xt_table, xt_table_list[t].name) == 0)
				buf_printf(p->out, "%s%s -w -t %s -I %s -j %s\n", p->indent,
					   command[p->family], info->xt_table, info->xt_chain,
					   base->name);
		}
}

static void print_discard(struct script_printer *p, const char *pattern)
{
	buf_printf(p->out, "%sfor table in", p->indent);
	for (size_t t = 0; t < XT_TABLES; t++)
		buf_printf(p->out, " %s", xt_table_list[t].name);
	buf_printf(p->out, "; do discard %s $table \"$%s\"; done\n", command[p->family], pattern);
}

static void print_clean(struct script_printer *p)
{
	for (size_t t = 0; t < XT_TABLES; t++)
		if (xt_table_list[t].cleaned)
			buf_printf(p->out, "%sclean %s %s\n", p->indent, command[p->family],
				   xt_table_list[t].name);
}

/* Holes of this run come last. */
static void print_fill_holes(struct script_printer *p)
{
	buf_printf(p->out, "%sfor chain in", p->indent);
	for (enum hole h = 0; h < HOLE__COUNT; h++)
		buf_printf(p->out, " %s", xt_hole_chains[h][p->family]);
	buf_printf(p->out, "; do fill_hole %s $chain; done\n", command[p->family]);
}

static void print_holes_of(struct script_printer *p)
{
	for (enum hole h = 0; h < HOLE__COUNT; h++)
		for (size_t i = 0; i < p->rs->n_holes && p->rs->hole_wanted[h]; i++) {
			if (!p->rs->holes[i].families[p->family])
				continue;
			buf_printf(p->out, "%shole %s %s", p->indent, command[p->family],
				   xt_hole_chains[h][p->family]);
			xt_hole_print(p->rs, &p->rs->holes[i], p->family, print_word, p->out);
			buf_putc(p->out, '\n');
		}
}

/* The name of the uplink that the rule is about, or NULL. */
static const struct key *out_of(const struct rule *rule)
{
	for (uint8_t i = 0; i < rule->n_matches; i++)
		if (rule->matches[i].fields[0] == FIELD_OIFNAME)
			return &rule->matches[i].key;
	return NULL;
}

static bool masquerades(const struct ruleset *rs)
{
	for (size_t i = 0; i < rs->n_rules; i++)
		if (rs->rules[i].action.kind == ACTION_MASQUERADE)
			return true;
	return false;
}

static bool asks_for_advertisements(const struct ruleset *rs)
{
	for (size_t i = 0; i < rs->n_sysctls; i++)
		if (rs->sysctls[i].when == SYSCTL_IF_ADVERTISED)
			return true;
	return false;
}

/* What plan_without_address() closes, as the host is when the script runs. */
static void print_unnumbered(struct script_printer *p)
{
	const struct ruleset *rs = p->rs;

	for (size_t i = 0; i < rs->n_rules; i++) {
		const struct rule *rule = &rs->rules[i];
		const struct key *out = out_of(rule);
		char name[IFNAME_SIZE];
		struct rule closed = *rule;
		bool wildcard;

		if (rule->action.kind != ACTION_MASQUERADE || !out || !xt_part_has(&p->part, rule))
			continue;
		buf_printf(p->out, "%snumbered -%c ", p->indent,
			   p->family == FAMILY_IPV4 ? '4' : '6');
		print_word(p->out, key_ifname(out, name, &wildcard));
		buf_printf(p->out, " ||\n%s\t%s -w -t mangle ", p->indent, command[p->family]);
		closed.action = (struct action){.kind = ACTION_DROP};
		closed.matches[closed.n_matches++] =
			(struct match){.kind = MATCH_PREFIX,
				       .n_fields = 1,
				       .fields = {FIELD_SOURCE_ON_OUT},
				       .key = key_of_number(FIELD_SOURCE_ON_OUT, 0)};
		xt_rule_print_to(rs, &closed, "HOSTGATE-STAY", "P2: no translation there", p->family,
				 print_word, p->out);
		buf_putc(p->out, '\n');
	}
}

static void print_family(struct script_printer *p)
{
	p->part = xt_part_of(p->rs, p->family);
	buf_printf(p->out, "\n%s# %s\n", p->indent, family_name(p->family));
	print_fill_holes(p);
	print_aside(p);
	buf_putc(p->out, '\n');
	print_chains(p);
	print_unnumbered(p);
	buf_putc(p->out, '\n');
	print_jumps(p);
	if (p->rs->clean_slate)
		print_clean(p);
	print_discard(p, "old");
}

/* Every interface of the host but some. */
static void print_guard(struct script_printer *p, const struct sysctl *sysctl)
{
	buf_printf(p->out,
		   "for conf in /proc/sys/net/%s/conf/*; do\n\tcase ${conf##*/} in\n"
		   "\tall | default | lo",
		   sysctl->family == FAMILY_IPV4 ? "ipv4" : "ipv6");
	for (size_t i = 0; i < sysctl->n_except; i++) {
		buf_puts(p->out, " | ");
		print_word(p->out, sysctl->except[i].name);
		buf_puts(p->out, sysctl->except[i].wildcard ? "*" : "");
	}
	buf_printf(p->out, ") ;;\n\t*) keep_ra \"$conf/%s\" %u ;;\n\tesac\ndone\n", sysctl->leaf,
		   sysctl->value);
}

static void print_sysctl(struct script_printer *p, const struct sysctl *sysctl)
{
	if (sysctl->when == SYSCTL_IF_ADVERTISED) {
		print_guard(p, sysctl);
		return;
	}
	if (!*sysctl->interface.name) {
		buf_printf(p->out, "write /proc/sys/%s %u\n", sysctl->leaf, sysctl->value);
		return;
	}
	buf_printf(p->out, "%s/proc/sys/net/%s/conf/",
		   sysctl->interface.wildcard ? "for conf in " : "write ",
		   sysctl->family == FAMILY_IPV4 ? "ipv4" : "ipv6");
	print_word(p->out, sysctl->interface.name);
	if (sysctl->interface.wildcard)
		buf_printf(p->out, "*; do write \"$conf/%s\" %u; done\n", sysctl->leaf,
			   sysctl->value);
	else
		buf_printf(p->out, "/%s %u\n", sysctl->leaf, sysctl->value);
}

static void print_sysctls(struct script_printer *p)
{
	static const char *const titles[SYSCTL_PHASE__COUNT] = {
		[SYSCTL_HARDEN] = "a guest must not become the host's router",
		[SYSCTL_GUARD] = "interfaces that accept router advertisements now go on doing so",
		[SYSCTL_FORWARD] = "forwarding, last of all",
	};
	const char *title = NULL;

	for (size_t i = 0; i < p->rs->n_sysctls; i++) {
		const struct sysctl *sysctl = &p->rs->sysctls[i];

		if (titles[sysctl->phase] != title) {
			title = titles[sysctl->phase];
			buf_printf(p->out, "\n# %s\n", title);
		}
		print_sysctl(p, sysctl);
	}
}

static void print_start(const char *purpose, struct buf *out)
{
	buf_printf(out,
		   "#\n"
		   "%s# Run it as root; running it again gives the same result.\n"
		   "set -eu\n"
		   "PATH=${PATH:+$PATH:}/usr/sbin:/usr/bin:/sbin:/bin\n\n"
		   "# the earlier values of sysctls, for the script that removes everything again\n"
		   "record=${HOSTGATE_RUNDIR:-/run/hostgate}/script-$(readlink /proc/self/ns/net | tr -dc 0-9)\n\n",
		   purpose);
	buf_puts(out, script_chains);
	buf_puts(out, script_fill_hole);
}

/* Calls body for IPv4, and for IPv6 where the kernel has it. */
static void print_families(struct script_printer *p, void (*body)(struct script_printer *p))
{
	p->family = FAMILY_IPV4;
	p->indent = "";
	body(p);
	buf_puts(p->out, "\nif [ -d /proc/sys/net/ipv6 ]; then\n");
	p->family = FAMILY_IPV6;
	p->indent = "\t";
	body(p);
	buf_puts(p->out, "fi\n");
}

void print_iptables(const struct ruleset *xt, const struct print_header *header, struct buf *out)
{
	struct script_printer p = {.rs = xt, .out = out};

	buf_puts(out, "#!/bin/sh\n");
	print_header_comment(header, out);
	print_start(xt->clean_slate ?
			    "# All rules are in chains of their own, HOSTGATE-*, with one jump each from a\n"
			    "# built-in chain. Other programs' rules in mangle, nat and filter are\n"
			    "# deleted (clean-slate); nothing restores them.\n" :
			    "# All rules are in chains of their own, HOSTGATE-*, with one jump each from a\n"
			    "# built-in chain. No other rule is touched.\n",
		    out);
	buf_puts(out, script_aside);
	if (asks_for_advertisements(xt))
		buf_puts(out, script_keep_ra);
	if (xt->n_holes > 0)
		buf_puts(out, script_hole);
	if (masquerades(xt))
		buf_puts(out, script_numbered);
	if (xt->clean_slate)
		buf_puts(out, script_clean);
	print_families(&p, print_family);
	print_sysctls(&p);
	if (xt->n_holes > 0) {
		buf_puts(out, "\n# holes in other programs' firewalls\n");
		print_families(&p, print_holes_of);
	}
}

static void print_family_remove(struct script_printer *p)
{
	print_discard(p, "new");
	print_discard(p, "old");
}

void print_iptables_remove(const char *version, struct buf *out)
{
	struct script_printer p = {.out = out};

	buf_printf(out, "#!/bin/sh\n# Made by hostgate %s\n", version);
	print_start("# Removes what the script of `hostgate apply --dry-run` installed.\n", out);
	buf_puts(out, "\n# holes in other programs' firewalls, first of all\n");
	print_families(&p, print_fill_holes);
	buf_puts(out, script_put_back);
	buf_puts(out, "\n# forwarding, before the rules\nput_back -e\n");
	print_families(&p, print_family_remove);
	buf_puts(out, "\nput_back -ve\nrm -f \"$record\"\n");
}
