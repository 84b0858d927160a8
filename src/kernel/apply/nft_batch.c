// SPDX-License-Identifier: GPL-2.0-or-later
// nft_batch: what differs as one transaction, and the kernel's refusals as diagnostics.
#include "apply/nft_batch.h"

#include <errno.h>

#include "nft/nft_write.h"

/*
 * A batch is a transaction. It carries the generation that the present table was read in, so it
 * is refused when anybody has changed anything since.
 */

struct refusals {
	struct nft_writing *w;
	const struct ruleset *ruleset; /* NULL when something is removed only */
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
	struct nft_writing *w = refusals->w;

	if (refusal->err == ERESTART) {
		refusals->stale = true;
		return;
	}
	if (refusals->n++ < REFUSALS_MAX)
		nft_refusal_refusal(refusals->diags, refusals->ruleset, refusals->owned,
				    &w->subjects[refusal->message],
				    batch_message(&w->batch, refusal->message), refusal);
}

static int commit(struct netlink *netlink, struct diags *diags, const struct ruleset *ruleset,
		  struct nft_writing *w, const struct image *old)
{
	struct refusals refusals = {
		.w = w, .ruleset = ruleset, .diags = diags, .owned = old->owned};
	int err;

	nft_write_end(w);
	err = batch_send(netlink, &w->batch, refused, &refusals);
	if (refusals.stale)
		return -ERESTART;
	if (err != 0 && err != -ENOBUFS && refusals.n == 0)
		nft_refusal_errno(diags, -err, "change nf_tables");
	return err;
}

int nft_batch_apply(struct netlink *netlink, struct diags *diags, const struct ruleset *ruleset,
		    const struct image *old, const struct image *new, const struct diff *diff,
		    const struct kept_nft *others)
{
	struct nft_writing w __attribute__((cleanup(nft_writing_free))) = {0};

	nft_write_begin(&w, old->generation);
	nft_write_changes(&w, old, new, diff);
	kept_nft_write(&w, others);
	return commit(netlink, diags, ruleset, &w, old);
}

int nft_batch_remove(struct netlink *netlink, struct diags *diags, const struct image *old,
		     const struct kept_nft *others)
{
	struct nft_writing w __attribute__((cleanup(nft_writing_free))) = {0};

	nft_write_begin(&w, old->generation);
	nft_write_removal(&w, old);
	kept_nft_write(&w, others);
	return commit(netlink, diags, NULL, &w, old);
}
