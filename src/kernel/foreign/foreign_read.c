// SPDX-License-Identifier: GPL-2.0-or-later
// foreign_read: the host's rules, nf_tables' and legacy iptables', read as one model.
#include "foreign/foreign.h"
#include "nft/nft_refusal.h"

int survey_read(struct arena *arena, struct diags *diags, unsigned int what, struct survey *out)
{
	int err;

	*out = (struct survey){.arena = arena};
	err = survey_read_nft(out, what);
	if (err == 0)
		err = survey_read_xt(out);
	if (err != 0) {
		nft_explain_errno(diags, -err, "read the host's rules");
		return err;
	}
	survey_finish(out);
	return 0;
}
