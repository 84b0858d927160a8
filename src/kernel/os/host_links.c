// SPDX-License-Identifier: GPL-2.0-or-later
// host_links: the interfaces, addresses and routes of this network namespace, by rtnetlink.
#include "os/host_links.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/if_tunnel.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "os/netlink.h"

/*
 * /sys/class/net would tell much of it, too, but of the namespace in which /sys was mounted:
 * `--netns` and containers have another one.
 */

/* How often something may change while we read it. */
#define ATTEMPTS 10

struct reading {
	struct arena *arena;
	struct host_links *out;
};

static const char *text_of(const struct nlattr *attr)
{
	return attr && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0 ? mnl_attr_get_str(attr)
									 : "";
}

static uint32_t u32_of(const struct nlattr *attr)
{
	return attr && mnl_attr_get_payload_len(attr) >= sizeof(uint32_t) ? mnl_attr_get_u32(attr)
									  : 0;
}

static bool is_zero(const struct nlattr *attr)
{
	static const uint8_t zero[16];
	size_t len = attr ? mnl_attr_get_payload_len(attr) : 0;

	return len <= sizeof(zero) &&
	       (len == 0 || memcmp(mnl_attr_get_payload(attr), zero, len) == 0);
}

/* Links. */

/*
 * Tunnels, by kind, and where they say who the other end is. A VXLAN device sends to its remote by
 * default, but takes packets from everybody; so do GENEVE and what is fed by metadata.
 */
static const struct {
	const char *kind;
	uint16_t remote; /* 0: it takes all */
} tunnels[] = {
	{"vxlan", 0},
	{"geneve", 0},
	{"bareudp", 0},
	{"gre", IFLA_GRE_REMOTE},
	{"gretap", IFLA_GRE_REMOTE},
	{"erspan", IFLA_GRE_REMOTE},
	{"ip6gre", IFLA_GRE_REMOTE},
	{"ip6gretap", IFLA_GRE_REMOTE},
	{"ip6erspan", IFLA_GRE_REMOTE},
	{"ipip", IFLA_IPTUN_REMOTE},
	{"sit", IFLA_IPTUN_REMOTE},
	{"ip6tnl", IFLA_IPTUN_REMOTE},
};

static bool takes_any_peer(const char *kind, const struct nlattr *data)
{
	for (size_t i = 0; i < sizeof(tunnels) / sizeof(*tunnels); i++)
		if (strcmp(kind, tunnels[i].kind) == 0)
			return !tunnels[i].remote || is_zero(netlink_find(data, tunnels[i].remote));
	return false;
}

static void take_altnames(struct reading *r, unsigned int index, const struct nlattr *list)
{
	struct host_links *out = r->out;
	const struct nlattr *attr;

	netlink_for_each_nested(attr, list)
	{
		if (mnl_attr_get_type(attr) != IFLA_ALT_IFNAME)
			continue;
		out->altnames = arena_grow(r->arena, out->altnames, out->n_altnames,
					   &out->cap_altnames, sizeof(*out->altnames));
		out->altnames[out->n_altnames++] =
			(struct host_altname){arena_strdup(r->arena, text_of(attr)), index};
	}
}

static void take_info(struct reading *r, struct host_link *link, const struct nlattr *info)
{
	const struct nlattr *data = netlink_find(info, IFLA_INFO_DATA);

	link->kind = arena_strdup(r->arena, text_of(netlink_find(info, IFLA_INFO_KIND)));
	link->any_peer = takes_any_peer(link->kind, data);
	link->filters_vlans = strcmp(link->kind, "bridge") == 0 &&
			      !is_zero(netlink_find(data, IFLA_BR_VLAN_FILTERING));
}

static int take_link(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	struct host_link link = {.kind = ""};
	struct reading *r = data;
	struct host_links *out = r->out;
	const struct nlattr *attr;
	bool elsewhere = false;

	if (message->nlmsg_type != RTM_NEWLINK ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*info))
		return MNL_CB_OK;
	link.index = (unsigned int)info->ifi_index;
	link.flags = info->ifi_flags;
	netlink_for_each(attr, message, sizeof(*info))
	{
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			memcpy(link.name, text_of(attr), strnlen(text_of(attr), IFNAME_SIZE - 1));
			break;
		case IFLA_PROP_LIST:
			take_altnames(r, link.index, attr);
			break;
		case IFLA_MASTER:
			link.master = u32_of(attr);
			break;
		case IFLA_LINK:
			link.link = u32_of(attr);
			break;
		case IFLA_LINK_NETNSID:
			elsewhere = true;
			break;
		case IFLA_LINKINFO:
			take_info(r, &link, attr);
			break;
		default:
			break;
		}
	}
	if (elsewhere)
		link.link = 0;
	out->items = arena_grow(r->arena, out->items, out->n, &out->cap, sizeof(*out->items));
	out->items[out->n++] = link;
	return MNL_CB_OK;
}

/* Addresses and routes. */

/* Returns the family; FAMILY__COUNT for one that is none of ours. */
static enum family family_of(uint8_t af)
{
	return af == AF_INET ? FAMILY_IPV4 : af == AF_INET6 ? FAMILY_IPV6 : FAMILY__COUNT;
}

static bool take_addr(const struct nlattr *attr, enum family family, struct addr *out)
{
	size_t len = family_bits(family) / 8;

	if (!attr || mnl_attr_get_payload_len(attr) != len)
		return false;
	*out = (struct addr){.family = family};
	memcpy(out->bytes, mnl_attr_get_payload(attr), len);
	return true;
}

/* Nobody may send from such an address, not yet or not at all. */
#define UNUSABLE (IFA_F_DADFAILED | IFA_F_TENTATIVE)

static int take_address(const struct nlmsghdr *message, void *data)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr, *local = NULL, *other = NULL, *wide = NULL;
	struct host_links_address address = {0};
	struct reading *r = data;
	struct host_links *out = r->out;
	enum family family;

	if (message->nlmsg_type != RTM_NEWADDR ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*info) ||
	    (family = family_of(info->ifa_family)) == FAMILY__COUNT)
		return MNL_CB_OK;
	netlink_for_each(attr, message, sizeof(*info))
	{
		if (mnl_attr_get_type(attr) == IFA_LOCAL)
			local = attr;
		if (mnl_attr_get_type(attr) == IFA_ADDRESS)
			other = attr;
		if (mnl_attr_get_type(attr) == IFA_FLAGS)
			wide = attr;
	}
	/* On a point-to-point link IFA_ADDRESS is the other end's. */
	if (!take_addr(local ? local : other, family, &address.prefix.addr))
		return MNL_CB_OK;
	address.prefix.len = info->ifa_prefixlen;
	address.index = info->ifa_index;
	address.global = info->ifa_scope < RT_SCOPE_LINK &&
			 !((wide ? u32_of(wide) : info->ifa_flags) & UNUSABLE);
	out->addresses = arena_grow(r->arena, out->addresses, out->n_addresses, &out->cap_addresses,
				    sizeof(*out->addresses));
	out->addresses[out->n_addresses++] = address;
	return MNL_CB_OK;
}

static void add_route(struct reading *r, const struct host_route *route)
{
	struct host_links *out = r->out;

	if (route->index == 0 || (route->gateway && route->to.len > 0))
		return;
	out->routes = arena_grow(r->arena, out->routes, out->n_routes, &out->cap_routes,
				 sizeof(*out->routes));
	out->routes[out->n_routes++] = *route;
}

static void add_hops(struct reading *r, struct host_route route, const struct nlattr *attr)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(attr);
	size_t left = mnl_attr_get_payload_len(attr);

	while (left >= sizeof(*hop) && hop->rtnh_len >= sizeof(*hop) && hop->rtnh_len <= left) {
		size_t step = ((size_t)hop->rtnh_len + 3) & ~(size_t)3;

		route.index = (unsigned int)hop->rtnh_ifindex;
		route.gateway = hop->rtnh_len > sizeof(*hop);
		add_route(r, &route);
		if (step >= left)
			return;
		left -= step;
		hop = (const struct rtnexthop *)(const void *)((const char *)hop + step);
	}
}

static int take_route(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr, *hops = NULL;
	struct host_route route = {0};
	struct reading *r = data;
	enum family family;

	if (message->nlmsg_type != RTM_NEWROUTE ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*info) || info->rtm_type != RTN_UNICAST ||
	    (info->rtm_flags & RTM_F_CLONED) ||
	    (family = family_of(info->rtm_family)) == FAMILY__COUNT)
		return MNL_CB_OK;
	route.to = (struct prefix){{.family = family}, info->rtm_dst_len};
	netlink_for_each(attr, message, sizeof(*info))
	{
		switch (mnl_attr_get_type(attr)) {
		case RTA_DST:
			(void)take_addr(attr, family, &route.to.addr);
			break;
		case RTA_OIF:
			route.index = u32_of(attr);
			break;
		case RTA_GATEWAY:
		case RTA_VIA:
			route.gateway = true;
			break;
		case RTA_MULTIPATH:
			hops = attr;
			break;
		default:
			break;
		}
	}
	add_route(r, &route);
	if (hops)
		add_hops(r, route, hops);
	return MNL_CB_OK;
}

/* Dumps. */

static int dump_once(struct reading *r, uint16_t type, mnl_cb_t take)
{
	struct netlink netlink __attribute__((cleanup(netlink_close))) = {0};
	uint8_t room[NETLINK_REQUEST_SIZE] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(room);
	int err = netlink_open(&netlink, NETLINK_ROUTE);

	if (err != 0)
		return err;
	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	/* The headers of all three begin with the family. */
	mnl_nlmsg_put_extra_header(request, type == RTM_GETLINK	  ? sizeof(struct ifinfomsg)
					    : type == RTM_GETADDR ? sizeof(struct ifaddrmsg)
								  : sizeof(struct rtmsg));
	if (type == RTM_GETLINK)
		mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return netlink_request(&netlink, request, take, r);
}

/* n: of the list that the dump fills. */
static int dump(struct reading *r, uint16_t type, mnl_cb_t take, size_t *n)
{
	int err = -EINTR;

	for (int attempt = 0; err == -EINTR && attempt < ATTEMPTS; attempt++) {
		*n = 0;
		if (type == RTM_GETLINK)
			r->out->n_altnames = 0;
		err = dump_once(r, type, take);
	}
	return err;
}

int host_links_read(struct arena *arena, unsigned int parts, struct host_links *out)
{
	struct reading r = {arena, out};
	int err = 0;

	*out = (struct host_links){0};
	if (parts & HOST_LINKS_LINKS)
		err = dump(&r, RTM_GETLINK, take_link, &out->n);
	if (err == 0 && (parts & HOST_LINKS_ADDRESSES))
		err = dump(&r, RTM_GETADDR, take_address, &out->n_addresses);
	if (err == 0 && (parts & HOST_LINKS_ROUTES))
		err = dump(&r, RTM_GETROUTE, take_route, &out->n_routes);
	if (err == 0)
		host_links_sort(arena, out);
	return err;
}

/* Finding. */

static int by_index(const void *a, const void *b)
{
	const struct host_link *x = a, *y = b;

	return x->index < y->index ? -1 : x->index > y->index;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct host_link *const *)a)->name, (*(struct host_link *const *)b)->name);
}

static int by_altname(const void *a, const void *b)
{
	return strcmp(((const struct host_altname *)a)->name,
		      ((const struct host_altname *)b)->name);
}

void host_links_sort(struct arena *arena, struct host_links *links)
{
	if (links->n_altnames > 0)
		qsort(links->altnames, links->n_altnames, sizeof(*links->altnames), by_altname);
	if (links->n == 0)
		return;
	qsort(links->items, links->n, sizeof(*links->items), by_index);
	links->by_name = arena_calloc(arena, links->n, sizeof(struct host_link *));
	for (size_t i = 0; i < links->n; i++)
		links->by_name[i] = &links->items[i];
	qsort(links->by_name, links->n, sizeof(struct host_link *), by_name);
}

const struct host_link *host_links_at(const struct host_links *links, unsigned int index)
{
	const struct host_link key = {.index = index};

	if (links->n == 0 || index == 0)
		return NULL;
	return bsearch(&key, links->items, links->n, sizeof(*links->items), by_index);
}

bool host_links_is_port(const struct host_links *links, const struct host_link *link)
{
	const struct host_link *master = host_links_at(links, link->master);

	return master && strcmp(master->kind, "vrf") != 0;
}

static const char *name_at(const struct host_links *links, bool alternative, size_t i)
{
	return alternative ? links->altnames[i].name : links->by_name[i]->name;
}

/* Whatever fits a pattern stands, sorted, right where the pattern's text would. */
static size_t place_of(const struct host_links *links, bool alternative, const char *text)
{
	size_t low = 0, high = alternative ? links->n_altnames : links->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(name_at(links, alternative, middle), text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct host_link *host_links_find_alt(const struct host_links *links,
					    const struct ifpattern *pattern)
{
	size_t found = place_of(links, true, pattern->name);

	if (found == links->n_altnames || !ifpattern_matches(pattern, links->altnames[found].name))
		return NULL;
	return host_links_at(links, links->altnames[found].index);
}

size_t host_links_first(const struct host_links *links, const struct ifpattern *pattern)
{
	size_t low = place_of(links, false, pattern->name);

	return low < links->n && ifpattern_matches(pattern, links->by_name[low]->name) ? low
										       : links->n;
}

const struct host_link *host_links_find(const struct host_links *links, const char *name)
{
	struct ifpattern pattern = {0};
	size_t found;

	if (strlen(name) >= sizeof(pattern.name))
		return NULL;
	memcpy(pattern.name, name, strlen(name));
	found = host_links_first(links, &pattern);
	return found < links->n ? links->by_name[found] : NULL;
}
