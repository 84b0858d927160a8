// SPDX-License-Identifier: GPL-2.0-or-later
// address: the addresses that the host has.
#include "kernel/address.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/netlink.h"

/* How often addresses may change while we read them. */
#define ATTEMPTS 10

struct reading {
	struct arena *arena;
	struct host_addresses *out;
	unsigned int index; /* of the interface whose name is known */
	char name[IF_NAMESIZE];
};

/* An address on a point-to-point link has the other end's in IFA_ADDRESS. */
static const struct nlattr *find_own(const struct nlmsghdr *message)
{
	const struct nlattr *attr, *found = NULL;

	netlink_for_each(attr, message, sizeof(struct ifaddrmsg))
	{
		if (mnl_attr_get_type(attr) == IFA_LOCAL)
			return attr;
		if (mnl_attr_get_type(attr) == IFA_ADDRESS)
			found = attr;
	}
	return found;
}

static int take_address(const struct nlmsghdr *message, void *data)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	struct reading *reading = data;
	struct host_addresses *out = reading->out;
	struct host_address address = {0};
	const struct nlattr *attr;

	if (message->nlmsg_type != RTM_NEWADDR ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*info) ||
	    (info->ifa_family != AF_INET && info->ifa_family != AF_INET6))
		return MNL_CB_OK;
	address.addr.family = info->ifa_family == AF_INET ? FAMILY_IPV4 : FAMILY_IPV6;
	attr = find_own(message);
	if (!attr || mnl_attr_get_payload_len(attr) != family_bits(address.addr.family) / 8)
		return MNL_CB_OK;
	memcpy(address.addr.bytes, mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));
	/* The interface may have gone meanwhile; its addresses are listed one after another. */
	if (reading->index != info->ifa_index && !if_indextoname(info->ifa_index, reading->name))
		return MNL_CB_OK;
	reading->index = info->ifa_index;
	memcpy(address.ifname, reading->name, sizeof(address.ifname));
	out->items = arena_grow(reading->arena, out->items, out->n, &out->cap, sizeof(*out->items));
	out->items[out->n++] = address;
	return MNL_CB_OK;
}

static int read_once(struct reading *reading)
{
	struct netlink netlink __attribute__((cleanup(netlink_close))) = {0};
	uint8_t room[NETLINK_REQUEST_SIZE] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *request;
	int err = netlink_open(&netlink, NETLINK_ROUTE);

	if (err != 0)
		return err;
	request = mnl_nlmsg_put_header(room);
	request->nlmsg_type = RTM_GETADDR;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifaddrmsg));
	return netlink_request(&netlink, request, take_address, reading);
}

int address_list(struct arena *arena, struct host_addresses *out)
{
	struct reading reading = {.arena = arena, .out = out};
	int err = -EINTR;

	*out = (struct host_addresses){0};
	/* What an interrupted dump told stays: an address that is there twice does no harm. */
	for (int attempt = 0; err == -EINTR && attempt < ATTEMPTS; attempt++)
		err = read_once(&reading);
	return err;
}

/* Addresses on one link only are no masquerade. */
static bool is_for_outside(const struct addr *addr)
{
	if (addr->family == FAMILY_IPV4)
		return addr->bytes[0] != 127 && (addr->bytes[0] != 169 || addr->bytes[1] != 254);
	return addr->bytes[0] != 0xfe || (addr->bytes[1] & 0xc0) != 0x80;
}

bool address_only(struct arena *arena, const char *ifname, enum family family, struct addr *out)
{
	struct host_addresses all;
	size_t n = 0;

	if (address_list(arena, &all) != 0)
		return false;
	for (size_t i = 0; i < all.n; i++) {
		const struct addr *addr = &all.items[i].addr;

		if (addr->family != family || strcmp(all.items[i].ifname, ifname) != 0 ||
		    (family == FAMILY_IPV6 && !is_for_outside(addr)) ||
		    (n > 0 && addr_equal(addr, out)))
			continue;
		*out = *addr;
		n++;
	}
	return n == 1 && is_for_outside(out);
}
