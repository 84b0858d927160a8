// SPDX-License-Identifier: GPL-2.0-or-later
// job: one change of the kernel: what it has, what is wanted, what differs, and the steps between.
#ifndef APPLY_JOB_H
#define APPLY_JOB_H

#include <signal.h>

#include "apply/apply.h"
#include "apply/backend.h"
#include "apply/described.h"
#include "foreign/hole.h"
#include "record/record.h"
#include "record/undo.h"
#include "sysctl/sysctl.h"

/*
 * Theory of operation
 *
 * Up: lock, read, compare; write down what will be put back one day; close what is to close; the
 * rules; settle the interfaces' sysctls; open what is to open, forwarding last; take connections
 * that no longer fit out of conntrack; read back and compare; record. Down is the same road the
 * other way, without rules.
 *
 * Rules are in the one backend or in the other. Both are looked at: where the other one still has
 * some, they go after those of the wanted one have come. For a moment a packet has to please both.
 * So do rules of others, where the description wants a clean slate; each backend sees to its own.
 *
 * When a step fails, sysctls that this run wrote are put back, latest first. Tables stay as the
 * transaction left them: before it that is how they were, after it the new rules, and rules only
 * ever close. Nothing is opened while rules are missing, at any step, so a crash leaves no gap.
 *
 * Holes in others' chains come after forwarding and go before all else: they open, too.
 *
 * Nothing to do means that nothing is written, not even the record.
 */

/** A backend at work. */
struct job_backend {
	enum backend backend;
	const struct backend_info *info;
	void *self;
	bool wanted; /**< it is to have rules */
	struct backend_found found;
	bool changes; /**< something is to be done */
};

/** What is left when a change fails on its way, for people: each a whole sentence. */
struct job_words {
	const char *part;    /**< only some of the rules are changed */
	const char *whole;   /**< the rules are, and sysctls are as they were */
	const char *unended; /**< all is, but not recorded */
	const char *hint;    /**< the kernel has something else than what was sent */
};

/** What a job makes of the kernel. Nothing of it set: all of ours is to go. */
struct job_goal {
	const struct job_words *words;
	const struct description *description; /**< rules of a description, or NULL */
	const struct ruleset *ruleset;         /**< its rules, as planned */
	const struct host_links *links;        /**< with addresses, where they were read; or NULL */
	enum backend backend;                  /**< where these go */
	struct blob rules[BACKEND__COUNT];     /**< or rules that a backend wrote down earlier */
	struct blob others[BACKEND__COUNT];    /**< rules of others that are to be there again */
	const struct ruleset *holes;           /**< whose holes are wanted, where rules are */
	const struct record *sysctls;          /**< those to put back; NULL: those of the record found */
	const struct record *after;            /**< what the record becomes; NULL: what was written */
	bool asks_users;                       /**< forwarding stays on for others who need it */
};

struct job {
	struct arena *arena;
	struct diags *diags;
	struct job_goal goal;
	struct job_backend work[2];      /**< the wanted backend first */
	struct holes holes;
	struct changes changes;          /**< of both backends, of holes, of sysctls */
	struct record_place place;
	struct record before, after; /**< the record that was found, and what it becomes */
	enum record_found found;
	const char *why_damaged;
	struct described was; /**< by the record that was found */
	int root; /**< of sysctls */
	struct sysctl_writes writes;
	struct record back; /**< its sysctls undo writes */
	struct sysctl_log log;
	bool left; /**< a failed run left something changed */
};

#define SCOPED_JOB struct job __attribute__((cleanup(job_free)))

/** All that can fail return 0 or -errno with the reason queued. */

void job_init(struct job *job, struct arena *arena, struct diags *diags, struct job_goal goal);
void job_free(struct job *job);

/** The goal of an apply. */
struct job_goal job_goal_of(const struct apply_input *input);

/** Finds and reads the record. */
int job_find_record(struct job *job);

/** Queues that the record is damaged, and what follows from that; when it is. */
void job_tell_damaged(struct job *job);

/** Opens both backends and /proc/sys. */
int job_open(struct job *job, double wait_seconds);

/**
 * Reads all that the kernel has, and lists what differs. With writing set, other programs are kept
 * away from what will change.
 */
int job_compare(struct job *job, struct diags *diags, bool writing);

/**
 * Writes down what undoes the change that job_compare() listed; before job_run_steps(). id, time:
 * of the change.
 */
int job_save_undo(struct job *job, const char *id, const char *time);

/** Keeps SIGINT, SIGTERM and SIGHUP until a step is whole; the old mask goes to *old. */
void job_hold_signals(sigset_t *old);
void job_release_signals(const sigset_t *old);

/** Does what job_compare() listed, or puts back what was done and says what is left. */
int job_run_steps(struct job *job);

/**
 * Writes down that a change begins: record is the one that stays should it not come to its end.
 * On failure the record is what it was.
 */
int job_begin(struct job *job, struct record record);

/** Says what the kernel has when a change was made, but could not be brought to its end. */
void job_tell_unended(struct job *job);

/** Reads everything again: nothing may be left to do. */
int job_read_back(struct job *job);

/** Notes in the new record what the tables are known by. */
void job_record_mark(struct job *job, struct backend_mark mark);

#endif
