// SPDX-License-Identifier: GPL-2.0-or-later
// rollback: keep, or undo, what the last change did.
#include <errno.h>
#include <string.h>

#include "apply/conntrack.h"
#include "apply/job.h"
#include "base/diag_codes.h"
#include "os/scope.h"

static int nothing_to_undo(struct diags *diags, const struct record_place *place)
{
	struct diag *diag = diag_add(diags, SEVERITY_ERROR, CODE(UNDO_NOTHING), PLACE_NONE,
				     "there is nothing to undo: no change since the last "
				     "`rollback` or `remove`, or since the machine was started");

	diag_hint(diags, diag,
		  "the file for it, %s, does not exist; to go back further, apply an earlier "
		  "description",
		  place->undo_path);
	return -ENOENT;
}

/* A rollback at work. */
struct rollback {
	struct job job;
	struct undo undo;
	struct described undone; /* by the record that comes back */
};

static const struct job_words rollback_words = {
	.part = "the earlier rules are partly restored; roll back again for the rest",
	.whole = "the earlier rules are restored; roll back again for the rest",
	.unended = "the earlier rules are restored; roll back again to finish",
	.hint = "roll back again, or see status",
};

/* What is undone had holes of its own, and becomes what it was, whoever has come since. */
static struct job_goal goal_of(struct rollback *back)
{
	struct job_goal goal = {.words = &rollback_words,
				.holes = described_ruleset(&back->undone),
				.sysctls = &back->undo.writes,
				.after = &back->undo.record};

	for (enum backend b = 0; b < BACKEND__COUNT; b++) {
		goal.rules[b] = back->undo.rules[b];
		goal.others[b] = back->undo.others[b];
	}
	return goal;
}

/*
 * While it is undone, the record holds what is remembered of either side: whatever happens in the
 * middle, remove finds all that may have been written.
 */
static int save_both(struct rollback *back)
{
	struct job *job = &back->job;
	if (job->found != RECORD_READ && !back->undo.had_record)
		return 0;
	if (job->found != RECORD_READ)
		return job_begin(job, back->undo.record);
	return job_begin(job, record_merge(job->arena, &job->before, &back->undo.record));
}

static int finish(struct rollback *back)
{
	struct job *job = &back->job;
	int err;

	job->after.pending = (struct record_pending){0};
	if (back->undo.had_record)
		err = record_save(job->diags, &job->place, &job->after);
	else
		err = record_forget(job->diags, &job->place);
	return err ? err : undo_forget(job->diags, &job->place);
}

/* Nothing that was recorded: no network is described any more. */
static void settle_connections(struct rollback *back, struct changes *out)
{
	struct job *job = &back->job;
	static const struct description nothing;
	const struct description *now = &nothing;

	if (back->undo.had_record)
		now = described_description(&back->undone);
	if (now)
		conntrack_settle(job->arena, job->diags, now,
				 described_description(&job->was), out);
}

static int end(struct rollback *back, bool changed)
{
	struct job *job = &back->job;
	int err = 0;

	if (changed)
		err = job_read_back(job);
	else
		job_record_mark(job, job->work[0].found.mark);
	if (err == 0)
		err = finish(back);
	if (err != 0 && changed)
		job_tell_unended(job);
	return err;
}

/* Whether the change that would be undone is the one of the id; a record may be lost. */
static bool waits(const struct rollback *back, const char *id)
{
	const struct job *job = &back->job;
	const char *pending = job->before.pending.id;

	return strcmp(back->undo.id, id) == 0 &&
	       (job->found != RECORD_READ || (pending && strcmp(pending, id) == 0));
}

static int roll_back_locked(struct rollback *back, double wait_seconds, const char *id,
			    struct changes *out)
{
	struct job *job = &back->job;
	sigset_t old;
	int err = job_find_record(job);

	if (err == 0 && id && !waits(back, id))
		return -ESTALE;
	if (err == 0)
		err = job_open(job, wait_seconds);
	if (err == 0)
		err = job_compare(job, job->diags, true);
	if (err != 0)
		return err;
	*out = job->changes;
	job_hold_signals(&old);
	if (out->n > 0) {
		err = save_both(back);
		if (err == 0)
			err = job_run_steps(job);
	}
	if (err == 0 && (out->n > 0 || job->before.unfinished))
		settle_connections(back, out);
	if (err == 0)
		err = end(back, out->n > 0);
	job_release_signals(&old);
	return err;
}

static void free_rollback(struct rollback *back)
{
	job_free(&back->job);
}

int kernel_rollback(struct arena *arena, struct diags *diags, double wait_seconds, const char *id,
		    struct changes *out, struct restored *restored)
{
	struct rollback back __attribute__((cleanup(free_rollback)));
	struct record_place place;
	SCOPED_FD lock = record_enter(arena, diags, wait_seconds, &place);
	int err;

	*out = (struct changes){0};
	*restored = (struct restored){0};
	job_init(&back.job, arena, diags, (struct job_goal){.words = &rollback_words});
	if (lock < 0)
		return lock;
	err = undo_load(arena, diags, &place, &back.undo);
	if (err == -ENOENT)
		return nothing_to_undo(diags, &place);
	if (err != 0)
		return err;
	back.undone = (struct described){0};
	if (back.undo.had_record)
		back.undone = described_by(arena, &back.undo.record);
	back.job.goal = goal_of(&back);
	*restored = undo_restored(&back.undo);
	return roll_back_locked(&back, wait_seconds, id, out);
}

static int not_pending(struct diags *diags)
{
	struct diag *diag = diag_add(diags, SEVERITY_ERROR, CODE(NOT_PENDING), PLACE_NONE,
				     "no apply awaits confirmation: it was confirmed already, or "
				     "its time was over and it was undone");

	diag_hint(diags, diag, "`hostgate status` shows what is installed");
	return -ENOENT;
}

static void tell_unfinished(struct diags *diags)
{
	struct diag *diag = diag_add(diags, SEVERITY_WARNING, CODE(UNFINISHED), PLACE_NONE,
				     "the last apply failed or was killed before it was finished: "
				     "only part of it is kept");

	diag_hint(diags, diag, "`hostgate apply` finishes it, `hostgate rollback` undoes it");
}

int kernel_confirm(struct arena *arena, struct diags *diags, double wait_seconds)
{
	struct record_place place;
	struct record record;
	struct diag *diag;
	const char *why;
	SCOPED_FD lock = record_enter(arena, diags, wait_seconds, &place);

	if (lock < 0)
		return lock;
	switch (record_load(arena, place.path, &record, &why)) {
	case RECORD_READ:
		if (!record.pending.id)
			return not_pending(diags);
		if (record.unfinished)
			tell_unfinished(diags);
		record.pending = (struct record_pending){0};
		return record_save(diags, &place, &record);
	case RECORD_DAMAGED:
		diag = diag_add(diags, SEVERITY_ERROR, CODE(STATE_FAILED), PLACE_NONE,
				"cannot read %s: %s", place.path, why);
		diag->err = EINVAL;
		diag_hint(diags, diag,
			  "so it is not known whether a change awaits confirmation; `hostgate "
			  "apply` keeps what is wanted, `hostgate rollback` undoes the last "
			  "change");
		return -EINVAL;
	case RECORD_UNREADABLE:
		diag_add(diags, SEVERITY_ERROR, CODE(STATE_FAILED), PLACE_NONE,
			 "cannot read %s: %s; nothing was changed", place.path, why)
			->err = EIO;
		return -EIO;
	case RECORD_ABSENT:
	case RECORD_FOUND__COUNT:
		break;
	}
	return not_pending(diags);
}
