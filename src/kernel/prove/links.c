// SPDX-License-Identifier: GPL-2.0-or-later
// links: makes the copy's interfaces, addresses and routes through rtnetlink.
#include "prove/links.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/diag_codes.h"
#include "probe/frame.h"

/*
 * Theory of operation
 *
 * The host's interfaces do no ARP and no neighbour discovery (IFF_NOARP): every address on a wire
 * is taken for reachable, so nothing waits for neighbours, and a packet to whatever address is
 * seen. Only the canary's port does ARP, since its answer is one.
 *
 * The two ends of a wire have different interface numbers: the kernel makes haste with carrier
 * changes of an interface only where it is linked to another number.
 */

#define FIRST_INDEX (1u << 20)

/* What routes that the host does not have are known by; a number that nobody uses. */
#define LINKS_PROTOCOL 104

/* How long the wires may take to carry. */
#define CARRIER_SECONDS 10.0

/* Far from the numbers that a host's interfaces have, so that a rule about one finds no other. */
static unsigned int chosen_index(uint32_t link)
{
	return FIRST_INDEX + 2 * link;
}

unsigned int links_wire_index(uint32_t link)
{
	return FIRST_INDEX + 2 * link + 1;
}

uint32_t links_of_wire(unsigned int wire_index)
{
	return (wire_index - FIRST_INDEX) / 2;
}

int links_open_wire(struct links *links)
{
	return netlink_open(&links->wire, NETLINK_ROUTE);
}

void links_close(struct links *links)
{
	netlink_close(&links->wire);
	netlink_close(&links->host);
}

static int failed(struct diags *diags, int err, const char *what, const char *which)
{
	diag_add(diags, SEVERITY_ERROR, CODE(SANDBOX_FAILED), PLACE_NONE,
		 "cannot make a copy of the host: %s %s: %s", what, which, strerror(-err))
		->err = -err;
	return err;
}

static int ignore(const struct nlmsghdr *message, void *data)
{
	(void)message;
	(void)data;
	return MNL_CB_OK;
}

/* A message with room for its attributes. */
struct message {
	uint8_t bytes[NETLINK_REQUEST_SIZE] __attribute__((aligned(8)));
};

static struct nlmsghdr *start(struct message *message, uint16_t type, unsigned int flags)
{
	struct nlmsghdr *header;

	memset(message, 0, sizeof(*message));
	header = mnl_nlmsg_put_header(message->bytes);
	header->nlmsg_type = type;
	header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	return header;
}

static int finish(struct netlink *netlink, struct message *message)
{
	return netlink_request(netlink, (struct nlmsghdr *)message->bytes, ignore, NULL);
}

static void put_mac(struct nlmsghdr *header, void (*make)(uint32_t, uint8_t[static 6]),
		    uint32_t link)
{
	uint8_t mac[FRAME_MAC_SIZE];

	make(link, mac);
	mnl_attr_put(header, IFLA_ADDRESS, sizeof(mac), mac);
}

static bool is_canary(const struct replica *r, uint32_t link)
{
	return link < r->n_ports && r->ports[link].kind == PORT_CANARY;
}

static struct nlmsghdr *start_link(const struct links *links, const struct replica *r,
				   uint32_t link, struct message *message)
{
	struct nlmsghdr *header = start(message, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(header, sizeof(*info));

	info->ifi_index = (int)links->index[link];
	info->ifi_change = IFF_NOARP;
	info->ifi_flags = is_canary(r, link) ? 0 : IFF_NOARP;
	mnl_attr_put_strz(header, IFLA_IFNAME, r->links[link].name);
	put_mac(header, frame_host_mac, link);
	return header;
}

static int make_wire(struct links *links, const struct replica *r, uint32_t idx, int wire)
{
	struct message message;
	struct nlmsghdr *header = start_link(links, r, idx, &message);
	struct nlattr *link, *data, *peer;
	struct ifinfomsg *info;

	if (r->links[idx].master != NO_LINK)
		mnl_attr_put_u32(header, IFLA_MASTER, links->index[r->links[idx].master]);
	link = mnl_attr_nest_start(header, IFLA_LINKINFO);
	mnl_attr_put_strz(header, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(header, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(header, VETH_INFO_PEER);
	info = mnl_nlmsg_put_extra_header(header, sizeof(*info));
	info->ifi_index = (int)links_wire_index(idx);
	mnl_attr_put_strz(header, IFLA_IFNAME, r->links[idx].name);
	put_mac(header, frame_wire_mac, idx);
	mnl_attr_put_u32(header, IFLA_NET_NS_FD, (uint32_t)wire);
	mnl_attr_nest_end(header, peer);
	mnl_attr_nest_end(header, data);
	mnl_attr_nest_end(header, link);
	return finish(&links->host, &message);
}

/* A bridge that forwards at once, and multicast to every port. */
static int make_bridge(struct links *links, const struct replica *r, uint32_t idx)
{
	struct message message;
	struct nlmsghdr *header = start_link(links, r, idx, &message);
	struct nlattr *link, *data;

	link = mnl_attr_nest_start(header, IFLA_LINKINFO);
	mnl_attr_put_strz(header, IFLA_INFO_KIND, "bridge");
	data = mnl_attr_nest_start(header, IFLA_INFO_DATA);
	mnl_attr_put_u32(header, IFLA_BR_STP_STATE, 0);
	mnl_attr_put_u32(header, IFLA_BR_FORWARD_DELAY, 0);
	mnl_attr_put_u8(header, IFLA_BR_MCAST_SNOOPING, 0);
	mnl_attr_nest_end(header, data);
	mnl_attr_nest_end(header, link);
	return finish(&links->host, &message);
}

/* Says where the bridge's own hardware address is, or that it is not the bridge's own. */
static int move_bridge_address(struct links *links, uint32_t bridge, uint32_t port, uint16_t type)
{
	bool add = type == RTM_NEWNEIGH;
	struct message message;
	struct nlmsghdr *header = start(&message, type, add ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	struct ndmsg *info = mnl_nlmsg_put_extra_header(header, sizeof(*info));
	uint8_t mac[FRAME_MAC_SIZE];

	frame_host_mac(bridge, mac);
	info->ndm_family = AF_BRIDGE;
	info->ndm_ifindex = (int)links->index[add ? port : bridge];
	info->ndm_flags = add ? NTF_MASTER : NTF_SELF;
	info->ndm_state = add ? NUD_NOARP : NUD_PERMANENT;
	mnl_attr_put(header, NDA_LLADDR, sizeof(mac), mac);
	return finish(&links->host, &message);
}

/*
 * What the host sends by a bridge has the bridge's own address as destination, as it asks nobody
 * for others; so that one is behind the port where the wire is looked at. Frames to the host go to
 * the port's address.
 */
static int turn_bridge(struct links *links, const struct replica *r, uint32_t bridge)
{
	uint32_t port = replica_entry(r, bridge);
	int err = move_bridge_address(links, bridge, port, RTM_DELNEIGH);

	return err ? err : move_bridge_address(links, bridge, port, RTM_NEWNEIGH);
}

static int set_up(struct netlink *netlink, unsigned int index)
{
	struct message message;
	struct nlmsghdr *header = start(&message, RTM_NEWLINK, 0);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(header, sizeof(*info));

	info->ifi_index = (int)index;
	info->ifi_flags = info->ifi_change = IFF_UP;
	return finish(netlink, &message);
}

/*
 * Counts the wires, for nothing else is up (the loopback's state is unknown to the kernel). A wire
 * is ready when it is up and has left its first queue, "noop", which loses everything. The flag
 * IFF_RUNNING tells less: it is set, too, while the kernel does not know yet.
 */
static int count_ready(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;
	bool up = false, queues = false;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*info))
		return MNL_CB_OK;
	netlink_for_each(attr, message, sizeof(*info))
	{
		if (mnl_attr_get_type(attr) == IFLA_OPERSTATE)
			up = mnl_attr_get_u8(attr) == IF_OPER_UP;
		if (mnl_attr_get_type(attr) == IFLA_QDISC)
			queues = strcmp(mnl_attr_get_str(attr), "noop") != 0;
	}
	if (up && queues)
		(*(size_t *)data)++;
	return MNL_CB_OK;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int wait_for_carrier(struct netlink *netlink, size_t n_links)
{
	double end = now() + CARRIER_SECONDS;

	for (;;) {
		struct message message;
		struct nlmsghdr *header = start(&message, RTM_GETLINK, NLM_F_DUMP);
		size_t ready = 0;
		int err;

		mnl_nlmsg_put_extra_header(header, sizeof(struct ifinfomsg));
		err = netlink_request(netlink, header, count_ready, &ready);
		if (err != 0 && err != -EINTR)
			return err;
		if (err == 0 && ready == n_links)
			return 0;
		if (now() > end)
			return -ETIMEDOUT;
		(void)poll(NULL, 0, 1);
	}
}

static int af_of(enum family family)
{
	return family == FAMILY_IPV4 ? AF_INET : AF_INET6;
}

static void put_addr(struct nlmsghdr *header, uint16_t type, const struct addr *addr)
{
	mnl_attr_put(header, type, family_bits(addr->family) / 8, addr->bytes);
}

/*
 * A host's copy has more addresses than the host. They are none that the kernel would take for
 * others' packets: masquerade, say, where the interface has no address.
 */
static bool is_aside(const struct replica *r, uint32_t port)
{
	bool wished = r->links[port].index == 0 &&
		      (r->ports[port].kind == PORT_NETWORK || r->ports[port].kind == PORT_UPLINK);

	return r->of_host && !wished;
}

static int make_address(struct links *links, const struct replica *r,
			const struct replica_address *address)
{
	struct message message;
	struct nlmsghdr *header = start(&message, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
	struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(header, sizeof(*info));
	const struct addr *addr = &address->prefix.addr;
	bool aside = is_aside(r, address->port);

	info->ifa_family = (uint8_t)af_of(addr->family);
	info->ifa_prefixlen = address->prefix.len;
	info->ifa_index = links->index[replica_top(r, address->port)];
	info->ifa_scope = aside && addr->family == FAMILY_IPV4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	put_addr(header, IFA_LOCAL, addr);
	put_addr(header, IFA_ADDRESS, addr);
	if (addr->family == FAMILY_IPV6) {
		struct ifa_cacheinfo times = {.ifa_valid = UINT32_MAX};

		info->ifa_flags = IFA_F_NODAD;
		if (aside)
			mnl_attr_put(header, IFA_CACHEINFO, sizeof(times), &times);
	} else if (address->prefix.len < 31) {
		struct prefix subnet = prefix_truncate(&address->prefix);
		struct addr last = prefix_last(&subnet);

		put_addr(header, IFA_BROADCAST, &last);
	}
	return finish(&links->host, &message);
}

static int make_route(struct links *links, const struct replica *r,
		      const struct replica_route *route)
{
	struct message message;
	struct nlmsghdr *header = start(&message, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
	struct rtmsg *info = mnl_nlmsg_put_extra_header(header, sizeof(*info));

	info->rtm_family = (uint8_t)af_of(route->prefix.addr.family);
	info->rtm_dst_len = route->prefix.len;
	info->rtm_table = RT_TABLE_MAIN;
	info->rtm_protocol = LINKS_PROTOCOL;
	info->rtm_scope =
		route->prefix.addr.family == FAMILY_IPV4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	info->rtm_type = RTN_UNICAST;
	if (route->prefix.len > 0)
		put_addr(header, RTA_DST, &route->prefix.addr);
	mnl_attr_put_u32(header, RTA_OIF, links->index[replica_top(r, route->port)]);
	mnl_attr_put_u32(header, RTA_PRIORITY, route->metric);
	return finish(&links->host, &message);
}

static int make_link(struct links *links, const struct replica *r, uint32_t link, int wire)
{
	int err = r->links[link].joins ? make_bridge(links, r, link)
				       : make_wire(links, r, link, wire);

	/* Some kernels put tunnels into every namespace. */
	if (err != -EEXIST || links->index[link] == chosen_index(link))
		return err;
	links->index[link] = chosen_index(link);
	return r->links[link].joins ? make_bridge(links, r, link) : make_wire(links, r, link, wire);
}

static int set_link_up(struct links *links, const struct replica *r, uint32_t link)
{
	int err = set_up(&links->host, links->index[link]);

	if (err == 0 && r->links[link].joins)
		return turn_bridge(links, r, link);
	return err ? err : set_up(&links->wire, links_wire_index(link));
}

/* Bridges first, since their ports are made as such. */
static int make_links(struct diags *diags, struct links *links, const struct replica *r, int wire)
{
	size_t n_wires = 0;
	int err = set_up(&links->host, 1);

	if (err != 0)
		return failed(diags, err, "interface", "lo");
	for (int joins = 1; joins >= 0; joins--)
		for (uint32_t i = 0; i < r->n_links; i++) {
			err = r->links[i].joins == joins ? make_link(links, r, i, wire) : 0;
			if (err != 0)
				return failed(diags, err, "interface", r->links[i].name);
		}
	for (uint32_t i = 0; i < r->n_links; i++) {
		n_wires += !r->links[i].joins;
		err = set_link_up(links, r, i);
		if (err != 0)
			return failed(diags, err, "interface", r->links[i].name);
	}
	err = wait_for_carrier(&links->host, r->n_links);
	if (err == 0)
		err = wait_for_carrier(&links->wire, n_wires);
	return err ? failed(diags, err, "waiting for", "its wires") : 0;
}

/* What the copy has beside what it has of the host. */
static int make_chosen(struct diags *diags, struct links *links, const struct replica *r)
{
	bool ipv6 = access("/proc/net/if_inet6", F_OK) == 0;
	int err = 0;

	for (size_t i = 0; i < r->n_addresses && err == 0; i++) {
		if (r->addresses[i].on_host ||
		    (r->addresses[i].prefix.addr.family == FAMILY_IPV6 && !ipv6))
			continue;
		err = make_address(links, r, &r->addresses[i]);
		if (err != 0)
			failed(diags, err, "an address of", r->ports[r->addresses[i].port].name);
	}
	for (size_t i = 0; i < r->n_routes && err == 0; i++) {
		if (r->routes[i].on_host || r->routes[i].connected ||
		    (r->routes[i].prefix.addr.family == FAMILY_IPV6 && !ipv6))
			continue;
		err = make_route(links, r, &r->routes[i]);
		if (err != 0)
			failed(diags, err, "a route by", r->ports[r->routes[i].port].name);
	}
	return err;
}

/* A table and a rule of the copy's own. */
#define ASTRAY_TABLE	4242
#define ASTRAY_PRIORITY 1

static int put_astray_route(struct links *links, const struct replica *r,
			    const struct prefix *subnet)
{
	struct message message;
	struct nlmsghdr *header = start(&message, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
	struct rtmsg *info = mnl_nlmsg_put_extra_header(header, sizeof(*info));
	bool v4 = subnet->addr.family == FAMILY_IPV4;

	info->rtm_family = (uint8_t)af_of(subnet->addr.family);
	info->rtm_dst_len = subnet->len;
	info->rtm_protocol = LINKS_PROTOCOL;
	info->rtm_scope = v4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	info->rtm_type = RTN_UNICAST;
	if (subnet->len > 0)
		put_addr(header, RTA_DST, &subnet->addr);
	mnl_attr_put_u32(header, RTA_TABLE, ASTRAY_TABLE);
	mnl_attr_put_u32(header, RTA_OIF, links->index[replica_top(r, r->astray)]);
	return finish(&links->host, &message);
}

static int put_astray_rule(struct links *links, enum family family, bool astray)
{
	struct message message;
	struct nlmsghdr *header = start(&message, astray ? RTM_NEWRULE : RTM_DELRULE,
					astray ? NLM_F_CREATE | NLM_F_EXCL : 0);
	struct fib_rule_hdr *info = mnl_nlmsg_put_extra_header(header, sizeof(*info));

	info->family = (uint8_t)af_of(family);
	info->action = FR_ACT_TO_TBL;
	mnl_attr_put_u32(header, FRA_PRIORITY, ASTRAY_PRIORITY);
	mnl_attr_put_u32(header, FRA_TABLE, ASTRAY_TABLE);
	return finish(&links->host, &message);
}

int links_lead(struct links *links, const struct replica *r, bool astray)
{
	bool has[FAMILY__COUNT] = {true, access("/proc/net/if_inet6", F_OK) == 0};
	const struct description *d = r->description;
	int err = 0;

	for (size_t n = 0; n < d->n_networks && astray; n++)
		for (size_t s = 0; s < d->networks[n].n_subnets && err == 0; s++) {
			const struct prefix *subnet = &d->networks[n].subnets[s].prefix;

			if (has[subnet->addr.family])
				err = put_astray_route(links, r, subnet);
		}
	for (enum family f = 0; f < FAMILY__COUNT && err == 0; f++)
		if (has[f])
			err = put_astray_rule(links, f, astray);
	return err;
}

int links_make(struct arena *arena, struct diags *diags, struct links *links,
	       const struct replica *r, const struct host_copy *host, int wire)
{
	int err = netlink_open(&links->host, NETLINK_ROUTE);

	if (err != 0)
		return failed(diags, err, "a socket for", "rtnetlink");
	links->index = arena_calloc(arena, r->n_links, sizeof(*links->index));
	for (uint32_t i = 0; i < r->n_links; i++)
		links->index[i] = r->links[i].index ? r->links[i].index : chosen_index(i);
	err = make_links(diags, links, r, wire);
	if (err == 0 && host)
		err = host_copy_put(diags, host, &links->host);
	return err ? err : make_chosen(diags, links, r);
}
