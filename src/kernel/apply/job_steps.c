// SPDX-License-Identifier: GPL-2.0-or-later
// job_steps: the steps of a change, in the order that never opens a gap, and their way back.
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "apply/job.h"
#include "base/diag_codes.h"

void job_hold_signals(sigset_t *old)
{
	sigset_t held;

	sigemptyset(&held);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGHUP);
	sigprocmask(SIG_BLOCK, &held, old);
}

void job_release_signals(const sigset_t *old)
{
	sigprocmask(SIG_SETMASK, old, NULL);
}

void job_record_mark(struct job *job, struct backend_mark mark)
{
	job->after.generation = mark.generation;
	job->after.fingerprint = mark.fingerprint;
}

static int write_step(struct job *job, enum sysctl_step step)
{
	return sysctl_write(job->arena, job->diags, job->root, &job->writes, step, &job->log);
}

/* How far the rules of a failed run got. */
enum progress {
	PROGRESS_NONE,
	PROGRESS_HOLES, /* holes that are not wanted are gone */
	PROGRESS_PART, /* what is not changed yet is as it was, and still has its say */
	PROGRESS_WHOLE,
	PROGRESS_UNENDED, /* and sysctls, too */
	PROGRESS__COUNT
};

static const char *progress_text(const struct job *job, enum progress progress)
{
	switch (progress) {
	case PROGRESS_NONE:
		return "nothing was changed: the tables are as before, sysctls were put back";
	case PROGRESS_HOLES:
		return "the tables are as before, except for the holes in other programs' chains, "
		       "which are gone; sysctls were put back";
	case PROGRESS_PART:
		return job->goal.words->part;
	case PROGRESS_WHOLE:
		return job->goal.words->whole;
	case PROGRESS_UNENDED:
		return job->goal.words->unended;
	case PROGRESS__COUNT:
		break;
	}
	return "";
}

void job_tell_unended(struct job *job)
{
	diag_add(job->diags, SEVERITY_WARNING, CODE(TABLE_LEFT), PLACE_NONE, "%s",
		 progress_text(job, PROGRESS_UNENDED));
}

/* What could be read before is the record again; what could not be understood is no loss. */
static void restore_record(struct job *job, struct diags *diags)
{
	if (job->found == RECORD_READ)
		(void)record_save(diags, &job->place, &job->before);
	else if (job->found == RECORD_ABSENT || job->found == RECORD_DAMAGED)
		(void)record_forget(diags, &job->place);
}

int job_begin(struct job *job, struct record record)
{
	struct diags unheard;
	int err;

	record.unfinished = true;
	record.generation = 0;
	err = record_save(job->diags, &job->place, &record);
	diags_init(&unheard, job->arena);
	/* Mostly the old one is still there, and the disk is full. */
	if (err != 0)
		restore_record(job, &unheard);
	return err;
}

/*
 * Puts back what this run wrote, and says what is left when that fails. Without their rules
 * networks get no forwarding back.
 */
static void roll_back(struct job *job, enum progress progress)
{
	bool stays = !job->work[0].wanted && progress != PROGRESS_NONE;
	int err = stays ? 0 : sysctl_undo(job->arena, job->diags, job->root, &job->log);

	if (progress == PROGRESS_NONE && err == 0)
		restore_record(job, job->diags);
	job->left = progress != PROGRESS_NONE || err != 0;
	if (err != 0)
		diag_add(job->diags, SEVERITY_WARNING, CODE(SYSCTL_LEFT), PLACE_NONE,
			 "the sysctls named above stay as they are now");
	if (progress != PROGRESS_NONE)
		diag_add(job->diags, SEVERITY_WARNING, CODE(TABLE_LEFT), PLACE_NONE, "%s",
			 progress_text(job, progress));
	else if (err == 0)
		diag_add(job->diags, SEVERITY_NOTE, CODE(ROLLED_BACK), PLACE_NONE, "%s",
			 progress_text(job, progress));
}

static int change_rules(struct job *job, enum progress *out)
{
	bool changed = false;
	int err = 0;

	for (size_t i = 0; i < 2 && err == 0; i++)
		if (job->work[i].changes)
			err = job->work[i].info->commit(job->work[i].self, job->diags, &changed);
	if (changed)
		*out = err == 0 ? PROGRESS_WHOLE : PROGRESS_PART;
	return err;
}

/* They may be in iptables' own tables, for which other programs have to wait. */
static int lock_for_holes(struct job *job)
{
	for (size_t i = 0; i < 2; i++)
		if (job->work[i].info == &backend_xt && holes_need_lock(&job->holes))
			return backend_xt.lock(job->work[i].self, job->diags);
	return 0;
}

static int close_holes(struct job *job, enum progress *out)
{
	bool changed = false;
	int err = lock_for_holes(job);

	if (err == 0)
		err = holes_commit(&job->holes, job->diags, HOLE_CLOSE, &changed);
	if (changed)
		*out = PROGRESS_HOLES;
	return err;
}

/* Others may have changed their chains since these were read. */
static int open_holes(struct job *job)
{
	struct changes changes = {0};
	struct diags unheard;
	bool changed = false;
	int err;

	if (!job->holes.ruleset)
		return 0;
	diags_init(&unheard, job->arena);
	err = holes_read(&job->holes, &unheard, &changes);
	if (err == 0)
		err = lock_for_holes(job);
	return err ? err : holes_commit(&job->holes, job->diags, HOLE_OPEN, &changed);
}

int job_run_steps(struct job *job)
{
	enum progress progress = PROGRESS_NONE;
	int err = close_holes(job, &progress);

	if (err == 0)
		err = write_step(job, SYSCTL_STEP_CLOSE);
	if (err == 0)
		err = change_rules(job, &progress);
	if (err == 0)
		err = write_step(job, SYSCTL_STEP_SETTLE);
	if (err == 0)
		err = write_step(job, SYSCTL_STEP_OPEN);
	if (err == 0)
		err = open_holes(job);
	if (err != 0)
		roll_back(job, progress);
	return err;
}

int job_read_back(struct job *job)
{
	struct diags unheard;
	struct diag *diag;
	int err;

	diags_init(&unheard, job->arena);
	job->before = job->after;
	err = job_compare(job, &unheard, true);
	job_record_mark(job, job->work[0].found.mark);
	if (err == 0 && job->changes.n == 0)
		return 0;
	if (err != 0) {
		diag_add(job->diags, SEVERITY_ERROR, CODE(READ_BACK), PLACE_NONE,
			 "cannot read back what was installed: %s", strerror(-err))
			->err = -err;
		return err;
	}
	diag = diag_add(job->diags, SEVERITY_ERROR, CODE(READ_BACK), PLACE_NONE,
			"what the kernel has now is not what was installed: %s %s",
			job->changes.items[0].what, job->changes.items[0].name);
	diag->err = EIO;
	diag_hint(job->diags, diag, "does another program change it? %s", job->goal.words->hint);
	return -EIO;
}
