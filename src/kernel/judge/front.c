// SPDX-License-Identifier: GPL-2.0-or-later
// front: what stands in front of our jumps in iptables, and may take packets from our rules.
#include "judge/front.h"

#include <string.h>

#include "rules/field.h"
#include "rules/ours.h"

struct front_search {
	const struct foreign *foreign;
	const struct xt_part *part;
	const struct foreign_base *base;
	size_t n_front; /* rules in front of the jump */
	struct front_finding *out;
};

/* Conditions of rules make the packets fewer. Each returns false where none is left. */

static bool narrow_name(char name[static IFNAME_SIZE], bool *open, const struct key *key)
{
	char wanted[IFNAME_SIZE];
	size_t len = strlen(name), wanted_len;
	bool wildcard;

	key_ifname(key, wanted, &wildcard);
	wanted_len = strlen(wanted);
	if (strncmp(name, wanted, len < wanted_len ? len : wanted_len) != 0)
		return false;
	if (!*open)
		return wildcard ? len >= wanted_len : len == wanted_len;
	if (!wildcard && len > wanted_len)
		return false;
	if (!wildcard || wanted_len > len)
		memcpy(name, wanted, IFNAME_SIZE);
	*open = wildcard;
	return true;
}

static bool narrow_addr(struct addr *addr, uint8_t *open, enum field field, const struct key *key)
{
	struct prefix present = {*addr, (uint8_t)(family_bits(addr->family) - *open)};
	struct prefix wanted = {key_addr(field, key), key->bits};

	if (present.len >= wanted.len)
		return prefix_contains(&wanted, addr);
	if (!prefix_contains(&present, &wanted.addr))
		return false;
	*addr = wanted.addr;
	*open = (uint8_t)(family_bits(addr->family) - wanted.len);
	return true;
}

static bool narrow_protocol(struct judge_packet *packet, uint8_t l4proto)
{
	if (packet->l4proto && packet->l4proto != l4proto)
		return false;
	packet->l4proto = l4proto;
	return true;
}

static bool narrow_port(struct judge_packet *packet, uint16_t port)
{
	if (packet->has_ports && packet->dport != port)
		return false;
	packet->has_ports = true;
	packet->dport = port;
	return true;
}

static bool narrow(struct judge_packet *packet, const struct match *match)
{
	enum field field = match->fields[0];
	uint8_t l4proto = field_l4proto(field, &match->key);

	/* A rule about a protocol meets no other, whatever it asks. */
	if (l4proto && !narrow_protocol(packet, l4proto))
		return false;
	if (match->kind != MATCH_PREFIX || match->negated)
		return true;
	switch (field) {
	case FIELD_IIFNAME:
		return narrow_name(packet->iifname, &packet->iif_open, &match->key);
	case FIELD_OIFNAME:
		return narrow_name(packet->oifname, &packet->oif_open, &match->key);
	case FIELD_SADDR4:
	case FIELD_SADDR6:
		return narrow_addr(&packet->saddr, &packet->saddr_open, field, &match->key);
	case FIELD_DADDR4:
	case FIELD_DADDR6:
		return narrow_addr(&packet->daddr, &packet->daddr_open, field, &match->key);
	case FIELD_L4PROTO:
		return narrow_protocol(packet, (uint8_t)key_number(field, &match->key));
	case FIELD_SERVICE:
		return narrow_port(packet, key_port(&match->key));
	case FIELD_DPORT:
	case FIELD_ICMP_KIND:
	case FIELD_ICMP_TYPE:
	case FIELD_ICMPV6_KIND:
	case FIELD_ICMPV6_TYPE:
	case FIELD_CT_STATE:
	case FIELD_CT_DIRECTION:
	case FIELD_CT_STATUS:
	case FIELD_CT_SADDR4:
	case FIELD_CT_SADDR6:
	case FIELD_CT_DADDR4:
	case FIELD_CT_DADDR6:
	case FIELD_REVERSE_PATH:
	case FIELD_SOURCE_LOCAL:
	case FIELD_SOURCE_BROADCAST:
	case FIELD_SOURCE_ON_OUT:
	case FIELD_DEST_BROADCAST:
	case FIELD_DEST_LOCAL:
	case FIELD_UNTRANSLATED:
	case FIELD__COUNT:
		break;
	}
	return true;
}

static bool narrow_all(struct judge_packet *packet, const struct rule *rule)
{
	for (uint8_t i = 0; i < rule->n_matches; i++)
		if (!narrow(packet, &rule->matches[i]))
			return false;
	return true;
}

/* All packets that there are. */
static struct judge_packet any_packet(enum family family)
{
	uint8_t bits = (uint8_t)family_bits(family);

	return (struct judge_packet){.family = family,
				     .saddr.family = family,
				     .daddr.family = family,
				     .reverse_path = TRI_MAYBE,
				     .many = true,
				     .iif_open = true,
				     .oif_open = true,
				     .saddr_open = bits,
				     .daddr_open = bits};
}

static bool may_take(struct front_search *s, const struct judge_packet *packet)
{
	struct judge judge;

	judge_start(&judge, s->foreign, packet, true);
	return judge_may_take(&judge, s->base, s->n_front, &s->out->taker);
}

/* What is not taken from a chain as a whole is taken from none of its rules. */
static bool look(struct front_search *s, uint32_t chain, const struct judge_packet *packet)
{
	const struct ruleset *ruleset = s->part->rs;
	const struct chain_index *index = &s->part->index;

	if (!may_take(s, packet))
		return false;
	for (uint32_t i = index->first[chain]; i < index->first[chain + 1]; i++) {
		const struct rule *rule = &ruleset->rules[index->order[i]];
		struct judge_packet met = *packet;

		if (!xt_part_has(s->part, rule) || !narrow_all(&met, rule))
			continue;
		switch (rule->action.kind) {
		case ACTION_GOTO:
			if (look(s, rule->action.chain, &met))
				return true;
			break;
		case ACTION_DROP:
		case ACTION_REJECT:
		case ACTION_SNAT:
		case ACTION_MASQUERADE:
			s->out->rule = rule;
			if (may_take(s, &met))
				return true;
			break;
		case ACTION_ACCEPT:
		case ACTION_COUNT:
		case ACTION_DISPATCH: /* lowered away */
		case ACTION__COUNT:
			break;
		}
	}
	return false;
}

static const struct foreign_base *find_base(const struct foreign *foreign, enum family family,
					   const char *table, const char *builtin)
{
	for (size_t i = 0; i < foreign->n_bases; i++) {
		const struct foreign_base *base = &foreign->bases[i];

		if (base->table->legacy && foreign_has_family(base->table, family) &&
		    strcmp(base->table->name, table) == 0 &&
		    strcmp(base->chain->name, builtin) == 0)
			return base;
	}
	return NULL;
}

static uint32_t find_chain(const struct ruleset *ruleset, const char *name)
{
	for (uint32_t c = 0; c < ruleset->n_chains; c++)
		if (strcmp(ruleset->chains[c].name, name) == 0)
			return c;
	return NO_INDEX;
}

bool front_find(const struct foreign *foreign, const struct xt_part *part, const char *table,
		const char *builtin, const char *chain, struct front_finding *out)
{
	struct front_search s = {.foreign = foreign,
				 .part = part,
				 .base = find_base(foreign, part->family, table, builtin),
				 .out = out};
	struct judge_packet any = any_packet(part->family);
	uint32_t idx = find_chain(part->rs, chain);
	struct judge_finding place;

	if (!s.base || idx == NO_INDEX)
		return false;
	while (s.n_front < s.base->chain->n_rules &&
	       strcmp(s.base->chain->rules[s.n_front].target, chain) != 0)
		s.n_front++;
	if (s.n_front == s.base->chain->n_rules || !look(&s, idx, &any))
		return false;
	out->base = s.base;
	out->chain = chain;
	place = (struct judge_finding){
		.base = s.base, .chain = out->taker.chain, .rule = out->taker.by};
	out->n_who = blocker_who(&place, out->who);
	return true;
}

/* Tells whether anything at all stands in front of a jump of ours. */
static bool is_any_behind(const struct foreign *foreign)
{
	for (size_t b = 0; b < foreign->n_bases; b++)
		for (size_t i = 1; i < foreign->bases[b].chain->n_rules; i++)
			if (ours_chain(foreign->bases[b].chain->rules[i].target))
				return true;
	return false;
}

int front_read(struct arena *arena, const struct ruleset *ruleset, struct fronts *out)
{
	struct foreign foreign = {.arena = arena};
	const struct ruleset *lowered;
	int err = foreign_read_xt(&foreign);

	*out = (struct fronts){0};
	if (err != 0)
		return err;
	foreign_finish(&foreign);
	if (!is_any_behind(&foreign))
		return 0;
	lowered = lower_xt(arena, ruleset);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		struct xt_part part = xt_part_of(lowered, f);

		for (size_t s = 0; s < XT_STAGES; s++) {
			const struct stage_info *stage = &stage_table[xt_stages[s]];
			const struct chain *chain = xt_part_base(&part, xt_stages[s]);
			struct front_finding finding;

			if (!chain || !front_find(&foreign, &part, stage->xt_table, stage->xt_chain,
						  chain->name, &finding))
				continue;
			out->items = arena_grow(arena, out->items, out->n, &out->cap,
						sizeof(*out->items));
			out->items[out->n++] = finding;
		}
	}
	return 0;
}

const char *front_text(struct arena *arena, const struct front_finding *finding)
{
	const struct judge_taker *taker = &finding->taker;
	struct buf text __attribute__((cleanup(buf_free))) = {0};

	buf_printf(&text, "rule %u", taker->rule->number);
	if (taker->by != taker->rule)
		buf_printf(&text, " (by rule %u of %s", taker->by->number, taker->chain->name);
	else
		buf_printf(&text, " (%s", *taker->rule->target ? taker->rule->target : "no target");
	for (size_t i = 0; i < finding->n_who; i++)
		buf_printf(&text, "%s%s", i == 0 ? "; of " : ", ", finding->who[i]->name);
	buf_putc(&text, ')');
	return arena_strdup(arena, buf_text(&text));
}
