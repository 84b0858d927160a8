# SPDX-License-Identifier: GPL-2.0-or-later
"""What guests without an address, or among themselves, must be able to say; and answers of the host that are not ours."""

import contextlib
import socket
import struct
import time

import altered
import cases
import packets as p
from lab import LINK, NOWHERE, PATIENCE
from test_answers import ISOLATED, NETWORKS

ROUTER_ALERT = b"\x94\4\0\0"


def igmp_report(source, group, mark=b""):
    """An IGMPv2 report: of a guest that has no address yet, too."""
    body = struct.pack(">BBH4s", 0x16, 0, 0, p.packed(group)) + mark
    body = body[:2] + struct.pack(">H", p.checksum(body)) + body[4:]
    return p.ipv4(source, group, 2, body, ttl=1, options=ROUTER_ALERT)


def solicitation(source, mark=bytes(16)):
    option = bytes([253, 3]) + bytes(6) + mark      # of a kind for experiments, which is ignored
    return p.ip(source, "ff02::2", p.ICMP6, p.icmp(source, "ff02::2", 133, 0, b"\0" * 4, option), ttl=255)


@cases.promise_file_both
class ToTheHost:
    description = cases.standard()

    def setUp(self):
        self.lab.forward()

    def raw(self, family, proto, link, group):
        """A raw socket of the host that has joined the group on the link."""
        sock = self.lab.host_socket(socket.SOCK_RAW, family, proto)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, link.encode())
        cases.join(self.lab, sock, link, group)
        return contextlib.closing(sock)

    def arrives(self, sock, link, packet, group):
        self.lab.send(link, packet, p.multicast_mac(group))
        self.lab.settle()
        return cases.heard(sock)

    def test_router_solicitation(self):
        """A guest's router solicitation, with and without a source, reaches the host."""
        for link in NETWORKS:
            for source in ("::", "fe80::10", LINK[link].guest(6)):
                with self.subTest("%s, %s" % (link, source)), self.raw(6, socket.IPPROTO_ICMPV6, link, "ff02::2") as sock:
                    found = self.arrives(sock, link, solicitation(source), "ff02::2")
                    self.assertEqual([(data[0], peer[0].partition("%")[0]) for data, peer in found if data[0] == 133],
                                     [(133, source)])

    def test_group_reports(self):
        """IGMP reports reach the host, also those of a guest without an address."""
        for link in NETWORKS:
            for group in ("224.0.0.22", "224.0.0.251", "239.255.255.250"):
                for source in ("0.0.0.0", LINK[link].guest(4)):
                    with self.subTest("%s, %s, %s" % (link, source, group)), self.raw(4, 2, link, group) as sock:
                        found = self.arrives(sock, link, igmp_report(source, group), group)
                        self.assertEqual({peer[0] for _, peer in found} - {LINK[link].host[4]}, {source})


class ToItself:
    """The host's programs speak to each other by the host's inside addresses, and by groups on its networks."""

    def pair(self, family):
        """Two UDP sockets of the host, the first one bound to a port of its own."""
        one, two = self.lab.host_socket(socket.SOCK_DGRAM, family), self.lab.host_socket(socket.SOCK_DGRAM, family)
        one.bind(("", 5399))
        two.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        return contextlib.closing(one), contextlib.closing(two)

    def assert_heard(self, one, two, dst):
        mark = p.nonce()
        try:
            two.sendto(mark, (dst, 5399))
        except PermissionError as error:
            self.fail("the host may not send to %s: %s" % (dst, error))
        self.lab.settle()
        self.assertIn(mark, [data for data, _ in cases.heard(one)])

    def test_own_address(self):
        """The host reaches its own address on a network."""
        for link in self.networks:
            for family in (4, 6):
                one, two = self.pair(family)
                with self.subTest("%s v%d" % (link, family)), one as receiver, two as sender:
                    self.assert_heard(receiver, sender, LINK[link].host[family])

    def test_group(self):
        """What a program of the host says to a group on a network is heard by another one that joined it."""
        for link in self.networks:
            for family, group in ((4, "224.0.0.251"), (4, "239.255.255.250"), (6, "ff02::fb"), (6, "ff05::fb")):
                one, two = self.pair(family)
                with self.subTest("%s, %s" % (link, group)), one as receiver, two as sender:
                    cases.join(self.lab, receiver, link, group)
                    sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, link.encode())
                    sender.bind((LINK[link].host[family], 0))
                    self.assert_heard(receiver, sender, group)

    def test_broadcast(self):
        """A broadcast of the host on a network is heard by the host, too."""
        for link in self.networks:
            one, two = self.pair(4)
            with self.subTest(link), one as receiver, two as sender:
                self.assert_heard(receiver, sender, "192.168.60.127" if link == "tap0" else LINK[link].guest(4, 255))


@cases.promise_file_both
class ToItselfStandard(ToItself):
    description = cases.standard()
    networks = NETWORKS


@cases.promise_file_both
class ToItselfIsolated(ToItself):
    description = ISOLATED
    networks = ("vmnet2",)


@cases.promise_file_both
class AmongGuests:
    """The network's interface is a bridge, and its frames pass the packet filter (br_netfilter)."""

    description = cases.standard()

    def test_switch(self):
        """What guests say to each other's groups and broadcasts passes the switch, whatever source they have."""
        own = {4: LINK["vmnet2"].guest(4), 6: LINK["vmnet2"].guest(6)}
        for lab in (cases.open_lab(), self.lab):
            lab.forward()
            with altered.switch(lab, "vmnet2"):
                for name in ("iptables", "ip6tables"):
                    lab.sysctl("bridge/bridge-nf-call-" + name, 1)
                for title, make, group in self.said(own):
                    with self.subTest("%s, %s" % (title, "ours" if lab is self.lab else "open")):
                        mark = p.nonce()
                        lab.drain()
                        lab.send("vmnet2", make(mark), group if ":" in group and len(group) == 17 else p.multicast_mac(group))
                        found = [seen for seen in lab.settle() if mark[8:] in seen.frame]
                        self.assertEqual([seen.link for seen in found], ["port2"])

    @staticmethod
    def said(own):
        ssdp, everybody = "239.255.255.250", "ff:ff:ff:ff:ff:ff"
        for source in ("169.254.7.7", own[4]):
            for group, port in ((ssdp, 1900), ("224.0.0.251", 5353), ("224.0.0.252", 5355), ("239.1.2.3", 9999)):
                yield ("%s to %s" % (source, group),
                       lambda mark, s=source, g=group, n=port: p.udp_packet(s, g, n, n, mark, ttl=1), group)
        for dst in ("255.255.255.255", "192.168.57.255"):
            yield ("DHCP to " + dst, lambda mark, d=dst: p.udp_packet("0.0.0.0", d, 68, 67, mark), everybody)
        for source in ("0.0.0.0", own[4]):
            for group in ("224.0.0.22", ssdp):
                yield ("IGMP of %s to %s" % (source, group),
                       lambda mark, s=source, g=group: igmp_report(s, g, mark), group)
        for source in ("::", "fe80::10", own[6]):
            yield "router solicitation of " + source, lambda mark, s=source: solicitation(s, mark), "ff02::2"
        for source in ("fe80::10", own[6]):
            yield source + " to mDNS", lambda mark, s=source: p.udp_packet(s, "ff02::fb", 5353, 5353, mark), "ff02::fb"


@cases.promise_file
class AnswersElsewhere:
    """The host answers on interfaces that are neither uplinks nor networks, where it is known whom."""

    description = cases.standard()

    def test_errors(self):
        """Unknown protocols, closed ports and packets without a way are told to their sender."""
        guest, gateway = self.guest("dmz0"), self.gateway("dmz0")
        for title, make in (("protocol", lambda mark: p.ip(guest, gateway, 200, mark * 2)),
                            ("port", lambda mark: p.udp_packet(guest, gateway, 1, 9, mark)),
                            ("hop limit", lambda mark: p.udp_packet(guest, self.remote, 1, 9, mark, ttl=1)),
                            ("no route", lambda mark: p.udp_packet(guest, NOWHERE[self.family], 1, 9, mark))):
            with self.subTest(title):
                mark = p.nonce()
                error = self.only(self.lab.round([("dmz0", make(mark))]), "dmz0", mark)
                self.assertEqual(error.dst, guest)
                self.assertIsNotNone(error.inner)

    def test_incomplete_fragments(self):
        """A sender there is told of a datagram that stayed incomplete, where the door stands before the queue."""
        if self.installer not in (cases.NFTABLES, cases.FILE):
            self.skipTest("the door of iptables stands behind the queue, and the error goes nowhere")
        for lab in (cases.open_lab(), self.lab):
            self.assertEqual(self.told(lab), (11, 1) if self.family == 4 else (3, 1))

    def told(self, lab):
        """The kind of the first ICMP error to a sender on dmz0 of a lone fragment; waits as long as the lab does."""
        guest, gateway = self.guest("dmz0"), self.gateway("dmz0")
        names = ["ipv4/ipfrag_time"] if self.family == 4 else ["ipv6/ip6frag_time", "netfilter/nf_conntrack_frag6_timeout"]
        before = [lab.sysctl(name) for name in names]
        try:
            for name in names:
                lab.sysctl(name, 1)
            lab.drain()
            lab.send("dmz0", p.fragments(guest, gateway, p.UDP, p.udp(guest, gateway, 1, 9, p.nonce() * 20), 64)[0])
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                lab.poll.poll(100)
                for seen in lab.drain():
                    if seen.packet.dst == guest and seen.packet.icmp is not None:
                        return seen.packet.icmp
            return None
        finally:
            for name, value in zip(names, before):
                lab.sysctl(name, value)
