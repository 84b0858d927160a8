// SPDX-License-Identifier: GPL-2.0-or-later
// prove: sends probes through a throw-away copy of the host that has the ruleset.
#include "prove/prove.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/diag_codes.h"
#include "os/sandbox.h"
#include "os/scope.h"
#include "prove/prove_run.h"

/*
 * Theory of operation
 *
 * A child process does all the work in namespaces of its own and writes what it finds into a
 * pipe, as records; the last one says how it ended. A pipe that ends without it means that the
 * child died, and there is no verdict.
 */

static bool read_record(int fd, struct prove_message *record)
{
	char *at = (char *)record;
	size_t left = sizeof(*record);

	while (left > 0) {
		ssize_t n = read(fd, at, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		left -= (size_t)n;
	}
	return true;
}

static void take_diag(struct arena *arena, struct diags *diags, const struct prove_message *record)
{
	struct diag *diag =
		diag_add(diags, record->diag.severity, arena_strdup(arena, record->diag.code),
			 record->diag.place, "in the copy of the host: %s", record->diag.message);

	diag->err = record->diag.err;
	if (*record->diag.hint)
		diag_hint(diags, diag, "%s", record->diag.hint);
}

static void take_decider(struct arena *arena, struct proof *out, const struct prove_message *record)
{
	struct decider *decider = arena_alloc(arena, sizeof(*decider));

	*decider = record->decided.decider;
	if (record->decided.finding < out->n)
		out->items[record->decided.finding].by = decider;
}

static int collect(struct prove_run *run, struct diags *diags, int fd, struct proof *out)
{
	const struct prove_input *input = run->input;
	struct arena *arena = run->arena;
	struct prove_message record;

	while (read_record(fd, &record)) {
		switch (record.kind) {
		case MESSAGE_FINDING:
			out->items = arena_grow(arena, out->items, out->n, &out->cap,
						sizeof(*out->items));
			out->items[out->n++] = record.finding;
			break;
		case MESSAGE_DECIDER:
			take_decider(arena, out, &record);
			break;
		case MESSAGE_DETOUR:
			out->detours = arena_grow(arena, out->detours, out->n_detours,
						  &out->cap_detours, sizeof(*out->detours));
			out->detours[out->n_detours++] = record.detour;
			break;
		case MESSAGE_SEEN:
			run->before[record.seen.probe] = arena_alloc(arena, sizeof(struct sight));
			*run->before[record.seen.probe] = record.seen.sight;
			break;
		case MESSAGE_PROGRESS:
			input->progress(record.n_done, input->list->n, input->progress_data);
			break;
		case MESSAGE_DIAG:
			take_diag(arena, diags, &record);
			break;
		case MESSAGE_END:
			out->n_sent = record.end.n_sent;
			return record.end.result;
		case MESSAGE__COUNT:
			break;
		}
	}
	diag_add(diags, SEVERITY_ERROR, CODE(PROBE_FAILED), PLACE_NONE,
		 "the process that sends the probes died");
	return -EIO;
}

static void init(struct prove_run *run)
{
	const struct probe_list *list = run->list;

	run->seen = arena_calloc(run->arena, list->n, sizeof(struct sight *));
	run->before = arena_calloc(run->arena, list->n, sizeof(struct sight *));
	run->elsewhere = arena_calloc(run->arena, list->n, sizeof(*run->elsewhere));
	run->found = arena_calloc(run->arena, list->n, sizeof(*run->found));
	run->findings = arena_calloc(run->arena, FINDINGS_MAX, sizeof(*run->findings));
	run->wire = (struct wire){.list = list,
				  .capture = -1,
				  .sender = -1,
				  .raw = {-1, -1},
				  .seen = prove_see,
				  .data = run};
	while (list->replica->ports[run->wire.canary_port].kind != PORT_CANARY)
		run->wire.canary_port++;
}

/* Runs the child. */
static int run_copy(struct prove_run *run, struct diags *diags, struct proof *out)
{
	int ends[2], err;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		err = -errno;
		diag_add(diags, SEVERITY_ERROR, CODE(PROBE_FAILED), PLACE_NONE,
			 "cannot open a pipe: %s", strerror(-err))
			->err = -err;
		return err;
	}
	SCOPED_FD from = ends[0];

	run->pipe = ends[1];
	child = sandbox_start(diags, prove_work, run);
	close(ends[1]);
	if (child < 0)
		return child;
	err = collect(run, diags, from, out);
	(void)sandbox_wait(child);
	return err;
}

int kernel_prove(struct arena *arena, struct diags *diags, const struct prove_input *input,
		 struct proof *out)
{
	struct prove_run run = {.arena = arena, .input = input, .list = input->list};
	int err = 0;

	*out = (struct proof){0};
	init(&run);
	if (input->host) {
		err = copy_read(arena, diags, &run.copy);
		run.bare = true;
		if (err == 0)
			err = run_copy(&run, diags, out);
		run.bare = false;
	}
	if (err == 0)
		err = run_copy(&run, diags, out);
	copy_free(&run.copy);
	return err;
}
