// SPDX-License-Identifier: GPL-2.0-or-later
// record_place: where the record of a network namespace is kept, its lock, and its files.
#include "record/record_place.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag_codes.h"
#include "os/lock.h"
#include "os/scope.h"

#define RUN_DIRECTORY "/run/hostgate"

int record_locate(struct arena *arena, struct diags *diags, struct record_place *out)
{
	SCOPED_FD fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const char *directory = getenv("HOSTGATE_RUNDIR");
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) < 0) {
		int err = errno;

		diag_add(diags, SEVERITY_ERROR, CODE(STATE_FAILED), PLACE_NONE,
			 "cannot identify this network namespace: %s", strerror(err))
			->err = err;
		return -err;
	}
	if (directory && *directory && *directory != '/') {
		diag_add(diags, SEVERITY_ERROR, CODE(STATE_FAILED), PLACE_NONE,
			 "HOSTGATE_RUNDIR is \"%s\": it must begin with a slash", directory);
		return -EINVAL;
	}
	out->directory = arena_strdup(arena, directory && *directory ? directory : RUN_DIRECTORY);
	out->path = arena_printf(arena, "%s/%" PRIu64 ".json", out->directory, cookie);
	out->lock_path = arena_printf(arena, "%s/%" PRIu64 ".lock", out->directory, cookie);
	out->undo_path = arena_printf(arena, "%s/%" PRIu64 ".undo", out->directory, cookie);
	return 0;
}

static int lock_place(struct diags *diags, const struct record_place *place, double wait_seconds)
{
	const struct lock lock = {place->lock_path, "another hostgate is running here"};

	if (mkdir(place->directory, 0755) < 0 && errno != EEXIST)
		return lock_failed(diags, place->directory);
	return lock_take(diags, &lock, wait_seconds);
}

int record_enter(struct arena *arena, struct diags *diags, double wait_seconds,
		struct record_place *out)
{
	int err = record_locate(arena, diags, out);

	return err ? err : lock_place(diags, out, wait_seconds);
}

int record_failed(struct diags *diags, int err, const char *doing, const char *path)
{
	struct diag *diag = diag_add(diags, SEVERITY_ERROR, CODE(STATE_FAILED), PLACE_NONE,
				     "cannot %s %s: %s", doing, path, strerror(err));

	diag->err = err;
	if (err == EACCES || err == EPERM)
		diag_hint(diags, diag, "needs root, or CAP_NET_ADMIN in this network namespace");
	return -err;
}

int record_read_file(const char *path, struct buf *out)
{
	SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat info;
	char part[16384];
	ssize_t len;

	if (fd < 0 || fstat(fd, &info) < 0)
		return -errno;
	if (!S_ISREG(info.st_mode))
		return -EINVAL;
	while ((len = read(fd, part, sizeof(part))) != 0) {
		if (len < 0 && errno != EINTR)
			return -errno;
		if (len > 0)
			buf_add(out, part, (size_t)len);
	}
	return 0;
}

static int write_file(const char *path, const char *text, size_t len)
{
	SCOPED_FD fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int err = 0;

	if (fd < 0)
		return -errno;
	while (len > 0 && err == 0) {
		ssize_t written = write(fd, text, len);

		if (written < 0 && errno != EINTR)
			err = errno;
		if (written > 0) {
			text += written;
			len -= (size_t)written;
		}
	}
	if (err == 0 && fsync(fd) < 0)
		err = errno;
	return -err;
}

static int sync_directory(const char *path)
{
	SCOPED_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static void add_temporary(const char *path, struct buf *out)
{
	buf_printf(out, "%s.new", path);
}

int record_replace(struct diags *diags, const struct record_place *place, const char *path,
		  const void *bytes, size_t len)
{
	struct buf temporary __attribute__((cleanup(buf_free))) = {0};
	int err;

	add_temporary(path, &temporary);
	err = write_file(buf_text(&temporary), bytes, len);
	if (err == 0 && rename(buf_text(&temporary), path) < 0)
		err = -errno;
	if (err == 0)
		err = sync_directory(place->directory);
	if (err == 0)
		return 0;
	unlink(buf_text(&temporary));
	return record_failed(diags, -err, "write", path);
}

/* A run that was killed while it wrote the file may have left the new one beside it. */
int record_discard(const char *path)
{
	struct buf temporary __attribute__((cleanup(buf_free))) = {0};

	add_temporary(path, &temporary);
	if (unlink(buf_text(&temporary)) < 0 && errno != ENOENT)
		return -errno;
	return unlink(path) == 0 || errno == ENOENT ? 0 : -errno;
}
