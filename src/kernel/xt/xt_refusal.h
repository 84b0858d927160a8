// SPDX-License-Identifier: GPL-2.0-or-later
// xt_refusal: what the kernel lacks or refuses of iptables, in the user's words.
#ifndef XT_XT_REFUSAL_H
#define XT_XT_REFUSAL_H

#include "hostgate/diag.h"
#include "xt/xt_table.h"

/** Most extensions that our rules use. */
#define XT_EXTENSIONS_MAX 16

/** Extensions that the kernel was asked for already. Initialise with {0}; one a family. */
struct xt_asked {
	struct xt_extension items[XT_EXTENSIONS_MAX];
	char names[XT_EXTENSIONS_MAX][XT_EXTENSION_MAXNAMELEN];
	size_t n;
};

/**
 * Asks the kernel for every extension that the wanted table uses, without touching the table.
 * ruleset: what it was made from. Returns 0, or -errno with each missing one queued at a line that
 * needs it.
 */
int xt_refusal_missing(struct diags *diags, const struct ruleset *ruleset,
		       const struct xt_content *wanted, struct xt_asked *asked);

/** Tells whether the kernel has iptables for the family: 0 or -errno. Instantiates no table. */
int xt_refusal_probe(enum family family);

/** Queues why a table could not be DOING ("read"); err: errno of libiptc. */
void xt_refusal_table(struct diags *diags, const struct xt_content *content, int err,
		      const char *doing);

#endif
