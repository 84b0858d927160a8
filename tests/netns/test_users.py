# SPDX-License-Identifier: GPL-2.0-or-later
"""Forwarding that others have come to need stays on when hostgate goes; and only then."""

import json

import cases
import neighbours
from lab import PROGRAM

NAT = "table ip late { chain post { type nat hook postrouting priority srcnat; %s; }; }"


class Users(cases.Case):
    installer = cases.NFTABLES
    options = ()

    def forwarding(self, lab):
        return lab.sysctl("ipv4/ip_forward"), lab.sysctl("ipv6/conf/all/forwarding")

    def apply(self, lab, **networks):
        path = lab.file("d.yaml", json.dumps(cases.standard(**networks)))
        lab.must([PROGRAM, "apply", *self.options, path])

    def remove(self, lab):
        """Removes; returns the notes that tell what stays."""
        done = lab.run([PROGRAM, "remove", "--json"])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("hostgate", lab.must(["nft", "list", "ruleset"]))
        return [diag for diag in json.loads(done.stdout)["diagnostics"] if diag["code"] == "HG-N203"]

    def test_docker_after_us(self):
        """Docker, started after hostgate, keeps IPv4 forwarding; IPv6 goes back; the note names both what and how."""
        for variant in ("nft", "legacy"):
            with self.subTest(variant):
                lab = self.new_lab()
                self.apply(lab)
                neighbours.load_iptables(lab, neighbours.DOCKER, variant)
                self.apply(lab, vmnet2={"mode": "nat"})
                notes = self.remove(lab)
                self.assertEqual(len(notes), 1, notes)
                self.assertRegex(notes[0]["message"], r"net/ipv4/ip_forward stays 1, .*(legacy )?ip \w+ \w+ of Docker")
                self.assertIn("echo 0 > /proc/sys/net/ipv4/ip_forward", notes[0]["hint"])
                self.assertEqual(self.forwarding(lab), ("1", "0"))
                self.apply(lab)         # it was on before this one: nothing to put back
                self.assertEqual(self.remove(lab), [])
                self.assertEqual(self.forwarding(lab), ("1", "0"))

    def test_docker_joins_a_chain(self):
        """Docker comes to a chain that others had rules in before: that is somebody new."""
        lab = self.new_lab()
        lab.must(["iptables-nft", "-w", "-A", "FORWARD", "-i", "dmz0", "-j", "ACCEPT"])
        self.apply(lab)
        lab.must(["iptables-nft", "-w", "-N", "DOCKER-USER"])
        lab.must(["iptables-nft", "-w", "-A", "DOCKER-USER", "-j", "RETURN"])
        lab.must(["iptables-nft", "-w", "-I", "FORWARD", "-j", "DOCKER-USER"])
        self.assertIn("Docker", self.remove(lab)[0]["message"])
        self.assertEqual(self.forwarding(lab)[0], "1")

    def test_others_before_us(self):
        """Rules that were there while forwarding was off do not need it, also when they grow."""
        lab = self.new_lab()
        lab.nft(NAT % 'oifname "eth0" masquerade')
        self.apply(lab)
        lab.must(["nft", "add", "rule", "ip", "late", "post", "oifname", "eth1", "masquerade"])
        self.assertEqual(self.remove(lab), [])
        self.assertEqual(self.forwarding(lab), ("0", "0"))

    def test_empty_chains(self):
        """Chains without rules, and rules elsewhere, need no forwarding."""
        lab = self.new_lab()
        self.apply(lab)
        lab.nft(NAT % "")
        lab.nft("table inet late { chain i { type filter hook input priority 0; tcp dport 22 accept; }; }")
        self.assertEqual(self.remove(lab), [])
        self.assertEqual(self.forwarding(lab), ("0", "0"))

    def test_not_needed_any_more(self):
        """A description that needs no forwarding leaves it on for others, and remove puts it back once they are gone."""
        lab = self.new_lab()
        self.apply(lab)
        lab.nft(NAT % "masquerade")
        isolated = {name: {"mode": "isolated"} for name in ("vmnet1", "vmnet3", "vmnet4", "taps")}
        self.apply(lab, **isolated)
        self.assertEqual(self.forwarding(lab), ("1", "0"))
        done = lab.run([PROGRAM, "apply", *self.options, lab.file("d.yaml", json.dumps(cases.standard(**isolated)))])
        self.assertEqual((done.returncode, done.stdout), (0, "nothing to do\n"), done.stderr)
        lab.nft("delete table ip late")
        self.assertEqual(self.remove(lab), [])
        self.assertEqual(self.forwarding(lab), ("0", "0"))


class UsersIptables(Users):
    installer = cases.INSTALLERS[1]
    options = ("--backend", "iptables")
