// SPDX-License-Identifier: GPL-2.0-or-later
// progress: tells on a terminal how far long work got.
#ifndef REPORT_PROGRESS_H
#define REPORT_PROGRESS_H

#include "cli/run.h"

/** A line that is written over and over. */
struct progress {
	const char *what; /**< is counted: "probes" */
	bool wanted;
	bool shown;	    /**< the line stands on the terminal */
	double next;	    /**< when it is written again, seconds of the monotonic clock */
};

/**
 * Prepares one. It will only be seen when stderr is a terminal that can erase a line, without
 * --quiet and --json, and once the work has taken a second.
 */
struct progress progress_start(const struct run *run, const char *what);

/** Writes the line, if it is time to; data is the struct progress. */
void progress_step(size_t done, size_t total, void *data);

/** Erases the line. */
void progress_end(struct progress *progress);

#endif
