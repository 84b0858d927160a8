# SPDX-License-Identifier: GPL-2.0-or-later
"""The judge of foreign rules against the kernel: what `status` says about a packet happens to it on the wire."""

import json
import os
import random

import cases
import foreign_rules
import packets as p
from lab import LINK, PROGRAM

ROUNDS = int(os.environ.get("HOSTGATE_JUDGE_ROUNDS", "120"))    # of each of the three kinds of rules
SEED = int(os.environ.get("HOSTGATE_JUDGE_SEED", "1"))
OUTSIDE = {4: "9.9.9.9", 6: "2620:fe::fe"}      # as status samples them
GUEST = {("vmnet1", 4): "192.168.56.10", ("vmnet1", 6): "fd00:56::a",
         ("vmnet3", 4): "198.18.0.10", ("vmnet3", 6): "2001:db8:3::a"}
DESCRIBED = {
    "uplinks": {"eth0": {"address": ["203.0.113.11", "2001:db8::11"]}},
    "networks": {"vmnet1": dict(cases.STANDARD["networks"]["vmnet1"]), "vmnet3": dict(cases.STANDARD["networks"]["vmnet3"])},
}


class Judge(cases.Case):
    installer = cases.NFTABLES

    def told(self, lab):
        """What status says, by (network, family, reply): "drops", "may", or nothing."""
        done = lab.run([PROGRAM, "status", "--json"])
        self.assertIn(done.returncode, (0, 5), done.stderr)
        answer = json.loads(done.stdout)
        said = {}
        for blocker in answer["blockers"]:
            for pair in blocker["pairs"]:
                key = pair["network"], 4 if pair["family"] == "IPv4" else 6, pair["reply"]
                said[key] = "drops" if pair["certain"] or said.get(key) == "drops" else "may"
        self.assertEqual(done.returncode, 5 if "drops" in said.values() else 0, done.stdout)
        return said

    def wire(self, lab):
        """What the kernel does with the same packets, by the same keys: True when it comes out."""
        seen = {}
        sendings = []
        lab.must(["conntrack", "-F"])
        for network in ("vmnet1", "vmnet3"):
            for family in (4, 6):
                guest = GUEST[network, family]
                sendings.append((network, p.tcp_packet(guest, OUTSIDE[family], 50000, 443, p.SYN, seq=1000)))
        answers = []
        for frame in lab.round(sendings):
            packet = frame.packet
            if frame.link != "eth0" or packet.dst not in OUTSIDE.values() or packet.dport != 443:
                continue
            family = p.family(packet.dst)
            network = "vmnet1" if packet.src in cases.PUBLIC["eth0"].values() else "vmnet3"
            seen[network, family, False] = True
            answers.append(("eth0", p.tcp_packet(packet.dst, packet.src, 443, packet.sport, p.SYN | p.ACK, seq=2000, ack=1001)))
            seen[network, family, True] = False
        for frame in lab.round(answers):
            packet = frame.packet
            if frame.link in ("vmnet1", "vmnet3") and packet.src in OUTSIDE.values() and packet.dport == 50000:
                seen[frame.link, p.family(packet.src), True] = True
        return seen

    def compare(self, lab, rules):
        said, seen = self.told(lab), self.wire(lab)
        certain = 0
        for network in ("vmnet1", "vmnet3"):
            for family in (4, 6):
                for reply in (False, True):
                    key = network, family, reply
                    if reply and key not in seen:
                        continue        # there is no connection to answer
                    verdict = said.get(key)
                    certain += verdict != "may"
                    if verdict == "drops":
                        self.assertFalse(seen.get(key, False), "%r: told to be dropped, but it passes\n%s" % (key, rules))
                    if verdict is None:
                        self.assertTrue(seen.get(key, False), "%r: told to pass, but it is dropped\n%s" % (key, rules))
        return certain

    def new_host(self):
        lab = self.new_lab()
        self.installer.install(lab, DESCRIBED)
        for (network, _), guest in GUEST.items():
            lab.must(["ip", "neigh", "replace", guest, "lladdr", LINK[network].wire_mac, "dev", network, "nud", "permanent"])
        return lab

    def rounds(self, load, clear):
        """Compares for many random rulesets; those that the tool itself refuses do not count."""
        lab = self.new_host()
        rng = random.Random(SEED)
        certain = loaded = 0
        for _ in range(ROUNDS):
            rules = load(lab, rng)
            if rules is None:
                continue
            loaded += 1
            certain += self.compare(lab, rules)
            clear(lab, rules)
        self.assertGreater(loaded, ROUNDS // 3, "most random rules are rules")
        self.assertGreater(certain, loaded * 3, "and the judge can tell most of the time")
        self.assertEqual(self.compare(lab, "no rules"), 8)

    def test_nft(self):
        """Random nft tables: every certain verdict is what the kernel does."""
        def load(lab, rng):
            rules = foreign_rules.nft(rng)
            return rules if lab.run(["nft", "-f", "-"], stdin=rules).returncode == 0 else None
        self.rounds(load, lambda lab, rules: lab.nft("delete table inet rnd"))

    def iptables(self, variant):
        def restore(lab, family, text):
            tool = "iptables" if family == 4 else "ip6tables"
            return lab.run(["%s-%s-restore" % (tool, variant), "-w"], stdin=text)

        def load(lab, rng):
            rules = {family: foreign_rules.iptables(rng, family) for family in (4, 6)}
            loaded = {family: restore(lab, family, text).returncode == 0 for family, text in rules.items()}
            return "\n".join(rules[family] for family in rules if loaded[family]) if any(loaded.values()) else None

        def clear(lab, rules):
            for family in (4, 6):
                self.assertEqual(restore(lab, family, foreign_rules.iptables_empty("*filter *mangle")).returncode, 0)
        self.rounds(load, clear)

    def test_iptables_nft(self):
        """Random rules of iptables-nft, IPv4 and IPv6: every certain verdict is what the kernel does."""
        self.iptables("nft")

    def test_iptables_legacy(self):
        """Random rules of iptables-legacy, IPv4 and IPv6: every certain verdict is what the kernel does."""
        self.iptables("legacy")
