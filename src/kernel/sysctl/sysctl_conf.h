// SPDX-License-Identifier: GPL-2.0-or-later
// sysctl_conf: which files will set forwarding at the next boot, and to what.
#ifndef SYSCTL_SYSCTL_CONF_H
#define SYSCTL_SYSCTL_CONF_H

#include <stddef.h>

#include "hostgate/addr.h"
#include "hostgate/arena.h"

/** Who reads the file; each has its own last word. */
enum sysctl_reader {
	SYSCTL_READER_D,    /**< sysctl.d: systemd-sysctl and `sysctl --system` */
	SYSCTL_READER_CONF, /**< /etc/sysctl.conf: `sysctl -p` and `sysctl --system`, after sysctl.d */
	SYSCTL_READER_UFW,  /**< ufw, where it is switched on */
	SYSCTL_READER__COUNT
};

/** A line of a file. */
struct sysctl_setting {
	const char *file;  /**< as users know it: "/etc/sysctl.d/99-router.conf"; NULL: none sets it */
	unsigned int line; /**< from 1 */
	const char *key;   /**< as it stands there */
	const char *value;
};

/**
 * Finds, for each reader and family, the line that decides about all interfaces' forwarding. root: the
 * directory that stands for "/" (its name is left out of what is returned), "" for the real one.
 * Files that cannot be read are passed over. Memory comes from arena.
 */
void sysctl_conf_read(struct arena *arena, const char *root,
		      struct sysctl_setting out[static SYSCTL_READER__COUNT][FAMILY__COUNT]);

/** Returns the root for this run: of HOSTGATE_SYSCONFROOT, else "". */
const char *sysctl_conf_root(void);

#endif
