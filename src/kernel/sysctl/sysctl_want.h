// SPDX-License-Identifier: GPL-2.0-or-later
// sysctl_want: which values a ruleset wants on this host's interfaces.
#ifndef SYSCTL_SYSCTL_WANT_H
#define SYSCTL_SYSCTL_WANT_H

#include "sysctl/sysctl.h"
#include "sysctl/sysctl_file.h"

/** One value that is wanted. */
struct sysctl_want {
	const char *path; /**< below the root */
	const char *value;
	const struct sysctl *from; /**< of the ruleset */
};

struct sysctl_wants {
	struct sysctl_want *items;   /**< in the order of writing */
	struct sysctl_want *by_path; /**< the same */
	size_t n, cap;
};

/**
 * Lists what the input's ruleset (NULL: nothing) wants. names: the interfaces that have sysctls.
 * Queues notes on interfaces that are not there yet.
 */
void sysctl_wants_make(struct arena *arena, struct diags *diags, const struct sysctl_input *input,
		       const struct sysctl_names names[static FAMILY__COUNT],
		       struct sysctl_wants *out);

/** Returns what is wanted of a path, or NULL. */
const struct sysctl_want *sysctl_wants_find(const struct sysctl_wants *wants, const char *path);

#endif
