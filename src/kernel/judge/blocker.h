// SPDX-License-Identifier: GPL-2.0-or-later
// blocker: chains of others that drop what the description lets pass.
#ifndef JUDGE_BLOCKER_H
#define JUDGE_BLOCKER_H

#include "foreign/vendor.h"
#include "hostgate/ways.h"
#include "judge/judge.h"
#include "os/host_links.h"

/** Most programs that one blocker is put down to. */
#define BLOCKER_WHO_MAX 4

/** A way that a blocker closes. */
struct blocked {
	const struct network *network;
	const struct uplink *uplink;
	enum family family;
	struct passage passage; /**< outward */
	bool reply;
	bool certain; /**< it is dropped; else it may be */
};

/** Most ways that are told of one blocker; further ones are counted. */
#define BLOCKED_MAX 64

struct blocker {
	struct judge_finding finding; /**< as found for the first way */
	bool certain;		      /**< it drops one of the ways for sure */
	const struct vendor *who[BLOCKER_WHO_MAX];
	size_t n_who;
	struct blocked blocked[BLOCKED_MAX];
	size_t n_blocked, n_more;
};

struct blockers {
	struct blocker *items; /**< certain ones first, else in the order of the packet's way */
	size_t n, cap;
	size_t n_ways, n_sampled; /**< network and uplink and family; those that were looked at */
};

/**
 * Sends one sample packet and its reply through the chains of others for every way that the
 * description opens, at most BLOCKER_SAMPLES of them: where there are more, networks whose
 * interfaces are named alike stand for each other. links: with addresses. Memory comes from the
 * foreign rules' arena.
 */
void blocker_find(const struct foreign *foreign, const struct description *description,
		  const struct host_links *links, struct blockers *out);

#define BLOCKER_SAMPLES 256

/** Fills in to which well-known programs a finding is put down; returns how many. */
size_t blocker_who(const struct judge_finding *finding,
		   const struct vendor *who[static BLOCKER_WHO_MAX]);

/** Tells who uses forwarding beside us: a base chain of others, of type nat or at forward. */
struct forwarder {
	const struct foreign_base *base;
	size_t n_rules;
	const struct vendor *who[BLOCKER_WHO_MAX];
	size_t n_who;
	const char *name; /**< "ip nat POSTROUTING", "legacy ip nat POSTROUTING" */
};

struct forwarders {
	struct forwarder *items;
	size_t n, cap;
};

/** Lists them; only chains that have rules. Memory comes from the foreign rules' arena. */
void blocker_forwarders(const struct foreign *foreign, struct forwarders *out);

#endif
