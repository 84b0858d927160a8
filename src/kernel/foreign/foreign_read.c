// SPDX-License-Identifier: GPL-2.0-or-later
// foreign_read: the host's rules, nf_tables' and legacy iptables', read as one model.
#include "foreign/foreign.h"
#include "nft/nft_refusal.h"

int foreign_read(struct arena *arena, struct diags *diags, unsigned int what, struct foreign *out)
{
	int err;

	*out = (struct foreign){.arena = arena};
	err = foreign_read_nft(out, what);
	if (err == 0)
		err = foreign_read_xt(out);
	if (err != 0) {
		nft_refusal_errno(diags, -err, "read the host's rules");
		return err;
	}
	foreign_finish(out);
	return 0;
}
