// SPDX-License-Identifier: GPL-2.0-or-later
// cmd_remove: take everything out again, or print the script that would.
#include <string.h>

#include "cli/json.h"
#include "cli/work.h"
#include "commands/commands.h"
#include "hostgate/print.h"
#include "report/report_changes.h"

/* The names of what goes: all that apply installs, in either backend. */
static void print_names(struct buf *out)
{
	json_t *document = json_pack("{s:i, s:s, s:{s:[s], s:s, s:s}}", "format", 1, "version",
				     HOSTGATE_VERSION, "remove", "nftables", "inet hostgate",
				     "iptables-chains", "HOSTGATE-*", "sysctls",
				     "put back, forwarding first");

	json_write(document, out);
	json_decref(document);
}

/* What to take out is known by its names; only a file for the restore tools must list them all. */
static enum status print_script(struct run *run)
{
	const char *dialect = run->args.value[OPTION_DRY_RUN];
	struct work work;

	if (strcmp(dialect, "restore") == 0) {
		if (!work_load(run, &work))
			return STATUS_DESCRIPTION;

		struct print_header header = work_header(&work);

		print_restore_remove(
			lower_xt(run->arena, plan_ruleset(run->arena, &work.description)), &header,
			&run->out);
	} else if (strcmp(dialect, "json") == 0) {
		print_names(&run->out);
	} else if (strcmp(dialect, "iptables") == 0) {
		print_iptables_remove(HOSTGATE_VERSION, &run->out);
	} else {
		print_nft_remove(HOSTGATE_VERSION, &run->out);
	}
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
