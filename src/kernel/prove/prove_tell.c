// SPDX-License-Identifier: GPL-2.0-or-later
// prove_tell: what the child tells its parent through the pipe.
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "prove/prove_run.h"

bool prove_tell(struct prove_run *run, const struct prove_message *record)
{
	const char *at = (const char *)record;
	size_t left = sizeof(*record);

	while (left > 0) {
		ssize_t n = write(run->pipe, at, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		left -= (size_t)n;
	}
	return true;
}

void prove_tell_progress(struct prove_run *run)
{
	struct prove_message record = {.kind = MESSAGE_PROGRESS, .n_done = run->n_sent};

	if (run->input->progress)
		(void)prove_tell(run, &record);
}

void prove_tell_diags(struct prove_run *run)
{
	for (size_t i = 0; i < run->diags->n; i++) {
		const struct diag *diag = &run->diags->items[i];
		struct prove_message record = {.kind = MESSAGE_DIAG};

		record.diag.severity = diag->severity;
		record.diag.place = diag->place;
		record.diag.err = diag->err;
		snprintf(record.diag.code, sizeof(record.diag.code), "%s", diag->code);
		snprintf(record.diag.message, sizeof(record.diag.message), "%s", diag->message);
		snprintf(record.diag.hint, sizeof(record.diag.hint), "%s",
			 diag->hint ? diag->hint : "");
		(void)prove_tell(run, &record);
	}
}

void prove_tell_seen(struct prove_run *run)
{
	for (uint32_t i = 0; i < run->list->n; i++) {
		struct prove_message record = {.kind = MESSAGE_SEEN};

		if (!run->seen[i])
			continue;
		record.seen.probe = i;
		record.seen.sight = *run->seen[i];
		(void)prove_tell(run, &record);
	}
}
