# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests reach the outside with the right source address, and the answers come back to them."""

import cases
import packets as p
from lab import NARROW, REMOTE1

SNAT = {4: "203.0.113.12", 6: "2001:db8::12"}


class Conversation:
    """What the tests of translation share: one way out, and the answer back."""

    def way_out(self, lab, link, kind, dst, uplink, source):
        """A packet of a kind goes out with this source; its answer is handed to the guest."""
        guest, mark, back = self.guest(link), p.nonce(), p.nonce()
        if kind == "udp":
            out = self.translated(lab, link, p.udp_packet(guest, dst, 5000, 53, mark), mark, uplink)
            answer = p.udp_packet(dst, out.src, 53, out.sport, back)
        elif kind == "echo":
            out = self.translated(lab, link, p.echo_packet(guest, dst, 77, mark), mark, uplink)
            answer = p.echo_packet(dst, out.src, out.ident, back, reply=True)
        else:
            seq = int.from_bytes(mark[8:12], "big")
            ack = int.from_bytes(mark[12:], "big")
            out = self.translated(lab, link, p.tcp_packet(guest, dst, 5001, 443, p.SYN, seq, ack), mark, uplink)
            answer = p.tcp_packet(dst, out.src, 443, out.sport, p.SYN | p.ACK,
                                  int.from_bytes(back[8:12], "big"), (seq + 1) & 0xFFFFFFFF)
        self.assertEqual(out.src, source)
        captured = lab.round([(uplink, answer)])
        if kind == "tcp":
            reply = [seen for seen in captured if back[8:12] in seen.frame]
            self.assertEqual([seen.link for seen in reply], [link])
            reply = reply[0].packet
        else:
            reply = self.only(captured, link, back)
        self.assertEqual((reply.src, reply.dst), (dst, guest))
        if kind != "echo":
            self.assertEqual(reply.dport, 5000 if kind == "udp" else 5001)
        else:
            self.assertEqual(reply.ident, 77)

    def all_kinds(self, link, dst, uplink, source, lab=None):
        for kind in ("udp", "tcp", "echo"):
            with self.subTest(kind):
                self.way_out(lab or self.lab, link, kind, dst, uplink, source)


@cases.promise
class Translation(Conversation):
    description = cases.standard(vmnet4={"snat": SNAT[4]},
                                 vmnet2={"subnet": "fd00:57::/64", "mode": "nat", "snat": SNAT[6]})

    def test_uplink_address(self):
        """nat: a guest's packets leave with the uplink's address, and the answers come back."""
        self.all_kinds("vmnet1", self.remote, "eth0", cases.PUBLIC["eth0"][self.family])

    def test_masquerade(self):
        """nat over an uplink without `address`: masquerade, by the address that the interface has."""
        self.all_kinds("vmnet1", REMOTE1[self.family], "eth1", cases.PUBLIC["eth1"][self.family])

    def test_pattern_network(self):
        """nat of a network of several interfaces (tap*): each of them gets out and back."""
        for link in ("tap0", "tap1"):
            self.all_kinds(link, self.remote, "eth0", cases.PUBLIC["eth0"][self.family])

    def test_network_snat_address(self):
        """A network's own `snat` address is used in place of the uplink's."""
        self.all_kinds("vmnet4" if self.family == 4 else "vmnet2", self.remote, "eth0", SNAT[self.family])

    def test_routed_keeps_source(self):
        """routed: leaves with its own source, and the reply of a permitted connection enters."""
        self.all_kinds("vmnet3", self.remote, "eth0", self.guest("vmnet3"))

    def test_fragments_pass_translated(self):
        """A whole datagram in fragments, in any order, leaves translated and complete (P2)."""
        guest = self.guest("vmnet1")
        for name, order in (("in order", 1), ("backwards", -1)):
            with self.subTest(name):
                mark = p.nonce()
                data = p.udp(guest, self.remote, 5002 + order, 53, mark * 30)
                pieces = p.fragments(guest, self.remote, p.UDP, data, 128)[::order]
                captured = self.lab.round([("vmnet1", piece) for piece in pieces])
                self.assert_no_private(captured)
                found = [seen for seen in captured if mark[8:] in seen.frame]
                self.assertEqual({(seen.link, seen.packet.src) for seen in found},
                                 {("eth0", cases.PUBLIC["eth0"][self.family])})
                self.assertEqual(b"".join(seen.packet.payload for seen in found), mark * 30)

    def test_error_from_outside(self):
        """A router's ICMP error about a guest's flow enters, translated back, inside too (P3: related)."""
        guest = self.guest("vmnet1")
        for number, name in enumerate(("unreachable", "port", "exceeded", "too-big")):
            with self.subTest(name):
                mark, dst = p.nonce(), NARROW[self.family]
                out = self.translated(self.lab, "vmnet1", p.udp_packet(guest, dst, 5100 + number, 53, mark), mark)
                router = self.lab.router("eth0", self.family)
                answer = p.icmp_error_packet(router, out.src, name, out.raw[14:])
                error = self.only(self.lab.round([("eth0", answer)]), "vmnet1", mark)
                self.assertTrue(error.is_error(name), repr(error))
                self.assertEqual((error.src, error.dst), (router, guest))
                self.assertEqual((error.inner.src, error.inner.sport), (guest, 5100 + number))

    def test_error_from_guest(self):
        """A guest's own ICMP error about an answer leaves translated, the quoted packet too (P2)."""
        guest, mark = self.guest("vmnet1"), p.nonce()
        out = self.translated(self.lab, "vmnet1", p.udp_packet(guest, self.remote, 5200, 53, mark), mark)
        back = p.nonce()
        reply = self.only(self.lab.round([("eth0", p.udp_packet(self.remote, out.src, 53, out.sport, back))]),
                          "vmnet1", back)
        error = p.icmp_error_packet(guest, self.remote, "port", reply.raw[14:])
        sent = self.translated(self.lab, "vmnet1", error, back)
        self.assertEqual((sent.src, sent.inner.dst), (out.src, out.src))

    def test_path_mtu(self):
        """The host's own too-big answer reaches the guest that sent a packet too big for the way."""
        guest, mark = self.guest("vmnet1"), p.nonce()
        more = {"df": True} if self.family == 4 else {}
        packet = p.udp_packet(guest, NARROW[self.family], 5300, 53, mark * 85, **more)
        error = self.only(self.lab.round([("vmnet1", packet)]), "vmnet1", mark)
        self.assertTrue(error.is_error("too-big"), repr(error))

    def test_tcp_to_the_end(self):
        """A TCP connection lives from SYN to the last ACK, every frame translated both ways."""
        guest, port, lab = self.guest("vmnet1"), 5400, self.lab
        mine, theirs, public = 1000, 9000, cases.PUBLIC["eth0"][self.family]
        steps = [("out", p.SYN, b""), ("in", p.SYN | p.ACK, b""), ("out", p.ACK, b""),
                 ("out", p.PSH | p.ACK, p.nonce()), ("in", p.PSH | p.ACK, p.nonce()),
                 ("out", p.FIN | p.ACK, b""), ("in", p.FIN | p.ACK, b""), ("out", p.ACK, b"")]
        for number, (way, flags, data) in enumerate(steps):
            ack = 0 if number == 0 else theirs if way == "out" else mine
            if way == "out":
                packet = p.tcp_packet(guest, self.remote, 5400, 80, flags, mine, ack, data)
                captured = lab.round([("vmnet1", packet)])
            else:
                packet = p.tcp_packet(self.remote, public, 80, port, flags, theirs, ack, data)
                captured = lab.round([("eth0", packet)])
            self.assert_no_private(captured)
            found = [seen for seen in captured if seen.packet.proto == p.TCP]
            want = ("eth0", public, self.remote) if way == "out" else ("vmnet1", self.remote, guest)
            self.assertEqual([(seen.link, seen.packet.src, seen.packet.dst) for seen in found], [want],
                             "step %d" % number)
            port = found[0].packet.sport if way == "out" else port
            length = len(data) + (1 if flags & (p.SYN | p.FIN) else 0)
            mine, theirs = (mine + length, theirs) if way == "out" else (mine, theirs + length)
