// SPDX-License-Identifier: GPL-2.0-or-later
// nft_batch: what differs as one transaction, and the kernel's refusals as diagnostics.
#include "kernel/nft_batch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "kernel/nft_build.h"
#include "kernel/nft_explain.h"

/*
 * Theory of operation
 *
 * A batch is a transaction. It carries the generation that the present table was read in, so it
 * is refused when anybody has changed anything since. A table that is replaced is deleted and
 * made anew in the same transaction; no packet sees a moment without it. A first install only
 * adds, which spares the kernel's grace period after deletions.
 *
 * Every message is remembered with the object it is about, so that a refusal can name it.
 */

/* Most bytes of one element: two nests, key, verdict with a chain's name. */
#define ELEMENT_MAX (64 + 2 * KEY_SIZE + 32 + NFT_NAME_MAXLEN)

struct writing {
	struct batch batch;
	struct arena *arena;
	const struct ruleset *ruleset; /* NULL when something is removed only */
	const struct image *image;     /* whose objects are written */
	struct nft_subject *subjects;  /* by message */
	size_t n_subjects, cap_subjects;
};

static struct nlmsghdr *start(struct writing *w, uint8_t family, struct nft_subject subject,
			      uint16_t type, uint16_t flags, size_t payload)
{
	w->subjects = arena_grow(w->arena, w->subjects, w->n_subjects, &w->cap_subjects,
				 sizeof(*w->subjects));
	subject.image = w->image;
	w->subjects[w->n_subjects++] = subject;
	return batch_start(&w->batch, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags,
			   family, 0, payload);
}

static void put_limit(struct writing *w, uint16_t type, const uint32_t *generation)
{
	struct nlmsghdr *message;

	w->subjects = arena_grow(w->arena, w->subjects, w->n_subjects, &w->cap_subjects,
				 sizeof(*w->subjects));
	w->subjects[w->n_subjects++] = (struct nft_subject){.object = OBJECT__COUNT};
	message = batch_start(&w->batch, type, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES, 16);
	if (generation)
		mnl_attr_put_u32(message, NFNL_BATCH_GENID, htonl(*generation));
	batch_commit(&w->batch);
}

static void put_blob(struct writing *w, struct nft_subject subject, uint16_t type, uint16_t flags,
		     struct blob blob)
{
	struct nlmsghdr *message =
		start(w, NFPROTO_INET, subject, type, flags, blob.len + 16);

	memcpy(mnl_nlmsg_get_payload_tail(message), blob.bytes, blob.len);
	message->nlmsg_len += (uint32_t)blob.len;
	/* A set needs a number that is unique in the batch, even where nothing refers to it. */
	if (subject.object == OBJECT_SET)
		mnl_attr_put_u32(message, NFTA_SET_ID, htonl((uint32_t)w->batch.n));
	batch_commit(&w->batch);
}

static void put_element(struct writing *w, struct nlmsghdr *message, const struct image_set *set,
			uint32_t idx, bool with_data)
{
	struct nlattr *element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
	struct nlattr *key = mnl_attr_nest_start(message, NFTA_SET_ELEM_KEY);
	uint32_t verdict = image_verdict(set, idx);

	mnl_attr_put(message, NFTA_DATA_VALUE, set->key_len, image_key(set, idx));
	mnl_attr_nest_end(message, key);
	if (with_data && verdict < w->image->n_chains) {
		struct nlattr *data = mnl_attr_nest_start(message, NFTA_SET_ELEM_DATA);
		struct nlattr *nest = mnl_attr_nest_start(message, NFTA_DATA_VERDICT);

		mnl_attr_put_u32(message, NFTA_VERDICT_CODE, htonl((uint32_t)NFT_GOTO));
		mnl_attr_put_strz(message, NFTA_VERDICT_CHAIN, w->image->chains[verdict].name);
		mnl_attr_nest_end(message, nest);
		mnl_attr_nest_end(message, data);
	}
	mnl_attr_nest_end(message, element);
}

/* Writes n elements of a set, those of ids or, without it, the first n. */
static void put_elements(struct writing *w, uint32_t set_idx, const uint32_t *ids, size_t n,
			 uint16_t type, uint16_t flags)
{
	const struct image_set *set = &w->image->sets[set_idx];
	size_t next = 0;

	while (next < n) {
		struct nft_subject subject = {.object = OBJECT_ELEMENT,
					      .idx = set_idx,
					      .ids = ids ? ids + next : NULL,
					      .first = (uint32_t)next};
		struct nlmsghdr *message =
			start(w, NFPROTO_INET, subject, type, flags,
			      NETLINK_NEST_MAX + ELEMENT_MAX + 512);
		struct nlattr *list;

		mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, TABLE_NAME);
		mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, set->name);
		list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
		while (next < n && message->nlmsg_len < NETLINK_NEST_MAX) {
			put_element(w, message, set, ids ? ids[next] : (uint32_t)next,
				    type == NFT_MSG_NEWSETELEM);
			next++;
		}
		mnl_attr_nest_end(message, list);
		batch_commit(&w->batch);
	}
}

static void put_delete_table(struct writing *w)
{
	struct nlmsghdr *message =
		start(w, NFPROTO_INET, (struct nft_subject){.object = OBJECT_TABLE},
		      NFT_MSG_DELTABLE, 0, 64);

	mnl_attr_put_strz(message, NFTA_TABLE_NAME, TABLE_NAME);
	batch_commit(&w->batch);
}

static void put_others(struct writing *w, const struct nft_slate *others)
{
	for (size_t i = 0; i < others->n; i++) {
		const struct nft_slate_rule *rule = &others->rules[i];
		struct nlmsghdr *message =
			start(w, rule->family, (struct nft_subject){.object = OBJECT__COUNT},
			      NFT_MSG_DELRULE, 0, 2 * (NFT_NAME_MAXLEN + 8) + 16);

		mnl_attr_put_strz(message, NFTA_RULE_TABLE, rule->table);
		mnl_attr_put_strz(message, NFTA_RULE_CHAIN, rule->chain);
		mnl_attr_put_u64(message, NFTA_RULE_HANDLE, htobe64(rule->handle));
		batch_commit(&w->batch);
	}
}

static void put_table(struct writing *w)
{
	const struct image *image = w->image;

	put_blob(w, (struct nft_subject){.object = OBJECT_TABLE}, NFT_MSG_NEWTABLE, NLM_F_CREATE,
		 image->blob);
	for (uint32_t i = 0; i < image->n_chains; i++)
		put_blob(w, (struct nft_subject){.object = OBJECT_CHAIN, .idx = i},
			 NFT_MSG_NEWCHAIN, NLM_F_CREATE, image->chains[i].blob);
	for (uint32_t i = 0; i < image->n_sets; i++)
		put_blob(w, (struct nft_subject){.object = OBJECT_SET, .idx = i}, NFT_MSG_NEWSET,
			 NLM_F_CREATE, image->sets[i].blob);
	for (uint32_t i = 0; i < image->n_sets; i++)
		put_elements(w, i, NULL, image->sets[i].n_records, NFT_MSG_NEWSETELEM,
			     NLM_F_CREATE);
	for (uint32_t i = 0; i < image->n_chains; i++)
		for (uint32_t j = 0; j < image->chains[i].n_rules; j++)
			put_blob(w,
				 (struct nft_subject){.object = OBJECT_RULE, .idx = i, .first = j},
				 NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
				 image->chains[i].rules[j].blob);
}

/* Writes the elements of one side of the differences; those of one set stand together there. */
static void put_element_changes(struct writing *w, const struct diff *diff, bool deletions)
{
	uint32_t *ids = arena_calloc(w->arena, diff->n, sizeof(*ids));
	size_t n = 0;

	for (size_t i = 0; i < diff->n; i++) {
		const struct difference *d = &diff->items[i];
		uint32_t set = deletions ? d->old_parent : d->new_parent;
		uint32_t idx = deletions ? d->old_idx : d->new_idx;
		const struct difference *following = i + 1 < diff->n ? d + 1 : NULL;

		if (idx != NO_INDEX)
			ids[n++] = idx;
		if (following && following->old_parent == d->old_parent)
			continue;
		put_elements(w, set, ids, n, deletions ? NFT_MSG_DELSETELEM : NFT_MSG_NEWSETELEM,
			     deletions ? 0 : NLM_F_CREATE);
		ids += n;
		n = 0;
	}
}

struct refusals {
	struct writing *w;
	struct diags *diags;
	size_t n;
	bool owned; /* some process holds the table */
	bool stale;
};

/* One refused object often makes others refused; the first few tell all there is to know. */
#define REFUSALS_MAX 5

static void refused(const struct refusal *refusal, void *data)
{
	struct refusals *refusals = data;
	struct writing *w = refusals->w;

	if (refusal->err == ERESTART) {
		refusals->stale = true;
		return;
	}
	if (refusals->n++ < REFUSALS_MAX)
		nft_explain_refusal(refusals->diags, w->ruleset, refusals->owned,
				    &w->subjects[refusal->message],
				    batch_message(&w->batch, refusal->message), refusal);
}

static int commit(struct netlink *netlink, struct diags *diags, struct writing *w,
		  const struct image *old)
{
	struct refusals refusals = {.w = w, .diags = diags, .owned = old->owned};
	int err;

	put_limit(w, NFNL_MSG_BATCH_END, NULL);
	err = batch_send(netlink, &w->batch, refused, &refusals);
	if (refusals.stale)
		return -ERESTART;
	if (err != 0 && err != -ENOBUFS && refusals.n == 0)
		nft_explain_errno(diags, -err, "change nf_tables");
	return err;
}

static void writing_free(struct writing *w)
{
	batch_free(&w->batch);
	arena_free(w->arena);
}

int nft_batch_apply(struct netlink *netlink, struct diags *diags, const struct ruleset *ruleset,
		    const struct image *old, const struct image *new, const struct diff *diff,
		    const struct nft_slate *others)
{
	struct writing w __attribute__((cleanup(writing_free))) = {
		.arena = arena_new(), .ruleset = ruleset, .image = new};

	put_limit(&w, NFNL_MSG_BATCH_BEGIN, &old->generation);
	if (diff->only_elements) {
		w.image = old;
		put_element_changes(&w, diff, true);
		w.image = new;
		put_element_changes(&w, diff, false);
	} else {
		if (old->exists)
			put_delete_table(&w);
		put_table(&w);
	}
	put_others(&w, others);
	return commit(netlink, diags, &w, old);
}

int nft_batch_remove(struct netlink *netlink, struct diags *diags, const struct image *old,
		     const struct nft_slate *others)
{
	struct writing w
		__attribute__((cleanup(writing_free))) = {.arena = arena_new(), .image = old};

	put_limit(&w, NFNL_MSG_BATCH_BEGIN, &old->generation);
	if (old->exists)
		put_delete_table(&w);
	put_others(&w, others);
	return commit(netlink, diags, &w, old);
}
