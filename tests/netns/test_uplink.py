# SPDX-License-Identifier: GPL-2.0-or-later
"""P2 on uplinks that are not as described: without an address to masquerade with, or with one out of a network."""

import contextlib
import socket

import cases
import packets as p
from lab import LINK, REMOTE1

GUESTS = ("vmnet1", "tap0")


def sent(lab, family, link="vmnet1"):
    """A guest's packet to somebody behind eth1; the frames of it that leave by any uplink."""
    mark = p.nonce()
    captured = lab.round([(link, p.udp_packet(LINK[link].guest(family), REMOTE1[family], 5000, 53, mark))])
    return [seen.packet for seen in captured if mark[8:] in seen.frame and seen.link in cases.UPLINKS]


def routed_by_eth1(lab, family):
    """The way to REMOTE1 and its neighbour, which go with the address and come back by hand."""
    lab.must(["ip", "neigh", "replace", lab.router("eth1", family), "lladdr", LINK["eth1"].wire_mac, "dev", "eth1",
              "nud", "permanent"])
    lab.must(["ip", "route", "replace", REMOTE1[family], "via", lab.router("eth1", family), "dev", "eth1", "onlink"])


class Unnumbered:
    """eth1 has no address: masquerade would take one of another interface, even a network's gateway."""

    def bare(self, forward=False):
        lab = self.new_lab(forward=forward)
        for family in (4, 6):
            lab.must(["ip", "addr", "del", "%s/%d" % (LINK["eth1"].host[family], LINK["eth1"].prefix[family]), "dev", "eth1"])
            routed_by_eth1(lab, family)
        # It goes on to answer the canary, and is none that masquerade takes.
        lab.must(["ip", "addr", "add", LINK["eth1"].host[4] + "/32", "dev", "lo", "scope", "host"])
        return lab


class Control(Unnumbered, cases.Case):

    def test_control(self):
        """Control: masquerade alone lets it leave with an address of another interface."""
        lab = self.bare(forward=True)
        lab.nft("table inet others {\nchain post {\ntype nat hook postrouting priority 100\noifname eth1 masquerade\n}\n}\n")
        others = {link.host[family] for link in LINK.values() for family in (4, 6) if link.name != "eth1"}
        for family in (4, 6):
            self.assertIn(sent(lab, family)[0].src, others)


@cases.promise_file_both
class Borrowed(Unnumbered):

    def test_nothing_is_borrowed(self):
        """Nothing leaves until the uplink has an address; then, applied again, it leaves with that."""
        lab = self.bare()
        self.installer.install(lab, cases.standard())
        for family in (4, 6):
            for link in GUESTS:
                with self.subTest("%s, IPv%d" % (link, family)):
                    self.assertEqual(sent(lab, family, link), [])
        lab.must(["ip", "addr", "del", LINK["eth1"].host[4] + "/32", "dev", "lo"])
        for family in (4, 6):
            own = LINK["eth1"].host[family]
            lab.must(["ip", "addr", "add", "%s/%d" % (own, LINK["eth1"].prefix[family]), "dev", "eth1"]
                     + ["nodad"] * (family == 6))
            routed_by_eth1(lab, family)
        self.installer.install(lab, cases.standard())
        for family in (4, 6):
            self.assertEqual([packet.src for packet in sent(lab, family)], [LINK["eth1"].host[family]])


@cases.promise_applied
class Leased:
    """After apply eth1 gets an address that lies in a nat network's subnet: the host is not cut off."""

    OWN, NEIGHBOUR = "172.20.7.9", "172.20.7.77"

    def test_host_goes_on(self):
        """Its own new connections go on, to a LAN of the same subnet, too, and its answers to addresses outside."""
        lab = self.new_lab()
        self.installer.install(lab, cases.standard(vmnet1={"subnet": ["192.168.56.0/24", "172.20.0.0/16", "fd00:56::/64"]}))
        for line in ("addr add %s/24 dev eth1" % self.OWN,
                     "neigh replace %s lladdr %s dev eth1 nud permanent" % (self.NEIGHBOUR, LINK["eth1"].wire_mac)):
            lab.must(["ip"] + line.split())
        for peer in (REMOTE1[4], self.NEIGHBOUR):
            with self.subTest("begun to " + peer), contextlib.closing(lab.host_socket(socket.SOCK_DGRAM)) as sock:
                mark, back = p.nonce(), p.nonce()
                sock.bind((self.OWN, 0))
                lab.drain()
                sock.sendto(mark, (peer, 53))
                asked = self.only(lab.settle(), "eth1", mark)
                self.assertEqual(asked.src, self.OWN)
                lab.send("eth1", p.udp_packet(peer, self.OWN, 53, asked.sport, back))
                self.assertEqual(sock.recv(100), back)
        with self.subTest("answered to outside"):
            mark = p.nonce()
            answers = [seen for seen in lab.round([("eth1", p.echo_packet(REMOTE1[4], self.OWN, 1, mark))])
                       if mark[8:] in seen.frame]
            self.assertEqual([(seen.link, seen.packet.src, seen.packet.dst) for seen in answers],
                             [("eth1", self.OWN, REMOTE1[4])])
        with self.subTest("status"):
            self.assertEqual(lab.run(self.installer.argv("status")).returncode, 5)
