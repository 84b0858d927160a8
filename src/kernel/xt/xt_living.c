// SPDX-License-Identifier: GPL-2.0-or-later
// xt_living: which tables of iptables are there, without making any by looking.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/diag_codes.h"
#include "xt/xt_table.h"

bool xt_table_has_family(enum family family)
{
	return family == FAMILY_IPV4 || access("/proc/sys/net/ipv6", F_OK) == 0;
}

int xt_table_list_living(struct diags *diags, enum family family, bool lives[static XT_TABLES])
{
	const char *path = xt_libraries[family].names_path;
	FILE *file = fopen(path, "re");
	char line[XT_TABLE_MAXNAMELEN + 2];
	struct diag *diag;
	int err = errno;

	/* No list: the kernel has no iptables, or has it not loaded. */
	if (!file && err == ENOENT)
		return 0;
	if (!file) {
		bool denied = err == EACCES || err == EPERM;

		diag = diag_add(diags, SEVERITY_ERROR,
				denied ? CODE(NOT_PERMITTED) : CODE(KERNEL_FAILED), PLACE_NONE,
				"can't read %s: %s", path, strerror(err));
		diag->err = err;
		if (denied)
			diag_hint(diags, diag, "needs root in this network namespace");
		return -err;
	}
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		for (size_t t = 0; t < XT_TABLES; t++)
			if (strcmp(line, xt_table_list[t].name) == 0)
				lives[t] = true;
	}
	fclose(file);
	return 0;
}
