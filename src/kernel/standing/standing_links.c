// SPDX-License-Identifier: GPL-2.0-or-later
// standing_links: facts about the interfaces that the description names.
#include <net/if.h>
#include <string.h>

#include "standing/standing_fact.h"

static bool exists(const struct standing_finder *finder, const struct standing_entry *entry)
{
	return host_links_first(finder->view->links, entry->pattern) < finder->view->links->n;
}

/* Another name: iifname and -i compare with the real one. */

static void look_for_altname(struct standing_finder *finder, const struct standing_entry *entry)
{
	const struct host_link *link = host_links_find_alt(finder->view->links, entry->pattern);
	char text[IFNAME_SIZE + 1];
	struct diag *diag;

	if (!link || exists(finder, entry))
		return;
	finder->entries_told[entry->idx] = true;
	if (standing_is_covered(finder, entry, link))
		return;
	(void)standing_tell_once(finder, link);
	diag = standing_say(finder, entry->pattern->place,
			    "%s is only another name of interface %s: no packet is seen under it",
			    ifpattern_format(entry->pattern, text), link->name);
	diag_hint(finder->diags, diag, "write interface: %s", link->name);
}

void standing_altnames(struct standing_finder *finder)
{
	standing_each_entry(finder, look_for_altname);
}

/* Ports. */

/* Interfaces of one entry that belong to others, and where their packets are seen. */
struct ports {
	struct standing_links ports, seen;
	size_t n_others; /* fit the entry, too, and are no ports */
};

/* What is seen of a VRF's interface comes in on the VRF, and goes out on the interface. */
static bool is_in_vrf(const struct host_link *master)
{
	return master && strcmp(master->kind, "vrf") == 0;
}

static void list_ports(struct standing_finder *finder, const struct standing_entry *entry,
		       struct ports *out)
{
	const struct host_links *links = finder->view->links;

	for (size_t i = host_links_first(links, entry->pattern);
	     i < links->n && ifpattern_matches(entry->pattern, links->by_name[i]->name); i++) {
		const struct host_link *link = links->by_name[i];

		if (host_links_is_port(links, link))
			standing_links_add(finder->arena, &out->ports, link);
		else
			out->n_others++;
	}
	if (out->ports.n > 0)
		standing_wires_follow(finder->wires, &out->ports, &out->seen);
	/* Nothing is seen while the bridge is down; one day it is up. */
	if (out->ports.n > 0 && out->seen.n == 0)
		standing_links_add(finder->arena, &out->seen,
				   host_links_at(links, out->ports.items[0]->master));
}

static bool all_covered(const struct standing_finder *finder, const struct standing_entry *entry,
			const struct standing_links *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (!standing_is_covered(finder, entry, list->items[i]))
			return false;
	return true;
}

/* "tap100i0 is a port of bridge vmbr1", "tap1 and tap2 (tap*) are ports of bridges". */
static const char *tell_ports(struct standing_finder *finder, const struct standing_entry *entry,
			      const struct standing_links *ports)
{
	const struct host_link *master =
		host_links_at(finder->view->links, ports->items[0]->master);
	const char *what = strcmp(master->kind, "bridge") == 0 ? "port" : "member";
	const char *names = standing_names(finder->arena, ports);
	char text[IFNAME_SIZE + 1];

	if (entry->pattern->wildcard)
		names = arena_printf(finder->arena, "%s (%s)", names,
				     ifpattern_format(entry->pattern, text));
	if (ports->n == 1)
		return arena_printf(finder->arena, "interface %s is a %s of %s %s", names, what,
				    master->kind, master->name);
	return arena_printf(finder->arena, "interfaces %s are %ss of %s %s", names, what,
			    master->kind, master->name);
}

static void say_ports(struct standing_finder *finder, const struct standing_entry *entry,
		      const struct ports *found)
{
	const struct host_link *master =
		host_links_at(finder->view->links, found->ports.items[0]->master);
	struct diag *diag;

	for (size_t i = 0; i < found->ports.n; i++)
		(void)standing_tell_once(finder, found->ports.items[i]);
	for (size_t i = 0; i < found->seen.n; i++)
		(void)standing_tell_once(finder, found->seen.items[i]);
	/* Open vSwitch has the packets come in on an interface of the switch's name. */
	if (strcmp(master->kind, "openvswitch") == 0) {
		diag = standing_say(finder, entry->pattern->place, "%s: no packet is seen on it",
				    tell_ports(finder, entry, &found->ports));
		diag_hint(finder->diags, diag,
			  "write the interface that has the switch's name and the host's address");
		return;
	}
	diag = standing_say(finder, entry->pattern->place, "%s: %s packets come in on %s",
			    tell_ports(finder, entry, &found->ports),
			    found->ports.n == 1 ? "its" : "their",
			    standing_names(finder->arena, &found->seen));
	if (entry->uplink)
		diag_hint(finder->diags, diag, "write interface: %s", master->name);
	else
		diag_hint(finder->diags, diag, "write %s",
			  standing_spell(finder->arena, found->n_others ? entry->pattern : NULL,
					 &found->seen));
}

/* One that fits the entry and is in a VRF that its owner does not have. */
static void look_for_vrf(struct standing_finder *finder, const struct standing_entry *entry)
{
	const struct host_links *links = finder->view->links;

	for (size_t i = host_links_first(links, entry->pattern);
	     i < links->n && ifpattern_matches(entry->pattern, links->by_name[i]->name); i++) {
		const struct host_link *link = links->by_name[i];
		const struct host_link *master = host_links_at(links, link->master);
		struct diag *diag;

		if (!is_in_vrf(master) || standing_is_covered(finder, entry, master))
			continue;
		(void)standing_tell_once(finder, link);
		diag = standing_say(
			finder, entry->pattern->place,
			"interface %s is in VRF %s: its packets are forwarded as if they came in "
			"on %s",
			link->name, master->name, master->name);
		diag_hint(finder->diags, diag,
			  entry->uplink ? "take it out of the VRF, or describe %s as an uplink, too"
					: "take it out of the VRF, or add %s to its interfaces",
			  master->name);
		return;
	}
}

static void look_for_ports(struct standing_finder *finder, const struct standing_entry *entry)
{
	struct ports found = {0};

	list_ports(finder, entry, &found);
	if (found.ports.n == 0)
		look_for_vrf(finder, entry);
	else if (!all_covered(finder, entry, &found.seen))
		say_ports(finder, entry, &found);
}

void standing_ports(struct standing_finder *finder)
{
	standing_each_entry(finder, look_for_ports);
}

/* Heard elsewhere. */

/*
 * What may be heard there, but need not be: a macvtap's frames go to the program that has it open,
 * and a switch or a bridge that filters may let no guest choose its tag.
 */
static bool is_uncertain(const struct standing_finder *finder, const struct host_link *link)
{
	const struct host_link *below = host_links_at(finder->view->links, link->link);

	if (strcmp(link->kind, "macvtap") == 0 || strcmp(link->kind, "ipvtap") == 0)
		return true;
	if (strcmp(link->kind, "vlan") != 0 || !below)
		return false;
	return below->filters_vlans ||
	       (strcmp(below->kind, "bridge") != 0 && strcmp(below->kind, "veth") != 0 &&
		strcmp(below->kind, "tun") != 0);
}

static void list_interfaces(struct standing_finder *finder, const struct network *network,
			    struct standing_links *out)
{
	const struct host_links *links = finder->view->links;

	for (size_t j = 0; j < network->n_interfaces; j++)
		for (size_t i = host_links_first(links, &network->interfaces[j]);
		     i < links->n &&
		     ifpattern_matches(&network->interfaces[j], links->by_name[i]->name);
		     i++)
			/* A port has been told, or is left out on purpose. */
			if (!host_links_is_port(links, links->by_name[i]))
				standing_links_add(finder->arena, out, links->by_name[i]);
}

static void say_heard(struct standing_finder *finder, const struct network *network,
		      const struct standing_links *others)
{
	const struct standing_entry *owner = standing_owner(finder, others->items[0]);
	const char *names = standing_names(finder->arena, others);
	struct diag *diag = standing_say(
		finder, network->interfaces[0].place,
		finder->severity == STANDING_VOID
			? "packets of guests of \"%s\" come in on %s, too, where they do not count "
			  "as theirs"
			: "packets of guests of \"%s\" may come in on %s, too, where they do not "
			  "count as theirs",
		network->name, names);

	if (owner->pattern) {
		diag_relate(finder->diags, diag, owner->pattern->place, "%s is described here",
			    others->items[0]->name);
		diag_hint(finder->diags, diag,
			  "the interface of another network or uplink must not receive them: "
			  "remove the links between the two");
	} else {
		diag_hint(finder->diags, diag,
			  "add %s to its interfaces, or remove the links between them", names);
	}
}

static void look_for_heard(struct standing_finder *finder, bool uncertain)
{
	const struct description *description = finder->view->description;

	for (size_t i = 0; i < description->n_networks; i++) {
		const struct network *network = &description->networks[i];
		struct standing_links own = {0}, all = {0}, others = {0};

		list_interfaces(finder, network, &own);
		if (own.n > 0)
			standing_wires_follow(finder->wires, &own, &all);
		for (size_t j = 0; j < all.n; j++)
			if (standing_owner(finder, all.items[j])->network != network &&
			    is_uncertain(finder, all.items[j]) == uncertain &&
			    !(all.items[j]->flags & IFF_LOOPBACK))
				standing_links_add(finder->arena, &others, all.items[j]);
		for (size_t j = 0; j < others.n; j++)
			(void)standing_tell_once(finder, others.items[j]);
		if (others.n > 0)
			say_heard(finder, network, &others);
	}
}

void standing_heard(struct standing_finder *finder)
{
	look_for_heard(finder, false);
}

void standing_maybe_heard(struct standing_finder *finder)
{
	look_for_heard(finder, true);
}

/* Renamed. */

static void look_for_renamed(struct standing_finder *finder, const struct standing_entry *entry)
{
	const struct host_links *links = finder->view->links;
	const struct host_link *now = NULL;
	char address[ADDR_TEXT_SIZE], text[IFNAME_SIZE + 1];
	struct diag *diag;

	if (finder->entries_told[entry->idx] || exists(finder, entry))
		return;
	if (entry->network) {
		size_t idx = (size_t)(entry->network - finder->view->description->networks);
		const struct standing_stray *stray = &finder->strays[idx];

		now = stray->link;
		if (now)
			addr_format(&stray->address->prefix.addr, address);
	}
	for (size_t i = 0; entry->uplink && !now && i < links->n_addresses; i++) {
		const struct addr *addr = &links->addresses[i].prefix.addr;

		if (!entry->uplink->has_address[addr->family] ||
		    !addr_equal(&entry->uplink->address[addr->family], addr))
			continue;
		now = host_links_at(links, links->addresses[i].index);
		if (now && (standing_owner(finder, now)->pattern || (now->flags & IFF_LOOPBACK)))
			now = NULL;
		addr_format(addr, address);
	}
	if (!now || standing_tell_once(finder, now))
		return;
	finder->entries_told[entry->idx] = true;
	ifpattern_format(entry->pattern, text);
	if (entry->pattern->wildcard)
		diag = standing_say(finder, entry->pattern->place,
				    "no interface matches %s; address %s of \"%s\" is on %s", text,
				    address, entry->network->name, now->name);
	else
		diag = standing_say(finder, entry->pattern->place,
				    "there is no interface %s; its address %s is on %s", text,
				    address, now->name);
	diag_hint(finder->diags, diag, "write interface: %s%s", now->name,
		  entry->pattern->wildcard ? "" : ", or give it its old name back");
}

void standing_renamed(struct standing_finder *finder)
{
	standing_each_entry(finder, look_for_renamed);
}

/* Missing. */

/* Notes that are told one by one; further ones are counted. */
#define MISSING_SHOWN 5

static void look_for_missing(struct standing_finder *finder, const struct standing_entry *entry)
{
	struct standing *out = finder->out;
	char text[IFNAME_SIZE + 1];

	if (exists(finder, entry))
		return;
	ifpattern_format(entry->pattern, text);
	out->missing = arena_grow(finder->arena, out->missing, out->n_missing, &out->cap_missing,
				  sizeof(*out->missing));
	out->missing[out->n_missing++] = arena_strdup(finder->arena, text);
	if (finder->entries_told[entry->idx] || out->n_missing > MISSING_SHOWN)
		return;
	standing_say(finder, entry->pattern->place,
		     "interface %s does not exist yet: rules match by name and take effect when it "
		     "appears%s",
		     text,
		     finder->view->description->settings.harden && entry->network
			     ? "; apply again then, to set its sysctls"
			     : "");
}

void standing_missing(struct standing_finder *finder)
{
	standing_each_entry(finder, look_for_missing);
	if (finder->out->n_missing > MISSING_SHOWN)
		standing_say(finder, PLACE_NONE,
			     "%zu more interfaces of the description do not exist yet",
			     finder->out->n_missing - MISSING_SHOWN);
}
