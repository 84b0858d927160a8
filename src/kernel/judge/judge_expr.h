// SPDX-License-Identifier: GPL-2.0-or-later
// judge_expr: the expressions of nf_tables, one function each, and the registers they work on.
#ifndef JUDGE_JUDGE_EXPR_H
#define JUDGE_JUDGE_EXPR_H

#include "judge/judge_eval.h"

#define JUDGE_REGISTERS 64

/** One rule at work. */
struct rule_run {
	const struct place_of_rule *at;
	uint8_t value[JUDGE_REGISTERS], known[JUDGE_REGISTERS]; /**< bit by bit */
	struct ruling *out;
	bool done; /**< a verdict was reached */
};

/** The expression may end the rule; why: what can't be told. */
void expr_may_break(struct rule_run *run, const char *why);

/** The expression ends the rule unless matches. */
void expr_decide(struct rule_run *run, enum tri matches);

/** The expression ends the rule for good. */
void expr_finish(struct rule_run *run, enum act act, const char *chain);

/** Tells whether the packet comes here for sure, so that what is changed is known. */
bool expr_is_sure(const struct rule_run *run);

/** Finds the register that an attribute names; false when there is none with len bytes. */
bool expr_register(const struct nlattr *data, uint16_t type, size_t len, size_t *at);

/** Puts a value into the register; value NULL: nothing is known of it; known NULL: all is. */
void expr_load(struct rule_run *run, const struct nlattr *data, uint16_t type, const void *value,
	      const void *known, size_t len);

/** Nothing is known any more of what the register may hold. */
void expr_forget(struct rule_run *run, const struct nlattr *data, uint16_t type);

/** Returns the bytes of a constant, or NULL when it has fewer; and how many it has. */
const uint8_t *expr_constant(const struct nlattr *data, uint16_t type, size_t len);
size_t expr_constant_len(const struct nlattr *data, uint16_t type);

/** The expressions; data: NFTA_EXPR_DATA, or NULL. */
typedef void expr_eval(struct rule_run *run, const struct nlattr *data);

expr_eval eval_meta, eval_payload, eval_ct, eval_fib, eval_unknown_load; /* judge_load.c */
expr_eval eval_bitwise, eval_byteorder, eval_cmp, eval_range;		/* judge_compute.c */

#endif
