// SPDX-License-Identifier: GPL-2.0-or-later
// report_others: what status tells about other programs' rules and settings.
#ifndef REPORT_REPORT_OTHERS_H
#define REPORT_REPORT_OTHERS_H

#include "apply/apply.h"
#include "cli/run.h"
#include "judge/blocker.h"

/**
 * Tells which chains of others drop what the description lets pass, how forwarding stands and who
 * uses it, and which files will set it otherwise. Returns STATUS_DONE, STATUS_DIFFERS when some
 * chain drops for sure, or what went wrong. input: with links.
 */
enum status others_tell(struct run *run, const struct apply_input *input);

/** Writes where a finding was made: "ip filter FORWARD, rule 3 (...), priority 0". */
void others_print_place(const struct judge_finding *finding, struct buf *out);

/** Returns the same as an object, with who and advice; the caller's. */
json_t *others_json_place(const struct judge_finding *finding);

/** Names of programs as an array; the caller's. */
json_t *others_json_who(const struct vendor *const *who, size_t n);

#endif
