// SPDX-License-Identifier: GPL-2.0-or-later
// work: the way from files to what a printer or the kernel takes.
#ifndef CLI_WORK_H
#define CLI_WORK_H

#include <stdbool.h>

#include "apply/apply.h"
#include "cli/run.h"
#include "hostgate/description.h"
#include "hostgate/print.h"

/** Characters of a description's hash (SHA-256, hexadecimal) with the final NUL. */
#define HASH_SIZE 65

/** A description that was read. */
struct work {
	struct description description;
	const char *files; /**< names of its sources */
	const char *text; /**< canonical form */
	char hash[HASH_SIZE];
};

/** Loads and reads the files of the command line. false: errors are queued. */
bool work_load(struct run *run, struct work *work);

/** Reads the sources that the run's diags hold already. false: errors are queued. */
bool work_read(struct run *run, struct work *work);

/** Makes the ruleset and what else the kernel layer wants. */
struct apply_input work_input(struct run *run, const struct work *work);

/** Returns the header of printed dialects. */
struct print_header work_header(const struct work *work);

#endif
