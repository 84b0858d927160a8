// SPDX-License-Identifier: GPL-2.0-or-later
// copy: the host's present rules, of nf_tables and of legacy iptables.
#include "prove/copy.h"

#include <errno.h>
#include <string.h>

#include "base/diag_codes.h"
#include "nft/nft_refusal.h"
#include "xt/xt_library.h"

int copy_read(struct arena *arena, struct diags *diags, struct host_rules_copy *out)
{
	int err = raw_nft_read(arena, &out->nft);

	if (err != 0) {
		nft_refusal_errno(diags, -err, "read the host's nf_tables");
		return err;
	}
	return copy_xt_read(arena, diags, out);
}

int copy_load(struct diags *diags, struct host_rules_copy *copy)
{
	int err = copy_nft_load(diags, &copy->nft);

	return err ? err : copy_xt_load(diags, copy);
}

void copy_free(struct host_rules_copy *copy)
{
	for (size_t i = 0; i < copy->n_xt; i++)
		xt_libraries[copy->xt[i].family].free(copy->xt[i].handle);
	copy->n_xt = 0;
}
