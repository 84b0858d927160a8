// SPDX-License-Identifier: GPL-2.0-or-later
// commands: what each command does; one file a command, called by main() only.
#ifndef COMMANDS_COMMANDS_H
#define COMMANDS_COMMANDS_H

#include "cli/run.h"

/** Reads the description and says what it holds. */
enum status cmd_check(struct run *run);

/** Shows what may pass and what apply would change. */
enum status cmd_plan(struct run *run);

/** Makes the kernel match, or prints the script that would. */
enum status cmd_apply(struct run *run);

/** Keeps what waits to be confirmed. */
enum status cmd_confirm(struct run *run);

/** Undoes the last change. */
enum status cmd_rollback(struct run *run);

/** Shows what is installed and whether it still matches. */
enum status cmd_status(struct run *run);

/** Takes everything out, or prints the script that would. */
enum status cmd_remove(struct run *run);

/** Tells the way of one packet. */
enum status cmd_explain(struct run *run);

/** Sends real packets through the rules, in a throw-away copy of the host. */
enum status cmd_prove(struct run *run);

/** Prints the JSON Schema of the description. */
enum status cmd_schema(struct run *run);

#endif
