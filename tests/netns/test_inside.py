# SPDX-License-Identifier: GPL-2.0-or-later
"""P1, P3, P4: an inside address belongs to its network's interface; nowhere else is it believed as a source."""

import contextlib
import socket

import altered
import cases
import packets as p
from cases import Probe, kinds
from test_answers import ISOLATED, NETWORKS, Answers

class Outsider(Answers):
    """What an outsider sends as if it were a network's guest, so that the host's answers go into the network."""

    def __init__(self, case, link, victim, title=""):
        super().__init__(case, link, "as %s%s" % (victim, title))
        self.victim = victim

    def source(self):
        return self.case.guest(self.victim, altered.SPARE[len(self.probes)])

    def all(self):
        super().all()
        for probe in self.probes:       # the kernel tells an address only so often that there is no route (net.ipv4.route.error_burst)
            probe.control = probe.control and not (self.family == 4 and probe.name.startswith("no route"))
        if self.link == "eth0" and self.victim in ("vmnet1", "vmnet3"):
            self.to_host(self.victim, self.case.gateway(self.victim))
        return self.probes


class AsGuest:
    """Outsiders with a guest's address."""

    def test_no_answer_goes_in(self):
        """P3: the host's answers do not carry an outsider's data into a network."""
        for lab in (cases.open_lab(), self.lab):
            lab.forward()
            self.listen(lab)
        for link in ("eth0", "eth1", "dmz0"):
            for victim in self.networks:
                with self.subTest("%s as %s" % (link, victim)), \
                        altered.neighbours(cases.open_lab(), victim), altered.neighbours(self.lab, victim):
                    self.assert_silent(Outsider(self, link, victim).all())

    def test_not_heard(self):
        """P3: nor does the host hear an outsider with a guest's address, also where a rule leads its answer outside.

        Without connections the last one is not told from a neighbour in a LAN that has the same subnet.
        """
        changes = [("", contextlib.nullcontext), (", a rule for the uplink's address", altered.uplink_rule)]
        for title, change in changes[:len(self.networks)]:
            for lab in (cases.open_lab(), self.lab):
                lab.forward()
                with self.subTest("%s%s" % ("ours" if lab is self.lab else "open", title)), change(lab), \
                        contextlib.closing(lab.host_socket(socket.SOCK_DGRAM, self.family)) as sock:
                    sock.bind((self.gateway("eth0"), 2227))
                    mark = p.nonce()
                    lab.round([("eth0", p.udp_packet(self.guest("vmnet2"), self.gateway("eth0"), 5000, 2227, mark))])
                    self.assertEqual([data for data, _ in cases.heard(sock)], [] if lab is self.lab else [mark])

    def test_any_state(self):
        """P3: nor when connections are not tracked, or not picked up in the middle."""
        self.listen(self.lab)
        for title, change in (("untracked", altered.untracked), ("strictly tracked", altered.strict_tracking)):
            for victim in self.networks:
                with self.subTest("%s, %s" % (victim, title)), altered.neighbours(cases.open_lab(), victim), \
                        altered.neighbours(self.lab, victim), change(self.lab):
                    self.assert_silent(Outsider(self, "eth0", victim, ", " + title).all())

    def test_no_service_answers(self):
        """P3: nor does what a program of the host answers by UDP, asked by address or by group."""
        group = "224.0.0.251" if self.family == 4 else "ff02::fb"
        for link in ("eth0", "dmz0"):
            for victim in self.networks:
                for lab in (cases.open_lab(), self.lab):
                    for dst in (self.gateway("eth0"), group):
                        with self.subTest("%s as %s, %s, %s" % (link, victim, dst, "ours" if lab is self.lab else "open")), \
                                contextlib.closing(lab.host_socket(socket.SOCK_DGRAM, self.family)) as sock:
                            sock.bind(("", 2224))
                            cases.join(lab, sock, link, group)
                            mark = p.nonce()
                            lab.drain()
                            lab.send(link, p.udp_packet(self.guest(victim), dst, 5000, 2224, mark),
                                     p.multicast_mac(dst) if dst == group else None)
                            leaks = [seen for seen in cases.answer(lab, sock, mark) if mark in seen.frame]
                            self.assertEqual([seen.link for seen in leaks], [] if lab is self.lab else [victim])

    def test_same_subnet_outside(self):
        """The host's own new connections to a LAN behind eth0 that has the same subnet work, both ways."""
        lab = self.lab
        with altered.detour("eth0")(lab, "vmnet2"):
            peer, own = self.guest("vmnet2", 80), self.gateway("eth0")
            with self.subTest("udp"), contextlib.closing(lab.host_socket(socket.SOCK_DGRAM, self.family)) as sock:
                mark, back = p.nonce(), p.nonce()
                lab.drain()
                sock.sendto(mark, (peer, 53))
                asked = self.only(lab.settle(), "eth0", mark)
                lab.send("eth0", p.udp_packet(peer, own, 53, asked.sport, back))
                self.assertEqual(sock.recv(100), back)
            with self.subTest("tcp"), contextlib.closing(lab.host_socket(socket.SOCK_STREAM, self.family)) as sock:
                sock.setblocking(False)
                lab.drain()
                sock.connect_ex((peer, 80))
                asked = [seen.packet for seen in lab.settle() if seen.link == "eth0" and seen.packet.dst == peer][0]
                answer = p.tcp_packet(peer, own, 80, asked.sport, p.SYN | p.ACK, 5, asked.seq + 1)
                captured = lab.round([("eth0", answer)])
                self.assertEqual([seen.packet.flags for seen in captured if seen.packet.dst == peer], [p.ACK])

    def test_own_address_of_the_host(self):
        """P4: a guest that takes an address of the host as its source is heard neither by the host nor outside."""
        for lab in (cases.open_lab(), self.lab):
            lab.forward()
        for link in self.networks:
            with self.subTest(link):
                self.assert_silent([probe for where in {link, "vmnet2", "eth0"} for dst in (self.remote, self.guest("dmz0"))
                                    for probe in kinds(link, self.gateway(where), dst, "as the host's own address: ")])
            for lab in (cases.open_lab(), self.lab):
                with self.subTest("%s, to the host, %s" % (link, "ours" if lab is self.lab else "open")), \
                        contextlib.closing(lab.host_socket(socket.SOCK_DGRAM, self.family)) as sock:
                    own, mark = self.gateway(link), p.nonce()
                    sock.bind((own, 2225))
                    lab.round([(link, p.udp_packet(own, own, 5000, 2225, mark))])
                    self.assertEqual([data for data, _ in cases.heard(sock)], [] if lab is self.lab else [mark])

    def test_misnamed(self):
        """P1, P3: where the described interface is the port of a bridge, the network is closed, not open."""
        for link in self.networks:
            with self.subTest(link), altered.bridged(cases.open_lab(), link), altered.bridged(self.lab, link):
                self.assert_silent(self.to_and_from(link))

    def to_and_from(self, link):
        guest, other = self.guest(link), self.guest("vmnet3" if link == "vmnet1" else "vmnet1")
        probes = [probe for dst in (self.remote, self.guest("dmz0"), other)
                  for probe in kinds(link, guest, dst, "in a bridge: ")]
        if len(self.networks) > 1:      # else the other one is not described
            probes += kinds(link, other, self.remote, "in a bridge, as another network: ")
        probes += [Probe("in a bridge: echo to %s v%d from %s" % (where, self.family, link), link,
                         lambda mark, where=where: [p.echo_packet(guest, self.gateway(where), 1, mark)], control=False)
                   for where in ("eth0", "dmz0")]
        return probes + [probe for outside in ("eth0", "dmz0")
                         for probe in kinds(outside, self.guest(outside, 20), guest, "into a bridge: ")]

    def test_misnamed_host_is_silent(self):
        """P4: nor does the host answer a guest that comes in on an interface that is not its network's."""
        for lab in (cases.open_lab(), self.lab):
            with altered.bridged(lab, "vmnet2"):
                mark = p.nonce()
                answers = lab.one("vmnet2", p.echo_packet(self.guest("vmnet2"), self.gateway("eth0"), 1, mark), mark)
                self.assertEqual(len(answers), 0 if lab is self.lab else 1)


@cases.promise_file
class Standard(AsGuest):
    description = cases.standard()
    networks = NETWORKS

    def test_answer_to_a_forged_gateway(self):
        """P4: a guest cannot open a way to the host's inside sockets by sending from the gateway's address."""
        own, lab = self.gateway("vmnet1"), self.lab
        with contextlib.closing(lab.host_socket(socket.SOCK_DGRAM, self.family)) as sock:
            sock.bind((own, 2226))
            mark, back = p.nonce(), p.nonce()
            captured = lab.round([("vmnet1", p.udp_packet(own, self.remote, 2226, 53, mark))])
            for out in [seen.packet for seen in captured if seen.link == "eth0" and mark in seen.frame]:
                lab.round([("eth0", p.udp_packet(self.remote, out.src, 53, out.sport, back))])
            self.assertEqual(cases.heard(sock), [])


@cases.promise_file
class Isolated(AsGuest):
    """The same with nothing but an isolated network."""

    description = ISOLATED
    networks = ("vmnet2",)
