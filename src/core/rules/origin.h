// SPDX-License-Identifier: GPL-2.0-or-later
// origin: why a rule exists, in words.
#ifndef RULES_ORIGIN_H
#define RULES_ORIGIN_H

#include "hostgate/buf.h"
#include "hostgate/ruleset.h"

/** Longest text of origin_comment() with its NUL; nft's limit for a comment is 128 bytes. */
#define ORIGIN_COMMENT_SIZE 128

/**
 * Writes the origin as a rule's comment: "P4: forged source", "P2 vmnet1: ...". Texts and names
 * are short enough by construction for ORIGIN_COMMENT_SIZE.
 */
void origin_comment(const struct origin *origin, struct buf *out);

/** Returns "P1" to "P4", or "" for PROMISE_NONE. */
const char *promise_name(enum promise promise);

#endif
