# SPDX-License-Identifier: GPL-2.0-or-later
"""What has to go on working on the networks themselves, and what refused guests are told."""

import contextlib
import ipaddress
import socket
import struct

import cases
import packets as p
from lab import LINK, REMOTE

NETWORKS = ("vmnet1", "vmnet2", "vmnet3", "tap0")


def solicited(address):
    return "ff02::1:ff%02x:%x" % (p.packed(address)[13], struct.unpack(">H", p.packed(address)[14:])[0])


@cases.promise
class Local:
    description = cases.standard()

    @contextlib.contextmanager
    def service(self, kind, address, port, lab=None):
        """A socket of the host, bound to address and port."""
        sock = (lab or self.lab).host_socket(kind, self.family)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        try:
            yield sock
        finally:
            sock.close()

    def test_gateway_services(self):
        """Guests reach their gateway: udp, tcp and ping are answered, on networks of every mode."""
        for link in NETWORKS:
            guest, gateway = self.guest(link), self.gateway(link)
            with self.subTest(link + " udp"), self.service(socket.SOCK_DGRAM, gateway, 53) as sock:
                mark, back = p.nonce(), p.nonce()
                self.lab.round([(link, p.udp_packet(guest, gateway, 3000, 53, mark))])
                data, peer = sock.recvfrom(100)
                self.assertEqual((data, peer[0]), (mark, guest))
                self.lab.drain()
                sock.sendto(back, peer)
                self.assertEqual(self.only(self.lab.settle(), link, back).src, gateway)
            with self.subTest(link + " tcp"), self.service(socket.SOCK_STREAM, gateway, 80) as sock:
                sock.listen(1)
                captured = self.lab.round([(link, p.tcp_packet(guest, gateway, 3001, 80, p.SYN, 5))])
                answers = [seen.packet for seen in captured if seen.link == link and seen.packet.sport == 80]
                self.assertEqual([(packet.flags, packet.ack) for packet in answers], [(p.SYN | p.ACK, 6)])
                self.lab.round([(link, p.tcp_packet(guest, gateway, 3001, 80, p.ACK, 6, answers[0].seq + 1))])
                connection, peer = sock.accept()
                connection.close()
                self.assertEqual(peer[0], guest)
            with self.subTest(link + " ping"):
                mark = p.nonce()
                answer = self.only(self.lab.round([(link, p.echo_packet(guest, gateway, 3, mark))]), link, mark)
                self.assertEqual((answer.src, answer.dst), (gateway, guest))

    def test_closed_port_answers_own_guest(self):
        """A guest with its own source gets the host's port unreachable and RST as ever."""
        for link in NETWORKS:
            guest, gateway, mark = self.guest(link), self.gateway(link), p.nonce()
            captured = self.lab.round([(link, p.udp_packet(guest, gateway, 3100, 9, mark)),
                                       (link, p.tcp_packet(guest, gateway, 3101, 9, p.SYN, 5))])
            with self.subTest(link):
                self.assertTrue(self.only(captured, link, mark).is_error("port"))
                self.assertEqual([seen.packet.flags & p.RST for seen in captured if seen.packet.sport == 9], [p.RST])

    def test_host_to_guest(self):
        """The host reaches its guests, isolated ones too, and gets their answers."""
        for link in NETWORKS:
            with self.subTest(link), self.service(socket.SOCK_DGRAM, self.gateway(link), 0) as sock:
                mark, back = p.nonce(), p.nonce()
                self.lab.drain()
                sock.sendto(mark, (self.guest(link), 4000))
                packet = self.only(self.lab.settle(), link, mark)
                self.assertEqual((packet.src, packet.dst), (self.gateway(link), self.guest(link)))
                self.lab.round([(link, p.udp_packet(packet.dst, packet.src, 4000, packet.sport, back))])
                self.assertEqual(sock.recv(100), back)

    def test_host_to_outside(self):
        """The host's own connections to the outside are not ours, and work."""
        with self.service(socket.SOCK_DGRAM, cases.PUBLIC["eth0"][self.family], 0) as sock:
            mark, back = p.nonce(), p.nonce()
            self.lab.drain()
            sock.sendto(mark, (self.remote, 53))
            packet = self.only(self.lab.settle(), "eth0", mark)
            self.assertEqual(packet.src, cases.PUBLIC["eth0"][self.family])
            self.lab.round([("eth0", p.udp_packet(self.remote, packet.src, 53, packet.sport, back))])
            self.assertEqual(sock.recv(100), back)

    def test_outside_to_host(self):
        """What the outside opens on the host itself is not ours, and works."""
        mark, public = p.nonce(), cases.PUBLIC["eth0"][self.family]
        answer = self.only(self.lab.round([("eth0", p.echo_packet(self.remote, public, 4, mark))]), "eth0", mark)
        self.assertEqual((answer.src, answer.dst), (public, self.remote))

    def test_neighbours(self):
        """ARP, neighbour discovery and duplicate address detection are answered on every network."""
        for link in NETWORKS:
            guest, gateway = self.guest(link), self.gateway(link)
            with self.subTest(link):
                if self.family == 4:
                    for source in (guest, "0.0.0.0"):
                        self.lab.drain()
                        self.lab.send_frame(link, p.arp_request("02:00:00:00:03:01", source, gateway))
                        answers = [seen for seen in self.lab.settle() if seen.frame[:6] == p.mac("02:00:00:00:03:01")]
                        self.assertEqual([seen.link for seen in answers], [link])
                    continue
                for source in (guest, "fe80::10", "::"):
                    option = b"" if source == "::" else b"\1\1" + p.mac(LINK[link].wire_mac)
                    dst = solicited(gateway)
                    packet = p.ip(source, dst, p.ICMP6, p.icmp(source, dst, 135, 0, b"\0" * 4, p.packed(gateway) + option),
                                  ttl=255)
                    self.lab.drain()
                    self.lab.send(link, packet, p.multicast_mac(dst))
                    answers = [seen for seen in self.lab.settle() if seen.packet.icmp == (136, 0)]
                    self.assertEqual([seen.link for seen in answers], [link], "solicited by " + source)

    def test_link_local(self):
        """Link-local multicast from guests (mDNS; IPv6 link-local ping) reaches the host."""
        group = "224.0.0.251" if self.family == 4 else "ff02::fb"
        for number, link in enumerate(NETWORKS):
            with self.subTest(link + " mDNS"):
                sock = self.lab.host_socket(socket.SOCK_DGRAM, self.family)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind(("", 5353))
                if self.family == 4:
                    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                                    p.packed(group) + p.packed(self.gateway(link)))
                else:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                                    p.packed(group) + struct.pack("@I", self.index(link)))
                for source in (self.guest(link),) + (("fe80::10",) if self.family == 6 else ()):
                    mark = p.nonce()
                    self.lab.send(link, p.udp_packet(source, group, 5353, 5353, mark, ttl=255), p.multicast_mac(group))
                    self.assertEqual(sock.recvfrom(100)[0], mark, source)
                sock.close()
            if self.family == 6:
                with self.subTest(link + " ping"):
                    mark = p.nonce()
                    raw = bytearray(p.mac(LINK[link].host_mac))
                    raw[0] ^= 2
                    host = str(ipaddress.IPv6Address(b"\xfe\x80" + b"\0" * 6 + bytes(raw[:3]) + b"\xff\xfe" + bytes(raw[3:])))
                    answer = self.only(self.lab.round([(link, p.echo_packet("fe80::10", host, number, mark))]), link, mark)
                    self.assertEqual((answer.src, answer.dst), (host, "fe80::10"))

    def index(self, link):
        return int(self.lab.must(["ip", "-o", "link", "show", "dev", link]).split(":")[0])

    def test_dhcp(self):
        """A guest without an address reaches the host's DHCP server, and gets its answer (P4's exception)."""
        if self.family == 6:
            return self._dhcp6()
        for link in NETWORKS:
            sock = self.lab.host_socket(socket.SOCK_DGRAM, 4)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, link.encode())
            sock.bind(("0.0.0.0", 67))
            with self.subTest(link):
                mark, back = p.nonce(), p.nonce()
                self.lab.send(link, p.udp_packet("0.0.0.0", "255.255.255.255", 68, 67, mark), "ff:ff:ff:ff:ff:ff")
                self.assertEqual(sock.recv(1000), mark)
                self.lab.drain()
                sock.sendto(back, ("255.255.255.255", 68))
                self.assertEqual(self.only(self.lab.settle(), link, back).dst, "255.255.255.255")
            sock.close()

    def _dhcp6(self):
        for link in NETWORKS:
            sock = self.lab.host_socket(socket.SOCK_DGRAM, 6)
            sock.bind(("::", 547))
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                            p.packed("ff02::1:2") + struct.pack("@I", self.index(link)))
            with self.subTest(link):
                mark, back = p.nonce(), p.nonce()
                self.lab.send(link, p.udp_packet("fe80::10", "ff02::1:2", 546, 547, mark), p.multicast_mac("ff02::1:2"))
                data, peer = sock.recvfrom(1000)
                self.assertEqual(data, mark)
                self.lab.drain()
                sock.sendto(back, peer)
                self.assertEqual(self.only(self.lab.settle(), link, back).dst, "fe80::10")
            sock.close()

    def test_refused_are_told(self):
        """deny: reject: a refused guest gets "administratively prohibited", on its own network."""
        for link, dst in (("vmnet2", self.remote), ("vmnet2", self.guest("vmnet1")), ("vmnet1", self.guest("vmnet2")),
                          ("vmnet3", self.guest("dmz0")), ("tap0", self.guest("vmnet3"))):
            with self.subTest("%s > %s" % (link, dst)):
                mark = p.nonce()
                error = self.only(self.lab.round([(link, p.udp_packet(self.guest(link), dst, 1, 2, mark))]), link, mark)
                self.assertTrue(error.is_error("prohibited"), repr(error))
                self.assertEqual(error.dst, self.guest(link))

    def test_refused_entering_is_dropped(self):
        """Refused packets into a network are dropped without an answer, also with deny: reject."""
        for to in ("vmnet1", "vmnet2", "vmnet3"):
            mark = p.nonce()
            captured = self.lab.round([("eth0", p.udp_packet(self.remote, self.guest(to), 1, 2, mark))])
            self.assertEqual([seen for seen in captured if mark in seen.frame], [])


@cases.promise_both
class Silence:

    def test_refused_are_not_told(self):
        """deny: drop: a refused guest gets no answer at all; the outside never gets one."""
        lab = self.new_lab()
        self.installer.install(lab, cases.standard(settings={"deny": "drop"}))
        mark, inward, good = p.nonce(), p.nonce(), p.nonce()
        sendings = []
        for family in (4, 6):
            remote = REMOTE[family]
            sendings += [("vmnet2", p.udp_packet(LINK["vmnet2"].guest(family), remote, 1, 2, mark)),
                         ("eth0", p.udp_packet(remote, LINK["vmnet2"].guest(family), 1, 2, inward)),
                         ("vmnet1", p.udp_packet(LINK["vmnet1"].guest(family), remote, 1, 2, good))]
        captured = lab.round(sendings)
        self.assertEqual([seen for seen in captured if mark in seen.frame or inward in seen.frame], [])
        self.assertEqual([seen.link for seen in captured if good in seen.frame], ["eth0", "eth0"])
