// SPDX-License-Identifier: GPL-2.0-or-later
// expect: what should happen to a packet, by the description alone; what prove judges rules with.
#ifndef POLICY_EXPECT_H
#define POLICY_EXPECT_H

#include "hostgate/description.h"
#include "hostgate/simulate.h"

struct expectation {
	bool passes;
	bool translated;
	bool masquerade;    /**< translated to an address of the out-interface */
	struct addr source; /**< as it leaves, unless masquerade */
};

/** Returns what the policy says about the packet. Knows of no rules. */
struct expectation expect_packet(const struct description *description,
				 const struct packet *packet);

/** Returns the network whose interface it is, or NULL. */
const struct network *expect_network(const struct description *description, const char *ifname);

/** Tells whether the address is in one of the network's subnets. */
bool expect_member(const struct network *network, const struct addr *addr);

#endif
