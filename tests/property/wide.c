// SPDX-License-Identifier: GPL-2.0-or-later
// wide: rulesets from a seed that use all that a ruleset can say, beyond what any description needs.
#include "wide.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "rules/build.h"
#include "rules/field.h"

/*
 * Rules and packets are drawn from a small world, so that they meet: six interfaces, the addresses
 * of 10.0.0.0/14 and fd00::/46, a few protocols. Every set and rule is of one family, for its
 * fields are.
 */

#define LARGE_SET 120

struct world {
	struct random *random;
	struct ruleset *rs;
	uint32_t origin;
	uint32_t forward, further, outbound, translate; /* chains */
};

static bool one_in(struct random *random, uint32_t n)
{
	return random_below(random, n) == 0;
}

static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6, 47};

static struct ifpattern random_interface(struct random *random, bool may_be_pattern)
{
	struct ifpattern pattern = {.wildcard = may_be_pattern && one_in(random, 12)};
	uint32_t number = random_below(random, 6);

	/* The pattern of tens overlaps no other name. */
	snprintf(pattern.name, sizeof(pattern.name), pattern.wildcard ? "t%u." : "n%u", number);
	return pattern;
}

static struct addr random_address(struct random *random, enum family family)
{
	struct addr addr = {.family = family};
	uint8_t *bytes = addr.bytes;

	if (family == FAMILY_IPV4) {
		bytes[0] = 10;
		bytes[1] = (uint8_t)random_below(random, 4);
		bytes[2] = (uint8_t)random_below(random, 8);
		bytes[3] = (uint8_t)random_below(random, 256);
	} else {
		bytes[0] = 0xfd;
		bytes[5] = (uint8_t)random_below(random, 4);
		bytes[6] = (uint8_t)random_below(random, 8);
		bytes[7] = (uint8_t)random_below(random, 256);
		bytes[15] = one_in(random, 2) ? 0 : (uint8_t)random_below(random, 4);
	}
	return addr;
}

static struct key random_prefix(struct random *random, enum family family)
{
	static const uint8_t lengths[FAMILY__COUNT][4] = {{16, 22, 24, 32}, {48, 54, 64, 128}};
	struct prefix prefix = {random_address(random, family),
				lengths[family][random_below(random, 4)]};

	prefix = prefix_truncate(&prefix);
	return key_of_prefix(&prefix);
}

static uint16_t random_port(struct random *random)
{
	return (uint16_t)(80 + random_below(random, 16));
}

static struct key random_service(struct random *random)
{
	uint32_t kind = random_below(random, 8);

	if (kind == 0)
		return (struct key){0};
	if (kind == 1)
		return key_of_protocol(protocols[random_below(random, sizeof(protocols))]);
	return key_of_service(kind % 2 ? IPPROTO_TCP : IPPROTO_UDP, random_port(random));
}

static struct key random_key(struct random *random, enum field field)
{
	if (field == FIELD_IIFNAME || field == FIELD_OIFNAME) {
		struct ifpattern interface = random_interface(random, true);

		return key_of_interface(&interface);
	}
	if (field_table[field].one_family)
		return random_prefix(random, field_table[field].family);
	if (field == FIELD_SERVICE)
		return random_service(random);
	return key_of_number(field, protocols[random_below(random, sizeof(protocols))]);
}

static bool keys_meet(const struct key *a, const struct key *b)
{
	return key_matches(a->bits < b->bits ? a : b, (a->bits < b->bits ? b : a)->bytes);
}

static bool elements_meet(const struct set *set, const struct key *a, const struct key *b)
{
	for (uint8_t f = 0; f < set->n_fields; f++)
		if (!keys_meet(&a[f], &b[f]))
			return false;
	return true;
}

/* Elements of a set do not overlap: one that would is left out. */
static void add_random_element(struct world *w, uint32_t idx, uint32_t action)
{
	struct set *set = &w->rs->sets[idx];
	struct key key[TUPLE_MAX];

	for (uint8_t f = 0; f < set->n_fields; f++)
		key[f] = random_key(w->random, set->fields[f]);
	for (size_t i = 0; i < set->n_elements; i++)
		if (elements_meet(set, set->elements[i].key, key))
			return;
	ruleset_add_element(w->rs, idx, (struct keys){set->n_fields, key}, action, w->origin);
}

static size_t random_size(struct random *random)
{
	return one_in(random, 6) ? LARGE_SET : 1 + random_below(random, 6);
}

/* Some of the fields that a chain's packets have, in any order. */
static struct fields random_fields(struct random *random, enum family family, bool has_in)
{
	enum field pool[] = {FIELD_OIFNAME, family == FAMILY_IPV4 ? FIELD_SADDR4 : FIELD_SADDR6,
			     family == FAMILY_IPV4 ? FIELD_DADDR4 : FIELD_DADDR6,
			     one_in(random, 3) ? FIELD_L4PROTO : FIELD_SERVICE, FIELD_IIFNAME};
	uint32_t left = has_in ? 5 : 4;
	struct fields fields = {.n = (uint8_t)(1 + random_below(random, 4))};

	for (uint8_t f = 0; f < fields.n; f++) {
		uint32_t which = random_below(random, left);

		fields.field[f] = pool[which];
		pool[which] = pool[--left];
	}
	return fields;
}

/* The same types, but where the packet goes for where it comes from, and the other way round. */
static void turn(struct fields *fields)
{
	static const enum field other[FIELD__COUNT] = {
		[FIELD_SADDR4] = FIELD_DADDR4,
		[FIELD_DADDR4] = FIELD_SADDR4,
		[FIELD_SADDR6] = FIELD_DADDR6,
		[FIELD_DADDR6] = FIELD_SADDR6,
	};

	for (uint8_t f = 0; f < fields->n; f++)
		if (other[fields->field[f]])
			fields->field[f] = other[fields->field[f]];
}

static uint32_t random_set(struct world *w, struct fields fields, bool is_map)
{
	uint32_t set = ruleset_add_set(w->rs, arena_printf(w->rs->arena, "set%zu", w->rs->n_sets),
				       is_map, fields);

	if (!is_map && one_in(w->random, 3))
		w->rs->sets[set].tally = TALLY_OUT;
	return set;
}

static void add_lookup(struct world *w, struct rule *rule, enum family family)
{
	struct fields fields = random_fields(w->random, family, true);
	uint32_t set = random_set(w, fields, false);

	for (size_t n = random_size(w->random); n > 0; n--)
		add_random_element(w, set, NO_INDEX);
	if (one_in(w->random, 4))
		turn(&fields);
	rule_match_set(rule, set, fields);
}

static struct action random_action(struct world *w, uint32_t chain)
{
	static const enum action_kind kinds[] = {ACTION_ACCEPT, ACTION_DROP, ACTION_REJECT};

	if (chain == w->forward && one_in(w->random, 4))
		return action_goto(w->further);
	return action_of(kinds[random_below(w->random, 3)]);
}

static void add_random_rule(struct world *w, uint32_t chain)
{
	enum family family = (enum family)random_below(w->random, FAMILY__COUNT);
	struct rule rule = rule_start(chain, random_action(w, chain), w->origin);

	if (one_in(w->random, 3))
		rule_match_bits(&rule, FIELD_CT_STATE, CT_STATE_ESTABLISHED | CT_STATE_RELATED,
				one_in(w->random, 2));
	if (one_in(w->random, 5))
		rule_match_number(&rule, FIELD_CT_DIRECTION, random_below(w->random, 2));
	add_lookup(w, &rule, family);
	ruleset_add_rule(w->rs, &rule);
}

static void add_translation(struct world *w)
{
	enum family family = (enum family)random_below(w->random, FAMILY__COUNT);
	struct fields fields = random_fields(w->random, family, false);
	uint32_t map = random_set(w, fields, true);
	struct rule rule = rule_start(w->translate, action_of(ACTION_DISPATCH), w->origin);
	bool of_family = false;

	for (uint8_t f = 0; f < fields.n; f++)
		of_family = of_family || field_table[fields.field[f]].one_family;
	/* An address to translate to is of a family, and then the rule is, too. */
	for (size_t n = random_size(w->random); n > 0; n--) {
		struct action action = action_of(ACTION_MASQUERADE);

		action.addr.family = family;
		if (of_family && !one_in(w->random, 3))
			action = (struct action){.kind = ACTION_SNAT,
						 .addr = random_address(w->random, family)};
		add_random_element(w, map, ruleset_add_action(w->rs, action));
	}
	rule_match_set(&rule, map, fields);
	ruleset_add_rule(w->rs, &rule);
}

struct ruleset *wide_ruleset(struct random *random, struct arena *arena)
{
	struct world w = {.random = random, .rs = ruleset_new(arena)};

	w.origin = ruleset_add_origin(w.rs, PROMISE_P1, "a reason", NULL, PLACE_NONE);
	w.forward = ruleset_add_chain(w.rs, "forward", STAGE_FORWARD, STAGE_FORWARD);
	w.further = ruleset_add_chain(w.rs, "further", STAGE_NONE, STAGE_FORWARD);
	w.outbound = ruleset_add_chain(w.rs, "outbound", STAGE_OUTBOUND, STAGE_OUTBOUND);
	w.translate =
		ruleset_add_chain(w.rs, "translate", STAGE_NAT_POSTROUTING, STAGE_NAT_POSTROUTING);
	for (uint32_t n = 1 + random_below(random, 3); n > 0; n--)
		add_random_rule(&w, w.forward);
	for (uint32_t n = random_below(random, 3); n > 0; n--)
		add_random_rule(&w, w.further);
	for (uint32_t n = random_below(random, 3); n > 0; n--)
		add_translation(&w);
	return w.rs;
}

struct packet wide_packet(struct random *random)
{
	static const enum ct_state states[] = {CT_STATE_ESTABLISHED, CT_STATE_NEW, CT_STATE_NEW};
	struct packet packet = {.family = (enum family)random_below(random, FAMILY__COUNT)};
	struct ifpattern in = random_interface(random, true), out = random_interface(random, true);

	memcpy(packet.iifname, in.name, IFNAME_SIZE);
	memcpy(packet.oifname, out.name, IFNAME_SIZE);
	packet.saddr = random_address(random, packet.family);
	packet.daddr = random_address(random, packet.family);
	packet.l4proto = protocols[random_below(random, sizeof(protocols))];
	packet.dport = random_port(random);
	packet.ct_state = states[random_below(random, sizeof(states) / sizeof(*states))];
	if (packet.ct_state != CT_STATE_NEW) {
		packet.ct_reply = one_in(random, 2);
		packet.ct_status = CT_STATUS_CONFIRMED;
	}
	packet.ct_daddr = packet.ct_reply ? packet.saddr : packet.daddr;
	return packet;
}
