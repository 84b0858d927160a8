// SPDX-License-Identifier: GPL-2.0-or-later
// simulate: what a ruleset does to one packet, without a kernel.
#include "hostgate/simulate.h"

#include <string.h>

#include "rules/field.h"

/* A packet on its way: the source changes in the middle. */
struct traveller {
	const struct ruleset *rs;
	const struct packet *packet;
	struct addr saddr;
	struct outcome outcome;
};

static bool is_tracked(const struct packet *packet)
{
	return !(packet->ct_state & (CT_STATE_INVALID | CT_STATE_UNTRACKED));
}

static bool is_address(const struct traveller *t, enum field field, uint8_t value[KEY_SIZE])
{
	bool source = field == FIELD_SADDR4 || field == FIELD_SADDR6;

	if (t->packet->family != field_table[field].family)
		return false;
	memcpy(value, source ? t->saddr.bytes : t->packet->daddr.bytes, KEY_SIZE);
	return true;
}

static bool is_number(enum field field, uint32_t number, uint8_t value[KEY_SIZE])
{
	struct key key = key_of_number(field, number);

	memcpy(value, key.bytes, KEY_SIZE);
	return true;
}

/* Loads a field as the kernel would; false when the packet has no such field. */
static bool load(const struct traveller *t, enum field field, uint8_t value[KEY_SIZE])
{
	const struct packet *packet = t->packet;
	const struct field_info *info = &field_table[field];

	if (info->l4proto && info->l4proto != packet->l4proto)
		return false;
	switch (field) {
	case FIELD_IIFNAME:
		memcpy(value, packet->iifname, IFNAME_SIZE);
		return true;
	case FIELD_OIFNAME:
		memcpy(value, packet->oifname, IFNAME_SIZE);
		return true;
	case FIELD_SADDR4:
	case FIELD_DADDR4:
	case FIELD_SADDR6:
	case FIELD_DADDR6:
		return is_address(t, field, value);
	case FIELD_L4PROTO:
		return is_number(field, packet->l4proto, value);
	case FIELD_SERVICE:
		return is_number(field, (uint32_t)packet->l4proto << 16 | packet->dport, value);
	case FIELD_DPORT:
		return is_number(field, packet->dport, value);
	case FIELD_ICMP_KIND:
	case FIELD_ICMPV6_KIND:
		return packet->family == info->family &&
		       is_number(field, (uint32_t)packet->icmp_type << 8 | packet->icmp_code, value);
	case FIELD_ICMP_TYPE:
	case FIELD_ICMPV6_TYPE:
		return packet->family == info->family &&
		       is_number(field, packet->icmp_type, value);
	case FIELD_CT_STATE:
		return is_number(field, packet->ct_state, value);
	case FIELD_CT_DIRECTION:
		return is_tracked(packet) && is_number(field, packet->ct_reply, value);
	case FIELD_CT_STATUS:
		return is_tracked(packet) && is_number(field, packet->ct_status, value);
	case FIELD_CT_SADDR4:
	case FIELD_CT_SADDR6:
		if (!is_tracked(packet) || packet->family != info->family)
			return false;
		memcpy(value, packet->ct_reply ? packet->daddr.bytes : packet->saddr.bytes,
		       KEY_SIZE);
		return true;
	case FIELD_CT_DADDR4:
	case FIELD_CT_DADDR6:
		if (!is_tracked(packet) || packet->family != info->family)
			return false;
		memcpy(value, packet->ct_daddr.bytes, KEY_SIZE);
		return true;
	case FIELD_REVERSE_PATH:
		return is_number(field, packet->reverse_path, value);
	case FIELD_SOURCE_LOCAL:
		return is_number(field, packet->source_local, value);
	case FIELD_SOURCE_BROADCAST:
		return packet->family == info->family &&
		       is_number(field, packet->source_broadcast, value);
	case FIELD_SOURCE_ON_OUT:
		return is_number(field,
				 t->outcome.translated ? !packet->out_unnumbered
						       : packet->source_on_out,
				 value);
	case FIELD_DEST_BROADCAST:
		return packet->family == info->family &&
		       is_number(field, packet->dest_broadcast, value);
	case FIELD_DEST_LOCAL:
		return is_number(field, packet->dest_local, value);
	case FIELD_UNTRANSLATED:
		return is_number(field, !t->outcome.translated, value);
	case FIELD__COUNT:
		break;
	}
	return false;
}

/* Tells whether the element's keys hold the values; a lowered set's are masked to its shape. */
static bool element_matches(const struct set *set, const struct element *element,
			    uint8_t value[TUPLE_MAX][KEY_SIZE])
{
	for (uint8_t f = 0; f < set->n_fields; f++)
		if (!key_matches(&element->key[f], value[f]))
			return false;
	return true;
}

static const struct element *lookup(const struct traveller *t, const struct match *match)
{
	const struct set *set = &t->rs->sets[match->set];
	uint8_t value[TUPLE_MAX][KEY_SIZE] = {0};

	for (uint8_t f = 0; f < match->n_fields; f++)
		if (!load(t, match->fields[f], value[f]))
			return NULL;
	for (size_t i = 0; i < set->n_elements; i++)
		if (element_matches(set, &set->elements[i], value))
			return &set->elements[i];
	return NULL;
}

static bool compare(const struct traveller *t, const struct match *match)
{
	uint8_t value[KEY_SIZE] = {0};
	bool found = false;

	if (!load(t, match->fields[0], value))
		return false;
	if (match->kind == MATCH_PREFIX)
		found = key_matches(&match->key, value);
	else
		for (size_t i = 0; i < KEY_SIZE; i++)
			found = found || (match->key.bytes[i] & value[i]);
	return found != match->negated;
}

/* Returns the action to take, or NULL when the rule does not match; *origin tells why. */
static const struct action *rule_action(const struct traveller *t, const struct rule *rule,
					uint32_t *origin)
{
	const struct action *action = &rule->action;

	*origin = rule->origin;
	if (!rule_in_family(rule, t->packet->family))
		return NULL;
	for (uint8_t i = 0; i < rule->n_matches; i++) {
		const struct match *match = &rule->matches[i];

		if (match->kind != MATCH_SET) {
			if (!compare(t, match))
				return NULL;
			continue;
		}
		const struct element *element = lookup(t, match);

		if (!element)
			return NULL;
		*origin = element->origin;
		if (rule->action.kind == ACTION_DISPATCH && i == rule->n_matches - 1)
			action = &t->rs->actions[element->action];
	}
	return action;
}

static void translate(struct traveller *t, const struct action *action)
{
	t->outcome.translated = true;
	t->outcome.masquerade = action->kind == ACTION_MASQUERADE;
	t->outcome.source = action->addr;
	t->saddr = action->addr;
}

/* Walks one chain; returns false when the packet goes on in another one, given in *chain. */
static bool walk_chain(struct traveller *t, enum stage stage, uint32_t *chain)
{
	for (size_t i = 0; i < t->rs->n_rules; i++) {
		const struct rule *rule = &t->rs->rules[i];
		const struct action *action;
		uint32_t origin;

		if (rule->chain != *chain || rule->action.kind == ACTION_COUNT ||
		    rule->only == (t->rs->guard_first ? FOR_NFT : FOR_XT) ||
		    !(action = rule_action(t, rule, &origin)))
			continue;
		if (t->outcome.n_steps < TRACE_MAX)
			t->outcome.trace[t->outcome.n_steps++] = (struct step){
				.stage = stage, .rule = (uint32_t)i, .origin = origin};
		switch (action->kind) {
		case ACTION_ACCEPT:
			return true;
		case ACTION_DROP:
			t->outcome.verdict = VERDICT_DROP;
			return true;
		case ACTION_REJECT:
			t->outcome.verdict = VERDICT_REJECT;
			return true;
		case ACTION_GOTO:
			*chain = action->chain;
			return false;
		case ACTION_SNAT:
		case ACTION_MASQUERADE:
			translate(t, action);
			return true;
		case ACTION_DISPATCH:
		case ACTION_COUNT:
		case ACTION__COUNT:
			break;
		}
	}
	return true;
}

/* Chains lead onward only; a ruleset with a circle would be the kernel's to refuse. */
static void walk_stage(struct traveller *t, enum stage stage)
{
	if (t->outcome.verdict != VERDICT_PASS)
		return;
	for (uint32_t c = 0; c < t->rs->n_chains; c++) {
		if (t->rs->chains[c].stage != stage)
			continue;
		uint32_t chain = c;

		for (size_t hops = 0; hops <= t->rs->n_chains; hops++)
			if (walk_chain(t, stage, &chain))
				break;
	}
	if (t->outcome.verdict != VERDICT_PASS)
		t->outcome.stage = stage;
}

/* What conntrack does at the place of translation: rules are asked for first packets only. */
static void walk_translation(struct traveller *t)
{
	const struct packet *packet = t->packet;
	uint32_t status = packet->ct_reply ? CT_STATUS_DST_NAT : CT_STATUS_SRC_NAT;

	if (!is_tracked(packet) || t->outcome.verdict != VERDICT_PASS)
		return;
	if (packet->ct_status & status)
		translate(t, &(struct action){.kind = ACTION_SNAT, .addr = packet->ct_source});
	else if (!(packet->ct_status & CT_STATUS_CONFIRMED))
		walk_stage(t, STAGE_NAT_POSTROUTING);
}

struct outcome simulate_packet(const struct ruleset *ruleset, const struct packet *packet)
{
	struct traveller t = {.rs = ruleset, .packet = packet, .saddr = packet->saddr};

	t.outcome.source = packet->saddr;
	if (*packet->iifname) {
		walk_stage(&t, STAGE_DOOR);
		walk_stage(&t, packet->for_host ? STAGE_INPUT : STAGE_FORWARD);
	} else {
		walk_stage(&t, STAGE_OUTPUT);
	}
	if (packet->for_host)
		return t.outcome;
	walk_stage(&t, STAGE_OUTBOUND);
	if (ruleset->guard_first)
		walk_stage(&t, STAGE_GUARD);
	walk_translation(&t);
	if (!ruleset->guard_first)
		walk_stage(&t, STAGE_GUARD);
	return t.outcome;
}
