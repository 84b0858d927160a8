// SPDX-License-Identifier: GPL-2.0-or-later
// cmd_rollback: undo what the last apply did, now or because nobody confirmed it; or keep it.
#include <errno.h>
#include <syslog.h>

#include "cli/json.h"
#include "commands/cmd_rollback_parts.h"
#include "commands/commands.h"
#include "report/report_changes.h"

/* "the rules of /etc/hostgate.yaml (applied 2026-01-01T00:00:00Z)", or that there were none. */
static void describe(const struct restored *restored, struct buf *out)
{
	if (restored->time)
		buf_printf(out, "what was applied at %s from %s", restored->time, restored->files);
	else
		buf_puts(out, "what was there before hostgate");
}

void restored_print(const struct restored *restored, struct buf *out)
{
	buf_printf(out, "the apply of %s is undone, back to ", restored->undone);
	describe(restored, out);
}

enum status cmd_rollback(struct run *run)
{
	struct changes changes = {0};
	struct restored restored;
	size_t limit = run->args.given[OPTION_VERBOSE] ? 0 : SHOWN_CHANGES;
	int result = kernel_rollback(run->arena, &run->diags, run->args.wait_seconds, NULL,
				     &changes, &restored);

	if (run->json) {
		json_add_changes(run->json, &changes);
		json_add_conntrack(run->json, &changes);
		if (restored.undone)
			json_add_restored(run->json, "restored", &restored);
	}
	if (result < 0)
		return run_status_of(result);
	if (run_is_talking(run)) {
		changes_print(&changes, limit, run->colour, &run->out);
		changes_print_conntrack(&changes, limit, &run->out);
		restored_print(&restored, &run->out);
		buf_puts(&run->out, changes.n ? " (" : "; nothing had to be changed for that\n");
		if (changes.n) {
			changes_count(&changes, &run->out);
			buf_puts(&run->out, ")\n");
		}
	}
	return STATUS_DONE;
}

enum status cmd_confirm(struct run *run)
{
	int result = kernel_confirm(run->arena, &run->diags, run->args.wait_seconds);

	if (result < 0)
		return run_status_of(result);
	if (run_is_talking(run))
		buf_puts(&run->out, "confirmed: what the last apply did stays\n");
	return STATUS_DONE;
}

void restored_log(int result, const struct diags *diags, const struct restored *restored,
		  void *data)
{
	struct buf text __attribute__((cleanup(buf_free))) = {0};

	(void)data;
	if (result != -ENOENT)
		run_send_to_syslog(diags);
	openlog("hostgate", LOG_PID, LOG_DAEMON);
	if (result == 0) {
		restored_print(restored, &text);
		syslog(LOG_WARNING, "not confirmed in time: %s", buf_text(&text));
	} else if (result == -ENOENT) {
		syslog(LOG_NOTICE, "the time to confirm an apply is over, but the file to undo it "
				   "with is gone: it was undone before, or the file was deleted");
	} else {
		syslog(LOG_ERR, "the last apply was not confirmed in time, but could not be "
				"undone; hostgate rollback tries again, hostgate status shows what "
				"is installed");
	}
	closelog();
}
