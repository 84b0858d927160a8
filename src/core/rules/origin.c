// SPDX-License-Identifier: GPL-2.0-or-later
// origin: why a rule exists, in words.
#include "rules/origin.h"

const char *promise_name(enum promise promise)
{
	switch (promise) {
	case PROMISE_NONE:
		return "";
	case PROMISE_P1:
		return "P1";
	case PROMISE_P2:
		return "P2";
	case PROMISE_P3:
		return "P3";
	case PROMISE_P4:
		return "P4";
	case PROMISE__COUNT:
		break;
	}
	return "";
}

void origin_comment(const struct origin *origin, struct buf *out)
{
	const char *promise = promise_name(origin->promise);

	buf_puts(out, promise);
	if (origin->network)
		buf_printf(out, "%s%s", *promise ? " " : "", origin->network);
	if (*promise || origin->network)
		buf_puts(out, ": ");
	buf_puts(out, origin->text);
}
