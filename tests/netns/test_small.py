# SPDX-License-Identifier: GPL-2.0-or-later
"""A small change stays small: only what belongs to it is sent, everything else goes on and keeps its counters."""

import json
import re

import cases
import flows
import kernel
import packets as p
import watch
from lab import LINK, PROGRAM, REMOTE

MANY = 10000


def many(n=MANY, **changed):
    """So many networks, those of the lab among them; changed: by name (None takes it out)."""
    networks = {"vmnet1": {"subnet": "192.168.56.0/24", "mode": "nat"},
                "vmnet2": {"subnet": "192.168.57.0/24"}}
    for i in range(n - len(networks)):
        networks["net%d" % i] = {"subnet": "10.%d.%d.0/24" % (i >> 8, i & 255), "mode": ("nat", "routed", "isolated")[i % 3]}
    for name, entry in changed.items():
        if entry is None:
            del networks[name]
        else:
            networks[name] = dict(networks.get(name, {}), **entry)
    return {"uplinks": {"eth0": {"address": "203.0.113.11"}}, "networks": networks, "settings": {"harden": False}}


CHANGES = (     # what, the networks changed, most objects of nf_tables that come or go
    ("add", {"more": {"subnet": "10.200.0.0/24", "mode": "nat"}}, 12),
    ("another address", {"net3": {"snat": "203.0.113.12"}}, 6),
    ("another prefix length", {"net3": {"subnet": "10.0.3.0/25"}}, 38),
    ("another mode", {"net4": {"mode": "nat"}}, 6),
    ("remove", {"net6": None}, 12),
)


class Small(cases.Case):
    installer = cases.NFTABLES

    def table(self, lab, *options):
        return lab.must(["nft", *options, "list", "table", "inet", "hostgate"])

    def apply(self, lab, described):
        path = lab.file("description.yaml", json.dumps(described))
        done = lab.run([PROGRAM, "apply", "-q", path])
        self.assertEqual(done.returncode, 0, done.stderr)

    def counters(self, lab):
        """Of every rule that counted: chain and text -> packets."""
        found, chain = {}, None
        for line in self.table(lab, "-t").splitlines():
            chain = re.match(r"\tchain (\S+)", line).group(1) if line.startswith("\tchain ") else chain
            counted = re.search(r"counter packets ([1-9]\d*) bytes \d+", line)
            if counted:
                found[chain, line.replace(counted.group(), "counter").strip()] = int(counted.group(1))
        return found

    def test_one_of_many(self):
        """10,000 networks, one added, changed in each way, removed: a handful of objects, the table of a fresh install."""
        lab, fresh = self.new_lab(), self.new_lab()
        self.apply(lab, many())
        monitor = watch.Monitor(lab)
        self.addCleanup(monitor.close)
        live = flows.leaving(self, "vmnet1", lab, families=(4,))
        lab.round([("vmnet2", p.udp_packet(LINK["vmnet2"].guest(4), REMOTE[4], 1, 2, b"x")) for _ in range(7)])
        counted = self.counters(lab)
        self.assertIn(7, counted.values())
        described = {}
        for what, changed, most in CHANGES:
            with self.subTest(what):
                described.update(changed)
                monitor.seen()
                done, trace = kernel.traced(lab, [PROGRAM, "apply", "-q", lab.file("d.yaml", json.dumps(many(**described)))])
                self.assertEqual(done.returncode, 0, done.stderr)
                seen, size = monitor.seen()
                self.assertEqual(seen["generation"], 1, "one transaction")
                self.assertEqual(seen["+table"] + seen["-table"], 0, seen)
                self.assertLessEqual(sum(seen.values()) - 1, most, seen)
                self.assertLess(size, 13000)
                batches = kernel.netlink_batches(trace)
                self.assertEqual(len(batches), 1)
                sent = int(batches[0].rsplit(" = ", 1)[1])
                self.assertLess(sent, 13000, batches)
                self.assertEqual({rule: n for rule, n in self.counters(lab).items() if rule in counted}, counted)
                for flow in live:
                    flow.goes_on(self, lab)
        self.apply(fresh, many(**described))
        one, two = (watch.nft_table(self.table(each, "-s")) for each in (lab, fresh))
        self.assertGreater(len(one.sets["members4_24"]), MANY - 3)
        self.assertEqual((one.chains, one.sets), (two.chains, two.sets))

    def test_foreign_parts(self):
        """What somebody put into our table goes, chain by chain and set by set; our counters stay."""
        lab = self.new_lab()
        self.installer.install(lab, cases.standard())
        clean = self.table(lab, "-s")
        lab.round([("vmnet2", p.udp_packet(LINK["vmnet2"].guest(4), REMOTE[4], 1, 2, b"x")) for _ in range(7)])
        counted = self.counters(lab)
        self.assertIn(7, counted.values())
        lab.nft("""
            add chain inet hostgate one
            add chain inet hostgate two
            add rule inet hostgate one jump two
            add map inet hostgate way { type ifname : verdict; elements = { "x" : jump one, "y" : goto two }; }
            add set inet hostgate some { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 }; }
            add rule inet hostgate two ip saddr @some accept
            insert rule inet hostgate leave iifname { "a", "b" } accept
            insert rule inet hostgate leave iifname vmap @way
            add rule inet hostgate leave ip daddr { 10.1.1.1 - 10.1.1.9 } accept
        """)
        self.assertEqual(lab.run([PROGRAM, "status"]).returncode, 5)
        self.installer.install(lab, cases.standard())
        self.assertEqual(watch.nft_table(self.table(lab, "-s")).chains, watch.nft_table(clean).chains)
        self.assertEqual(self.table(lab, "-s"), clean)
        self.assertEqual({rule: n for rule, n in self.counters(lab).items() if rule in counted}, counted)
        # What a set or chain is can't change in place: then the table is made anew, in one step as well.
        lab.nft("flush ruleset")
        self.installer.install(lab, cases.standard())
        lab.nft("delete chain inet hostgate door; add chain inet hostgate door { type filter hook prerouting priority 5; }")
        self.installer.install(lab, cases.standard())
        self.assertEqual(self.table(lab, "-s"), clean)
