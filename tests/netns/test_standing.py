# SPDX-License-Identifier: GPL-2.0-or-later
"""A host that is not as described: what plan, apply and status say of it, and that it is so."""

import json

import cases
import packets as p
from lab import LINK, PROGRAM, REMOTE

BRIDGE = ["link add vmbr1 type bridge", "link set vmbr1 up", "link set vmnet1 master vmbr1"]
# A bridge of its own for the firewall of one guest, as Proxmox makes it, and the network's bridge.
FIREWALL = ["link add vmbr1 type bridge", "link add fwbr1 type bridge", "link add fwpr1 type veth peer name fwln1",
            "link set fwpr1 master vmbr1 up", "link set fwln1 master fwbr1 up", "link set vmnet1 master fwbr1",
            "link set vmbr1 up", "link set fwbr1 up", "addr flush dev vmnet1", "addr add 192.168.56.1/24 dev vmbr1"]


class Odd(cases.Case):
    """A host of its own for each test."""

    installer = cases.NFTABLES

    def setUp(self):
        super().setUp()
        self.lab = self.new_lab()

    def ip(self, *lines):
        for line in lines:
            self.lab.must(["ip", *line.split()])

    def document(self, command, status, described):
        """What a command prints with --json, with its exit status."""
        words = [] if command == "status" else [self.lab.file("description.yaml", json.dumps(described) + "\n")]
        options = [] if command == "status" else self.installer.options
        done = self.lab.run([PROGRAM, command, "--json", *options, *words])
        self.assertEqual(done.returncode, status, "%s: %s%s" % (command, done.stdout, done.stderr))
        return json.loads(done.stdout)

    def found(self, document, code):
        diags = [diag for diag in document["diagnostics"] if diag["code"] == code]
        self.assertTrue(diags, document["diagnostics"])
        return diags[0]

    def check_void(self, described, code, message, hint):
        """Every command says it, before and after; what can be installed is."""
        for command, status in (("plan", 10), ("apply", 5), ("plan", 5), ("apply", 5), ("status", 5)):
            document = self.document(command, status, described)
            self.assertIs(document["void"], True, command)
            diag = self.found(document, code)
            self.assertEqual((diag["severity"], diag["message"]), ("error", message), command)
            self.assertIn(hint, diag["hint"])
            self.assertGreater(diag["line"], 0)
            if command == "apply":
                self.assertIs(document["changed"], status == 5 and bool(document["changes"]))
        self.assertIs(self.document("status", 5, described)["matches"], True)
        status = self.lab.run([PROGRAM, "status"])
        self.assertEqual(status.stdout.splitlines()[0], "void:        " + message)
        again = self.lab.run([PROGRAM, "apply", *self.installer.options, self.lab.directory + "/description.yaml"])
        self.assertEqual((again.returncode, again.stdout),
                         (5, "nothing to do, but not every promise holds on this host\n"))
        quiet = self.lab.run([PROGRAM, "status", "--quiet"])
        self.assertEqual((quiet.returncode, quiet.stdout), (5, ""))
        self.assertIn(message, quiet.stderr)


class Standing(Odd):
    """What is void is said by all three commands; the rules are installed nevertheless."""

    def check_warning(self, described, code, severity, message):
        for command, status in (("plan", 10), ("apply", 0), ("plan", 0), ("status", 0)):
            document = self.document(command, status, described)
            self.assertIs(document["void"], False)
            diag = self.found(document, code)
            self.assertEqual((diag["severity"], diag["message"]), (severity, message))

    def test_all_is_well(self):
        """On a host as described nothing is void, and nothing is said."""
        for command, status in (("plan", 10), ("apply", 0), ("plan", 0), ("apply", 0), ("status", 0)):
            document = self.document(command, status, cases.standard())
            self.assertEqual((document["void"], document["diagnostics"]), (False, []), command)

    def test_port(self):
        """A network's interface that is a port of a bridge."""
        self.ip(*BRIDGE)
        self.check_void(cases.standard(), "HG-E250",
                        "interface vmnet1 is a port of bridge vmbr1: its packets come in on vmbr1",
                        "write interface: vmbr1")

    def test_pattern(self):
        """Ports that fit a pattern are named, and what fits and is none stays in the advice."""
        self.ip("link add vmbr1 type bridge", "link set vmbr1 up", "link set tap1 master vmbr1")
        self.check_void(cases.standard(), "HG-E250",
                        "interface tap1 (tap*) is a port of bridge vmbr1: its packets come in on vmbr1",
                        "write interface: [tap*, vmbr1]")

    def test_uplink_port(self):
        """An uplink that is a port of a bridge, which has its address."""
        self.ip("link add br0 type bridge", "link set br0 up", "link set eth1 master br0")
        self.check_void(cases.standard(), "HG-E250",
                        "interface eth1 is a port of bridge br0: its packets come in on br0", "write interface: br0")

    def test_firewall_bridge(self):
        """A guest's own bridge hears it, too, whether the description has the tap or the network's bridge."""
        self.ip(*FIREWALL)
        self.check_void(cases.standard(), "HG-E250",
                        "interface vmnet1 is a port of bridge fwbr1: its packets come in on fwbr1 and vmbr1",
                        "write interface: [fwbr1, vmbr1]")
        described = cases.standard(vmnet1={"interface": "vmbr1"})
        self.lab.must([PROGRAM, "remove"])
        self.check_void(described, "HG-E253",
                        'packets of guests of "vmnet1" come in on fwbr1, too, where they do not count as theirs',
                        "add fwbr1 to its interfaces")
        described = cases.standard(vmnet1={"interface": ["vmbr1", "fwbr1"]})
        self.assertEqual(self.document("apply", 0, described)["void"], False)

    def test_altname(self):
        """A name that ip(8) takes and the packet filter does not."""
        self.ip("link property add dev vmnet1 altname hostonly1")
        self.check_void(cases.standard(vmnet1={"interface": "hostonly1"}), "HG-E251",
                        "hostonly1 is only another name of interface vmnet1: no packet is seen under it",
                        "write interface: vmnet1")

    def test_renamed(self):
        """Renamed after apply: status finds it by its address, apply says it."""
        described = cases.standard()
        self.document("apply", 0, described)
        self.ip("link set vmnet1 down", "link set vmnet1 name vmnet9", "link set vmnet9 up")
        document = self.document("status", 5, described)
        self.assertEqual((document["void"], document["missing_interfaces"]), (True, ["vmnet1"]))
        self.assertEqual(self.found(document, "HG-E252")["message"],
                         "there is no interface vmnet1; its address 192.168.56.1 is on vmnet9")
        self.assertNotIn("HG-N200", [diag["code"] for diag in document["diagnostics"]], "it is told once")
        self.document("apply", 5, described)

    def test_macvlan(self):
        """A macvlan on top hears the guests; a macvtap may."""
        self.ip("link add link vmnet1 name mt0 type macvtap mode bridge", "link set mt0 up")
        self.check_warning(cases.standard(), "HG-W250", "warning",
                           'packets of guests of "vmnet1" may come in on mt0, too, where they do not count as theirs')
        self.lab.must([PROGRAM, "remove"])
        self.ip("link add link vmnet1 name mv0 type macvlan mode bridge", "link set mv0 up")
        self.check_void(cases.standard(), "HG-E253",
                        'packets of guests of "vmnet1" come in on mv0, too, where they do not count as theirs',
                        "add mv0 to its interfaces")

    def test_second_interface(self):
        """Another interface has an address of the subnet."""
        self.ip("addr add 192.168.56.7/24 dev dmz0")
        self.check_void(cases.standard(), "HG-E254",
                        'subnet 192.168.56.0/24 of "vmnet1" is also on dmz0, which has the address 192.168.56.7 and '
                        "is not an interface of the network", "add dmz0 to its interfaces")

    def test_route(self):
        """A route to guests by another interface."""
        self.ip("route add 192.168.56.128/25 dev dmz0")
        self.check_warning(cases.standard(), "HG-W251", "warning",
                           'a route of the host leads to 192.168.56.128/25 of "vmnet1" through dmz0, which is not an '
                           "interface of the network: guests there get no answer from the host")

    def test_cut_off(self):
        """An uplink's address in a network: apply touches nothing; when it comes later, status says it."""
        described = cases.standard(vmnet1={"subnet": ["10.0.0.0/8", "fd00:56::/64"], "gateway": None})
        del described["networks"]["vmnet1"]["gateway"]
        self.ip("addr flush dev vmnet1", "addr del 10.99.0.1/24 dev dmz0", "addr add 10.7.0.1/16 dev vmnet1",
                "addr add 10.20.0.9/16 dev eth1")
        before = self.lab.all_sysctls()
        for command in ("plan", "apply"):
            document = self.document(command, 3, described)
            self.assertEqual((document["void"], document["changed"]), (True, False))
            diag = self.found(document, "HG-E255")
            self.assertEqual(diag["message"], "eth1 has the address 10.20.0.9, which is in 10.0.0.0/8 of the nat "
                                              'network "vmnet1": the host could not send anything from it')
            self.assertEqual(diag["related"][0]["message"], "the subnet is here")
        self.assertEqual(self.lab.must(["nft", "list", "ruleset"]), "")
        self.assertEqual(self.lab.all_sysctls(), before)
        self.assertEqual(self.document("status", 5, described)["installed"], False)
        self.ip("addr del 10.20.0.9/16 dev eth1")
        self.assertIs(self.document("apply", 0, described)["void"], False)
        self.ip("addr add 10.20.0.9/16 dev eth1")
        document = self.document("status", 5, described)
        self.assertEqual((document["void"], document["matches"]), (True, True))
        self.assertEqual(self.found(document, "HG-E255")["severity"], "error")
        self.document("apply", 3, described)
        self.assertIn("table inet hostgate", self.lab.must(["nft", "list", "ruleset"]), "the rules stay")

    def test_no_address(self):
        """An uplink to masquerade on that has no address of a family."""
        message = "eth1 has no IPv6 address: packets of vmnet1 and 1 more cannot leave there over IPv6 until it has one"
        self.ip("-6 addr flush dev eth1 scope global")
        self.check_warning(cases.standard(), "HG-N250", "note", message)
        self.lab.must([PROGRAM, "remove"])
        self.ip("-6 route add default via fe80::10 dev eth1 metric 5000")
        self.check_warning(cases.standard(), "HG-W252", "warning", message)

    def test_tunnel(self):
        """A tunnel that takes any sender is named by status alone, while it is up."""
        self.ip("link add vx5 type vxlan id 5 dstport 4789", "link set vx5 up")
        self.assertEqual(self.document("apply", 0, cases.standard())["diagnostics"], [])
        diag = self.found(self.document("status", 0, None), "HG-N251")
        self.assertTrue(diag["message"].startswith("vx5 accepts tunnelled packets from any sender"), diag["message"])
        self.ip("link set vx5 down")
        self.assertEqual(self.document("status", 0, None)["diagnostics"], [])

    def test_missing(self):
        """Interfaces that are not there yet, an uplink, too."""
        described = cases.standard(uplinks={"eth0": {}, "ppp0": {}}, vmnet9={"subnet": "10.9.9.0/24"})
        document = self.document("apply", 0, described)
        self.assertEqual([diag["message"].split(":")[0] for diag in document["diagnostics"]],
                         ["interface ppp0 does not exist yet", "interface vmnet9 does not exist yet"])
        self.assertEqual(self.document("status", 0, None)["missing_interfaces"], ["ppp0", "vmnet9"])

    def test_dry_run(self):
        """What is printed for another host does not depend on this one."""
        self.ip(*BRIDGE)
        path = self.lab.file("description.yaml", json.dumps(cases.standard()) + "\n")
        done = self.lab.run([PROGRAM, "apply", "--dry-run", path])
        self.assertEqual((done.returncode, done.stderr), (0, ""))


class Standing_iptables(Odd):
    """With the other backend, too."""

    installer = cases.INSTALLERS[1]
    test_port = Standing.test_port


class InInterface(Odd):
    """What the facts rest on: the interface on which the kernel sees a guest's packet come in."""

    def seen_on(self, *names, mac=None, family=4):
        """The ones of the interfaces on which a packet from vmnet1's wire to the outside comes in."""
        self.lab.nft("flush ruleset\ntable inet t { chain c { type filter hook prerouting priority -300; }; }\n" +
                     "".join('add rule inet t c iifname "%s" udp dport 4242 counter\n' % name for name in names))
        packet = p.udp_packet(LINK["vmnet1"].guest(family), REMOTE[family], 1000, 4242, p.nonce())
        self.lab.send("vmnet1", packet, dst_mac=mac)
        self.lab.settle()
        rules = json.loads(self.lab.must(["nft", "-j", "list", "ruleset"]))["nftables"]
        seen = []
        for rule in (entry["rule"]["expr"] for entry in rules if "rule" in entry):
            if any("counter" in part and part["counter"]["packets"] for part in rule):
                seen.append(rule[0]["match"]["right"])
        return seen

    def mac(self, name):
        return json.loads(self.lab.must(["ip", "-j", "link", "show", name]))[0]["address"]

    def quiet_bridges(self):
        for name in ("iptables", "ip6tables"):
            self.lab.sysctl("bridge/bridge-nf-call-" + name, 0)

    def test_alone(self):
        self.assertEqual(self.seen_on("vmnet1"), ["vmnet1"])

    def test_port(self):
        self.ip(*BRIDGE)
        self.quiet_bridges()
        self.assertEqual(self.seen_on("vmnet1", "vmbr1", mac=self.mac("vmbr1")), ["vmbr1"])

    def test_altname(self):
        self.ip("link property add dev vmnet1 altname hostonly1")
        self.assertEqual(self.seen_on("vmnet1", "hostonly1"), ["vmnet1"])

    def test_macvlan(self):
        self.ip("link add link vmnet1 name mv0 type macvlan mode private", "link set mv0 up",
                "link add link vmnet1 name mt0 type macvtap mode bridge", "link set mt0 up")
        for name in ("vmnet1", "mv0", "mt0"):
            self.assertEqual(self.seen_on("vmnet1", "mv0", "mt0", mac=self.mac(name)), [name])

    def test_firewall_bridge(self):
        """By either bridge, as the guest chooses; IPv4's reverse path filter closes the one, nothing IPv6's."""
        self.ip(*FIREWALL)
        self.quiet_bridges()
        for name in ("vmbr1", "fwbr1"):
            for family in (4, 6):
                self.assertEqual(self.seen_on("vmnet1", "vmbr1", "fwbr1", mac=self.mac(name), family=family), [name])
