// SPDX-License-Identifier: GPL-2.0-or-later
// judge_eval: what judge.c and the readers of both kinds of rules share.
#ifndef JUDGE_JUDGE_EVAL_H
#define JUDGE_JUDGE_EVAL_H

#include "judge/judge.h"

/** What a rule wants to be done with the packet that it matches. */
enum act {
	ACT_NEXT, /**< nothing: the next rule */
	ACT_ACCEPT,
	ACT_DROP,
	ACT_REJECT,
	ACT_QUEUE,
	ACT_RETURN,
	ACT_JUMP,
	ACT_GOTO,
	ACT_UNKNOWN, /**< who knows; it may be dropped */
	ACT__COUNT
};

/** Most ways one lookup in a verdict map may lead to when the key is not known whole. */
#define ACTS_MAX 64

struct ruling {
	enum tri match;
	enum act act;
	const char *chain; /**< ACT_JUMP, ACT_GOTO */
	bool translates;
	/* Of a verdict map that can't be looked up for sure: others that may be it. */
	size_t n_others;
	struct {
		enum act act;
		const char *chain;
	} others[ACTS_MAX];
};

/** Where conntrack sees a packet. */
#define JUDGE_CONNTRACK_PRIORITY (-200)

/** Where a rule is judged. */
struct place_of_rule {
	struct judge *judge;
	const struct foreign_table *table;
	unsigned int hook;
	int priority;
	bool certain; /**< the packet comes here for sure: what the rule changes is known after it */
};

void judge_rule_nft(const struct place_of_rule *at, const struct foreign_rule *rule,
		    struct ruling *out);
void judge_rule_xt(const struct place_of_rule *at, const struct foreign_rule *rule,
		   struct ruling *out);

/** Whether nothing changes the source (or destination) of a forwarded packet on its way. */
bool judge_is_as_sent(const struct judge *judge, bool source);

/**
 * Gives the source (or destination) that the connection's first packet had. False: not known, or
 * the packet stands for many.
 */
bool judge_original(const struct judge *judge, bool source, struct addr *out);

/** Whether a match of iptables fits; data: what follows its struct xt_entry_match. */
enum tri judge_match_xt(const struct place_of_rule *at, const char *name, unsigned int revision,
			const void *data, size_t len);

/** What a target of iptables does; certain: the rule matches for sure. */
void judge_target_xt(const struct place_of_rule *at, const char *name, unsigned int revision,
		     const void *data, size_t len, bool certain, struct ruling *out);

/** What conntrack knows there: TRI_NO: it has not seen the packet (yet); value, known: the state. */
enum tri judge_conntrack(const struct place_of_rule *at, uint32_t *state, uint32_t *known);

/** Remembers what can't be told and returns TRI_MAYBE. */
enum tri judge_untold(const struct place_of_rule *at, const char *what);

/** Sets the mark by mark = (mark & ~mask) ^ value; unsure: nobody knows any more. */
void judge_set_mark(struct judge *judge, uint32_t value, uint32_t mask, bool sure);

/** Notes a translation; addr, port: to what, NULL or 0 when that is not known. */
void judge_translate(const struct place_of_rule *at, bool source, const struct addr *addr,
		     uint16_t port, bool port_kept, bool sure);

/** Notes a masquerade. */
void judge_masquerade(const struct place_of_rule *at, bool sure);

/**
 * Does what comes before the base chain of this priority at the present hook, once (*done):
 * conntrack's own translation of a connection that has one, and what the caller foresees.
 */
void judge_remap(struct judge *judge, int priority, bool *done);

static inline enum tri tri_not(enum tri t)
{
	return t == TRI_MAYBE ? TRI_MAYBE : t == TRI_YES ? TRI_NO : TRI_YES;
}

static inline enum tri tri_of(bool truth)
{
	return truth ? TRI_YES : TRI_NO;
}

static inline enum tri tri_and(enum tri a, enum tri b)
{
	if (a == TRI_NO || b == TRI_NO)
		return TRI_NO;
	return a == TRI_YES && b == TRI_YES ? TRI_YES : TRI_MAYBE;
}

static inline enum tri tri_or(enum tri a, enum tri b)
{
	return tri_not(tri_and(tri_not(a), tri_not(b)));
}

/** Tells whether len bytes, of which the bits of known are known, equal those of wanted. */
enum tri bits_equal(const uint8_t *value, const uint8_t *known, const uint8_t *wanted, size_t len);

/** Tells whether all bits are known. */
bool bits_known(const uint8_t *known, size_t len);

/** What a lookup found. */
struct lookup {
	enum tri found;
	const struct foreign_element *sure; /**< the element, when it is found for sure */
	const struct foreign_element *maybe[ACTS_MAX]; /**< those that it may be; else */
	size_t n_maybe;
	bool more; /**< and further ones */
};

/** Looks a key up, of which the bits of known are known. */
void judge_lookup(const struct foreign_set *set, const uint8_t *value, const uint8_t *known,
		  struct lookup *out);

#endif
