// SPDX-License-Identifier: GPL-2.0-or-later
// What the description leaves open, judged over hosts that are written down here.
#include <net/if.h>

#include "reading.h"
#include "standing/standing.h"

/*
 * A host is a list of words, an entry a line:
 *
 *	NAME [KIND] [in MASTER] [on LINK] [as ALTNAME] [down] [open] [filters]
 *	addr NAME PREFIX [local]
 *	route NAME PREFIX [via]
 *	status		it is status that asks
 *	bridged		frames cross the rules
 *
 * MASTER and LINK stand on an earlier line; a veth on another one is its other end.
 */

struct host {
	struct arena *arena;
	struct host_links links;
	bool status, bridged;
};

static struct host_link *named(struct host *host, const char *name)
{
	for (size_t i = 0; i < host->links.n; i++)
		if (strcmp(host->links.items[i].name, name) == 0)
			return &host->links.items[i];
	fail_msg("no interface %s yet", name);
	return NULL;
}

static void add_address(struct host *host, char **rest)
{
	struct host_links *links = &host->links;
	struct host_links_address address = {.index =
						     named(host, strtok_r(NULL, " ", rest))->index};

	assert_true(prefix_parse(strtok_r(NULL, " ", rest), &address.prefix));
	address.global = strtok_r(NULL, " ", rest) == NULL;
	links->addresses = arena_grow(host->arena, links->addresses, links->n_addresses,
				      &links->cap_addresses, sizeof(*links->addresses));
	links->addresses[links->n_addresses++] = address;
}

static void add_route(struct host *host, char **rest)
{
	struct host_links *links = &host->links;
	struct host_route route = {.index = named(host, strtok_r(NULL, " ", rest))->index};

	assert_true(prefix_parse(strtok_r(NULL, " ", rest), &route.to));
	route.gateway = strtok_r(NULL, " ", rest) != NULL;
	links->routes = arena_grow(host->arena, links->routes, links->n_routes, &links->cap_routes,
				   sizeof(*links->routes));
	links->routes[links->n_routes++] = route;
}

static void add_altname(struct host *host, const char *name, unsigned int index)
{
	struct host_links *links = &host->links;

	links->altnames = arena_grow(host->arena, links->altnames, links->n_altnames,
				     &links->cap_altnames, sizeof(*links->altnames));
	links->altnames[links->n_altnames++] =
		(struct host_altname){arena_strdup(host->arena, name), index};
}

static void add_link(struct host *host, const char *name, char **rest)
{
	struct host_link link = {
		.index = 2 + (unsigned int)host->links.n, .flags = IFF_UP, .kind = ""};

	memcpy(link.name, name, strlen(name) + 1);
	for (const char *word; (word = strtok_r(NULL, " ", rest));) {
		if (strcmp(word, "in") == 0)
			link.master = named(host, strtok_r(NULL, " ", rest))->index;
		else if (strcmp(word, "on") == 0)
			link.link = named(host, strtok_r(NULL, " ", rest))->index;
		else if (strcmp(word, "as") == 0)
			add_altname(host, strtok_r(NULL, " ", rest), link.index);
		else if (strcmp(word, "down") == 0)
			link.flags = 0;
		else if (strcmp(word, "loopback") == 0)
			link.flags |= IFF_LOOPBACK;
		else if (strcmp(word, "open") == 0)
			link.any_peer = true;
		else if (strcmp(word, "filters") == 0)
			link.filters_vlans = true;
		else
			link.kind = arena_strdup(host->arena, word);
	}
	if (link.link && strcmp(link.kind, "veth") == 0)
		host->links.items[link.link - 2].link = link.index;
	host->links.items = arena_grow(host->arena, host->links.items, host->links.n,
				       &host->links.cap, sizeof(*host->links.items));
	host->links.items[host->links.n++] = link;
}

static struct host host_of(struct arena *arena, const char *text)
{
	struct host host = {.arena = arena};
	char *copy = arena_strdup(arena, text), *lines = NULL;

	for (char *line = strtok_r(copy, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
		char *rest = NULL;
		const char *word = strtok_r(line, " ", &rest);

		if (strcmp(word, "addr") == 0)
			add_address(&host, &rest);
		else if (strcmp(word, "route") == 0)
			add_route(&host, &rest);
		else if (strcmp(word, "status") == 0)
			host.status = true;
		else if (strcmp(word, "bridged") == 0)
			host.bridged = true;
		else
			add_link(&host, word, &rest);
	}
	host_links_sort(arena, &host.links);
	return host;
}

#define UPLINK "uplinks: {eth0: {}}\n"
#define NETWORK(interface) \
	"networks:\n  vms: {interface: " interface ", subnet: 192.168.60.0/24, mode: nat}\n"
#define SEVERAL(interface) \
	"networks:\n  vms: {interface: " interface ", subnet: [192.168.60.0/24, " \
						   "\"fd00:60::/64\"], " \
	"mode: nat}\n"
#define ETH0 "eth0\naddr eth0 203.0.113.11/24\nroute eth0 0.0.0.0/0 via\n"
#define BRIDGE ETH0 "vmbr1 bridge\naddr vmbr1 192.168.60.1/24\n"
#define PROXMOX \
	BRIDGE "fwpr1 veth in vmbr1\nfwbr1 bridge\nfwln1 veth in fwbr1 on fwpr1\ntap1 tun in " \
	       "fwbr1\n"

#define FINE STANDING_NOTE, ""

/* codes: of all that is told. words: of the message and the hint of the first, separated by '|'. */
static const struct row {
	const char *name, *description, *host;
	enum standing_severity worst;
	const char *codes, *words;
} rows[] = {
	{"all is there", UPLINK NETWORK("vmbr1"), BRIDGE, FINE, ""},
	{"a network's bridge with ports", UPLINK NETWORK("vmbr1"),
	 BRIDGE "tap1 tun in vmbr1\neth5 in vmbr1\n", FINE, ""},
	{"a veth whose other end is elsewhere", UPLINK NETWORK("vmnet1"),
	 ETH0 "vmnet1 veth\naddr vmnet1 192.168.60.1/24\n", FINE, ""},
	/* Ports. */
	{"a port of a bridge", UPLINK NETWORK("tap1"), BRIDGE "tap1 tun in vmbr1\n", STANDING_VOID,
	 "HG-E250",
	 "interface tap1 is a port of bridge vmbr1: its packets come in on vmbr1|"
	 "write interface: vmbr1"},
	{"ports and others of a pattern", UPLINK NETWORK("tap*"),
	 BRIDGE "tap1 tun in vmbr1\ntap2 tun\ntap3 tun in vmbr1\n", STANDING_VOID, "HG-E250",
	 "interfaces tap1 and tap3 (tap*) are ports of bridge vmbr1: their|"
	 "write interface: [tap*, vmbr1]"},
	{"many ports", UPLINK NETWORK("tap*"),
	 BRIDGE "tap0 in vmbr1\ntap1 in vmbr1\ntap2 in vmbr1\ntap3 in vmbr1\ntap4 in vmbr1\n"
		"tap5 in vmbr1\ntap6 in vmbr1\ntap7 in vmbr1\ntap8 in vmbr1\ntap9 in vmbr1\n",
	 STANDING_VOID, "HG-E250", "tap6, tap7 and 2 more (tap*) are ports"},
	{"a port of a bridge that is down", UPLINK NETWORK("tap1"),
	 ETH0 "vmbr1 bridge down\ntap1 tun in vmbr1\n", STANDING_VOID, "HG-E250",
	 "come in on vmbr1"},
	{"a port beside its bridge", UPLINK NETWORK("[tap1, vmbr1]"), BRIDGE "tap1 tun in vmbr1\n",
	 FINE, ""},
	{"a port of another network's bridge",
	 UPLINK "networks:\n  vms: {interface: vmbr1, subnet: 192.168.60.0/24}\n"
		"  lab: {interface: tap1, subnet: 192.168.61.0/24}\n",
	 BRIDGE "tap1 tun in vmbr1\n", STANDING_VOID, "HG-E250", "come in on vmbr1"},
	{"an uplink in a bridge", UPLINK NETWORK("vmbr1"),
	 "br0 bridge\neth0 in br0\naddr br0 203.0.113.11/24\nvmbr1 bridge\n", STANDING_VOID,
	 "HG-E250 HG-N250", "eth0 is a port of bridge br0|write interface: br0"},
	{"an uplink in a bridge that is one, too",
	 "uplinks: {eth0: {}, br0: {}}\n" NETWORK("vmbr1"),
	 "br0 bridge\neth0 in br0\naddr br0 203.0.113.11/24\nvmbr1 bridge\n", STANDING_NOTE,
	 "HG-N250", "eth0 has no IPv4 address"},
	{"a member of a bond", UPLINK NETWORK("vmbr1"),
	 "bond0 bond\neth0 in bond0\naddr bond0 203.0.113.11/24\nvmbr1 bridge\n", STANDING_VOID,
	 "HG-E250 HG-N250",
	 "eth0 is a member of bond bond0: its packets come in on bond0|"
	 "write interface: bond0"},
	{"in a VRF", UPLINK NETWORK("vmnet1"), ETH0 "blue vrf\nvmnet1 in blue\n", STANDING_VOID,
	 "HG-E250", "vmnet1 is in VRF blue|add blue to its interfaces"},
	{"in a VRF that is described", UPLINK NETWORK("[vmnet1, blue]"),
	 ETH0 "blue vrf\nvmnet1 in blue\n", FINE, ""},
	{"Open vSwitch", UPLINK NETWORK("tap1"),
	 ETH0 "ovs-system openvswitch down\nvmbr1 openvswitch\ntap1 in ovs-system\n", STANDING_VOID,
	 "HG-E250", "tap1 is a member of openvswitch ovs-system: no packet is seen|switch's name"},
	{"a port of a firewall's bridge", UPLINK NETWORK("tap*"), PROXMOX, STANDING_VOID, "HG-E250",
	 "port of bridge fwbr1: its packets come in on fwbr1 and vmbr1|write interface: [fwbr1, "
	 "vmbr1]"},
	/* Names. */
	{"another name", UPLINK NETWORK("switch1"), ETH0 "vmbr1 bridge as switch1\n", STANDING_VOID,
	 "HG-E251", "switch1 is only another name of interface vmbr1|write interface: vmbr1"},
	{"another name that a pattern fits", UPLINK NETWORK("sw*"),
	 ETH0 "vmbr1 bridge as a as switch1\n", STANDING_VOID, "HG-E251", "of interface vmbr1"},
	{"another name beside the real one", UPLINK NETWORK("[switch1, vmbr1]"),
	 ETH0 "vmbr1 bridge as switch1\n", FINE, ""},
	{"another name of no meaning", UPLINK NETWORK("vmbr*"), BRIDGE "x bridge as vmbr2\n", FINE,
	 ""},
	{"renamed", UPLINK NETWORK("vmbr1"), ETH0 "vmbr9 bridge\naddr vmbr9 192.168.60.1/24\n",
	 STANDING_VOID, "HG-E252",
	 "no interface vmbr1; its address 192.168.60.1 is on vmbr9|write interface: vmbr9, or"},
	{"an uplink renamed", "uplinks: {eth0: {address: 203.0.113.11}}\n" NETWORK("vmbr1"),
	 "enp3s0\naddr enp3s0 203.0.113.11/24\nvmbr1 bridge\n", STANDING_VOID, "HG-E252",
	 "no interface eth0; its address 203.0.113.11 is on enp3s0"},
	{"missing", UPLINK NETWORK("[vmbr1, tap*]"), "lo loopback\n", STANDING_NOTE,
	 "HG-N200 HG-N200 HG-N200", "eth0 does not exist yet"},
	/* Wires. */
	{"a firewall's bridge", UPLINK NETWORK("vmbr1"), PROXMOX, STANDING_VOID, "HG-E253",
	 "guests of \"vms\" come in on fwbr1, too|add fwbr1 to its interfaces"},
	{"a firewall's bridge that is described", UPLINK NETWORK("[vmbr1, fwbr*]"), PROXMOX, FINE,
	 ""},
	{"a bridge that is down", UPLINK NETWORK("vmbr1"),
	 BRIDGE "fwpr1 veth in vmbr1\nfwbr1 bridge down\nfwln1 veth in fwbr1 on fwpr1\n", FINE, ""},
	{"a network's veth into a bridge", UPLINK NETWORK("vmnet1"),
	 ETH0 "vmnet1 veth\nbr9 bridge\np veth in br9 on vmnet1\n", STANDING_VOID, "HG-E253",
	 "come in on br9"},
	{"the other end of a port", UPLINK NETWORK("vmbr1"),
	 BRIDGE "p veth in vmbr1\nq veth on p\n", STANDING_VOID, "HG-E253", "come in on q"},
	{"the uplink's bridge on the wire", "uplinks: {br0: {}}\n" NETWORK("vmbr1"),
	 "br0 bridge\naddr br0 203.0.113.11/24\nvmbr1 bridge\np veth in vmbr1\nq veth in br0 on "
	 "p\n",
	 STANDING_VOID, "HG-E253", "come in on br0|remove the links"},
	{"a macvlan", UPLINK NETWORK("vmbr1"), BRIDGE "mv macvlan on vmbr1\n", STANDING_VOID,
	 "HG-E253", "come in on mv"},
	{"an ipvlan below", UPLINK NETWORK("iv"), ETH0 "eth5\niv ipvlan on eth5\n", STANDING_VOID,
	 "HG-E253", "come in on eth5"},
	{"a VLAN", UPLINK NETWORK("vmbr1"), BRIDGE "vmbr1.5 vlan on vmbr1\n", STANDING_VOID,
	 "HG-E253", "come in on vmbr1.5"},
	{"a VLAN as a network", UPLINK NETWORK("eth5.7"),
	 ETH0 "eth5\neth5.7 vlan on eth5\n"
	      "eth5.8 vlan on eth5\n",
	 FINE, ""},
	{"a VLAN of a bridge that filters", UPLINK NETWORK("vmbr1"),
	 ETH0 "vmbr1 bridge filters\nvmbr1.5 vlan on vmbr1\n", STANDING_WARNING, "HG-W250",
	 "may come in on vmbr1.5"},
	{"a VLAN behind a switch", UPLINK NETWORK("eth5"), ETH0 "eth5\neth5.5 vlan on eth5\n",
	 STANDING_WARNING, "HG-W250", "may come in on eth5.5"},
	{"a macvtap", UPLINK NETWORK("vmbr1"), BRIDGE "mt macvtap on vmbr1\n", STANDING_WARNING,
	 "HG-W250", "may come in on mt"},
	{"VLANs and macvlans of an uplink", UPLINK NETWORK("vmbr1"),
	 BRIDGE "eth0.5 vlan on eth0\nmv macvlan on eth0\n", FINE, ""},
	/* Addresses. */
	{"an uplink's address in a network", UPLINK NETWORK("vmbr1"),
	 BRIDGE "addr eth0 192.168.60.200/16\n", STANDING_HARM, "HG-E255",
	 "eth0 has the address 192.168.60.200, which is in 192.168.60.0/24 of the nat network "
	 "\"vms\"|another subnet"},
	{"an uplink's address around a network", UPLINK NETWORK("vmbr1"),
	 BRIDGE "addr eth0 192.168.61.200/16\n", FINE, ""},
	{"an uplink's address in a routed network",
	 UPLINK "networks:\n  vms: {interface: vmbr1, subnet: 192.168.60.0/24, mode: routed}\n",
	 BRIDGE "addr eth0 192.168.60.200/32\n", FINE, ""},
	{"a second interface with the subnet", UPLINK NETWORK("vmbr1"),
	 BRIDGE "vmbr2 bridge\naddr vmbr2 192.168.60.2/24\nroute vmbr2 192.168.60.0/24\n",
	 STANDING_VOID, "HG-E254",
	 "192.168.60.0/24 of \"vms\" is also on vmbr2, which has the address 192.168.60.2|add "
	 "vmbr2"},
	{"an address without neighbours", UPLINK NETWORK("vmbr1"),
	 BRIDGE "d dummy\naddr d 192.168.60.3/24\nlo loopback\naddr lo 192.168.60.4/24\n"
		"x\naddr x 192.168.60.5/32\n",
	 FINE, ""},
	{"a route", UPLINK NETWORK("vmbr1"), BRIDGE "wg0 wireguard\nroute wg0 192.168.60.128/25\n",
	 STANDING_WARNING, "HG-W251", "leads to 192.168.60.128/25 of \"vms\" through wg0"},
	{"a route around the subnet", UPLINK NETWORK("vmbr1"),
	 BRIDGE "wg0 wireguard\nroute wg0 192.168.0.0/16\nroute wg0 0.0.0.0/0\n", FINE, ""},
	{"a route of the network's own", UPLINK NETWORK("vmbr1"),
	 BRIDGE "route vmbr1 192.168.60.0/24\n", FINE, ""},
	/* Masquerade. */
	{"no address, and no way out", UPLINK SEVERAL("vmbr1"),
	 BRIDGE "addr eth0 fe80::1/64 local\n", STANDING_NOTE, "HG-N250",
	 "eth0 has no IPv6 address: packets of vms cannot leave there over IPv6 until it has one"},
	{"no address, but a way out", UPLINK SEVERAL("vmbr1"), BRIDGE "route eth0 ::/0 via\n",
	 STANDING_WARNING, "HG-W252", "eth0 has no IPv6 address"},
	{"an address", UPLINK SEVERAL("vmbr1"), BRIDGE "addr eth0 2001:db8::1/64\n", FINE, ""},
	{"a written address",
	 "uplinks: {eth0: {address: [203.0.113.11, \"2001:db8::1\"]}}\n" SEVERAL("vmbr1"), BRIDGE,
	 FINE, ""},
	/* What status adds. */
	{"a tunnel for all, not for apply", UPLINK NETWORK("vmbr1"), BRIDGE "vx vxlan open\n", FINE,
	 ""},
	{"a tunnel for all", UPLINK NETWORK("vmbr1"),
	 BRIDGE "vx vxlan open\ngre0 gre open down\nstatus\n", STANDING_NOTE, "HG-N251",
	 "vx accepts tunnelled packets from any sender"},
	{"bridged frames", UPLINK NETWORK("vmbr1"), BRIDGE "bridged\n", STANDING_NOTE, "HG-N300",
	 "br_netfilter"},
	{"bridged frames of nobody", UPLINK NETWORK("tap1"), ETH0 "br9 bridge\ntap1\nbridged\n",
	 FINE, ""},
};

static void judge(const struct row *row)
{
	struct run run = run_text(row->description);
	struct host host = host_of(run.arena, row->host);
	struct standing_view view = {.description = &run.description,
				     .links = &host.links,
				     .status = host.status,
				     .bridged = host.bridged};
	struct standing out;
	char *words, *rest = NULL;

	if (!run.good)
		fail_msg("%s: description: %s", row->name, run.diags.items[0].message);
	standing_judge(run.arena, &run.diags, &view, &out);
	if (out.worst != row->worst || strcmp(run_codes(&run), row->codes) != 0)
		fail_msg("%s: %d %s: %s", row->name, (int)out.worst, run_codes(&run),
			 run.diags.n ? run.diags.items[0].message : "");
	assert_int_equal(out.n_voids > 0, row->worst >= STANDING_VOID);
	words = arena_strdup(run.arena, row->words);
	for (char *word = strtok_r(words, "|", &rest); word; word = strtok_r(NULL, "|", &rest)) {
		const struct diag *diag = &run.diags.items[0];

		if (!strstr(diag->message, word) && !(diag->hint && strstr(diag->hint, word)))
			fail_msg("%s: no \"%s\" in: %s; %s", row->name, word, diag->message,
				 diag->hint ? diag->hint : "");
	}
	run_end(&run);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		judge(&rows[i]);
}

/* A finding leads to the line in the file, and a second place to the other one. */
static void test_places(void **state)
{
	static const struct row row = {.description = UPLINK NETWORK("vmbr1"),
				       .host = BRIDGE "addr eth0 192.168.60.200/16\n"};
	struct run run = run_text(row.description);
	struct host host = host_of(run.arena, row.host);
	struct standing_view view = {.description = &run.description, .links = &host.links};
	struct standing out;
	const struct diag *diag;

	(void)state;
	standing_judge(run.arena, &run.diags, &view, &out);
	diag = &run.diags.items[0];
	assert_int_equal(diag->place.line, 1);
	assert_int_equal(diag->n_related, 1);
	assert_int_equal(diag->related[0].place.line, 3);
	assert_int_equal(out.n_voids, 1);
	assert_string_equal(out.voids[0], diag->message);
	run_end(&run);
}

/* Names that are missing are all listed, and the first of them told. */
static void test_missing(void **state)
{
	struct run run = run_text(UPLINK NETWORK("[a0, a1, a2, a3, a4, a5, a6]"));
	struct host host = host_of(run.arena, "a3\n");
	struct standing_view view = {.description = &run.description, .links = &host.links};
	struct standing out;

	(void)state;
	standing_judge(run.arena, &run.diags, &view, &out);
	assert_int_equal(out.n_missing, 7);
	assert_string_equal(out.missing[0], "eth0");
	assert_string_equal(out.missing[6], "a6");
	assert_int_equal(run.diags.n, 6);
	assert_non_null(strstr(run.diags.items[5].message, "2 more"));
	run_end(&run);
}

static void test_has_address(void **state)
{
	struct arena *arena = arena_new();
	struct host host =
		host_of(arena, "eth0\naddr eth0 203.0.113.1/24\neth1\n"
			       "addr eth1 fe80::1/64 local\naddr eth1 169.254.0.1/16 local\n");

	(void)state;
	assert_true(standing_has_address(&host.links, "eth0", FAMILY_IPV4));
	assert_false(standing_has_address(&host.links, "eth0", FAMILY_IPV6));
	assert_false(standing_has_address(&host.links, "eth1", FAMILY_IPV4));
	assert_false(standing_has_address(&host.links, "eth1", FAMILY_IPV6));
	assert_false(standing_has_address(&host.links, "eth2", FAMILY_IPV4));
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_has_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
