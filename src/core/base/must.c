// SPDX-License-Identifier: GPL-2.0-or-later
// must: what has to be so, or the program is wrong; checked in every build.
#include "base/must.h"

#include <stddef.h>
#include <stdlib.h>

static void (*failure_handler)(const char *what, const char *file, int line);

void must_on_failure(void (*handler)(const char *what, const char *file, int line))
{
	failure_handler = handler;
}

_Noreturn void must_failed(const char *what, const char *file, int line)
{
	if (failure_handler)
		failure_handler(what, file, line);
	abort();
}
