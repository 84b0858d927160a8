# SPDX-License-Identifier: GPL-2.0-or-later
"""P1: what the host answers to a guest leaves by that guest's network only, wherever the way to the guest leads."""

import contextlib
import itertools
import socket

import altered
import cases
import packets as p
from cases import Probe
from lab import NARROW, NOWHERE
from test_forged import Reflections

NETWORKS = ("vmnet1", "vmnet2", "vmnet3", "tap0")
ISOLATED = {"networks": {"vmnet2": cases.STANDARD["networks"]["vmnet2"]}}
MDNS = {4: "224.0.0.251", 6: "ff02::fb"}
ALL_HOSTS = {4: "224.0.0.1", 6: "ff02::1"}
_ports = itertools.count(1024)


class Answers(Reflections):
    """Packets of a network's own guests, all of which the host answers; each guest asks once."""

    def __init__(self, case, link, title):
        super().__init__(case, link)
        self.title = ", " + title
        self.gateway, self.port = case.gateway("dmz0"), next(_ports)

    def source(self):
        return self.case.guest(self.link, altered.SPARE[len(self.probes)])

    def all(self):
        """What the kernel answers, where the way back is another one for all of the host."""
        remote, family = self.case.remote, self.family
        more = {"df": True} if family == 4 else {}
        self.add("hop limit 1", lambda src, mark: [p.udp_packet(src, remote, 1, 33434, mark, ttl=1)])
        self.add("no route", lambda src, mark: [p.udp_packet(src, NOWHERE[family], 1, 53, mark)])
        self.add("too big", lambda src, mark: [p.udp_packet(src, NARROW[family], 1, 53, mark * 85, **more)])
        if self.link != "tap0":     # to which tap1 is no other network
            self.add("refused network", lambda src, mark: [p.udp_packet(src, self.case.guest("tap1"), 1, 53, mark)])
        self.add("echo to all hosts", lambda src, mark: [p.echo_packet(src, ALL_HOSTS[family], 1, mark)],
                 control=family == 4)       # IPv6 answers on the link
        self.to_host("dmz0", self.gateway)
        self.to_host("eth0", self.case.gateway("eth0"))
        if family == 4:
            self.ipv4_only(remote)
        else:
            self.ipv6_only(remote)
            self.hop_by_hop(remote)
        return self.probes

    def hop_by_hop(self, dst):
        """An unknown option, which is answered before any hook."""
        def make(src, mark):
            return [p.ipv6(src, dst, p.HOPOPTS, bytes([p.UDP, 0, 0x80, 4]) + b"\0" * 4 + p.udp(src, dst, 1, 53, mark))]
        self.add("hop-by-hop option", make)

    def from_host(self):
        """What the host answers from addresses of its own, where only these have another way."""
        self.to_host("eth0", self.case.gateway("eth0"))
        return self.probes


class AnswersStay:
    networks = NETWORKS
    # Routing rules that the reverse path does not ask. Where nothing but a service's answer would tell it from what
    # the host begins itself, to a LAN of the same subnet, it goes (README, Limits).
    unknown_ways = (altered.uplink_rule, altered.protocol_rules)

    def changes(self):
        """(what happens to the host, how, which links it concerns)"""
        for title, change in altered.LOST.items():
            if title != "down and up" or self.family == 6:
                yield title, change

    def hosts(self):
        for lab in (cases.open_lab(), self.lab):
            lab.forward()
            self.listen(lab)
            yield lab

    def test_kernel_answers(self):
        """Echo replies, unreachables, RSTs, time exceeded, too-big and rejects never leave by another interface."""
        free, ours = self.hosts()
        for title, change in self.changes():
            for link in self.networks:
                with self.subTest("%s, %s" % (link, title)), change(free, link), change(ours, link):
                    self.assert_silent(self.probes(link, title, change))

    def probes(self, link, title, change):
        answers = Answers(self, link, title)
        if change in (altered.uplink_rule, altered.protocol_rules):
            return answers.from_host()
        return answers.all()

    def test_any_state(self):
        """The same when connections are not tracked, or not picked up in the middle."""
        free, ours = self.hosts()
        way = altered.LOST["a detour by dmz0"]
        for title, change in (("untracked", altered.untracked), ("strictly tracked", altered.strict_tracking)):
            for link in self.networks:
                with self.subTest("%s, %s" % (link, title)), way(free, link), way(ours, link), change(ours):
                    self.assert_silent(self.probes(link, title, way))

    def test_program_answers(self):
        """Nor does what a program of the host answers by UDP."""
        free, ours = self.hosts()
        for title, change in self.changes():
            for link in self.networks:
                with self.subTest("%s, %s" % (link, title)), change(free, link), change(ours, link):
                    for lab in (free, ours):
                        leaks = self.answered(lab, link, self.gateway("eth0"), self.guest(link, 120))
                        self.assertEqual(len(leaks), 0 if lab is ours else 1, repr(leaks))

    def test_group_answers(self):
        """Nor what it answers when it was asked by a group (mDNS, SSDP), which no connection tells from a new one."""
        free, ours = self.hosts()
        for title, change in self.changes():
            for link in self.networks if change not in self.unknown_ways else ():
                with self.subTest("%s, %s" % (link, title)), change(free, link), change(ours, link):
                    for lab in (free, ours):
                        leaks = self.answered(lab, link, MDNS[self.family], self.guest(link, 119))
                        self.assertEqual(len(leaks), 0 if lab is ours else 1, repr(leaks))

    def answered(self, lab, link, address, guest):
        """Asks a UDP service of the host; returns the frames with its answer on other wires than the guest's."""
        group = address if address == MDNS[self.family] else None
        with contextlib.closing(lab.host_socket(socket.SOCK_DGRAM, self.family)) as sock:
            sock.bind(("" if group else address, 2223))
            if group:
                cases.join(lab, sock, link, group)
            mark = p.nonce()
            lab.drain()
            lab.send(link, p.udp_packet(guest, address, 5000, 2223, mark), p.multicast_mac(group) if group else None)
            captured = cases.answer(lab, sock, mark)
        return [seen for seen in captured if seen.link != link and mark in seen.frame]


@cases.promise_file
class Standard(AnswersStay):
    description = cases.standard()

    def test_translated_reply(self):
        """A reply that is translated back to a guest whose network went elsewhere leaves by no other interface."""
        guest, mark = self.guest("vmnet1", 121), p.nonce()
        out = self.translated(self.lab, "vmnet1", p.udp_packet(guest, self.remote, 5000, 53, mark), mark)
        for title, change in altered.LOST.items():
            with self.subTest(title), change(self.lab, "vmnet1"):
                back = p.nonce()
                captured = self.lab.round([("eth0", p.udp_packet(self.remote, out.src, 53, out.sport, back))])
                self.assertEqual([seen for seen in captured if back in seen.frame and seen.link != "vmnet1"], [])

    def test_what_goes_on(self):
        """With a routing rule for the uplink's address everything works that has a way."""
        lab = self.lab
        lab.forward()
        with altered.uplink_rule(lab):
            self.conversation(lab)

    def conversation(self, lab):
        guest, marks = self.guest("vmnet1"), [p.nonce() for _ in range(6)]
        more = {"df": True} if self.family == 4 else {}
        out = self.translated(lab, "vmnet1", p.udp_packet(guest, self.remote, 5900, 53, marks[0]), marks[0])
        captured = lab.round([
            ("eth0", p.udp_packet(self.remote, out.src, 53, out.sport, marks[1])),
            ("eth0", p.icmp_error_packet(lab.router("eth0", self.family), out.src, "too-big", out.raw[14:])),
            ("vmnet1", p.udp_packet(guest, NARROW[self.family], 5901, 53, marks[2] * 85, **more)),
            ("vmnet2", p.echo_packet(self.guest("vmnet2"), self.gateway("vmnet2"), 5902, marks[3])),
            ("eth0", p.echo_packet(self.remote, self.gateway("eth0"), 5903, marks[4]))])
        for mark, link in zip(marks[1:5], ("vmnet1", "vmnet1", "vmnet2", "eth0")):
            self.only(captured, link, mark)
        self.assertTrue(self.only(captured, "vmnet1", marks[0]).is_error("too-big"), "about a translated packet")
        with contextlib.closing(lab.host_socket(socket.SOCK_DGRAM, self.family)) as sock:
            lab.drain()
            sock.sendto(marks[5], (self.remote, 53))
            asked = self.only(lab.settle(), "eth0", marks[5])
            lab.send("eth0", p.udp_packet(self.remote, asked.src, 53, asked.sport, marks[5]))
            self.assertEqual(sock.recv(100), marks[5])


@cases.promise_file
class Isolated(AnswersStay):
    """The same with nothing but an isolated network, which needs neither tracking nor translation."""

    description = ISOLATED
    networks = ("vmnet2",)
    unknown_ways = (altered.uplink_rule,)


class LinkLocal:
    """Sources of 169.254.0.0/16, which the host answers by its default route."""

    GROUPS = ("224.0.0.1", "224.0.0.251", "239.255.255.250")

    def test_multicast_echo(self):
        """The host's answer to a link-local IPv4 source goes nowhere but to its network."""
        self.lab.forward()
        for link in self.networks:
            with self.subTest(link):
                self.assert_silent([
                    Probe("echo to %s from %s as %s" % (dst, link, source), link,
                          lambda mark, source=source, dst=dst: [p.echo_packet(source, dst, 1, mark)], answer_to=source,
                          control=dst == "224.0.0.1")
                    for number, dst in enumerate(self.GROUPS + ("255.255.255.255", self.gateway("eth0")))
                    for source in ["169.254.7.%d" % (7 + number)]])

    def test_multicast_service(self):
        """Nor do the answers of a program that listens to groups (mDNS, SSDP)."""
        free, ours = cases.open_lab(), self.lab
        for group, port in (("224.0.0.251", 5353), ("224.0.0.252", 5355), ("239.255.255.250", 1900)):
            for link in self.networks:
                for lab in (free, ours):
                    with self.subTest("%s, %s, %s" % (group, link, "open" if lab is free else "ours")):
                        leaks = self.answered(lab, link, group, port)
                        self.assertEqual(len(leaks), 0 if lab is ours else 1, repr(leaks))

    def answered(self, lab, link, group, port):
        source, mark = "169.254.7.20", p.nonce()
        with contextlib.closing(lab.host_socket(socket.SOCK_DGRAM)) as sock:
            sock.bind(("0.0.0.0", port))
            cases.join(lab, sock, link, group)
            lab.drain()
            lab.send(link, p.udp_packet(source, group, port, port, mark, ttl=1))
            captured = cases.answer(lab, sock, mark)
        return [seen for seen in captured if seen.link != link and mark in seen.frame]

    def test_hosts_own(self):
        """The host's own connections to a link-local address by an uplink (a cloud's metadata) work."""
        dst, source = "169.254.169.254", self.gateway("eth0")
        with contextlib.closing(self.lab.host_socket(socket.SOCK_DGRAM)) as sock:
            mark, back = p.nonce(), p.nonce()
            self.lab.drain()
            sock.sendto(mark, (dst, 80))
            asked = self.only(self.lab.settle(), "eth0", mark)
            self.lab.send("eth0", p.udp_packet(dst, source, 80, asked.sport, back))
            self.assertEqual(sock.recv(100), back)
        with contextlib.closing(self.lab.host_socket(socket.SOCK_STREAM)) as sock:
            sock.setblocking(False)
            self.lab.drain()
            sock.connect_ex((dst, 80))
            asked = [seen.packet for seen in self.lab.settle() if seen.link == "eth0" and seen.packet.dst == dst][0]
            captured = self.lab.round([("eth0", p.tcp_packet(dst, source, 80, asked.sport, p.SYN | p.ACK, 5, asked.seq + 1))])
            self.assertEqual([seen.packet.flags for seen in captured if seen.packet.dst == dst], [p.ACK])


class StandardLinkLocal(LinkLocal):
    description = cases.standard()
    networks = NETWORKS


class IsolatedLinkLocal(LinkLocal):
    description = ISOLATED
    networks = ("vmnet2",)


for link_local in (StandardLinkLocal, IsolatedLinkLocal):
    cases.promise_file(link_local, (4,))
