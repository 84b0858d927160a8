# SPDX-License-Identifier: GPL-2.0-or-later
"""status counts, for each network, exactly the packets that went in, went out, were refused and were caught."""

import contextlib
import json
import socket

import cases
import packets as p
from lab import LINK, PROGRAM, REMOTE

NOBODY = {4: "192.0.2.99", 6: "2001:db8:97::99"}


class Counters(cases.Case):
    installer = cases.NFTABLES
    families = (4, 6)

    def setUp(self):
        self.lab = self.new_lab()
        self.expected = {}

    def status(self):
        done = self.lab.run([PROGRAM, "status", "--json"])
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["counters"]

    def judge(self):
        counted = {(network, kind): (count["packets"], count["bytes"])
                   for network, kinds in self.status().items() for kind, count in kinds.items() if count and count["packets"]}
        self.assertEqual(counted, {key: tuple(value) for key, value in self.expected.items()})

    def expect(self, network, kind, *sent):
        count = self.expected.setdefault((network, kind), [0, 0])
        count[0] += len(sent)
        count[1] += sum(len(packet) for packet in sent)

    def send(self, link, packets, *expected):
        """Sends packets; expected: pairs of network and kind under which each of them is counted."""
        captured = self.lab.round([(link, packet) for packet in packets])
        for network, kind in expected:
            self.expect(network, kind, *packets)
        return captured

    def conversation(self, link, network, family, n_out, n_in, port=4000, count_out=True):
        """A guest's packets and the replies; returns what the outer end takes the guest for."""
        mark = p.nonce()
        guest = LINK[link].guest(family)
        packets = [p.udp_packet(guest, REMOTE[family], port, 53, mark + b"x" * i) for i in range(n_out)]
        captured = self.send(link, packets, (network, "out"))
        seen = [frame.packet for frame in captured if mark[8:] in frame.frame and frame.link == "eth0"]
        self.assertEqual(len(seen), n_out)
        replies = [p.udp_packet(REMOTE[family], seen[0].src, 53, seen[0].sport, mark + b"y" * i) for i in range(n_in)]
        captured = self.send("eth0", replies, (network, "in"))
        self.assertEqual(len([1 for frame in captured if mark[8:] in frame.frame and frame.link == link]), n_in)

    def traffic(self):
        """Some of everything, of both families."""
        for family in self.families:
            remote, guest = REMOTE[family], {name: LINK[name].guest(family) for name in LINK}
            self.conversation("vmnet1", "vmnet1", family, 5, 3)
            self.conversation("vmnet3", "vmnet3", family, 4, 2)
            self.conversation("tap0", "taps", family, 3, 1)
            # leaving: an isolated network, another network, a state that conntrack does not know
            self.send("vmnet2", [p.udp_packet(guest["vmnet2"], remote, 1, 2, b"x" * i) for i in range(7)], ("vmnet2", "refused"))
            self.send("vmnet1", [p.udp_packet(guest["vmnet1"], guest["vmnet2"], 1, 2)] * 2, ("vmnet1", "refused"))
            self.send("tap0", [p.tcp_packet(guest["tap0"], remote, 5, 80, p.RST)], ("taps", "refused"))
            # entering: what nobody asked for, an address that is no guest's
            self.send("eth0", [p.udp_packet(remote, guest["vmnet3"], 1, 2)] * 4, ("vmnet3", "refused"))
            # a forged source, at the door
            self.send("vmnet1", [p.udp_packet(NOBODY[family], remote, 1, 2, b"z" * i) for i in range(6)], ("vmnet1", "caught"))
            self.send("tap1", [p.udp_packet(NOBODY[family], remote, 1, 2)], ("taps", "caught"))
            # the host itself, with a private source that has no translation
            sock = self.lab.host_socket(socket.SOCK_DGRAM, family)
            sock.bind((LINK["vmnet2"].host[family], 4567))
            for _ in range(2):
                with contextlib.suppress(PermissionError):
                    sock.sendto(b"x" * 100, (remote, 9))
                self.expect("vmnet2", "caught", b"x" * (128 if family == 4 else 148))

    def test_everything(self):
        """Known numbers of packets and bytes, in every column."""
        self.installer.install(self.lab, cases.standard())
        self.judge()
        self.traffic()
        self.judge()

    def test_guard(self):
        """What translation leaves alone: its packets are let out by the rules, and caught by the guard."""
        self.installer.install(self.lab, cases.standard())
        self.lab.nft("""table inet stranger { chain c { type filter hook prerouting priority -300;
            iifname { vmnet1, tap0 } udp dport 99 notrack; }; }""")
        for family in self.families:
            for link, network in (("vmnet1", "vmnet1"), ("tap0", "taps")):
                packets = [p.udp_packet(LINK[link].guest(family), REMOTE[family], 4000, 99, b"x" * i) for i in range(3)]
                self.assert_no_private(self.send(link, packets, (network, "out"), (network, "caught")))
        self.judge()

    def test_small_changes(self):
        """Counters live through changes of other networks, and a second apply."""
        self.installer.install(self.lab, cases.standard())
        self.traffic()
        for changed in ({}, {"more": {"subnet": "10.77.0.0/24", "mode": "nat"}},
                        {"more": {"subnet": "10.77.0.0/23", "mode": "nat", "snat": "203.0.113.17"}},
                        {"vmnet4": {"mode": "isolated"}}, {"vmnet4": None}, {}):
            self.installer.install(self.lab, cases.standard(**changed))
            self.judge()

    def test_text(self):
        """The table for people: the same numbers, the busiest network first; the first twenty, or all."""
        self.installer.install(self.lab, cases.standard())
        self.send("vmnet2", [p.udp_packet(LINK["vmnet2"].guest(4), REMOTE[4], 1, 2, b"x" * 972)] * 3)
        self.send("vmnet1", [p.udp_packet(NOBODY[4], REMOTE[4], 1, 2, b"x" * 72)])
        lines = self.lab.run([PROGRAM, "status"]).stdout.splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith("COUNTED"))
        self.assertEqual([line.rstrip() for line in lines[start:start + 6]], [
            "COUNTED  IN  OUT  REFUSED      BAD SOURCE",
            "vmnet2   0   0    3 (2.9 KiB)  0",
            "vmnet1   0   0    0            1 (100 B)",
            "vmnet3   0   0    0            0",
            "vmnet4   0   0    0            0",
            "taps     0   0    0            0"])
        many = {"n%d" % i: {"subnet": "10.66.%d.0/24" % i} for i in range(40)}
        self.installer.install(self.lab, cases.standard(**many))
        text = self.lab.run([PROGRAM, "status"]).stdout
        self.assertIn("and 25 more with fewer packets; --verbose shows all\n", text)
        self.assertNotIn("\nn30 ", text[text.index("COUNTED"):])
        self.assertIn("\nn39 ", self.lab.run([PROGRAM, "status", "--verbose"]).stdout.split("COUNTED")[1])


class CountersIptables(Counters):
    installer = next(way for way in cases.INSTALLERS if way.name == "apply-iptables")

    def test_trees(self):
        """With so many networks that lookups are trees of chains; what is refused is not counted then."""
        many = {"n%d" % i: {"subnet": ["10.66.%d.0/24" % i, "fd00:66:%x::/64" % i], "mode": ("nat", "isolated")[i % 2]}
                for i in range(100)}
        self.installer.install(self.lab, cases.standard(**many))
        self.judge()
        self.traffic()
        self.expected = {key: count for key, count in self.expected.items() if key[1] != "refused"}
        self.assertIn(("taps", "caught"), self.expected)
        self.judge()
        self.assertEqual({kinds["refused"] for kinds in map(dict, self.status().values())}, {None})
        self.assertRegex(self.lab.run([PROGRAM, "status"]).stdout, r"\nvmnet1 +[1-9]\d* \([^)]*\) +[1-9]\d* \([^)]*\) +- ")

    def test_one_network(self):
        """A network alone needs no rules that only count: those that refuse count for it."""
        alone = {name: None for name in cases.standard()["networks"] if name != "vmnet1"}
        self.installer.install(self.lab, cases.standard(**alone))
        self.judge()
        for family in self.families:
            remote, guest = REMOTE[family], LINK["vmnet1"].guest(family)
            self.conversation("vmnet1", "vmnet1", family, 5, 3)
            self.send("vmnet1", [p.tcp_packet(guest, remote, 5, 80, p.RST)] * 2, ("vmnet1", "refused"))
            self.send("eth0", [p.udp_packet(remote, guest, 1, 2, b"y" * i) for i in range(4)], ("vmnet1", "refused"))
            self.send("vmnet1", [p.udp_packet(NOBODY[family], remote, 1, 2, b"z" * i) for i in range(6)], ("vmnet1", "caught"))
            self.send("vmnet1", [p.udp_packet(guest, LINK["vmnet2"].guest(family), 1, 2)], ("vmnet1", "refused"))
        self.judge()
        self.assertNotIn("-m comment --comment counts", self.lab.run(["iptables-legacy-save"]).stdout)
        # The manual says what a second network does to these.
        self.installer.install(self.lab, cases.standard())
        self.assertEqual([self.status()["vmnet1"][kind]["packets"] for kind in ("refused", "caught")], [0, 0])
