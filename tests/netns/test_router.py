# SPDX-License-Identifier: GPL-2.0-or-later
"""P4: a guest does not become the host's router, also on an interface that came after apply."""

import contextlib
import struct

import altered
import cases
import packets as p
from lab import LINK

ROUTER, OTHER = "fe80::10", "fe80::66"
BEYOND = {4: "192.0.2.200", 6: "2001:db8:97::1"}     # where the redirects lead elsewhere
PREFIX = "2001:db8:bad::"


def advertisement():
    """A router advertisement: a default router, and a prefix to make an address of."""
    body = struct.pack(">BBHII", 64, 0, 1800, 0, 0)[:12]
    options = b"\1\1" + p.mac("02:00:00:00:02:99") + struct.pack(
        ">BBBBIII", 3, 4, 64, 0xC0, 3600, 1800, 0) + p.packed(PREFIX)
    return p.ip(ROUTER, "ff02::1", p.ICMP6, p.icmp(ROUTER, "ff02::1", 134, 0, body[:4], body[4:] + options), ttl=255)


def redirect4(router, host, other):
    """`router` tells the host a better way to BEYOND, by `other`."""
    quoted = p.echo_packet(host, BEYOND[4], 1, b"x" * 8, reply=True)
    return p.ip(router, host, p.ICMP, p.icmp(router, host, 5, 1, p.packed(other), quoted))


def redirect6(host):
    body = p.packed(OTHER) + p.packed(BEYOND[6]) + b"\2\1" + p.mac("02:00:00:00:02:98")
    return p.ip(ROUTER, host, p.ICMP6, p.icmp(ROUTER, host, 137, 0, b"\0" * 4, body), ttl=255)


class NoRouter:
    """For an interface `link` of a network, that the kernel made after apply with the defaults of a trusting host."""

    def routes(self, lab):
        return lab.must(["ip", "-6", "route", "show", "default", "dev", self.link])

    def addresses(self, lab):
        return [word for word in lab.must(["ip", "-6", "-o", "addr", "show", "dev", self.link]).split() if PREFIX in word]

    @contextlib.contextmanager
    def trusting(self, lab):
        """The interface appears, and believes what it is told (ip_forward had taken that from `all`)."""
        lab.forward()
        before = lab.sysctl("ipv4/conf/all/accept_redirects")
        with self.appears(lab):
            for name, value in (("ipv6/conf/%s/accept_ra", 2), ("ipv6/conf/%s/accept_redirects", 1),
                                ("ipv4/conf/%s/accept_redirects", 1), ("ipv4/conf/%s/secure_redirects", 0)):
                lab.sysctl(name % self.link, value)
            lab.sysctl("ipv4/conf/all/accept_redirects", 1)
            try:
                yield
            finally:
                lab.sysctl("ipv4/conf/all/accept_redirects", before)

    def on_both(self, check):
        """check(lab, believes): what a host without rules believes must not be believed on ours."""
        for lab, name in ((cases.open_lab(), "open"), (self.lab, "ours")):
            with self.subTest(name), self.trusting(lab):
                check(lab, name == "open")

    def send(self, lab, packet, group=None):
        dst_mac = "33:33:00:00:00:01" if group else self.host_mac
        kind = p.ETH_IPV6 if packet[0] >> 4 == 6 else p.ETH_IPV4
        lab.send_frame(self.link, p.ether(dst_mac, "02:00:00:00:02:99", kind, packet))
        lab.settle()

    def test_advertisement(self):
        """A guest's router advertisement gives the host neither a default route nor an address."""
        def check(lab, believes):
            self.send(lab, advertisement(), group=True)
            self.assertEqual(ROUTER in self.routes(lab), believes)
            self.assertEqual(bool(self.addresses(lab)), believes)
        self.on_both(check)

    def test_redirect_ipv4(self):
        """A guest's redirect changes no way of the host."""
        host, router, other = self.addresses4

        def check(lab, believes):
            lab.ip(["addr replace %s/28 dev %s" % (host, self.link)]
                   + ["neigh replace %s lladdr 02:00:00:00:02:99 dev %s nud permanent" % (peer, self.link)
                      for peer in (router, other)]
                   + ["route replace %s via %s dev %s" % (BEYOND[4], router, self.link)])
            self.send(lab, redirect4(router, host, other))
            self.assertIn("via " + (other if believes else router), lab.must(["ip", "route", "get", BEYOND[4]]))
        self.on_both(check)

    def test_redirect_ipv6(self):
        """The same of IPv6, on an interface that does not forward (where the kernel believes redirects)."""
        def check(lab, believes):
            lab.sysctl("ipv6/conf/%s/forwarding" % self.link, 0)
            lab.ip(["addr replace %s/124 dev %s nodad" % (self.address6, self.link),
                    "route replace %s via inet6 %s dev %s" % (BEYOND[6], ROUTER, self.link)])
            self.send(lab, redirect6(self.address6))
            self.assertIn("via " + (OTHER if believes else ROUTER), lab.must(["ip", "-6", "route", "get", BEYOND[6]]))
        self.on_both(check)


@cases.promise_file_both
class Pattern(NoRouter):
    """An interface that a pattern matches."""

    description = cases.standard()
    link, host_mac = "tap7", "02:00:00:00:01:99"
    addresses4 = ("192.168.60.97", "192.168.60.98", "192.168.60.99")
    address6 = "fd00:60::61"

    @contextlib.contextmanager
    def appears(self, lab):
        altered.new_link(lab, self.link)
        try:
            yield
        finally:
            lab.ip(["link del " + self.link])


@cases.promise_file_both
class Again(NoRouter):
    """An interface with a name of the description that was deleted and came again."""

    description = cases.standard()
    link, host_mac = "vmnet2", LINK["vmnet2"].host_mac
    addresses4 = ("192.168.57.97", "192.168.57.98", "192.168.57.99")
    address6 = "fd00:57::61"

    @contextlib.contextmanager
    def appears(self, lab):
        before = lab.all_sysctls()
        self.make_again(lab)
        try:
            yield
        finally:
            self.make_again(lab)
            lab.put_back_sysctls(before, "/%s/" % self.link)

    def make_again(self, lab):
        lab.ip(["link del " + self.link])
        altered.new_link(lab, self.link, self.host_mac, LINK[self.link].wire_mac)
        lab.ip(lab.link_lines(LINK[self.link]))
        lab.await_links()
