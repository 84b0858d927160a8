// SPDX-License-Identifier: GPL-2.0-or-later
// tell_opening: which key of the description would let a refused packet pass.
#ifndef PRINT_TELL_OPENING_H
#define PRINT_TELL_OPENING_H

#include "print/print_explain.h"

/** Sets the hint of a refused way, and its place. */
void tell_opening(struct arena *arena, const struct explained_path *path, struct told *told);

#endif
