# SPDX-License-Identifier: GPL-2.0-or-later
"""P3: what enters a network as a reply answers a connection that went out where the reply comes in."""

import contextlib
import socket

import cases
import packets as p
from lab import NARROW

ERRORS = ("unreachable", "port", "exceeded", "too-big", "prohibited")
OWN = {"vmnet1": "nat", "vmnet3": "routed"}


@cases.promise_file
class Replies:
    description = cases.standard()

    def setUp(self):
        self.lab.forward()

    def asked(self, link, port):
        """A guest asks its gateway by UDP; the packets that a reply and an error are made of."""
        guest, gateway, mark = self.guest(link), self.gateway(link), p.nonce()
        with contextlib.closing(self.lab.host_socket(socket.SOCK_DGRAM, self.family)) as sock:
            sock.bind((gateway, 53))
            question = p.udp_packet(guest, gateway, port, 53, mark)
            self.lab.round([(link, question)])
            self.assertEqual(sock.recv(100), mark)
        return guest, gateway, question

    def assert_nobody_hears(self, link, forged):
        """None of the packets that an outsider sends by any way in comes out on the link."""
        marks, sendings = [], []
        for outside in ("eth0", "eth1", "dmz0"):
            for make in forged:
                marks.append(p.nonce())
                sendings.append((outside, make(marks[-1])))
        captured = self.lab.round(sendings)
        self.assertEqual([seen for seen in captured if seen.link == link and any(mark in seen.frame for mark in marks)], [])

    def test_answer_of_the_host(self):
        """The host's answer (of its DNS) to a guest comes from the host, and not from outside."""
        for number, link in enumerate(OWN):
            with self.subTest("%s, %s" % (link, OWN[link])):
                guest, gateway, _ = self.asked(link, 6000 + number)
                self.assert_nobody_hears(link, [
                    lambda mark: p.udp_packet(gateway, guest, 53, 6000 + number, mark),
                    lambda mark: p.udp_packet(gateway, guest, 53, 6000 + number, mark, ttl=255)])

    def test_answer_of_the_hosts_uplink_address(self):
        """Nor does an answer from the host's address on an uplink, which a guest had asked."""
        for number, link in enumerate(OWN):
            with self.subTest("%s, %s" % (link, OWN[link])):
                guest, public, mark = self.guest(link), self.gateway("eth0"), p.nonce()
                self.lab.round([(link, p.echo_packet(guest, public, 6020 + number, mark))])
                self.assert_nobody_hears(link, [
                    lambda mark: p.echo_packet(public, guest, 6020 + number, mark, reply=True, seq=1),
                    lambda mark: p.echo_packet(public, guest, 6020 + number, mark, reply=True, seq=2)])

    def test_tcp_of_the_host(self):
        """Nor do segments of a TCP connection between a guest and the host."""
        for number, link in enumerate(OWN):
            guest, gateway = self.guest(link), self.gateway(link)
            with self.subTest("%s, %s" % (link, OWN[link])), \
                    contextlib.closing(self.lab.host_socket(socket.SOCK_STREAM, self.family)) as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((gateway, 80))
                sock.listen(4)
                port = 6030 + number
                captured = self.lab.round([(link, p.tcp_packet(guest, gateway, port, 80, p.SYN, 5))])
                answer = [seen.packet for seen in captured if seen.link == link and seen.packet.dport == port][0]
                self.lab.round([(link, p.tcp_packet(guest, gateway, port, 80, p.ACK, 6, answer.seq + 1))])
                self.assert_nobody_hears(link, [
                    lambda mark: p.tcp_packet(gateway, guest, 80, port, p.ACK | p.PSH, answer.seq + 1, 6, mark),
                    lambda mark: p.tcp_packet(gateway, guest, 80, port, p.RST, answer.seq + 1, 6, mark)])

    def test_error_about_the_host(self):
        """An ICMP error from outside about a connection between a guest and the host does not come in."""
        for number, link in enumerate(OWN):
            with self.subTest("%s, %s" % (link, OWN[link])):
                guest, gateway, _ = self.asked(link, 6040 + number)
                for source in (self.remote, self.lab.router("eth0", self.family), gateway):
                    self.assert_nobody_hears(link, [
                        lambda mark, name=name: p.icmp_error_packet(
                            source, guest, name, p.udp_packet(guest, gateway, 6040 + number, 53, mark))
                        for name in ERRORS])

    def test_fellow_guest(self):
        """A fellow guest's reply, and an error about it, come from the network and not from outside."""
        one, two, mark = self.guest("tap0"), self.guest("tap1"), p.nonce()
        self.only(self.lab.round([("tap0", p.udp_packet(one, two, 6050, 53, mark))]), "tap1", mark)
        self.assert_nobody_hears("tap0", [lambda mark: p.udp_packet(two, one, 53, 6050, mark)] + [
            lambda mark, name=name: p.icmp_error_packet(self.remote, one, name, p.udp_packet(one, two, 6050, 53, mark))
            for name in ERRORS])

    def test_opened_by_the_host(self):
        """Nor a reply to what the host asked a guest, an isolated one too."""
        for link in ("vmnet1", "vmnet2", "vmnet3"):
            with self.subTest(link), contextlib.closing(self.lab.host_socket(socket.SOCK_DGRAM, self.family)) as sock:
                guest, gateway, mark = self.guest(link), self.gateway(link), p.nonce()
                sock.bind((gateway, 0))
                self.lab.drain()
                sock.sendto(mark, (guest, 4000))
                port = self.only(self.lab.settle(), link, mark).sport
                self.assert_nobody_hears(link, [lambda mark: p.udp_packet(gateway, guest, port, 4000, mark)] + [
                    lambda mark, name=name: p.icmp_error_packet(self.remote, guest, name,
                                                                p.udp_packet(guest, gateway, 4000, port, mark))
                    for name in ERRORS])

    def test_real_ones_come_in(self):
        """Replies to what a guest asked outside, and errors about it, come in, translated back or as they are."""
        for link in OWN:
            guest, dst, port = self.guest(link), NARROW[self.family], 6060
            mark = p.nonce()
            captured = self.lab.round([(link, p.udp_packet(guest, dst, port, 53, mark))])
            out = self.only(captured, "eth0", mark)
            self.assertEqual(out.src, guest if OWN[link] == "routed" else self.gateway("eth0"))
            back = p.nonce()
            self.only(self.lab.round([("eth0", p.udp_packet(dst, out.src, 53, out.sport, back))]), link, back)
            for name in ERRORS:
                for source in (dst, self.lab.router("eth0", self.family)):
                    with self.subTest("%s, %s from %s" % (link, name, source)):
                        packet = p.icmp_error_packet(source, out.src, name, out.raw[14:])
                        error = self.only(self.lab.round([("eth0", packet)]), link, mark)
                        self.assertEqual((error.src, error.dst, error.inner.src), (source, guest, guest))

    def test_control(self):
        """A forwarding host without rules lets all of that in."""
        lab = cases.open_lab()
        for link in OWN:
            guest, gateway, mark, error = self.guest(link), self.gateway(link), p.nonce(), p.nonce()
            quoted = p.udp_packet(guest, gateway, 6000, 53, error)
            captured = lab.round([("eth0", p.udp_packet(gateway, guest, 53, 6000, mark)),
                                  ("eth0", p.icmp_error_packet(self.remote, guest, "port", quoted))])
            self.only(captured, link, error)
            self.only(captured, link, mark)
