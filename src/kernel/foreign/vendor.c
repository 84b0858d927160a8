// SPDX-License-Identifier: GPL-2.0-or-later
// vendor: which well-known program a chain belongs to, and what to do about its rules.
#include "foreign/vendor.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define FIREWALLD                                                                              \
	{                                                                                      \
		"firewalld",                                                                   \
			"let firewalld forward them: a policy between the zones of the two "           \
			"interfaces with target ACCEPT (`firewall-cmd --permanent --new-policy`, "     \
			"`--add-ingress-zone`, `--add-egress-zone`, `--set-target ACCEPT`)"            \
	}
#define LIBVIRT                                                                                \
	{                                                                                      \
		"libvirt",                                                                     \
			"give libvirt's network <forward mode='open'/> (`virsh net-edit`), so that "   \
			"libvirt makes no rules for its bridge, and restart the network"               \
	}
#define DOCKER(command) \
	{ \
		"Docker", \
			"write `holes: [docker]` under settings, and apply: hostgate then accepts " \
			"them in chain DOCKER-USER, which Docker leaves to you; or by hand: `" command \
			" -I DOCKER-USER -i INTERFACE -j ACCEPT`, and the same with -o for the replies" \
	}

/* A name that ends with '*' is a beginning. NULL: any. The first row that fits decides. */
static const struct {
	const char *family, *table, *chain;
	struct vendor who;
} rows[] = {
	{"ip", NULL, "DOCKER*", DOCKER("iptables")},
	{"ip6", NULL, "DOCKER*", DOCKER("ip6tables")},
	{NULL,
	 "docker-bridges",
	 NULL,
	 {"Docker", "Docker's own nftables tables have no place for your own rules: use the bridge "
		    "with only one of the two, or let Docker use iptables (\"firewall-backend\" in "
		    "/etc/docker/daemon.json), which has the chain DOCKER-USER for them"}},
	{NULL,
	 NULL,
	 "ufw-*",
	 {"ufw", "write `holes: [ufw]` under settings, and apply; or let ufw forward them: "
		 "`ufw route allow in on INTERFACE out on UPLINK`"}},
	{NULL,
	 NULL,
	 "ufw6-*",
	 {"ufw", "write `holes: [ufw]` under settings, and apply; or let ufw forward them: "
		 "`ufw route allow in on INTERFACE out on UPLINK`"}},
	{NULL, "firewalld", NULL, FIREWALLD},
	{NULL, "firewalld_policy_drop", NULL, FIREWALLD},
	{NULL, NULL, "FWDI_*", FIREWALLD},
	{NULL, NULL, "FWDO_*", FIREWALLD},
	{NULL, NULL, "FORWARD_direct", FIREWALLD},
	{NULL, NULL, "LIBVIRT_*", LIBVIRT},
	{NULL, "libvirt_network", NULL, LIBVIRT},
};

static bool fits(const char *pattern, const char *name)
{
	size_t len = pattern ? strlen(pattern) : 0;

	if (!pattern)
		return true;
	if (len > 0 && pattern[len - 1] == '*')
		return strncmp(pattern, name, len - 1) == 0;
	return strcmp(pattern, name) == 0;
}

const struct vendor *vendor_of(const char *family, const char *table, const char *chain)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (fits(rows[i].family, family) && fits(rows[i].table, table) &&
		    fits(rows[i].chain, chain))
			return &rows[i].who;
	return NULL;
}
