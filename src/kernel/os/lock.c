// SPDX-License-Identifier: GPL-2.0-or-later
// lock: files by which programs take turns.
#include "os/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/diag_codes.h"
#include "os/scope.h"

/* How often a held lock is tried again. */
#define POLL_MS 20

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Returns who holds the lock according to the kernel's list, or 0. */
static int find_holder(int fd)
{
	FILE *locks = fopen("/proc/locks", "re");
	unsigned int device_major, device_minor;
	unsigned long inode;
	struct stat stat;
	char line[256];
	int holder = 0, pid;

	if (!locks)
		return 0;
	if (fstat(fd, &stat) == 0)
		while (!holder && fgets(line, sizeof(line), locks))
			if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%lu", &pid, &device_major,
				   &device_minor, &inode) == 4 &&
			    device_major == major(stat.st_dev) &&
			    device_minor == minor(stat.st_dev) && inode == stat.st_ino)
				holder = pid;
	fclose(locks);
	return holder;
}

static int held(struct diags *diags, const struct lock *lock, int fd)
{
	int holder = find_holder(fd);
	struct diag *diag;

	if (holder > 0)
		diag = diag_add(diags, SEVERITY_ERROR, CODE(LOCK_HELD), PLACE_NONE,
				"%s: process %d holds %s", lock->other, holder, lock->path);
	else
		diag = diag_add(diags, SEVERITY_ERROR, CODE(LOCK_HELD), PLACE_NONE,
				"%s: another process holds %s", lock->other, lock->path);
	diag->err = EBUSY;
	diag_hint(diags, diag, "try again later, or wait longer with --wait SECONDS");
	return -EBUSY;
}

int lock_failed(struct diags *diags, const char *path)
{
	int err = errno;
	struct diag *diag;

	if (err == EACCES || err == EPERM) {
		diag = diag_add(diags, SEVERITY_ERROR, CODE(NOT_PERMITTED), PLACE_NONE,
				"not permitted to change this network namespace");
		diag_hint(diags, diag, "needs root, or CAP_NET_ADMIN in this network namespace");
	} else {
		diag = diag_add(diags, SEVERITY_ERROR, CODE(LOCK_FAILED), PLACE_NONE,
				"cannot open %s: %s", path, strerror(err));
	}
	diag->err = err;
	return -err;
}

int lock_take(struct diags *diags, const struct lock *lock, double wait_seconds)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
	double end = now() + wait_seconds;
	int fd = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return lock_failed(diags, lock->path);
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int err = errno == EWOULDBLOCK ? 0 : errno;

		if (err == 0 && now() >= end)
			err = EBUSY;
		if (err == 0 && nanosleep(&pause, NULL) < 0)
			err = errno;
		if (err == 0)
			continue;
		if (err == EBUSY)
			held(diags, lock, fd);
		else
			lock_failed(diags, lock->path);
		close(fd);
		return -err;
	}
	return fd;
}

int lock_xtables(struct diags *diags, double wait_seconds)
{
	const char *path = getenv("XTABLES_LOCKFILE");
	const struct lock lock = {path && *path ? path : "/run/xtables.lock",
				  "another program changes the rules of iptables"};

	return lock_take(diags, &lock, wait_seconds);
}
