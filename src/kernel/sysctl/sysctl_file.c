// SPDX-License-Identifier: GPL-2.0-or-later
// sysctl_file: reading and writing files under /proc/sys, or under a root that a test made.
#include "sysctl/sysctl_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/scope.h"

const struct sysctl_family sysctl_families[FAMILY__COUNT] = {
	[FAMILY_IPV4] = {"net/ipv4/conf", "net/ipv4/ip_forward",
			 "net/ipv4/conf/all/accept_redirects"},
	[FAMILY_IPV6] = {"net/ipv6/conf", "net/ipv6/conf/all/forwarding", NULL},
};

bool sysctl_is_switch(const char *path, enum family *family)
{
	for (*family = 0; *family < FAMILY__COUNT; (*family)++)
		if (strcmp(path, sysctl_families[*family].path) == 0)
			return true;
	return false;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int sysctl_names_read(struct arena *arena, int root, const char *conf, struct sysctl_names *out)
{
	int fd = openat(root, conf, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *entry;
	DIR *directory;
	int err;

	*out = (struct sysctl_names){0};
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	directory = fdopendir(fd);
	if (!directory) {
		err = errno;
		close(fd);
		return -err;
	}
	while (errno = 0, (entry = readdir(directory))) {
		const char *name = entry->d_name;

		if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		    strcmp(name, "all") == 0 || strcmp(name, "default") == 0)
			continue;
		out->items = arena_grow(arena, out->items, out->n, &out->cap, sizeof(*out->items));
		out->items[out->n++] = arena_strdup(arena, name);
	}
	err = errno;
	closedir(directory);
	if (err != 0)
		return -err;
	if (out->n)
		qsort(out->items, out->n, sizeof(*out->items), compare_names);
	return 0;
}

size_t sysctl_names_matching(const struct sysctl_names *names, const struct ifpattern *pattern,
			     size_t *first)
{
	size_t low = 0, high = names->n, n = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(names->items[middle], pattern->name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*first = low;
	while (low + n < names->n && ifpattern_matches(pattern, names->items[low + n]))
		n++;
	return n;
}

const char *sysctl_file_read(struct arena *arena, int root, const char *path)
{
	SCOPED_FD fd = openat(root, path, O_RDONLY | O_CLOEXEC);
	char value[256];
	ssize_t len;

	if (fd < 0)
		return NULL;
	do {
		len = read(fd, value, sizeof(value));
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		return NULL;
	while (len > 0 && value[len - 1] == '\n')
		len--;
	return arena_strndup(arena, value, (size_t)len);
}

int sysctl_file_write(int root, const char *path, const char *value)
{
	SCOPED_FD fd = openat(root, path, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(value);
	ssize_t written;

	if (fd < 0)
		return -errno;
	/* The kernel restarts the call itself when it could not get its lock at once. */
	do {
		written = write(fd, value, len);
	} while (written < 0 && errno == EINTR);
	if (written < 0)
		return -errno;
	return (size_t)written == len ? 0 : -EIO;
}
