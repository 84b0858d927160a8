// SPDX-License-Identifier: GPL-2.0-or-later
// query: reads which packet is asked about.
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "hostgate/explain.h"

/* Longest text of an endpoint: an address in brackets, a port, a protocol. */
#define ENDPOINT_SIZE 96

static bool in_prefix(const struct addr *addr, const char *text)
{
	struct prefix prefix;

	return prefix_parse(text, &prefix) && prefix_contains(&prefix, addr);
}

/* Addresses that no packet between two machines carries, or that no host forwards. */
static bool check_address(const char *what, const char *text, const struct addr *addr,
			  struct buf *error)
{
	static const struct {
		const char *prefix, *why;
	} senseless[] = {
		{"0.0.0.0/8", "is not the address of a machine"},
		{"::/128", "is not the address of a machine"},
		{"127.0.0.0/8", "never leaves a machine"},
		{"::1/128", "never leaves a machine"},
		{"224.0.0.0/4", "is a multicast address, which no rule lets through"},
		{"ff00::/8", "is a multicast address, which no rule lets through"},
		{"255.255.255.255/32", "is for the machines on one link and is never forwarded"},
		{"fe80::/10", "is an address on one link only and is never forwarded"},
	};

	for (size_t i = 0; i < sizeof(senseless) / sizeof(*senseless); i++)
		if (in_prefix(addr, senseless[i].prefix)) {
			buf_printf(error, "%s: %s %s", what, text, senseless[i].why);
			return false;
		}
	return true;
}

static bool read_address(const char *what, const char *text, struct addr *out, struct buf *error)
{
	struct prefix prefix;

	if (addr_parse(text, out))
		return check_address(what, text, out, error);
	if (prefix_parse(text, &prefix))
		buf_printf(error, "%s: \"%.64s\" is a subnet; give one address in it", what, text);
	else
		buf_printf(error,
			   "%s: \"%.64s\" is not an IPv4 or IPv6 address; names are not looked up",
			   what, text);
	return false;
}

static bool read_protocol(const char *text, enum family family, struct query *out,
			  struct buf *error)
{
	if (strcmp(text, "tcp") == 0)
		out->l4proto = IPPROTO_TCP;
	else if (strcmp(text, "udp") == 0)
		out->l4proto = IPPROTO_UDP;
	else if (strcmp(text, "icmp") == 0)
		out->l4proto = family == FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	if (out->l4proto)
		return true;
	buf_printf(error, "DST: the protocol \"%.64s\" is not tcp, udp or icmp", text);
	return false;
}

static bool read_port(const char *text, struct query *out, struct buf *error)
{
	size_t len = strspn(text, "0123456789");
	unsigned long port = len > 0 && len <= 5 ? strtoul(text, NULL, 10) : 0;

	if (text[len] != '\0' || port == 0 || port > UINT16_MAX) {
		buf_printf(error, "DST: \"%.64s\" is not a port from 1 to 65535", text);
		return false;
	}
	out->has_port = true;
	out->port = (uint16_t)port;
	return true;
}

/* Takes the port off an endpoint: behind brackets, or behind the only colon. */
static bool split_port(char *text, char **address, char **port, struct buf *error)
{
	char *colon = strchr(text, ':');

	*address = text;
	*port = NULL;
	if (*text == '[') {
		char *end = strchr(text, ']');

		if (!end || (end[1] != '\0' && end[1] != ':')) {
			buf_printf(error, "DST: \"%.64s\" does not have the form [ADDRESS]:PORT",
				   text);
			return false;
		}
		*address = text + 1;
		*port = end[1] ? end + 2 : NULL;
		*end = '\0';
	} else if (colon && !strchr(colon + 1, ':')) {
		*colon = '\0';
		*port = colon + 1;
	}
	return true;
}

/* A machine that has no address yet asks everybody on its link for one. */
static bool read_dhcp(const char *src, const char *dst, struct query *out)
{
	if (strcmp(src, "0.0.0.0") != 0 || (strcmp(dst, "255.255.255.255") != 0 &&
					    strcmp(dst, "255.255.255.255:67") != 0 &&
					    strcmp(dst, "255.255.255.255:67/udp") != 0))
		return false;
	*out = (struct query){.l4proto = IPPROTO_UDP, .has_port = true, .port = 67, .dhcp = true};
	return addr_parse(src, &out->saddr) && addr_parse("255.255.255.255", &out->daddr);
}

bool query_read(const char *src, const char *dst, struct query *out, struct buf *error)
{
	char text[ENDPOINT_SIZE], *address, *port, *protocol;

	if (read_dhcp(src, dst, out))
		return true;
	*out = (struct query){0};
	if (!read_address("SRC", src, &out->saddr, error))
		return false;
	if (strlen(dst) >= sizeof(text)) {
		buf_puts(error, "DST: too long for ADDRESS[:PORT][/PROTO]");
		return false;
	}
	strcpy(text, dst);
	protocol = strrchr(text, '/');
	/* "/24" is the mistake of a subnet, and said to be one. */
	if (protocol && protocol[1 + strspn(protocol + 1, "0123456789")] == '\0')
		protocol = NULL;
	if (protocol)
		*protocol++ = '\0';
	if (!split_port(text, &address, &port, error) ||
	    !read_address("DST", address, &out->daddr, error) ||
	    (protocol && !read_protocol(protocol, out->daddr.family, out, error)) ||
	    (port && !read_port(port, out, error)))
		return false;
	if (port && (out->l4proto == IPPROTO_ICMP || out->l4proto == IPPROTO_ICMPV6)) {
		buf_puts(error, "DST: icmp has no ports");
		return false;
	}
	if (out->saddr.family != out->daddr.family) {
		buf_printf(error, "SRC is an %s address, DST an %s address: no packet has both",
			   family_name(out->saddr.family), family_name(out->daddr.family));
		return false;
	}
	if (addr_equal(&out->saddr, &out->daddr)) {
		buf_puts(error, "SRC and DST are the same address");
		return false;
	}
	return true;
}
