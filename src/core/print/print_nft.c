// SPDX-License-Identifier: GPL-2.0-or-later
// print_nft: a ruleset lowered for nf_tables as a file for `nft -f`.
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/diag_codes.h"
#include "base/must.h"
#include "hostgate/print.h"
#include "print/print_header.h"
#include "print/xt_rule.h"
#include "rules/build.h"
#include "rules/field.h"
#include "rules/origin.h"

#define TABLE "inet hostgate"

struct nft_printer {
	const struct ruleset *rs;
	struct chain_index index;
	struct diags *diags;
	struct buf *out;
	bool failed;
};

/* nft's strings have no escape for a quote, and a final '*' would be a pattern. */
static void print_name(struct nft_printer *p, const char *name, bool wildcard, uint32_t origin)
{
	size_t len = strlen(name);

	if (strchr(name, '"') || (!wildcard && len > 0 && name[len - 1] == '*')) {
		struct diag *diag =
			diag_add(p->diags, SEVERITY_ERROR, CODE(NFT_NAME), p->rs->origins[origin].place,
				 "the interface name '%s' cannot be written in nft syntax", name);

		diag_hint(p->diags, diag, "`hostgate apply` can install it, and --dry-run=iptables "
					  "can print it");
		p->failed = true;
	}
	buf_printf(p->out, "\"%s%s\"", name, wildcard ? "*" : "");
}

static void print_value(struct nft_printer *p, enum field field, const struct key *key,
			uint32_t origin)
{
	const struct field_info *info = &field_table[field];
	char text[ADDR_TEXT_SIZE], name[IFNAME_SIZE];
	bool wildcard;

	if (info->bytes == IFNAME_SIZE && info->load == NFT_LOAD_META) {
		key_ifname(key, name, &wildcard);
		print_name(p, name, wildcard, origin);
	} else if (info->load == NFT_LOAD_NETWORK) {
		struct prefix prefix = {.addr = key_addr(field, key), .len = key->bits};

		if (key->bits == field_bits(field))
			buf_puts(p->out, addr_format(&prefix.addr, text));
		else
			buf_puts(p->out, prefix_format(&prefix, text));
	} else if (field == FIELD_ICMP_KIND || field == FIELD_ICMPV6_KIND) {
		buf_printf(p->out, "%u %s code %u", key_number(field, key) >> 8,
			   field == FIELD_ICMP_KIND ? "icmp" : "icmpv6",
			   key_number(field, key) & 0xff);
	} else if (field == FIELD_REVERSE_PATH) {
		buf_puts(p->out, key_number(field, key) ? "exists" : "missing");
	} else if (info->load == NFT_LOAD_FIB_TYPE) {
		buf_printf(p->out, "%s%s", key_number(field, key) ? "" : "!= ",
			   info->fib_type == RTN_LOCAL ? "local" : "broadcast");
	} else if (field == FIELD_CT_DIRECTION) {
		buf_puts(p->out, key_number(field, key) ? "reply" : "original");
	} else {
		buf_printf(p->out, "%u", key_number(field, key));
	}
}

static void print_lookup_field(struct nft_printer *p, enum field field, uint8_t shape)
{
	buf_puts(p->out, field_table[field].name);
	if (shape == field_bits(field))
		return;
	struct addr mask = {.family = field_table[field].family};
	char text[ADDR_TEXT_SIZE];

	for (unsigned int bit = 0; bit < shape; bit++)
		mask.bytes[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	buf_printf(p->out, " & %s", addr_format(&mask, text));
}

static void print_match(struct nft_printer *p, const struct rule *rule, const struct match *match)
{
	const struct field_bit *bit = NULL;
	const char *sep = "";

	switch (match->kind) {
	case MATCH_PREFIX:
		if (match->fields[0] == FIELD_SERVICE) {
			buf_printf(p->out, "%s %u", key_service_field(&match->key),
				   key_port(&match->key));
			break;
		}
		buf_printf(p->out, "%s %s", field_table[match->fields[0]].name,
			   match->negated ? "!= " : "");
		print_value(p, match->fields[0], &match->key, rule->origin);
		break;
	case MATCH_BITS:
		buf_printf(p->out, "%s %s", field_table[match->fields[0]].name,
			   match->negated ? "! " : "");
		while ((bit = field_bit_next(match, bit)) != NULL) {
			buf_printf(p->out, "%s%s", sep, bit->nft_name);
			sep = ",";
		}
		break;
	case MATCH_SET:
		for (uint8_t f = 0; f < match->n_fields; f++) {
			buf_puts(p->out, sep);
			print_lookup_field(p, match->fields[f],
					   p->rs->sets[match->set].shape[f]);
			sep = " . ";
		}
		buf_printf(p->out, " %s@%s",
			   rule->action.kind == ACTION_DISPATCH &&
					   match == &rule->matches[rule->n_matches - 1] ?
				   "vmap " :
				   "",
			   p->rs->sets[match->set].name);
		break;
	case MATCH__COUNT:
		must_not_come_here("a match that nft has no words for");
	}
	buf_putc(p->out, ' ');
}

static void print_action(struct nft_printer *p, const struct action *action)
{
	char text[ADDR_TEXT_SIZE];

	switch (action->kind) {
	case ACTION_ACCEPT:
		buf_puts(p->out, "accept");
		break;
	case ACTION_DROP:
		buf_puts(p->out, "drop");
		break;
	case ACTION_REJECT:
		buf_puts(p->out, "reject with icmpx admin-prohibited");
		break;
	case ACTION_GOTO:
		buf_printf(p->out, "goto %s", p->rs->chains[action->chain].name);
		break;
	case ACTION_SNAT:
		buf_printf(p->out, "snat %s to %s",
			   action->addr.family == FAMILY_IPV4 ? "ip" : "ip6",
			   addr_format(&action->addr, text));
		break;
	case ACTION_MASQUERADE:
		buf_puts(p->out, "masquerade");
		break;
	case ACTION_DISPATCH: /* said by the lookup */
	case ACTION_COUNT:
		break;
	case ACTION__COUNT:
		must_not_come_here("an action that nft has no words for");
	}
}

static void print_rule(struct nft_printer *p, const struct rule *rule)
{
	buf_puts(p->out, "\t\t");
	for (uint8_t i = 0; i < rule->n_matches; i++)
		print_match(p, rule, &rule->matches[i]);
	if (rule->counter)
		buf_puts(p->out, "counter ");
	print_action(p, &rule->action);
	buf_printf(p->out, "%scomment \"",
		   rule->action.kind == ACTION_DISPATCH || rule->action.kind == ACTION_COUNT ? "" :
											       " ");
	origin_comment(&p->rs->origins[rule->origin], p->out);
	buf_puts(p->out, "\"\n");
}

static void print_set(struct nft_printer *p, const struct set *set)
{
	buf_printf(p->out, "\t%s %s {\n\t\ttype ", set->is_map ? "map" : "set", set->name);
	for (uint8_t f = 0; f < set->n_fields; f++)
		buf_printf(p->out, "%s%s", f ? " . " : "",
			   field_table[set->fields[f]].nft_type_name);
	buf_puts(p->out, set->is_map ? " : verdict\n" : "\n");
	if (set->tally != TALLY_NONE)
		buf_puts(p->out, "\t\tcounter\n");
	for (size_t i = 0; i < set->n_elements; i++) {
		const struct element *element = &set->elements[i];

		buf_puts(p->out, i ? ",\n\t\t\t     " : "\t\telements = { ");
		for (uint8_t f = 0; f < set->n_fields; f++) {
			struct key whole = element->key[f];

			/* A prefix is stored as its first address: the lookup masks. */
			whole.bits = (uint8_t)field_bits(set->fields[f]);
			buf_puts(p->out, f ? " . " : "");
			print_value(p, set->fields[f], &whole, element->origin);
		}
		if (set->is_map) {
			buf_puts(p->out, " : ");
			print_action(p, &p->rs->actions[element->action]);
		}
	}
	buf_puts(p->out, set->n_elements ? " }\n\t}\n\n" : "\t}\n\n");
}

static void print_chain(struct nft_printer *p, uint32_t idx)
{
	const struct chain *chain = &p->rs->chains[idx];
	const struct stage_info *stage = &stage_table[chain->stage];

	buf_printf(p->out, "\tchain %s {\n", chain->name);
	if (chain->stage != STAGE_NONE)
		buf_printf(p->out, "\t\ttype %s hook %s priority %d; policy accept;\n",
			   stage->nft_type, stage->nft_hook, stage->nft_priority);
	for (uint32_t i = p->index.first[idx]; i < p->index.first[idx + 1]; i++)
		print_rule(p, &p->rs->rules[p->index.order[i]]);
	buf_puts(p->out, "\t}\n");
}

/* A table that is not there can't be flushed, and nft has no way to ask: so it comes to be. */
static void print_clean(struct buf *out)
{
	static const char *const families[FAMILY__COUNT] = {"ip", "ip6"};

	buf_puts(out, "# Other programs' rules in the tables of iptables-nft are deleted (clean-slate); a\n"
		      "# table that did not exist is left empty. nft cannot reach those of iptables-legacy.\n");
	for (enum family f = 0; f < FAMILY__COUNT; f++)
		for (size_t t = 0; t < XT_TABLES; t++)
			if (xt_table_list[t].cleaned)
				buf_printf(out, "table %s %s\nflush table %s %s\n", families[f],
					   xt_table_list[t].name, families[f],
					   xt_table_list[t].name);
	buf_putc(out, '\n');
}

bool print_nft(const struct ruleset *nft, const struct print_header *header, struct diags *diags,
	       struct buf *out)
{
	struct nft_printer p = {.rs = nft, .index = ruleset_index(nft), .diags = diags, .out = out};

	buf_puts(out, "#!/usr/sbin/nft -f\n");
	print_header_comment(header, out);
	buf_puts(out, "#\n"
		      "# Replaces the table in one transaction; it can be loaded any number of times. nft\n"
		      "# cannot set sysctls (forwarding): see the script of --dry-run=iptables.\n\n");
	if (nft->n_holes > 0)
		buf_puts(out, "# Holes in other programs' firewalls (settings.holes) are rules in iptables' chains,\n"
			      "# not in this file: hostgate apply adds them, and so does the script.\n\n");
	if (nft->clean_slate)
		print_clean(out);
	buf_puts(out, "table " TABLE "\n"
		      "delete table " TABLE "\n\n"
		      "table " TABLE " {\n");
	for (size_t i = 0; i < nft->n_sets; i++)
		print_set(&p, &nft->sets[i]);
	for (uint32_t i = 0; i < nft->n_chains; i++) {
		if (i)
			buf_putc(out, '\n');
		print_chain(&p, i);
	}
	buf_puts(out, "}\n");
	return !p.failed;
}

void print_nft_remove(const char *version, struct buf *out)
{
	buf_printf(out,
		   "#!/usr/sbin/nft -f\n"
		   "# Made by hostgate %s: deletes its table; no error if there is none.\n\n"
		   "table " TABLE "\n"
		   "delete table " TABLE "\n",
		   version);
}
