# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections that no longer fit leave conntrack, and no others; conntrack(8) tells what is there."""

import json
import re
import socket

import cases
import flows
import kernel
import packets as p
from flows import Flow
from lab import LINK, REMOTE

SNAT = "203.0.113.13"

# The kernel tracks connections while some rule wants to know of them: somebody else's, here.
TRACKING = "table inet stranger { chain c { type filter hook forward priority 0; ct state invalid counter; }; }"


def entries(lab):
    """Every entry as a text without what time changes, by its number."""
    found = {}
    for family in ("ipv4", "ipv6"):
        for line in lab.must(["conntrack", "-L", "-f", family, "-o", "id,extended"]).splitlines():
            words = [word for word in line.split()
                     if not re.match(r"packets=|bytes=|use=|\[?(UN)?REPLIED|\[ASSURED|\d+$", word)]
            found[re.findall(r" id=(\d+)", line)[-1]] = " ".join(words)     # the echo's number comes before it
    return found


def about(found, *addresses):
    """The entries that name one of the addresses (in any place)."""
    return {number: text for number, text in found.items()
            if any(re.search(r"=%s(\s|$)" % re.escape(address), text) for address in addresses)}


def guests(link, families=(4, 6)):
    return [LINK[link].guest(family) for family in families]


@cases.promise_applied
class Conntrack:
    """Every test has flows of both families, and looks at what others have in the table."""

    def apply(self, lab, described, **deleted):
        """Applies, and tells what was taken out by network; deleted is what it has to be."""
        done = cases.succeeded("apply", self.installer.run(lab, described, "--json"))
        told = json.loads(done.stdout)
        self.assertEqual(told["conntrack"], {"deleted": sum(deleted.values()), "networks": deleted})
        self.assertEqual([found for found in told["diagnostics"] if found["code"] == "HG-W220"], [])
        return told

    def lab_with(self, described, *links):
        """A host with this description, and flows of the links in both families; the dmz's are a stranger's."""
        lab = self.new_lab()
        self.installer.install(lab, described)
        found = {link: flows.leaving(self, link, lab, port=9000 + 20 * number)
                 for number, link in enumerate(links + ("dmz0",))}
        self.in_a_zone(lab)
        return lab, found

    def in_a_zone(self, lab):
        """An entry that looks like a guest's untranslated one, in a zone of somebody else's."""
        lab.must(["conntrack", "-I", "-w", "7", "-s", LINK["vmnet1"].guest(4, 66), "-d", REMOTE[4], "-p", "udp",
                  "--sport", "1", "--dport", "2", "--timeout", "900"])

    def assert_others_stay(self, before, lab, *gone):
        """All entries but those of the addresses are there still, the same ones."""
        after = entries(lab)
        others = {number: text for number, text in before.items() if number not in about(before, *gone)}
        self.assertTrue(others)
        self.assertEqual({number: after.get(number) for number in others}, others)
        return after

    def starts_anew(self, lab, found, sources):
        """One more packet of each flow leaves at once, with its family's new source."""
        for flow in found:
            mark = p.nonce()
            captured = lab.round([flow.out(mark)])
            self.assert_no_private([] if flow.inner in sources else captured)
            seen = self.only(captured, "eth0", mark)
            self.assertIn(seen.src, sources, repr(flow))
            flow.seen_as, flow.seen_port = seen.src, seen.ident if flow.kind == "echo" else seen.sport
            flow.goes_on(self, lab)

    def test_new_translation(self):
        """Another snat address: that family's flows of that network start anew with it, all others stay."""
        lab, found = self.lab_with(cases.standard(), "vmnet1", "tap0", "vmnet3")
        before = entries(lab)
        self.apply(lab, cases.standard(taps={"snat": SNAT}), taps=3)
        after = self.assert_others_stay(before, lab, *guests("tap0", (4,)))
        self.assertEqual(about(after, *guests("tap0", (4,))), {})
        self.starts_anew(lab, [flow for flow in found["tap0"] if ":" not in flow.inner], (SNAT,))
        for flow in [flow for flow in found["tap0"] if ":" in flow.inner] + found["vmnet1"] + found["dmz0"]:
            flow.goes_on(self, lab)

    def test_new_address_of_an_uplink(self):
        """Another address of an uplink: the networks that use it start anew, of one with its own snat only IPv6."""
        uplinks = {"outside": {"interface": "eth0", "address": [SNAT, "2001:db8::13"]}, "second": {"interface": "eth1"}}
        lab, found = self.lab_with(cases.standard(taps={"snat": "203.0.113.12"}), "vmnet1", "tap0", "vmnet3")
        before = entries(lab)
        self.apply(lab, cases.standard(uplinks=uplinks, taps={"snat": "203.0.113.12"}), vmnet1=6, taps=3)
        self.assert_others_stay(before, lab, *guests("vmnet1"), *guests("tap0", (6,)))
        self.starts_anew(lab, found["vmnet1"], (SNAT, "2001:db8::13"))

    def test_rollback(self):
        """rollback: flows that began with the translation that is undone start anew with the earlier one."""
        lab = self.new_lab()
        lab.nft(TRACKING)
        self.installer.install(lab, cases.standard())
        self.installer.install(lab, cases.standard(taps={"snat": SNAT}))
        found = {link: flows.leaving(self, link, lab, port=9000 + 40 * number)
                 for number, link in enumerate(("tap0", "vmnet1"))}
        before = entries(lab)
        done = cases.succeeded("rollback", lab.run(self.installer.argv("rollback", "--json")))
        self.assertEqual(json.loads(done.stdout)["conntrack"], {"deleted": 3, "networks": {"taps": 3}})
        self.assert_others_stay(before, lab, *guests("tap0", (4,)))
        tap0 = [flow for flow in found["tap0"] if ":" not in flow.inner]
        for flow in [flow for flow in found["tap0"] if ":" in flow.inner] + found["vmnet1"]:
            flow.goes_on(self, lab)
        for flow in tap0:
            mark = p.nonce()
            self.assertEqual(self.only(lab.round([flow.out(mark)]), "eth0", mark).src, "203.0.113.11")

    def test_isolated(self):
        """nat and routed -> isolated: their entries go, and so does what passed between guest and outside."""
        lab, _ = self.lab_with(cases.standard(), "vmnet1", "vmnet3", "tap0")
        before = entries(lab)
        self.apply(lab, cases.standard(vmnet1={"mode": "isolated"}, vmnet3={"mode": "isolated"}), vmnet1=6, vmnet3=6)
        after = self.assert_others_stay(before, lab, *guests("vmnet1"), *guests("vmnet3"))
        self.assertEqual(about(after, *guests("vmnet1"), *guests("vmnet3")), {})

    def test_routed(self):
        """nat -> routed: the flow goes on with its own source, at once."""
        lab, found = self.lab_with(cases.standard(), "vmnet1", "tap0")
        before = entries(lab)
        self.apply(lab, cases.standard(vmnet1={"mode": "routed"}), vmnet1=6)
        self.assert_others_stay(before, lab, *guests("vmnet1"))
        self.starts_anew(lab, found["vmnet1"], guests("vmnet1"))

    def test_routed_to_nat(self):
        """routed -> nat: the flow leaves with the public address, at once."""
        lab, found = self.lab_with(cases.standard(vmnet1={"mode": "routed"}), "vmnet1", "tap0")
        before = entries(lab)
        self.apply(lab, cases.standard(), vmnet1=6)
        self.assert_others_stay(before, lab, *guests("vmnet1"))
        self.starts_anew(lab, found["vmnet1"], tuple(cases.PUBLIC["eth0"].values()))

    def test_network_removed(self):
        """A network taken out of the file: what was translated for it goes, what was routed stays."""
        lab, _ = self.lab_with(cases.standard(), "vmnet1", "vmnet3", "tap0")
        before = entries(lab)
        self.apply(lab, cases.standard(vmnet1=None, vmnet3=None), vmnet1=6)
        after = self.assert_others_stay(before, lab, *guests("vmnet1"))
        self.assertEqual(about(after, *guests("vmnet1")), {})
        self.assertEqual(len(about(after, *guests("vmnet3"))), 6, after)

    def test_first_apply(self):
        """Flows that are older than the first apply: translated at once, or gone; the host's and strangers' stay."""
        lab = self.new_lab(forward=True)
        lab.nft(TRACKING)
        older = {link: flows.leaving(self, link, lab, port=9000 + 20 * number)
                 for number, link in enumerate(("vmnet1", "vmnet2", "vmnet3", "dmz0"))}
        inward = [Flow("udp", "vmnet3", LINK["vmnet3"].guest(family), "eth0", REMOTE[family], 9200) for family in (4, 6)]
        between = Flow("udp", "vmnet1", LINK["vmnet1"].guest(4, 20), "vmnet3", LINK["vmnet3"].guest(4, 20), 9300)
        within = ["udp", LINK["vmnet1"].guest(4, 66), LINK["vmnet1"].guest(4, 77)]
        for flow in inward:
            flow.start_from_outside(self, lab)
        between.start(self, lab)
        self.in_a_zone(lab)
        lab.must(["conntrack", "-I", "-s", within[1], "-d", within[2], "-p", "udp", "--sport", "1", "--dport", "2",
                  "--timeout", "900"])
        for family in (4, 6):       # a guest asks the host, on its own address there and on the public one
            for address in (LINK["vmnet2"].gateway(family), cases.PUBLIC["eth0"][family]):
                lab.round([("vmnet2", p.echo_packet(LINK["vmnet2"].guest(family, 20), address, 7, p.nonce()))])
        before = entries(lab)
        self.assertEqual(len(about(before, *[LINK["vmnet2"].guest(family, 20) for family in (4, 6)])), 4)
        self.apply(lab, cases.standard(), vmnet1=6 + 1, vmnet2=6, vmnet3=2)
        after = entries(lab)
        gone = {number for number in before if number not in after}
        self.assertEqual(len(gone), 15, [before[number] for number in gone])
        self.assertTrue(about(after, within[1]))
        self.assertEqual(len(about(after, *[LINK["vmnet2"].guest(family, 20) for family in (4, 6)])), 4)
        self.starts_anew(lab, older["vmnet1"], tuple(cases.PUBLIC["eth0"].values()))
        for flow in older["vmnet3"] + older["dmz0"]:
            flow.goes_on(self, lab)
        flows.assert_silent(self, lab, older["vmnet2"])

    def test_the_hosts_own(self):
        """The host's packets with a gateway's source: translated at once on an uplink, left alone elsewhere."""
        lab = self.new_lab()
        lab.nft(TRACKING)
        for family in (4, 6):
            inet = "inet6" if family == 6 else "inet"
            lab.must(["ip", "-f", inet, "route", "add", {4: "192.0.2.200", 6: "2001:db8:97::1"}[family], "via",
                      LINK["dmz0"].guest(family), "dev", "dmz0"])
        socks = {}
        for family in (4, 6):
            sock = socks[family] = lab.host_socket(socket.SOCK_DGRAM, family)
            sock.bind((LINK["vmnet1"].gateway(family), 7000))
        elsewhere = {4: "192.0.2.200", 6: "2001:db8:97::1"}

        def say(family, to):
            mark = p.nonce()
            lab.drain()
            socks[family].sendto(mark, (to, 53))
            return mark, lab.settle()
        for family in (4, 6):
            for to, link in ((REMOTE[family], "eth0"), (elsewhere[family], "dmz0")):
                mark, captured = say(family, to)
                self.assertEqual(self.only(captured, link, mark).src, LINK["vmnet1"].gateway(family))
        before = entries(lab)
        self.apply(lab, cases.standard(), vmnet1=2)
        self.assert_others_stay(before, lab, *REMOTE.values())
        self.assertEqual(len(about(entries(lab), *elsewhere.values())), 2)
        for family in (4, 6):
            mark, captured = say(family, REMOTE[family])
            self.assertEqual(self.only(captured, "eth0", mark).src, cases.PUBLIC["eth0"][family])

    def test_masquerade(self):
        """Masqueraded flows fit while an uplink of the network has their address, and go when none has."""
        uplinks = {"outside": {"interface": "eth0"}, "second": {"interface": "eth1"}}
        lab, found = self.lab_with(cases.standard(uplinks=uplinks), "vmnet1")
        other = cases.standard(uplinks=uplinks, settings={"deny": "drop"})      # the rules change, translation does not
        self.apply(lab, other)
        for flow in found["vmnet1"]:
            flow.goes_on(self, lab)
        before = entries(lab)
        self.apply(lab, cases.standard(uplinks=uplinks, vmnet1={"uplink": "second"}), vmnet1=6)
        after = self.assert_others_stay(before, lab, *guests("vmnet1"))
        self.assertEqual(about(after, *guests("vmnet1")), {})

    def test_rules_lost(self):
        """Rules that somebody threw away come back: flows that began without them start anew."""
        lab, found = self.lab_with(cases.standard(), "vmnet1", "tap0")
        lab.nft(TRACKING)
        if self.installer is cases.NFTABLES:
            lab.nft("delete table inet hostgate")
        else:
            for tool in ("iptables-legacy", "ip6tables-legacy"):
                for table in ("raw", "mangle", "nat", "filter"):
                    lab.must([tool, "-t", table, "-F"])
        begun = flows.leaving(self, "vmnet1", lab, port=9500)
        before = entries(lab)
        self.assertEqual(len(about(before, *guests("vmnet1"))), 12)
        self.apply(lab, cases.standard(), vmnet1=6)
        self.starts_anew(lab, begun, tuple(cases.PUBLIC["eth0"].values()))
        for flow in found["vmnet1"] + found["tap0"]:
            flow.goes_on(self, lab)

    def test_nothing_to_do(self):
        """Without a change the table is not even read; with one it is read once and only entries are deleted."""
        lab, _ = self.lab_with(cases.standard(), "vmnet1")
        path = lab.file("description.yaml", json.dumps(cases.standard()))
        done, trace = kernel.traced(lab, self.installer.argv("apply", path))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("CTNETLINK", trace)
        lab.sysctl("ipv4/ip_forward", 0)
        done, trace = kernel.traced(lab, self.installer.argv("apply", path))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("CTNETLINK", trace, "a sysctl concerns no connection")
        path = lab.file("description.yaml", json.dumps(cases.standard(vmnet1={"mode": "isolated"})))
        done, trace = kernel.traced(lab, self.installer.argv("apply", path))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("6 connections of vmnet1 deleted from conntrack", done.stdout)
        sent = [line for line in trace.splitlines() if "sendto(" in line and "CTNETLINK" in line]
        self.assertEqual(len(sent), 1 + 6, sent)
        self.assertIn("NLM_F_DUMP", sent[0])

    def test_a_failure_is_a_warning(self):
        """conntrack that can't be read: a warning with what it means; the apply itself is done, and safe."""
        lab, found = self.lab_with(cases.standard(), "vmnet1")
        path = lab.file("description.yaml", json.dumps(cases.standard(vmnet1={"mode": "isolated"})))
        before = entries(lab)
        copy = self.new_lab()
        self.installer.install(copy, cases.standard())
        done, trace = kernel.traced(copy, self.installer.argv("apply", path))
        self.assertEqual(done.returncode, 0, done.stderr)
        sent = [line for line in trace.splitlines() if "sendto(" in line]
        number = [idx for idx, line in enumerate(sent, 1) if "CTNETLINK" in line][0]
        done = lab.run(["strace", "-o", "/dev/null", "-e", "inject=sendto:error=EOPNOTSUPP:when=%d" % number]
                       + self.installer.argv("apply", path))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("HG-W220", done.stderr)
        self.assertIn("nf_conntrack_netlink", done.stderr)
        self.assertEqual(entries(lab).keys(), before.keys())
        self.assert_no_private(flows.assert_silent(self, lab, found["vmnet1"]))
