// SPDX-License-Identifier: GPL-2.0-or-later
// xt_rule: one rule in the language of iptables; what its dialects share.
#include "print/xt_rule.h"

#include <netinet/in.h> /* before the kernel's headers, which then leave its types alone */

#include <linux/netfilter/xt_conntrack.h>
#include <string.h>

#include "base/must.h"
#include "rules/build.h"
#include "rules/field.h"
#include "rules/origin.h"

struct xt_rule_printer {
	const struct ruleset *rs;
	enum family family;
	xt_quote quote;
	struct buf *out;
};

static void print_bits(struct xt_rule_printer *p, const struct match *match)
{
	const struct field_bit *bit = NULL;

	while ((bit = field_bit_next(match, bit)) != NULL) {
		if (bit == field_bit_next(match, NULL))
			buf_printf(p->out, " -m conntrack%s --%s ", match->negated ? " !" : "",
				   bit->xt_flag == XT_CONNTRACK_STATE ? "ctstate" : "ctstatus");
		else
			buf_putc(p->out, ',');
		buf_puts(p->out, bit->xt_name);
	}
}

static void print_prefix_match(struct xt_rule_printer *p, const struct match *match)
{
	enum field field = match->fields[0];
	char text[ADDR_TEXT_SIZE], name[IFNAME_SIZE + 1];
	bool wildcard;
	struct prefix prefix;

	switch (field) {
	case FIELD_IIFNAME:
	case FIELD_OIFNAME:
		key_ifname(&match->key, name, &wildcard);
		if (wildcard)
			strcat(name, "+");
		buf_puts(p->out, field == FIELD_IIFNAME ? " -i " : " -o ");
		p->quote(p->out, name);
		break;
	case FIELD_SADDR4:
	case FIELD_SADDR6:
	case FIELD_DADDR4:
	case FIELD_DADDR6:
		prefix = (struct prefix){key_addr(field, &match->key), match->key.bits};
		buf_printf(p->out, " %s %s",
			   field == FIELD_SADDR4 || field == FIELD_SADDR6 ? "-s" : "-d",
			   prefix_format(&prefix, text));
		break;
	case FIELD_L4PROTO:
		buf_printf(p->out, " -p %u", key_number(field, &match->key));
		break;
	case FIELD_SERVICE:
		buf_printf(p->out, " -p %s --dport %u",
			   key_protocol(&match->key) == IPPROTO_TCP ? "tcp" : "udp",
			   key_port(&match->key));
		break;
	case FIELD_ICMP_KIND:
	case FIELD_ICMPV6_KIND:
		buf_printf(p->out,
			   field == FIELD_ICMP_KIND ? " -p icmp --icmp-type %u/%u"
						    : " -p icmpv6 --icmpv6-type %u/%u",
			   key_number(field, &match->key) >> 8,
			   key_number(field, &match->key) & 0xff);
		break;
	case FIELD_ICMP_TYPE:
		buf_printf(p->out, " -p icmp --icmp-type %u", key_number(field, &match->key));
		break;
	case FIELD_ICMPV6_TYPE:
		buf_printf(p->out, " -p icmpv6 --icmpv6-type %u", key_number(field, &match->key));
		break;
	case FIELD_CT_DIRECTION:
		buf_printf(p->out, " -m conntrack --ctdir %s",
			   key_number(field, &match->key) ? "REPLY" : "ORIGINAL");
		break;
	case FIELD_REVERSE_PATH:
		buf_printf(p->out, " -m rpfilter%s",
			   key_number(field, &match->key) ? "" : " --invert");
		break;
	case FIELD_SOURCE_LOCAL:
	case FIELD_SOURCE_BROADCAST:
	case FIELD_SOURCE_ON_OUT:
	case FIELD_DEST_BROADCAST:
	case FIELD_DEST_LOCAL:
		buf_printf(p->out, " -m addrtype%s --%s-type %s%s",
			   key_number(field, &match->key) ? "" : " !",
			   field == FIELD_DEST_LOCAL || field == FIELD_DEST_BROADCAST ? "dst"
										      : "src",
			   field == FIELD_SOURCE_BROADCAST || field == FIELD_DEST_BROADCAST
				   ? "BROADCAST"
				   : "LOCAL",
			   field == FIELD_SOURCE_ON_OUT ? " --limit-iface-out" : "");
		break;
	case FIELD_CT_DADDR4:
	case FIELD_CT_DADDR6:
		prefix = (struct prefix){key_addr(field, &match->key), match->key.bits};
		buf_printf(p->out, " -m conntrack --ctorigdst %s", prefix_format(&prefix, text));
		break;
	case FIELD_DPORT:    /* lowered for nft */
	case FIELD_CT_STATE: /* bits */
	case FIELD_CT_STATUS:
	case FIELD_CT_SADDR4: /* lowered away */
	case FIELD_CT_SADDR6:
	case FIELD_UNTRANSLATED:
	case FIELD__COUNT:
		must_not_come_here("a match that iptables has no words for");
	}
}

static void print_matches(struct xt_rule_printer *p, const struct rule *rule)
{
	const struct match *matches[MATCHES_MAX];
	uint8_t n = xt_matches_of(rule, matches);

	for (uint8_t i = 0; i < n; i++)
		if (matches[i]->kind == MATCH_BITS)
			print_bits(p, matches[i]);
		else
			print_prefix_match(p, matches[i]);
}

/*
 * Every chain is entered by goto, so RETURN leads back behind our jump in the built-in chain:
 * others' rules there, and its policy, still have their say.
 */
static void print_action(struct xt_rule_printer *p, const struct action *action)
{
	char text[ADDR_TEXT_SIZE];

	switch (action->kind) {
	case ACTION_ACCEPT:
		buf_puts(p->out, " -j RETURN");
		break;
	case ACTION_DROP:
		buf_puts(p->out, " -j DROP");
		break;
	case ACTION_REJECT:
		buf_printf(p->out, " -j REJECT --reject-with %s",
			   p->family == FAMILY_IPV4 ? "icmp-admin-prohibited"
						    : "icmp6-adm-prohibited");
		break;
	case ACTION_GOTO:
		buf_printf(p->out, " -g %s", p->rs->chains[action->chain].name);
		break;
	case ACTION_SNAT:
		buf_printf(p->out, " -j SNAT --to-source %s", addr_format(&action->addr, text));
		break;
	case ACTION_MASQUERADE:
		buf_puts(p->out, " -j MASQUERADE");
		break;
	case ACTION_COUNT: /* its chain decides nothing, and returns here */
		buf_printf(p->out, " -j %s", p->rs->chains[action->chain].name);
		break;
	case ACTION_DISPATCH: /* lowered away */
	case ACTION__COUNT:
		must_not_come_here("an action that iptables has no words for");
	}
}

static void print_comment(struct xt_rule_printer *p, const struct rule *rule)
{
	struct buf comment = {0};

	origin_comment(&p->rs->origins[rule->origin], &comment);
	buf_puts(p->out, " -m comment --comment ");
	p->quote(p->out, buf_text(&comment));
	buf_free(&comment);
}

void xt_rule_print(const struct ruleset *rs, const struct rule *rule, enum family family,
		   xt_quote quote, struct buf *out)
{
	struct xt_rule_printer p = {.rs = rs, .family = family, .quote = quote, .out = out};

	buf_printf(out, "-A %s", rs->chains[rule->chain].name);
	print_matches(&p, rule);
	print_action(&p, &rule->action);
	print_comment(&p, rule);
}

void xt_rule_print_to(const struct ruleset *rs, const struct rule *rule, const char *chain,
		      const char *comment, enum family family, xt_quote quote, struct buf *out)
{
	struct xt_rule_printer p = {.rs = rs, .family = family, .quote = quote, .out = out};

	buf_printf(out, "-A %s", chain);
	print_matches(&p, rule);
	print_action(&p, &rule->action);
	buf_puts(out, " -m comment --comment ");
	quote(out, comment);
}

void xt_hole_print(const struct ruleset *rs, const struct hole_rule *hole, enum family family,
		   xt_quote quote, struct buf *out)
{
	struct xt_rule_printer p = {.rs = rs, .family = family, .quote = quote, .out = out};

	print_matches(&p, &hole->rule);
	print_comment(&p, &hole->rule);
	buf_puts(out, " -j ACCEPT");
}

void xt_restore_word(struct buf *out, const char *word)
{
	buf_putc(out, '"');
	for (; *word; word++) {
		if (*word == '"' || *word == '\\')
			buf_putc(out, '\\');
		buf_putc(out, *word);
	}
	buf_putc(out, '"');
}

const char *xt_family_option(bool v4, bool v6)
{
	return v4 == v6 ? "" : v4 ? "-4 " : "-6 ";
}
