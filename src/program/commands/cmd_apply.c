// SPDX-License-Identifier: GPL-2.0-or-later
// cmd_apply: make the kernel match the description, or print the script that would.
#include <string.h>

#include "cli/json.h"
#include "cli/work.h"
#include "commands/cmd_rollback_parts.h"
#include "commands/commands.h"
#include "report/json_ruleset.h"
#include "report/proof.h"
#include "report/report_changes.h"
#include "report/report_host.h"

static enum status print_script(struct run *run, const struct work *work)
{
	struct ruleset *ruleset = plan_ruleset(run->arena, &work->description);
	struct print_header header = work_header(work);

	if (strcmp(run->args.value[OPTION_DRY_RUN], "iptables") == 0) {
		print_iptables(lower_xt(run->arena, ruleset), &header, &run->out);
		return STATUS_DONE;
	}
	if (strcmp(run->args.value[OPTION_DRY_RUN], "restore") == 0) {
		print_restore(lower_xt(run->arena, ruleset), &header, &run->out);
		return STATUS_DONE;
	}
	if (strcmp(run->args.value[OPTION_DRY_RUN], "json") == 0) {
		json_t *document = json_of_ruleset(ruleset, &header, &run->diags);

		json_write(document, &run->out);
		json_decref(document);
		return STATUS_DONE;
	}
	if (print_nft(lower_nft(run->arena, ruleset), &header, &run->diags, &run->out))
		return STATUS_DONE;
	buf_free(&run->out);
	return STATUS_DESCRIPTION;
}

/* With --prove nothing is done that was not seen to work in a copy of the host. */
static enum status prove_first(struct run *run, const struct work *work)
{
	struct proof_report report;
	enum status status = proof_make(run, work, &report);

	if (status != STATUS_DIFFERS)
		return status;
	if (run->json)
		proof_add_json(run, &report, run->json);
	if (run_is_talking(run))
		proof_print_findings(run, &report, &run->out);
	diag_add(&run->diags, SEVERITY_ERROR, PROGRAM_CODE(NOT_PROVED), PLACE_NONE,
		 "the rules do not do what the description says; nothing was changed");
	return status;
}

/* The sum at the end. */
static void print_sum(struct run *run, const struct changes *changes, bool is_void)
{
	size_t limit = run->args.given[OPTION_VERBOSE] ? 0 : SHOWN_CHANGES;
	unsigned int seconds = run->args.confirm_seconds;

	if (changes->n == 0) {
		buf_printf(&run->out, "nothing to do%s\n", is_void ? HOST_VOID : "");
		return;
	}
	changes_print(changes, limit, run->colour, &run->out);
	changes_print_conntrack(changes, limit, &run->out);
	buf_printf(&run->out, "applied%s: ", is_void ? HOST_VOID : "");
	changes_count(changes, &run->out);
	buf_putc(&run->out, '\n');
	if (seconds)
		buf_printf(&run->out,
			   "it will be undone in %u second%s unless you run: hostgate confirm\n",
			   seconds, seconds == 1 ? "" : "s");
}

enum status cmd_apply(struct run *run)
{
	struct work work;
	struct changes changes = {0};
	struct apply_input input;
	enum status standing = STATUS_DONE;

	if (!work_load(run, &work))
		return STATUS_DESCRIPTION;
	input = work_input(run, &work);
	if (!run->args.given[OPTION_DRY_RUN])
		standing = host_compare(run, &input, false, NULL);
	if (standing != STATUS_DONE && standing != STATUS_DIFFERS)
		return standing;
	if (run->args.given[OPTION_PROVE]) {
		enum status status = prove_first(run, &work);

		if (status != STATUS_DONE)
			return status;
	}
	if (run->args.given[OPTION_DRY_RUN])
		return print_script(run, &work);

	input.confirm = (struct apply_confirm){.seconds = run->args.confirm_seconds,
					       .undone = restored_log};

	int result = kernel_apply(run->arena, &run->diags, &input, &changes);

	if (run->json) {
		json_add_changes(run->json, &changes);
		json_add_conntrack(run->json, &changes);
		if (input.confirm.seconds && changes.n > 0 && result == 0)
			json_object_set_new(run->json, "confirm_seconds",
					    json_integer(input.confirm.seconds));
	}
	if (result < 0)
		return run_status_of(result);
	if (run_is_talking(run))
		print_sum(run, &changes, standing == STATUS_DIFFERS);
	return standing;
}
