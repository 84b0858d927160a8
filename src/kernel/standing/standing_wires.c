// SPDX-License-Identifier: GPL-2.0-or-later
// standing_wires: on which of its interfaces the host hears the guests of a network.
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "standing/standing_fact.h"

/*
 * Theory of operation
 *
 * A frame of a guest comes in on an interface. The host hears it there, and on
 *
 * - the bridge (bond, team) that the interface is a port of, and not on the port itself;
 * - what is at the other end of each veth that is another port of that bridge, since the bridge
 *   hands it on: so Proxmox's bridge of a guest's firewall is one wire with the network's bridge;
 * - macvlan, ipvlan and VLAN interfaces on top, by MAC address or tag, which the guest chooses; and
 *   below a macvlan or ipvlan, which share a wire with it.
 *
 * That a bridge has no address is no help: the kernel answers ARP for any of its addresses on any
 * interface, and IPv6 has no reverse path filter.
 */

struct standing_wires {
	struct arena *arena;
	const struct host_links *links;
	const struct host_link **by_master, **by_link;
	uint32_t *seen; /* by index in links->items: the walk that was there last */
	uint32_t walk;
	struct standing_links queue;
};

static int compare_masters(const void *a, const void *b)
{
	const struct host_link *const *x = a, *const *y = b;

	return (*x)->master < (*y)->master ? -1 : (*x)->master > (*y)->master;
}

static int compare_links(const void *a, const void *b)
{
	const struct host_link *const *x = a, *const *y = b;

	return (*x)->link < (*y)->link ? -1 : (*x)->link > (*y)->link;
}

static const struct host_link **sorted(struct arena *arena, const struct host_links *links,
				       int (*compare)(const void *, const void *))
{
	const struct host_link **list =
		arena_calloc(arena, links->n, sizeof(const struct host_link *));

	for (size_t i = 0; i < links->n; i++)
		list[i] = &links->items[i];
	if (links->n > 0)
		qsort(list, links->n, sizeof(const struct host_link *), compare);
	return list;
}

struct standing_wires *standing_wires_new(struct arena *arena, const struct host_links *links)
{
	struct standing_wires *wires = arena_calloc(arena, 1, sizeof(*wires));

	wires->arena = arena;
	wires->links = links;
	wires->by_master = sorted(arena, links, compare_masters);
	wires->by_link = sorted(arena, links, compare_links);
	wires->seen = arena_calloc(arena, links->n, sizeof(*wires->seen));
	return wires;
}

/* Returns the first of the sorted list whose master, or link, is the index. */
static size_t first_of(const struct standing_wires *wires, bool by_master, unsigned int index)
{
	size_t low = 0, high = wires->links->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if ((by_master ? wires->by_master[middle]->master : wires->by_link[middle]->link) <
		    index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_one_of(const char *kind, const char *const *kinds)
{
	for (; *kinds; kinds++)
		if (strcmp(kind, *kinds) == 0)
			return true;
	return false;
}

/* They take what comes in on their ports. A VRF does so, too, but each port is a wire of its own. */
static bool is_switch(const struct host_link *link)
{
	static const char *const kinds[] = {"bridge", "bond", "team", NULL};

	return is_one_of(link->kind, kinds);
}

static bool shares_wire(const struct host_link *link)
{
	static const char *const kinds[] = {"macvlan", "macvtap", "ipvlan", "ipvtap", NULL};

	return is_one_of(link->kind, kinds);
}

static bool is_on_top(const struct host_link *link)
{
	return shares_wire(link) || strcmp(link->kind, "vlan") == 0;
}

/* It hears the frames, unless it is down. */
static void visit(struct standing_wires *wires, const struct host_link *link)
{
	size_t i = link ? (size_t)(link - wires->links->items) : 0;

	if (!link || !(link->flags & IFF_UP) || wires->seen[i] == wires->walk)
		return;
	wires->seen[i] = wires->walk;
	standing_links_add(wires->arena, &wires->queue, link);
}

static const struct host_link *peer_of(const struct standing_wires *wires,
				       const struct host_link *link)
{
	return strcmp(link->kind, "veth") == 0 ? host_links_at(wires->links, link->link) : NULL;
}

static void visit_ports(struct standing_wires *wires, const struct host_link *bridge)
{
	for (size_t i = first_of(wires, true, bridge->index);
	     i < wires->links->n && wires->by_master[i]->master == bridge->index; i++)
		if (wires->by_master[i]->flags & IFF_UP)
			visit(wires, peer_of(wires, wires->by_master[i]));
}

static void visit_around(struct standing_wires *wires, const struct host_link *link)
{
	if (host_links_is_port(wires->links, link))
		visit(wires, host_links_at(wires->links, link->master));
	if (is_switch(link))
		visit_ports(wires, link);
	for (size_t i = first_of(wires, false, link->index);
	     i < wires->links->n && wires->by_link[i]->link == link->index; i++)
		if (is_on_top(wires->by_link[i]))
			visit(wires, wires->by_link[i]);
	if (shares_wire(link))
		visit(wires, host_links_at(wires->links, link->link));
}

void standing_wires_follow(struct standing_wires *wires, const struct standing_links *start,
			   struct standing_links *out)
{
	wires->walk++;
	wires->queue.n = 0;
	for (size_t i = 0; i < start->n; i++) {
		const struct host_link *peer = peer_of(wires, start->items[i]);

		visit(wires, start->items[i]);
		/* Guests may be on a bridge at the other end. */
		if (peer && host_links_is_port(wires->links, peer))
			visit(wires, peer);
	}
	for (size_t i = 0; i < wires->queue.n; i++) {
		const struct host_link *link = wires->queue.items[i];

		visit_around(wires, link);
		if (!host_links_is_port(wires->links, link))
			standing_links_add(wires->arena, out, link);
	}
}
