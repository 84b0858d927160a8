# SPDX-License-Identifier: GPL-2.0-or-later
"""P4: no forged source is forwarded, and the host never answers one (the reflection storm)."""

import contextlib
import re
import socket
import struct
import time

import cases
import packets as p
from cases import Probe, kinds
from lab import HANG, LINK, NARROW, NOWHERE, REMOTE1

TARGETS = ("vmnet1", "vmnet2", "vmnet3", "tap0")     # nat, isolated, routed, a pattern


def forged_outside(family, number):
    """An address behind eth0 that no other probe of the round uses (61 to 120)."""
    return "192.0.2.%d" % (61 + number) if family == 4 else "2001:db8:99::f%x" % number


class Reflections:
    """The probes that make a host without a door answer to the forged address."""

    title = ""      # tells these probes from the same ones elsewhere

    def __init__(self, case, link):
        self.case, self.link, self.family, self.probes = case, link, case.family, []
        self.gateway, self.port = case.gateway(link), LINK[link].index

    def source(self):
        """The source of the next probe, which no other one has."""
        return forged_outside(self.family, len(self.probes))

    def add(self, name, make, control=True):
        source = self.source()
        self.probes.append(Probe("%s from %s v%d%s" % (name, self.link, self.family, self.title), self.link,
                                 lambda mark: make(source, mark), answer_to=source, control=control))

    def all(self):
        remote, family = self.case.remote, self.family
        self.add("hop limit 1", lambda src, mark: [p.udp_packet(src, remote, 1, 33434, mark, ttl=1)])
        self.add("hop limit 1, echo", lambda src, mark: [p.echo_packet(src, remote, 1, mark, ttl=1)])
        self.add("no route", lambda src, mark: [p.udp_packet(src, NOWHERE[family], 1, 53, mark)])
        self.add("refused network", lambda src, mark: [p.udp_packet(src, self.case.guest("tap1"), 1, 53, mark)])
        self.add("refused outside", lambda src, mark: [p.udp_packet(src, remote, 1, 53, mark)])
        self.add("refused tcp", lambda src, mark: [p.tcp_packet(src, remote, 1, 80, p.SYN, payload=mark)])
        more = {"df": True} if family == 4 else {}
        self.add("too big", lambda src, mark: [p.udp_packet(src, NARROW[family], 1, 53, mark * 85, **more)])
        for where in (self.link, "eth0", "eth1", "dmz0"):
            self.to_host(where, self.case.gateway(where))
        if family == 4:
            self.ipv4_only(remote)
        else:
            self.ipv6_only(remote)
        return self.probes

    def to_host(self, where, dst):
        self.add("echo to " + where, lambda src, mark: [p.echo_packet(src, dst, 1, mark)])
        self.add("closed udp at " + where, lambda src, mark: [p.udp_packet(src, dst, 1, 9, mark)])
        self.add("closed tcp at " + where, lambda src, mark: [p.tcp_packet(src, dst, 1, 9, p.SYN, payload=mark)])
        for name, flags in (("ack", p.ACK), ("syn-ack", p.SYN | p.ACK), ("fin", p.FIN)):
            self.add("stray %s to %s" % (name, where), lambda src, mark, flags=flags: [
                p.tcp_packet(src, dst, 1, 9, flags, ack=7, payload=mark)])
        self.add("open tcp at " + where, lambda src, mark: [p.tcp_packet(src, dst, self.port, 2222, p.SYN)])
        self.add("unknown protocol to " + where, lambda src, mark: [p.ip(src, dst, 253, mark * 2)])

    def ipv4_only(self, remote):
        gateway = self.gateway
        broken = bytes([7, 3, 4, 0])                  # record route, too short: parameter problem
        strict = bytes([137, 7, 4]) + p.packed("203.0.113.77") + b"\0"
        self.add("broken option", lambda src, mark: [
            p.ipv4(src, remote, p.UDP, p.udp(src, remote, 1, 53, mark), options=bytes([7, 39, 3, 0]))])
        self.add("option pointer", lambda src, mark: [
            p.ipv4(src, gateway, p.ICMP, p.echo(src, gateway, 1, mark), options=broken)])
        self.add("source route", lambda src, mark: [
            p.ipv4(src, gateway, p.UDP, p.udp(src, gateway, 1, 53, mark), options=strict)], control=False)
        self.add("broadcast echo", lambda src, mark: [
            p.echo_packet(src, self.broadcast(), 1, mark)])
        self.add("timestamp", lambda src, mark: [
            p.ipv4(src, gateway, p.ICMP, p.icmp(src, gateway, 13, 0, b"\0\1\0\1", b"\0" * 12 + mark))])

    def broadcast(self):
        link = LINK[self.link]
        value = struct.unpack(">I", p.packed(link.host[4]))[0] | ((1 << (32 - link.prefix[4])) - 1)
        return p.text(struct.pack(">I", value))

    def ipv6_only(self, remote):
        gateway = self.gateway

        def option(header, dst, kind=0x80):
            """An option of an unknown kind that asks for a parameter problem."""
            def make(src, mark):
                body = bytes([p.UDP, 0, kind, 4]) + b"\0" * 4 + p.udp(src, dst, 1, 53, mark)
                return [p.ipv6(src, dst, header, body)]
            return make

        self.add("unknown destination option", option(p.DSTOPTS, gateway))
        self.add("unknown next header", lambda src, mark: [p.ipv6(src, gateway, 200, mark * 2)])
        self.add("echo to all nodes", lambda src, mark: [p.echo_packet(src, "ff02::1", 1, mark)], control=False)
        self.add("routing header", lambda src, mark: [p.ipv6(src, gateway, 43, bytes([
            p.UDP, 2, 0, 1]) + b"\0" * 4 + p.packed(remote) + p.udp(src, remote, 1, 53, mark))])


@cases.promise
class Forged:
    description = cases.standard()

    def test_spoofed_sources(self):
        """P4: no packet with a source outside the network's own subnets is forwarded from it."""
        far = {4: ["100.64.0.9", "169.254.7.7", "10.0.0.1"], 6: ["2001:db8:77::9", "fd00:1234::1", "2002:c000:201::1"]}
        impossible = {4: ["0.0.0.0", "127.0.0.1", "224.0.0.5", "255.255.255.255"], 6: ["::", "::1", "fe80::10", "ff02::5"]}
        for link in TARGETS:
            with self.subTest(link):
                others = [self.guest(other) for other in ("vmnet1", "vmnet2", "vmnet3", "vmnet4", "tap0", "dmz0", "eth0")
                          if not (other == link or (other, link) == ("tap1", "tap0"))]
                own = [self.gateway("eth0"), self.gateway("eth1"), self.gateway("dmz0")]
                probes = []
                for source in others + own + far[self.family]:
                    for dst in (self.remote, self.guest("eth0", 20), self.guest("tap1"), self.guest("dmz0", 20)):
                        probes += [probe for probe in kinds(link, source, dst, "forged from %s: " % link)
                                   if probe.name.split()[3] in ("udp", "tcp-syn", "tcp-rst", "echo", "fragments")]
                for source in impossible[self.family]:
                    for probe in kinds(link, source, self.remote, "impossible from %s: " % link):
                        probe.control = False       # the kernel does not forward these by itself
                        probes.append(probe)
                self.assert_silent(probes)

    def test_reflections(self):
        """P4: whatever a guest sends with a forged outside source, the host does not answer it."""
        self.listen(cases.open_lab())
        self.listen(self.lab)
        for link in TARGETS:
            with self.subTest(link):
                self.assert_silent(Reflections(self, link).all())

    def test_reflections_to_another_network(self):
        """P4: nor does it answer a forged source that is another network's guest."""
        dst = self.gateway("vmnet1")
        for link, victim in (("vmnet2", "vmnet3"), ("vmnet1", "vmnet2"), ("vmnet3", "vmnet1"), ("tap0", "dmz0")):
            with self.subTest(link):
                src = self.guest(victim, 20)
                self.assert_silent([
                    Probe("%s as %s: %s v%d" % (link, victim, name, self.family), link, make, answer_to=src)
                    for name, make in (
                        ("echo", lambda mark, src=src: [p.echo_packet(src, dst, 1, mark)]),
                        ("closed udp", lambda mark, src=src: [p.udp_packet(src, dst, 1, 9, mark)]),
                        ("hop limit 1", lambda mark, src=src: [p.udp_packet(src, self.remote, 1, 53, mark, ttl=1)]),
                        ("forwarded", lambda mark, src=src: [p.udp_packet(src, self.remote, 1, 53, mark)]))])

    def test_second_uplink(self):
        """P4: a forged source behind the other uplink gets no answer there either."""
        src, dst = REMOTE1[self.family], self.gateway("vmnet2")
        self.assert_silent([
            Probe("as behind eth1: %s v%d" % (name, self.family), "vmnet2", make, answer_to=src) for name, make in (
                ("echo", lambda mark: [p.echo_packet(src, dst, 1, mark)]),
                ("hop limit 1", lambda mark: [p.udp_packet(src, self.remote, 1, 53, mark, ttl=1)]),
                ("closed tcp", lambda mark: [p.tcp_packet(src, dst, 1, 9, p.SYN, payload=mark)]))])

    def test_reject_answers_own_source_only(self):
        """P4: the rejects that guests get go to their own network and nowhere else."""
        probes = [Probe("own source %s v%d" % (link, self.family), link,
                        lambda mark, link=link: [p.udp_packet(self.guest(link), self.guest("dmz0"), 1, 53, mark)])
                  for link in TARGETS]
        captured = self.assert_silent(probes)
        self.assertEqual({seen.link for seen in captured if seen.packet.is_error("prohibited")}, set(TARGETS))


@cases.promise
class LateAnswers:
    """Answers that the kernel gives before, or long after, any rule has seen the packet."""

    description = cases.standard()

    def incomplete(self, src, dst, mark):
        data = p.udp(src, dst, 1, 9, mark * 20)
        return p.fragments(src, dst, p.UDP, data, 64)[0]

    @contextlib.contextmanager
    def short_time(self, lab):
        """The host waits one second for the rest of a packet."""
        names = ["ipv4/ipfrag_time"] if self.family == 4 else ["ipv6/ip6frag_time", "netfilter/nf_conntrack_frag6_timeout"]
        before = [lab.sysctl(name) for name in names]
        for name in names:
            lab.sysctl(name, 1)
        yield
        for name, value in zip(names, before):
            lab.sysctl(name, value)

    def times_out(self, lab):
        """How many incomplete packets the host has given up so far."""
        if self.family == 6:
            return int(re.search(r"Ip6ReasmTimeout\s+(\d+)", lab.must(["cat", "/proc/net/snmp6"])).group(1))
        names, values = (line.split() for line in lab.must(["cat", "/proc/net/snmp"]).splitlines() if line.startswith("Ip:"))
        return int(values[names.index("ReasmTimeout")])

    def answers(self, lab, sources, waits):
        """Sends lone first fragments to the host; the frames to those sources, on other links.

        The last one has the guest's own source. waits: of how many sources the host waits for the rest.
        """
        targets = (self.gateway("eth0"), self.gateway("vmnet2"))
        with self.short_time(lab):
            lab.drain()
            before = self.times_out(lab)
            for source in sources + [self.guest("vmnet2")]:
                for dst in targets:
                    lab.send("vmnet2", self.incomplete(source, dst, p.nonce()))
            found, end = lab.settle(), time.monotonic() + HANG
            while self.times_out(lab) < before + waits * len(targets):
                self.assertLess(time.monotonic(), end, "the host does not give up the incomplete packets")
                time.sleep(0.05)
            found += lab.settle()
        return [seen for seen in found if seen.packet.dst in sources and seen.link != "vmnet2"]

    def test_incomplete_fragments(self):
        """P4: no reassembly-time-exceeded goes to a forged address, outside or on another network."""
        sources = [forged_outside(self.family, 40), self.guest("vmnet3", 20), self.guest("dmz0", 20)]
        if self.family not in self._seen_open:
            self._seen_open[self.family] = {seen.packet.dst for seen in self.answers(cases.open_lab(), sources, len(sources) + 1)}
        self.assertEqual(self._seen_open[self.family], set(sources), "a host without rules answers them")
        door_first = self.installer is cases.NFTABLES        # iptables has no place before defragmentation
        self.assertEqual(self.answers(self.lab, sources, 1 if door_first else len(sources) + 1), [])

    _seen_open = {}


@cases.promise_ipv6
class EarlyAnswers:
    """Hop-by-hop options are read before any hook of the packet filter."""

    description = cases.standard()

    def probe(self, link, source, kind):
        """kind: an unknown option that asks for an answer, or the jumbo payload option where it is wrong."""
        def make(mark):
            option = bytes([0xC2, 4]) + b"\0\0\0\1" if kind == "jumbo" else bytes([kind, 4]) + b"\0" * 4
            body = bytes([p.UDP, 0]) + option + p.udp(source, self.remote, 1, 53, mark)
            return [p.ipv6(source, self.remote, p.HOPOPTS, body)]
        return Probe("hop-by-hop %s from %s as %s" % (kind, link, source), link, make, answer_to=source)

    def test_outside_source(self):
        """P4: no parameter problem goes outside to a forged source."""
        for link in TARGETS:
            with self.subTest(link):
                self.assert_silent([self.probe(link, forged_outside(6, 50), kind) for kind in (0x80, 0xC0, "jumbo")]
                                   + [self.probe(link, REMOTE1[6], 0x80)])

    def test_other_networks_source(self):
        """P4: nor to a forged source that is another network's guest, or behind an unnamed interface."""
        for link, victim in (("vmnet2", "vmnet3"), ("vmnet2", "dmz0"), ("vmnet1", "vmnet2")):
            with self.subTest("%s as %s" % (link, victim)):
                self.assert_silent([self.probe(link, self.guest(victim, 20), 0x80)])
