// SPDX-License-Identifier: GPL-2.0-or-later
// standing_addresses: facts about the host's addresses and routes, and about its other interfaces.
#include <net/if.h>
#include <string.h>

#include "hostgate/ways.h"
#include "standing/standing_fact.h"

/* An uplink's own address in a network: its packets would be taken for a guest's, and dropped. */

void standing_uplinks_inside(struct standing_finder *finder)
{
	const struct host_links *links = finder->view->links;

	for (size_t i = 0; i < links->n_addresses; i++) {
		const struct addr *addr = &links->addresses[i].prefix.addr;
		const struct owned_subnet *owned = subnets_find(&finder->subnets, addr);
		const struct host_link *link = host_links_at(links, links->addresses[i].index);
		char address[ADDR_TEXT_SIZE], subnet[ADDR_TEXT_SIZE];
		const struct standing_entry *owner;
		struct diag *diag;

		if (!link || !owned || !network_is_private(owned->network))
			continue;
		owner = standing_owner(finder, link);
		if (!owner->uplink || standing_tell_once(finder, link))
			continue;
		diag = standing_say(finder, owner->pattern->place,
				    "%s has the address %s, which is in %s of the %s network "
				    "\"%s\": the host could not send anything from it",
				    link->name, addr_format(addr, address),
				    prefix_format(&owned->subnet->prefix, subnet),
				    mode_name(owned->network->mode), owned->network->name);
		diag_relate(finder->diags, diag, owned->subnet->place, "the subnet is here");
		diag_hint(finder->diags, diag,
			  "give the network another subnet, one that is not used anywhere around "
			  "the host");
	}
}

/* Subnets on other interfaces. */

static void relate_owner(struct standing_finder *finder, struct diag *diag,
			 const struct host_link *link)
{
	const struct standing_entry *owner = standing_owner(finder, link);

	if (owner->pattern)
		diag_relate(finder->diags, diag, owner->pattern->place, "%s is described here",
			    link->name);
}

void standing_subnets_elsewhere(struct standing_finder *finder)
{
	const struct host_links *links = finder->view->links;

	for (size_t i = 0; i < links->n_addresses; i++) {
		const struct addr *addr = &links->addresses[i].prefix.addr;
		const struct owned_subnet *owned = subnets_find(&finder->subnets, addr);
		const struct host_link *link = host_links_at(links, links->addresses[i].index);
		char address[ADDR_TEXT_SIZE], subnet[ADDR_TEXT_SIZE];
		struct diag *diag;

		if (!owned || !standing_can_have_guests(link, &links->addresses[i]) ||
		    standing_owner(finder, link)->network == owned->network ||
		    standing_tell_once(finder, link))
			continue;
		diag = standing_say(finder, owned->subnet->place,
				    "subnet %s of \"%s\" is also on %s, which has the address %s "
				    "and is not an interface of the network",
				    prefix_format(&owned->subnet->prefix, subnet),
				    owned->network->name, link->name, addr_format(addr, address));
		relate_owner(finder, diag, link);
		diag_hint(finder->diags, diag,
			  "if the network's guests are there, add %s to its interfaces; otherwise "
			  "give one of the two another subnet",
			  link->name);
	}
}

void standing_subnets_routed(struct standing_finder *finder)
{
	const struct host_links *links = finder->view->links;

	for (size_t i = 0; i < links->n_routes; i++) {
		const struct prefix *to = &links->routes[i].to;
		const struct owned_subnet *owned = subnets_find(&finder->subnets, &to->addr);
		const struct host_link *link = host_links_at(links, links->routes[i].index);
		char route[ADDR_TEXT_SIZE];
		struct diag *diag;

		if (!owned || to->len < owned->subnet->prefix.len ||
		    !standing_can_have_guests(link, NULL) ||
		    standing_owner(finder, link)->network == owned->network ||
		    standing_tell_once(finder, link))
			continue;
		diag = standing_say(finder, owned->subnet->place,
				    "a route of the host leads to %s of \"%s\" through %s, which "
				    "is not an interface of the network: guests there get no "
				    "answer from the host",
				    prefix_format(to, route), owned->network->name, link->name);
		relate_owner(finder, diag, link);
		diag_hint(finder->diags, diag,
			  "delete the route, or, if the network's guests are there, add %s to its "
			  "interfaces",
			  link->name);
	}
}

/* Who has an address. */

bool standing_has_address(const struct host_links *links, const char *ifname, enum family family)
{
	const struct host_link *link = host_links_find(links, ifname);

	for (size_t i = 0; link && i < links->n_addresses; i++)
		if (links->addresses[i].index == link->index && links->addresses[i].global &&
		    links->addresses[i].prefix.addr.family == family)
			return true;
	return false;
}

static bool has_default_route(const struct host_links *links, const struct host_link *link,
			      enum family family)
{
	for (size_t i = 0; i < links->n_routes; i++)
		if (links->routes[i].to.len == 0 && links->routes[i].index == link->index &&
		    links->routes[i].to.addr.family == family)
			return true;
	return false;
}

/* Networks that leave by one uplink with whatever address it has. */
struct leaving {
	const struct network *first;
	size_t n;
};

static struct leaving *list_leaving(const struct standing_finder *finder)
{
	const struct description *description = finder->view->description;
	struct leaving *list =
		arena_calloc(finder->arena, description->n_uplinks * FAMILY__COUNT, sizeof(*list));

	for (size_t i = 0; i < description->n_networks; i++) {
		struct ways ways = ways_of(description, &description->networks[i]);
		struct way way;

		while (ways_next(&ways, &way))
			for (enum family f = 0; f < FAMILY__COUNT; f++) {
				struct leaving *leaving;

				if (!way.of[f].translated || !way.of[f].translation.masquerade)
					continue;
				leaving = &list[(way.to.uplink - description->uplinks) *
							FAMILY__COUNT +
						f];
				if (leaving->n++ == 0)
					leaving->first = ways.network;
			}
	}
	return list;
}

static void look_for_no_address(struct standing_finder *finder, bool routed)
{
	const struct description *description = finder->view->description;
	const struct host_links *links = finder->view->links;
	const struct leaving *list = list_leaving(finder);

	for (size_t i = 0; i < description->n_uplinks * FAMILY__COUNT; i++) {
		const struct ifpattern *pattern =
			&description->uplinks[i / FAMILY__COUNT].interface;
		const struct host_link *link = host_links_find(links, pattern->name);
		enum family family = (enum family)(i % FAMILY__COUNT);
		struct diag *diag;

		if (list[i].n == 0 || !link || standing_has_address(links, link->name, family) ||
		    has_default_route(links, link, family) != routed)
			continue;
		diag = standing_say(
			finder, pattern->place,
			"%s has no %s address: packets of %s%s cannot leave there over %s until it "
			"has one",
			link->name, family_name(family), list[i].first->name,
			list[i].n == 1
				? ""
				: arena_printf(finder->arena, " and %zu more", list[i].n - 1),
			family_name(family));
		if (routed)
			diag_hint(finder->diags, diag, "give %s one, then apply again", link->name);
	}
}

void standing_no_address(struct standing_finder *finder)
{
	look_for_no_address(finder, true);
}

void standing_no_address_yet(struct standing_finder *finder)
{
	look_for_no_address(finder, false);
}

/* Other interfaces. */

void standing_open_tunnels(struct standing_finder *finder)
{
	const struct host_links *links = finder->view->links;
	struct standing_links open = {0};
	struct diag *diag;

	for (size_t i = 0; finder->view->status && i < links->n; i++)
		if (links->items[i].any_peer && (links->items[i].flags & IFF_UP))
			standing_links_add(finder->arena, &open, &links->items[i]);
	if (open.n == 0)
		return;
	diag = standing_say(finder, PLACE_NONE,
			    "%s accept%s tunnelled packets from any sender, even from a guest: the "
			    "packets inside then come in on the tunnel, and count as coming from "
			    "there",
			    standing_names(finder->arena, &open), open.n == 1 ? "s" : "");
	diag_hint(finder->diags, diag,
		  "give the tunnel a fixed remote if its kind has one; otherwise drop what the "
		  "networks send to the tunnel's port on the host, in an input chain of your own");
}

void standing_bridged_frames(struct standing_finder *finder)
{
	const struct host_links *links = finder->view->links;

	for (size_t i = 0; finder->view->bridged && i < links->n; i++) {
		struct diag *diag;

		if (strcmp(links->items[i].kind, "bridge") != 0 ||
		    !standing_owner(finder, &links->items[i])->network)
			continue;
		diag = standing_say(finder, PLACE_NONE,
				    "frames between guests on one bridge pass through the rules, "
				    "too (br_netfilter): those with addresses outside their "
				    "network's subnets are dropped");
		diag_hint(finder->diags, diag,
			  "add those subnets to the network, or write 0 to net.bridge."
			  "bridge-nf-call-iptables and bridge-nf-call-ip6tables unless something "
			  "else needs it");
		return;
	}
}
