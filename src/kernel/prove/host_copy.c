// SPDX-License-Identifier: GPL-2.0-or-later
// host_copy: what of the host comes into the copy that is proved, as it is read.
#include "prove/host_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/diag_codes.h"
#include "os/scope.h"

/* How often something may change while it is read. */
#define ATTEMPTS 10

static int failed(struct diags *diags, int err, const char *what)
{
	diag_add(diags, SEVERITY_ERROR, CODE(COPY_FAILED), PLACE_NONE,
		 "cannot read the host's %s: %s", what, strerror(-err))
		->err = -err;
	return err;
}

/* Dumps. */

struct host_copy_reading {
	struct host_copy *copy;
	struct host_copy_dump *dump;
};

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

static uint32_t u32_of(const struct nlattr *attr)
{
	return attr && mnl_attr_get_payload_len(attr) >= sizeof(uint32_t) ? mnl_attr_get_u32(attr)
									  : 0;
}

static uint32_t table_of(const struct nlmsghdr *message, const struct rtmsg *route)
{
	const struct nlattr *attr = find(message, sizeof(*route), RTA_TABLE);

	return attr ? u32_of(attr) : route->rtm_table;
}

/* The interface, of several next hops that of the first; 0: of none. */
static unsigned int out_of(const struct nlmsghdr *message)
{
	const struct nlattr *hops = find(message, sizeof(struct rtmsg), RTA_MULTIPATH);

	if (hops && mnl_attr_get_payload_len(hops) >= sizeof(struct rtnexthop))
		return (unsigned int)((const struct rtnexthop *)mnl_attr_get_payload(hops))
			->rtnh_ifindex;
	return u32_of(find(message, sizeof(struct rtmsg), RTA_OIF));
}

static void see_route(struct host_copy *copy, const struct nlmsghdr *message,
		      const struct rtmsg *info)
{
	struct host_seen *seen = &copy->seen;
	const struct nlattr *to = find(message, sizeof(*info), RTA_DST);
	enum family family = info->rtm_family == AF_INET ? FAMILY_IPV4 : FAMILY_IPV6;
	size_t len = family_bits(family) / 8;
	struct seen_route route = {
		.index = out_of(message),
		.prefix = {.addr.family = family, .len = info->rtm_dst_len},
		.metric = u32_of(find(message, sizeof(*info), RTA_PRIORITY)),
	};

	if (info->rtm_type != RTN_UNICAST || table_of(message, info) != RT_TABLE_MAIN ||
	    route.index == 0 || (to && mnl_attr_get_payload_len(to) != len))
		return;
	if (to)
		memcpy(route.prefix.addr.bytes, mnl_attr_get_payload(to), len);
	seen->routes = arena_grow(copy->arena, seen->routes, seen->n_routes, &seen->cap_routes,
				  sizeof(*seen->routes));
	seen->routes[seen->n_routes++] = route;
}

/* Addresses bring these along. */
static bool is_of_kernel(const struct nlmsghdr *message, const struct rtmsg *info)
{
	return info->rtm_protocol == RTPROT_KERNEL &&
	       (table_of(message, info) == RT_TABLE_LOCAL || info->rtm_type == RTN_MULTICAST);
}

static int take(const struct nlmsghdr *message, void *data)
{
	struct host_copy_reading *reading = data;
	struct host_copy_dump *dump = reading->dump;
	const struct rtmsg *info = mnl_nlmsg_get_payload(message);
	struct nlmsghdr *kept;

	/* The headers of all three begin with the family; of others than IP there are rules. */
	if (mnl_nlmsg_get_payload_len(message) < sizeof(struct ifaddrmsg) ||
	    (info->rtm_family != AF_INET && info->rtm_family != AF_INET6))
		return MNL_CB_OK;
	if (dump == &reading->copy->routes) {
		if (mnl_nlmsg_get_payload_len(message) < sizeof(*info) ||
		    info->rtm_flags & RTM_F_CLONED || is_of_kernel(message, info))
			return MNL_CB_OK;
		see_route(reading->copy, message, info);
	}
	kept = arena_alloc(reading->copy->arena, message->nlmsg_len);
	memcpy(kept, message, message->nlmsg_len);
	dump->items = arena_grow(reading->copy->arena, dump->items, dump->n, &dump->cap,
				 sizeof(*dump->items));
	dump->items[dump->n++] = kept;
	return MNL_CB_OK;
}

/* The header of a routing rule is as long as that of a route. */
static int read_dump(struct host_copy *copy, struct host_copy_dump *dump, uint16_t type)
{
	struct netlink netlink __attribute__((cleanup(netlink_close))) = {0};
	struct host_copy_reading reading = {copy, dump};
	int err = netlink_open(&netlink, NETLINK_ROUTE);

	if (err != 0)
		return err;
	err = -EINTR;
	for (int attempt = 0; err == -EINTR && attempt < ATTEMPTS; attempt++) {
		uint8_t room[NETLINK_REQUEST_SIZE] __attribute__((aligned(8))) = {0};
		struct nlmsghdr *request = mnl_nlmsg_put_header(room);

		dump->n = 0;
		if (dump == &copy->routes)
			copy->seen.n_routes = 0;
		request->nlmsg_type = type;
		request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		mnl_nlmsg_put_extra_header(request, type == RTM_GETADDR ? sizeof(struct ifaddrmsg)
									: sizeof(struct rtmsg));
		err = netlink_request(&netlink, request, take, &reading);
	}
	return err;
}

/* Links and addresses as plain data. */

/* Of these, packets of the ports come in on the interface itself. */
static bool joins(const struct host_link *link)
{
	return strcmp(link->kind, "bridge") == 0 || strcmp(link->kind, "bond") == 0 ||
	       strcmp(link->kind, "team") == 0;
}

static void see_altnames(struct host_copy *copy, struct seen_link *out)
{
	size_t cap = 0;

	for (size_t i = 0; i < copy->links.n_altnames; i++) {
		if (copy->links.altnames[i].index != out->index)
			continue;
		out->altnames = arena_grow(copy->arena, out->altnames, out->n_altnames, &cap,
					   sizeof(*out->altnames));
		out->altnames[out->n_altnames++] = copy->links.altnames[i].name;
	}
}

static void see(struct host_copy *copy)
{
	struct host_seen *seen = &copy->seen;

	for (size_t i = 0; i < copy->links.n; i++) {
		const struct host_link *link = &copy->links.items[i];
		struct seen_link out = {
			.index = link->index,
			.master = link->master,
			.up = link->flags & IFF_UP,
			.joins = joins(link),
		};

		if (link->flags & IFF_LOOPBACK)
			continue;
		memcpy(out.name, link->name, sizeof(out.name));
		see_altnames(copy, &out);
		seen->links = arena_grow(copy->arena, seen->links, seen->n_links, &seen->cap_links,
					 sizeof(*seen->links));
		seen->links[seen->n_links++] = out;
	}
	for (size_t i = 0; i < copy->links.n_addresses; i++) {
		const struct host_links_address *address = &copy->links.addresses[i];

		seen->addresses = arena_grow(copy->arena, seen->addresses, seen->n_addresses,
					     &seen->cap_addresses, sizeof(*seen->addresses));
		seen->addresses[seen->n_addresses++] =
			(struct seen_address){address->index, address->prefix};
	}
}

/* Sysctls that decide who is answered, what is forwarded, and what rules see. */

static const char *const of_host[] = {
	"net/ipv4/ip_forward",
	"net/ipv4/icmp_echo_ignore_all",
	"net/ipv4/icmp_echo_ignore_broadcasts",
	"net/ipv4/icmp_errors_use_inbound_ifaddr",
	"net/ipv4/fwmark_reflect",
	"net/ipv6/fwmark_reflect",
	"net/ipv6/icmp/echo_ignore_all",
	"net/ipv6/icmp/echo_ignore_multicast",
	"net/ipv6/icmp/echo_ignore_anycast",
	"net/bridge/bridge-nf-call-iptables",
	"net/bridge/bridge-nf-call-ip6tables",
	"net/bridge/bridge-nf-filter-vlan-tagged",
	"net/bridge/bridge-nf-pass-vlan-input-dev",
};

static const char *const of_interfaces[FAMILY__COUNT][8] = {
	{"forwarding", "rp_filter", "accept_local", "route_localnet", "src_valid_mark",
	 "accept_source_route", "bc_forwarding", "drop_unicast_in_l2_multicast"},
	{"forwarding", "accept_source_route", "drop_unicast_in_l2_multicast"},
};

static void read_sysctl(struct host_copy *copy, const char *path, const char *ifname)
{
	char full[256], value[64];
	ssize_t len;

	snprintf(full, sizeof(full), "/proc/sys/%s", path);
	SCOPED_FD fd = open(full, O_RDONLY | O_CLOEXEC);

	len = fd < 0 ? -1 : read(fd, value, sizeof(value) - 1);
	if (len <= 0)
		return;
	value[len] = '\0';
	copy->sysctls = arena_grow(copy->arena, copy->sysctls, copy->n_sysctls, &copy->cap_sysctls,
				   sizeof(*copy->sysctls));
	copy->sysctls[copy->n_sysctls++] = (struct host_copy_sysctl){
		arena_strdup(copy->arena, path), arena_strdup(copy->arena, value), ifname};
}

static void read_sysctls_of(struct host_copy *copy, const char *directory, const char *ifname)
{
	char path[128];

	for (enum family f = 0; f < FAMILY__COUNT; f++)
		for (size_t i = 0; i < 8 && of_interfaces[f][i]; i++) {
			snprintf(path, sizeof(path), "net/ipv%d/conf/%.16s/%s",
				 f == FAMILY_IPV4 ? 4 : 6, directory, of_interfaces[f][i]);
			read_sysctl(copy, path, ifname);
		}
}

/* Those of all interfaces change those of each one, so they come first. */
static void read_sysctls(struct host_copy *copy)
{
	for (size_t i = 0; i < sizeof(of_host) / sizeof(*of_host); i++)
		read_sysctl(copy, of_host[i], NULL);
	read_sysctls_of(copy, "all", NULL);
	read_sysctls_of(copy, "default", NULL);
	for (size_t i = 0; i < copy->links.n; i++)
		read_sysctls_of(copy, copy->links.items[i].name, copy->links.items[i].name);
}

int host_copy_read(struct arena *arena, struct diags *diags, struct host_copy *out)
{
	int err;

	*out = (struct host_copy){.arena = arena};
	err = host_links_read(arena, HOST_LINKS_LINKS | HOST_LINKS_ADDRESSES, &out->links);
	if (err != 0)
		return failed(diags, err, "interfaces");
	err = read_dump(out, &out->addresses, RTM_GETADDR);
	if (err != 0)
		return failed(diags, err, "addresses");
	err = read_dump(out, &out->routes, RTM_GETROUTE);
	if (err != 0)
		return failed(diags, err, "routes");
	err = read_dump(out, &out->rules, RTM_GETRULE);
	if (err != 0)
		return failed(diags, err, "routing rules");
	see(out);
	read_sysctls(out);
	return 0;
}
