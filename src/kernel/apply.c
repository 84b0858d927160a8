// SPDX-License-Identifier: GPL-2.0-or-later
// apply: make the kernel match a ruleset, in the order that never opens a gap; and undo it.
#include "kernel/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/diag_codes.h"
#include "kernel/changes.h"
#include "kernel/nft_batch.h"
#include "kernel/nft_build.h"
#include "kernel/nft_explain.h"
#include "kernel/nft_read.h"
#include "kernel/scope.h"
#include "kernel/state.h"
#include "kernel/sysctl.h"
#include "kernel/sysctl_file.h"

/*
 * Theory of operation
 *
 * Up: lock, read, compare; write down what will be put back one day; close what is to close; one
 * transaction; settle the interfaces' sysctls; open what is to open, forwarding last; read back
 * and compare; record. Down is the same road the other way, with an empty table.
 *
 * When a step fails, sysctls that this run wrote are put back, latest first. Tables stay as the
 * transaction left them: before it that is how they were, after it the new rules, and rules only
 * ever close. Nothing is opened while rules are missing, at any step, so a crash leaves no gap.
 *
 * Nothing to do means that nothing is written, not even the state.
 */

/* How often somebody else may change tables between our reading and our transaction. */
#define COMMIT_ATTEMPTS 10

struct job {
	struct arena *arena;
	struct diags *diags;
	const struct apply_input *input; /* NULL: all is to go */
	struct netlink netlink;
	struct image wanted, present;
	struct diff diff;
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
	image_init(&job->wanted);
	image_init(&job->present);
	if (input)
		nft_build(input->nft, &job->wanted);
}

static void job_free(struct job *job)
{
	netlink_close(&job->netlink);
	image_free(&job->wanted);
	image_free(&job->present);
	scope_close(&job->root);
}

#define SCOPED_JOB struct job __attribute__((cleanup(job_free)))

/* Tells whether the last apply left the very table that is wanted, and nobody changed any since. */
static bool is_untouched(const struct job *job)
{
	return job->found == STATE_READ && job->before.generation != 0 && job->present.exists &&
	       job->present.generation == job->before.generation &&
	       image_fingerprint(&job->wanted) == job->before.fingerprint;
}

static int read_tables(struct job *job)
{
	int err;

	image_free(&job->present);
	image_init(&job->present);
	err = nft_read_head(&job->netlink, &job->present);
	/* What goes as a whole need not be read, nor what is known to be the same. */
	if (err == 0 && job->present.exists && job->wanted.exists) {
		if (is_untouched(job)) {
			job->diff = (struct diff){.only_elements = true};
			return 0;
		}
		image_free(&job->present);
		image_init(&job->present);
		err = nft_read(&job->netlink, &job->present);
	}
	if (err != 0) {
		nft_explain_errno(job->diags, -err, "read nf_tables");
		return err;
	}
	image_diff(job->arena, &job->present, &job->wanted, &job->diff);
	return 0;
}

static int open_kernel(struct job *job)
{
	int err = netlink_open(&job->netlink, NETLINK_NETFILTER);

	if (err != 0) {
		nft_explain_errno(job->diags, -err, "reach nf_tables");
		return err;
	}
	job->root = sysctl_open_root(job->diags);
	if (job->root < 0)
		return job->root;
	return 0;
}

static int plan_sysctls(struct job *job)
{
	struct route_interfaces advertised = {0};
	struct sysctl_input input = {.root = job->root,
				     .ruleset = job->input ? job->input->nft : NULL,
				     .state = &job->before,
				     .advertised = &advertised};
	int err = 0;

	if (input.ruleset && sysctl_needs_routes(input.ruleset))
		err = route_read_advertised(job->arena, &advertised);
	if (err != 0) {
		nft_explain_errno(job->diags, -err, "read the routes");
		return err;
	}
	return sysctl_plan(job->arena, job->diags, &input, &job->writes, &job->after);
}

/* Reads all that the kernel and the state have, and compares. */
static int prepare(struct job *job)
{
	int err = open_kernel(job);

	if (err == 0)
		err = read_tables(job);
	if (err == 0)
		err = plan_sysctls(job);
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

static void list_changes(struct job *job, struct changes *out)
{
	*out = (struct changes){.table_exists = job->present.exists};
	changes_of_tables(job->arena, job->input->nft, &job->present, &job->wanted, &job->diff,
			  out);
	changes_of_sysctls(job->arena, &job->writes, out);
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
		err = prepare(&job);
	if (err != 0)
		return err;
	tell_damaged(&job);
	list_changes(&job, out);
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
	job->after.fingerprint = image_fingerprint(&job->wanted);
	/* Not before the tables were read back. */
	job->after.generation = 0;
}

static bool is_recorded(const struct job *job)
{
	return job->found == STATE_READ && job->before.generation != 0 &&
	       strcmp(job->before.hash, job->input->hash) == 0 &&
	       strcmp(job->before.text, job->input->text) == 0 &&
	       strcmp(job->before.files, job->input->files) == 0;
}

static int send_once(struct job *job)
{
	if (!job->wanted.exists)
		return nft_batch_remove(&job->netlink, job->diags, &job->present);
	return nft_batch_apply(&job->netlink, job->diags, job->input->nft, &job->present,
			       &job->wanted, &job->diff);
}

/* One transaction, tried again when somebody else was faster. */
static int change_tables(struct job *job)
{
	for (int attempt = 0; attempt < COMMIT_ATTEMPTS; attempt++) {
		int err = job->diff.n ? send_once(job) : 0;

		if (err != -ERESTART && err != -ENOBUFS)
			return err;
		err = read_tables(job);
		if (err != 0)
			return err;
	}
	nft_explain_errno(job->diags, EBUSY, "change nf_tables");
	return -EBUSY;
}

static int write_step(struct job *job, enum sysctl_step step)
{
	return sysctl_write(job->arena, job->diags, job->root, &job->writes, step, &job->log);
}

/* Puts back what this run wrote, and says what is left when that fails. */
static void roll_back(struct job *job, bool tables_changed)
{
	int err = sysctl_undo(job->arena, job->diags, job->root, &job->log);

	if (!tables_changed && err == 0) {
		if (job->found == STATE_READ)
			(void)state_save(job->diags, &job->place, &job->before);
		else if (job->found == STATE_ABSENT)
			(void)state_forget(job->diags, &job->place);
	}
	if (err != 0)
		diag_add(job->diags, SEVERITY_WARNING, CODE(SYSCTL_LEFT), PLACE_NONE,
			 "the sysctls named above stay as they are now");
	else if (!tables_changed)
		diag_add(job->diags, SEVERITY_NOTE, CODE(ROLLED_BACK), PLACE_NONE,
			 "nothing was changed: the tables are as before, sysctls were put back");
	if (tables_changed)
		diag_add(job->diags, SEVERITY_WARNING, CODE(TABLE_LEFT), PLACE_NONE,
			 job->wanted.exists ?
				 "the new rules are installed; sysctls of this run were put back" :
				 "the rules are removed; sysctls of this run were put back");
}

static int run_steps(struct job *job)
{
	bool tables_changed = false;
	int err = write_step(job, SYSCTL_STEP_CLOSE);

	if (err == 0) {
		err = change_tables(job);
		tables_changed = err == 0 && job->diff.n > 0;
	}
	if (err == 0)
		err = write_step(job, SYSCTL_STEP_SETTLE);
	if (err == 0)
		err = write_step(job, SYSCTL_STEP_OPEN);
	if (err != 0)
		roll_back(job, tables_changed);
	return err;
}

/* Reads everything again; afterwards the job's present image is what there is now. */
static int read_back(struct job *job)
{
	SCOPED_JOB again;
	struct changes left;
	struct diags unheard;
	struct diag *diag;
	int err;

	diags_init(&unheard, job->arena);
	job_init(&again, job->arena, &unheard, NULL);
	image_free(&again.wanted);
	again.wanted = job->wanted;
	job->wanted = (struct image){0};
	again.input = job->input;
	again.before = job->after;
	err = prepare(&again);
	job->after.generation = again.present.generation;
	if (err == 0)
		list_changes(&again, &left);
	if (err == 0 && left.n == 0)
		return 0;
	diag = diag_add(job->diags, SEVERITY_ERROR, CODE(READ_BACK), PLACE_NONE,
			"what the kernel has now is not what was installed: %s",
			err ? strerror(-err) :
			      arena_printf(job->arena, "%s %s", left.items[0].what,
					   left.items[0].name));
	diag->err = err ? -err : EIO;
	diag_hint(job->diags, diag, "does another program change it? apply again, or see plan");
	return err ? err : -EIO;
}

static int apply_locked(struct job *job, struct changes *out)
{
	sigset_t old;
	int err = find_state(job);

	if (err == 0)
		err = prepare(job);
	if (err != 0)
		return err;
	tell_damaged(job);
	list_changes(job, out);
	record_input(job);
	if (out->n == 0 && is_recorded(job))
		return 0;
	if (out->n == 0) {
		job->after.generation = job->present.generation;
		return state_save(job->diags, &job->place, &job->after);
	}
	hold_signals(&old);
	err = state_save(job->diags, &job->place, &job->after);
	if (err == 0) {
		err = run_steps(job);
		image_free(&job->present);
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

static int remove_locked(struct job *job, struct changes *out)
{
	sigset_t old;
	int err = find_state(job);

	if (err == 0)
		err = prepare(job);
	if (err != 0)
		return err;
	out->table_exists = job->present.exists;
	if (job->present.exists)
		changes_of_removal(job->arena, out);
	changes_of_sysctls(job->arena, &job->writes, out);
	if (job->found == STATE_DAMAGED || (job->found == STATE_ABSENT && job->present.exists))
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
	return remove_locked(&job, out);
}

int kernel_installed(struct arena *arena, struct diags *diags, struct installed *out)
{
	SCOPED_JOB job;
	int err;

	*out = (struct installed){0};
	job_init(&job, arena, diags, NULL);
	err = find_state(&job);
	if (err == 0)
		err = open_kernel(&job);
	if (err == 0)
		err = read_tables(&job);
	if (err != 0)
		return err;
	*out = (struct installed){.table = job.present.exists,
				  .recorded = job.found == STATE_READ,
				  .damaged = job.found == STATE_DAMAGED,
				  .state_path = job.place.path,
				  .version = job.before.version,
				  .hash = job.before.hash,
				  .files = job.before.files,
				  .text = job.before.text,
				  .time = job.before.time};
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
