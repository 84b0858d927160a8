// SPDX-License-Identifier: GPL-2.0-or-later
// sysctl_file: reading and writing files under /proc/sys, or under a root that a test made.
#ifndef SYSCTL_SYSCTL_FILE_H
#define SYSCTL_SYSCTL_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "hostgate/arena.h"
#include "hostgate/description.h"

/** Where a family's sysctls are. */
struct sysctl_family {
	const char *conf;     /**< directory of the interfaces' directories */
	const char *path;     /**< the switch of all interfaces' forwarding */
	const char *opposite; /**< what the switch sets to its opposite, or NULL */
};

extern const struct sysctl_family sysctl_families[FAMILY__COUNT];

/** Tells whether the path is a switch of all interfaces, and of which family. */
bool sysctl_is_switch(const char *path, enum family *family);

/** Names of interfaces, sorted. */
struct sysctl_names {
	const char **items;
	size_t n, cap;
};

/**
 * Lists the interfaces that have a directory in conf ("net/ipv4/conf"), "all" and "default" left
 * out. A missing directory has none. Returns 0 or -errno.
 */
int sysctl_names_read(struct arena *arena, int root, const char *conf, struct sysctl_names *out);

/** Returns how many names fit the pattern; they are items[*first] and the following ones. */
size_t sysctl_names_matching(const struct sysctl_names *names, const struct ifpattern *pattern,
			     size_t *first);

/** Returns the value without its line end, or NULL with errno set. */
const char *sysctl_file_read(struct arena *arena, int root, const char *path);

/** Writes a value. Returns 0 or -errno. */
int sysctl_file_write(int root, const char *path, const char *value);

#endif
