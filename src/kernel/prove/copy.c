// SPDX-License-Identifier: GPL-2.0-or-later
// copy: the host's present rules, of nf_tables and of legacy iptables.
#include "prove/copy.h"

#include <errno.h>
#include <string.h>

#include "base/diag_codes.h"
#include "nft/nft_refusal.h"
#include "xt/xt_library.h"

int mirror_read(struct arena *arena, struct diags *diags, struct mirror *out)
{
	int err = mirror_nft_read(arena, &out->nft);

	if (err != 0) {
		nft_explain_errno(diags, -err, "read the host's nf_tables");
		return err;
	}
	return mirror_xt_read(arena, diags, out);
}

int mirror_load(struct diags *diags, struct mirror *mirror)
{
	int err = mirror_nft_load(diags, &mirror->nft);

	return err ? err : mirror_xt_load(diags, mirror);
}

void mirror_free(struct mirror *mirror)
{
	for (size_t i = 0; i < mirror->n_xt; i++)
		xt_libraries[mirror->xt[i].family].free(mirror->xt[i].handle);
	mirror->n_xt = 0;
}
