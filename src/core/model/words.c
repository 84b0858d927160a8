// SPDX-License-Identifier: GPL-2.0-or-later
// words: the values of the description's enums as one writes them.
#include "model/words.h"

const char *const mode_words[MODE__COUNT] = {
	[MODE_ISOLATED] = "isolated",
	[MODE_NAT] = "nat",
	[MODE_ROUTED] = "routed",
};

const char *const backend_words[BACKEND__COUNT] = {
	[BACKEND_AUTO] = "auto",
	[BACKEND_NFTABLES] = "nftables",
	[BACKEND_IPTABLES] = "iptables",
};

const char *const forwarding_words[FORWARDING__COUNT] = {
	[FORWARDING_AUTO] = "auto",
	[FORWARDING_INTERFACES] = "interfaces",
	[FORWARDING_DISABLED] = "disabled",
	[FORWARDING_KEEP] = "keep",
};

const char *const deny_words[DENY__COUNT] = {
	[DENY_REJECT] = "reject",
	[DENY_DROP] = "drop",
};

const char *const hole_words[HOLE__COUNT] = {
	[HOLE_DOCKER] = "docker",
	[HOLE_UFW] = "ufw",
	[HOLE_IPTABLES] = "iptables",
};

const char *mode_name(enum mode mode)
{
	return mode_words[mode];
}

const char *backend_name(enum backend backend)
{
	return backend_words[backend];
}

const char *forwarding_name(enum forwarding forwarding)
{
	return forwarding_words[forwarding];
}

const char *deny_name(enum deny deny)
{
	return deny_words[deny];
}

const char *hole_name(enum hole hole)
{
	return hole_words[hole];
}
