# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab: a host in a namespace of its own, and the far end of all its wires in another.

The host has the links of LINKS. The other end of every link lies in one "wire" namespace without
addresses, where frames are crafted and captured: a leak on any wire is seen. The namespaces have
no name, only a descriptor of this process keeps them, so that they vanish with it, however it ends.

Nothing sleeps: the process is pinned to one processor, where the kernel works off frames in the
order in which they were sent, and an ARP probe behind them (the canary) is answered last.
"""

import contextlib
import functools
import os
import re
import select
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import packets  # noqa: E402  (after the path is set)
from lib.program import HANG, PROGRAM, TOP  # noqa: E402, F401
from lib.space import Space, SpaceError as LabError, inside, ip_batch, new_namespace, write  # noqa: E402, F401

SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23
PATIENCE = 60.0         # seconds until a missing canary is an error
WORKER = 0              # number of this process among those that share the tests


class Link:
    """One interface of the host, and what stands at its other end."""

    def __init__(self, index, name, host4, host6, prefix4=24, prefix6=64):
        self.index, self.name = index, name
        self.host = {4: host4, 6: host6}
        self.prefix = {4: prefix4, 6: prefix6}
        self.host_mac = "02:00:00:00:01:%02x" % index
        self.wire_mac = "02:00:00:00:02:%02x" % index

    def gateway(self, family):
        """The host's own address on this link."""
        return self.host[family]

    def guest(self, family, number=10):
        """An address of a machine on this link that the host knows as a neighbour."""
        if family == 4:
            base = struct.unpack(">I", packets.packed(self.host[4]))[0] & -(1 << (32 - self.prefix[4]))
            return packets.text(struct.pack(">I", (base & 0xFFFFFFFF) + number))
        raw = packets.packed(self.host[6])
        return packets.text(raw[:14] + struct.pack(">H", number + (0 if number > 255 else 0x100)))


LINKS = [
    Link(1, "eth0", "203.0.113.11", "2001:db8::11"),
    Link(2, "eth1", "198.51.100.11", "2001:db8:1::11"),
    Link(3, "vmnet1", "192.168.56.1", "fd00:56::1"),
    Link(4, "vmnet2", "192.168.57.1", "fd00:57::1"),
    Link(5, "vmnet3", "198.18.0.1", "2001:db8:3::1"),
    Link(6, "vmnet4", "192.168.58.1", "fd00:58::1"),
    Link(7, "dmz0", "10.99.0.1", "fd00:99::1"),
    Link(8, "tap0", "192.168.60.1", "fd00:60::1", 25, 65),
    Link(9, "tap1", "192.168.60.129", "fd00:60:0:0:8000::1", 25, 65),
]
LINK = {link.name: link for link in LINKS}
NUMBERS = (1, 10, 20, 66, 77)        # the neighbours on every link

# Somewhere behind the gateway of eth0, behind that of eth1, and nowhere.
REMOTE = {4: "192.0.2.50", 6: "2001:db8:99::50"}
REMOTE1 = {4: "192.0.2.150", 6: "2001:db8:98::50"}
NARROW = {4: "192.0.2.60", 6: "2001:db8:99::60"}    # the way there takes 1300 bytes
NOWHERE = {4: "192.88.99.1", 6: "2001:db8:dead::1"}

QUIET = {   # no noise of the host's own, no limit that would hide an answer, nothing inherited from this machine
    "ipv4/ip_forward": 0, "ipv4/conf/all/forwarding": 0, "ipv4/conf/default/forwarding": 0,
    "ipv4/conf/all/accept_redirects": 1, "ipv4/conf/default/accept_redirects": 1,
    "ipv4/conf/all/send_redirects": 1, "ipv4/conf/default/send_redirects": 1,
    "ipv4/conf/all/accept_source_route": 0, "ipv4/conf/default/accept_source_route": 1,
    "ipv6/conf/all/forwarding": 0, "ipv6/conf/default/forwarding": 0,
    "ipv6/conf/all/accept_dad": 0, "ipv6/conf/default/accept_dad": 0,
    "ipv6/conf/default/router_solicitations": 0, "ipv6/conf/default/mldv2_unsolicited_report_interval": 1,
    "ipv4/icmp_ratelimit": 0, "ipv4/icmp_ratemask": 0, "ipv6/icmp/ratelimit": 0,
    "ipv4/icmp_msgs_per_sec": 1000000, "ipv4/icmp_msgs_burst": 1000000, "ipv4/icmp_echo_ignore_broadcasts": 0,
    "ipv4/conf/all/rp_filter": 0, "ipv4/conf/default/rp_filter": 0,
    "ipv4/conf/default/accept_local": 1, "ipv4/tcp_max_syn_backlog": 4096,
    "ipv4/tcp_synack_retries": 0,
}


@functools.cache
def pin():
    """One processor for this process, another one (if any) for the programs it watches."""
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {processors[WORKER % len(processors)]})
    return processors[(WORKER + 1) % len(processors)]


class Seen:
    """One captured frame and the link it came out of."""

    def __init__(self, link, frame):
        self.link, self.frame = link, frame
        self._packet = None

    @property
    def packet(self):
        if self._packet is None:
            self._packet = packets.parse_frame(self.frame)
        return self._packet

    def __repr__(self):
        return "%s: %r" % (self.link, self.packet)


class Lab(Space):
    """A fresh host with links."""

    other_cpu = None

    def __init__(self, forward=False):
        Lab.other_cpu = pin()
        self.sockets = []
        self.asked = {link.name: link.host[4] for link in LINKS}    # the address that the canary asks for
        self.wire = -1
        super().__init__()
        if forward:
            self.forward()

    def furnish(self):
        self.wire = new_namespace()
        self._wire_links()
        self._host_addresses()
        self._open()
        self.await_links()

    def close(self):
        for sock in self.sockets:
            sock.close()
        if self.wire >= 0:
            os.close(self.wire)
        self.wire = -1
        super().close()

    # ---- building

    def _wire_links(self):
        other = "/proc/%d/fd/%d" % (os.getpid(), self.wire)
        with inside(self.wire):
            for which in ("all", "default"):
                write("/proc/sys/net/ipv6/conf/%s/disable_ipv6" % which, 1)
        with inside(self.host):
            for name, value in QUIET.items():
                path = "/proc/sys/net/" + name
                if os.path.exists(path):
                    write(path, value)
            ip_batch(["link set lo up"] + [
                "link add %s address %s type veth peer name %s address %s netns %s"
                % (link.name, link.host_mac, link.name, link.wire_mac, other) for link in LINKS])
        with inside(self.wire):
            ip_batch(["link set %s arp off up" % link.name for link in LINKS])

    def link_lines(self, link):
        """What `ip -batch` reads to give the host its addresses and neighbours on a link."""
        lines = ["link set %s up" % link.name]
        for family in (4, 6):
            lines.append("addr replace %s/%d dev %s%s" % (link.host[family], link.prefix[family], link.name,
                                                          " nodad" if family == 6 else ""))
            peers = [link.guest(family, number) for number in NUMBERS if number != 1]
            if family == 6:
                peers.append("fe80::10")
            peers.append(self.router(link.name, family))
            lines += ["neigh replace %s lladdr %s dev %s nud permanent" % (peer, link.wire_mac, link.name)
                      for peer in peers if peer != link.host[family]]
        return lines

    def _host_addresses(self):
        lines = [line for link in LINKS for line in self.link_lines(link)]
        for family in (4, 6):
            inet = "inet6" if family == 6 else "inet"
            via = "via %s %s dev eth0" % (inet, self.router("eth0", family))
            lines.append("route add default " + via)
            lines.append("route add %s %s mtu lock 1300" % (NARROW[family], via))
            lines.append("route add unreachable " + NOWHERE[family])
        lines.append("route add 192.0.2.128/25 via %s dev eth1" % self.router("eth1", 4))
        lines.append("route add 2001:db8:98::/48 via %s dev eth1" % self.router("eth1", 6))
        with inside(self.host):
            ip_batch(lines)

    @staticmethod
    def router(name, family):
        """The machine behind an uplink that knows the way to the rest of the world."""
        return LINK[name].guest(family, 77)

    def _open(self):
        with inside(self.wire):
            self.capture = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.htons(3))
            self.sockets.append(self.capture)
            self.capture.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
            self.capture.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)   # SO_RCVBUFFORCE
            self.sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.sockets.append(self.sender)
        self.poll = select.poll()
        self.poll.register(self.capture, select.POLLIN)

    # ---- the host

    def iptables(self, tool, variant, *lines):
        """Adds rules as somebody else would, all by one process: lines as behind iptables, "-t nat -A ..."."""
        tables = {}
        for line in lines:
            found = re.match(r"-t (\S+) (.*)", line)
            table, rule = found.groups() if found else ("filter", line)
            tables.setdefault(table, []).append(rule)
        self.must(["%s-%s-restore" % (tool, variant), "-w", "--noflush"], stdin="".join(
            "*%s\n%s\nCOMMIT\n" % (table, "\n".join(rules)) for table, rules in tables.items()))

    def host_socket(self, kind, family=4, proto=0):
        with inside(self.host):
            sock = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, kind, proto)
        sock.settimeout(PATIENCE)
        self.sockets.append(sock)
        return sock

    # ---- the wires

    def send(self, link, packet, dst_mac=None):
        """Puts an IP packet on a wire, addressed to the host's MAC (or dst_mac)."""
        kind = packets.ETH_IPV6 if packet[0] >> 4 == 6 else packets.ETH_IPV4
        self.send_frame(link, packets.ether(dst_mac or LINK[link].host_mac, LINK[link].wire_mac, kind, packet))

    def send_frame(self, link, frame):
        self.sender.sendto(frame, (link, 0))

    def drain(self):
        """What has been captured until now, without waiting."""
        found = []
        for _ in range(1000000):
            try:
                frame, address = self.capture.recvfrom(65535)
            except BlockingIOError:
                break
            found.append(Seen(address[0], frame))
        return found

    def await_links(self):
        """Waits until every link carries frames: the kernel puts a new one to work a little later."""
        for _ in range(200):
            with contextlib.suppress(LabError):
                self.settle(0.1)
                return
        raise LabError("a link does not come up")

    def settle(self, patience=PATIENCE):
        """Sends a canary on every wire; returns what came before all their answers."""
        waiting = set()
        for link in LINKS:
            bird = bytes([0x06]) + os.urandom(5)
            waiting.add(bird)
            self.send_frame(link.name, packets.arp_request(bird.hex(":"), "0.0.0.0", self.asked[link.name]))
        found = []
        end = time.monotonic() + patience
        while waiting:
            left = end - time.monotonic()
            if left <= 0 or not self.poll.poll(left * 1000):
                raise LabError("no answer to the canary")
            for seen in self.drain():
                if seen.frame[0] == 6:
                    waiting.discard(seen.frame[:6])
                else:
                    found.append(seen)
        return found

    def round(self, sendings):
        """Sends (link, packet) pairs and returns everything that came out of the host."""
        self.drain()
        for sending in sendings:
            self.send(*sending)
        return self.settle()

    def one(self, link, packet, mark):
        """Sends one packet; returns the captured frames that hold the mark."""
        return [seen for seen in self.round([(link, packet)]) if mark in seen.frame]
