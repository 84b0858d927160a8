// SPDX-License-Identifier: GPL-2.0-or-later
// backend_nft: the rules in a table of nf_tables.
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <time.h>

#include "apply/backend.h"
#include "apply/changes.h"
#include "apply/nft_batch.h"
#include "base/diag_codes.h"
#include "foreign/kept_nft.h"
#include "image/snapshot.h"
#include "nft/nft_build.h"
#include "nft/nft_count.h"
#include "nft/nft_dump.h"
#include "nft/nft_read.h"
#include "nft/nft_refusal.h"

/* How often somebody else may change tables between our reading and our transaction. */
#define COMMIT_ATTEMPTS 10

/* How often a table is read whose elements seem to differ; the pauses between add up to 2 s. */
#define READ_ATTEMPTS 11

struct backend_nft {
	struct backend_input input;
	const struct ruleset *ruleset; /* lowered */
	struct netlink netlink;
	struct image wanted, present;
	struct image was; /* what the last apply made, while that is asked for */
	bool whole; /* present is complete */
	struct diff diff;
	struct kept_nft others; /* rules that are to go, or to come back */
	struct kept_nft saved;  /* those that are to be there */
};

static void *nft_open(const struct backend_input *input)
{
	struct backend_nft *nft = arena_alloc(input->arena, sizeof(*nft));

	*nft = (struct backend_nft){.input = *input};
	image_init(&nft->wanted);
	image_init(&nft->present);
	image_init(&nft->was);
	if (input->ruleset) {
		nft->ruleset = lower_nft(input->arena, input->ruleset);
		nft_build(nft->ruleset, &nft->wanted);
	} else if (input->snapshot.len) {
		struct snapshot snapshot = {input->snapshot.bytes, input->snapshot.len, false};

		/* Bytes that are no image were refused by undo_load(). */
		(void)snapshot_take_image(&snapshot, &nft->wanted);
	}
	if (input->others.len) {
		struct snapshot snapshot = {input->others.bytes, input->others.len, false};

		kept_nft_load(&snapshot, input->arena, &nft->saved);
	}
	return nft;
}

static void nft_close(void *self)
{
	struct backend_nft *nft = self;

	if (!nft)
		return;
	netlink_close(&nft->netlink);
	image_free(&nft->wanted);
	image_free(&nft->present);
	image_free(&nft->was);
}

/* Its transactions tell when somebody else was faster. */
static int nft_lock(void *self, struct diags *diags)
{
	(void)self;
	(void)diags;
	return 0;
}

/* Tells whether the last apply left the very table that is wanted, and nobody changed any since. */
static bool is_untouched(const struct backend_nft *nft, uint64_t fingerprint)
{
	return nft->input.known.generation != 0 && nft->present.exists &&
	       nft->present.generation == nft->input.known.generation &&
	       fingerprint == nft->input.known.fingerprint;
}

static void pause_ms(long ms)
{
	struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

/*
 * After many elements came, the kernel goes on for a while to enlarge its hash tables, and a dump
 * taken meanwhile may lack elements or repeat some, without a word of it. So a difference in
 * elements counts only when the next reading, a little later, shows the very same table.
 */
static int read_settled(struct backend_nft *nft)
{
	uint64_t last = 0;

	for (int attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
		uint64_t seen;
		int err;

		image_free(&nft->present);
		image_init(&nft->present);
		err = nft_read(&nft->netlink, &nft->present);
		if (err != 0)
			return err;
		image_diff(nft->input.arena, &nft->present, &nft->wanted, &nft->diff);
		seen = image_fingerprint(&nft->present);
		if (nft->diff.n_elements == 0 || (attempt > 0 && seen == last))
			return 0;
		last = seen;
		pause_ms(1L << attempt);
	}
	return 0;
}

static int read_ours(struct backend_nft *nft)
{
	int err;

	image_free(&nft->present);
	image_init(&nft->present);
	nft->whole = false;
	err = nft_read_head(&nft->netlink, &nft->present);
	/* What goes as a whole need not be read, nor what is known to be the same. */
	if (err == 0 && nft->present.exists && nft->wanted.exists) {
		if (is_untouched(nft, image_fingerprint(&nft->wanted))) {
			nft->diff = (struct diff){0};
			return 0;
		}
		nft->whole = true;
		return read_settled(nft);
	}
	if (err == 0)
		image_diff(nft->input.arena, &nft->present, &nft->wanted, &nft->diff);
	return err;
}

/* Others' rules after ours: what changes in between makes the transaction's generation stale. */
static int read_tables(struct backend_nft *nft, struct diags *diags)
{
	int err = 0;

	if (!nft->netlink.socket)
		err = netlink_open(&nft->netlink, NETLINK_NETFILTER);
	if (err == 0)
		err = read_ours(nft);
	if (err == 0 && nft->input.clean_slate)
		err = kept_nft_read(&nft->netlink, nft->input.arena, &nft->others);
	else if (err == 0)
		err = kept_nft_missing(&nft->netlink, nft->input.arena, diags, &nft->saved,
					&nft->others);
	if (nft_is_absent(err) && !nft->wanted.exists && nft->saved.n == 0)
		return 0;
	if (err != 0)
		nft_refusal_errno(diags, -err, "read nf_tables");
	return err;
}

/* What the last apply made; without image when nobody knows. */
static struct change_source build_was(struct backend_nft *nft)
{
	const struct ruleset *was = described_ruleset(nft->input.was);
	struct ruleset *ruleset;

	if (!was)
		return (struct change_source){0};
	ruleset = lower_nft(nft->input.arena, was);
	image_free(&nft->was);
	image_init(&nft->was);
	nft_build(ruleset, &nft->was);
	return (struct change_source){&nft->was, ruleset};
}

/* Likewise, when something of it goes. */
static struct change_source find_was(struct backend_nft *nft)
{
	return changes_take_away(&nft->diff) ? build_was(nft) : (struct change_source){0};
}

static int nft_find(void *self, struct diags *diags, bool *exists)
{
	struct backend_nft *nft = self;
	int err = nft->netlink.socket ? 0 : netlink_open(&nft->netlink, NETLINK_NETFILTER);

	*exists = false;
	if (err == 0)
		err = nft_read_exists(&nft->netlink, exists);
	if (nft_is_absent(err))
		return 0;
	if (err != 0)
		nft_refusal_errno(diags, -err, "read nf_tables");
	return err;
}

static int nft_read_all(void *self, struct diags *diags, struct backend_found *out,
			struct changes *changes)
{
	struct backend_nft *nft = self;
	int err;

	*out = (struct backend_found){0};
	err = read_tables(nft, diags);
	if (err != 0)
		return err;
	out->exists = nft->present.exists;
	out->mark.generation = nft->present.generation;
	out->mark.fingerprint = image_fingerprint(&nft->wanted);
	if (nft->wanted.exists)
		changes_of_tables(nft->input.arena,
				  (struct change_source){&nft->wanted, nft->ruleset},
				  find_was(nft), &nft->present, &nft->wanted, &nft->diff, changes);
	else if (nft->present.exists)
		changes_of_removal(nft->input.arena, changes);
	kept_nft_list(&nft->others, nft->input.arena, changes);
	return 0;
}

/* Returns a set of somebody else's in our table that can't be made again from an image; or NULL. */
static const struct image_set *find_odd_set(const struct image *image)
{
	for (size_t i = 0; i < image->n_sets; i++) {
		const struct image_set *set = &image->sets[i];

		if (set->is_anonymous ||
		    (nft_refusal_number(set, NFTA_SET_FLAGS) & ~(uint32_t)NFT_SET_MAP) != 0)
			return set;
		for (size_t j = 0; set->is_map && j < set->n_records; j++)
			if (image_verdict(set, j) >= image->n_chains)
				return set;
	}
	return NULL;
}

/* What is kept instead: the rules of the last apply, else the new ones, so that some stand. */
static const struct image *make_plain(struct backend_nft *nft, struct diags *diags,
				      const struct image_set *odd)
{
	const struct image *was;
	struct diag *diag =
		diag_add(diags, SEVERITY_WARNING, CODE(UNDO_PARTLY), PLACE_NONE,
			 "table inet " TABLE_NAME " contains a set that another program added and "
			 "that cannot be recreated once it is gone: %s",
			 odd->name);
	diag_hint(diags, diag,
		  "`hostgate rollback` will restore the rules without it; what is not hostgate's "
		  "belongs in a table of its own");
	was = build_was(nft).image;
	return was ? was : &nft->wanted;
}

static int nft_snapshot(void *self, struct diags *diags, struct buf *out, struct buf *others)
{
	struct backend_nft *nft = self;
	const struct image *kept = &nft->present;
	const struct image_set *odd;
	int err = 0;

	if (nft->present.exists && !nft->whole)
		err = read_settled(nft);
	if (err != 0) {
		nft_refusal_errno(diags, -err, "read nf_tables");
		return err;
	}
	odd = find_odd_set(&nft->present);
	if (odd)
		kept = make_plain(nft, diags, odd);
	if (nft->present.exists && kept->exists)
		snapshot_add_image(out, kept);
	if (nft->others.n > 0)
		kept_nft_save(&nft->others, others);
	return 0;
}

static int nft_count_all(void *self, struct diags *diags, struct counters *counters)
{
	struct backend_nft *nft = self;
	int err = 0;

	if (!nft->netlink.socket)
		err = netlink_open(&nft->netlink, NETLINK_NETFILTER);
	if (err == 0)
		err = nft_count(&nft->netlink, nft->ruleset, &nft->wanted, counters);
	if (err != 0)
		nft_refusal_errno(diags, -err, "read the counters of nf_tables");
	return err;
}

static int send_once(struct backend_nft *nft, struct diags *diags)
{
	if (!nft->wanted.exists)
		return nft_batch_remove(&nft->netlink, diags, &nft->present, &nft->others);
	return nft_batch_apply(&nft->netlink, diags, nft->ruleset, &nft->present, &nft->wanted,
			       &nft->diff, &nft->others);
}

/* One transaction, tried again when somebody else was faster. */
static int nft_commit(void *self, struct diags *diags, bool *changed)
{
	struct backend_nft *nft = self;

	for (int attempt = 0; attempt < COMMIT_ATTEMPTS; attempt++) {
		bool differs = nft->diff.n > 0 || nft->others.n > 0;
		int err = differs ? send_once(nft, diags) : 0;

		/* What was sent before may have been taken although no answer came. */
		*changed = *changed || (err == 0 && (differs || attempt > 0));
		if (err != -ERESTART && err != -ENOBUFS)
			return err;
		err = read_tables(nft, diags);
		if (err != 0)
			return err;
	}
	nft_refusal_errno(diags, EBUSY, "change nf_tables");
	return -EBUSY;
}

const struct backend_info backend_nft = {
	.name = "nf_tables",
	.where = "table inet " TABLE_NAME,
	.probe = nft_read_probe,
	.open = nft_open,
	.close = nft_close,
	.lock = nft_lock,
	.find = nft_find,
	.read = nft_read_all,
	.snapshot = nft_snapshot,
	.count = nft_count_all,
	.commit = nft_commit,
};
