// SPDX-License-Identifier: GPL-2.0-or-later
// cmd_plan: what would apply change?
#include "cli/json.h"
#include "cli/work.h"
#include "commands/commands.h"
#include "report/report_changes.h"
#include "report/report_host.h"

enum status cmd_plan(struct run *run)
{
	struct work work;
	struct changes changes = {0};

	if (!work_load(run, &work))
		return STATUS_DESCRIPTION;

	struct apply_input input = work_input(run, &work);
	enum status standing = host_compare(run, &input, false, NULL);

	if (standing != STATUS_DONE && standing != STATUS_DIFFERS)
		return standing;

	int result = kernel_plan(run->arena, &run->diags, &input, &changes, NULL);

	if (result < 0)
		return run_status_of(result);
	if (run->json)
		json_add_changes(run->json, &changes);
	if (run_is_talking(run)) {
		print_matrix(&work.description, run->colour, &run->out);
		buf_putc(&run->out, '\n');
		changes_print(&changes, 0, run->colour, &run->out);
		if (changes.n == 0) {
			buf_printf(&run->out, "nothing to do: the kernel matches the description%s\n",
				   standing == STATUS_DIFFERS ? HOST_VOID : "");
		} else {
			buf_puts(&run->out, "apply would change this: ");
			changes_count(&changes, &run->out);
			buf_putc(&run->out, '\n');
		}
	}
	return changes.n == 0 ? standing : STATUS_PENDING;
}
