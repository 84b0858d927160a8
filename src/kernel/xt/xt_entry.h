// SPDX-License-Identifier: GPL-2.0-or-later
// xt_entry: one rule as iptables hands it to the kernel.
#ifndef XT_XT_ENTRY_H
#define XT_XT_ENTRY_H

#include "hostgate/ruleset.h"
#include "image/image.h"
#include "rules/ours.h"
#include "xt/xt_library.h"

/** Longest entry: a struct ip6t_entry, its offsets have 16 bits. */
#define XT_ENTRY_MAX 65536

/** Where an entry is written. */
struct xt_room {
	_Alignas(8) uint8_t bytes[XT_ENTRY_MAX];
	size_t len;
};

/**
 * Builds the entry of a rule lowered by lower_xt() that is in the family: byte for byte what
 * iptables makes of the line that xt_rule_print() writes. Jumps name their chain, as libiptc
 * takes them. The blob is in room.
 */
struct blob xt_entry_build(const struct ruleset *ruleset, const struct rule *rule,
			   enum family family, struct xt_room *room);

/** Builds the entry of a jump to the chain, without any match. */
struct blob xt_entry_build_jump(enum family family, const char *chain, struct xt_room *room);

/**
 * Writes a kernel's entry in the form of xt_entry_build(): without counters and what the kernel
 * keeps in it. target: as libiptc names it. An entry that makes no sense gives an empty blob.
 */
struct blob xt_entry_from_kernel(enum family family, const void *entry, const char *target,
				 struct xt_room *room);

/** Writes the comment of an entry in this form, "" when it has none; returns out. */
const char *xt_entry_comment(enum family family, struct blob entry,
			     char out[static XT_COMMENT_SIZE]);

/** Returns the name of an entry's target: a chain, "DROP", "RETURN", "SNAT", ... */
const char *xt_entry_target(enum family family, struct blob entry);

/** Replaces the target, which must be a standard one: "RETURN", "DROP" or a chain. */
void xt_entry_set_target(enum family family, struct xt_room *room, const char *target);

/** A match or target that an entry uses. */
struct xt_extension {
	const char *name;
	uint8_t revision;
	bool is_target;
};

/**
 * Returns the extension at *offset of an entry and moves *offset on; start with 0. name NULL: no
 * more. Jumps, DROP and RETURN are none. For entries of xt_entry_build().
 */
struct xt_extension xt_entry_extension(enum family family, struct blob entry, size_t *offset);

#endif
