// SPDX-License-Identifier: GPL-2.0-or-later
// run: one run of the program: its memory, its messages, and what goes to stdout and stderr.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "cli/json.h"
#include "cli/run.h"

bool run_guard_stdio(void)
{
	signal(SIGPIPE, SIG_IGN);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* open() takes the lowest free descriptor, which is this one. */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
			return false;
	}
	return true;
}

/* Colour on a terminal that knows it, unless NO_COLOR is set; --color decides first. */
static bool wants_colour(const struct args *args, int fd)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (strcmp(args->value[OPTION_COLOR], "auto") != 0)
		return strcmp(args->value[OPTION_COLOR], "always") == 0;
	if (no_color && *no_color)
		return false;
	if (term && strcmp(term, "dumb") == 0)
		return false;
	return isatty(fd) == 1;
}

void run_start(struct run *run)
{
	run->arena = arena_new();
	diags_init(&run->diags, run->arena);
	run->colour = wants_colour(&run->args, STDOUT_FILENO);
	if (run->args.given[OPTION_JSON])
		run->json = json_document(run->args.command);
}

bool run_write(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

void run_send_to_syslog(const struct diags *diags)
{
	static const int priority[SEVERITY__COUNT] = {
		[SEVERITY_ERROR] = LOG_ERR,
		[SEVERITY_WARNING] = LOG_WARNING,
		[SEVERITY_NOTE] = LOG_NOTICE,
	};

	openlog("hostgate", LOG_PID, LOG_DAEMON);
	for (size_t i = 0; i < diags->n; i++) {
		const struct diag *diag = &diags->items[i];
		const char *between = diag->hint ? "; " : "";
		const char *hint = diag->hint ? diag->hint : "";

		if (diag->place.line > 0)
			syslog(priority[diag->severity], "%s:%u:%u: %s [%s]%s%s",
			       diags->sources[diag->place.source].name, diag->place.line,
			       diag->place.column, diag->message, diag->code, between, hint);
		else
			syslog(priority[diag->severity], "%s [%s]%s%s", diag->message, diag->code,
			       between, hint);
	}
	closelog();
}

/* Writes the messages as text; with --quiet the errors only. */
static bool write_messages(const struct run *run)
{
	bool colour = wants_colour(&run->args, STDERR_FILENO);
	bool quiet = run->args.given[OPTION_QUIET];
	struct buf text = {0};

	if (!quiet)
		diags_format(&run->diags, colour, &text);
	for (size_t i = 0; quiet && i < run->diags.n; i++)
		if (run->diags.items[i].severity == SEVERITY_ERROR)
			diag_format(&run->diags, &run->diags.items[i], colour, &text);

	bool fine = run_write(STDERR_FILENO, buf_text(&text), text.len);

	buf_free(&text);
	return fine;
}

enum status run_finish(struct run *run, enum status status)
{
	bool fine = true;

	if (run->args.given[OPTION_SYSLOG])
		run_send_to_syslog(&run->diags);
	if (run->json)
		json_finish(run->json, &run->diags, &run->out);
	else
		fine = write_messages(run);

	if (!run_write(STDOUT_FILENO, buf_text(&run->out), run->out.len)) {
		struct buf text = {0};

		buf_printf(&text,
			   "hostgate: cannot write to standard output: %s; the command itself "
			   "ended with status %d\n",
			   strerror(errno), (int)status);
		run_write(STDERR_FILENO, buf_text(&text), text.len);
		buf_free(&text);
		fine = false;
	}
	return fine ? status : STATUS_FAILED;
}

void run_free(struct run *run)
{
	json_decref(run->json);
	buf_free(&run->out);
	arena_free(run->arena);
	args_free(&run->args);
}

enum status run_status_of(int result)
{
	switch (result) {
	case 0:
		return STATUS_DONE;
	case -EPERM:
	case -EACCES:
	case -EBUSY:
		return STATUS_BUSY;
	default:
		return STATUS_FAILED;
	}
}

bool run_is_talking(const struct run *run)
{
	return !run->json && !run->args.given[OPTION_QUIET];
}
