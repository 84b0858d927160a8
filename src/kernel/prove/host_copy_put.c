// SPDX-License-Identifier: GPL-2.0-or-later
// host_copy_put: what was read of the host, put into the copy.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/diag_codes.h"
#include "os/sandbox.h"
#include "prove/host_copy.h"

/*
 * Theory of operation
 *
 * Interfaces have the host's numbers, so dumped messages are sent back as they are, without what
 * the kernel tells but does not take. Addresses come without the routes that the kernel would make
 * for them: the host's own routes follow, also those that somebody has deleted and so are missing.
 * A route by a gateway needs one to the gateway, and the kernel dumps them in the order of their
 * prefixes; so what is refused is tried again as long as that helps.
 */

/* So many of what is left out are named. */
#define NAMED_MAX 5

static int ignore(const struct nlmsghdr *message, void *data)
{
	(void)message;
	(void)data;
	return MNL_CB_OK;
}

/* A copy of a dumped message without the attributes listed, 0 at the end; header included. */
static struct nlmsghdr *again(const struct host_copy *copy, const struct nlmsghdr *dumped,
			      size_t header_len, uint16_t type, uint16_t flags,
			      const uint16_t *without)
{
	/* Room for one attribute more, of 4 bytes. */
	uint8_t *room = arena_calloc(copy->arena, dumped->nlmsg_len + 16, 1);
	struct nlmsghdr *out = mnl_nlmsg_put_header(room);
	const struct nlattr *attr;

	out->nlmsg_type = type;
	out->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	memcpy(mnl_nlmsg_put_extra_header(out, header_len), mnl_nlmsg_get_payload(dumped),
	       header_len);
	netlink_for_each(attr, dumped, header_len)
	{
		const uint16_t *no = without;

		while (*no && *no != mnl_attr_get_type(attr))
			no++;
		if (!*no)
			mnl_attr_put(out, attr->nla_type, mnl_attr_get_payload_len(attr),
				     mnl_attr_get_payload(attr));
	}
	return out;
}

static const struct nlattr *find(const struct nlmsghdr *message, size_t header_len, uint16_t type)
{
	const struct nlattr *attr;

	netlink_for_each(attr, message, header_len)
	{
		if (mnl_attr_get_type(attr) == type)
			return attr;
	}
	return NULL;
}

static bool is_here(struct netlink *netlink, unsigned int index)
{
	uint8_t room[NETLINK_REQUEST_SIZE] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(room);
	struct ifinfomsg *info;

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST;
	info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	info->ifi_index = (int)index;
	return netlink_request(netlink, request, ignore, NULL) == 0;
}

/* What is left out. */

struct left_out {
	struct diags *diags;
	size_t n;
};

static void leave_out(struct left_out *l, const char *what, const char *which, int err)
{
	struct diag *diag;

	if (++l->n > NAMED_MAX)
		return;
	diag = diag_add(l->diags, SEVERITY_WARNING, CODE(COPY_LEFT_OUT), PLACE_NONE,
			"not copied: %s %s of the host: the kernel refuses it: %s%s", what, which,
			strerror(-err), l->n == NAMED_MAX ? "; and perhaps more like it" : "");
	diag->err = -err;
	diag_hint(l->diags, diag, "the proof is about the host without it");
}

/* Addresses. */

static int put_addresses(struct netlink *netlink, const struct host_copy *copy, struct left_out *l)
{
	static const uint16_t without[] = {IFA_FLAGS, 0};

	for (size_t i = 0; i < copy->addresses.n; i++) {
		const struct nlmsghdr *dumped = copy->addresses.items[i];
		struct nlmsghdr *request =
			again(copy, dumped, sizeof(struct ifaddrmsg), RTM_NEWADDR,
			      NLM_F_CREATE | NLM_F_REPLACE, without);
		struct ifaddrmsg *info = mnl_nlmsg_get_payload(request);
		const struct nlattr *addr;
		char text[INET6_ADDRSTRLEN] = "?";
		int err;

		info->ifa_flags = 0;
		mnl_attr_put_u32(request, IFA_FLAGS,
				 IFA_F_NOPREFIXROUTE |
					 (info->ifa_family == AF_INET6 ? IFA_F_NODAD : 0u));
		/* The kernel has those of the loopback already. */
		err = is_here(netlink, info->ifa_index)
			      ? netlink_request(netlink, request, ignore, NULL)
			      : 0;
		addr = find(dumped, sizeof(*info), IFA_ADDRESS);
		if (addr &&
		    mnl_attr_get_payload_len(addr) >= (info->ifa_family == AF_INET ? 4 : 16))
			inet_ntop(info->ifa_family, mnl_attr_get_payload(addr), text, sizeof(text));
		if (err != 0 && err != -EEXIST)
			leave_out(l, "address", text, err);
	}
	return 0;
}

/* Altnames. */

static void put_altnames(struct netlink *netlink, const struct host_copy *copy, struct left_out *l)
{
	for (size_t i = 0; i < copy->links.n_altnames; i++) {
		const struct host_altname *altname = &copy->links.altnames[i];
		uint8_t room[NETLINK_REQUEST_SIZE] __attribute__((aligned(8))) = {0};
		struct nlmsghdr *request = mnl_nlmsg_put_header(room);
		struct ifinfomsg *info;
		struct nlattr *list;
		int err;

		if (!is_here(netlink, altname->index))
			continue;
		request->nlmsg_type = RTM_NEWLINKPROP;
		request->nlmsg_flags =
			NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_APPEND | NLM_F_EXCL;
		info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
		info->ifi_index = (int)altname->index;
		list = mnl_attr_nest_start(request, IFLA_PROP_LIST | NLA_F_NESTED);
		mnl_attr_put_strz(request, IFLA_ALT_IFNAME, altname->name);
		mnl_attr_nest_end(request, list);
		err = netlink_request(netlink, request, ignore, NULL);
		if (err != 0)
			leave_out(l, "name", altname->name, err);
	}
}

/* Routing rules. */

struct rules {
	const struct host_copy *copy;
	struct nlmsghdr **items;
	size_t n, cap;
};

static int take_rule(const struct nlmsghdr *message, void *data)
{
	static const uint16_t nothing[] = {0};
	struct rules *rules = data;
	const struct fib_rule_hdr *info = mnl_nlmsg_get_payload(message);

	if (message->nlmsg_type != RTM_NEWRULE ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*info) ||
	    (info->family != AF_INET && info->family != AF_INET6))
		return MNL_CB_OK;
	rules->items = arena_grow(rules->copy->arena, rules->items, rules->n, &rules->cap,
				  sizeof(struct nlmsghdr *));
	rules->items[rules->n++] =
		again(rules->copy, message, sizeof(*info), RTM_DELRULE, 0, nothing);
	return MNL_CB_OK;
}

/* Takes away what a new namespace has. */
static int clear_rules(struct netlink *netlink, const struct host_copy *copy)
{
	uint8_t room[NETLINK_REQUEST_SIZE] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(room);
	struct rules rules = {.copy = copy};
	int err;

	request->nlmsg_type = RTM_GETRULE;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(request, sizeof(struct fib_rule_hdr));
	err = netlink_request(netlink, request, take_rule, &rules);
	for (size_t i = 0; i < rules.n && err == 0; i++)
		err = netlink_request(netlink, rules.items[i], ignore, NULL);
	return err;
}

static int put_rules(struct netlink *netlink, const struct host_copy *copy, struct left_out *l)
{
	static const uint16_t nothing[] = {0};
	int err = clear_rules(netlink, copy);

	if (err != 0) {
		diag_add(l->diags, SEVERITY_ERROR, CODE(COPY_FAILED), PLACE_NONE,
			 "cannot add the host's routing rules to the copy: %s", strerror(-err))
			->err = -err;
		return err;
	}
	for (size_t i = 0; i < copy->rules.n; i++) {
		const struct nlmsghdr *dumped = copy->rules.items[i];
		struct nlmsghdr *request = again(copy, dumped, sizeof(struct fib_rule_hdr),
						 RTM_NEWRULE, NLM_F_CREATE, nothing);
		struct fib_rule_hdr *info = mnl_nlmsg_get_payload(request);
		const struct nlattr *priority = find(dumped, sizeof(*info), FRA_PRIORITY);
		char text[16] = "0";

		info->flags &= FIB_RULE_INVERT | FIB_RULE_FIND_SADDR;
		err = netlink_request(netlink, request, ignore, NULL);
		if (priority)
			snprintf(text, sizeof(text), "%u", mnl_attr_get_u32(priority));
		if (err != 0)
			leave_out(l, info->family == AF_INET ? "routing rule" : "IPv6 routing rule",
				  text, err);
	}
	return 0;
}

/* Routes. */

static void clean_hops(const struct nlattr *attr)
{
	size_t left = mnl_attr_get_payload_len(attr);
	struct rtnexthop *hop = mnl_attr_get_payload(attr);

	while (left >= sizeof(*hop) && hop->rtnh_len >= sizeof(*hop) && hop->rtnh_len <= left) {
		size_t step = ((size_t)hop->rtnh_len + 3) & ~(size_t)3;

		hop->rtnh_flags &= RTNH_F_ONLINK;
		if (step >= left)
			return;
		left -= step;
		hop = (struct rtnexthop *)(void *)((char *)hop + step);
	}
}

static struct nlmsghdr *make_route(const struct host_copy *copy, const struct nlmsghdr *dumped)
{
	/* A nexthop object is told with what it is made of. */
	static const uint16_t without[] = {RTA_CACHEINFO, RTA_NH_ID, 0};
	struct nlmsghdr *request = again(copy, dumped, sizeof(struct rtmsg), RTM_NEWROUTE,
					 NLM_F_CREATE | NLM_F_APPEND, without);
	struct rtmsg *info = mnl_nlmsg_get_payload(request);
	const struct nlattr *hops;

	info->rtm_flags &= RTNH_F_ONLINK;
	hops = find(request, sizeof(*info), RTA_MULTIPATH);
	if (hops)
		clean_hops(hops);
	return request;
}

static void leave_route(struct left_out *l, const struct nlmsghdr *route, int err)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(route);
	const struct nlattr *to = find(route, sizeof(*info), RTA_DST);
	char text[INET6_ADDRSTRLEN] = "default", full[INET6_ADDRSTRLEN + 8];
	size_t len = info->rtm_family == AF_INET ? 4 : 16;

	if (to && mnl_attr_get_payload_len(to) >= len)
		inet_ntop(info->rtm_family, mnl_attr_get_payload(to), text, sizeof(text));
	snprintf(full, sizeof(full), "%s/%u", text, info->rtm_dst_len);
	leave_out(l, "route to", to ? full : text, err);
}

static void put_routes(struct netlink *netlink, const struct host_copy *copy, struct left_out *l)
{
	size_t n = copy->routes.n, before;
	struct nlmsghdr **left = arena_calloc(copy->arena, n + 1, sizeof(*left));
	int *errors = arena_calloc(copy->arena, n + 1, sizeof(*errors));

	for (size_t i = 0; i < n; i++)
		left[i] = make_route(copy, copy->routes.items[i]);
	do {
		before = n;
		n = 0;
		for (size_t i = 0; i < before; i++) {
			int err = netlink_request(netlink, left[i], ignore, NULL);

			if (err == 0 || err == -EEXIST)
				continue;
			errors[n] = err;
			left[n++] = left[i];
		}
	} while (n > 0 && n < before);
	for (size_t i = 0; i < n; i++)
		leave_route(l, left[i], errors[i]);
}

int host_copy_put(struct diags *diags, const struct host_copy *copy, struct netlink *netlink)
{
	struct left_out l = {diags, 0};
	int err;

	host_copy_put_sysctls(copy, true);
	put_altnames(netlink, copy, &l);
	put_addresses(netlink, copy, &l);
	err = put_rules(netlink, copy, &l);
	if (err == 0)
		put_routes(netlink, copy, &l);
	return err;
}

void host_copy_put_sysctls(const struct host_copy *copy, bool of_interfaces)
{
	/* Some belong to interfaces that the copy does not have, or to this machine as a whole. */
	for (size_t i = 0; i < copy->n_sysctls; i++)
		if ((copy->sysctls[i].ifname != NULL) == of_interfaces)
			(void)sandbox_sysctl(copy->sysctls[i].path, copy->sysctls[i].value);
}
