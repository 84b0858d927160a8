// SPDX-License-Identifier: GPL-2.0-or-later
// xt_living: which tables of iptables are there, without making any by looking.
#include "xt/xt_living.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/diag_codes.h"

bool xt_living_has_family(enum family family)
{
	return family == FAMILY_IPV4 || access("/proc/sys/net/ipv6", F_OK) == 0;
}

static int fail(struct diags *diags, const char *path, int err)
{
	bool denied = err == EACCES || err == EPERM;
	struct diag *diag;

	if (!diags)
		return -err;
	diag = diag_add(diags, SEVERITY_ERROR, denied ? CODE(NOT_PERMITTED) : CODE(KERNEL_FAILED),
			PLACE_NONE, "cannot read %s: %s", path, strerror(err));
	diag->err = err;
	if (denied)
		diag_hint(diags, diag, "needs root in this network namespace");
	return -err;
}

int xt_living_read(struct diags *diags, enum family family, struct xt_living *out)
{
	const char *path = xt_libraries[family].names_path;
	FILE *file = fopen(path, "re");
	char line[XT_TABLE_MAXNAMELEN + 2];
	int err = errno;

	*out = (struct xt_living){0};
	/* No list: the kernel has no iptables, or has it not loaded. */
	if (!file)
		return err == ENOENT ? 0 : fail(diags, path, err);
	while (out->n < XT_LIVING_MAX && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		memcpy(out->names[out->n++], line, strnlen(line, XT_TABLE_MAXNAMELEN - 1));
	}
	err = ferror(file) ? EIO : 0;
	fclose(file);
	return err ? fail(diags, path, err) : 0;
}

bool xt_living_has(const struct xt_living *living, const char *table)
{
	for (size_t i = 0; i < living->n; i++)
		if (strcmp(living->names[i], table) == 0)
			return true;
	return false;
}
