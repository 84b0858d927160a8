// SPDX-License-Identifier: GPL-2.0-or-later
// check: rules that hold between entries of a description.
#ifndef MODEL_CHECK_H
#define MODEL_CHECK_H

#include "hostgate/description.h"

/**
 * Queues an error for everything that contradicts something else, and warnings for what has no
 * effect. Takes what the reader could make of a wrong description too: complete tells whether no
 * entry is missing from it, so that what is absent was really not written. Takes n log n time.
 */
void check_description(struct arena *arena, struct diags *diags,
		       const struct description *description, bool complete);

#endif
