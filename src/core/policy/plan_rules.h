// SPDX-License-Identifier: GPL-2.0-or-later
// plan_rules: the chains and rules of a ruleset, over the sets that plan.c fills.
#ifndef POLICY_PLAN_RULES_H
#define POLICY_PLAN_RULES_H

#include "policy/plan_parts.h"

/** Adds all chains and rules. The sets have their elements already: what is empty gets no rule. */
void plan_rules(struct plan *plan);

/** The stages: a packet comes in, is for the host, or of it, is forwarded, leaves. */
void plan_door(struct plan *plan);
void plan_input(struct plan *plan);
void plan_answers(struct plan *plan);
void plan_forward(struct plan *plan);
void plan_outbound(struct plan *plan);
void plan_translation(struct plan *plan);
void plan_guard(struct plan *plan);

#endif
