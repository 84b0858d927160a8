// SPDX-License-Identifier: GPL-2.0-or-later
// wire: sends and captures frames at the wires' other ends, and packets of the host itself.
#ifndef PROVE_WIRE_H
#define PROVE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/frame.h"

/** Called for every captured IP packet. */
typedef void (*wire_fn)(const struct sight *sight, void *data);

struct wire {
	const struct probe_list *list;
	uint8_t mark[FRAME_MARK_SIZE];
	uint32_t canary_port;
	uint32_t n_canaries;
	int capture, sender;	/**< in the wires' namespace */
	int raw[FAMILY__COUNT]; /**< in the host's */
	wire_fn seen;
	void *data;
};

/** Prepares the sockets of the namespace that the process is in, the wires'. 0 or -errno. */
int wire_open(struct wire *wire);

/** Prepares those of the host's namespace. 0 or -errno. */
int wire_open_host(struct wire *wire);

/** Closes the sockets. */
void wire_close(struct wire *wire);

/** Sends a frame on the port's wire. 0 or -errno. */
int wire_send(struct wire *wire, uint32_t port, const struct frame *frame);

/** Lets the host itself send the frame's packet by a port. 0 (also when it was refused) or -errno. */
int wire_send_own(struct wire *wire, uint32_t port, const struct probe *probe,
		  const struct frame *frame);

/** Hands over what was captured until now. 0 or -errno. */
int wire_drain(struct wire *wire);

/**
 * Waits until the host is through with everything that was sent, and hands over what was captured
 * meanwhile. 0 or -errno: -ETIMEDOUT when it does not answer, -ENOBUFS when frames were lost.
 */
int wire_settle(struct wire *wire);

#endif
