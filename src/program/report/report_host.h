// SPDX-License-Identifier: GPL-2.0-or-later
// report_host: whether the host is as the description has it, for plan, apply and status.
#ifndef REPORT_REPORT_HOST_H
#define REPORT_REPORT_HOST_H

#include "apply/apply.h"
#include "cli/run.h"
#include "hostgate/description.h"
#include "standing/standing.h"

/** What ends a line about what was done, or is to do, when a promise is void. */
#define HOST_VOID ", but not every promise holds on this host"

/**
 * Compares the host with the description; what it finds is queued, and stands in the document.
 * Returns STATUS_DONE; STATUS_DIFFERS when a promise is void here; STATUS_DESCRIPTION when the rules
 * would do harm; or what went wrong. status: the command status asks. out: may be NULL.
 */
enum status host_compare(struct run *run, const struct apply_input *input, bool status,
			 struct standing *out);

#endif
