// SPDX-License-Identifier: GPL-2.0-or-later
// main: reads the command line and hands over to the command.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply/apply.h"
#include "base/must.h"
#include "commands/commands.h"

static enum status (*const commands[COMMAND__COUNT])(struct run *) = {
	[COMMAND_CHECK] = cmd_check,   [COMMAND_PLAN] = cmd_plan,     [COMMAND_APPLY] = cmd_apply,
	[COMMAND_CONFIRM] = cmd_confirm, [COMMAND_ROLLBACK] = cmd_rollback,
	[COMMAND_STATUS] = cmd_status, [COMMAND_REMOVE] = cmd_remove,
	[COMMAND_EXPLAIN] = cmd_explain, [COMMAND_PROVE] = cmd_prove,
	[COMMAND_SCHEMA] = cmd_schema,
};

static void die_of_exhaustion(void)
{
	static const char message[] = "hostgate: out of memory\n";

	run_write(STDERR_FILENO, message, sizeof(message) - 1);
	_exit(STATUS_FAILED);
}

static void die_of_fault(const char *what, const char *file, int line)
{
	char message[400];
	int len = snprintf(message, sizeof(message),
			   "hostgate: internal error (%s, line %d: %s); please report it, with the "
			   "description\n",
			   file, line, what);

	run_write(STDERR_FILENO, message, len < (int)sizeof(message) ? (size_t)len : sizeof(message) - 1);
	_exit(STATUS_FAILED);
}

/* Whether the command, with these options, looks at the kernel at all. */
static bool uses_kernel(const struct args *args)
{
	switch (args->command) {
	case COMMAND_PLAN:
	case COMMAND_APPLY:
	case COMMAND_CONFIRM:
	case COMMAND_ROLLBACK:
	case COMMAND_STATUS:
	case COMMAND_REMOVE:
	case COMMAND_PROVE:
		return !args->given[OPTION_DRY_RUN];
	case COMMAND_EXPLAIN:
		return args->given[OPTION_LIVE];
	case COMMAND_CHECK:
	case COMMAND_SCHEMA:
	case COMMAND__COUNT:
		break;
	}
	return false;
}

static enum status run_command(struct run *run)
{
	const struct args *args = &run->args;

	if (args->given[OPTION_NETNS] && uses_kernel(args)) {
		int result = kernel_enter_netns(&run->diags, args->value[OPTION_NETNS]);

		if (result < 0)
			return run_status_of(result);
	}
	return commands[args->command](run);
}

/* Prints help or the version. */
static enum status print_about(const struct args *args)
{
	struct buf text __attribute__((cleanup(buf_free))) = {0};

	if (args->given[OPTION_HELP])
		args_help(args, &text);
	else
		buf_puts(&text, "hostgate " HOSTGATE_VERSION "\n");
	if (run_write(STDOUT_FILENO, buf_text(&text), text.len))
		return STATUS_DONE;

	buf_free(&text);
	buf_printf(&text, "hostgate: cannot write to standard output: %s\n", strerror(errno));
	run_write(STDERR_FILENO, buf_text(&text), text.len);
	return STATUS_FAILED;
}

static enum status complain(struct buf *error)
{
	buf_puts(error, "\ntry: hostgate --help\n");

	bool fine = run_write(STDERR_FILENO, "hostgate: ", 10) &&
		    run_write(STDERR_FILENO, buf_text(error), error->len);

	buf_free(error);
	return fine ? STATUS_USAGE : STATUS_FAILED;
}

int main(int argc, char **argv)
{
	struct run run = {0};
	struct buf error = {0};
	enum status status;

	if (!run_guard_stdio())
		return STATUS_FAILED;
	arena_on_exhaustion(die_of_exhaustion);
	must_on_failure(die_of_fault);

	if (!args_read(&run.args, argc, argv, &error)) {
		status = complain(&error);
	} else if (run.args.given[OPTION_HELP] || run.args.given[OPTION_VERSION]) {
		status = print_about(&run.args);
	} else {
		run_start(&run);
		status = run_finish(&run, run_command(&run));
	}
	run_free(&run);
	return (int)status;
}
