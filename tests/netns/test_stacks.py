# SPDX-License-Identifier: GPL-2.0-or-later
"""Real sockets: a guest and a server with IP stacks of their own, and the host between them."""

import os
import socket

import cases
import lab as lab_module
from lab import Space, inside, ip_batch, new_namespace

DESCRIPTION = {
    "uplinks": {"eth0": {"address": ["203.0.113.11", "2001:db8::11"]}},
    "networks": {"vmnet1": {"subnet": ["192.168.56.0/24", "fd00:56::/64"], "mode": "nat"},
                 "vmnet2": {"subnet": ["192.168.57.0/24", "fd00:57::/64"], "mode": "isolated"}},
}
SERVER = {4: "192.0.2.50", 6: "2001:db8:99::50"}
PUBLIC = {4: "203.0.113.11", 6: "2001:db8::11"}


class Stacks(Space):
    """The host with one uplink and two networks; behind each of them a namespace with an IP stack."""

    def __init__(self):
        self.others, self.sockets = {}, []
        super().__init__()

    def furnish(self):
        self.others = {name: new_namespace() for name in ("outside", "guest", "alone")}
        lines = ["link set lo up"]
        for name, link, four, six in (("outside", "eth0", "203.0.113.11", "2001:db8::11"),
                                      ("guest", "vmnet1", "192.168.56.1", "fd00:56::1"),
                                      ("alone", "vmnet2", "192.168.57.1", "fd00:57::1")):
            lines += ["link add %s type veth peer name net0 netns /proc/%d/fd/%d" % (link, os.getpid(), self.others[name]),
                      "addr add %s/24 dev %s" % (four, link), "addr add %s/64 dev %s nodad" % (six, link),
                      "link set %s up" % link]
        for family, via in ((4, "203.0.113.1"), (6, "2001:db8::1")):
            lines.append("route add %s via inet%s %s dev eth0" % (SERVER[family], "6" * (family == 6), via))
        with inside(self.host):
            self._quiet()
            ip_batch(lines)
        for name, four, six in (("outside", "203.0.113.1", "2001:db8::1"), ("guest", "192.168.56.10", "fd00:56::10"),
                                ("alone", "192.168.57.10", "fd00:57::10")):
            with inside(self.others[name]):
                self._quiet()
                ip_batch(["link set lo up", "addr add %s/24 dev net0" % four, "addr add %s/64 dev net0 nodad" % six,
                          "link set net0 up"] + (
                    ["addr add %s/32 dev lo" % SERVER[4], "addr add %s/128 dev lo nodad" % SERVER[6]]
                    if name == "outside" else
                    ["route add default via %s.1" % four.rpartition(".")[0],
                     "route add default via inet6 %s::1" % six.rpartition("::")[0]]))

    def close(self):
        super().close()
        for sock in self.sockets:
            sock.close()
        for descriptor in self.others.values():
            os.close(descriptor)
        self.others = {}

    @staticmethod
    def _quiet():
        for which in ("all", "default"):
            with open("/proc/sys/net/ipv6/conf/%s/accept_dad" % which, "w") as file:
                file.write("0")

    def socket(self, where, family, kind):
        with inside(self.others[where]):
            sock = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, kind)
        sock.settimeout(lab_module.PATIENCE)
        self.sockets.append(sock)
        return sock


@cases.promise_both
class RealSockets:

    def test_conversations(self):
        """Guests of a nat network talk with a server that sees the public address; those of an isolated one are told no."""
        with Stacks() as stacks:
            self.installer.install(stacks, DESCRIPTION)
            for family in (4, 6):
                with self.subTest(family=family):
                    self.tcp(stacks, family)
                    self.udp(stacks, family)
                    self.refused(stacks, family)

    def tcp(self, stacks, family):
        """256 KiB each way."""
        server = stacks.socket("outside", family, socket.SOCK_STREAM)
        server.bind((SERVER[family], 80))
        server.listen(4)
        client = stacks.socket("guest", family, socket.SOCK_STREAM)
        client.connect((SERVER[family], 80))
        connection, peer = server.accept()
        connection.settimeout(lab_module.PATIENCE)
        self.assertEqual(peer[0], PUBLIC[family])
        block = os.urandom(32768)
        for _ in range(8):
            for one, two in ((client, connection), (connection, client)):
                one.sendall(block)
                got = b""
                while len(got) < len(block):
                    piece = two.recv(65536)
                    self.assertTrue(piece)
                    got += piece
                self.assertEqual(got, block)
        connection.close()
        client.close()

    def udp(self, stacks, family):
        """A small question, and an answer that comes in fragments."""
        server = stacks.socket("outside", family, socket.SOCK_DGRAM)
        server.bind((SERVER[family], 53))
        guest = stacks.socket("guest", family, socket.SOCK_DGRAM)
        guest.sendto(b"question", (SERVER[family], 53))
        data, peer = server.recvfrom(100)
        self.assertEqual((data, peer[0]), (b"question", PUBLIC[family]))
        server.sendto(b"answer" * 1000, peer)
        self.assertEqual(guest.recv(10000), b"answer" * 1000)

    def refused(self, stacks, family):
        """The outside's RST reaches a guest; an isolated guest gets the host's own refusal at once."""
        client = stacks.socket("guest", family, socket.SOCK_STREAM)
        with self.assertRaises(ConnectionRefusedError):
            client.connect((SERVER[family], 81))
        alone = stacks.socket("alone", family, socket.SOCK_STREAM)
        with self.assertRaises(OSError) as caught:
            alone.connect((SERVER[family], 80))
        self.assertNotIsInstance(caught.exception, socket.timeout)
