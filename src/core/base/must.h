// SPDX-License-Identifier: GPL-2.0-or-later
// must: what has to be so, or the program is wrong; checked in every build.
#ifndef BASE_MUST_H
#define BASE_MUST_H

/**
 * Ends the process when the condition does not hold: better no rule than one that says less than was
 * meant. Unlike assert() it is never compiled away.
 */
#define must(condition) ((condition) ? (void)0 : must_failed(#condition, __FILE__, __LINE__))

/** For the place that no value leads to. */
#define must_not_come_here(what) must_failed(what, __FILE__, __LINE__)

/** Calls the handler of must_on_failure(); aborts when there is none or when it returns. */
_Noreturn void must_failed(const char *what, const char *file, int line);

/** Sets who tells the user; only main() does. */
void must_on_failure(void (*handler)(const char *what, const char *file, int line));

#endif
