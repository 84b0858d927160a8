// SPDX-License-Identifier: GPL-2.0-or-later
// cmd_prove: send real packets through the description's rules, in a throw-away copy of the host.
#include "cli/work.h"
#include "commands/commands.h"
#include "report/proof.h"

enum status cmd_prove(struct run *run)
{
	struct work work;
	struct proof_report report;
	enum status status;

	if (!work_load(run, &work))
		return STATUS_DESCRIPTION;
	status = proof_make(run, &work, &report);
	if (status != STATUS_DONE && status != STATUS_DIFFERS)
		return status;
	if (run->json)
		proof_add_json(run, &report, run->json);
	else if (run->args.given[OPTION_TAP])
		proof_print_tap(run, &report, &run->out);
	else if (run_is_talking(run))
		proof_print(run, &report, &run->out);
	return status;
}
