// SPDX-License-Identifier: GPL-2.0-or-later
// exhaustion: what arena and buf call when memory runs out.
#ifndef BASE_EXHAUSTION_H
#define BASE_EXHAUSTION_H

/** Calls the handler of arena_on_exhaustion(); aborts when there is none or when it returns. */
_Noreturn void arena_exhausted(void);

#endif
