// SPDX-License-Identifier: GPL-2.0-or-later
// json_ruleset: a ruleset as one JSON document, for programs that read policy.
#ifndef REPORT_JSON_RULESET_H
#define REPORT_JSON_RULESET_H

#include <jansson.h>

#include "hostgate/diag.h"
#include "hostgate/print.h"
#include "hostgate/ruleset.h"

/**
 * Returns the planned ruleset with the origin of every sysctl, element and rule; the caller's.
 * diags knows the names of the files.
 */
json_t *json_of_ruleset(const struct ruleset *ruleset, const struct print_header *header,
			const struct diags *diags);

#endif
