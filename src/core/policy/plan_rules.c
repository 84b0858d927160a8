// SPDX-License-Identifier: GPL-2.0-or-later
// plan_rules: the chains and rules of a ruleset, over the sets that plan.c fills.
/*
 * Theory of operation
 *
 * A chain is entered by goto and ends by accept, drop or reject: a packet's way through a stage is
 * one path, and what is not accepted on the way is refused at its end. Deny first: a packet that
 * came in on a network is judged as a leaving one; no rule about entering lets it pass. Counting
 * decides nothing: where the verdict asks for no set that could count, a rule in front of it does
 * nothing but count.
 *
 * An inside address belongs to one place, in both directions; the host's routes have no say in it:
 *
 *   as a source, in       It comes in on its network's interface (door), and is no address of the
 *                         host. On any other interface it is believed only where the host's own
 *                         route to it leads out there (a LAN that has the same subnet) and the host
 *                         has asked for it. It is not forwarded.
 *   as a destination, out A packet to it leaves by its network's interface. By another one only
 *                         what the host begins itself, with an address of that interface: to a LAN
 *                         that has the same subnet. Answers do not.
 *   as a source, out      Not by an uplink, before or after translation.
 *
 * Where nothing may leave, nothing asks for a connection: rules that do make the kernel track all
 * connections of the host. The host's answers are then told by what they are, and a LAN's packets
 * to it by the route alone.
 */
#include "policy/plan_rules.h"

void plan_rules(struct plan *plan)
{
	plan_door(plan);
	plan_input(plan);
	plan_forward(plan);
	plan_answers(plan);
	plan_outbound(plan);
	if (!plan_has(plan, plan->snat))
		return;
	plan_translation(plan);
	plan_guard(plan);
}
