// SPDX-License-Identifier: GPL-2.0-or-later
// progress: tells on a terminal how far long work got.
#include "report/progress.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Seconds before the first line, and between two. */
#define PATIENCE 1.0
#define INTERVAL 0.1

#define ERASE "\r\033[K"

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

struct progress progress_start(const struct run *run, const char *what)
{
	const char *term = getenv("TERM");

	return (struct progress){
		.what = what,
		.wanted = run_is_talking(run) && isatty(STDERR_FILENO) == 1 && term &&
			  strcmp(term, "dumb") != 0,
		.next = now() + PATIENCE,
	};
}

/* Writes a number with a comma between thousands. */
static void put_number(size_t number, struct buf *out)
{
	if (number >= 1000) {
		put_number(number / 1000, out);
		buf_printf(out, ",%03zu", number % 1000);
	} else {
		buf_printf(out, "%zu", number);
	}
}

void progress_step(size_t done, size_t total, void *data)
{
	struct buf line __attribute__((cleanup(buf_free))) = {0};
	struct progress *progress = data;

	if (!progress->wanted || now() < progress->next)
		return;
	buf_printf(&line, ERASE "%s ", progress->what);
	put_number(done, &line);
	buf_puts(&line, " of ");
	put_number(total, &line);
	/* Nobody depends on it. */
	progress->shown = run_write(STDERR_FILENO, buf_text(&line), line.len);
	progress->next = now() + INTERVAL;
}

void progress_end(struct progress *progress)
{
	if (progress->shown)
		(void)run_write(STDERR_FILENO, ERASE, strlen(ERASE));
	progress->shown = false;
}
