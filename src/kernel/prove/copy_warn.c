// SPDX-License-Identifier: GPL-2.0-or-later
// copy_warn: says what of the host's rules is not in the copy.
#include <string.h>

#include "base/diag_codes.h"
#include "prove/copy.h"

void copy_warn(struct diags *diags, const char *what, int err, const char *text)
{
	struct diag *diag =
		diag_add(diags, SEVERITY_WARNING, CODE(COPY_LEFT_OUT), PLACE_NONE,
			 "not copied: %s of the host: the kernel refuses it: %s%s%s%s", what,
			 strerror(err), text ? " (" : "", text ? text : "", text ? ")" : "");

	diag->err = err;
	diag_hint(diags, diag, "the proof is about the host without it");
}
