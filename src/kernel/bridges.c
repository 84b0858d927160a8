// SPDX-License-Identifier: GPL-2.0-or-later
// bridges: which interfaces of this network namespace are bridges, and which hand over to one.
#include "kernel/bridges.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/netlink.h"

/*
 * /sys/class/net would tell, too, but of the namespace in which /sys was mounted: `--netns` and
 * containers have another one.
 */

/* How often interfaces may change while we read them. */
#define ATTEMPTS 10

struct reading {
	struct arena *arena;
	struct bridges *out;
	bool (*fits)(const struct ifinfomsg *link, const struct nlattr *info);
};

static const char *text_of(const struct nlattr *attr)
{
	return attr && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0 ? mnl_attr_get_str(attr)
									 : "";
}

static bool is_bridge(const struct ifinfomsg *link, const struct nlattr *info)
{
	(void)link;
	return strcmp(text_of(netlink_find(info, IFLA_INFO_KIND)), "bridge") == 0;
}

/* All masters but a VRF take their members' packets away before IP sees them. */
static bool is_deaf(const struct ifinfomsg *link, const struct nlattr *info)
{
	const char *master = text_of(netlink_find(info, IFLA_INFO_SLAVE_KIND));

	return link->ifi_type == ARPHRD_LOOPBACK || (*master && strcmp(master, "vrf") != 0);
}

static int take_link(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *attr, *name = NULL, *info = NULL;
	struct reading *r = data;

	if (message->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	netlink_for_each(attr, message, sizeof(struct ifinfomsg))
	{
		if (mnl_attr_get_type(attr) == IFLA_IFNAME)
			name = attr;
		if (mnl_attr_get_type(attr) == IFLA_LINKINFO)
			info = attr;
	}
	if (!r->fits(mnl_nlmsg_get_payload(message), info))
		return MNL_CB_OK;
	r->out->names =
		arena_grow(r->arena, r->out->names, r->out->n, &r->out->cap, sizeof(*r->out->names));
	memset(r->out->names[r->out->n], 0, IFNAME_SIZE);
	memcpy(r->out->names[r->out->n++], text_of(name), strnlen(text_of(name), IFNAME_SIZE - 1));
	return MNL_CB_OK;
}

static int read_once(struct reading *r)
{
	struct netlink netlink __attribute__((cleanup(netlink_close))) = {0};
	uint8_t room[NETLINK_REQUEST_SIZE] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(room);
	struct ifinfomsg *link;
	int err = netlink_open(&netlink, NETLINK_ROUTE);

	if (err != 0)
		return err;
	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	link = mnl_nlmsg_put_extra_header(request, sizeof(*link));
	link->ifi_family = AF_UNSPEC;
	return netlink_request(&netlink, request, take_link, r);
}

static int read_fitting(struct reading *reading)
{
	int err = -EINTR;

	*reading->out = (struct bridges){0};
	/* What an interrupted dump told stays: a name that is there twice does no harm. */
	for (int attempt = 0; err == -EINTR && attempt < ATTEMPTS; attempt++)
		err = read_once(reading);
	return err;
}

int bridges_read(struct arena *arena, struct bridges *out)
{
	return read_fitting(&(struct reading){arena, out, is_bridge});
}

int bridges_read_deaf(struct arena *arena, struct bridges *out)
{
	return read_fitting(&(struct reading){arena, out, is_deaf});
}
