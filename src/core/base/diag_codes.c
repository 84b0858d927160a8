// SPDX-License-Identifier: GPL-2.0-or-later
// diag_codes: the table of codes as data.
#include "base/diag_codes.h"

const struct diag_code_row diag_codes[DIAG_CODE__COUNT] = {
#define DIAG_CODE_ROW(name, code, meaning) {code, meaning},
	DIAG_CODES(DIAG_CODE_ROW)
#undef DIAG_CODE_ROW
};
