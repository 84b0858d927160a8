// SPDX-License-Identifier: GPL-2.0-or-later
// judge_set: lookups in sets of nf_tables, also of keys that are not known whole.
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "judge/judge_eval.h"

/*
 * Theory of operation
 *
 * A set of intervals is a row of ends: an element begins an interval that lasts until the next
 * element, and one that is flagged as an end begins a gap. A set of concatenations with intervals
 * holds both ends of each field in one element. All others hold keys as they are.
 */

enum tri bits_equal(const uint8_t *value, const uint8_t *known, const uint8_t *wanted, size_t len)
{
	enum tri equal = TRI_YES;

	for (size_t i = 0; i < len; i++) {
		if ((value[i] ^ wanted[i]) & known[i])
			return TRI_NO;
		if (known[i] != 0xff)
			equal = TRI_MAYBE;
	}
	return equal;
}

bool bits_known(const uint8_t *known, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (known[i] != 0xff)
			return false;
	return true;
}

static enum tri in_range(const uint8_t *value, const uint8_t *known, const uint8_t *from,
			 const uint8_t *to, size_t len)
{
	if (memcmp(from, to, len) == 0)
		return bits_equal(value, known, from, len);
	if (!bits_known(known, len))
		return TRI_MAYBE;
	return tri_of(memcmp(value, from, len) >= 0 && memcmp(value, to, len) <= 0);
}

/* Each field of a concatenation is in its own interval. */
static enum tri in_fields(const struct foreign_set *set, const struct foreign_element *e,
			  const uint8_t *value, const uint8_t *known)
{
	const uint8_t *end = e->key_end ? e->key_end : e->key;
	enum tri in = TRI_YES;
	size_t at = 0;

	for (size_t f = 0; f < set->n_fields; f++) {
		if (at + set->field_len[f] > set->key_len)
			return TRI_MAYBE;
		in = tri_and(in, in_range(value + at, known + at, e->key + at, end + at,
					  set->field_len[f]));
		at += (set->field_len[f] + 3u) & ~3u;
	}
	return set->n_fields ? in : in_range(value, known, e->key, end, set->key_len);
}

static void add_maybe(struct lookup *out, const struct foreign_element *e)
{
	out->found = TRI_MAYBE;
	if (out->n_maybe < ACTS_MAX)
		out->maybe[out->n_maybe++] = e;
	else
		out->more = true;
}

/* Returns true when nothing else needs to be looked at. */
static bool add(struct lookup *out, const struct foreign_element *e, enum tri in)
{
	if (in == TRI_YES && !e->conditional) {
		out->sure = e;
		out->found = TRI_YES;
		return true;
	}
	if (in != TRI_NO)
		add_maybe(out, e);
	return false;
}

static void look_up_interval(const struct foreign_set *set, const uint8_t *value,
			     const uint8_t *known, struct lookup *out)
{
	const struct foreign_element *last = NULL;
	bool whole = bits_known(known, set->key_len);

	for (size_t i = 0; i < set->n_elements; i++) {
		const struct foreign_element *e = &set->elements[i];

		if (!e->key)
			continue;
		if (!whole && !e->interval_end)
			add_maybe(out, e);
		if (whole && memcmp(e->key, value, set->key_len) <= 0)
			last = e;
	}
	if (last && !last->interval_end)
		add(out, last, TRI_YES);
}

static void look_up_keys(const struct foreign_set *set, const uint8_t *value, const uint8_t *known,
			 struct lookup *out)
{
	for (size_t i = 0; i < set->n_elements; i++) {
		const struct foreign_element *e = &set->elements[i];

		if (e->key && add(out, e,
				  e->key_end || set->flags & NFT_SET_INTERVAL
					  ? in_fields(set, e, value, known)
					  : bits_equal(value, known, e->key, set->key_len)))
			return;
	}
}

static bool has_ends(const struct foreign_set *set)
{
	if (!(set->flags & NFT_SET_INTERVAL) || set->flags & NFT_SET_CONCAT)
		return false;
	for (size_t i = 0; i < set->n_elements; i++)
		if (set->elements[i].key_end)
			return false;
	return true;
}

void judge_lookup(const struct foreign_set *set, const uint8_t *value, const uint8_t *known,
		  struct lookup *out)
{
	out->found = TRI_NO;
	out->sure = NULL;
	out->n_maybe = 0;
	out->more = false;
	if (has_ends(set))
		look_up_interval(set, value, known, out);
	else
		look_up_keys(set, value, known, out);
	for (size_t i = 0; i < set->n_elements && !out->sure; i++)
		if (set->elements[i].catchall)
			add(out, &set->elements[i], out->n_maybe ? TRI_MAYBE : TRI_YES);
}
