// SPDX-License-Identifier: GPL-2.0-or-later
// host: what status tells about the host beside the rules.
#ifndef PROGRAM_HOST_H
#define PROGRAM_HOST_H

#include "hostgate/description.h"
#include "program/run.h"

/**
 * Queues a note when bridged frames are handed to the rules (br_netfilter) and an interface of a
 * network is a bridge.
 */
void host_note_bridges(struct run *run, const struct description *description);

/** Queues one note that names the description's interfaces that do not exist. */
void host_note_missing(struct run *run, const struct description *description);

#endif
