// SPDX-License-Identifier: GPL-2.0-or-later
// cmd_rollback_parts: what is told of a change that was undone, or can be.
#ifndef COMMANDS_CMD_ROLLBACK_PARTS_H
#define COMMANDS_CMD_ROLLBACK_PARTS_H

#include "apply/apply.h"

/** Writes what was undone and what is there again, without a line end. */
void restored_print(const struct restored *restored, struct buf *out);

/** apply_confirm.undone: tells syslog. data is not used. */
void restored_log(int result, const struct diags *diags, const struct restored *restored,
		  void *data);

#endif
