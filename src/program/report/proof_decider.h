// SPDX-License-Identifier: GPL-2.0-or-later
// proof_decider: which rules of others decided about packets that should have passed.
#ifndef REPORT_PROOF_DECIDER_H
#define REPORT_PROOF_DECIDER_H

#include "report/proof.h"

/** Writes the decider of a finding as "table ip filter, chain FORWARD, policy drop". */
void proof_describe_decider(const struct decider *decider, struct buf *out);

/**
 * Writes for each network what of others stops its packets, and what to do about it; nothing
 * when that is not known. prefix begins each line.
 */
void proof_print_deciders(const struct proof_report *report, const char *prefix, struct buf *out);

/** Returns the same as an array of objects, the caller's. */
json_t *proof_json_deciders(const struct proof_report *report);

/** Returns the decider of others of a finding as an object, the caller's, or NULL. */
json_t *proof_json_decider(const struct finding *finding);

#endif
