// SPDX-License-Identifier: GPL-2.0-or-later
// cmd_status: what is installed, and does it still match what was applied?
#include <inttypes.h>
#include <string.h>

#include "base/diag_codes.h"
#include "cli/json.h"
#include "cli/work.h"
#include "commands/commands.h"
#include "report/report_changes.h"
#include "report/report_counters.h"
#include "report/report_host.h"
#include "report/report_others.h"

static void say_unfinished(struct run *run, bool pending)
{
	struct diag *diag = diag_add(&run->diags, SEVERITY_WARNING, CODE(UNFINISHED), PLACE_NONE,
				     "the last change failed or was killed before it was finished");

	diag_hint(&run->diags, diag, "%s",
		  pending ? "`hostgate rollback` undoes it; `hostgate apply` finishes it, but only "
			    "after `hostgate confirm`"
			  : "`hostgate apply` finishes it, `hostgate rollback` undoes it");
	if (run->json)
		json_object_set_new(run->json, "unfinished", json_true());
}

/* A change that waits to be confirmed is what somebody at two in the morning must not overlook. */
static void say_way_back(struct run *run, const struct installed *installed)
{
	struct diag *diag;

	if (run->json && installed->pending)
		json_object_set_new(run->json, "undone_in_seconds",
				    json_integer(installed->seconds_left));
	if (run->json && installed->can_undo)
		json_add_restored(run->json, "rollback", &installed->before);
	if (installed->unfinished)
		say_unfinished(run, installed->pending);
	if (!installed->pending)
		return;
	if (installed->seconds_left > 0)
		diag = diag_add(&run->diags, SEVERITY_WARNING, CODE(PENDING), PLACE_NONE,
				"the last apply will be undone in %" PRId64
				" seconds unless it is confirmed",
				installed->seconds_left);
	else
		diag = diag_add(&run->diags, SEVERITY_WARNING, CODE(PENDING), PLACE_NONE,
				"the time to confirm the last apply was over %" PRId64
				" seconds ago, but it has not been undone",
				-installed->seconds_left);
	diag_hint(&run->diags, diag,
		  "`hostgate confirm` keeps it, `hostgate rollback` undoes it now");
}

static void say_installed(struct run *run, const struct installed *installed)
{
	if (run->json) {
		json_object_set_new(run->json, "installed", json_boolean(installed->where != NULL));
		if (installed->where)
			json_add_text(run->json, "backend", backend_name(installed->backend));
		json_add_text(run->json, "applied_by", installed->version);
		json_add_text(run->json, "files", installed->files);
		json_add_text(run->json, "hash", installed->hash);
		json_add_text(run->json, "time", installed->time);
	}
	say_way_back(run, installed);
	if (!run_is_talking(run))
		return;
	buf_printf(&run->out, "installed:   %s%s\n", installed->where ? "yes, " : "no",
		   installed->where ? installed->where : "");
	if (!installed->recorded)
		return;
	buf_printf(&run->out, "applied:     %s, by hostgate %s\n", installed->time,
		   installed->version);
	buf_printf(&run->out, "description: %s\n", installed->files);
	buf_printf(&run->out, "hash:        %s\n", installed->hash);
	if (installed->can_undo)
		buf_printf(&run->out, "rollback:    would undo the apply of %s\n",
			   installed->before.undone);
}

/* Voids that are listed; further ones are counted. */
#define SHOWN_VOIDS 8

/* Before everything else: what makes the rest of little worth. */
static enum status say_void(struct run *run, const struct apply_input *input, struct standing *out)
{
	enum status status = host_compare(run, input, true, out);

	for (size_t i = 0; run_is_talking(run) && i < out->n_voids && i < SHOWN_VOIDS; i++)
		buf_printf(&run->out, "%-13s%s\n", i == 0 ? "void:" : "", out->voids[i]);
	if (run_is_talking(run) && out->n_voids > SHOWN_VOIDS)
		buf_printf(&run->out, "%-13sand %zu more\n", "", out->n_voids - SHOWN_VOIDS);
	/* It is too late to refuse. */
	return status == STATUS_DESCRIPTION ? STATUS_DIFFERS : status;
}

/* Compares the kernel with the description that was recorded. */
static enum status compare(struct run *run, const struct installed *installed)
{
	struct work work;
	struct changes changes = {0};
	struct counters counters;
	bool verbose = run->args.given[OPTION_VERBOSE];

	diags_add_source(&run->diags, "<recorded description>", installed->text,
			 strlen(installed->text));
	if (!work_read(run, &work)) {
		say_installed(run, installed);
		return STATUS_DIFFERS;
	}
	work.files = installed->files;

	struct apply_input input = work_input(run, &work);
	struct standing standing;
	enum status status;

	if (installed->where)
		input.backend = installed->backend;
	status = say_void(run, &input, &standing);

	say_installed(run, installed);
	if (status != STATUS_DONE && status != STATUS_DIFFERS)
		return status;
	input.links = &standing.links;

	int result = kernel_plan(run->arena, &run->diags, &input, &changes, &counters);

	if (result < 0)
		return run_status_of(result);
	if (run->json) {
		json_object_set_new(run->json, "matches", json_boolean(changes.n == 0));
		json_add_changes(run->json, &changes);
		json_add_counters(run->json, &counters);
	}
	if (run_is_talking(run)) {
		if (changes.n == 0) {
			buf_puts(&run->out, "kernel:      matches\n\n");
		} else {
			buf_puts(&run->out,
				 "kernel:      differs; hostgate apply would correct this: ");
			changes_count(&changes, &run->out);
			buf_puts(&run->out, "\n");
			changes_print(&changes, verbose ? 0 : SHOWN_CHANGES, run->colour,
				      &run->out);
			buf_puts(&run->out, "\n");
		}
		print_matrix(&work.description, run->colour, &run->out);
		buf_putc(&run->out, '\n');
		counters_print(run->arena, &counters, verbose ? 0 : SHOWN_COUNTERS, &run->out);
	}

	enum status others = others_tell(run, &input);

	if (others != STATUS_DONE)
		return others;
	return changes.n > 0 ? STATUS_DIFFERS : status;
}

enum status cmd_status(struct run *run)
{
	struct installed installed = {0};
	int result = kernel_installed(run->arena, &run->diags, &installed);

	if (result < 0)
		return run_status_of(result);
	if (installed.recorded && installed.text)
		return compare(run, &installed);
	say_installed(run, &installed);
	if (installed.where || installed.damaged) {
		struct diag *diag =
			diag_add(&run->diags, SEVERITY_WARNING, PROGRAM_CODE(NO_RECORD), PLACE_NONE,
				 "%s: %s", installed.state_path,
				 installed.damaged ? "the record of the last apply is damaged"
						   : "there is no record of what was applied");

		diag_hint(&run->diags, diag, "run hostgate apply again");
	}
	return STATUS_DIFFERS;
}
