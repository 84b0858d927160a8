// SPDX-License-Identifier: GPL-2.0-or-later
// scope: descriptors that close themselves at the end of their block.
#ifndef OS_SCOPE_H
#define OS_SCOPE_H

#include <errno.h>
#include <unistd.h>

/** Closes *fd unless it is negative; errno is kept, so that it may be returned after the block. */
static inline void scope_close(const int *fd)
{
	int err = errno;

	if (*fd >= 0)
		close(*fd);
	errno = err;
}

/** SCOPED_FD fd = open(...); */
#define SCOPED_FD __attribute__((cleanup(scope_close))) int

#endif
