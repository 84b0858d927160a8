// SPDX-License-Identifier: GPL-2.0-or-later
// route_get: asks the kernel where it would send one packet.
#include "os/route_get.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

static uint8_t af_of(enum family family)
{
	return family == FAMILY_IPV4 ? AF_INET : AF_INET6;
}

static bool take_addr(const struct nlattr *attr, enum family family, struct addr *out)
{
	size_t len = family_bits(family) / 8;

	if (mnl_attr_get_payload_len(attr) < len)
		return false;
	*out = (struct addr){.family = family};
	memcpy(out->bytes, mnl_attr_get_payload(attr), len);
	return true;
}

struct taking {
	enum family family;
	struct route_answer *out;
};

static int take_answer(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);
	struct taking *taking = data;
	struct route_answer *out = taking->out;
	const struct nlattr *attr;

	if (message->nlmsg_type != RTM_NEWROUTE ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*route))
		return MNL_CB_OK;
	out->type = route->rtm_type;
	netlink_for_each(attr, message, sizeof(*route))
	{
		switch (mnl_attr_get_type(attr)) {
		case RTA_OIF:
			out->oif = mnl_attr_get_u32(attr);
			break;
		case RTA_PREFSRC:
			out->has_source = take_addr(attr, taking->family, &out->source);
			break;
		case RTA_GATEWAY:
			out->has_gateway = take_addr(attr, taking->family, &out->gateway);
			break;
		default:
			break;
		}
	}
	/* It may have gone meanwhile: then there is no name. */
	if (out->oif && !if_indextoname(out->oif, out->oifname))
		out->oifname[0] = '\0';
	return MNL_CB_OK;
}

int route_get(struct netlink *netlink, const struct route_query *query, struct route_answer *out)
{
	uint8_t room[NETLINK_REQUEST_SIZE] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(room);
	enum family family = query->daddr.family;
	struct taking taking = {family, out};
	size_t len = family_bits(family) / 8;
	struct rtmsg *route;

	*out = (struct route_answer){0};
	request->nlmsg_type = RTM_GETROUTE;
	request->nlmsg_flags = NLM_F_REQUEST;
	route = mnl_nlmsg_put_extra_header(request, sizeof(*route));
	route->rtm_family = af_of(family);
	route->rtm_dst_len = (uint8_t)family_bits(family);
	mnl_attr_put(request, RTA_DST, len, query->daddr.bytes);
	if (query->saddr) {
		route->rtm_src_len = (uint8_t)family_bits(family);
		mnl_attr_put(request, RTA_SRC, len, query->saddr->bytes);
	}
	if (query->iif)
		mnl_attr_put_u32(request, RTA_IIF, query->iif);
	if (query->l4proto)
		mnl_attr_put_u8(request, RTA_IP_PROTO, query->l4proto);
	if (query->dport)
		mnl_attr_put_u16(request, RTA_DPORT, htons(query->dport));
	return netlink_request(netlink, request, take_answer, &taking);
}
