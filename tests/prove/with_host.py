# SPDX-License-Identifier: GPL-2.0-or-later
"""`prove --with-host`: on hosts that are not as the description believes.

The hosts are those of host_rules.py, each with something that a description can't tell. A fault put
into the rules shows on such a host only, and must be found there; with the rules as they are nothing leaks.
"""

import json
import os

import host_rules
from lib.program import BUILD, MUTANT, PROGRAM

HOST = os.path.join(BUILD, "tests", "prove", "host")

# vmnet2 stays inside, and vmnet1 goes out with the address of the uplink.
DESCRIPTION = """
uplinks: {eth0: {}}
networks:
  out: {interface: vmnet1, subnet: [192.168.56.0/24, "fd00:56::/64"], mode: nat}
  lab: {interface: vmnet2, subnet: [192.168.57.0/24, "fd00:57::/64"], mode: isolated}
"""
COMPLETE = "ip address add fd00:57::1/64 dev vmnet2 nodad\n"


class Case(host_rules.Case):
    def describe(self, text):
        path = os.path.join(self.work, "description.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def proof(self, setup, description=DESCRIPTION, without=None, options=(), code=0):
        """Proves it on the host, without the rules of that reason; returns the document."""
        path = self.describe(description)
        command = [PROGRAM] if without is None else ["env", "HOSTGATE_WITHOUT=" + without, MUTANT]
        done = self.on_host(setup, *command, "prove", "--with-host", "--json", *options, path)
        self.assertEqual(done.returncode, code, (done.stdout + done.stderr)[-4000:])
        return json.loads(done.stdout)

    def leaks(self, document):
        """Where which networks' packets were seen."""
        return {(each["network"], each["seen"]["on"])
                for each in document["findings"] if each["kind"] == "leak"}


# --- the copy is as the host -----------------------------------------------------------------------

EVERYTHING = COMPLETE + r"""
ip link add br0 type bridge
ip link add tap7 type veth peer name p-tap7 netns far
ip link add tap8 type veth peer name p-tap8 netns far
ip link set tap7 master br0
ip link set tap8 master br0
for i in tap7 tap8 br0; do ip link set $i up; done
ip address add 10.20.0.1/24 dev br0
ip address add 10.20.1.1/24 dev br0
ip address add fd00:20::1/64 dev br0 nodad
ip address add 10.30.0.1 peer 10.30.0.2/32 dev docker0
ip address add 192.0.2.200/32 dev lo
ip link property add dev eth0 altname enp3s0
ip route delete 192.168.57.0/24
ip route add 10.40.0.0/16 via 203.0.113.2
ip route add 10.41.0.0/16 via 10.40.0.1 dev eth0 onlink
ip route add 10.42.0.0/16 nexthop via 203.0.113.3 weight 2 nexthop via 172.17.0.9
ip route add 10.43.0.0/16 dev vmnet1 metric 7 src 192.168.56.1 mtu 1400
ip route add 10.43.0.0/16 dev eth0 metric 9
ip route add blackhole 10.44.0.0/16
ip route add prohibit 10.45.0.0/16 table 300
ip -n far link set p-eth0 up
for i in $(seq 100); do ip link show eth0 | grep -q LOWER_UP.*UP && break; sleep 0.1; done
ip nexthop add id 5 via 203.0.113.5 dev eth0
ip route add 10.46.0.0/16 nhid 5
ip route add local 10.47.0.0/16 dev lo
ip route add default via 203.0.113.9 table 100
ip -6 route add fd00:40::/48 via 2001:db8::2
ip -6 route add fd00:42::/48 nexthop via 2001:db8::3 nexthop via fe80::9 dev docker0
ip -6 route add unreachable fd00:44::/48
ip -6 route add default via 2001:db8::9 table 100
ip rule add from 203.0.113.11 lookup 100
ip rule add to 10.50.0.0/16 iif vmnet1 fwmark 0x10/0xf0 priority 77 lookup 300
ip rule add not from 10.0.0.0/8 oif eth0 priority 78 lookup 300 suppress_prefixlength 0
ip rule add ipproto tcp dport 80-90 priority 79 prohibit
ip rule delete priority 32767
ip -6 rule add from 2001:db8::11 lookup 100
for i in all/rp_filter eth0/rp_filter vmnet1/accept_local; do echo 1 >/proc/sys/net/ipv4/conf/$i; done
echo 2 >/proc/sys/net/ipv4/conf/vmnet2/rp_filter
echo 0 >/proc/sys/net/ipv4/icmp_echo_ignore_broadcasts
"""

STATE = r"""
ip -j address >$0.address
{ ip -j route show table all; ip -j -6 route show table all; } >$0.routes
{ ip -j rule; ip -j -6 rule; } >$0.rules
ip -j -d link >$0.links
for i in all default eth0 vmnet1 vmnet2 br0 docker0; do
	for k in rp_filter accept_local forwarding route_localnet; do
		echo $i $k $(cat /proc/sys/net/ipv4/conf/$i/$k)
	done
done >$0.sysctls
cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/icmp_echo_ignore_* >>$0.sysctls
"""


def documents(path):
    """All JSON arrays of a file as one list."""
    decoder, out = json.JSONDecoder(), []
    with open(path, encoding="utf-8") as file:
        text = file.read().strip()
    while text:
        part, end = decoder.raw_decode(text)
        out += part
        text = text[end:].strip()
    return out


def is_chosen(route):
    """What the copy has beside the host's: a route of hostgate's, or one that its address brings."""
    chosen = ("192.0.2.", "198.51.100.", "2001:db8:6867:")
    return route.get("protocol") == "104" or \
        (route.get("protocol") == "kernel" and
         (route["dst"].startswith(chosen) or route.get("prefsrc", "").startswith(chosen)))


class CopyOfHost(Case):
    def setUp(self):
        super().setUp()
        state = os.path.join(self.work, "state.sh")
        with open(state, "w", encoding="utf-8") as file:
            file.write(STATE)
        run = ". %s" % state
        self.done = self.on_host(EVERYTHING + "sh -c '. %s' $work/host\n" % state, HOST,
                                 self.describe(DESCRIPTION), "sh -c '%s' %s/copy" % (run, self.work))

    def path(self, where, what):
        return os.path.join(self.work, where + "." + what)

    def test_everything(self):
        self.assertEqual((self.done.returncode, self.done.stderr), (0, ""))
        with self.subTest("addresses"):
            self.assertEqual(self.addresses("host"), self.addresses("copy"))
            self.assertIn(("br0", "10.20.1.1", 24, None), self.addresses("copy"))
            self.assertIn(("docker0", "10.30.0.1", 32, "10.30.0.2"), self.addresses("copy"))
        with self.subTest("routes"):
            self.assertEqual(self.routes("host"), self.routes("copy"))
            self.assertGreater(len(self.routes("copy")), 20)
        with self.subTest("rules"):
            self.assertEqual(documents(self.path("host", "rules")), documents(self.path("copy", "rules")))
        with self.subTest("links"):
            host, copy = self.links("host"), self.links("copy")
            for name in ("eth0", "vmnet1", "vmnet2", "docker0", "br0", "tap7", "tap8"):
                self.assertEqual(host[name], copy[name])
            self.assertEqual(copy["tap7"][1:3], ("br0", "veth"))
            self.assertEqual(copy["eth0"][3], ["enp3s0"])
        with self.subTest("sysctls"):
            texts = []
            for where in ("host", "copy"):
                with open(self.path(where, "sysctls"), encoding="utf-8") as file:
                    texts.append(file.read().splitlines())
            self.assertEqual(texts[0], texts[1])
            self.assertIn("eth0 rp_filter 1", texts[1])

    def addresses(self, where):
        return {(link["ifname"], each["local"], each["prefixlen"], each.get("address"))
                for link in documents(self.path(where, "address")) for each in link["addr_info"]
                if not (each["family"] == "inet" and each["scope"] == "link") and not each.get("deprecated")}

    def routes(self, where):
        out = set()
        for route in documents(self.path(where, "routes")):
            if is_chosen(route) or (route.get("table") == "local" and route.get("protocol") == "kernel"):
                continue
            for each in [route] + route.get("nexthops", []):
                each.pop("flags", None)
            route.pop("nhid", None)
            out.add(json.dumps(route, sort_keys=True))
        return out

    def links(self, where):
        return {link["ifname"]: (link["ifindex"], link.get("master"), link["linkinfo"]["info_kind"],
                                 link.get("altnames", []))
                for link in documents(self.path(where, "links")) if "linkinfo" in link}


# --- what only such a host shows -------------------------------------------------------------------

class Situations(Case):
    def found(self, setup, without, *expected, description=DESCRIPTION, backends=("nftables", "iptables")):
        """The rules hold on this host, and without those of that reason it leaks so."""
        for backend in backends:
            options = ("--backend", backend)
            with self.subTest(backend=backend):
                document = self.proof(setup, description, options=options)
                self.assertTrue(document["proved"])
                leaks = self.leaks(self.proof(setup, description, without, options, code=5))
                for leak in expected:
                    self.assertIn(leak, leaks)

    def test_as_described(self):
        document = self.proof(COMPLETE)
        self.assertEqual((document["findings"], document["detours"], document["diagnostics"]), ([], [], []))

    def test_a_subnet_that_the_interface_does_not_have(self):
        self.found(COMPLETE, "not to its network", ("lab", "eth0"),
                   description=DESCRIPTION.replace('"fd00:57::/64"', '"fd00:57::/64", 10.9.0.0/24'))

    def test_a_routing_rule_for_the_address_of_the_uplink(self):
        self.found(COMPLETE + "ip rule add from 203.0.113.11 lookup 100\n"
                              "ip route add default via 203.0.113.1 dev eth0 table 100\n",
                   "answered elsewhere;not to its network", ("lab", "eth0"))

    def test_ipv6_addresses_that_went_with_the_link(self):
        self.found("", "not to its network", ("lab", "eth0"))

    def test_a_route_to_guests_by_an_interface_that_nobody_described(self):
        self.found("ip address flush dev vmnet2\nip route add 192.168.57.0/24 dev docker0\n",
                   "not to its network", ("lab", "docker0"))

    def test_masquerade_where_the_uplink_has_no_address(self):
        """The kernel takes one of another interface; through iptables it is not that rule that closes it."""
        setup = (COMPLETE + "ip -6 address flush dev eth0\nip -6 route replace default dev eth0\n"
                            "ip address add 2001:db8:77::1/64 dev docker0 nodad\n")
        self.found(setup, "not the uplink's address", ("out", "eth0"), backends=("nftables",))
        self.assertTrue(self.proof(setup, options=("--backend", "iptables"))["proved"])

    def test_a_network_that_is_a_port_of_a_bridge(self):
        """Its packets come in on the bridge."""
        document = self.proof("ip link add br0 type bridge\nip link set vmnet2 master br0\nip link set br0 up\n"
                              "ip address flush dev vmnet2\nip address add 192.168.57.1/24 dev br0\n"
                              "ip address add fd00:57::1/64 dev br0 nodad\n", code=5)
        self.assertIn("lab", {each["network"] for each in document["findings"]})

    def test_a_network_on_a_bridge(self):
        setup = ("ip link delete vmnet2\nip link add vmnet2 type bridge\nip link set vmnet2 up\n"
                 "ip address add 192.168.57.1/24 dev vmnet2\n" + COMPLETE)
        ports = ("for i in tap7 tap8; do ip link add $i type veth peer name p-$i netns far\n"
                 "ip link set $i master vmnet2\nip link set $i up\ndone\n")
        for each in (setup, setup + ports):
            self.assertTrue(self.proof(each)["proved"])
            leaks = self.leaks(self.proof(each, without="no way out there", code=5))
            self.assertIn(("lab", "docker0"), leaks)

    def test_an_altname(self):
        """The packet filter does not know it."""
        document = self.proof(COMPLETE + "ip link property add dev vmnet2 altname enp3s0\n",
                              DESCRIPTION.replace("vmnet2", "enp3s0"), code=5)
        self.assertIn("lab", {each["network"] for each in document["findings"]})

    def test_an_interface_that_is_not_there(self):
        document = self.proof("ip address flush dev vmnet2\n", DESCRIPTION.replace("vmnet2", "vmnet9"))
        self.assertEqual([each["code"] for each in document["diagnostics"]], ["HG-N204"])
        self.assertIn("vmnet9", document["diagnostics"][0]["message"])

    def test_a_default_route_that_nobody_described(self):
        """What may go out can't be asked to; where it goes is told, and nothing of it is a leak."""
        document = self.proof(COMPLETE + "ip rule add priority 98 lookup main suppress_prefixlength 0\n"
                              "ip rule add priority 99 not fwmark 0xca6c lookup 51820\n"
                              "ip route add default dev docker0 table 51820\n")
        self.assertEqual([(each["network"], each["in"], each["expected_on"], each["goes_by"])
                          for each in document["detours"]], [("out", "vmnet1", "eth0", "docker0")])

    def test_a_network_without_a_route_does_not_work(self):
        document = self.proof(COMPLETE + "ip route delete 192.168.56.0/24\n", code=5)
        self.assertEqual({(each["kind"], each["network"]) for each in document["findings"]}, {("failure", "out")})


class Others(Case):
    """Pairs without a network fare as they do without our rules."""

    DOCKER = ("iptables-nft -N DOCKER-USER\niptables-nft -A FORWARD -j DOCKER-USER\n"
              "iptables-nft -A DOCKER-USER -i vmnet1 -o eth0 -j ACCEPT\n"
              "iptables-nft -A DOCKER-USER -i eth0 -o vmnet1 -j ACCEPT\niptables-nft -P FORWARD DROP\n")

    def test_a_policy_that_drops_them_is_no_failure(self):
        for backend in ("nftables", "iptables"):
            document = self.proof(COMPLETE + self.DOCKER, options=("--backend", backend))
            self.assertTrue(document["proved"])
            line = [each for each in document["promises"] if each["network"] is None]
            self.assertGreater(line[0]["probes"], 0)

    def test_a_fault_of_ours_is_one(self):
        """A translation of everything that leaves by an uplink."""
        fault = "a translation of more than the subnet"
        faults = self.on_host("", "env", "HOSTGATE_FAULT=list", MUTANT).stdout.splitlines()
        done = self.on_host("", "env", "HOSTGATE_FAULT=%d" % faults.index(fault), MUTANT, "prove", "--with-host", "--json",
                            host_rules.DESCRIPTION)
        self.assertEqual(done.returncode, 5, done.stderr)
        found = [each for each in json.loads(done.stdout)["findings"] if each["network"] is None]
        self.assertEqual({(each["kind"], each["seen"]["on"]) for each in found}, {("leak", "eth0")})


CASES = (CopyOfHost, Situations, Others)
