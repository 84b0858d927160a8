// SPDX-License-Identifier: GPL-2.0-or-later
// apply: make the kernel match a ruleset, in the order that never opens a gap; and undo it.
#include "kernel/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/diag_codes.h"
#include "kernel/backend.h"
#include "kernel/changes.h"
#include "kernel/nft_explain.h"
#include "kernel/scope.h"
#include "kernel/state.h"
#include "kernel/sysctl.h"
#include "kernel/sysctl_file.h"

/*
 * Theory of operation
 *
 * Up: lock, read, compare; write down what will be put back one day; close what is to close; the
 * rules; settle the interfaces' sysctls; open what is to open, forwarding last; read back and
 * compare; record. Down is the same road the other way, without rules.
 *
 * Rules are in the one backend or in the other. Both are looked at: where the other one still has
 * some, they go after those of the wanted one have come. For a moment a packet has to please both.
 * So do rules of others, where the description wants a clean slate; each backend sees to its own.
 *
 * When a step fails, sysctls that this run wrote are put back, latest first. Tables stay as the
 * transaction left them: before it that is how they were, after it the new rules, and rules only
 * ever close. Nothing is opened while rules are missing, at any step, so a crash leaves no gap.
 *
 * Nothing to do means that nothing is written, not even the state.
 */

/* A backend at work. */
struct work {
	const struct backend_info *info;
	void *self;
	struct backend_found found;
	bool changes; /* something is to be done */
};

struct job {
	struct arena *arena;
	struct diags *diags;
	const struct apply_input *input; /* NULL: all is to go */
	struct work work[2];             /* the wanted backend and the other one */
	struct changes changes;          /* of both, then of sysctls */
	struct state_place place;
	struct state before, after; /* the state that was found, and what it becomes */
	enum state_found found;
	const char *why_damaged;
	int root; /* of sysctls */
	struct sysctl_writes writes;
	struct sysctl_log log;
};

static void job_init(struct job *job, struct arena *arena, struct diags *diags,
		     const struct apply_input *input)
{
	*job = (struct job){.arena = arena, .diags = diags, .input = input, .root = -1};
}

static void job_free(struct job *job)
{
	for (size_t i = 0; i < 2; i++)
		if (job->work[i].info)
			job->work[i].info->close(job->work[i].self);
	scope_close(&job->root);
}

#define SCOPED_JOB struct job __attribute__((cleanup(job_free)))

static void open_backend(struct job *job, struct work *work, const struct backend_info *info,
			 bool wanted, double wait_seconds)
{
	struct backend_input input = {.arena = job->arena,
				      .ruleset = wanted ? job->input->ruleset : NULL,
				      .replaced = job->input != NULL,
				      .clean_slate = job->input && job->input->ruleset->clean_slate,
				      .wait_seconds = wait_seconds};

	if (job->found == STATE_READ)
		input.known = (struct backend_mark){job->before.generation,
						    job->before.fingerprint};
	work->info = info;
	work->self = info->open(&input);
}

static int open_kernel(struct job *job, double wait_seconds)
{
	enum backend backend = BACKEND_NFTABLES;
	int err = 0;

	if (job->input)
		err = backend_choose(job->diags, job->input->backend, &backend);
	if (err != 0)
		return err;
	open_backend(job, &job->work[0], backend_list[backend], job->input != NULL, wait_seconds);
	backend = backend == BACKEND_NFTABLES ? BACKEND_IPTABLES : BACKEND_NFTABLES;
	open_backend(job, &job->work[1], backend_list[backend], false, wait_seconds);
	job->root = sysctl_open_root(job->diags);
	return job->root < 0 ? job->root : 0;
}

/* What is only to go may be of a kind that the kernel does not have: then nothing is there. */
static bool may_have_rules(const struct work *work)
{
	int err = work->info->probe();

	return err == 0 || err == -EPERM || err == -EACCES;
}

static int read_backend(struct job *job, struct work *work, struct diags *diags)
{
	size_t before = job->changes.n;
	int err;

	err = work->info->read(work->self, diags, &work->found, &job->changes);
	work->changes = job->changes.n > before;
	return err;
}

/* With writing set, other programs are kept away from what will change. */
static int read_backends(struct job *job, struct diags *diags, bool writing)
{
	job->changes = (struct changes){0};
	for (size_t i = 0; i < 2; i++) {
		struct work *work = &job->work[i];
		bool wanted = i == 0 && job->input;
		size_t before = job->changes.n;
		int err = 0;

		if (!wanted && !may_have_rules(work))
			continue;
		if (wanted && writing)
			err = work->info->lock(work->self, diags);
		if (err == 0)
			err = read_backend(job, work, diags);
		if (err == 0 && !wanted && writing && work->changes) {
			job->changes.n = before;
			err = work->info->lock(work->self, diags);
			if (err == 0)
				err = read_backend(job, work, diags);
		}
		if (err != 0)
			return err;
	}
	return 0;
}

static int plan_sysctls(struct job *job, struct diags *diags)
{
	struct route_interfaces advertised = {0};
	struct sysctl_input input = {.root = job->root,
				     .ruleset = job->input ? job->input->ruleset : NULL,
				     .state = &job->before,
				     .advertised = &advertised};
	int err = 0;

	if (input.ruleset && sysctl_needs_routes(input.ruleset))
		err = route_read_advertised(job->arena, &advertised);
	if (err != 0) {
		nft_explain_errno(diags, -err, "read the routes");
		return err;
	}
	return sysctl_plan(job->arena, diags, &input, &job->writes, &job->after);
}

/* Reads all that the kernel has, and lists what differs. */
static int compare(struct job *job, struct diags *diags, bool writing)
{
	int err = read_backends(job, diags, writing);

	if (err == 0)
		err = plan_sysctls(job, diags);
	if (err == 0)
		changes_of_sysctls(job->arena, &job->writes, &job->changes);
	return err;
}

static void tell_damaged(struct job *job)
{
	struct diag *diag;

	if (job->found != STATE_DAMAGED)
		return;
	diag = diag_add(job->diags, SEVERITY_WARNING, CODE(STATE_DAMAGED), PLACE_NONE,
			"can't understand %s: %s", job->place.path, job->why_damaged);
	diag_hint(job->diags, diag,
		  "tables are read from the kernel and are not concerned; which values sysctls had "
		  "before hostgate is lost");
}

static int find_state(struct job *job)
{
	int err = state_locate(job->arena, job->diags, &job->place);

	if (err == 0)
		job->found = state_load(job->arena, job->place.path, &job->before,
					&job->why_damaged);
	return err;
}

int kernel_plan(struct arena *arena, struct diags *diags, const struct apply_input *input,
		struct changes *out)
{
	SCOPED_JOB job;
	int err;

	*out = (struct changes){0};
	job_init(&job, arena, diags, input);
	err = find_state(&job);
	if (err == 0)
		err = open_kernel(&job, 0);
	if (err == 0)
		err = compare(&job, diags, false);
	if (err != 0)
		return err;
	tell_damaged(&job);
	*out = job.changes;
	return 0;
}

/* The steps of a change. */

/* A signal in the middle is kept until the step is whole; the old mask goes to *old. */
static void hold_signals(sigset_t *old)
{
	sigset_t held;

	sigemptyset(&held);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGHUP);
	sigprocmask(SIG_BLOCK, &held, old);
}

static void release_signals(const sigset_t *old)
{
	sigprocmask(SIG_SETMASK, old, NULL);
}

static void record_mark(struct job *job, struct backend_mark mark)
{
	job->after.generation = mark.generation;
	job->after.fingerprint = mark.fingerprint;
}

static void record_input(struct job *job)
{
	char text[sizeof("2000-01-01T00:00:00Z")];
	time_t now = time(NULL);
	struct tm parts;

	gmtime_r(&now, &parts);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
	job->after.time = arena_strdup(job->arena, text);
	job->after.version = job->input->version;
	job->after.hash = job->input->hash;
	job->after.files = job->input->files;
	job->after.text = job->input->text;
	/* Not before the tables were read back. */
	record_mark(job, (struct backend_mark){0});
}

static bool is_recorded(const struct job *job)
{
	bool marked = job->before.generation != 0, markable = job->work[0].found.mark.generation != 0;

	return job->found == STATE_READ && marked == markable &&
	       strcmp(job->before.hash, job->input->hash) == 0 &&
	       strcmp(job->before.text, job->input->text) == 0 &&
	       strcmp(job->before.files, job->input->files) == 0;
}

static int write_step(struct job *job, enum sysctl_step step)
{
	return sysctl_write(job->arena, job->diags, job->root, &job->writes, step, &job->log);
}

/* How far the rules of a failed run got. */
enum progress {
	PROGRESS_NONE,
	PROGRESS_PART, /* what is not changed yet is as it was, and still has its say */
	PROGRESS_WHOLE,
	PROGRESS__COUNT
};

static const char *progress_text(enum progress progress, bool removing)
{
	switch (progress) {
	case PROGRESS_NONE:
		return "nothing was changed: the tables are as before, sysctls were put back";
	case PROGRESS_PART:
		return removing ? "a part of the rules is removed; remove again for the rest" :
				  "the new rules are installed in part, beside the old ones; sysctls "
				  "of this run were put back";
	case PROGRESS_WHOLE:
		return removing ? "the rules are removed; remove again for the rest" :
				  "the new rules are installed; sysctls of this run were put back";
	case PROGRESS__COUNT:
		break;
	}
	return "";
}

/*
 * Puts back what this run wrote, and says what is left when that fails. Without their rules
 * networks get no forwarding back.
 */
static void roll_back(struct job *job, enum progress progress)
{
	bool stays = !job->input && progress != PROGRESS_NONE;
	int err = stays ? 0 : sysctl_undo(job->arena, job->diags, job->root, &job->log);

	if (progress == PROGRESS_NONE && err == 0) {
		if (job->found == STATE_READ)
			(void)state_save(job->diags, &job->place, &job->before);
		else if (job->found == STATE_ABSENT)
			(void)state_forget(job->diags, &job->place);
	}
	if (err != 0)
		diag_add(job->diags, SEVERITY_WARNING, CODE(SYSCTL_LEFT), PLACE_NONE,
			 "the sysctls named above stay as they are now");
	if (progress != PROGRESS_NONE)
		diag_add(job->diags, SEVERITY_WARNING, CODE(TABLE_LEFT), PLACE_NONE, "%s",
			 progress_text(progress, !job->input));
	else if (err == 0)
		diag_add(job->diags, SEVERITY_NOTE, CODE(ROLLED_BACK), PLACE_NONE, "%s",
			 progress_text(progress, !job->input));
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

static int run_steps(struct job *job)
{
	enum progress progress = PROGRESS_NONE;
	int err = write_step(job, SYSCTL_STEP_CLOSE);

	if (err == 0)
		err = change_rules(job, &progress);
	if (err == 0)
		err = write_step(job, SYSCTL_STEP_SETTLE);
	if (err == 0)
		err = write_step(job, SYSCTL_STEP_OPEN);
	if (err != 0)
		roll_back(job, progress);
	return err;
}

/* Reads everything again: nothing may be left to do. */
static int read_back(struct job *job)
{
	struct diags unheard;
	struct diag *diag;
	int err;

	diags_init(&unheard, job->arena);
	job->before = job->after;
	err = compare(job, &unheard, true);
	record_mark(job, job->work[0].found.mark);
	if (err == 0 && job->changes.n == 0)
		return 0;
	diag = diag_add(job->diags, SEVERITY_ERROR, CODE(READ_BACK), PLACE_NONE,
			"what the kernel has now is not what was installed: %s",
			err ? strerror(-err) :
			      arena_printf(job->arena, "%s %s", job->changes.items[0].what,
					   job->changes.items[0].name));
	diag->err = err ? -err : EIO;
	diag_hint(job->diags, diag, "does another program change it? apply again, or see plan");
	return err ? err : -EIO;
}

static int apply_locked(struct job *job, struct changes *out)
{
	sigset_t old;
	int err = find_state(job);

	if (err == 0)
		err = open_kernel(job, job->input->wait_seconds);
	if (err == 0)
		err = compare(job, job->diags, true);
	if (err != 0)
		return err;
	tell_damaged(job);
	*out = job->changes;
	record_input(job);
	if (out->n == 0 && is_recorded(job))
		return 0;
	if (out->n == 0) {
		record_mark(job, job->work[0].found.mark);
		return state_save(job->diags, &job->place, &job->after);
	}
	hold_signals(&old);
	err = state_save(job->diags, &job->place, &job->after);
	if (err == 0) {
		err = run_steps(job);
		if (err == 0)
			err = read_back(job);
		if (err == 0)
			err = state_save(job->diags, &job->place, &job->after);
	}
	release_signals(&old);
	return err;
}

int kernel_apply(struct arena *arena, struct diags *diags, const struct apply_input *input,
		 struct changes *out)
{
	struct state_place place;
	int err = state_locate(arena, diags, &place);

	*out = (struct changes){0};
	if (err != 0)
		return err;

	SCOPED_FD lock = state_lock(diags, &place, input->wait_seconds);

	if (lock < 0)
		return lock;

	SCOPED_JOB job;

	job_init(&job, arena, diags, input);
	return apply_locked(&job, out);
}

/* Without the state nobody knows what was before; say at least what is now. */
static void tell_unknown(struct job *job)
{
	static const char *const paths[] = {"net/ipv4/ip_forward",
					    "net/ipv6/conf/all/forwarding"};

	tell_damaged(job);
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		const char *value = sysctl_file_read(job->arena, job->root, paths[i]);

		if (value)
			diag_add(job->diags, SEVERITY_WARNING, CODE(SYSCTL_LEFT), PLACE_NONE,
				 "%s stays %s: nothing tells what it was before hostgate", paths[i],
				 value);
	}
}

static int remove_locked(struct job *job, double wait_seconds, struct changes *out)
{
	sigset_t old;
	bool exists;
	int err = find_state(job);

	if (err == 0)
		err = open_kernel(job, wait_seconds);
	if (err == 0)
		err = compare(job, job->diags, true);
	if (err != 0)
		return err;
	*out = job->changes;
	exists = job->work[0].found.exists || job->work[1].found.exists;
	if (job->found == STATE_DAMAGED || (job->found == STATE_ABSENT && exists))
		tell_unknown(job);
	hold_signals(&old);
	if (out->n > 0)
		err = run_steps(job);
	if (err == 0 && job->found != STATE_ABSENT)
		err = state_forget(job->diags, &job->place);
	release_signals(&old);
	return err;
}

int kernel_remove(struct arena *arena, struct diags *diags, double wait_seconds,
		  struct changes *out)
{
	struct state_place place;
	int err = state_locate(arena, diags, &place);

	*out = (struct changes){0};
	if (err != 0)
		return err;

	SCOPED_FD lock = state_lock(diags, &place, wait_seconds);

	if (lock < 0)
		return lock;

	SCOPED_JOB job;

	job_init(&job, arena, diags, NULL);
	return remove_locked(&job, wait_seconds, out);
}

int kernel_installed(struct arena *arena, struct diags *diags, struct installed *out)
{
	SCOPED_JOB job;
	int err;

	*out = (struct installed){0};
	job_init(&job, arena, diags, NULL);
	err = find_state(&job);
	if (err == 0)
		err = open_kernel(&job, 0);
	if (err == 0)
		err = read_backends(&job, diags, false);
	if (err != 0)
		return err;
	*out = (struct installed){.recorded = job.found == STATE_READ,
				  .damaged = job.found == STATE_DAMAGED,
				  .state_path = job.place.path,
				  .version = job.before.version,
				  .hash = job.before.hash,
				  .files = job.before.files,
				  .text = job.before.text,
				  .time = job.before.time};
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
			"can't enter network namespace %s: %s", name, strerror(err));
	diag->err = err;
	if (err == ENOENT)
		diag_hint(diags, diag, "`ip netns list` shows those that have a name");
	else if (err == EPERM || err == EACCES)
		diag_hint(diags, diag, "entering a network namespace needs root");
	return -err;
}
