// SPDX-License-Identifier: GPL-2.0-or-later
// description: families, interface patterns and translations.
#include "hostgate/description.h"

#include <string.h>

bool network_has_family(const struct network *network, enum family family)
{
	for (size_t i = 0; i < network->n_subnets; i++)
		if (network->subnets[i].prefix.addr.family == family)
			return true;
	return false;
}

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

bool ifpattern_matches(const struct ifpattern *pattern, const char *ifname)
{
	return pattern->wildcard ? starts_with(ifname, pattern->name)
				 : strcmp(ifname, pattern->name) == 0;
}

bool ifpattern_overlaps(const struct ifpattern *a, const struct ifpattern *b)
{
	if (a->wildcard && starts_with(b->name, a->name))
		return true;
	return ifpattern_matches(b, a->name);
}

const char *ifpattern_format(const struct ifpattern *pattern, char out[static IFNAME_SIZE + 1])
{
	size_t len = strlen(pattern->name);

	memcpy(out, pattern->name, len);
	out[len] = pattern->wildcard ? '*' : '\0';
	out[len + 1] = '\0';
	return out;
}

struct translation network_translation(const struct network *network, const struct uplink *uplink,
				       enum family family)
{
	if (network->snat == SNAT_ADDRESS && network->snat_address.family == family)
		return (struct translation){.address = network->snat_address};
	if (network->snat != SNAT_MASQUERADE && uplink->has_address[family])
		return (struct translation){.address = uplink->address[family]};
	return (struct translation){.masquerade = true};
}
