// SPDX-License-Identifier: GPL-2.0-or-later
// tell_opening: which key of the description would let a refused packet pass.
#ifndef EMIT_TELL_OPENING_H
#define EMIT_TELL_OPENING_H

#include "emit/print_explain.h"

/** Sets the hint of a refused way, and its place. */
void tell_opening(struct arena *arena, const struct way *way, struct told *told);

#endif
