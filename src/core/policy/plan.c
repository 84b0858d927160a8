// SPDX-License-Identifier: GPL-2.0-or-later
// plan: description to ruleset: the sets and their elements.
/*
 * Theory of operation
 *
 * The rules (plan_rules.c) are constant and the description is their data, in these sets:
 *
 *   networks   (interface)              every network's interfaces
 *   members    (interface, address)     every network's interfaces with its subnets
 *   subnets    (address)                every network's subnets
 *   own        (address)                the host's addresses that the description names, and what
 *                                       is on one link only
 *   strays     (address)                the same, to count addresses that are where they may not be
 *   inside     (in, out)                ways within one network
 *   exits      (in, out)                ways from a nat or routed network to its uplinks
 *   entries    (out, in)                ways back into a nat network
 *   routed     (out, in)                ways back into a routed network
 *   snat       (out, source) -> action  what a nat network's source becomes on its uplinks
 *   translated (out, source)            the keys of snat; the kernel takes no map of
 *                                       translations where nothing is translated
 *   borrowed   (out, source)            those that become an address of the uplink
 *   closed     (out, source)            private sources that have no translation on that uplink
 *   uplinks    (interface)              every uplink
 *   kept_in, kept_out, forged (interface)
 *                                       every network's interfaces, to count what is refused
 *
 * Sets with a tally count for each network what is found by them.
 */
#include <string.h>

#include "policy/plan_hole.h"
#include "policy/plan_rules.h"
#include "policy/plan_sysctl.h"
#include "rules/build.h"
#include "rules/field.h"

static const char *const closed_names[FAMILY__COUNT] = {"closed4", "closed6"};
static const char *const borrowed_names[FAMILY__COUNT] = {"borrowed4", "borrowed6"};

static uint32_t add_tally(struct plan *plan, enum tally tally, const char *name,
			  struct fields fields)
{
	uint32_t set = ruleset_add_set(plan->rs, name, false, fields);

	plan->rs->sets[set].tally = tally;
	return set;
}

static void make_sets(struct plan *plan)
{
	struct ruleset *rs = plan->rs;
	plan->networks = ruleset_add_set(rs, "networks", false, FIELDS(FIELD_IIFNAME));
	plan->uplinks = ruleset_add_set(rs, "uplinks", false, FIELDS(FIELD_OIFNAME));
	plan->inside = ruleset_add_set(rs, "inside", false, FIELDS(FIELD_IIFNAME, FIELD_OIFNAME));
	plan->exits = add_tally(plan, TALLY_OUT, "exits", FIELDS(FIELD_IIFNAME, FIELD_OIFNAME));
	plan->entries = add_tally(plan, TALLY_IN, "entries", FIELDS(FIELD_OIFNAME, FIELD_IIFNAME));
	plan->routed = add_tally(plan, TALLY_IN, "routed", FIELDS(FIELD_OIFNAME, FIELD_IIFNAME));
	plan->kept_in = add_tally(plan, TALLY_REFUSED, "kept_in", FIELDS(FIELD_IIFNAME));
	plan->kept_out = add_tally(plan, TALLY_REFUSED, "kept_out", FIELDS(FIELD_OIFNAME));
	plan->forged = add_tally(plan, TALLY_CAUGHT, "forged", FIELDS(FIELD_IIFNAME));
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		enum field addr = plan_saddr[f];
		bool v4 = f == FAMILY_IPV4;

		plan->members[f] = ruleset_add_set(rs, v4 ? "members4" : "members6", false,
						   FIELDS(FIELD_IIFNAME, addr));
		plan->snat[f] = ruleset_add_set(rs, v4 ? "snat4" : "snat6", true,
						FIELDS(FIELD_OIFNAME, addr));
		plan->closed[f] =
			add_tally(plan, TALLY_CAUGHT, closed_names[f], FIELDS(FIELD_OIFNAME, addr));
		plan->translated[f] =
			add_tally(plan, TALLY_CAUGHT, v4 ? "translated4" : "translated6",
				  FIELDS(FIELD_OIFNAME, addr));
		plan->borrowed[f] = add_tally(plan, TALLY_CAUGHT, borrowed_names[f],
					      FIELDS(FIELD_OIFNAME, addr));
		plan->subnets[f] =
			ruleset_add_set(rs, v4 ? "subnets4" : "subnets6", false, FIELDS(addr));
		plan->strays[f] =
			add_tally(plan, TALLY_CAUGHT, v4 ? "strays4" : "strays6", FIELDS(addr));
		plan->own[f] = ruleset_add_set(rs, v4 ? "own4" : "own6", false, FIELDS(addr));
	}
}

static bool network_uses(const struct network *network, size_t uplink)
{
	for (size_t i = 0; i < network->n_uplinks; i++)
		if (network->uplinks[i] == uplink)
			return true;
	return false;
}

/* A private source either has a translation on an uplink or must not leave there at all. */
static void add_private_source(struct plan *plan, const struct network *network,
			       const struct subnet *subnet, size_t uplink_idx)
{
	const struct uplink *uplink = &plan->description->uplinks[uplink_idx];
	enum family family = subnet->prefix.addr.family;
	struct key out = key_of_interface(&uplink->interface);
	struct key source = key_of_prefix(&subnet->prefix);

	if (network->mode != MODE_NAT || !network_uses(network, uplink_idx)) {
		uint32_t origin = ruleset_add_origin(plan->rs, PROMISE_P2, "private source",
						     network->name, subnet->place);

		ruleset_add_element(plan->rs, plan->closed[family], KEYS(out, source), NO_INDEX,
				    origin);
		return;
	}
	struct translation translation = network_translation(network, uplink, family);
	struct action action = {
		.kind = translation.masquerade ? ACTION_MASQUERADE : ACTION_SNAT,
		.addr = translation.address,
	};

	if (translation.masquerade)
		action.addr = (struct addr){.family = family};
	uint32_t origin = ruleset_add_origin(plan->rs, PROMISE_NONE, "translation", network->name,
					     subnet->place);

	ruleset_add_element(plan->rs, plan->snat[family], KEYS(out, source),
			    ruleset_add_action(plan->rs, action), origin);
	ruleset_add_element(plan->rs, plan->translated[family], KEYS(out, source), NO_INDEX,
			    origin);
	if (translation.masquerade)
		ruleset_add_element(plan->rs, plan->borrowed[family], KEYS(out, source), NO_INDEX,
				    origin);
}

static void add_network(struct plan *plan, const struct network *network)
{
	struct ruleset *rs = plan->rs;
	uint32_t origin =
		ruleset_add_origin(rs, PROMISE_P1, "network", network->name, network->place);

	uint32_t back = network->mode == MODE_NAT ? plan->entries : plan->routed;

	for (size_t i = 0; i < network->n_interfaces; i++) {
		struct key in = key_of_interface(&network->interfaces[i]);

		ruleset_add_element(rs, plan->networks, KEYS(in), NO_INDEX, origin);
		ruleset_add_element(rs, plan->kept_in, KEYS(in), NO_INDEX, origin);
		ruleset_add_element(rs, plan->kept_out, KEYS(in), NO_INDEX, origin);
		ruleset_add_element(rs, plan->forged, KEYS(in), NO_INDEX, origin);
		for (size_t j = 0; j < network->n_interfaces; j++)
			ruleset_add_element(rs, plan->inside,
					    KEYS(in, key_of_interface(&network->interfaces[j])),
					    NO_INDEX, origin);
		if (network->mode != MODE_ISOLATED)
			for (size_t u = 0; u < network->n_uplinks; u++) {
				const struct uplink *uplink =
					&plan->description->uplinks[network->uplinks[u]];

				struct key out = key_of_interface(&uplink->interface);

				ruleset_add_element(rs, plan->exits, KEYS(in, out), NO_INDEX,
						    origin);
				ruleset_add_element(rs, back, KEYS(in, out), NO_INDEX, origin);
			}
	}
	for (size_t s = 0; s < network->n_subnets; s++) {
		const struct subnet *subnet = &network->subnets[s];
		uint32_t member =
			ruleset_add_origin(rs, PROMISE_P4, "subnet", network->name, subnet->place);

		for (size_t i = 0; i < network->n_interfaces; i++)
			ruleset_add_element(rs, plan->members[subnet->prefix.addr.family],
					    KEYS(key_of_interface(&network->interfaces[i]),
						 key_of_prefix(&subnet->prefix)),
					    NO_INDEX, member);
		ruleset_add_element(rs, plan->subnets[subnet->prefix.addr.family],
				    KEYS(key_of_prefix(&subnet->prefix)), NO_INDEX, member);
		ruleset_add_element(rs, plan->strays[subnet->prefix.addr.family],
				    KEYS(key_of_prefix(&subnet->prefix)), NO_INDEX, member);
		if (network->mode == MODE_ROUTED)
			continue;
		for (size_t u = 0; u < plan->description->n_uplinks; u++)
			add_private_source(plan, network, subnet, u);
	}
}

static void add_own_prefix(struct plan *plan, const struct prefix *prefix, const char *name,
			   struct place place)
{
	enum family family = prefix->addr.family;
	struct key key = key_of_prefix(prefix);
	struct set *set = &plan->rs->sets[plan->own[family]];

	/* An uplink may have the address that a network names as its gateway. */
	for (size_t i = 0; i < set->n_elements; i++)
		if (memcmp(set->elements[i].key[0].bytes, key.bytes, KEY_SIZE) == 0)
			return;
	ruleset_add_element(
		plan->rs, plan->own[family], KEYS(key), NO_INDEX,
		ruleset_add_origin(plan->rs, PROMISE_P3, "the host's own", name, place));
}

static void add_own_address(struct plan *plan, const struct addr *addr, const char *name,
			    struct place place)
{
	struct prefix whole = {*addr, (uint8_t)family_bits(addr->family)};

	add_own_prefix(plan, &whole, name, place);
}

/* Asked for by what enters routed networks alone. */
static void add_own(struct plan *plan)
{
	static const char *const on_link[] = {"224.0.0.0/4", "255.255.255.255/32", "ff00::/8",
					      "fe80::/10"};
	const struct description *d = plan->description;

	if (!plan_has_one(plan, plan->routed))
		return;
	for (size_t i = 0; i < sizeof(on_link) / sizeof(*on_link); i++) {
		struct prefix prefix = {0};

		(void)prefix_parse(on_link[i], &prefix);
		add_own_prefix(plan, &prefix, NULL, PLACE_NONE);
	}
	for (size_t u = 0; u < d->n_uplinks; u++)
		for (enum family f = 0; f < FAMILY__COUNT; f++)
			if (d->uplinks[u].has_address[f])
				add_own_address(plan, &d->uplinks[u].address[f],
						d->uplinks[u].name, d->uplinks[u].place);
	for (size_t n = 0; n < d->n_networks; n++)
		for (size_t g = 0; g < d->networks[n].n_gateways; g++)
			add_own_address(plan, &d->networks[n].gateways[g].addr,
					d->networks[n].name, d->networks[n].gateways[g].place);
}

struct ruleset *plan_ruleset(struct arena *arena, const struct description *description)
{
	struct plan plan = {.description = description, .rs = ruleset_new(arena)};

	plan.rs->clean_slate = description->settings.clean_slate;
	make_sets(&plan);
	for (size_t i = 0; i < description->n_networks; i++)
		add_network(&plan, &description->networks[i]);
	for (size_t u = 0; u < description->n_uplinks; u++)
		ruleset_add_element(plan.rs, plan.uplinks,
				    KEYS(key_of_interface(&description->uplinks[u].interface)),
				    NO_INDEX,
				    ruleset_add_origin(plan.rs, PROMISE_P2, "uplink",
						       description->uplinks[u].name,
						       description->uplinks[u].place));
	add_own(&plan);
	plan_rules(&plan);
	plan_holes(plan.rs, description);
	plan_sysctls(plan.rs, description);
	return plan.rs;
}

static struct set *set_named(struct ruleset *rs, const char *name)
{
	for (size_t i = 0; i < rs->n_sets; i++)
		if (strcmp(rs->sets[i].name, name) == 0)
			return &rs->sets[i];
	return NULL;
}

static bool has_element(const struct set *set, const struct element *element)
{
	for (size_t i = 0; i < set->n_elements; i++)
		if (memcmp(set->elements[i].key, element->key,
			   set->n_fields * sizeof(*element->key)) == 0)
			return true;
	return false;
}

static void add_closed(struct ruleset *rs, const struct set *closed, const struct element *element)
{
	ruleset_add_element(rs, (uint32_t)(closed - rs->sets),
			    (struct keys){closed->n_fields, element->key}, NO_INDEX,
			    element->origin);
}

struct ruleset *plan_without_address(struct arena *arena, const struct ruleset *ruleset,
				     const struct ifpattern *uplink, enum family family)
{
	struct ruleset *rs = arena_alloc(arena, sizeof(*rs));
	struct key out = key_of_interface(uplink);
	const struct set *borrowed;
	struct set was;
	struct set *closed;

	*rs = *ruleset;
	rs->arena = arena;
	rs->sets = arena_calloc(arena, rs->n_sets, sizeof(*rs->sets));
	memcpy(rs->sets, ruleset->sets, rs->n_sets * sizeof(*rs->sets));
	/* Shared until one is added to: capacity 0 makes arena_grow() copy. */
	rs->cap_sets = rs->cap_chains = rs->cap_rules = rs->cap_actions = rs->cap_origins = 0;
	borrowed = set_named(rs, borrowed_names[family]);
	closed = set_named(rs, closed_names[family]);
	was = *closed;
	closed->n_elements = closed->cap_elements = 0;
	for (size_t i = 0; i < was.n_elements; i++)
		if (!has_element(borrowed, &was.elements[i]))
			add_closed(rs, closed, &was.elements[i]);
	/* In the order of the translations, whichever uplink is closed first: the script's order. */
	for (size_t i = 0; i < borrowed->n_elements; i++) {
		const struct element *element = &borrowed->elements[i];

		if (memcmp(element->key[0].bytes, out.bytes, KEY_SIZE) == 0 ||
		    has_element(&was, element))
			add_closed(rs, closed, element);
	}
	return rs;
}
