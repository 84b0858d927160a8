// SPDX-License-Identifier: GPL-2.0-or-later
// standing: what the description leaves open, compared with the host: do the promises hold here?
#ifndef STANDING_STANDING_H
#define STANDING_STANDING_H

#include <stdbool.h>
#include <stddef.h>

#include "hostgate/arena.h"
#include "hostgate/description.h"
#include "hostgate/diag.h"
#include "hostgate/ruleset.h"
#include "judge/front.h"
#include "os/host_links.h"

/*
 * Theory of operation
 *
 * The rules go by interface names and addresses, as the description has them. Whether the host has
 * them, too, is a list of facts (standing.c): each is a row with what it means (severity), a code,
 * and a function that looks for it in a view of the host and says what it finds. plan, apply and
 * status ask all of them, so that they say the same; what is read of the kernel is read before, so
 * that the judgement is a pure one.
 */

/** What a fact means, from bad to worse. */
enum standing_severity {
	STANDING_NOTE,
	STANDING_WARNING,
	STANDING_VOID, /**< a promise does not hold; the rules are installed nevertheless */
	STANDING_HARM, /**< with the rules the host would be worse off: apply refuses */
};

/** The host, as far as facts are looked for in it. */
struct standing_view {
	const struct description *description;
	const struct host_links *links;
	bool status;  /**< it is status that asks: of what concerns the time after apply, too */
	bool bridged; /**< frames that cross a bridge are handed to the rules, too (br_netfilter) */
	struct fronts fronts; /**< for status, where the rules are in iptables */
};

/** What was found. */
struct standing {
	enum standing_severity worst; /**< STANDING_NOTE, too, when nothing was */
	const char **voids;	      /**< the messages of what makes a promise void, or harms */
	size_t n_voids, cap_voids;
	const char **missing; /**< entries of the description for which there is no interface */
	size_t n_missing, cap_missing;
	struct host_links links; /**< the host's, as standing_check() read them */
};

/** Judges. All that is found is queued. */
void standing_judge(struct arena *arena, struct diags *diags, const struct standing_view *view,
		    struct standing *out);

/**
 * Reads the host and judges it. status: as in the view. ruleset: as planned, where legacy iptables has
 * it, else NULL; what stands in front of its jumps is then looked at. Returns 0, or -errno with the reason
 * queued.
 */
int standing_check(struct arena *arena, struct diags *diags, const struct description *description,
		   const struct ruleset *ruleset, bool status, struct standing *out);

/** Tells whether masquerade has an address of the family to take on the interface. */
bool standing_has_address(const struct host_links *links, const char *ifname, enum family family);

#endif
