// SPDX-License-Identifier: GPL-2.0-or-later
// addr: reading, writing and comparing addresses and prefixes.
#include "hostgate/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const struct {
	const char *name;
	int af;
	unsigned int bits;
} families[FAMILY__COUNT] = {
	[FAMILY_IPV4] = {"IPv4", AF_INET, 32},
	[FAMILY_IPV6] = {"IPv6", AF_INET6, 128},
};

unsigned int family_bits(enum family family)
{
	return families[family].bits;
}

const char *family_name(enum family family)
{
	return families[family].name;
}

bool addr_parse(const char *text, struct addr *out)
{
	struct addr addr = {.family = strchr(text, ':') ? FAMILY_IPV6 : FAMILY_IPV4};

	if (inet_pton(families[addr.family].af, text, addr.bytes) != 1)
		return false;
	*out = addr;
	return true;
}

/* Reads a decimal number of 1 to 3 digits without leading zeros, at most max. */
static bool length_parse(const char *text, unsigned int max, uint8_t *out)
{
	unsigned int value = 0;
	size_t n = 0;

	for (; text[n] >= '0' && text[n] <= '9' && n < 4; n++)
		value = value * 10 + (unsigned int)(text[n] - '0');
	if (!n || n > 3 || text[n] || (n > 1 && text[0] == '0') || value > max)
		return false;
	*out = (uint8_t)value;
	return true;
}

bool prefix_parse(const char *text, struct prefix *out)
{
	const char *slash = strchr(text, '/');
	char address[INET6_ADDRSTRLEN];
	struct prefix prefix;

	if (!slash || (size_t)(slash - text) >= sizeof(address))
		return false;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (!addr_parse(address, &prefix.addr) ||
	    !length_parse(slash + 1, family_bits(prefix.addr.family), &prefix.len))
		return false;
	*out = prefix;
	return true;
}

/* Returns the mask of byte i of a prefix of len bits. */
static uint8_t mask_byte(unsigned int len, unsigned int i)
{
	if (len >= 8 * (i + 1))
		return 0xff;
	if (len <= 8 * i)
		return 0;
	return (uint8_t)(0xff00u >> (len - 8 * i));
}

/* Tells whether two addresses of one family share their first len bits. */
static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned int len)
{
	for (unsigned int i = 0; 8 * i < len; i++)
		if ((a[i] ^ b[i]) & mask_byte(len, i))
			return false;
	return true;
}

struct prefix prefix_truncate(const struct prefix *prefix)
{
	struct prefix truncated = *prefix;

	for (unsigned int i = 0; i < sizeof(truncated.addr.bytes); i++)
		truncated.addr.bytes[i] &= mask_byte(prefix->len, i);
	return truncated;
}

bool prefix_has_host_bits(const struct prefix *prefix)
{
	struct prefix truncated = prefix_truncate(prefix);

	return !addr_equal(&truncated.addr, &prefix->addr);
}

bool prefix_contains(const struct prefix *prefix, const struct addr *addr)
{
	return prefix->addr.family == addr->family &&
	       same_bits(prefix->addr.bytes, addr->bytes, prefix->len);
}

bool prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	return a->len <= b->len ? prefix_contains(a, &b->addr) : prefix_contains(b, &a->addr);
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return addr_compare(a, b) == 0;
}

int addr_compare(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, family_bits(a->family) / 8);
}

const char *addr_format(const struct addr *addr, char out[static ADDR_TEXT_SIZE])
{
	inet_ntop(families[addr->family].af, addr->bytes, out, ADDR_TEXT_SIZE);
	return out;
}

const char *prefix_format(const struct prefix *prefix, char out[static ADDR_TEXT_SIZE])
{
	size_t len;

	addr_format(&prefix->addr, out);
	len = strlen(out);
	snprintf(out + len, ADDR_TEXT_SIZE - len, "/%u", (unsigned int)prefix->len);
	return out;
}

struct addr addr_step(struct addr addr, int step)
{
	int carry = step;

	for (size_t i = family_bits(addr.family) / 8; i-- > 0 && carry != 0;) {
		int sum = addr.bytes[i] + carry;

		addr.bytes[i] = (uint8_t)(sum & 0xff);
		carry = sum >> 8;
	}
	return addr;
}

struct addr prefix_last(const struct prefix *prefix)
{
	struct addr addr = prefix->addr;

	for (unsigned int bit = prefix->len; bit < family_bits(addr.family); bit++)
		addr.bytes[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	return addr;
}
