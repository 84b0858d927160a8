// SPDX-License-Identifier: GPL-2.0-or-later
// route: which interfaces learned a default route by advertisement, and which way packets go.
#include "kernel/route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/netlink.h"

/* How often routes may change while we read them. */
#define ATTEMPTS 10

struct reading {
	struct arena *arena;
	struct route_interfaces *out;
};

static void add_interface(struct reading *reading, unsigned int index)
{
	struct route_interfaces *out = reading->out;
	char name[IF_NAMESIZE];

	/* It may have gone meanwhile. */
	if (!if_indextoname(index, name))
		return;
	out->names = arena_grow(reading->arena, out->names, out->n, &out->cap, sizeof(*out->names));
	memcpy(out->names[out->n++], name, sizeof(name));
}

static void add_hops(struct reading *reading, const struct nlattr *attr)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(attr);
	size_t left = mnl_attr_get_payload_len(attr);

	while (left >= sizeof(*hop) && hop->rtnh_len >= sizeof(*hop) && hop->rtnh_len <= left) {
		size_t step = ((size_t)hop->rtnh_len + 3) & ~(size_t)3;

		add_interface(reading, (unsigned int)hop->rtnh_ifindex);
		if (step >= left)
			return;
		left -= step;
		hop = (const struct rtnexthop *)(const void *)((const char *)hop + step);
	}
}

static int take_route(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;

	if (message->nlmsg_type != RTM_NEWROUTE ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*route) || route->rtm_dst_len != 0 ||
	    route->rtm_protocol != RTPROT_RA || route->rtm_type != RTN_UNICAST)
		return MNL_CB_OK;
	netlink_for_each(attr, message, sizeof(*route))
	{
		if (mnl_attr_get_type(attr) == RTA_OIF)
			add_interface(data, mnl_attr_get_u32(attr));
		if (mnl_attr_get_type(attr) == RTA_MULTIPATH)
			add_hops(data, attr);
	}
	return MNL_CB_OK;
}

static int read_once(struct reading *reading)
{
	struct netlink netlink __attribute__((cleanup(netlink_close))) = {0};
	uint8_t room[NETLINK_REQUEST_SIZE] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *request;
	struct rtmsg *route;
	int err = netlink_open(&netlink, NETLINK_ROUTE);

	if (err != 0)
		return err;
	request = mnl_nlmsg_put_header(room);
	request->nlmsg_type = RTM_GETROUTE;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	route = mnl_nlmsg_put_extra_header(request, sizeof(*route));
	route->rtm_family = AF_INET6;
	return netlink_request(&netlink, request, take_route, reading);
}

int route_read_advertised(struct arena *arena, struct route_interfaces *out)
{
	struct reading reading = {arena, out};
	int err = -EINTR;

	*out = (struct route_interfaces){0};
	/* What an interrupted dump told stays: a name that is there twice does no harm. */
	for (int attempt = 0; err == -EINTR && attempt < ATTEMPTS; attempt++)
		err = read_once(&reading);
	return err;
}

/* One destination's route. */

static int take_out_interface(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *attr;

	if (message->nlmsg_type != RTM_NEWROUTE ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(struct rtmsg))
		return MNL_CB_OK;
	netlink_for_each(attr, message, sizeof(struct rtmsg))
	{
		if (mnl_attr_get_type(attr) == RTA_OIF)
			*(unsigned int *)data = mnl_attr_get_u32(attr);
	}
	return MNL_CB_OK;
}

static void put_addr(struct nlmsghdr *request, uint16_t type, const struct addr *addr)
{
	mnl_attr_put(request, type, family_bits(addr->family) / 8, addr->bytes);
}

int route_out_interface(const struct addr *from, const struct addr *to,
			char out[static IFNAME_SIZE])
{
	struct netlink netlink __attribute__((cleanup(netlink_close))) = {0};
	uint8_t room[NETLINK_REQUEST_SIZE] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *request;
	struct rtmsg *route;
	unsigned int index = 0;
	int err = netlink_open(&netlink, NETLINK_ROUTE);

	if (err != 0)
		return err;
	request = mnl_nlmsg_put_header(room);
	request->nlmsg_type = RTM_GETROUTE;
	request->nlmsg_flags = NLM_F_REQUEST;
	route = mnl_nlmsg_put_extra_header(request, sizeof(*route));
	route->rtm_family = to->family == FAMILY_IPV4 ? AF_INET : AF_INET6;
	route->rtm_src_len = route->rtm_dst_len = (uint8_t)family_bits(to->family);
	put_addr(request, RTA_SRC, from);
	put_addr(request, RTA_DST, to);
	err = netlink_request(&netlink, request, take_out_interface, &index);
	if (err != 0)
		return err;
	return if_indextoname(index, out) ? 0 : -ENODEV;
}
