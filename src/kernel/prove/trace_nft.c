// SPDX-License-Identifier: GPL-2.0-or-later
// trace_nft: what nf_tables itself tells of a packet's way (nftrace).
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "foreign/raw_nft.h"
#include "foreign/vendor.h"
#include "nft/nft_build.h"
#include "nft/nft_dump.h"
#include "nft/raw_rule.h"
#include "prove/trace.h"
#include "rules/build.h"

/* Steps of a packet, and of the answers to it, that are kept. */
#define EVENTS_MAX 512

struct event {
	uint32_t id; /* of the packet */
	uint32_t type;
	uint8_t family;
	int32_t verdict; /* of a policy, too */
	uint64_t handle;
	char table[TRACE_NAME_SIZE], chain[TRACE_NAME_SIZE];
};

/* A rule of ours by its handle. */
struct known_rule {
	uint64_t handle;
	uint32_t rule; /* in lowered */
};

struct trace_nft {
	struct arena *arena;
	struct netlink netlink;
	const struct host_rules_copy *copy;
	const struct ruleset *ruleset, *lowered;
	struct chain_index index;
	struct known_rule *known;
	size_t n_known, cap_known;
	uint32_t chain, next; /* while ours are read: of the last rule */
	struct event *events;
	size_t n;
};

/* Our own rules, by their handles. */

static uint32_t find_chain(const struct ruleset *ruleset, const char *name)
{
	for (uint32_t i = 0; i < ruleset->n_chains; i++)
		if (strcmp(ruleset->chains[i].name, name) == 0)
			return i;
	return NO_INDEX;
}

static int take_ours(const struct nlmsghdr *message, void *data)
{
	struct trace_nft *t = data;
	const char *name = nft_text(message, NFTA_RULE_CHAIN);
	uint64_t handle = netlink_be64(nft_attr(message, NFTA_RULE_HANDLE), 0);
	uint32_t chain;

	if (!name || !handle)
		return MNL_CB_OK;
	chain = find_chain(t->lowered, name);
	if (chain == NO_INDEX)
		return MNL_CB_OK;
	if (chain != t->chain) {
		t->chain = chain;
		t->next = t->index.first[chain];
	}
	if (t->next >= t->index.first[chain + 1])
		return MNL_CB_OK;
	t->known = arena_grow(t->arena, t->known, t->n_known, &t->cap_known, sizeof(*t->known));
	t->known[t->n_known++] =
		(struct known_rule){.handle = handle, .rule = t->index.order[t->next++]};
	return MNL_CB_OK;
}

static int read_ours(struct netlink *netlink, struct trace_nft *t)
{
	int err = nft_dump(netlink, NFT_MSG_GETRULE, NFPROTO_INET, TABLE_NAME, NULL, take_ours, t);

	return err == -ENOENT ? 0 : err;
}

/* Tells whether there are chains of devices. */
static bool has_devices(const struct raw_nft *nft)
{
	for (size_t i = nft->first[RAW_CHAIN]; i < nft->first[RAW_CHAIN + 1]; i++) {
		const struct nlattr *hook = nft_attr(nft->items[i].message, NFTA_CHAIN_HOOK);

		if (!nft->items[i].left_out && netlink_find(hook, NFTA_HOOK_DEVS))
			return true;
	}
	return false;
}

struct trace_nft *trace_nft_open(struct arena *arena, const struct ruleset *ruleset,
				 const struct host_rules_copy *copy)
{
	struct trace_nft *t = arena_calloc(arena, 1, sizeof(*t));
	struct netlink netlink __attribute__((cleanup(netlink_close))) = {0};
	int group = NFNLGRP_NFTRACE, room = 8 << 20;

	*t = (struct trace_nft){.arena = arena, .copy = copy, .ruleset = ruleset};
	t->lowered = lower_nft(arena, ruleset);
	t->index = ruleset_index(t->lowered);
	t->chain = NO_INDEX;
	t->events = arena_calloc(arena, EVENTS_MAX, sizeof(*t->events));
	if (netlink_open(&netlink, NETLINK_NETFILTER) != 0 || read_ours(&netlink, t) != 0 ||
	    trace_nft_turn_on(&netlink, has_devices(&copy->nft)) != 0 || netlink_open(&t->netlink, NETLINK_NETFILTER) != 0)
		return NULL;
	(void)setsockopt(mnl_socket_get_fd(t->netlink.socket), SOL_SOCKET, SO_RCVBUFFORCE, &room,
			 sizeof(room));
	if (mnl_socket_setsockopt(t->netlink.socket, NETLINK_ADD_MEMBERSHIP, &group,
				  sizeof(group)) < 0) {
		trace_nft_close(t);
		return NULL;
	}
	return t;
}

void trace_nft_close(struct trace_nft *t)
{
	netlink_close(&t->netlink);
}

/* What is told. */

static void take_name(const struct nlattr *attr, char out[static TRACE_NAME_SIZE])
{
	const char *name = netlink_text(attr);

	if (name)
		snprintf(out, TRACE_NAME_SIZE, "%s", name);
}

static void take_event(struct trace_nft *t, const struct nlmsghdr *message)
{
	const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
	struct event *event = &t->events[t->n];
	const struct nlattr *attr;

	if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_TRACE) ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*header) || t->n == EVENTS_MAX)
		return;
	*event = (struct event){.family = header->nfgen_family};
	netlink_for_each(attr, message, sizeof(*header))
	{
		switch (mnl_attr_get_type(attr)) {
		case NFTA_TRACE_ID:
			event->id = netlink_be32(attr, 0);
			break;
		case NFTA_TRACE_TYPE:
			event->type = netlink_be32(attr, 0);
			break;
		case NFTA_TRACE_TABLE:
			take_name(attr, event->table);
			break;
		case NFTA_TRACE_CHAIN:
			take_name(attr, event->chain);
			break;
		case NFTA_TRACE_RULE_HANDLE:
			event->handle = netlink_be64(attr, 0);
			break;
		case NFTA_TRACE_VERDICT:
			event->verdict =
				(int32_t)netlink_be32(netlink_find(attr, NFTA_VERDICT_CODE), 0);
			break;
		case NFTA_TRACE_POLICY:
			event->verdict = (int32_t)netlink_be32(attr, 0);
			break;
		default:
			break;
		}
	}
	if (strcmp(event->table, TRACE_TABLE) != 0 || t->n == 0)
		t->n++;
}

/* All is there by now: the kernel tells while it works on the packet. */
static void read_events(struct trace_nft *t)
{
	uint8_t answer[1 << 16] __attribute__((aligned(8)));

	for (;;) {
		ssize_t len = recv(mnl_socket_get_fd(t->netlink.socket), answer, sizeof(answer),
				   MSG_DONTWAIT);
		int rest = (int)len;

		if (len < 0 && (errno == EINTR || errno == ENOBUFS))
			continue;
		if (len <= 0)
			return;
		for (const struct nlmsghdr *message = (const struct nlmsghdr *)answer;
		     mnl_nlmsg_ok(message, rest); message = mnl_nlmsg_next(message, &rest))
			take_event(t, message);
	}
}

void trace_nft_begin(struct trace_nft *t)
{
	read_events(t);
	t->n = 0;
}

static const char *verdict_word(const struct trace_nft *t, const struct event *event)
{
	/* Back to where the packet came from. */
	if (event->verdict < 0)
		return "accept";
	switch (event->verdict & NF_VERDICT_MASK) {
	case NF_DROP:
		break;
	case NF_ACCEPT:
		return "accept";
	case NF_QUEUE:
		return "queue";
	default:
		return "stolen";
	}
	const struct raw_item *rule = raw_nft_rule(&t->copy->nft, event->family, event->table,
						     event->chain, event->handle);
	const struct nlattr *expression,
		*list = rule ? nft_attr(rule->message, NFTA_RULE_EXPRESSIONS) : NULL;

	if (list)
		netlink_for_each_nested(expression, list)
		{
			if (netlink_is(netlink_find(expression, NFTA_EXPR_NAME), "reject") ||
			    raw_rule_is_target(expression, "REJECT"))
				return "reject";
		}
	return "drop";
}

static bool is_ours(const struct event *event)
{
	return event->family == NFPROTO_INET && strcmp(event->table, TABLE_NAME) == 0;
}

static uint32_t rule_of(const struct trace_nft *t, const struct event *event)
{
	for (size_t i = 0; is_ours(event) && i < t->n_known; i++)
		if (t->known[i].handle == event->handle)
			return t->known[i].rule;
	return NO_INDEX;
}

static bool ends(const struct event *event)
{
	if (event->type == NFT_TRACETYPE_POLICY)
		return true;
	return event->type == NFT_TRACETYPE_RULE &&
	       (event->verdict >= 0 || event->verdict == NFT_RETURN);
}

static bool drops(const struct event *event)
{
	return ends(event) && event->verdict >= 0 &&
	       (event->verdict & NF_VERDICT_MASK) != NF_ACCEPT;
}

/* The packet itself comes before the answers to it. */
static const struct event *find_drop(const struct trace_nft *t)
{
	const struct event *first = NULL;

	for (size_t i = 0; i < t->n; i++) {
		if (!drops(&t->events[i]))
			continue;
		if (t->events[i].id == t->events[0].id)
			return &t->events[i];
		if (!first)
			first = &t->events[i];
	}
	return first;
}

/*
 * The last rule of ours that let a packet go on, where that is decided; or rejected it, which sent
 * the answer that was seen.
 */
static const struct event *find_pass(const struct trace_nft *t)
{
	const struct event *found = NULL;

	for (size_t i = 0; i < t->n; i++) {
		uint32_t rule = rule_of(t, &t->events[i]);
		enum stage stage;

		if (rule == NO_INDEX || !ends(&t->events[i]))
			continue;
		stage = t->lowered->chains[t->lowered->rules[rule].chain].under;
		if (stage == STAGE_FORWARD || stage == STAGE_NAT_POSTROUTING)
			found = &t->events[i];
	}
	return found;
}

/* The first rule of others that changes an address. */
static const struct event *find_translation(const struct trace_nft *t)
{
	static const char *const names[] = {"nat", "masq", "redir", "tproxy"};
	static const char *const targets[] = {"SNAT", "DNAT", "MASQUERADE", "REDIRECT", "NETMAP"};

	for (size_t i = 0; i < t->n; i++) {
		const struct event *event = &t->events[i];
		const struct raw_item *rule =
			event->type == NFT_TRACETYPE_RULE
				? raw_nft_rule(&t->copy->nft, event->family, event->table,
					      event->chain, event->handle)
				: NULL;
		const struct nlattr *expression,
			*list = rule ? nft_attr(rule->message, NFTA_RULE_EXPRESSIONS) : NULL;

		if (!list || event->verdict == NFT_CONTINUE)
			continue;
		netlink_for_each_nested(expression, list)
		{
			const struct nlattr *name = netlink_find(expression, NFTA_EXPR_NAME);

			for (size_t n = 0; n < sizeof(names) / sizeof(*names); n++)
				if (netlink_is(name, names[n]))
					return event;
			for (size_t n = 0; n < sizeof(targets) / sizeof(*targets); n++)
				if (raw_rule_is_target(expression, targets[n]))
					return event;
		}
	}
	return NULL;
}

/* A policy is set by whoever has chains of its own in the table. */
static const char *find_owner(const struct raw_nft *nft, const struct decider *d)
{
	const char *family = raw_nft_family_name(d->family);

	if (vendor_of(family, d->table, d->chain))
		return d->chain;
	if (!d->is_policy)
		return "";
	for (size_t i = nft->first[RAW_CHAIN]; i < nft->first[RAW_CHAIN + 1]; i++) {
		const struct raw_item *chain = &nft->items[i];

		if (chain->family == d->family && strcmp(chain->table, d->table) == 0 &&
		    vendor_of(family, d->table, chain->name))
			return chain->name;
	}
	return "";
}

static void fill(const struct trace_nft *t, const struct event *event, struct decider *out)
{
	const struct raw_item *item = raw_nft_rule(&t->copy->nft, event->family, event->table,
						     event->chain, event->handle);
	uint32_t rule = rule_of(t, event);

	*out = (struct decider){.verdict = verdict_word(t, event),
				.is_policy = event->type == NFT_TRACETYPE_POLICY,
				.family = event->family,
				.origin = NO_INDEX};
	memcpy(out->table, event->table, sizeof(out->table));
	memcpy(out->chain, event->chain, sizeof(out->chain));
	if (item) {
		out->position = item->position;
		out->handle = item->handle;
	}
	/* What a lowering adds has no place in the description. */
	if (rule != NO_INDEX && t->lowered->rules[rule].origin < t->ruleset->n_origins)
		out->origin = t->lowered->rules[rule].origin;
	snprintf(out->owner, sizeof(out->owner), "%s", find_owner(&t->copy->nft, out));
}

bool trace_nft_end(struct trace_nft *t, enum trace_question question, struct decider *out)
{
	const struct event *event = NULL;

	read_events(t);
	switch (question) {
	case TRACE_DROPPED:
		event = find_drop(t);
		break;
	case TRACE_TRANSLATED:
		event = find_translation(t);
		if (!event)
			event = find_pass(t);
		break;
	case TRACE_PASSED:
		event = find_pass(t);
		break;
	case TRACE__COUNT:
		break;
	}
	if (!event)
		return false;
	fill(t, event, out);
	/* A rule of ours that can't be told by its origin tells nothing. */
	return !is_ours(event) || out->origin != NO_INDEX;
}
