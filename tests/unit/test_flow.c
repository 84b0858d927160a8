// SPDX-License-Identifier: GPL-2.0-or-later
// test_flow: which connections still fit after a change, over hand-made ones, and against a plain
// search through all networks.
#include "reading.h"

#include "policy/flow.h"

/* Before and after a change; eth1 has no address, so networks masquerade there. */
static const char before_text[] =
	"uplinks:\n"
	"  eth0: {address: [203.0.113.11, '2001:db8::11']}\n"
	"  eth1: {}\n"
	"networks:\n"
	"  same:   {subnet: [10.1.0.0/16, 'fd00:1::/64'], mode: nat}\n"
	"  nat:    {subnet: [10.2.0.0/16, 'fd00:2::/64'], mode: nat}\n"
	"  closed: {subnet: [10.3.0.0/16, 'fd00:3::/64'], mode: nat}\n"
	"  routed: {subnet: [10.4.0.0/16, 'fd00:4::/64'], mode: nat, uplink: eth0}\n"
	"  gone:   {subnet: [10.5.0.0/16, 'fd00:5::/64'], mode: nat}\n"
	"  left:   {subnet: [10.6.0.0/16, 10.7.0.0/16], mode: nat, uplink: eth0}\n"
	"  inside: {subnet: 10.8.0.0/16}\n";
static const char now_text[] =
	"uplinks:\n"
	"  eth0: {address: [203.0.113.11, '2001:db8::11']}\n"
	"  eth1: {}\n"
	"networks:\n"
	"  same:   {subnet: [10.1.0.0/16, 'fd00:1::/64'], mode: nat}\n"
	"  nat:    {subnet: [10.2.0.0/16, 'fd00:2::/64'], mode: nat, snat: 203.0.113.12}\n"
	"  closed: {subnet: [10.3.0.0/16, 'fd00:3::/64']}\n"
	"  routed: {subnet: [10.4.0.0/16, 'fd00:4::/64'], mode: routed, uplink: eth0}\n"
	"  left:   {subnet: 10.6.0.0/16, mode: nat, uplink: eth0}\n"
	"  inside: {subnet: 10.8.0.0/16}\n";

static const struct {
	const char *addr, *ifname;
} host_list[] = {
	{"127.0.0.1", "lo"},	  {"203.0.113.11", "eth0"}, {"198.51.100.11", "eth1"},
	{"2001:db8::11", "eth0"}, {"2001:db8:1::11", "eth1"}, {"10.1.0.1", "same"},
	{"10.2.0.1", "nat"},	  {"10.3.0.1", "closed"},   {"10.4.0.1", "routed"},
	{"fd00:2::1", "nat"},	  {"198.51.100.11", "wlan0"},
};

#define N_HOSTS (sizeof(host_list) / sizeof(*host_list))

static struct addr addr_of(const char *text)
{
	struct addr addr = {0};

	assert_true(addr_parse(text, &addr));
	return addr;
}

static void fill_hosts(struct host_address hosts[static N_HOSTS])
{
	for (size_t i = 0; i < N_HOSTS; i++) {
		hosts[i] = (struct host_address){.addr = addr_of(host_list[i].addr)};
		snprintf(hosts[i].ifname, sizeof(hosts[i].ifname), "%s", host_list[i].ifname);
	}
}

/* A row: the connection; NULL for a reply's address that no translation made another. */
struct row {
	const char *source, *destination, *reply_source, *reply_destination;
	const char *network; /* it is stale for; NULL: it fits */
	bool by_host, expected;
};

static struct flow flow_of(const struct row *row)
{
	return (struct flow){
		.source = addr_of(row->source),
		.destination = addr_of(row->destination),
		.reply_source = addr_of(row->reply_source ? row->reply_source : row->destination),
		.reply_destination =
			addr_of(row->reply_destination ? row->reply_destination : row->source),
		.expected = row->expected,
	};
}

static void check_row(const struct flow_judge *judge, const char *what, size_t idx,
		      const struct row *row)
{
	struct flow flow = flow_of(row);
	const char *network = "";
	enum flow_verdict wanted = !row->network ? FLOW_FITS :
				   row->by_host	 ? FLOW_STALE_OUTSIDE :
						   FLOW_STALE;
	enum flow_verdict found = flow_judge_one(judge, &flow, &network);

	if (found != wanted || (row->network && strcmp(network, row->network) != 0))
		fail_msg("%s, row %zu, %s > %s: verdict %d for \"%s\", not %d for \"%s\"", what, idx,
			 row->source, row->destination, (int)found, network, (int)wanted,
			 row->network ? row->network : "");
}

static void check_rows(const char *what, const char *before, const char *now,
		       const struct row *rows, size_t n)
{
	struct run old = run_text(before ? before : now), new = run_text(now);
	struct host_address hosts[N_HOSTS];
	struct flow_judge *judge;

	assert_true(old.good && new.good);
	fill_hosts(hosts);
	judge = flow_judge_new(new.arena, &new.description, before ? &old.description : NULL, hosts,
			       N_HOSTS);
	for (size_t i = 0; i < n; i++)
		check_row(judge, what, i, &rows[i]);
	run_end(&old);
	run_end(&new);
}

#define CHECK(what, before, now, rows) check_rows(what, before, now, rows, sizeof(rows) / sizeof(*rows))

static void a_change_concerns_what_changed(void **state)
{
	static const struct row rows[] = {
		/* the changed translation, and the other family's, which is as before */
		{"10.2.0.9", "192.0.2.1", NULL, "203.0.113.11", "nat", false, false},
		{"10.2.0.9", "192.0.2.1", NULL, "203.0.113.12", NULL, false, false},
		{"10.2.0.9", "192.0.2.1", NULL, NULL, "nat", false, false},
		{"10.2.0.9", "192.0.2.1", NULL, "198.51.100.11", "nat", false, false},
		{"fd00:2::9", "2001:db8:9::1", NULL, "2001:db8::11", NULL, false, false},
		{"fd00:2::9", "2001:db8:9::1", NULL, "2001:db8:1::11", NULL, false, false},
		{"fd00:2::9", "2001:db8:9::1", NULL, "2001:db8::12", "nat", false, false},
		{"fd00:2::9", "2001:db8:9::1", NULL, NULL, "nat", false, false},
		/* a network that did not change, whatever its connections are like */
		{"10.1.0.9", "192.0.2.1", NULL, NULL, NULL, false, false},
		{"10.1.0.9", "192.0.2.1", NULL, "203.0.113.99", NULL, false, false},
		{"192.0.2.1", "10.1.0.9", NULL, NULL, NULL, false, false},
		/* nat became isolated */
		{"10.3.0.9", "192.0.2.1", NULL, "203.0.113.11", "closed", false, false},
		{"10.3.0.9", "192.0.2.1", NULL, NULL, "closed", false, false},
		{"fd00:3::9", "2001:db8:9::1", NULL, "2001:db8::11", "closed", false, false},
		/* nat became routed */
		{"10.4.0.9", "192.0.2.1", NULL, "203.0.113.11", "routed", false, false},
		{"10.4.0.9", "192.0.2.1", NULL, NULL, NULL, false, false},
		{"fd00:4::9", "2001:db8:9::1", NULL, "2001:db8::11", "routed", false, false},
		/* no longer described, as a whole or in part: only what was translated for it */
		{"10.5.0.9", "192.0.2.1", NULL, "203.0.113.11", "gone", false, false},
		{"10.5.0.9", "192.0.2.1", NULL, "198.51.100.11", "gone", false, false},
		{"10.5.0.9", "192.0.2.1", NULL, "203.0.113.99", NULL, false, false},
		{"10.5.0.9", "192.0.2.1", NULL, NULL, NULL, false, false},
		{"fd00:5::9", "2001:db8:9::1", NULL, "2001:db8:1::11", "gone", false, false},
		{"192.0.2.1", "10.5.0.9", NULL, NULL, NULL, false, false},
		{"10.7.0.9", "192.0.2.1", NULL, "203.0.113.11", "left", false, false},
		{"10.7.0.9", "192.0.2.1", NULL, "198.51.100.11", NULL, false, false},
		{"10.6.0.9", "192.0.2.1", NULL, "203.0.113.11", NULL, false, false},
		/* strangers */
		{"172.16.0.9", "192.0.2.1", NULL, "203.0.113.11", NULL, false, false},
		{"172.16.0.9", "172.17.0.9", NULL, NULL, NULL, false, false},
		{"203.0.113.11", "192.0.2.1", NULL, NULL, NULL, false, false},
		{"192.0.2.1", "203.0.113.11", "172.17.0.9", NULL, NULL, false, false},
	};

	(void)state;
	CHECK("change", before_text, now_text, rows);
}

static void pairs_of_networks(void **state)
{
	static const struct row rows[] = {
		/* within one, broadcast too */
		{"10.2.0.9", "10.2.0.8", NULL, NULL, NULL, false, false},
		{"10.2.0.9", "10.2.255.255", NULL, NULL, NULL, false, false},
		/* to another: refused, whichever of the two changed */
		{"10.2.0.9", "10.4.0.9", NULL, NULL, "nat", false, false},
		{"10.1.0.9", "10.2.0.9", NULL, NULL, "nat", false, false},
		{"10.2.0.9", "10.1.0.9", NULL, NULL, "nat", false, false},
		{"10.1.0.9", "10.8.0.9", NULL, NULL, NULL, false, false},
		{"fd00:2::9", "fd00:1::9", NULL, NULL, "nat", false, false},
		/* to the host, on any of its addresses, and from it */
		{"10.3.0.9", "10.3.0.1", NULL, NULL, NULL, false, false},
		{"10.3.0.9", "10.1.0.1", NULL, NULL, NULL, false, false},
		{"10.3.0.9", "203.0.113.11", NULL, NULL, NULL, false, false},
		{"fd00:3::9", "2001:db8::11", NULL, NULL, NULL, false, false},
		{"10.3.0.1", "10.3.0.9", NULL, NULL, NULL, false, false},
		{"10.3.0.1", "10.2.0.9", NULL, NULL, NULL, false, false},
		{"203.0.113.11", "10.3.0.9", NULL, NULL, NULL, false, false},
		{"127.0.0.1", "10.3.0.9", NULL, NULL, NULL, false, false},
		/* the host's own with a gateway's source */
		{"10.2.0.1", "192.0.2.1", NULL, NULL, "nat", true, false},
		{"10.2.0.1", "192.0.2.1", NULL, "203.0.113.11", "nat", true, false},
		{"10.2.0.1", "192.0.2.1", NULL, "203.0.113.12", NULL, false, false},
		{"10.3.0.1", "192.0.2.1", NULL, NULL, "closed", true, false},
		{"10.4.0.1", "192.0.2.1", NULL, NULL, NULL, false, false},
		{"fd00:2::1", "2001:db8:9::1", NULL, NULL, "nat", true, false},
		{"10.1.0.1", "192.0.2.1", NULL, NULL, NULL, false, false},
		/* from outside, opened there or announced by a helper; through somebody's DNAT */
		{"192.0.2.1", "10.4.0.9", NULL, NULL, "routed", false, false},
		{"192.0.2.1", "10.4.0.9", NULL, NULL, NULL, false, true},
		{"192.0.2.1", "203.0.113.12", "10.2.0.9", NULL, "nat", false, false},
		{"192.0.2.1", "203.0.113.12", "10.2.0.9", NULL, NULL, false, true},
		{"192.0.2.1", "10.3.0.9", NULL, NULL, "closed", false, true},
		{"2001:db8:9::1", "fd00:4::9", NULL, NULL, "routed", false, false},
		/* redirected by somebody's DNAT: to the host, elsewhere outside, into a network */
		{"10.3.0.9", "192.0.2.1", "10.3.0.1", NULL, NULL, false, false},
		{"10.2.0.9", "192.0.2.1", "192.0.2.9", "203.0.113.12", NULL, false, false},
		{"10.2.0.9", "203.0.113.11", "172.17.0.9", NULL, "nat", false, false},
		{"10.2.0.9", "203.0.113.11", "10.2.0.8", NULL, NULL, false, false},
		/* nothing answers these, or they stay on the link */
		{"10.3.0.9", "224.0.0.251", NULL, NULL, NULL, false, false},
		{"10.3.0.9", "239.255.255.250", NULL, NULL, NULL, false, false},
		{"10.2.0.9", "255.255.255.255", NULL, NULL, NULL, false, false},
		{"0.0.0.0", "255.255.255.255", NULL, NULL, NULL, false, false},
		{"fd00:3::9", "ff02::fb", NULL, NULL, NULL, false, false},
		{"fd00:3::9", "fe80::1", NULL, NULL, NULL, false, false},
		{"fe80::9", "fd00:3::1", NULL, NULL, NULL, false, false},
	};

	(void)state;
	CHECK("pairs", before_text, now_text, rows);
}

static void the_first_apply_concerns_all(void **state)
{
	static const struct row rows[] = {
		{"10.1.0.9", "192.0.2.1", NULL, NULL, "same", false, false},
		{"10.1.0.9", "192.0.2.1", NULL, "203.0.113.11", NULL, false, false},
		{"10.1.0.9", "192.0.2.1", NULL, "198.51.100.11", NULL, false, false},
		{"10.1.0.1", "192.0.2.1", NULL, NULL, "same", true, false},
		{"10.8.0.9", "192.0.2.1", NULL, NULL, "inside", false, false},
		{"10.8.0.9", "10.1.0.9", NULL, NULL, "inside", false, false},
		{"192.0.2.1", "10.1.0.9", NULL, NULL, "same", false, false},
		{"10.5.0.9", "192.0.2.1", NULL, "203.0.113.11", NULL, false, false},
	};

	(void)state;
	CHECK("first", NULL, now_text, rows);
}

static void an_uplinks_change_is_its_networks(void **state)
{
	static const char one[] = "uplinks:\n  eth0: {address: 203.0.113.11}\n  eth1: {}\n"
				  "networks:\n"
				  "  a: {subnet: 10.1.0.0/16, mode: nat, uplink: eth0}\n"
				  "  b: {subnet: 10.2.0.0/16, mode: nat, uplink: eth1}\n"
				  "  c: {subnet: 10.3.0.0/16, mode: nat, snat: 203.0.113.12, uplink: eth0}\n"
				  "  d: {subnet: 10.4.0.0/16, mode: routed, uplink: eth0}\n";
	static const char two[] = "uplinks:\n  eth0: {address: 203.0.113.20}\n  eth1: {}\n"
				  "networks:\n"
				  "  a: {subnet: 10.1.0.0/16, mode: nat, uplink: eth0}\n"
				  "  b: {subnet: 10.2.0.0/16, mode: nat, uplink: eth1}\n"
				  "  c: {subnet: 10.3.0.0/16, mode: nat, snat: 203.0.113.12, uplink: eth0}\n"
				  "  d: {subnet: 10.4.0.0/16, mode: routed, uplink: eth0}\n";
	static const struct row rows[] = {
		{"10.1.0.9", "192.0.2.1", NULL, "203.0.113.11", "a", false, false},
		{"10.1.0.9", "192.0.2.1", NULL, "203.0.113.20", NULL, false, false},
		{"10.2.0.9", "192.0.2.1", NULL, "203.0.113.11", NULL, false, false},
		{"10.3.0.9", "192.0.2.1", NULL, "203.0.113.11", NULL, false, false},
		{"10.4.0.9", "192.0.2.1", NULL, "203.0.113.11", NULL, false, false},
	};

	(void)state;
	CHECK("uplink", one, two, rows);
}

static void idle_and_concerned(void **state)
{
	static const char text[] = "uplinks: {eth0: {}}\nnetworks:\n"
				   "  a: {subnet: 10.1.0.0/16, mode: nat}\n"
				   "  b: {subnet: 10.2.0.0/16, mode: nat}\n";
	static const struct row both[] = {{"10.1.0.9", "192.0.2.1", NULL, NULL, "a", false, false},
					  {"10.2.0.9", "192.0.2.1", NULL, NULL, "b", false, false}};
	static const struct row none[] = {{"10.1.0.9", "192.0.2.1", NULL, NULL, NULL, false, false},
					  {"10.2.0.9", "192.0.2.1", NULL, NULL, NULL, false, false}};
	struct run a = run_text(text), b = run_text(text);
	struct run gone = run_text("uplinks: {eth0: {}}\nnetworks: {a: {subnet: 10.1.0.0/16, mode: nat}}\n");
	struct flow_judge *judge = flow_judge_new(a.arena, &a.description, &b.description, NULL, 0);

	(void)state;
	assert_true(flow_judge_is_idle(judge));
	flow_judge_concern(judge, "nobody");
	assert_true(flow_judge_is_idle(judge));
	check_row(judge, "same", 0, &none[0]);
	flow_judge_concern(judge, "b");
	assert_false(flow_judge_is_idle(judge));
	check_row(judge, "b alone", 0, &none[0]);
	check_row(judge, "b alone", 1, &both[1]);
	flow_judge_concern(judge, NULL);
	check_row(judge, "all", 0, &both[0]);

	judge = flow_judge_new(a.arena, &gone.description, &b.description, NULL, 0);
	assert_false(flow_judge_is_idle(judge));
	judge = flow_judge_new(a.arena, &b.description, NULL, NULL, 0);
	assert_false(flow_judge_is_idle(judge));
	run_end(&a);
	run_end(&b);
	run_end(&gone);
}

/* The searches in order against a plain one: 2,000 networks, addresses in and between them. */
static void many_networks(void **state)
{
	struct buf text = {0};
	struct host_address hosts[256];
	uint64_t seed = 1;

	(void)state;
	buf_puts(&text, "uplinks: {eth0: {address: 203.0.113.11}}\nnetworks:\n");
	for (unsigned int i = 0; i < 2000; i++)
		buf_printf(&text, "  n%u: {subnet: 10.%u.%u.0/25, mode: nat}\n", i, i / 250, i % 250);

	struct run run = run_bytes(buf_text(&text), text.len);
	size_t found[FLOW_VERDICT__COUNT] = {0};

	assert_true(run.good);
	for (size_t i = 0; i < 256; i++) {
		hosts[i] = (struct host_address){.addr = {FAMILY_IPV4, {10, 0, (uint8_t)i, 1}}};
		memcpy(hosts[i].ifname, "x", 2);
	}

	struct flow_judge *judge = flow_judge_new(run.arena, &run.description, NULL, hosts, 256);

	for (size_t round = 0; round < 20000; round++) {
		uint8_t net = (uint8_t)(next_random(&seed) % 9), part = (uint8_t)next_random(&seed);
		uint8_t last = (uint8_t)(next_random(&seed) % 4 == 0 ? 1 : next_random(&seed));
		struct flow flow = {.source = {FAMILY_IPV4, {10, net, part, last}},
				    .destination = {FAMILY_IPV4, {192, 0, 2, 1}}};
		const char *network = NULL;
		bool member = net < 8 && part < 250 && last < 128;
		enum flow_verdict wanted = !member ? FLOW_FITS :
					   net == 0 && last == 1 ? FLOW_STALE_OUTSIDE :
								   FLOW_STALE;

		flow.reply_source = flow.destination;
		flow.reply_destination = flow.source;
		assert_int_equal(flow_judge_one(judge, &flow, &network), wanted);
		found[wanted]++;
		if (member) {
			char name[16];

			snprintf(name, sizeof(name), "n%u", net * 250u + part);
			assert_string_equal(network, name);
		}
	}
	for (size_t i = 0; i < FLOW_VERDICT__COUNT; i++)
		assert_true(found[i] > 100);
	buf_free(&text);
	run_end(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_concerns_what_changed),
		cmocka_unit_test(pairs_of_networks),
		cmocka_unit_test(the_first_apply_concerns_all),
		cmocka_unit_test(an_uplinks_change_is_its_networks),
		cmocka_unit_test(idle_and_concerned),
		cmocka_unit_test(many_networks),
	};

	return cmocka_run_group_tests_name("flow", tests, NULL, NULL);
}
