// SPDX-License-Identifier: GPL-2.0-or-later
// ifname: why a text can't be the name of an interface: to the kernel, iptables or this program.
#include "text/ifname.h"

#include <string.h>

#include "hostgate/description.h"

const char *ifname_problem(const char *name, bool wildcard)
{
	size_t len = strlen(name);

	if (!len)
		return wildcard ? "would mean every interface, the uplinks included" : "is empty";
	if (len >= IFNAME_SIZE)
		return "is longer than 15 bytes";
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)name[i];

		if (byte == '/')
			return "contains a slash, which no interface name can";
		if (byte == ':')
			return "contains a colon, which no interface name can";
		if (byte == '*')
			return "contains a * that is not at its end";
		/* The kernel takes 0xa0 for a space too, also inside a UTF-8 character. */
		if (byte <= ' ' || byte == 0x7f || byte == 0xa0)
			return "contains a space or control byte, which no interface name can";
	}
	if (wildcard)
		return NULL;
	if (name[len - 1] == '+')
		return "ends in +, which iptables would read as a pattern";
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return "is not a name the kernel allows";
	if (strcmp(name, "all") == 0 || strcmp(name, "default") == 0)
		return "stands for all interfaces in the kernel's sysctls";
	if (strcmp(name, "lo") == 0)
		return "is the loopback interface, which leads nowhere";
	return NULL;
}
