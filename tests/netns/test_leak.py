# SPDX-License-Identifier: GPL-2.0-or-later
"""P1, P2, P3: nothing leaks out, no private source outside, nothing gets in."""

import socket

import cases
import flows
import packets as p
from cases import kinds
from lab import REMOTE, REMOTE1


@cases.promise
class Leaks:
    description = cases.standard()

    def leaving(self, link, *destinations):
        return [probe for dst in destinations for probe in kinds(link, self.guest(link), dst)]

    def test_isolated_to_outside(self):
        """P1: no packet of an isolated network leaves through an uplink, of whatever kind."""
        self.assert_silent(self.leaving("vmnet2", self.remote, REMOTE1[self.family], self.guest("eth0", 20)))

    def test_isolated_to_networks(self):
        """P1: isolated -> nat, routed, IPv4-only and pattern network: nothing."""
        self.assert_silent(self.leaving("vmnet2", *[self.guest(to) for to in ("vmnet1", "vmnet3", "vmnet4", "tap0")]))

    def test_into_isolated(self):
        """P1, P3: nat, routed and the outside -> isolated: nothing."""
        self.assert_silent([probe for link in ("vmnet1", "vmnet3", "eth0", "eth1", "dmz0")
                            for probe in kinds(link, self.guest(link), self.guest("vmnet2"))])

    def test_between_networks(self):
        """P1: no network reaches another one without `reach`."""
        pairs = [("vmnet1", "vmnet3"), ("vmnet3", "vmnet1"), ("vmnet3", "tap0"), ("tap1", "vmnet1"),
                 ("vmnet1", "tap0"), ("vmnet3", "vmnet4")]
        self.assert_silent([probe for link, to in pairs for probe in kinds(link, self.guest(link), self.guest(to))])

    def test_to_unnamed_interface(self):
        """P1: a network -> an interface that the file does not name: nothing."""
        self.assert_silent([probe for link in ("vmnet1", "vmnet2", "vmnet3", "tap0")
                            for probe in kinds(link, self.guest(link), self.guest("dmz0"))])

    def test_from_unnamed_interface(self):
        """P3: an interface that the file does not name -> a network: nothing."""
        self.assert_silent([probe for to in ("vmnet1", "vmnet2", "vmnet3", "tap0")
                            for probe in kinds("dmz0", self.guest("dmz0"), self.guest(to))])

    def test_outside_to_guests(self):
        """P3: outside -> guest (private or routed address), by both uplinks: nothing."""
        self.assert_silent([probe for source, link in ((self.remote, "eth0"), (self.guest("eth0", 20), "eth0"),
                                                       (REMOTE1[self.family], "eth1"))
                            for to in ("vmnet1", "vmnet3", "tap0")
                            for probe in kinds(link, source, self.guest(to))])

    def test_nat_never_private(self):
        """P2: whatever a guest of a nat network sends, no private source is on an uplink."""
        probes = self.leaving("vmnet1", self.remote, REMOTE1[self.family]) + self.leaving("tap1", self.remote)
        _, captured = cases.send_probes(cases.open_lab(), probes)
        with self.assertRaises(AssertionError, msg="the judge sees no leak where there are many"):
            self.assert_no_private(captured)
        _, captured = cases.send_probes(self.lab, probes)
        self.assert_no_private(captured)
        self.assertGreater(len([seen for seen in captured if seen.link in cases.UPLINKS]), 5)

    def test_nat_in_a_live_flow(self):
        """P2: stray segments, errors and fragments in the middle of live flows never leave untranslated."""
        guest, dst = self.guest("vmnet1"), self.remote
        sendings = []
        for port in range(6000, 6040):
            sendings.append(("vmnet1", p.tcp_packet(guest, dst, port, 80, p.SYN, 100)))
            for flags in (p.RST, p.FIN | p.ACK, p.ACK, p.SYN | p.ACK, p.RST | p.ACK):
                for seq in (101, 0, 0x7FFFFFFF):
                    sendings.append(("vmnet1", p.tcp_packet(guest, dst, port, 80, flags, seq, 7)))
        sendings.append(("vmnet1", p.udp_packet(guest, dst, 6100, 53, b"x")))
        for name in ("port", "exceeded", "too-big", "prohibited"):
            for inner in (p.udp_packet(dst, guest, 53, 6100, b"x"), p.udp_packet(guest, dst, 6100, 53, b"x"),
                          p.tcp_packet(guest, dst, 6000, 80, p.SYN, 100),
                          p.tcp_packet(dst, guest, 80, 6000, p.SYN | p.ACK, 100)):
                sendings.append(("vmnet1", p.icmp_error_packet(guest, dst, name, inner)))
        captured = self.lab.round(sendings)
        self.assertGreaterEqual(len([seen for seen in captured if seen.link == "eth0"]), 41)
        self.assert_no_private(captured)

    def test_host_itself(self):
        """P2: what the host sends from its gateway address on a nat network never leaves with it."""
        for lab in (cases.open_lab(), self.lab):
            mark = p.nonce()
            lab.drain()
            self._send_from_gateway(lab, mark)
            captured = lab.settle()
            traces = [seen for seen in captured if seen.link == "eth0"
                      and (mark in seen.frame or seen.packet.dport == 4444)]
            if lab is self.lab:
                self.assert_no_private(captured)
            else:
                self.assertEqual(len(traces), 3, "tcp, udp and ping of the host were sent: %r" % traces)

    def _send_from_gateway(self, lab, mark):
        family, source, dst = self.family, self.gateway("vmnet1"), REMOTE[self.family]
        udp = lab.host_socket(socket.SOCK_DGRAM, family)
        udp.bind((source, 0))
        udp.sendto(mark, (dst, 53))
        tcp = lab.host_socket(socket.SOCK_STREAM, family)
        tcp.bind((source, 0))
        tcp.setblocking(False)
        tcp.connect_ex((dst, 4444))
        ping = lab.host_socket(socket.SOCK_RAW, family, socket.IPPROTO_ICMP if family == 4 else socket.IPPROTO_ICMPV6)
        ping.bind((source, 0))
        ping.sendto(p.echo(source, dst, 9, mark), (dst, 0))
        for sock in (udp, tcp, ping):
            sock.close()

    def test_untouched_pairs(self):
        """Pairs with no network in them are not ours: dmz0 <-> eth0 passes as before, untranslated."""
        outward, inward = p.nonce(), p.nonce()
        captured = self.lab.round([
            ("dmz0", p.udp_packet(self.guest("dmz0"), self.remote, 8000, 53, outward)),
            ("eth0", p.udp_packet(self.remote, self.guest("dmz0"), 8001, 53, inward))])
        self.assertEqual(self.only(captured, "eth0", outward).src, self.guest("dmz0"))
        self.assertEqual(self.only(captured, "dmz0", inward).src, self.remote)

    def test_pattern_network_inside(self):
        """n -> n always passes: between the interfaces of one network (tap0, tap1), both ways."""
        there, back = p.nonce(), p.nonce()
        one, two = self.guest("tap0"), self.guest("tap1")
        captured = self.lab.round([("tap0", p.udp_packet(one, two, 8100, 53, there)),
                                   ("tap1", p.udp_packet(two, one, 53, 8100, back))])
        self.assertEqual(self.only(captured, "tap1", there).src, one)
        self.assertEqual(self.only(captured, "tap0", back).src, two)


@cases.promise_ipv6
class NoIPv6:
    description = cases.standard()

    def test_no_subnet(self):
        """P1: a network that declares no IPv6 subnet forwards no IPv6 at all, in no direction."""
        guest = self.guest("vmnet4")
        self.assert_silent(kinds("vmnet4", guest, self.remote) + kinds("eth0", self.remote, guest)
                           + kinds("vmnet4", guest, self.guest("vmnet1"))
                           + kinds("vmnet1", self.guest("vmnet1"), guest))

    def test_no_borrowed_subnet(self):
        """P1: nor with a source of another network's IPv6 subnet."""
        self.assert_silent(kinds("vmnet4", self.guest("vmnet1"), self.remote, "forged "))


@cases.promise_both
class Older:
    """Flows from before apply, of a host that forwarded already and tracked connections."""

    def test_older_flows(self):
        """P2, P3: flows from before apply neither go on with a private source, nor enter an isolated network."""
        lab = self.new_lab(forward=True)
        lab.nft("table inet watcher { chain c { type filter hook forward priority 0; ct state new counter; }; }")
        private = flows.leaving(self, "vmnet1", lab, port=7000)
        isolated = flows.leaving(self, "vmnet2", lab, port=7100)
        self.assertEqual({flow.seen_as for flow in private}, {flow.inner for flow in private}, "untranslated before apply")
        self.installer.install(lab, cases.standard())
        captured = lab.round([flow.out(p.nonce()) for flow in private for _ in range(2)])
        self.assert_no_private(captured)
        flows.assert_silent(self, lab, isolated)
