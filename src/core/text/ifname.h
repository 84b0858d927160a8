// SPDX-License-Identifier: GPL-2.0-or-later
// ifname: what may be the name of an interface.
#ifndef TEXT_IFNAME_H
#define TEXT_IFNAME_H

#include <stdbool.h>

/**
 * Says why a text can't be the name of an interface, as the end of a sentence ("is longer than 15
 * bytes"), or returns NULL when it can. wildcard: the text is the beginning of a pattern.
 */
const char *ifname_problem(const char *name, bool wildcard);

#endif
