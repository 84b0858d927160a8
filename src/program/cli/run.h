// SPDX-License-Identifier: GPL-2.0-or-later
// run: one run of the program: its memory, its messages, and what goes to stdout and stderr.
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/args.h"
#include "hostgate/arena.h"
#include "hostgate/buf.h"
#include "hostgate/diag.h"

/** One run. Commands fill out or json, and queue diagnostics; run_finish() writes them. */
struct run {
	struct args args;
	struct arena *arena;
	struct diags diags;
	struct buf out; /**< what goes to stdout */
	json_t *json;   /**< with --json: the document that goes there instead; owned */
	bool colour;    /**< colour what goes to stdout */
};

/**
 * Makes the descriptors 0 to 2 safe to use: one that is closed would be taken by the next file
 * opened. Writing to a descriptor that was closed fails from then on. Returns false when that is
 * not possible.
 */
bool run_guard_stdio(void);

/** Prepares a run whose args have been read. */
void run_start(struct run *run);

/**
 * Writes the messages to stderr (and syslog), the product to stdout. Returns the exit status:
 * status, or STATUS_FAILED when something could not be written.
 */
enum status run_finish(struct run *run, enum status status);

/** Sends the messages to syslog. */
void run_send_to_syslog(const struct diags *diags);

/** Frees everything of the run. */
void run_free(struct run *run);

/** Writes all bytes to the descriptor. Returns false with errno set when that fails. */
bool run_write(int fd, const char *bytes, size_t len);

/** Returns the exit status for a kernel function's result: 0 or -errno. */
enum status run_status_of(int result);

/** Tells whether text for people is wanted on stdout: neither --json nor --quiet. */
bool run_is_talking(const struct run *run);

#endif
