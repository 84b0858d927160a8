// SPDX-License-Identifier: GPL-2.0-or-later
// deadline: a process that undoes a change unless it is confirmed in time.
#include "apply/deadline.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/diag_codes.h"
#include "os/scope.h"

/* How often it tries, and how long it waits each time for somebody else's lock. */
#define ATTEMPTS 20
#define WAIT_SECONDS 30.0

/* Between two attempts that fail for another reason. */
#define PAUSE_SECONDS 5

/* poll(2) does not count the time that the machine sleeps, so it is asked again and again. */
#define POLL_SECONDS 20

uint64_t deadline_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec;
}

void deadline_new_id(char out[static DEADLINE_ID_SIZE])
{
	uint64_t id;

	/* Without it the clock will do: the lock lets no two changes happen at once. */
	if (getrandom(&id, sizeof(id), GRND_NONBLOCK) != sizeof(id)) {
		struct timespec now;

		clock_gettime(CLOCK_BOOTTIME, &now);
		id = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	}
	snprintf(out, DEADLINE_ID_SIZE, "%016llx", (unsigned long long)id);
}

/*
 * Returns until when the change waits; 0: it does not wait any more. A record that is gone or
 * damaged confirms nothing: then it is what the caller knows.
 */
static uint64_t waits_until(const struct record_place *place, const char *id, uint64_t if_absent,
			    uint64_t if_damaged)
{
	struct arena *arena = arena_new();
	struct record record;
	const char *why;
	uint64_t until = if_damaged;

	switch (record_load(arena, place->path, &record, &why)) {
	case RECORD_READ:
		until = record.pending.id && strcmp(record.pending.id, id) == 0 ?
				record.pending.until :
				0;
		break;
	case RECORD_ABSENT:
		until = if_absent;
		break;
	case RECORD_DAMAGED:
	case RECORD_UNREADABLE:
	case RECORD_FOUND__COUNT:
		break;
	}
	arena_free(arena);
	return until;
}

/* Until the time is over, or some file of the directory has changed. */
static void wait_for_change(int inotify, uint64_t seconds)
{
	char events[4096];
	struct pollfd fd = {.fd = inotify, .events = POLLIN};
	int ms = (int)(seconds < POLL_SECONDS ? seconds : POLL_SECONDS) * 1000;

	if (poll(&fd, 1, ms) > 0)
		(void)!read(inotify, events, sizeof(events));
}

/* Returns whether the change is to be undone. */
static bool wait_for_end(const struct record_place *place, const char *id, uint32_t seconds)
{
	SCOPED_FD inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	uint64_t until, now;

	if (inotify >= 0)
		(void)inotify_add_watch(inotify, place->directory, IN_MOVED_TO | IN_DELETE);
	/* No record: the change did not begin. */
	until = waits_until(place, id, 0, deadline_now() + seconds);
	while (until != 0) {
		now = deadline_now();
		if (now >= until)
			return true;
		/* Without a word of changes the record is looked at every second. */
		wait_for_change(inotify, inotify >= 0 ? until - now : 1);
		until = waits_until(place, id, until, until);
	}
	return false;
}

static void undo(const char *id, const struct apply_confirm *confirm)
{
	for (int attempt = 1;; attempt++) {
		struct arena *arena = arena_new();
		struct changes changes;
		struct restored restored;
		struct diags diags;
		int result;

		diags_init(&diags, arena);
		result = kernel_rollback(arena, &diags, WAIT_SECONDS, id, &changes, &restored);
		if (result == -ESTALE)
			_exit(0);
		if (result == 0 || result == -ENOENT || attempt == ATTEMPTS) {
			confirm->undone(result, &diags, &restored, confirm->data);
			_exit(result == 0 ? 0 : 1);
		}
		arena_free(arena);
		/* The lock was waited for; a full disk, say, may have room again. */
		if (result != -EBUSY)
			(void)sleep(PAUSE_SECONDS);
	}
}

/*
 * Nothing of the program that started it is kept, above all not the lock. Whatever can fail comes
 * before the word that the guard is ready: from then on it is relied upon.
 */
static void detach(int *go, int ready)
{
	int null = open("/dev/null", O_RDWR);
	char byte = 0;

	/* The place of stdin is a good one to keep it. */
	if (dup2(*go, STDIN_FILENO) < 0 || null < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0 || chdir("/") < 0 || write(ready, &byte, 1) != 1)
		_exit(1);
	*go = STDIN_FILENO;
	if (close_range(STDERR_FILENO + 1, UINT_MAX, 0) < 0)
		for (int fd = STDERR_FILENO + 1; fd < 1024; fd++)
			(void)close(fd);
}

static void watch(int go, int ready, const struct record_place *place, const char *id,
		  const struct apply_confirm *confirm)
{
	sigset_t none;
	char byte = 0;

	if (setsid() < 0)
		_exit(1);
	signal(SIGHUP, SIG_IGN);
	detach(&go, ready);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	while (read(go, &byte, 1) < 0 && errno == EINTR)
		;
	if (wait_for_end(place, id, confirm->seconds))
		undo(id, confirm);
	_exit(0);
}

static int failed(struct diags *diags, int err)
{
	diag_add(diags, SEVERITY_ERROR, CODE(GUARD_FAILED), PLACE_NONE,
		 "cannot start the process that undoes the change: %s; nothing was changed",
		 strerror(err))
		->err = err;
	return -err;
}

/* Waits until the guard is there; it says so with a byte. */
static int wait_ready(int fd)
{
	char byte;
	ssize_t len;

	do {
		len = read(fd, &byte, 1);
	} while (len < 0 && errno == EINTR);
	return len == 1 ? 0 : -ECHILD;
}

int deadline_start(struct diags *diags, const struct record_place *place, const char *id,
		const struct apply_confirm *confirm, struct deadline *out)
{
	int go[2], ready[2], err;
	pid_t child;

	*out = (struct deadline){.go = -1};
	if (pipe2(go, O_CLOEXEC) < 0)
		return failed(diags, errno);
	if (pipe2(ready, O_CLOEXEC) < 0) {
		err = errno;
		close(go[0]);
		close(go[1]);
		return failed(diags, err);
	}
	child = fork();
	if (child == 0) {
		/* The first child ends at once: its own child is nobody's to wait for. */
		close(go[1]);
		close(ready[0]);
		child = fork();
		if (child == 0)
			watch(go[0], ready[1], place, id, confirm);
		_exit(child < 0);
	}
	err = child < 0 ? -errno : 0;
	close(go[0]);
	close(ready[1]);
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	if (err == 0)
		err = wait_ready(ready[0]);
	close(ready[0]);
	out->go = go[1];
	if (err == 0)
		return 0;
	deadline_release(out);
	return failed(diags, -err);
}

void deadline_release(struct deadline *guard)
{
	if (guard->go >= 0)
		close(guard->go);
	guard->go = -1;
}
