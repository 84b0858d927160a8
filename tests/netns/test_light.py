# SPDX-License-Identifier: GPL-2.0-or-later
"""Closing costs a host nothing that it did not ask for: no connection tracking, no translation, no empty chains."""

import re
import socket

import cases
import packets as p
from lab import LINK, REMOTE
from test_answers import ISOLATED

BUILT_IN = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}


def rules(lab):
    """What nft and both legacy programs list on the host."""
    return "".join(lab.must(argv) for argv in (["nft", "list", "ruleset"], ["iptables-legacy-save"], ["ip6tables-legacy-save"]))


def empty_chains(text):
    """The chains that hold no rule; iptables' own, which it makes itself, left out."""
    found = {name for name, body in re.findall(r"chain (\S+) \{\n(.*?)\t\}", text, re.S)
             if not [line for line in body.splitlines() if line.strip() and not line.strip().startswith("type ")]}
    for table in re.split(r"^\*", text, flags=re.M)[1:]:
        found |= {name for name in re.findall(r"^:(\S+)", table, re.M) if not re.search(r"^-A %s " % re.escape(name), table, re.M)}
    return found - BUILT_IN


def tracked(lab):
    """How many connections the host tracks after some were there."""
    lab.forward()
    for family in (4, 6):
        with lab.host_socket(socket.SOCK_DGRAM, family) as sock:
            sock.sendto(b"x", (REMOTE[family], 53))
        lab.round([("eth0", p.udp_packet(REMOTE[family], LINK["eth0"].gateway(family), 53, 53, b"x")),
                   ("vmnet2", p.echo_packet(LINK["vmnet2"].guest(family), LINK["vmnet2"].gateway(family), 1, b"x")),
                   ("vmnet2", p.udp_packet(LINK["vmnet2"].guest(family), REMOTE[family], 1, 1, b"x")),
                   ("dmz0", p.udp_packet(LINK["dmz0"].guest(family), REMOTE[family], 1, 1, b"x"))])
    return int(lab.sysctl("netfilter/nf_conntrack_count"))


@cases.promise_file_both
class Light:
    """A description with isolated networks only."""

    description = ISOLATED

    def test_no_tracking(self):
        """Connection tracking stays off for the whole host."""
        self.assertEqual(tracked(self.lab), 0)

    def test_no_rule_needs_it(self):
        """No rule asks for connections, and none translates."""
        text = rules(self.lab)
        words = re.findall(r"\bct (?:state|status|direction|original|reply|id|mark)|conntrack|ctstate|-m state|type nat|"
                           r"MASQUERADE|SNAT|masquerade|snat", text)
        self.assertEqual(words, [])

    def test_no_empty_chains(self):
        """No chain is there without a rule."""
        self.assertEqual(empty_chains(rules(self.lab)), set())


@cases.promise_file_both
class Control:
    """A description with nat networks, for which all of that is needed."""

    description = cases.standard()

    def test_tracking(self):
        self.assertGreater(tracked(self.lab), 0)

    def test_no_empty_chains(self):
        """No chain is there without a rule."""
        self.assertEqual(empty_chains(rules(self.lab)), set())


class Judge(cases.Case):
    """The judge of chains itself."""

    def test_empty_chains(self):
        lab = self.new_lab()
        lab.nft("table ip a { chain full { type filter hook input priority 0; accept; }; "
                "chain base { type nat hook postrouting priority 100; }; chain sub { }; }")
        lab.must(["iptables-legacy", "-N", "old"])
        self.assertEqual(empty_chains(rules(lab)), {"base", "sub", "old"})
