// SPDX-License-Identifier: GPL-2.0-or-later
// conntrack: takes connections that no longer fit the description out of the kernel's table.
#include "apply/conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/diag_codes.h"
#include "os/address.h"
#include "os/netlink.h"
#include "os/route.h"
#include "policy/flow.h"

/*
 * Theory of operation
 *
 * The kernel can't be asked for the entries of a subnet, so all are listed and judged here. What is
 * stale is noted as the message that deletes it, with the entry's number: a connection that began
 * anew with the same addresses meanwhile is another one. Deleting begins when the list is complete.
 *
 * An entry in a conntrack zone was put there by somebody's rules, and is theirs.
 */

struct stale {
	const char *network;
	bool by_host; /* the host's own: only when it leaves by an uplink */
	struct addr source, destination; /* for by_host */
};

struct settling {
	struct arena *arena;
	const struct description *description;
	const struct flow_judge *judge;
	struct batch messages; /* one for each of stale */
	struct stale *stale;
	size_t n_stale, cap_stale;
};

static void free_settling(struct settling *settling)
{
	batch_free(&settling->messages);
}

static void free_entry(struct nf_conntrack **entry)
{
	if (*entry)
		nfct_destroy(*entry);
}

#define SCOPED_ENTRY struct nf_conntrack *__attribute__((cleanup(free_entry)))

/* Reading entries. */

static bool take_addr(const struct nf_conntrack *entry, enum family family,
		      enum nf_conntrack_attr ipv4, enum nf_conntrack_attr ipv6, struct addr *out)
{
	const void *bytes = nfct_get_attr(entry, family == FAMILY_IPV4 ? ipv4 : ipv6);

	*out = (struct addr){.family = family};
	if (bytes)
		memcpy(out->bytes, bytes, family_bits(family) / 8);
	return bytes;
}

static bool is_in_zone(const struct nf_conntrack *entry)
{
	static const enum nf_conntrack_attr zones[] = {ATTR_ZONE, ATTR_ORIG_ZONE, ATTR_REPL_ZONE};

	for (size_t i = 0; i < sizeof(zones) / sizeof(*zones); i++)
		if (nfct_attr_is_set(entry, zones[i]) > 0 && nfct_get_attr_u16(entry, zones[i]) != 0)
			return true;
	return false;
}

static bool take_flow(const struct nf_conntrack *entry, struct flow *out)
{
	enum family family;

	switch (nfct_get_attr_u8(entry, ATTR_ORIG_L3PROTO)) {
	case AF_INET:
		family = FAMILY_IPV4;
		break;
	case AF_INET6:
		family = FAMILY_IPV6;
		break;
	default:
		return false;
	}
	out->expected = nfct_get_attr_u32(entry, ATTR_STATUS) & IPS_EXPECTED;
	return !is_in_zone(entry) &&
	       take_addr(entry, family, ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV6_SRC, &out->source) &&
	       take_addr(entry, family, ATTR_ORIG_IPV4_DST, ATTR_ORIG_IPV6_DST,
			 &out->destination) &&
	       take_addr(entry, family, ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV6_SRC,
			 &out->reply_source) &&
	       take_addr(entry, family, ATTR_REPL_IPV4_DST, ATTR_REPL_IPV6_DST,
			 &out->reply_destination);
}

/* Most bytes of a deleting message's attributes: a tuple and a number. */
#define DELETE_SIZE 256

static int note_stale(struct settling *settling, const struct nf_conntrack *entry,
		      const struct stale *stale)
{
	SCOPED_ENTRY key = nfct_new();
	struct nlmsghdr *message;
	int err = 0;

	if (!key)
		return -ENOMEM;
	nfct_copy(key, entry, NFCT_CP_ORIG);
	message = batch_start(&settling->messages,
			      (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE),
			      NLM_F_ACK, nfct_get_attr_u8(entry, ATTR_ORIG_L3PROTO), 0, DELETE_SIZE);
	if (nfct_nlmsg_build(message, key) < 0)
		err = -EPROTO;
	mnl_attr_put_u32(message, CTA_ID, htonl(nfct_get_attr_u32(entry, ATTR_ID)));
	batch_commit(&settling->messages);
	settling->stale = arena_grow(settling->arena, settling->stale, settling->n_stale,
				     &settling->cap_stale, sizeof(*settling->stale));
	settling->stale[settling->n_stale++] = *stale;
	return err;
}

static int take_entry(const struct nlmsghdr *message, void *data)
{
	struct settling *settling = data;
	SCOPED_ENTRY entry = nfct_new();
	enum flow_verdict verdict;
	struct stale stale = {0};
	struct flow flow;
	int err;

	if (!entry) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	if (nfct_nlmsg_parse(message, entry) < 0 || !take_flow(entry, &flow))
		return MNL_CB_OK;
	verdict = flow_judge_one(settling->judge, &flow, &stale.network);
	if (verdict == FLOW_FITS)
		return MNL_CB_OK;
	stale.by_host = verdict == FLOW_STALE_OUTSIDE;
	stale.source = flow.source;
	stale.destination = flow.reply_source;
	err = note_stale(settling, entry, &stale);
	errno = -err;
	return err == 0 ? MNL_CB_OK : MNL_CB_ERROR;
}

static int list_stale(struct netlink *netlink, struct settling *settling)
{
	uint8_t room[NETLINK_REQUEST_SIZE] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(room);
	struct nfgenmsg *header;
	int err;

	request->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->version = NFNETLINK_V0;
	err = netlink_request(netlink, request, take_entry, settling);
	/* The table always changes; what began after the rules came is as they want it. */
	return err == -EINTR ? 0 : err;
}

/* Deleting. */

static int ignore(const struct nlmsghdr *message, void *data)
{
	(void)message;
	(void)data;
	return MNL_CB_OK;
}

/* Tells whether the host sends such packets out of an uplink now. */
static bool leaves_by_uplink(const struct description *description, const struct stale *stale)
{
	char ifname[IFNAME_SIZE];

	if (route_out_interface(&stale->source, &stale->destination, ifname) != 0)
		return false;
	for (size_t u = 0; u < description->n_uplinks; u++)
		if (strcmp(description->uplinks[u].interface.name, ifname) == 0)
			return true;
	return false;
}

static int compare_stale(const void *a, const void *b)
{
	return strcmp(((const struct stale *)a)->network, ((const struct stale *)b)->network);
}

static void count_deleted(struct arena *arena, struct stale *deleted, size_t n,
			  struct changes *changes)
{
	struct conntrack_count *last = NULL;

	if (n > 0)
		qsort(deleted, n, sizeof(*deleted), compare_stale);
	for (size_t i = 0; i < n; i++) {
		if (!last || strcmp(last->network, deleted[i].network) != 0) {
			changes->conntrack = arena_grow(arena, changes->conntrack,
							changes->n_conntrack,
							&changes->cap_conntrack, sizeof(*last));
			last = &changes->conntrack[changes->n_conntrack++];
			*last = (struct conntrack_count){.network = deleted[i].network};
		}
		last->n++;
	}
}

/* Deletes what was listed, and moves what is gone to the front of stale. */
static int delete_stale(struct netlink *netlink, struct settling *settling, size_t *n_deleted)
{
	for (size_t i = 0; i < settling->n_stale; i++) {
		const struct stale *stale = &settling->stale[i];
		struct nlmsghdr *message =
			(struct nlmsghdr *)(void *)(settling->messages.data +
						    settling->messages.offsets[i]);
		int err;

		if (stale->by_host && !leaves_by_uplink(settling->description, stale))
			continue;
		err = netlink_request(netlink, message, ignore, NULL);
		/* It ended by itself, or began anew. */
		if (err == -ENOENT)
			continue;
		if (err != 0)
			return err;
		settling->stale[(*n_deleted)++] = *stale;
	}
	return 0;
}

/* The whole. */

static void concern_changed(struct flow_judge *judge, const struct changes *changes)
{
	for (size_t i = 0; i < changes->n; i++) {
		const struct change *change = &changes->items[i];

		/* No connection depends on these. */
		if (strcmp(change->what, "sysctl") == 0)
			continue;
		/* What goes and is of no network that is described was of one that was. */
		if (change->network || change->kind != CHANGE_REMOVE)
			flow_judge_concern(judge, change->network);
	}
}

static void warn(struct diags *diags, int err)
{
	struct diag *diag = diag_add(diags, SEVERITY_WARNING, CODE(CONNTRACK_FAILED), PLACE_NONE,
				     "cannot look for connections that no longer fit the "
				     "description: %s",
				     strerror(-err));

	diag->err = -err;
	diag_hint(diags, diag,
		  "the rules are in place and refuse what is not allowed; connections that are "
		  "older than the rules are cut off until their conntrack entries expire%s",
		  err == -EINVAL || err == -EOPNOTSUPP
			  ? "; the kernel may lack its module nf_conntrack_netlink"
			  : "");
}

static int settle(struct settling *settling, struct changes *changes)
{
	struct netlink netlink __attribute__((cleanup(netlink_close))) = {0};
	size_t n_deleted = 0;
	int err = netlink_open(&netlink, NETLINK_NETFILTER);

	if (err == 0)
		err = list_stale(&netlink, settling);
	if (err == 0)
		err = delete_stale(&netlink, settling, &n_deleted);
	count_deleted(settling->arena, settling->stale, n_deleted, changes);
	return err;
}

void conntrack_settle(struct arena *arena, struct diags *diags,
		      const struct description *description, const struct description *before,
		      struct changes *changes)
{
	struct settling settling __attribute__((cleanup(free_settling))) = {
		.arena = arena, .description = description};
	struct host_addresses hosts;
	struct flow_judge *judge;
	int err = address_list(arena, &hosts);

	if (err == 0) {
		judge = flow_judge_new(arena, description, before, hosts.items, hosts.n);
		concern_changed(judge, changes);
		settling.judge = judge;
		if (!flow_judge_is_idle(judge))
			err = settle(&settling, changes);
	}
	if (err != 0)
		warn(diags, err);
}
