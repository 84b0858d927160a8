// SPDX-License-Identifier: GPL-2.0-or-later
// cmd_remove: take everything out again, or print the script that would.
#include <string.h>

#include "hostgate/print.h"
#include "program/changes.h"
#include "program/commands.h"
#include "hostgate/print.h"
#include "program/json.h"

/* What to take out is known by its names: no description is needed. */
static enum status print_script(struct run *run)
{
	if (strcmp(run->args.value[OPTION_DRY_RUN], "iptables") == 0)
		print_iptables_remove(HOSTGATE_VERSION, &run->out);
	else
		print_nft_remove(HOSTGATE_VERSION, &run->out);
	return STATUS_DONE;
}

enum status cmd_remove(struct run *run)
{
	struct changes changes = {0};

	if (run->args.given[OPTION_DRY_RUN])
		return print_script(run);

	int result = kernel_remove(run->arena, &run->diags, run->args.wait_seconds, &changes);

	if (run->json)
		json_add_changes(run->json, &changes);
	if (result < 0)
		return run_status_of(result);
	if (run_is_talking(run)) {
		if (changes.n == 0) {
			buf_puts(&run->out, "nothing to do: nothing is installed\n");
		} else {
			changes_print(&changes, 0, run->colour, &run->out);
			buf_puts(&run->out, "removed\n");
		}
	}
	return STATUS_DONE;
}
