// SPDX-License-Identifier: GPL-2.0-or-later
// check: what is wrong between entries that are right by themselves.
//
// Theory of operation: subnets and interface patterns both nest or are disjoint. Sorted so that one
// stands before what lies within it, a single pass that remembers the outermost one so far meets
// every overlap, and a binary search among the outermost ones finds the subnet of an address.
#include "model/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/diag_codes.h"
#include "hostgate/ways.h"
#include "model/subnets.h"

struct checker {
	struct arena *arena;
	struct diags *diags;
	const struct description *description;
	bool complete;
};

/* An interface and whose it is: one of network and uplink is NULL. */
struct owned_interface {
	const struct ifpattern *pattern;
	const struct network *network;
	const struct uplink *uplink;
};

/* Subnets that no host-only network can have, whole or in part. */
static const struct {
	struct prefix prefix;
	const char *what;
} senseless[] = {
	{{{FAMILY_IPV4, {0}}, 8}, "\"this network\", 0.0.0.0/8"},
	{{{FAMILY_IPV4, {127}}, 8}, "loopback, 127.0.0.0/8"},
	{{{FAMILY_IPV4, {169, 254}}, 16}, "link-local, 169.254.0.0/16"},
	{{{FAMILY_IPV4, {224}}, 4}, "multicast, 224.0.0.0/4"},
	{{{FAMILY_IPV4, {255, 255, 255, 255}}, 32}, "broadcast, 255.255.255.255"},
	{{{FAMILY_IPV6, {0}}, 127}, "unspecified and loopback, ::/127"},
	{{{FAMILY_IPV6, {[10] = 0xff, [11] = 0xff}}, 96}, "IPv4-mapped, ::ffff:0:0/96"},
	{{{FAMILY_IPV6, {0xfe, 0x80}}, 10}, "link-local, fe80::/10"},
	{{{FAMILY_IPV6, {0xff}}, 8}, "multicast, ff00::/8"},
};

static const char *find_senseless(const struct prefix *prefix)
{
	for (size_t i = 0; i < sizeof(senseless) / sizeof(*senseless); i++)
		if (prefix_overlaps(&senseless[i].prefix, prefix))
			return senseless[i].what;
	return NULL;
}

/* Tells whether a network can have the subnet. */
static bool check_subnet(const struct checker *checker, const struct subnet *subnet)
{
	const char *what = find_senseless(&subnet->prefix);
	char text[ADDR_TEXT_SIZE];
	struct diag *diag;

	prefix_format(&subnet->prefix, text);
	if (!subnet->prefix.len)
		diag = diag_add(checker->diags, SEVERITY_ERROR, CODE(SENSELESS_SUBNET),
				subnet->place, "%s covers every address, so it is not a subnet",
				text);
	else if (what)
		diag = diag_add(checker->diags, SEVERITY_ERROR, CODE(SENSELESS_SUBNET),
				subnet->place, "%s overlaps reserved addresses (%s)", text, what);
	else
		return true;
	diag_hint(checker->diags, diag,
		  "private subnets are in 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 and fd00::/8");
	return false;
}

static void report_overlap(const struct checker *checker, const struct owned_subnet *a,
			   const struct owned_subnet *b)
{
	bool a_later = place_compare(&a->subnet->place, &b->subnet->place) > 0;
	const struct owned_subnet *later = a_later ? a : b, *first = a_later ? b : a;
	char later_text[ADDR_TEXT_SIZE], first_text[ADDR_TEXT_SIZE];
	struct diag *diag;

	prefix_format(&later->subnet->prefix, later_text);
	prefix_format(&first->subnet->prefix, first_text);
	if (later->network == first->network)
		diag = diag_add(checker->diags, SEVERITY_ERROR, CODE(SUBNETS_OVERLAP),
				later->subnet->place, "subnet %s overlaps %s of the same network",
				later_text, first_text);
	else
		diag = diag_add(checker->diags, SEVERITY_ERROR, CODE(SUBNETS_OVERLAP),
				later->subnet->place, "subnet %s of \"%s\" overlaps %s of \"%s\"",
				later_text, later->network->name, first_text, first->network->name);
	diag_relate(checker->diags, diag, first->subnet->place, "the other subnet is here");
	diag_hint(checker->diags, diag,
		  later->network == first->network ? "remove the smaller one"
						   : "give each network its own addresses");
}

/* Sorts n subnets and keeps the outermost ones; reports what lies within them when asked to. */
static struct subnet_index index_subnets(const struct checker *checker,
					 struct owned_subnet *items, size_t n, bool report)
{
	struct subnet_index index = {.items = items};

	subnets_sort(items, n);
	for (size_t i = 0; i < n; i++) {
		const struct owned_subnet *outer = index.n ? &items[index.n - 1] : NULL;

		if (!outer || !prefix_overlaps(&outer->subnet->prefix, &items[i].subnet->prefix))
			items[index.n++] = items[i];
		else if (report)
			report_overlap(checker, outer, &items[i]);
	}
	return index;
}

static size_t add_subnets(struct owned_subnet *items, const struct network *network)
{
	for (size_t i = 0; i < network->n_subnets; i++)
		items[i] = (struct owned_subnet){&network->subnets[i], network};
	return network->n_subnets;
}

static struct subnet_index check_subnets(const struct checker *checker)
{
	const struct description *description = checker->description;
	struct owned_subnet *items;
	size_t n = 0, n_good = 0;

	for (size_t i = 0; i < description->n_networks; i++)
		n += description->networks[i].n_subnets;
	items = arena_calloc(checker->arena, n, sizeof(*items));
	n = 0;
	for (size_t i = 0; i < description->n_networks; i++)
		n += add_subnets(items + n, &description->networks[i]);
	for (size_t i = 0; i < n; i++)
		if (check_subnet(checker, items[i].subnet))
			items[n_good++] = items[i];
	return index_subnets(checker, items, n_good, true);
}

static int compare_interfaces(const void *a, const void *b)
{
	const struct owned_interface *x = a, *y = b;
	int order = strcmp(x->pattern->name, y->pattern->name);

	if (order)
		return order;
	if (x->pattern->wildcard != y->pattern->wildcard)
		return x->pattern->wildcard ? -1 : 1;
	return place_compare(&x->pattern->place, &y->pattern->place);
}

static const char *owner_of(const struct checker *checker, const struct owned_interface *item)
{
	return arena_printf(checker->arena, "%s \"%s\"", item->network ? "network" : "uplink",
			    item->network ? item->network->name : item->uplink->name);
}

static void report_shared(const struct checker *checker, const struct owned_interface *a,
			  const struct owned_interface *b)
{
	bool a_later = place_compare(&a->pattern->place, &b->pattern->place) > 0;
	const struct owned_interface *later = a_later ? a : b, *first = a_later ? b : a;
	bool twice = later->network && later->network == first->network;
	char later_text[IFNAME_SIZE + 1], first_text[IFNAME_SIZE + 1];
	const char *code = twice ? CODE(INTERFACE_TWICE)
			 : later->network && first->network ? CODE(NETWORKS_SHARE_INTERFACE)
			 : later->uplink && first->uplink ? CODE(UPLINKS_SHARE_INTERFACE)
							  : CODE(UPLINK_IS_NETWORK);
	struct diag *diag = diag_add(
		checker->diags, SEVERITY_ERROR, code, later->pattern->place,
		"interface %s of %s is also %s of %s", ifpattern_format(later->pattern, later_text),
		owner_of(checker, later), ifpattern_format(first->pattern, first_text),
		twice ? "the same network" : owner_of(checker, first));

	diag_relate(checker->diags, diag, first->pattern->place, "the other one is here");
	diag_hint(checker->diags, diag, twice ? "remove one of the two"
					      : "an interface belongs to one network or uplink");
}

static void check_interfaces(const struct checker *checker)
{
	const struct description *description = checker->description;
	const struct owned_interface *outer = NULL;
	struct owned_interface *items;
	size_t n = description->n_uplinks;

	for (size_t i = 0; i < description->n_networks; i++)
		n += description->networks[i].n_interfaces;
	items = arena_calloc(checker->arena, n, sizeof(*items));
	n = 0;
	for (size_t i = 0; i < description->n_uplinks; i++)
		if (description->uplinks[i].interface.name[0])
			items[n++] = (struct owned_interface){
				.pattern = &description->uplinks[i].interface,
				.uplink = &description->uplinks[i],
			};
	for (size_t i = 0; i < description->n_networks; i++)
		for (size_t j = 0; j < description->networks[i].n_interfaces; j++)
			items[n++] = (struct owned_interface){
				.pattern = &description->networks[i].interfaces[j],
				.network = &description->networks[i],
			};
	qsort(items, n, sizeof(*items), compare_interfaces);
	for (size_t i = 0; i < n; i++) {
		if (outer && ifpattern_overlaps(outer->pattern, items[i].pattern))
			report_shared(checker, outer, &items[i]);
		else
			outer = &items[i];
	}
}

/* Checks an address that sources are translated to. */
static void check_outside_address(const struct checker *checker, const struct subnet_index *index,
				  const struct addr *addr, struct place place)
{
	const struct prefix alone = {*addr, (uint8_t)family_bits(addr->family)};
	const char *what = find_senseless(&alone);
	const struct owned_subnet *within = subnets_find(index, addr);
	char text[ADDR_TEXT_SIZE];
	struct diag *diag;

	addr_format(addr, text);
	if (what) {
		diag = diag_add(checker->diags, SEVERITY_ERROR, CODE(SENSELESS_ADDRESS), place,
				"no packet can leave with the source %s: the address is reserved "
				"(%s)",
				text, what);
		diag_hint(checker->diags, diag, "write an address of the uplink's interface");
	}
	if (!within || !network_is_private(within->network))
		return;
	diag = diag_add(checker->diags, SEVERITY_ERROR, CODE(PRIVATE_OUTSIDE), place,
			"%s must be an outside address, but is in a subnet of the %s network "
			"\"%s\"",
			text, mode_name(within->network->mode), within->network->name);
	diag_relate(checker->diags, diag, within->subnet->place, "the subnet is here");
	diag_hint(checker->diags, diag,
		  "packets with such a source never leave through an uplink; write an address of "
		  "the uplink's interface");
}

static void relate_subnets(const struct checker *checker, struct diag *diag,
			   const struct network *network)
{
	diag_relate(checker->diags, diag, network->subnets[0].place, "its subnet%s here",
		    network->n_subnets > 1 ? "s start" : " is");
}

static int compare_gateways(const void *a, const void *b)
{
	const struct gateway *const *x = a, *const *y = b;
	int order = addr_compare(&(*x)->addr, &(*y)->addr);

	return order ? order : place_compare(&(*x)->place, &(*y)->place);
}

static void check_gateways(const struct checker *checker, const struct network *network)
{
	const struct gateway **sorted;
	struct owned_subnet *items;
	struct subnet_index own;
	char text[ADDR_TEXT_SIZE];
	struct diag *diag;

	if (!network->n_gateways || !network->n_subnets)
		return;
	items = arena_calloc(checker->arena, network->n_subnets, sizeof(*items));
	own = index_subnets(checker, items, add_subnets(items, network), false);
	sorted = arena_calloc(checker->arena, network->n_gateways, sizeof(*sorted));
	for (size_t i = 0; i < network->n_gateways; i++)
		sorted[i] = &network->gateways[i];
	qsort(sorted, network->n_gateways, sizeof(*sorted), compare_gateways);
	for (size_t i = 0; i < network->n_gateways; i++) {
		addr_format(&sorted[i]->addr, text);
		if (!subnets_find(&own, &sorted[i]->addr)) {
			diag = diag_add(checker->diags, SEVERITY_ERROR, CODE(GATEWAY_OUTSIDE),
					sorted[i]->place,
					"gateway %s is not in a subnet of its network", text);
			relate_subnets(checker, diag, network);
			diag_hint(checker->diags, diag, "a gateway is the host's own address on "
				  "this network");
		}
		if (i && addr_equal(&sorted[i]->addr, &sorted[i - 1]->addr)) {
			diag = diag_add(checker->diags, SEVERITY_ERROR, CODE(GATEWAY_TWICE),
					sorted[i]->place, "gateway %s is listed twice", text);
			diag_relate(checker->diags, diag, sorted[i - 1]->place,
				    "the other one is here");
			diag_hint(checker->diags, diag, "remove one of the two");
		}
	}
}

static void check_snat(const struct checker *checker, const struct network *network)
{
	struct diag *diag;
	enum family family = network->snat_address.family;

	if (network->snat == SNAT_UPLINK)
		return;
	if (network->mode != MODE_NAT) {
		diag = diag_add(checker->diags, SEVERITY_ERROR, CODE(SNAT_WITHOUT_NAT),
				network->snat_place, "\"%s\" is %s, so it is not translated",
				network->name, mode_name(network->mode));
		if (network->mode_place.line)
			diag_relate(checker->diags, diag, network->mode_place,
				    "its mode is given here");
		diag_hint(checker->diags, diag, "set its mode to %s, or remove this",
			  mode_name(MODE_NAT));
	}
	if (network->snat == SNAT_ADDRESS && network->n_subnets &&
	    !network_has_family(network, family)) {
		diag = diag_add(checker->diags, SEVERITY_ERROR, CODE(SNAT_FAMILY),
				network->snat_place, "an %s address, but \"%s\" has no %s subnet",
				family_name(family), network->name, family_name(family));
		relate_subnets(checker, diag, network);
		diag_hint(checker->diags, diag, "write an %s address, or add an %s subnet",
			  family_name(network->subnets[0].prefix.addr.family),
			  family_name(family));
	}
}

static void check_network(const struct checker *checker, const struct subnet_index *index,
			  const struct network *network)
{
	struct diag *diag;

	check_gateways(checker, network);
	check_snat(checker, network);
	if (network->snat == SNAT_ADDRESS)
		check_outside_address(checker, index, &network->snat_address, network->snat_place);
	if (network->mode == MODE_ISOLATED && network->uplinks_given) {
		diag = diag_add(checker->diags, SEVERITY_WARNING, CODE(UPLINK_UNUSED),
				network->place,
				"\"%s\" lists uplinks, but is %s and never uses them",
				network->name, mode_name(network->mode));
		diag_hint(checker->diags, diag, "set its mode to %s or %s, or remove the uplinks",
			  mode_name(MODE_NAT), mode_name(MODE_ROUTED));
	}
	if (network->mode != MODE_ISOLATED && !network->uplinks_given && checker->complete &&
	    !checker->description->n_uplinks) {
		diag = diag_add(checker->diags, SEVERITY_ERROR, CODE(NO_UPLINK),
				network->mode_place,
				"\"%s\" is %s, but the description has no uplink for it",
				network->name, mode_name(network->mode));
		diag_hint(checker->diags, diag, "add the outside interface, for example:\n"
			  "uplinks:\n  eth0: {}");
	}
}

static void check_forwarding(const struct checker *checker)
{
	const struct settings *settings = &checker->description->settings;
	struct diag *diag;

	if (settings->forwarding != FORWARDING_DISABLED)
		return;
	for (size_t i = 0; i < checker->description->n_networks; i++) {
		const struct network *network = &checker->description->networks[i];

		if (network->mode == MODE_ISOLATED)
			continue;
		diag = diag_add(checker->diags, SEVERITY_ERROR, CODE(FORWARDING_DISABLED),
				settings->forwarding_place,
				"forwarding is disabled, but a network needs it");
		diag_relate(checker->diags, diag, network->mode_place, "\"%s\" is %s",
			    network->name, mode_name(network->mode));
		diag_hint(checker->diags, diag, "write %s, or set the mode of every network to %s",
			  forwarding_name(FORWARDING_AUTO), mode_name(MODE_ISOLATED));
		return;
	}
}

void check_description(struct arena *arena, struct diags *diags,
		       const struct description *description, bool complete)
{
	const struct checker checker = {arena, diags, description, complete};
	struct subnet_index index = check_subnets(&checker);

	check_interfaces(&checker);
	for (size_t i = 0; i < description->n_uplinks; i++)
		for (size_t f = 0; f < FAMILY__COUNT; f++)
			if (description->uplinks[i].has_address[f])
				check_outside_address(&checker, &index,
						      &description->uplinks[i].address[f],
						      description->uplinks[i].address_place[f]);
	for (size_t i = 0; i < description->n_networks; i++)
		check_network(&checker, &index, &description->networks[i]);
	check_forwarding(&checker);
}
