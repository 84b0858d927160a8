// SPDX-License-Identifier: GPL-2.0-or-later
// backend: which ways to have rules there are, and which of them the kernel has.
#include "apply/backend.h"

#include <errno.h>
#include <string.h>

#include "base/diag_codes.h"

const struct backend_info *const backend_list[BACKEND__COUNT] = {
	[BACKEND_AUTO] = NULL, /* one of the others */
	[BACKEND_NFTABLES] = &backend_nft,
	[BACKEND_IPTABLES] = &backend_xt,
};

/* No answer but "not permitted" tells that it is there: the first use of it will say so. */
static bool is_there(const struct backend_info *info, int *err)
{
	*err = info->probe();
	return *err == 0 || *err == -EPERM || *err == -EACCES;
}

int backend_choose(struct diags *diags, enum backend wanted, enum backend *out)
{
	struct diag *diag;
	int nft, xt;

	*out = wanted;
	if (wanted != BACKEND_AUTO)
		return 0;
	*out = BACKEND_NFTABLES;
	if (is_there(&backend_nft, &nft))
		return 0;
	*out = BACKEND_IPTABLES;
	if (is_there(&backend_xt, &xt))
		return 0;
	diag = diag_add(diags, SEVERITY_ERROR, CODE(NO_BACKEND), PLACE_NONE,
			"the kernel has neither nf_tables (%s) nor iptables (%s)", strerror(-nft),
			strerror(-xt));
	diag->err = -nft;
	diag_hint(diags, diag,
		  "load the kernel's module nf_tables, or ip_tables and ip6_tables; a kernel "
		  "without them needs CONFIG_NF_TABLES and CONFIG_NF_TABLES_INET");
	return nft;
}
