// SPDX-License-Identifier: GPL-2.0-or-later
// words: how the values of description.h's enums are written, in the order of the enums.
#ifndef MODEL_WORDS_H
#define MODEL_WORDS_H

#include "hostgate/description.h"

extern const char *const mode_words[MODE__COUNT];
extern const char *const backend_words[BACKEND__COUNT];
extern const char *const forwarding_words[FORWARDING__COUNT];
extern const char *const deny_words[DENY__COUNT];
extern const char *const hole_words[HOLE__COUNT];

#endif
