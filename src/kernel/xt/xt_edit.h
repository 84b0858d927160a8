// SPDX-License-Identifier: GPL-2.0-or-later
// xt_edit: our part of one table made what it should be, in the memory of libiptc.
#ifndef XT_XT_EDIT_H
#define XT_XT_EDIT_H

#include "xt/xt_table.h"

/*
 * Theory of operation
 *
 * The kernel takes one table at a time, whole. A change that concerns several tables never opens a
 * gap by the means of the printed script: first every table gets the new chains beside the old
 * ones, and the new jump in front of the old one, so that a packet has to please both; only then
 * the old ones go, table by table. Chains that are the same in both serve both.
 *
 * A chain of the new ones takes its name; the old one that has it is renamed to NAME.OLD, and its
 * jumps follow. The next run, or the script, finds the old ones by their names, however this one
 * ends.
 */

enum xt_edit {
	XT_EDIT_BOTH,  /**< what is wanted joins what is there */
	XT_EDIT_WHOLE, /**< what is wanted, and nothing else of ours, or of others if it is clean */
	XT_EDIT_CLOSE, /**< what is there, but every packet of a network is dropped */
	XT_EDIT__COUNT
};

/**
 * Edits the table of the handle, which was read as present. wanted without chains: nothing is
 * wanted. Returns 0 or -errno: libiptc's, or -EMLINK when others use a chain that must go.
 */
int xt_edit_table(struct xtc_handle *handle, const struct xt_content *present,
		  const struct xt_content *wanted, enum xt_edit edit);

#endif
