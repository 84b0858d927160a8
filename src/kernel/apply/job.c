// SPDX-License-Identifier: GPL-2.0-or-later
// job: one change of the kernel: what it has, what is wanted, and what differs.
#include "apply/job.h"

#include <errno.h>
#include <linux/if.h>
#include <string.h>

#include "apply/changes.h"
#include "base/diag_codes.h"
#include "judge/forwarding_users.h"
#include "nft/nft_refusal.h"
#include "os/host_links.h"
#include "os/scope.h"
#include "standing/standing.h"

void job_init(struct job *job, struct arena *arena, struct diags *diags, struct job_goal goal)
{
	*job = (struct job){.arena = arena, .diags = diags, .goal = goal, .root = -1};
}

struct job_goal job_goal_of(const struct apply_input *input)
{
	static const struct job_words words = {
		.part = "the new rules are partly installed, beside the old ones; the sysctls of "
			"this run were put back",
		.whole = "the new rules are installed; the sysctls of this run were put back",
		.unended = "the new rules are installed, and the sysctls are set; apply again to "
			   "finish",
		.hint = "apply again, or see plan",
	};

	return (struct job_goal){.words = &words,
				 .description = input->description,
				 .ruleset = input->ruleset,
				 .links = input->links,
				 .backend = input->backend,
				 .holes = input->ruleset,
				 .asks_users = true};
}

void job_free(struct job *job)
{
	for (size_t i = 0; i < 2; i++)
		if (job->work[i].info)
			job->work[i].info->close(job->work[i].self);
	scope_close(&job->root);
}

/* Where nothing can be dropped behind translation, an uplink must have an address to take. */
static int fit_to_host(struct job *job, const struct ruleset **ruleset)
{
	const struct description *d = job->goal.description;
	struct host_links read = {0};
	const struct host_links *links = job->goal.links ? job->goal.links : &read;
	int err = 0;

	if (!job->goal.links)
		err = host_links_read(job->arena, HOST_LINKS_LINKS | HOST_LINKS_ADDRESSES, &read);
	if (err != 0) {
		nft_refusal_errno(job->diags, -err, "read the interfaces and addresses");
		return err;
	}
	for (size_t u = 0; u < d->n_uplinks; u++)
		for (enum family f = 0; f < FAMILY__COUNT; f++)
			if (!standing_has_address(links, d->uplinks[u].interface.name, f))
				*ruleset = plan_without_address(job->arena, *ruleset,
								&d->uplinks[u].interface, f);
	return 0;
}

static int open_backend(struct job *job, struct job_backend *work, double wait_seconds)
{
	const struct job_goal *goal = &job->goal;
	struct backend_input input = {.arena = job->arena,
				      .ruleset = work->wanted ? goal->ruleset : NULL,
				      .snapshot = goal->rules[work->backend],
				      .others = goal->others[work->backend],
				      .replaced = job->work[0].wanted,
				      .clean_slate = goal->ruleset && goal->ruleset->clean_slate,
				      .was = &job->was,
				      .wait_seconds = wait_seconds};
	int err = 0;

	if (input.ruleset && work->backend == BACKEND_IPTABLES)
		err = fit_to_host(job, &input.ruleset);
	if (err != 0)
		return err;
	if (job->found == RECORD_READ)
		input.known = (struct backend_mark){job->before.generation,
						    job->before.fingerprint};
	work->info = backend_list[work->backend];
	work->self = work->info->open(&input);
	return 0;
}

static bool is_wanted(const struct job *job, enum backend backend, enum backend chosen)
{
	return job->goal.rules[backend].len > 0 || (job->goal.ruleset && backend == chosen);
}

static void init_holes(struct job *job)
{
	/* Without rules of ours these would let private sources out. */
	bool wanted = job->work[0].wanted || job->work[1].wanted;

	holes_init(&job->holes, job->arena, wanted ? job->goal.holes : NULL,
		   job->work[0].wanted && job->work[0].info == &backend_xt);
}

int job_open(struct job *job, double wait_seconds)
{
	enum backend first = BACKEND_NFTABLES, other;
	int err = 0;

	if (job->goal.ruleset)
		err = backend_choose(job->diags, job->goal.backend, &first);
	else if (job->goal.rules[BACKEND_IPTABLES].len > 0 && !job->goal.rules[first].len)
		first = BACKEND_IPTABLES;
	if (err != 0)
		return err;
	other = first == BACKEND_NFTABLES ? BACKEND_IPTABLES : BACKEND_NFTABLES;
	job->work[0] = (struct job_backend){.backend = first,
					    .wanted = is_wanted(job, first, first)};
	job->work[1] = (struct job_backend){.backend = other,
					    .wanted = is_wanted(job, other, first)};
	for (size_t i = 0; i < 2 && err == 0; i++)
		err = open_backend(job, &job->work[i], wait_seconds);
	if (err != 0)
		return err;
	init_holes(job);
	job->root = sysctl_open_root(job->diags);
	return job->root < 0 ? job->root : 0;
}

static int read_backend(struct job *job, struct job_backend *work, struct diags *diags)
{
	size_t before = job->changes.n;
	int err;

	err = work->info->read(work->self, diags, &work->found, &job->changes);
	work->changes = job->changes.n > before;
	return err;
}

/* Reads the rules. With writing, other programs are kept away from what will change. */
static int read_rules(struct job *job, struct diags *diags, bool writing)
{
	job->changes = (struct changes){0};
	for (size_t i = 0; i < 2; i++) {
		struct job_backend *work = &job->work[i];
		size_t before = job->changes.n;
		int err = 0;

		if (work->wanted && writing)
			err = work->info->lock(work->self, diags);
		if (err == 0)
			err = read_backend(job, work, diags);
		if (err == 0 && !work->wanted && writing && work->changes) {
			job->changes.n = before;
			err = work->info->lock(work->self, diags);
			if (err == 0)
				err = read_backend(job, work, diags);
		}
		if (err != 0)
			return err;
	}
	return holes_read(&job->holes, diags, &job->changes);
}

/* Interfaces on which IP hears nothing from outside: those that hand over to a master, loopback. */
static int read_deaf(struct job *job, struct route_interfaces *out)
{
	struct host_links read = {0};
	const struct host_links *links = job->goal.links ? job->goal.links : &read;
	int err = 0;

	if (!job->goal.links)
		err = host_links_read(job->arena, HOST_LINKS_LINKS, &read);
	for (size_t i = 0; err == 0 && i < links->n; i++) {
		const struct host_link *link = &links->items[i];

		if (!(link->flags & IFF_LOOPBACK) && !host_links_is_port(links, link))
			continue;
		out->names =
			arena_grow(job->arena, out->names, out->n, &out->cap, sizeof(*out->names));
		memcpy(out->names[out->n++], link->name, sizeof(link->name));
	}
	return err;
}

static int plan_sysctls(struct job *job, struct diags *diags)
{
	struct route_interfaces advertised = {0};
	struct route_interfaces deaf = {0};
	struct sysctl_input input = {.root = job->root,
				     .ruleset = job->goal.ruleset,
				     .record = job->goal.sysctls ? job->goal.sysctls : &job->before,
				     .interrupted = job->before.unfinished,
				     .advertised = &advertised,
				     .deaf = &deaf};
	struct forwarding_users users = {.arena = job->arena};
	int err = 0;

	if (job->goal.asks_users) {
		input.users = forwarding_users_find;
		input.users_data = &users;
	}

	if (input.ruleset && sysctl_needs_advertised(input.ruleset)) {
		err = route_read_advertised(job->arena, &advertised);
		if (err == 0)
			err = read_deaf(job, &deaf);
	}
	if (err != 0) {
		nft_refusal_errno(diags, -err, "read the routes and interfaces");
		return err;
	}
	err = sysctl_plan(job->arena, diags, &input, &job->writes, &job->after, &job->back);
	if (job->goal.after)
		job->after = *job->goal.after;
	return err;
}

int job_compare(struct job *job, struct diags *diags, bool writing)
{
	int err = read_rules(job, diags, writing);

	if (err == 0)
		err = plan_sysctls(job, diags);
	if (err == 0)
		changes_of_sysctls(job->arena, &job->writes, &job->changes);
	return err;
}

void job_tell_damaged(struct job *job)
{
	struct diag *diag;

	if (job->found != RECORD_DAMAGED)
		return;
	diag = diag_add(job->diags, SEVERITY_WARNING, CODE(RECORD_DAMAGED), PLACE_NONE,
			"cannot read %s: %s", job->place.path, job->why_damaged);
	diag_hint(job->diags, diag,
		  "the rules are not affected, but the values that sysctls had before hostgate are "
		  "lost");
}

int job_find_record(struct job *job)
{
	int err = record_locate(job->arena, job->diags, &job->place);

	if (err != 0)
		return err;
	job->found = record_load(job->arena, job->place.path, &job->before, &job->why_damaged);
	if (job->found == RECORD_READ)
		job->was = described_by(job->arena, &job->before);
	if (job->found != RECORD_UNREADABLE)
		return 0;
	diag_add(job->diags, SEVERITY_ERROR, CODE(STATE_FAILED), PLACE_NONE,
		 "cannot read %s: %s; nothing was changed", job->place.path, job->why_damaged)
		->err = EIO;
	return -EIO;
}

static void free_rules(struct buf (*rules)[2])
{
	buf_free(&(*rules)[0]);
	buf_free(&(*rules)[1]);
}

int job_save_undo(struct job *job, const char *id, const char *time)
{
	struct buf rules[2] __attribute__((cleanup(free_rules))) = {0};
	struct buf others[2] __attribute__((cleanup(free_rules))) = {0};
	struct undo undo = {.id = id,
			    .time = time,
			    .had_record = job->found == RECORD_READ,
			    .record = job->before,
			    .writes = job->back};
	int err = 0;

	for (size_t i = 0; i < 2 && err == 0; i++) {
		const struct job_backend *work = &job->work[i];

		if (work->found.exists || work->changes)
			err = work->info->snapshot(work->self, job->diags, &rules[i], &others[i]);
		undo.others[work->backend] = (struct blob){others[i].data, others[i].len};
		undo.rules[work->backend] = (struct blob){rules[i].data, rules[i].len};
	}
	return err ? err : undo_save(job->diags, &job->place, &undo);
}
