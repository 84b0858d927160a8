// SPDX-License-Identifier: GPL-2.0-or-later
// sysctl: writing values under /proc/sys, with a way back.
#include "sysctl/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/diag_codes.h"
#include "sysctl/sysctl_file.h"

int sysctl_open_root(struct diags *diags)
{
	int fd = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC), err = errno;

	if (fd >= 0)
		return fd;
	diag_add(diags, SEVERITY_ERROR, CODE(SYSCTL_FAILED), PLACE_NONE,
		 "cannot open /proc/sys: %s", strerror(err))
		->err = err;
	return -err;
}

static int tell_unguarded(struct diags *diags, const char *path, struct place place, int err)
{
	struct diag *diag =
		diag_add(diags, SEVERITY_ERROR, CODE(RA_UNGUARDED), place,
			 "cannot write 2 to %s: %s; with IPv6 forwarding on, the host would no "
			 "longer accept router advertisements there, so forwarding stays off",
			 path, strerror(err));

	diag->err = err;
	diag_hint(diags, diag,
		  "write 2 there some other way, or 0 if the interface needs no route by "
		  "advertisement; `forwarding: keep` leaves forwarding to you");
	return -err;
}

static int tell_unwritable(struct diags *diags, const char *path, const char *value,
			   struct place place, int err)
{
	struct diag *diag = diag_add(diags, SEVERITY_ERROR, CODE(SYSCTL_FAILED), place,
				     "cannot write %s to %s: %s", value, path, strerror(err));

	diag->err = err;
	if (err == EPERM || err == EACCES)
		diag_hint(diags, diag, "needs root, or CAP_NET_ADMIN in this network namespace");
	else if (err == EROFS)
		diag_hint(diags, diag,
			  "/proc/sys is read-only, as in many containers; use `forwarding: keep` "
			  "and `harden: false` and set the sysctls outside");
	return -err;
}

static void log_value(struct arena *arena, struct sysctl_log *log, int root, const char *path)
{
	const char *value = sysctl_file_read(arena, root, path);

	if (!value)
		return;
	log->items = arena_grow(arena, log->items, log->n, &log->cap, sizeof(*log->items));
	log->items[log->n++] = (struct record_moved){path, value};
}

/* A switch is taken back before the values that it moved are. */
static void log_write(struct arena *arena, struct sysctl_log *log, int root, const char *path)
{
	struct sysctl_names names;
	enum family family;

	if (sysctl_is_switch(path, &family) &&
	    sysctl_names_read(arena, root, sysctl_families[family].conf, &names) == 0) {
		if (sysctl_families[family].opposite)
			log_value(arena, log, root, sysctl_families[family].opposite);
		log_value(
			arena, log, root,
			arena_printf(arena, "%s/default/forwarding", sysctl_families[family].conf));
		for (size_t i = 0; i < names.n; i++)
			log_value(arena, log, root,
				  arena_printf(arena, "%s/%s/forwarding",
					       sysctl_families[family].conf, names.items[i]));
	}
	log_value(arena, log, root, path);
}

static int write_if_different(struct arena *arena, int root, const char *path, const char *value)
{
	const char *present = sysctl_file_read(arena, root, path);

	if (!present)
		return -errno;
	return strcmp(present, value) == 0 ? 0 : sysctl_file_write(root, path, value);
}

int sysctl_write(struct arena *arena, struct diags *diags, int root,
		 const struct sysctl_writes *writes, enum sysctl_step step, struct sysctl_log *log)
{
	for (size_t i = 0; i < writes->n; i++) {
		const struct sysctl_write *write = &writes->items[i];
		int err;

		if (write->step != step)
			continue;
		log_write(arena, log, root, write->path);
		err = write_if_different(arena, root, write->path, write->to);
		if (err != 0 && err != -ENOENT)
			return write->guard ? tell_unguarded(diags, write->path, write->place, -err)
					    : tell_unwritable(diags, write->path, write->to,
							      write->place, -err);
		for (size_t j = 0; j < write->n_restore; j++) {
			const struct record_moved *restore = &write->restore[j];

			err = write_if_different(arena, root, restore->path, restore->before);
			if (err != 0 && err != -ENOENT)
				return tell_unwritable(diags, restore->path, restore->before,
						       write->place, -err);
		}
	}
	return 0;
}

int sysctl_undo(struct arena *arena, struct diags *diags, int root, struct sysctl_log *log)
{
	int first = 0;

	while (log->n > 0) {
		const struct record_moved *item = &log->items[--log->n];
		int err = write_if_different(arena, root, item->path, item->before);

		if (err == 0 || err == -ENOENT)
			continue;
		tell_unwritable(diags, item->path, item->before, PLACE_NONE, -err);
		if (first == 0)
			first = err;
	}
	return first;
}
