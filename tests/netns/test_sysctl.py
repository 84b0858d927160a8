# SPDX-License-Identifier: GPL-2.0-or-later
"""Forwarding and the interface sysctls: written when needed, in the right order, and put back."""

import struct

import cases
import packets as p
from lab import LINK

V4_ONLY = {"uplinks": {"eth0": {"address": "203.0.113.11"}},
           "networks": {"vmnet1": {"subnet": "192.168.56.0/24", "mode": "nat"}}}
V6_ONLY = {"uplinks": {"eth0": {"address": "2001:db8::11"}},
           "networks": {"vmnet1": {"subnet": "fd00:56::/64", "mode": "nat"}}}
ISOLATED = {"networks": {"vmnet2": {"subnet": ["192.168.57.0/24", "fd00:57::/64"], "mode": "isolated"}}}
BOTH = {"uplinks": {"eth0": {"address": ["203.0.113.11", "2001:db8::11"]}},
        "networks": {"vmnet1": {"subnet": ["192.168.56.0/24", "fd00:56::/64"], "mode": "nat"}}}
HARDENED = ["ipv6/conf/%s/accept_ra", "ipv4/conf/%s/accept_redirects", "ipv6/conf/%s/accept_redirects",
            "ipv4/conf/%s/send_redirects", "ipv4/conf/%s/accept_source_route", "ipv6/conf/%s/accept_source_route"]
LOOSE = {"ipv6/conf/%s/accept_ra": 1, "ipv4/conf/%s/accept_redirects": 1, "ipv6/conf/%s/accept_redirects": 1,
         "ipv4/conf/%s/send_redirects": 1, "ipv4/conf/%s/accept_source_route": 1, "ipv6/conf/%s/accept_source_route": 0}


def forwarding(lab):
    return lab.sysctl("ipv4/ip_forward"), lab.sysctl("ipv6/conf/all/forwarding")


def router_advertisement(lab):
    """A router behind eth0 tells the host to use it."""
    lab.send("eth0", p.ip("fe80::10", "ff02::1", p.ICMP6, p.icmp(
        "fe80::10", "ff02::1", 134, 0, struct.pack(">BBH", 64, 0, 1800), b"\0" * 8), ttl=255), "33:33:00:00:00:01")
    lab.settle()


@cases.promise_both
class Forwarding:
    """Over every way to install."""

    def test_auto(self):
        """forwarding: auto turns on what the networks need, per family."""
        for described, expected in ((V4_ONLY, ("1", "0")), (V6_ONLY, ("0", "1")), (ISOLATED, ("0", "0"))):
            lab = self.new_lab()
            self.installer.install(lab, described)
            self.assertEqual(forwarding(lab), expected, str(described))

    def test_keep(self):
        """forwarding: keep never writes."""
        for on in (False, True):
            lab = self.new_lab(forward=on)
            before = forwarding(lab)
            self.installer.install(lab, dict(BOTH, settings={"forwarding": "keep"}))
            self.assertEqual(forwarding(lab), before)

    def test_disabled(self):
        """forwarding: disabled writes 0, and is an error where a network needs forwarding."""
        lab = self.new_lab(forward=True)
        self.installer.install(lab, dict(ISOLATED, settings={"forwarding": "disabled"}))
        self.assertEqual(forwarding(lab), ("0", "0"))
        done = cases.NFTABLES.run(lab, cases.standard(settings={"forwarding": "disabled"}), "--dry-run")
        self.assertEqual(done.returncode, 3, done.stderr)

    def test_router_advertisement(self):
        """An uplink's default route from a router advertisement outlives IPv6 forwarding (accept_ra=2 first)."""
        lab = self.new_lab()
        lab.must(["ip", "-6", "route", "del", "default"])
        lab.sysctl("ipv6/conf/eth0/accept_ra", 1)
        router_advertisement(lab)
        self.assertIn("proto ra", lab.must(["ip", "-6", "route", "show", "default"]))
        self.installer.install(lab, BOTH)
        self.assertIn("proto ra", lab.must(["ip", "-6", "route", "show", "default"]))
        self.assertEqual(lab.sysctl("ipv6/conf/eth0/accept_ra"), "2")
        guest, mark = LINK["vmnet1"].guest(6), p.nonce()
        out = self.translated(lab, "vmnet1", p.udp_packet(guest, "2001:db8:99::50", 1, 53, mark), mark)
        self.assertEqual(out.src, "2001:db8::11")

    def test_router_advertisement_control(self):
        """Control of the test above: without accept_ra=2, forwarding takes the route away."""
        lab = self.new_lab()
        lab.must(["ip", "-6", "route", "del", "default"])
        lab.sysctl("ipv6/conf/eth0/accept_ra", 1)
        router_advertisement(lab)
        lab.forward()
        self.assertNotIn("proto ra", lab.must(["ip", "-6", "route", "show", "default"]))

    def test_harden(self):
        """harden: a network's interfaces take no advertisement, redirect or source route; uplinks stay as they are."""
        for harden in (True, False):
            with self.subTest(harden=harden):
                lab = self.new_lab()
                links = ("vmnet1", "vmnet2", "vmnet3", "vmnet4", "tap0", "tap1")
                for link in links + ("eth0", "dmz0"):
                    for name, value in LOOSE.items():
                        lab.sysctl(name % link, value)
                self.installer.install(lab, cases.standard(settings={"harden": harden}))
                wrong = {name % link: lab.sysctl(name % link) for link in links for name in HARDENED
                         if lab.sysctl(name % link) != ("0" if harden else str(LOOSE[name]))}
                self.assertEqual(wrong, {})
                self.assertEqual({name: lab.sysctl(name % "dmz0") for name in HARDENED},
                                 {name: str(LOOSE[name]) for name in HARDENED})

    def test_interfaces(self):
        """forwarding: interfaces forwards for the interfaces of the file alone, with ip_forward 0."""
        lab = self.new_lab()
        self.installer.install(lab, dict(BOTH, settings={"forwarding": "interfaces"}))
        self.assertEqual(lab.sysctl("ipv4/ip_forward"), "0")
        mark, stranger = p.nonce(), p.nonce()
        guest = LINK["vmnet1"].guest(4)
        captured = lab.round([("vmnet1", p.udp_packet(guest, "192.0.2.50", 1, 53, mark)),
                              ("dmz0", p.udp_packet(LINK["dmz0"].guest(4), "192.0.2.50", 1, 53, stranger))])
        self.assertEqual(self.only(captured, "eth0", mark).src, "203.0.113.11")
        self.assertEqual([seen for seen in captured if stranger in seen.frame], [])
        back = p.nonce()
        port = [seen.packet.sport for seen in captured if mark in seen.frame][0]
        self.only(lab.round([("eth0", p.udp_packet("192.0.2.50", "203.0.113.11", 53, port, back))]), "vmnet1", back)


class PutBack(cases.Case):
    """What `remove` does about forwarding; over apply alone."""

    installer = cases.NFTABLES

    def test_off_again(self):
        """remove turns off what apply turned on, in every mode; and nothing that was on before."""
        for settings in ({}, {"forwarding": "interfaces"}):
            for before in ((0, 0), (1, 0), (0, 1), (1, 1)):
                with self.subTest(settings=settings, before=before):
                    lab = self.new_lab()
                    lab.sysctl("ipv4/ip_forward", before[0])
                    lab.sysctl("ipv6/conf/all/forwarding", before[1])
                    values = lab.all_sysctls()
                    self.installer.install(lab, cases.standard(settings=settings))
                    self.assertTrue(values != lab.all_sysctls(), "apply changed nothing")
                    self.installer.remove(lab)
                    after = lab.all_sysctls()
                    self.assertEqual({path: (values[path], after.get(path)) for path in values
                                      if values[path] != after.get(path)}, {}, "(before, after)")

    def test_advertised_route(self):
        """After remove, accept_ra of the uplink is what it was, and the advertised route is still there."""
        lab = self.new_lab()
        lab.must(["ip", "-6", "route", "del", "default"])
        lab.sysctl("ipv6/conf/eth0/accept_ra", 1)
        router_advertisement(lab)
        self.installer.install(lab, cases.standard())
        self.installer.remove(lab)
        self.assertEqual(lab.sysctl("ipv6/conf/eth0/accept_ra"), "1")
        self.assertEqual(forwarding(lab), ("0", "0"))
        self.assertIn("proto ra", lab.must(["ip", "-6", "route", "show", "default"]))

    def test_somebody_changed_it(self):
        """A value that somebody else changed after apply is left as it is, or hostgate says what it does."""
        lab = self.new_lab()
        self.installer.install(lab, cases.standard())
        lab.sysctl("ipv4/conf/vmnet1/send_redirects", 1)
        done = self.installer.remove(lab)
        self.assertTrue(lab.sysctl("ipv4/conf/vmnet1/send_redirects") == "1" or "send_redirects" in done.stderr,
                        done.stderr)

    def test_state_outlives_reapply(self):
        """What was there before the first apply is remembered over further applies, changed ones too."""
        lab = self.new_lab()
        lab.sysctl("ipv4/conf/vmnet3/accept_redirects", 1)
        values = lab.all_sysctls()
        for described in (cases.standard(), cases.standard(vmnet3=None), cases.standard(vmnet1={"mode": "routed"}),
                          ISOLATED, cases.standard()):
            self.installer.install(lab, described)
        self.installer.remove(lab)
        after = lab.all_sysctls()
        self.assertEqual({path: (values[path], after.get(path)) for path in values if values[path] != after.get(path)}, {})
