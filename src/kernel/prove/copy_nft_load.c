// SPDX-License-Identifier: GPL-2.0-or-later
// copy_nft_load: loads what raw_nft.c read, in one transaction, into this namespace.
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "base/diag_codes.h"
#include "foreign/kept_nft.h"
#include "foreign/raw_nft.h"
#include "nft/nft_dump.h"
#include "nft/nft_refusal.h"
#include "nft/raw_rule.h"
#include "prove/copy.h"

/*
 * Theory of operation
 *
 * The transaction is sent, what the kernel refuses is left out, and it is sent again; a set without
 * one of its elements would mean something else, so it goes as a whole, and the rules that use it
 * are refused the next time. Nothing is loaded until all of the rest is taken.
 */

/* How often something may be left out. */
#define ROUNDS_MAX 20

struct loading {
	struct copy_batch batch;
	struct raw_nft *nft;
	struct diags *diags;
	bool refused, incomplete; /* in this round; at all */
};

static const char *describe(const struct raw_item *item, struct buf *out)
{
	static const char *const words[RAW__COUNT] = {
		[RAW_TABLE] = "",		  [RAW_CHAIN] = "chain",
		[RAW_OBJECT] = "object",	  [RAW_FLOWTABLE] = "flowtable",
		[RAW_SET] = "set",		  [RAW_ELEMENTS] = "an element of set",
		[RAW_RULE] = "chain",
	};

	if (item->kind == RAW_RULE)
		buf_printf(out, "rule %u (handle %llu) of ", item->position,
			   (unsigned long long)item->handle);
	if (item->kind != RAW_TABLE)
		buf_printf(out, "%s %s, ", words[item->kind], item->name);
	buf_printf(out, "table %s %s", raw_nft_family_name(item->family), item->table);
	return buf_text(out);
}

static void refused(const struct refusal *refusal, void *data)
{
	struct loading *l = data;
	size_t idx = l->batch.subjects[refusal->message];
	struct buf what __attribute__((cleanup(buf_free))) = {0};

	/* A transaction that fails as a whole is answered for its first object, a table. */
	if (idx == NO_ITEM || l->nft->items[idx].left_out ||
	    l->nft->items[idx].kind == RAW_TABLE)
		return;
	l->refused = l->incomplete = true;
	l->nft->items[idx].left_out = true;
	copy_warn(l->diags, describe(&l->nft->items[idx], &what), refusal->err, refusal->text);
}

static struct raw_item *find(const struct raw_nft *nft, enum raw_kind kind,
				const struct raw_item *like, const char *name)
{
	for (size_t i = nft->first[kind]; i < nft->first[kind + 1]; i++) {
		struct raw_item *item = &nft->items[i];

		if (item->family == like->family && strcmp(item->table, like->table) == 0 &&
		    strcmp(item->name, name) == 0)
			return item;
	}
	return NULL;
}

/* Marks the sets that rules put elements into. */
static void find_updated(struct raw_nft *nft)
{
	for (size_t i = nft->first[RAW_RULE]; i < nft->first[RAW__COUNT]; i++) {
		const struct nlattr *list = nft_attr(nft->items[i].message, NFTA_RULE_EXPRESSIONS);
		const struct nlattr *expression;
		struct raw_item *set;
		const char *name;

		if (!list)
			continue;
		netlink_for_each_nested(expression, list)
		{
			name = netlink_text(raw_rule_expression_attr(expression, "dynset",
								     NFTA_DYNSET_SET_NAME));
			set = name ? find(nft, RAW_SET, &nft->items[i], name) : NULL;
			if (set)
				set->updated = true;
		}
	}
}

static bool uses_set(const struct raw_item *rule, const char *set)
{
	static const struct {
		const char *expression;
		uint16_t name;
	} users[] = {{"lookup", NFTA_LOOKUP_SET},
		     {"dynset", NFTA_DYNSET_SET_NAME},
		     {"objref", NFTA_OBJREF_SET_NAME}};
	const struct nlattr *list = nft_attr(rule->message, NFTA_RULE_EXPRESSIONS), *expression;

	if (!list)
		return false;
	netlink_for_each_nested(expression, list)
	{
		for (size_t i = 0; i < sizeof(users) / sizeof(*users); i++)
			if (netlink_is(raw_rule_expression_attr(expression, users[i].expression,
								users[i].name),
				       set))
				return true;
	}
	return false;
}

static bool leads_to(const struct raw_item *rule, const char *chain)
{
	const struct nlattr *list = nft_attr(rule->message, NFTA_RULE_EXPRESSIONS), *expression;

	if (!list)
		return false;
	netlink_for_each_nested(expression, list)
	{
		const char *target = raw_rule_target(expression);

		if (target && strcmp(target, chain) == 0)
			return true;
	}
	return false;
}

/* An anonymous set or chain without its rule is refused, and does nothing. */
static bool is_orphan(const struct raw_nft *nft, const struct raw_item *item)
{
	bool set = item->kind == RAW_SET && item->flags & NFT_SET_ANONYMOUS;
	bool chain = item->kind == RAW_CHAIN && item->flags & NFT_CHAIN_BINDING;

	if (!set && !chain)
		return false;
	for (size_t i = nft->first[RAW_RULE]; i < nft->first[RAW__COUNT]; i++) {
		const struct raw_item *rule = &nft->items[i];

		if (!rule->left_out && rule->family == item->family &&
		    strcmp(rule->table, item->table) == 0 &&
		    (set ? uses_set(rule, item->name) : leads_to(rule, item->name)))
			return false;
	}
	return true;
}

/* Leaves out what belongs to something that is left out. Returns whether there was any. */
static bool follow_once(struct raw_nft *nft)
{
	bool any = false;

	for (size_t i = nft->first[RAW_CHAIN]; i < nft->n; i++) {
		struct raw_item *item = &nft->items[i];
		const struct raw_item *chain =
			item->kind == RAW_RULE ? find(nft, RAW_CHAIN, item, item->name)
						  : NULL;

		if (item->left_out)
			continue;
		item->left_out = (chain && chain->left_out) || is_orphan(nft, item);
		any = any || item->left_out;
	}
	return any;
}

/* An anonymous chain has rules with anonymous sets, and so on. */
static void follow(struct raw_nft *nft)
{
	while (follow_once(nft)) {
	}
}

/* A chain for packets of certain devices only, none of which the copy has, does nothing there. */
static void leave_devices(struct loading *l)
{
	struct raw_nft *nft = l->nft;

	for (size_t i = nft->first[RAW_CHAIN]; i < nft->first[RAW_CHAIN + 1]; i++) {
		const struct nlattr *hook = nft_attr(nft->items[i].message, NFTA_CHAIN_HOOK);
		const struct nlattr *devices = netlink_find(hook, NFTA_HOOK_DEVS), *device;
		struct buf what __attribute__((cleanup(buf_free))) = {0};
		bool here = !devices;

		if (devices)
			netlink_for_each_nested(device, devices) here = here || copy_has_device(device);
		if (here)
			continue;
		nft->items[i].left_out = l->incomplete = true;
		diag_add(l->diags, SEVERITY_NOTE, CODE(COPY_DEVICES), PLACE_NONE,
			 "not copied: %s: its devices are not in the description",
			 describe(&nft->items[i], &what));
	}
}

/* Afterwards. */

struct numbering {
	struct raw_nft *nft;
	size_t next;
};

/* Both namespaces dump the rules of a chain in their order. */
static int take_handle(const struct nlmsghdr *message, void *data)
{
	struct numbering *numbering = data;
	struct raw_nft *nft = numbering->nft;
	const char *table = nft_text(message, NFTA_RULE_TABLE);
	const char *chain = nft_text(message, NFTA_RULE_CHAIN);
	uint64_t handle = netlink_be64(nft_attr(message, NFTA_RULE_HANDLE), 0);
	size_t n = nft->first[RAW__COUNT] - nft->first[RAW_RULE];

	if (!table || !chain || !handle)
		return MNL_CB_OK;
	for (size_t i = 0; i < n; i++) {
		size_t at = (numbering->next + i) % n;
		struct raw_item *rule = &nft->items[nft->first[RAW_RULE] + at];

		if (rule->left_out || rule->copied_handle || rule->family != nft_family(message) ||
		    strcmp(rule->table, table) != 0 || strcmp(rule->name, chain) != 0)
			continue;
		rule->copied_handle = handle;
		numbering->next = at + 1;
		break;
	}
	return MNL_CB_OK;
}

static void loading_free(struct loading *l)
{
	batch_free(&l->batch.batch);
}

static int send_rounds(struct netlink *netlink, struct loading *l)
{
	int err = 0;

	for (int round = 0; round < ROUNDS_MAX; round++) {
		if (l->incomplete)
			follow(l->nft);
		copy_batch_fill(&l->batch);
		l->refused = false;
		err = batch_send(netlink, &l->batch.batch, refused, l);
		if (!l->refused)
			return err;
	}
	return err;
}

int copy_nft_load(struct diags *diags, struct raw_nft *nft)
{
	struct netlink netlink __attribute__((cleanup(netlink_close))) = {0};
	struct loading l __attribute__((cleanup(loading_free))) = {.nft = nft, .diags = diags};
	struct numbering numbering = {.nft = nft};
	int err;

	if (nft->n == 0)
		return 0;
	l.batch.nft = nft;
	l.batch.written = arena_calloc(nft->arena, nft->n, sizeof(bool));
	find_updated(nft);
	for (size_t i = 0; i < nft->n; i++)
		l.incomplete = l.incomplete || nft->items[i].left_out;
	leave_devices(&l);
	err = netlink_open(&netlink, NETLINK_NETFILTER);
	if (err == 0)
		err = send_rounds(&netlink, &l);
	if (err == 0)
		err = nft_dump(&netlink, NFT_MSG_GETRULE, NFPROTO_UNSPEC, NULL, NULL, take_handle,
			       &numbering);
	if (err == -EPERM || err == -EMSGSIZE)
		nft_refusal_errno(diags, -err, "load the host's nf_tables");
	else if (err != 0)
		diag_add(diags, SEVERITY_ERROR, CODE(COPY_FAILED), PLACE_NONE,
			 "cannot load the host's nf_tables rules into the copy: %s", strerror(-err))
			->err = -err;
	return err;
}
