// SPDX-License-Identifier: GPL-2.0-or-later
// forwarding_users: who else needs forwarding, for sysctl_plan().
#ifndef JUDGE_FORWARDING_USERS_H
#define JUDGE_FORWARDING_USERS_H

#include "sysctl/sysctl.h"

/** They are looked for when somebody asks, and once. Initialise with {.arena = ...}. */
struct forwarding_users {
	struct arena *arena;
	bool read;
	struct sysctl_users of[FAMILY__COUNT];
};

/** A sysctl_users_fn; data: struct forwarding_users. Where rules can't be read there are none. */
void forwarding_users_find(void *data, enum family family, struct sysctl_users *out);

#endif
