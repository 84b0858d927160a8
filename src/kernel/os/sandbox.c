// SPDX-License-Identifier: GPL-2.0-or-later
// sandbox: namespaces that belong to this process alone and end with it.
#include "os/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/diag_codes.h"
#include "os/scope.h"

/*
 * Theory of operation
 *
 * Nothing holds the namespaces but the child process and its descriptors: they have no name and
 * no mount. The kernel kills the child when its parent dies, however that happens, so nothing has
 * to be cleaned up. The file system for record and locks is never attached anywhere: it is reached
 * through its descriptor, so no mount can be seen, or spread, outside.
 */

pid_t sandbox_start(struct diags *diags, int (*work)(void *data), void *data)
{
	pid_t parent = getpid(), child = fork();

	if (child < 0) {
		int err = errno;

		diag_add(diags, SEVERITY_ERROR, CODE(SANDBOX_FAILED), PLACE_NONE,
			 "cannot start a process: %s", strerror(err))
			->err = err;
		return -err;
	}
	if (child > 0)
		return child;
	/* The parent may have died before the kernel knew what to do then. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	_exit(work(data));
}

int sandbox_wait(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int failed(struct diags *diags, int err, const char *what)
{
	bool denied = err == EPERM || err == EACCES || err == ENOSPC || err == EUSERS;
	struct diag *diag = diag_add(diags, SEVERITY_ERROR, CODE(SANDBOX_FAILED), PLACE_NONE,
				     "cannot make a copy of the host: %s: %s", what, strerror(err));

	diag->err = err;
	if (denied)
		diag_hint(diags, diag,
			  "this user may not create namespaces on this system; run it as root");
	return denied ? -EPERM : -err;
}

static int write_file(const char *path, const char *text)
{
	SCOPED_FD fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return -errno;
	return 0;
}

int sandbox_sysctl(const char *path, const char *value)
{
	char full[256];

	snprintf(full, sizeof(full), "/proc/sys/%s", path);
	return write_file(full, value);
}

/* Makes the user root in a user namespace of its own. */
static int become_root(uid_t uid, gid_t gid)
{
	char text[64];
	int err;

	/* An old kernel has no such file and asks for nothing. */
	err = write_file("/proc/self/setgroups", "deny");
	if (err != 0 && err != -ENOENT)
		return err;
	snprintf(text, sizeof(text), "0 %u 1", (unsigned int)uid);
	err = write_file("/proc/self/uid_map", text);
	if (err != 0)
		return err;
	snprintf(text, sizeof(text), "0 %u 1", (unsigned int)gid);
	return write_file("/proc/self/gid_map", text);
}

/* Root does without a user namespace; where it may not, it is worth trying as everybody else. */
static int unshare_all(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (uid == 0 && unshare(CLONE_NEWNET | CLONE_NEWNS) == 0)
		return 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) < 0)
		return -errno;
	return become_root(uid, gid);
}

/* Points the record and the locks to a file system without a place. */
static int hide_files(void)
{
	char path[64];
	SCOPED_FD context = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
	int mount;

	if (context < 0 || syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	/* The descriptor is the file system: it stays open as long as the process lives. */
	mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
	if (mount < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", mount);
	if (setenv("HOSTGATE_RUNDIR", path, 1) < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d/xtables.lock", mount);
	return setenv("XTABLES_LOCKFILE", path, 1) < 0 ? -errno : 0;
}

int sandbox_enter(struct diags *diags, struct sandbox *sandbox, int (*prepare)(void *data),
		  void *data)
{
	pid_t parent = getppid();
	int err = unshare_all();

	if (err != 0)
		return failed(diags, -err, "namespaces");
	/* New credentials make the kernel forget it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	err = hide_files();
	if (err != 0)
		return failed(diags, -err, "a file system of its own");
	sandbox->wire = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (sandbox->wire < 0)
		return failed(diags, errno, "/proc/self/ns/net");
	err = prepare(data);
	if (err != 0)
		return failed(diags, -err, "sockets for the wires");
	if (unshare(CLONE_NEWNET) < 0)
		return failed(diags, errno, "namespaces");
	return 0;
}
