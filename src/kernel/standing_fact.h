// SPDX-License-Identifier: GPL-2.0-or-later
// standing_fact: what the functions that look for a fact share.
#ifndef KERNEL_STANDING_FACT_H
#define KERNEL_STANDING_FACT_H

#include "base/diag_codes.h"
#include "kernel/standing.h"

/** A look for one fact. */
struct standing_finder {
	struct arena *arena;
	struct diags *diags;
	const struct standing_view *view;
	struct standing *out;
	enum standing_severity severity; /**< of the fact */
	const char *code;
};

/** Queues a finding, as diag_add() does, with severity and code of the fact. */
struct diag *standing_say(struct standing_finder *finder, struct place place, const char *format,
			  ...) __attribute__((format(printf, 3, 4)));

/** The facts; each says what it finds. */
void standing_ports(struct standing_finder *finder);

#endif
