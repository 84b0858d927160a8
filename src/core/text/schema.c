// SPDX-License-Identifier: GPL-2.0-or-later
// schema: every key of the language, with its type, default, documentation and functions.
#include "text/schema.h"

#include <string.h>

#include "model/words.h"
#include "text/values.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define WORDS(array) .words = (array), .n_words = COUNT(array)
#define ENTRY_AT(type, field) .at = offsetof(struct type, field)
#define PLACE_AT(type, field) .place_at = offsetof(struct type, field)

static const char *const snat_words[] = {"masquerade"};
static const char *const others_words[] = {"keep", "drop"};
static const char *const host_words[] = {"all", "none"};
static const char *const who_words[] = {"any"};

/* Enough to catch a slip in an editor; whether it is right is for the reader to say. */
#define NAME_PATTERN	"^[A-Za-z0-9_.-]{1,64}$"
#define ADDRESS_PATTERN "([0-9]{1,3}(\\.[0-9]{1,3}){3}|[0-9A-Fa-f.]*(:[0-9A-Fa-f.]*)+)"

const struct schema_kind_row schema_kinds[KIND__COUNT] = {
	[KIND_ENTRIES] = {"a map of names", "a map from names to maps", NAME_PATTERN},
	[KIND_SECTION] = {"a map", "a map", NULL},
	[KIND_TRUTH] = {"true or false", "true or false, nothing else", NULL},
	[KIND_WORD] = {"one word", "one of the words listed", NULL},
	[KIND_INTERFACE] = {"an interface name",
			    "1 to 15 bytes, no slash, colon, space or control character",
			    "^[^/:*\\s]{1,15}$"},
	[KIND_PATTERN] = {"an interface name",
			  "an interface name, or its beginning and * for all that start with it",
			  "^[^/:*\\s]{1,15}\\*?$"},
	[KIND_ADDRESS] = {"an address", "an IPv4 or IPv6 address without a length",
			  "^" ADDRESS_PATTERN "$"},
	[KIND_PREFIX] = {"a subnet", "address/length, with no address bits beyond the length",
			 "^" ADDRESS_PATTERN "/[0-9]{1,3}$"},
	[KIND_UPLINK] = {"an uplink's name", "a name from uplinks", NAME_PATTERN},
	[KIND_NETWORK] = {"a network's name", "a name from networks", NAME_PATTERN},
	[KIND_SNAT] = {"an address or masquerade",
		       "an address, a range a-b, either with ports, or masquerade",
		       "^" ADDRESS_PATTERN "$"},
	[KIND_ENDPOINT] = {"an endpoint",
			   "WHO[:PORTS][/PROTO]: WHO is an address, a prefix, a range a-b or any; "
			   "IPv6 with ports in brackets",
			   "^[^\\s]+$"},
	[KIND_SERVICE] = {"a service", "dhcp, dns, ping, or PORT/PROTO",
			  "^(dhcp|dns|ping|[0-9]{1,5}/(tcp|udp))$"},
	[KIND_MAC] = {"a MAC address", "six bytes in hexadecimal with colons",
		      "^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$"},
};

const char *const schema_sections[SECTION__COUNT] = {
	[SECTION_TOP] = "a description",   [SECTION_UPLINK] = "an uplink",
	[SECTION_NETWORK] = "a network",   [SECTION_SETTINGS] = "settings",
	[SECTION_PUBLISH] = "a published door", [SECTION_SINK] = "a sink",
	[SECTION_GUEST] = "a guest",
};

/* clang-format off */
const struct schema_key schema_keys[] = {
	{SECTION_TOP, "uplinks", KIND_ENTRIES, .supported = true, .child = SECTION_UPLINK,
	 .example = "\n  eth0: {address: 203.0.113.11}",
	 .doc = "The host's interfaces to the outside, by name."},
	{SECTION_TOP, "networks", KIND_ENTRIES, .supported = true, .child = SECTION_NETWORK,
	 .example = "\n  vmnet1: {subnet: 192.168.56.0/24, mode: nat}",
	 .doc = "Host-only networks, by name. At least one."},
	{SECTION_TOP, "settings", KIND_SECTION, .supported = true, .child = SECTION_SETTINGS,
	 .example = "\n  forwarding: auto",
	 .doc = "Settings for the whole host."},

	{SECTION_UPLINK, "interface", KIND_INTERFACE, .supported = true, .example = "eth0",
	 .doc = "The interface. Default: the uplink's name.",
	 .read = read_uplink_interface, .print = print_uplink_interface},
	{SECTION_UPLINK, "address", KIND_ADDRESS, FORM_ONE_OR_LIST, .supported = true,
	 .example = "203.0.113.11",
	 .doc = "The public addresses that private sources are translated to, at most one IPv4 and "
		"one IPv6. Without one: masquerade.",
	 .read = read_uplink_address, .print = print_uplink_address},

	{SECTION_NETWORK, "interface", KIND_PATTERN, FORM_ONE_OR_LIST, .supported = true,
	 .example = "vmnet1",
	 .doc = "The host's interfaces on this network; tap* means all whose names start with tap. "
		"Default: the network's name.",
	 .read = read_interface, .print = print_interfaces},
	{SECTION_NETWORK, "subnet", KIND_PREFIX, FORM_ONE_OR_LIST, .required = true,
	 .supported = true, .example = "192.168.56.0/24",
	 .doc = "The network's subnets, IPv4 and IPv6. Without a subnet of a family, no packet of "
		"that family passes.",
	 .read = read_subnet, .print = print_subnets},
	{SECTION_NETWORK, "gateway", KIND_ADDRESS, FORM_ONE_OR_LIST, .supported = true,
	 .example = "192.168.56.1",
	 .doc = "The host's own addresses on this network.",
	 .read = read_gateway, .print = print_gateways},
	{SECTION_NETWORK, "mode", KIND_WORD, .supported = true, WORDS(mode_words),
	 .fallback = "isolated", .example = "nat",
	 .doc = "isolated: nothing passes. nat: packets go out with a public source. routed: "
		"packets go out unchanged.",
	 ENTRY_AT(network, mode), PLACE_AT(network, mode_place),
	 .read = read_word, .print = print_word},
	{SECTION_NETWORK, "uplink", KIND_UPLINK, FORM_ONE_OR_LIST, .supported = true,
	 .example = "eth0",
	 .doc = "The uplinks that its packets may leave through. Default: every uplink.",
	 .read = read_uplink_name, .print = print_uplink_names},
	{SECTION_NETWORK, "snat", KIND_SNAT, FORM_ONE_OR_MAP, .supported = true,
	 WORDS(snat_words), .example = "203.0.113.12",
	 .doc = "What the sources of a nat network are translated to. Default: the uplink's "
		"address.",
	 .read = read_snat, .print = print_snat},
	{SECTION_NETWORK, "nat-except", KIND_PREFIX, FORM_ONE_OR_LIST, .example = "[10.8.0.0/16]",
	 .doc = "Destinations reached with the private source, because they route back (a VPN)."},
	{SECTION_NETWORK, "allow-to", KIND_ENDPOINT, FORM_ONE_OR_LIST, WORDS(who_words),
	 .example = "[any:443/tcp]", .doc = "When given, only these destinations are allowed."},
	{SECTION_NETWORK, "deny-to", KIND_ENDPOINT, FORM_ONE_OR_LIST, WORDS(who_words),
	 .example = "[10.0.0.0/8]", .doc = "These destinations are not allowed; wins over "
					   "allow-to."},
	{SECTION_NETWORK, "allow-from", KIND_ENDPOINT, FORM_ONE_OR_LIST, WORDS(who_words),
	 .example = "[any]",
	 .doc = "routed only: who may open connections from outside. Default: nobody."},
	{SECTION_NETWORK, "reach", KIND_NETWORK, FORM_ONE_OR_LIST, .example = "[vmnet2]",
	 .doc = "Other networks whose guests it may open connections to."},
	{SECTION_NETWORK, "publish", KIND_SECTION, FORM_LIST, .child = SECTION_PUBLISH,
	 .example = "\n  - {listen: 203.0.113.11:8080/tcp, to: 192.168.56.10:80}",
	 .doc = "Doors from outside to a guest."},
	{SECTION_NETWORK, "host", KIND_SERVICE, FORM_ONE_OR_LIST, WORDS(host_words),
	 .fallback = "all", .example = "[dhcp, dns, ping, 22/tcp]",
	 .doc = "What guests may open on the host itself."},
	{SECTION_NETWORK, "log", KIND_TRUTH, .fallback = "false", .example = "true",
	 .doc = "Log what is refused, rate-limited, with the network's name."},
	{SECTION_NETWORK, "clamp-mss", KIND_TRUTH, .fallback = "false", .example = "true",
	 .doc = "Fit TCP to a smaller uplink (PPP, VPN)."},
	{SECTION_NETWORK, "sink", KIND_SECTION, .child = SECTION_SINK,
	 .example = "{dns: 192.168.56.1:53}",
	 .doc = "Where DNS and HTTP requests of an isolated lab end up, whatever their "
		"destination."},
	{SECTION_NETWORK, "guests", KIND_ENTRIES, .child = SECTION_GUEST,
	 .example = "\n  build: {address: 192.168.56.10, allow-to: [any:443/tcp]}",
	 .doc = "Exceptions for single guests; each key overrides the network's."},

	{SECTION_SETTINGS, "backend", KIND_WORD, .supported = true, WORDS(backend_words),
	 .fallback = "auto", .example = "auto",
	 .doc = "Which packet filter of the kernel to use. auto: nf_tables where the kernel has "
		"it, else iptables. When this changes, apply moves all rules over.",
	 ENTRY_AT(settings, backend), .read = read_word, .print = print_word},
	{SECTION_SETTINGS, "forwarding", KIND_WORD, .supported = true,
	 WORDS(forwarding_words), .fallback = "auto", .example = "auto",
	 .doc = "auto: switch on what the networks need. interfaces: only on interfaces of the "
		"description. disabled: off. keep: leave it as it is.",
	 ENTRY_AT(settings, forwarding), PLACE_AT(settings, forwarding_place),
	 .read = read_word, .print = print_word},
	{SECTION_SETTINGS, "others", KIND_WORD, WORDS(others_words), .fallback = "keep",
	 .example = "keep",
	 .doc = "Packets between interfaces that the description does not name."},
	{SECTION_SETTINGS, "deny", KIND_WORD, .supported = true, WORDS(deny_words),
	 .fallback = "reject", .example = "reject",
	 .doc = "What to do with guests' packets that are refused: reject sends an ICMP error, "
		"drop sends nothing.",
	 ENTRY_AT(settings, deny), .read = read_word, .print = print_word},
	{SECTION_SETTINGS, "harden", KIND_TRUTH, .supported = true, .fallback = "true",
	 .example = "true",
	 .doc = "Set interface sysctls that keep guests from becoming the host's router.",
	 ENTRY_AT(settings, harden), .read = read_truth, .print = print_truth},
	{SECTION_SETTINGS, "holes", KIND_WORD, FORM_ONE_OR_LIST, .supported = true, WORDS(hole_words),
	 .example = "[docker]",
	 .doc = "Firewalls of other programs that should let the networks' packets pass. A packet "
		"that hostgate accepts can still be dropped by another table: on a host where "
		"iptables' policy in FORWARD is DROP, as Docker and ufw set it, guests are cut "
		"off. A hole is a set of rules in the chain that such a firewall reserves for the "
		"administrator: docker: DOCKER-USER; ufw: ufw-user-forward and ufw6-user-forward; "
		"iptables: FORWARD itself. They accept packets from a network to its uplinks, the "
		"replies, and packets within a network, and nothing else; what hostgate refuses "
		"stays refused. Each rule has a comment that begins with \"hostgate: \". They are "
		"added at the head of the chain, in iptables-nft or iptables-legacy, wherever the "
		"chain exists; remove deletes them, and so does apply when the firewall is no "
		"longer listed. Where the chain does not exist, apply and plan say so and go on: "
		"apply again when it does. Default: none.",
	 .read = read_hole, .print = print_holes},
	{SECTION_SETTINGS, "clean-slate", KIND_TRUTH, .supported = true, .fallback = "false",
	 .example = "false",
	 .doc = "Delete other programs' rules from iptables' tables filter, nat and mangle, like a "
		"script that begins with iptables -F. With true, apply deletes every rule in them "
		"that is not hostgate's own, for IPv4 and IPv6, in iptables-legacy and "
		"iptables-nft, whatever added it: a firewall, containers, virtual machines. It "
		"does so once the new rules are in place, or in the same transaction. The chains "
		"stay, empty, and so do policies; other tables are left alone. plan says how many "
		"rules would be deleted, and status says when new ones have been added since. "
		"rollback restores them, remove does not.",
	 ENTRY_AT(settings, clean_slate), .read = read_truth, .print = print_truth},

	{SECTION_PUBLISH, "listen", KIND_ENDPOINT, .required = true,
	 .example = "203.0.113.11:8080/tcp", .doc = "The address and ports outside."},
	{SECTION_PUBLISH, "to", KIND_ENDPOINT, .required = true, .example = "192.168.56.10:80",
	 .doc = "The guest's address and ports."},

	{SECTION_SINK, "dns", KIND_ENDPOINT, .example = "192.168.56.1:53",
	 .doc = "Where DNS ends up."},
	{SECTION_SINK, "http", KIND_ENDPOINT, .example = "192.168.56.1:80",
	 .doc = "Where HTTP ends up."},

	{SECTION_GUEST, "address", KIND_ADDRESS, FORM_ONE_OR_LIST, .required = true,
	 .example = "192.168.56.66", .doc = "The guest's addresses."},
	{SECTION_GUEST, "mac", KIND_MAC, .example = "\"52:54:00:12:34:56\"",
	 .doc = "The guest's MAC address."},
	{SECTION_GUEST, "mode", KIND_WORD, WORDS(mode_words), .example = "isolated",
	 .doc = "As the network's."},
	{SECTION_GUEST, "allow-to", KIND_ENDPOINT, FORM_ONE_OR_LIST, WORDS(who_words),
	 .example = "[any:443/tcp]", .doc = "As the network's."},
	{SECTION_GUEST, "deny-to", KIND_ENDPOINT, FORM_ONE_OR_LIST, WORDS(who_words),
	 .example = "[10.0.0.0/8]", .doc = "As the network's."},
	{SECTION_GUEST, "allow-from", KIND_ENDPOINT, FORM_ONE_OR_LIST, WORDS(who_words),
	 .example = "[any]", .doc = "As the network's."},
	{SECTION_GUEST, "host", KIND_SERVICE, FORM_ONE_OR_LIST, WORDS(host_words),
	 .example = "none", .doc = "As the network's."},
};
/* clang-format on */

const size_t schema_n_keys = COUNT(schema_keys);

const struct schema_key *schema_find(enum schema_section section, const char *name)
{
	for (size_t i = 0; i < schema_n_keys; i++)
		if (schema_keys[i].section == section && strcmp(schema_keys[i].name, name) == 0)
			return &schema_keys[i];
	return NULL;
}

void schema_set_defaults(enum schema_section section, void *entry)
{
	for (size_t i = 0; i < schema_n_keys; i++) {
		const struct schema_key *key = &schema_keys[i];
		char *at = (char *)entry + key->at;

		if (key->section != section || !key->supported || !key->fallback)
			continue;
		if (key->kind == KIND_TRUTH) {
			bool truth = strcmp(key->fallback, "true") == 0;

			memcpy(at, &truth, sizeof(truth));
		} else if (key->kind == KIND_WORD) {
			unsigned int word = 0;

			while (strcmp(key->words[word], key->fallback) != 0)
				word++;
			memcpy(at, &word, sizeof(word));
		}
	}
}

void schema_add_smallest(struct buf *out)
{
	for (size_t i = 0; i < schema_n_keys; i++)
		if (schema_keys[i].kind == KIND_ENTRIES && schema_keys[i].section == SECTION_TOP)
			buf_printf(out, "\n%s:%s", schema_keys[i].name, schema_keys[i].example);
}
