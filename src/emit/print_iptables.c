// SPDX-License-Identifier: GPL-2.0-or-later
// print_iptables: a ruleset lowered for iptables as a script for sh.
/*
 * Theory of operation
 *
 * The script adds one command at a time, and still never opens a gap (P5), on the first run and on
 * any later one. The chains of an earlier run are renamed first: they go on working, since a jump
 * follows its chain's name. The new chains are filled while nothing leads to them. Then every new
 * chain gets its jump, in front of the old one: for a moment a packet has to please both. Then the
 * old ones are taken away. Forwarding comes last.
 *
 * If a run is interrupted, the next one tells from the jumps which of the two sets is whole.
 */
#include <string.h>

#include "emit/header.h"
#include "emit/xt_rule.h"
#include "hostgate/print.h"
#include "plan/build.h"
#include "plan/field.h"

struct printer {
	const struct ruleset *rs;
	struct chain_index index;
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

static void print_rule(struct printer *p, const struct rule *rule)
{
	buf_printf(p->out, "%s%s -w -t %s ", p->indent, command[p->family],
		   stage_table[p->rs->chains[rule->chain].under].xt_table);
	xt_rule_print(p->rs, rule, p->family, print_word, p->out);
	buf_putc(p->out, '\n');
}

static void print_chains(struct printer *p)
{
	const struct ruleset *rs = p->rs;

	for (uint32_t c = 0; c < rs->n_chains; c++)
		buf_printf(p->out, "%s%s -w -t %s -N %s\n", p->indent, command[p->family],
			   stage_table[rs->chains[c].under].xt_table, rs->chains[c].name);
	for (uint32_t c = 0; c < rs->n_chains; c++) {
		bool first = true;

		for (uint32_t i = p->index.first[c]; i < p->index.first[c + 1]; i++) {
			const struct rule *rule = &rs->rules[p->index.order[i]];

			if (!rule_in_family(rule, p->family))
				continue;
			if (first)
				buf_putc(p->out, '\n');
			first = false;
			print_rule(p, rule);
		}
	}
}

/* One call of a function of the script for each base chain, in the order of xt_stages. */
static void print_calls(struct printer *p, const char *function)
{
	for (size_t i = 0; i < XT_STAGES; i++) {
		const struct stage_info *info = &stage_table[xt_stages[i]];

		buf_printf(p->out, "%s%s %s %s %s %s\n", p->indent, function, command[p->family],
			   info->xt_table, info->xt_chain,
			   xt_base_chain(p->rs, xt_stages[i])->name);
	}
}

static const char functions[] =
	"# the chains of ours that a table has\n"
	"chains() { # COMMAND TABLE\n"
	"\t\"$1\" -w -t \"$2\" -S | sed -n 's/^-N \\(HOSTGATE-[^ ]*\\)$/\\1/p'\n"
	"}\n"
	"\n"
	"# take away a jump and the chains whose names end as given\n"
	"discard() { # COMMAND TABLE BUILT-IN-CHAIN FIRST-CHAIN SUFFIX\n"
	"\twhile \"$1\" -w -t \"$2\" -D \"$3\" -j \"$4$5\" 2>/dev/null; do :; done\n"
	"\tfor chain in $(chains \"$1\" \"$2\"); do\n"
	"\t\tcase $chain in *.OLD) suffix=.OLD ;; *) suffix= ;; esac\n"
	"\t\t[ \"$suffix\" = \"$5\" ] && \"$1\" -w -t \"$2\" -F \"$chain\"\n"
	"\tdone\n"
	"\tfor chain in $(chains \"$1\" \"$2\"); do\n"
	"\t\tcase $chain in *.OLD) suffix=.OLD ;; *) suffix= ;; esac\n"
	"\t\t[ \"$suffix\" = \"$5\" ] && \"$1\" -w -t \"$2\" -X \"$chain\"\n"
	"\tdone\n"
	"\treturn 0\n"
	"}\n";

static const char install_functions[] =
	"\n"
	"# what an earlier run installed goes on working under other names\n"
	"aside() { # COMMAND TABLE BUILT-IN-CHAIN FIRST-CHAIN\n"
	"\tif \"$1\" -w -t \"$2\" -C \"$3\" -j \"$4.OLD\" 2>/dev/null; then\n"
	"\t\tdiscard \"$@\" '' # that run was interrupted: its new chains may be incomplete\n"
	"\t\treturn 0\n"
	"\tfi\n"
	"\tdiscard \"$@\" .OLD\n"
	"\tfor chain in $(chains \"$1\" \"$2\"); do\n"
	"\t\t\"$1\" -w -t \"$2\" -E \"$chain\" \"$chain.OLD\"\n"
	"\tdone\n"
	"}\n"
	"\n"
	"jump() { # COMMAND TABLE BUILT-IN-CHAIN FIRST-CHAIN\n"
	"\t\"$1\" -w -t \"$2\" -I \"$3\" -j \"$4\"\n"
	"}\n"
	"\n"
	"forget() { # COMMAND TABLE BUILT-IN-CHAIN FIRST-CHAIN\n"
	"\tdiscard \"$@\" .OLD\n"
	"}\n"
	"\n"
	"# write a value under /proc/sys, if it is there and differs\n"
	"write() { # PATH VALUE\n"
	"\t[ -e \"$1\" ] || return 0\n"
	"\t[ \"$(cat \"$1\")\" = \"$2\" ] || echo \"$2\" >\"$1\"\n"
	"}\n"
	"\n"
	"# let an interface go on hearing router advertisements while the host forwards\n"
	"keep_ra() { # PATH VALUE\n"
	"\t[ -e \"$1\" ] || return 0\n"
	"\t[ \"$(cat \"$1\")\" != 1 ] || echo \"$2\" >\"$1\"\n"
	"}\n";

static void print_family(struct printer *p)
{
	buf_printf(p->out, "\n%s# %s\n", p->indent, family_name(p->family));
	print_calls(p, "aside");
	buf_putc(p->out, '\n');
	print_chains(p);
	buf_putc(p->out, '\n');
	print_calls(p, "jump");
	print_calls(p, "forget");
}

static void print_sysctl(struct printer *p, const struct sysctl *sysctl)
{
	const char *function = sysctl->when == SYSCTL_IF_RA_ROUTE ? "keep_ra" : "write";

	if (!*sysctl->interface.name) {
		buf_printf(p->out, "%s /proc/sys/%s %u\n", function, sysctl->leaf, sysctl->value);
		return;
	}
	if (sysctl->interface.wildcard)
		buf_printf(p->out, "for conf in /proc/sys/net/%s/conf/",
			   sysctl->family == FAMILY_IPV4 ? "ipv4" : "ipv6");
	else
		buf_printf(p->out, "%s /proc/sys/net/%s/conf/", function,
			   sysctl->family == FAMILY_IPV4 ? "ipv4" : "ipv6");
	print_word(p->out, sysctl->interface.name);
	if (sysctl->interface.wildcard)
		buf_printf(p->out, "*; do %s \"$conf/%s\" %u; done\n", function, sysctl->leaf,
			   sysctl->value);
	else
		buf_printf(p->out, "/%s %u\n", sysctl->leaf, sysctl->value);
}

static void print_sysctls(struct printer *p)
{
	static const char *const titles[SYSCTL_PHASE__COUNT] = {
		[SYSCTL_HARDEN] = "a guest must not become the host's router",
		[SYSCTL_GUARD] = "a default route learned by router advertisement stays",
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

static void print_start(const struct print_header *header, const char *purpose, struct buf *out)
{
	buf_puts(out, "#!/bin/sh\n");
	print_header_comment(header, out);
	buf_printf(out,
		   "#\n%s"
		   "# Run it as root; running it again gives the same result.\n"
		   "set -eu\n"
		   "PATH=${PATH:+$PATH:}/usr/sbin:/usr/bin:/sbin:/bin\n\n",
		   purpose);
	buf_puts(out, functions);
}

/* Calls body for IPv4, and for IPv6 where the kernel has it. */
static void print_families(struct printer *p, void (*body)(struct printer *p))
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
	struct printer p = {.rs = xt, .index = ruleset_index(xt), .out = out};

	print_start(header,
		    "# All rules are in chains of their own, HOSTGATE-*, with one jump each from a\n"
		    "# built-in chain. No other rule is touched.\n",
		    out);
	buf_puts(out, install_functions);
	print_families(&p, print_family);
	print_sysctls(&p);
}

static void print_family_remove(struct printer *p)
{
	for (size_t i = XT_STAGES; i-- > 0;) {
		const struct stage_info *info = &stage_table[xt_stages[i]];
		const char *first = xt_base_chain(p->rs, xt_stages[i])->name;

		for (int old = 0; old < 2; old++)
			buf_printf(p->out, "%sdiscard %s %s %s %s %s\n", p->indent,
				   command[p->family], info->xt_table, info->xt_chain, first,
				   old ? ".OLD" : "''");
	}
}

void print_iptables_remove(const struct ruleset *xt, const struct print_header *header,
			   struct buf *out)
{
	struct printer p = {.rs = xt, .out = out};

	print_start(header,
		    "# Takes out what the script of `hostgate apply --dry-run` put in. What forwarding\n"
		    "# was before, a script can't know: it stays as it is.\n",
		    out);
	buf_putc(out, '\n');
	print_families(&p, print_family_remove);
}
