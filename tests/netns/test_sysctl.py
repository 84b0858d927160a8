# SPDX-License-Identifier: GPL-2.0-or-later
"""Forwarding and the interface sysctls: written when needed, in the right order, and put back."""

import json
import struct

import cases
import inject
import packets as p
import picture
from lab import LINK, PROGRAM, REMOTE

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


def router_advertisement(lab, link="eth0"):
    """A router behind the link tells the host to use it."""
    lab.send(link, p.ip("fe80::10", "ff02::1", p.ICMP6, p.icmp(
        "fe80::10", "ff02::1", 134, 0, struct.pack(">BBH", 64, 0, 1800), b"\0" * 8), ttl=255), "33:33:00:00:00:01")
    lab.settle()


def advertised(lab):
    """The interfaces with a default route that the kernel learned by advertisement, or another program wrote as such."""
    routes = lab.must(["ip", "-6", "route", "show", "default"]).splitlines()
    return {route.split(" dev ")[1].split()[0] for route in routes if "proto ra" in route}


def advertise(lab):
    """eth0 and dmz0 learned a route; eth1 accepts, but has none; vmnet2's guests play router; "late0" is another program's."""
    lab.must(["ip", "-6", "route", "del", "default"])
    for link in ("eth0", "eth1", "dmz0", "vmnet2"):
        lab.sysctl("ipv6/conf/%s/accept_ra" % link, 1)
    for link in ("eth0", "dmz0", "vmnet2"):
        router_advertisement(lab, link)
    lab.sysctl("ipv6/conf/dmz0/accept_ra", 0)       # afterwards: what was learned stays
    lab.must(["ip", "link", "add", "late0", "type", "veth", "peer", "name", "port0"])
    lab.sysctl("ipv6/conf/late0/accept_ra", 0)
    lab.must(["ip", "link", "set", "late0", "up"])
    lab.must(["ip", "link", "set", "port0", "up"])
    lab.must(["ip", "-6", "route", "add", "default", "via", "fe80::99", "dev", "late0", "proto", "ra", "metric", "4000"])


ACCEPT_RA = {"eth0": "2", "eth1": "2", "dmz0": "2", "vmnet2": "0", "late0": "0", "lo": "1"}


def accept_ra(lab):
    return {link: lab.sysctl("ipv6/conf/%s/accept_ra" % link) for link in ACCEPT_RA}


def changed(before, after):
    return {path: (before[path], after.get(path)) for path in before if before[path] != after.get(path)}


def half_off(lab):
    """The host forwards, but the interfaces that matter do not, as what came later than conf.default.forwarding=0."""
    lab.sysctl("ipv4/ip_forward", 1)
    lab.sysctl("ipv6/conf/all/forwarding", 1)
    for link in ("vmnet1", "tap0", "eth0", "vmnet2", "dmz0"):
        lab.sysctl("ipv4/conf/%s/forwarding" % link, 0)
        lab.sysctl("ipv6/conf/%s/forwarding" % link, 0)


def passes(lab, link, family):
    """Whether a guest's packet gets out of eth0, and the answer to it comes back."""
    guest, remote, mark, back = LINK[link].guest(family), REMOTE[family], p.nonce(), p.nonce()
    there = [seen.packet for seen in lab.one(link, p.udp_packet(guest, remote, 1, 53, mark), mark) if seen.link == "eth0"]
    if not there:
        return False, False
    answer = p.udp_packet(remote, there[0].src, 53, there[0].sport, back)
    return True, [seen.link for seen in lab.one("eth0", answer, back)] == [link]


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
        """Default routes by advertisement outlive IPv6 forwarding on every interface but networks' (accept_ra=2 first)."""
        lab = self.new_lab()
        advertise(lab)
        before = lab.all_sysctls()
        self.assertEqual(advertised(lab), {"eth0", "dmz0", "vmnet2", "late0"})
        self.installer.install(lab, cases.standard())
        self.assertEqual(advertised(lab), {"eth0", "dmz0", "late0"})
        self.assertEqual(accept_ra(lab), ACCEPT_RA)
        lab.must(["ip", "-6", "route", "del", "default", "dev", "dmz0"])
        router_advertisement(lab, "dmz0")
        router_advertisement(lab, "vmnet2")
        self.assertEqual(advertised(lab), {"eth0", "dmz0", "late0"}, "later advertisements")
        guest, mark = LINK["vmnet1"].guest(6), p.nonce()
        out = self.translated(lab, "vmnet1", p.udp_packet(guest, "2001:db8:99::50", 1, 53, mark), mark)
        self.assertEqual(out.src, "2001:db8::11")
        self.installer.remove(lab)
        self.assertEqual(changed(before, lab.all_sysctls()), {}, "(before, after)")
        self.assertEqual(advertised(lab), {"eth0", "dmz0", "late0"}, "after remove")

    def test_router_advertisement_control(self):
        """Control of the test above: without accept_ra=2, forwarding takes away what the kernel learned, and only that."""
        lab = self.new_lab()
        advertise(lab)
        lab.forward()
        self.assertEqual(advertised(lab), {"late0"})
        lab.sysctl("ipv6/conf/dmz0/accept_ra", 2)
        self.assertEqual(advertised(lab), {"late0"}, "accept_ra=2 afterwards brings nothing back")

    def test_interface_off(self):
        """Interfaces of networks and uplinks that do not forward, while the host does, are switched on, and back."""
        lab = self.new_lab()
        half_off(lab)
        before = lab.all_sysctls()
        self.assertEqual([passes(lab, link, 4) for link in ("vmnet1", "vmnet4")], [(False, False), (True, False)],
                         "control: the kernel asks the interface that a packet came in on")
        self.assertEqual([passes(lab, link, 6) for link in ("vmnet1", "tap0")], [(True, True)] * 2, "control: only all counts")
        self.installer.install(lab, cases.standard())
        wrong = {link: lab.sysctl("ipv4/conf/%s/forwarding" % link) for link in ("vmnet1", "tap0", "eth0", "vmnet2", "dmz0")}
        self.assertEqual(wrong, {"vmnet1": "1", "tap0": "1", "eth0": "1", "vmnet2": "0", "dmz0": "0"})
        self.assertEqual(lab.sysctl("ipv6/conf/vmnet1/forwarding"), "0", "IPv6 does not ask it")
        self.assertEqual([passes(lab, link, family) for link in ("vmnet1", "tap0") for family in (4, 6)], [(True, True)] * 4)
        self.installer.remove(lab)
        self.assertEqual(changed(before, lab.all_sysctls()), {}, "(before, after)")

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
                # Where router advertisements are heard, they go on being heard.
                self.assertEqual({name: lab.sysctl(name % "dmz0") for name in HARDENED},
                                 {name: "2" if "accept_ra" in name else str(LOOSE[name]) for name in HARDENED})

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


@cases.promise_applied
class Interfaces:
    """What plan, apply and status say of it, and every way back."""

    def hostgate(self, lab, command, *words, expected=0):
        path = lab.file("d.yaml", json.dumps(cases.standard()))
        files = [path] if command in ("plan", "apply") else []
        done = lab.run(self.installer.argv(command, "--json", *words, *files) if files else [PROGRAM, command, "--json", *words])
        self.assertEqual(done.returncode, expected, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def sysctl_changes(self, document):
        return {change["name"]: (change["before"], change["after"]) for change in document["changes"] if change["what"] == "sysctl"}

    def test_later(self):
        """An interface of a pattern that came later than conf.default.forwarding=0: told, mended, put back."""
        lab = self.new_lab()
        self.hostgate(lab, "apply")
        lab.sysctl("ipv4/conf/default/forwarding", 0)
        lab.must(["ip", "link", "add", "tap7", "type", "veth", "peer", "name", "far7"])
        path = "net/ipv4/conf/tap7/forwarding"
        for command, expected in (("status", 5), ("plan", 10)):
            self.assertEqual(self.sysctl_changes(self.hostgate(lab, command, expected=expected)).get(path), ("0", "1"), command)
        self.hostgate(lab, "apply")
        self.assertEqual(lab.sysctl("ipv4/conf/tap7/forwarding"), "1")
        self.hostgate(lab, "status")
        again = self.hostgate(lab, "apply")
        self.assertEqual((again["changed"], again["changes"]), (False, []))
        self.hostgate(lab, "rollback")
        self.assertEqual(lab.sysctl("ipv4/conf/tap7/forwarding"), "0")
        self.hostgate(lab, "apply")
        self.hostgate(lab, "remove")
        self.assertEqual(lab.sysctl("ipv4/conf/tap7/forwarding"), "0")

    def test_switched_off(self):
        """Somebody switches a network's off: its guests are dead until apply, as explain --live says."""
        lab = self.new_lab()
        self.hostgate(lab, "apply")
        self.assertEqual(passes(lab, "vmnet1", 4), (True, True))
        lab.sysctl("ipv4/conf/vmnet1/forwarding", 0)
        self.assertEqual(passes(lab, "vmnet1", 4), (False, False))
        live = lab.must([PROGRAM, "explain", "--live", "192.168.56.10", "192.0.2.50:53/udp"])
        self.assertIn("net/ipv4/conf/vmnet1/forwarding is 0", live)
        self.hostgate(lab, "status", expected=5)
        self.hostgate(lab, "apply")
        self.assertEqual(passes(lab, "vmnet1", 4), (True, True))
        self.hostgate(lab, "remove")
        self.assertEqual(lab.sysctl("ipv4/conf/vmnet1/forwarding"), "0")

    def test_absent(self):
        """Interfaces that are not there are no error, and are named, whatever they will forward as they come."""
        lab = self.new_lab()
        described = cases.standard(uplinks={"ppp0": {}, "eth0": {"address": ["203.0.113.11", "2001:db8::11"]}}, settings={"harden": False})
        lab.sysctl("ipv4/ip_forward", 1)
        for default in (1, 0):
            lab.sysctl("ipv4/conf/default/forwarding", default)
            done = self.installer.install(lab, described)
            self.assertIn("ppp0 does not exist yet", done.stderr)


class Killed(cases.Case):

    def test_killed(self):
        """SIGKILL around every write of a value by apply, remove and rollback: one more command makes all what it was."""
        lab = self.new_lab()
        half_off(lab)
        path = lab.file("d.yaml", json.dumps(dict(V4_ONLY, settings={"harden": False})))
        before, count = picture.sysctls(lab), 0
        apply, remove = [PROGRAM, "apply", path], [PROGRAM, "remove"]
        for installed, argv, heal in ((False, apply, remove), (False, apply, apply), (True, remove, remove),
                                      (True, [PROGRAM, "rollback"], remove)):
            if installed:
                lab.must(apply)
            steps = [step for step in inject.steps(lab, argv, ".yaml") if step.writes]
            lab.must(remove)
            around = [number for number, step in enumerate(steps) if step.call == "openat" and "/forwarding" in step.text]
            self.assertEqual(len(around), 2, steps)
            for step in steps[around[0] - 1:around[-1] + 3]:
                if installed:
                    lab.must(apply)
                self.assertTrue(inject.killed(inject.run(lab, argv, step, "signal=SIGKILL")))
                lab.must(heal)
                if heal is apply:
                    self.assertEqual(lab.sysctl("ipv4/conf/vmnet1/forwarding"), "1")
                    lab.must(remove)
                self.assertEqual(picture.changed(before, picture.sysctls(lab)), {}, "%s, killed at %r" % (argv[1], step))
                count += 1
        self.assertGreater(count, 15)


class Guard(cases.Case):
    """accept_ra=2 where the host hears router advertisements; over apply alone."""

    installer = cases.NFTABLES

    def advertised_lab(self):
        lab = self.new_lab()
        advertise(lab)
        return lab, lab.file("d.yaml", json.dumps(cases.standard()))

    def test_plan_shows_it(self):
        """plan says so beforehand, and a second apply has nothing to do."""
        lab, path = self.advertised_lab()
        done = lab.run([PROGRAM, "plan", "--json", path])
        planned = [change["name"] for change in json.loads(done.stdout)["changes"] if change["after"] == "2"]
        self.assertEqual(planned, ["net/ipv6/conf/%s/accept_ra" % link for link in ("dmz0", "eth0", "eth1", "port0")])
        lab.must([PROGRAM, "apply", path])
        self.assertEqual(lab.must([PROGRAM, "apply", path]), "nothing to do\n")

    def test_bridge_port(self):
        """The port of a bridge hears nothing itself: its bridge does."""
        lab, path = self.advertised_lab()
        lab.must(["ip", "link", "add", "br0", "type", "bridge"])
        lab.must(["ip", "link", "set", "port0", "master", "br0"])
        lab.must([PROGRAM, "apply", path])
        self.assertEqual([lab.sysctl("ipv6/conf/%s/accept_ra" % link) for link in ("br0", "port0")], ["2", "1"])

    def test_unwritable(self):
        """Where it can't be written, nothing is changed at all, and the message says why."""
        lab, path = self.advertised_lab()
        before, conf = lab.all_sysctls(), "/proc/sys/net/ipv6/conf/dmz0/accept_ra"
        done = lab.run(["unshare", "-m", "sh", "-c", "mount --bind %s %s && mount -o remount,bind,ro %s && exec %s apply %s"
                        % (conf, conf, conf, PROGRAM, path)])
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("HG-E212", done.stderr)
        self.assertIn("nothing was changed", done.stderr)
        self.assertEqual(changed(before, lab.all_sysctls()), {})
        self.assertNotIn("hostgate", lab.must(["nft", "list", "ruleset"]))
        self.assertIn("dmz0", advertised(lab))

    def test_others_need_forwarding(self):
        """While others keep the host forwarding after remove, it goes on hearing advertisements."""
        lab, path = self.advertised_lab()
        lab.must([PROGRAM, "apply", path])
        lab.nft("table ip6 late { chain post { type nat hook postrouting priority srcnat; masquerade; }; }")
        lab.must([PROGRAM, "remove"])
        self.assertEqual(lab.sysctl("ipv6/conf/all/forwarding"), "1")
        self.assertEqual({link: value for link, value in accept_ra(lab).items() if value == "2"},
                         {"eth0": "2", "eth1": "2", "dmz0": "2"})
        lab.must(["ip", "-6", "route", "del", "default", "dev", "dmz0"])
        router_advertisement(lab, "dmz0")
        self.assertIn("dmz0", advertised(lab))

    def test_undone(self):
        """rollback, and a change that nobody confirms, put accept_ra back and keep the routes."""
        lab, path = self.advertised_lab()
        before = lab.all_sysctls()
        for command in (["apply"], ["apply", "--confirm", "600"]):
            lab.must([PROGRAM, *command, path])
            self.assertEqual(accept_ra(lab), ACCEPT_RA)
            lab.must([PROGRAM, "rollback"])
            self.assertEqual(changed(before, lab.all_sysctls()), {})
            self.assertEqual(advertised(lab), {"eth0", "dmz0", "late0"})
