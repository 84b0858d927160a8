// SPDX-License-Identifier: GPL-2.0-or-later
// nft_write: a transaction's messages, from what differs between two tables.
#include "nft/nft_write.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "nft/nft_build.h"

/*
 * Theory of operation
 *
 * A change is written in this order, so that everything is there before it is referred to, and
 * nothing goes that is still referred to: new chains and sets; elements away, elements that come;
 * rules away, rules that come, each before the rule that follows it; sets and chains away. A rule
 * or an element that stays is not mentioned, and keeps what it has counted.
 *
 * A table that cannot be changed into the other one is deleted and made anew in the same
 * transaction; no packet sees a moment without it. A first install only adds, which spares the
 * kernel's grace period after deletions.
 *
 * Every message is remembered with the object it is about, so that a refusal can name it.
 */

/* Most bytes of one element: two nests, key, verdict with a chain's name. */
#define ELEMENT_MAX (64 + TUPLE_MAX * KEY_SIZE + 32 + NFT_NAME_MAXLEN)

struct nlmsghdr *nft_write_start(struct nft_writing *w, uint8_t family,
				 struct nft_subject subject, uint16_t type, uint16_t flags, size_t payload)
{
	w->subjects = arena_grow(w->arena, w->subjects, w->n_subjects, &w->cap_subjects,
				 sizeof(*w->subjects));
	subject.image = w->image;
	w->subjects[w->n_subjects++] = subject;
	return batch_start(&w->batch, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags,
			   family, 0, payload);
}

static void put_limit(struct nft_writing *w, uint16_t type, const uint32_t *generation)
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

/* position: handle of the rule before which this one comes; 0: none. */
static void put_blob_at(struct nft_writing *w, struct nft_subject subject, uint16_t type,
			uint16_t flags, struct blob blob, uint64_t position)
{
	struct nlmsghdr *message =
		nft_write_start(w, NFPROTO_INET, subject, type, flags, blob.len + 32);

	memcpy(mnl_nlmsg_get_payload_tail(message), blob.bytes, blob.len);
	message->nlmsg_len += (uint32_t)blob.len;
	/* A set needs a number that is unique in the batch, even where nothing refers to it. */
	if (subject.object == OBJECT_SET)
		mnl_attr_put_u32(message, NFTA_SET_ID, htonl((uint32_t)w->batch.n));
	if (position)
		mnl_attr_put_u64(message, NFTA_RULE_POSITION, htobe64(position));
	batch_commit(&w->batch);
}

static void put_blob(struct nft_writing *w, struct nft_subject subject, uint16_t type, uint16_t flags,
		     struct blob blob)
{
	put_blob_at(w, subject, type, flags, blob, 0);
}

static void put_element(struct nft_writing *w, struct nlmsghdr *message, const struct image_set *set,
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
static void put_elements(struct nft_writing *w, uint32_t set_idx, const uint32_t *ids, size_t n,
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
			nft_write_start(w, NFPROTO_INET, subject, type, flags,
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

static void put_delete_table(struct nft_writing *w)
{
	struct nlmsghdr *message =
		nft_write_start(w, NFPROTO_INET, (struct nft_subject){.object = OBJECT_TABLE},
		      NFT_MSG_DELTABLE, 0, 64);

	mnl_attr_put_strz(message, NFTA_TABLE_NAME, TABLE_NAME);
	batch_commit(&w->batch);
}

static void put_chain(struct nft_writing *w, uint32_t idx)
{
	put_blob(w, (struct nft_subject){.object = OBJECT_CHAIN, .idx = idx}, NFT_MSG_NEWCHAIN,
		 NLM_F_CREATE, w->image->chains[idx].blob);
}

static void put_set(struct nft_writing *w, uint32_t idx)
{
	put_blob(w, (struct nft_subject){.object = OBJECT_SET, .idx = idx}, NFT_MSG_NEWSET,
		 NLM_F_CREATE, w->image->sets[idx].blob);
}

static void put_all_elements(struct nft_writing *w, uint32_t set)
{
	put_elements(w, set, NULL, w->image->sets[set].n_records, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
}

/* before: handle of the rule that follows; 0: none does. */
static void put_rule(struct nft_writing *w, uint32_t chain, uint32_t idx, uint64_t before)
{
	put_blob_at(w,
		    (struct nft_subject){.object = OBJECT_RULE, .idx = chain, .first = idx},
		    NFT_MSG_NEWRULE, before ? NLM_F_CREATE : NLM_F_CREATE | NLM_F_APPEND,
		    w->image->chains[chain].rules[idx].blob, before);
}

static void put_all_rules(struct nft_writing *w, uint32_t chain)
{
	for (uint32_t i = 0; i < w->image->chains[chain].n_rules; i++)
		put_rule(w, chain, i, 0);
}

static void put_table(struct nft_writing *w)
{
	const struct image *image = w->image;

	put_blob(w, (struct nft_subject){.object = OBJECT_TABLE}, NFT_MSG_NEWTABLE, NLM_F_CREATE,
		 image->blob);
	for (uint32_t i = 0; i < image->n_chains; i++)
		put_chain(w, i);
	for (uint32_t i = 0; i < image->n_sets; i++)
		put_set(w, i);
	for (uint32_t i = 0; i < image->n_sets; i++)
		put_all_elements(w, i);
	for (uint32_t i = 0; i < image->n_chains; i++)
		put_all_rules(w, i);
}

/* Differences, one kind of object at a time. */

struct change_writing {
	struct nft_writing *w;
	const struct image *old, *new;
	const struct diff *diff;
};

static bool is_added(const struct difference *d, enum object object)
{
	return d->object == object && d->kind == CHANGE_ADD;
}

static bool is_removed(const struct difference *d, enum object object)
{
	return d->object == object && d->kind == CHANGE_REMOVE;
}

static void put_new_chains_and_sets(struct change_writing *c)
{
	c->w->image = c->new;
	for (size_t i = 0; i < c->diff->n; i++)
		if (is_added(&c->diff->items[i], OBJECT_CHAIN))
			put_chain(c->w, c->diff->items[i].new_idx);
	for (size_t i = 0; i < c->diff->n; i++)
		if (is_added(&c->diff->items[i], OBJECT_SET))
			put_set(c->w, c->diff->items[i].new_idx);
}

/* Writes the elements of one side of the differences; those of one set stand together there. */
static void put_element_changes(struct change_writing *c, bool deletions)
{
	uint32_t *ids = arena_calloc(c->w->arena, c->diff->n_elements, sizeof(*ids));
	size_t n = 0;

	c->w->image = deletions ? c->old : c->new;
	for (size_t i = 0; i < c->diff->n; i++) {
		const struct difference *d = &c->diff->items[i];
		uint32_t set = deletions ? d->old_parent : d->new_parent;
		uint32_t idx = deletions ? d->old_idx : d->new_idx;
		const struct difference *following = i + 1 < c->diff->n ? d + 1 : NULL;

		if (d->object != OBJECT_ELEMENT)
			continue;
		if (idx != NO_INDEX)
			ids[n++] = idx;
		if (following && following->object == OBJECT_ELEMENT &&
		    following->old_parent == d->old_parent)
			continue;
		put_elements(c->w, set, ids, n, deletions ? NFT_MSG_DELSETELEM : NFT_MSG_NEWSETELEM,
			     deletions ? 0 : NLM_F_CREATE);
		ids += n;
		n = 0;
	}
}

static struct nlmsghdr *start_deletion(struct nft_writing *w, struct nft_subject subject,
				       uint16_t type)
{
	return nft_write_start(w, NFPROTO_INET, subject, type, 0, 2 * (NFT_NAME_MAXLEN + 8) + 32);
}

/* handle 0: all of the chain's. */
static void put_delete_rule(struct nft_writing *w, uint32_t chain, uint32_t idx, uint64_t handle)
{
	struct nft_subject subject = {.object = OBJECT_RULE, .idx = chain, .first = idx};
	struct nlmsghdr *message = start_deletion(w, subject, NFT_MSG_DELRULE);

	mnl_attr_put_strz(message, NFTA_RULE_TABLE, TABLE_NAME);
	mnl_attr_put_strz(message, NFTA_RULE_CHAIN, w->image->chains[chain].name);
	if (handle)
		mnl_attr_put_u64(message, NFTA_RULE_HANDLE, htobe64(handle));
	batch_commit(&w->batch);
}

/* Chains that go are emptied first: their rules may lead from one to the other. */
static void put_rules_away(struct change_writing *c)
{
	c->w->image = c->old;
	for (size_t i = 0; i < c->diff->n; i++) {
		const struct difference *d = &c->diff->items[i];

		if (is_removed(d, OBJECT_CHAIN) && c->old->chains[d->old_idx].n_rules > 0)
			put_delete_rule(c->w, d->old_idx, 0, 0);
		else if (d->object == OBJECT_RULE && d->old_idx != NO_INDEX)
			put_delete_rule(
				c->w, d->old_parent, d->old_idx,
				c->old->chains[d->old_parent].rules[d->old_idx].handle);
	}
}

static void put_new_rules(struct change_writing *c)
{
	c->w->image = c->new;
	for (size_t i = 0; i < c->diff->n; i++) {
		const struct difference *d = &c->diff->items[i];
		uint64_t before = 0;

		if (is_added(d, OBJECT_CHAIN))
			put_all_rules(c->w, d->new_idx);
		if (d->object != OBJECT_RULE || d->new_idx == NO_INDEX)
			continue;
		if (d->before != NO_INDEX)
			before = c->old->chains[d->old_parent].rules[d->before].handle;
		put_rule(c->w, d->new_parent, d->new_idx, before);
	}
}

static void put_set_away(struct nft_writing *w, uint32_t idx)
{
	const struct image_set *set = &w->image->sets[idx];
	struct nft_subject subject = {.object = OBJECT_SET, .idx = idx};
	struct nlmsghdr *message;

	/* Without a list it means all elements. Before Linux 6.5 they kept their chains from going. */
	if (set->is_map) {
		message = start_deletion(w, subject, NFT_MSG_DELSETELEM);
		mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, TABLE_NAME);
		mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, set->name);
		batch_commit(&w->batch);
	}
	message = start_deletion(w, subject, NFT_MSG_DELSET);
	mnl_attr_put_strz(message, NFTA_SET_TABLE, TABLE_NAME);
	mnl_attr_put_strz(message, NFTA_SET_NAME, set->name);
	batch_commit(&w->batch);
}

static void put_sets_and_chains_away(struct change_writing *c)
{
	c->w->image = c->old;
	for (size_t i = 0; i < c->diff->n; i++) {
		const struct difference *d = &c->diff->items[i];

		/* An anonymous set went with its rule. */
		if (is_removed(d, OBJECT_SET) && !c->old->sets[d->old_idx].is_anonymous)
			put_set_away(c->w, d->old_idx);
	}
	for (size_t i = 0; i < c->diff->n; i++) {
		const struct difference *d = &c->diff->items[i];
		struct nft_subject subject = {.object = OBJECT_CHAIN, .idx = d->old_idx};
		struct nlmsghdr *message;

		if (!is_removed(d, OBJECT_CHAIN))
			continue;
		message = start_deletion(c->w, subject, NFT_MSG_DELCHAIN);
		mnl_attr_put_strz(message, NFTA_CHAIN_TABLE, TABLE_NAME);
		mnl_attr_put_strz(message, NFTA_CHAIN_NAME, c->old->chains[d->old_idx].name);
		batch_commit(&c->w->batch);
	}
}

void nft_write_changes(struct nft_writing *w, const struct image *old, const struct image *new,
		       const struct diff *diff)
{
	struct change_writing c = {w, old, new, diff};

	if (!old->exists || diff->whole) {
		w->image = new;
		if (old->exists)
			put_delete_table(w);
		put_table(w);
		return;
	}
	put_new_chains_and_sets(&c);
	put_element_changes(&c, true);
	put_element_changes(&c, false);
	for (size_t i = 0; i < diff->n; i++)
		if (is_added(&diff->items[i], OBJECT_SET))
			put_all_elements(w, diff->items[i].new_idx);
	put_rules_away(&c);
	put_new_rules(&c);
	put_sets_and_chains_away(&c);
}

void nft_write_removal(struct nft_writing *w, const struct image *old)
{
	w->image = old;
	if (old->exists)
		put_delete_table(w);
}

void nft_write_begin(struct nft_writing *w, uint32_t generation)
{
	w->arena = arena_new();
	put_limit(w, NFNL_MSG_BATCH_BEGIN, &generation);
}

void nft_write_end(struct nft_writing *w)
{
	put_limit(w, NFNL_MSG_BATCH_END, NULL);
}

void nft_writing_free(struct nft_writing *w)
{
	batch_free(&w->batch);
	arena_free(w->arena);
}
