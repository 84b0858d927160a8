// SPDX-License-Identifier: GPL-2.0-or-later
// address: the addresses that the host has.
#include "os/address.h"

#include <string.h>

int address_list(struct arena *arena, struct host_addresses *out)
{
	struct host_links links = {0};
	int err = host_links_read(arena, HOST_LINKS_LINKS | HOST_LINKS_ADDRESSES, &links);

	*out = (struct host_addresses){0};
	if (err != 0)
		return err;
	out->items = arena_calloc(arena, links.n_addresses, sizeof(*out->items));
	for (size_t i = 0; i < links.n_addresses; i++) {
		const struct host_link *link = host_links_at(&links, links.addresses[i].index);
		struct host_address *address = &out->items[out->n];

		/* It may have come, or gone, meanwhile. */
		if (!link)
			continue;
		address->addr = links.addresses[i].prefix.addr;
		memcpy(address->ifname, link->name, sizeof(address->ifname));
		out->n++;
	}
	return 0;
}

/* Addresses on one link only are no masquerade. */
static bool is_for_outside(const struct addr *addr)
{
	if (addr->family == FAMILY_IPV4)
		return addr->bytes[0] != 127 && (addr->bytes[0] != 169 || addr->bytes[1] != 254);
	return addr->bytes[0] != 0xfe || (addr->bytes[1] & 0xc0) != 0x80;
}

bool address_only(const struct host_links *links, const char *ifname, enum family family,
		  struct addr *out)
{
	const struct host_link *link = host_links_find(links, ifname);
	size_t n = 0;

	for (size_t i = 0; link && i < links->n_addresses; i++) {
		const struct addr *addr = &links->addresses[i].prefix.addr;

		if (links->addresses[i].index != link->index || addr->family != family ||
		    (family == FAMILY_IPV6 && !is_for_outside(addr)) ||
		    (n > 0 && addr_equal(addr, out)))
			continue;
		*out = *addr;
		n++;
	}
	return n == 1 && is_for_outside(out);
}
