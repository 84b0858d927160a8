// SPDX-License-Identifier: GPL-2.0-or-later
// apply: make the kernel match a ruleset, in the order that never opens a gap; and undo it.
#include "apply/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "apply/conntrack.h"
#include "apply/deadline.h"
#include "apply/job.h"
#include "base/diag_codes.h"
#include "image/counters.h"
#include "os/scope.h"
#include "sysctl/sysctl_file.h"

int kernel_plan(struct arena *arena, struct diags *diags, const struct apply_input *input,
		struct changes *out, struct counters *counters)
{
	SCOPED_JOB job;
	int err;

	*out = (struct changes){0};
	job_init(&job, arena, diags, job_goal_of(input));
	err = job_find_record(&job);
	if (err == 0)
		err = job_open(&job, 0);
	if (err == 0)
		err = job_compare(&job, diags, false);
	if (err != 0)
		return err;
	job_tell_damaged(&job);
	*out = job.changes;
	if (!counters)
		return 0;
	counters_init(arena, input->description, counters);
	return job.work[0].info->count(job.work[0].self, diags, counters);
}

static void record_input(struct job *job, const struct apply_input *input)
{
	char text[sizeof("2000-01-01T00:00:00Z")];
	time_t now = time(NULL);
	struct tm parts;

	gmtime_r(&now, &parts);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
	job->after.time = arena_strdup(job->arena, text);
	job->after.version = input->version;
	job->after.hash = input->hash;
	job->after.files = input->files;
	job->after.text = input->text;
	/* Not before the tables were read back. */
	job_record_mark(job, (struct backend_mark){0});
}

static bool is_recorded(const struct job *job, const struct apply_input *input)
{
	bool marked = job->before.generation != 0, markable = job->work[0].found.mark.generation != 0;

	return job->found == RECORD_READ && !job->before.unfinished && marked == markable &&
	       strcmp(job->before.hash, input->hash) == 0 &&
	       strcmp(job->before.text, input->text) == 0 &&
	       strcmp(job->before.files, input->files) == 0;
}

/*
 * An apply over the recorded one is compared with it; over an unknown one, or one that did not come
 * to its end, all is new.
 */
static void settle_connections(struct job *job, struct changes *out)
{
	conntrack_settle(job->arena, job->diags, job->goal.description,
			 described_description(&job->was), out);
}

/* Nothing but the undoing may come between a change and its confirmation. */
static int refuse_pending(const struct job *job)
{
	const struct record_pending *pending = &job->before.pending;
	uint64_t now = deadline_now();
	struct diag *diag;

	if (!pending->id)
		return 0;
	if (pending->until > now)
		diag = diag_add(job->diags, SEVERITY_ERROR, CODE(PENDING), PLACE_NONE,
				"the last apply awaits confirmation for another %" PRIu64
				" seconds",
				pending->until - now);
	else
		diag = diag_add(job->diags, SEVERITY_ERROR, CODE(PENDING), PLACE_NONE,
				"the time to confirm the last apply was over %" PRIu64
				" seconds ago, but it has not been undone",
				now - pending->until);
	diag_hint(job->diags, diag,
		  "`hostgate confirm` keeps it, `hostgate rollback` undoes it now");
	return -EBUSY;
}

static int change(struct job *job, const struct apply_input *input, struct changes *out)
{
	int err = job_begin(job, record_merge(job->arena, &job->after, &job->before));

	if (err != 0)
		return err;
	job->left = true;
	err = job_run_steps(job);
	if (err != 0)
		return err;
	settle_connections(job, out);
	err = job_read_back(job);
	/* The time to confirm counts from here. */
	if (job->after.pending.id)
		job->after.pending.until = deadline_now() + input->confirm.seconds;
	if (err == 0)
		err = record_save(job->diags, &job->place, &job->after);
	if (err != 0)
		job_tell_unended(job);
	return err;
}

static void tell_undone(struct job *job, const struct apply_input *input)
{
	struct diag *diag = diag_add(job->diags, SEVERITY_WARNING, CODE(PENDING), PLACE_NONE,
				     "the partial change will be undone in %u seconds; until then "
				     "nothing else can be applied",
				     input->confirm.seconds);

	diag_hint(job->diags, diag, "`hostgate rollback` undoes it now");
}

/* What undoes the change is there before it, and so is who would undo it. */
static int change_with_way_back(struct job *job, const struct apply_input *input,
				struct changes *out)
{
	struct deadline guard __attribute__((cleanup(deadline_release))) = {.go = -1};
	char id[DEADLINE_ID_SIZE];
	int err;

	deadline_new_id(id);
	err = job_save_undo(job, id, job->after.time);
	if (err != 0)
		return err;
	if (input->confirm.seconds) {
		job->after.pending = (struct record_pending){
			arena_strdup(job->arena, id), deadline_now() + input->confirm.seconds};
		err = deadline_start(job->diags, &job->place, id, &input->confirm, &guard);
	}
	if (err == 0)
		err = change(job, input, out);
	if (err != 0 && job->left && job->after.pending.id)
		tell_undone(job, input);
	if (err != 0 && !job->left)
		undo_restore(&job->place);
	else
		undo_settle(&job->place);
	return err;
}

static int apply_locked(struct job *job, const struct apply_input *input, struct changes *out)
{
	sigset_t old;
	int err = job_find_record(job);

	if (err == 0)
		err = refuse_pending(job);
	if (err == 0)
		err = job_open(job, input->wait_seconds);
	if (err == 0)
		err = job_compare(job, job->diags, true);
	if (err != 0)
		return err;
	job_tell_damaged(job);
	*out = job->changes;
	record_input(job, input);
	if (out->n == 0 && is_recorded(job, input))
		return 0;
	if (out->n == 0) {
		if (job->before.unfinished)
			settle_connections(job, out);
		job_record_mark(job, job->work[0].found.mark);
		return record_save(job->diags, &job->place, &job->after);
	}
	job_hold_signals(&old);
	err = change_with_way_back(job, input, out);
	job_release_signals(&old);
	return err;
}

int kernel_apply(struct arena *arena, struct diags *diags, const struct apply_input *input,
		 struct changes *out)
{
	struct record_place place;
	SCOPED_FD lock = record_enter(arena, diags, input->wait_seconds, &place);

	*out = (struct changes){0};
	if (lock < 0)
		return lock;

	SCOPED_JOB job;

	job_init(&job, arena, diags, job_goal_of(input));
	return apply_locked(&job, input, out);
}

/* Without the record nobody knows what was before; say at least what is now. */
static void tell_unknown(struct job *job)
{
	static const char *const paths[] = {"net/ipv4/ip_forward",
					    "net/ipv6/conf/all/forwarding"};

	job_tell_damaged(job);
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		const char *value = sysctl_file_read(job->arena, job->root, paths[i]);

		if (value)
			diag_add(job->diags, SEVERITY_WARNING, CODE(SYSCTL_LEFT), PLACE_NONE,
				 "%s stays %s: its value before hostgate is not known", paths[i],
				 value);
	}
}

static int forget(struct job *job, bool removed)
{
	int err = record_forget(job->diags, &job->place);

	if (err == 0)
		err = undo_forget(job->diags, &job->place);
	if (err != 0 && removed)
		job_tell_unended(job);
	return err;
}

static const struct job_words remove_words = {
	.part = "the rules are partly removed; remove again for the rest",
	.whole = "the rules are removed; remove again for the rest",
	.unended = "the rules are removed; remove again to finish",
	.hint = "remove again, or see status",
};

static int remove_locked(struct job *job, double wait_seconds, struct changes *out)
{
	sigset_t old;
	bool exists;
	int err = job_find_record(job);

	if (err == 0)
		err = refuse_pending(job);
	if (err == 0)
		err = job_open(job, wait_seconds);
	if (err == 0)
		err = job_compare(job, job->diags, true);
	if (err != 0)
		return err;
	*out = job->changes;
	exists = job->work[0].found.exists || job->work[1].found.exists;
	if (job->found == RECORD_DAMAGED || (job->found == RECORD_ABSENT && exists))
		tell_unknown(job);
	job_hold_signals(&old);
	if (out->n > 0 && job->found == RECORD_READ)
		err = job_begin(job, job->before);
	if (err == 0 && out->n > 0)
		err = job_run_steps(job);
	if (err == 0)
		err = forget(job, out->n > 0);
	job_release_signals(&old);
	return err;
}

int kernel_remove(struct arena *arena, struct diags *diags, double wait_seconds,
		  struct changes *out)
{
	struct record_place place;
	SCOPED_FD lock = record_enter(arena, diags, wait_seconds, &place);

	*out = (struct changes){0};
	if (lock < 0)
		return lock;

	SCOPED_JOB job;

	job_init(&job, arena, diags, (struct job_goal){.words = &remove_words, .asks_users = true});
	return remove_locked(&job, wait_seconds, out);
}

/* Tells what rollback would bring back; a file that cannot be read will say so then. */
static bool find_undo(struct arena *arena, const struct record_place *place, struct restored *out)
{
	struct diags unheard;
	struct undo undo;

	diags_init(&unheard, arena);
	if (undo_load(arena, &unheard, place, &undo) != 0)
		return false;
	*out = undo_restored(&undo);
	return true;
}

int kernel_installed(struct arena *arena, struct diags *diags, struct installed *out)
{
	SCOPED_JOB job;
	int err;

	*out = (struct installed){0};
	job_init(&job, arena, diags, (struct job_goal){.words = &remove_words});
	err = job_find_record(&job);
	if (err == 0)
		err = job_open(&job, 0);
	for (size_t i = 0; i < 2 && err == 0; i++)
		err = job.work[i].info->find(job.work[i].self, diags, &job.work[i].found.exists);
	if (err != 0)
		return err;
	*out = (struct installed){.recorded = job.found == RECORD_READ,
				  .damaged = job.found == RECORD_DAMAGED,
				  .state_path = job.place.path,
				  .version = job.before.version,
				  .hash = job.before.hash,
				  .files = job.before.files,
				  .text = job.before.text,
				  .time = job.before.time};
	out->unfinished = job.before.unfinished;
	if (job.before.pending.id) {
		out->pending = true;
		out->seconds_left = (int64_t)job.before.pending.until - (int64_t)deadline_now();
	}
	out->can_undo = find_undo(arena, &job.place, &out->before);
	for (enum backend b = BACKEND__COUNT; b-- > 0;)
		for (size_t i = 0; i < 2; i++)
			if (job.work[i].info == backend_list[b] && job.work[i].found.exists) {
				out->backend = b;
				out->where = backend_list[b]->where;
			}
	return 0;
}

int kernel_enter_netns(struct diags *diags, const char *name)
{
	struct buf path __attribute__((cleanup(buf_free))) = {0};
	struct diag *diag;
	int err = ENOENT;

	buf_printf(&path, "/run/netns/%s", name);
	if (*name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
		SCOPED_FD fd = open(buf_text(&path), O_RDONLY | O_CLOEXEC);

		if (fd >= 0 && setns(fd, CLONE_NEWNET) == 0)
			return 0;
		err = errno;
	}
	diag = diag_add(diags, SEVERITY_ERROR, CODE(NETNS_FAILED), PLACE_NONE,
			"cannot enter network namespace %s: %s", name, strerror(err));
	diag->err = err;
	if (err == ENOENT)
		diag_hint(diags, diag, "`ip netns list` shows those that have a name");
	else if (err == EPERM || err == EACCES)
		diag_hint(diags, diag, "entering a network namespace needs root");
	return -err;
}
