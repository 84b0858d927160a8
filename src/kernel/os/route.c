// SPDX-License-Identifier: GPL-2.0-or-later
// route: which interfaces learned a default route by advertisement, and which way packets go.
#include "os/route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "os/netlink.h"

/* Of linux/ipv6_route.h, which cannot be included beside the C library's headers. */
#define ROUTE_DEFAULT 0x00010000u
#define ROUTE_ADDRCONF 0x00040000u

static void add_interface(struct arena *arena, struct route_interfaces *out, const char *name)
{
	out->names = arena_grow(arena, out->names, out->n, &out->cap, sizeof(*out->names));
	memset(out->names[out->n], 0, IFNAME_SIZE);
	memcpy(out->names[out->n++], name, strnlen(name, IFNAME_SIZE - 1));
}

/*
 * Only this file tells the routes that the kernel learned from those that another program learned
 * for it and wrote as "proto ra": these it leaves alone when the host begins to forward.
 */
int route_read_advertised(struct arena *arena, struct route_interfaces *out)
{
	FILE *file = fopen("/proc/net/ipv6_route", "re");
	char line[256], name[IFNAME_SIZE];
	unsigned int len, flags;
	int err;

	*out = (struct route_interfaces){0};
	if (!file)
		return errno == ENOENT ? 0 : -errno;
	/* Destination, source and next hop with their lengths; metric, references, uses. */
	while (errno = 0, fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %x %*s %*s %*s %*s %*s %*s %x %15s", &len, &flags, name) ==
			    3 &&
		    len == 0 && (flags & (ROUTE_DEFAULT | ROUTE_ADDRCONF)))
			add_interface(arena, out, name);
	err = errno;
	fclose(file);
	return -err;
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
