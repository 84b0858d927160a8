# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests share: descriptions, the ways to install them, probes, and the judgement of them."""

import contextlib
import copy
import ipaddress
import json
import os
import re
import socket
import struct
import sys
import unittest

import packets as p
from lab import LINK, PROGRAM, REMOTE, Lab
from lib import script

UPLINKS = ("eth0", "eth1")
PUBLIC = {"eth0": {4: "203.0.113.11", 6: "2001:db8::11"}, "eth1": {4: "198.51.100.11", 6: "2001:db8:1::11"}}

STANDARD = {
    "uplinks": {
        "outside": {"interface": "eth0", "address": ["203.0.113.11", "2001:db8::11"]},
        "second": {"interface": "eth1"},
    },
    "networks": {
        "vmnet1": {"subnet": ["192.168.56.0/24", "fd00:56::/64"], "gateway": ["192.168.56.1", "fd00:56::1"],
                   "mode": "nat"},
        "vmnet2": {"subnet": ["192.168.57.0/24", "fd00:57::/64"], "mode": "isolated"},
        "vmnet3": {"subnet": ["198.18.0.0/24", "2001:db8:3::/64"], "mode": "routed"},
        "vmnet4": {"subnet": "192.168.58.0/24", "mode": "nat"},
        "taps": {"interface": "tap*", "subnet": ["192.168.60.0/24", "fd00:60::/64"], "mode": "nat"},
    },
}
PRIVATE = [ipaddress.ip_network(net) for net in (
    "192.168.56.0/24", "fd00:56::/64", "192.168.57.0/24", "fd00:57::/64", "192.168.58.0/24", "fd00:58::/64",
    "192.168.60.0/24", "fd00:60::/64")]


def standard(settings=None, uplinks=None, **networks):
    """The standard description with some keys of networks changed; None leaves a network out."""
    described = copy.deepcopy(STANDARD)
    for name, keys in networks.items():
        if keys is None:
            del described["networks"][name]
        else:
            described["networks"].setdefault(name, {}).update(keys)
    if uplinks:
        described["uplinks"] = uplinks
    if settings:
        described["settings"] = settings
    return described


# ---- the ways in which a description comes into the kernel

def succeeded(what, done):
    """A program's result, unless it failed; what a version does not read yet cannot be tested with it."""
    later = re.search(r'(the key "[^"]*" is not supported yet by this version|--backend=\S* is not supported yet)',
                      done.stderr)
    if done.returncode in (2, 3) and later:
        raise unittest.SkipTest(later.group(1))
    if done.returncode:
        raise AssertionError("%s: exit %d: %s" % (what, done.returncode, done.stderr))
    return done


class Apply:
    """`hostgate apply`, over one backend: nf_tables through netlink, or legacy iptables."""

    script = False

    def __init__(self, name, *options):
        self.name, self.options = name, list(options)

    def argv(self, command, *words):
        return [PROGRAM, command, *self.options, *words]

    def run(self, lab, described, *options, **more):
        path = lab.file("description.yaml", json.dumps(described, indent=1) + "\n")
        return lab.run(self.argv("apply", *options, path), **more)

    def install(self, lab, described):
        return succeeded("apply", self.run(lab, described))

    def remove(self, lab):
        return succeeded("remove", lab.run(self.argv("remove")))


class Script:
    """`hostgate apply --dry-run`, run by sh with one variant of iptables; whole: by single commands, else held."""

    script = True

    def __init__(self, variant):
        self.variant = variant
        self.name = "script-" + variant

    def env(self, lab):
        """An environment whose iptables is the variant's."""
        return lab.env(PATH=script.path(lab, self.variant))

    def shell(self, lab, text, whole=False):
        return succeeded("the script", script.run(lab, self.variant, text, whole))

    def install(self, lab, described, whole=False):
        return self.shell(lab, self.text(lab, described), whole)

    @staticmethod
    def text(lab, described):
        """The script that installs a description or, for None, removes what scripts install."""
        if described is None:
            return succeeded("remove --dry-run", lab.run([PROGRAM, "remove", "--dry-run"])).stdout
        return succeeded("apply --dry-run", NFTABLES.run(lab, described, "--dry-run")).stdout

    def remove(self, lab):
        return self.shell(lab, self.text(lab, None))


class File:
    """`hostgate apply --dry-run=nft`, loaded with `nft -f`; forwarding is somebody else's, and on."""

    script, name = False, "file-nft"

    def install(self, lab, described):
        lab.nft(succeeded("apply --dry-run=nft", NFTABLES.run(lab, described, "--dry-run=nft")).stdout)
        lab.forward()


NFTABLES = Apply("apply")
LEGACY = Apply("apply-iptables", "--backend", "iptables")
FILE = File()
INSTALLERS = [NFTABLES, LEGACY, Script("nft"), Script("legacy")]


def promise(case, families=(4, 6), installers=tuple(INSTALLERS)):
    """Makes one test class for every installer and family out of a plain class."""
    if issubclass(case, unittest.TestCase):
        raise TypeError("%s would also run without an installer: make it a plain class" % case.__name__)
    module = sys.modules[case.__module__]
    for installer in installers:
        for family in families:
            name = "%s_%s%s" % (case.__name__, installer.name.replace("-", "_"), "_ipv%d" % family if family else "")
            setattr(module, name, type(name, (case, Case), {
                "installer": installer, "family": family, "__module__": case.__module__, "__doc__": case.__doc__}))
    return case


def promise_file(case, families=(4, 6)):
    """Like promise, also for the printed file of nft."""
    return promise(case, families, INSTALLERS + [FILE])


def promise_file_both(case):
    return promise_file(case, (None,))


def promise_ipv6(case):
    return promise(case, (6,))


def promise_both(case):
    """For tests that look at both families at once."""
    return promise(case, (None,))


def promise_applied(case):
    """For what only the program itself does, not a script; both families at once."""
    return promise(case, (None,), [installer for installer in INSTALLERS if not installer.script])


def promise_script(case):
    """For scripts; each run of one takes seconds, so such a test goes through many states of one host."""
    return promise(case, (None,), [installer for installer in INSTALLERS if installer.script])


# ---- probes

class Probe:
    """Something to send: make(mark) gives the packets; in every one of them are the mark's last 8 bytes.

    answer_to: an address that nobody else has; a frame to it is a trace of this probe, too.
    control: whether a host without rules forwards or answers it (else the kernel itself refuses it).
    """

    def __init__(self, name, link, make, answer_to=None, control=True):
        self.name, self.link, self.make = name, link, make
        self.answer_to, self.control = answer_to, control

    def sendings(self, mark):
        return [(self.link, packet) for packet in self.make(mark)]

    def traces(self, mark, captured):
        """The captured frames of this probe on any wire but its own."""
        return [seen for seen in captured if seen.link != self.link
                and (mark[8:] in seen.frame or (self.answer_to and seen.packet.dst == self.answer_to))]


def send_probes(lab, probes):
    """Sends all probes in one round; returns (traces by probe name, everything captured)."""
    marks = [p.nonce() for _ in probes]
    captured = lab.round([sending for probe, mark in zip(probes, marks) for sending in probe.sendings(mark)])
    return {probe.name: probe.traces(mark, captured) for probe, mark in zip(probes, marks)}, captured


def join(lab, sock, link, group):
    """A socket of the host joins a group on a link."""
    index = int(lab.must(["ip", "-o", "link", "show", "dev", link]).split(":")[0])
    if ":" in group:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, p.packed(group) + struct.pack("@I", index))
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, p.packed(group) + bytes(4) + struct.pack("@i", index))


def heard(sock):
    """(data, peer) of every datagram that has arrived at a socket of the host."""
    sock.setblocking(False)
    found = []
    with contextlib.suppress(BlockingIOError):
        for _ in range(1000):
            found.append(sock.recvfrom(2000))
    return found


def answer(lab, sock, data):
    """What a program of the host does: answers the datagrams that sock got; returns all captured frames."""
    captured = lab.settle()
    for _, peer in heard(sock):
        with contextlib.suppress(PermissionError):      # how a sender hears that its packet was dropped
            sock.sendto(data, peer)
    return captured + lab.settle()


_open = []
_proved = set()


def open_lab():
    """A host that forwards everything and has no rules: there every probe is seen."""
    if not _open:
        _open.append(Lab(forward=True))
    return _open[0]


_installed = {}


def installed_lab(installer, described):
    """The one host where this description is installed in this way: its tests do not change it.

    A script runs twice for the standard description, first as it is: whatever holds there holds after a second run.
    """
    key = installer.name, json.dumps(described)
    if key not in _installed:
        lab = Lab()
        if installer.script and described == STANDARD:
            installer.install(lab, described, whole=True)
        installer.install(lab, described)
        _installed[key] = lab
    return _installed[key]


def kinds(link, src, dst, prefix=""):
    """One probe of every kind of packet from src to dst."""
    family = p.family(src)

    def halves(mark):
        return struct.unpack(">II", mark[8:])

    def bare(flags):
        return lambda mark: [p.tcp_packet(src, dst, 40001, 80, flags, *halves(mark))]

    def whole(mark):
        return p.udp(src, dst, 40002, 53, mark * 20)

    def pieces(mark):
        return p.fragments(src, dst, p.UDP, whole(mark), 64)

    def overlapping(mark):
        data, ident = whole(mark), struct.unpack(">I", mark[8:12])[0]
        return [p.ip_fragment(src, dst, p.UDP, data[:64], 0, True, ident),
                p.ip_fragment(src, dst, p.UDP, data[32:96], 32, True, ident),
                p.ip_fragment(src, dst, p.UDP, data[64:], 64, False, ident)]

    def error(name):
        inner = lambda mark: p.udp_packet(dst, src, 53, 40003, mark)
        return lambda mark: [p.icmp_error_packet(src, dst, name, inner(mark))]

    def other(proto):
        return lambda mark: [p.ip(src, dst, proto, b"\0\0\x08\0" + mark * 2)]

    table = {
        "udp": lambda mark: [p.udp_packet(src, dst, 40000, 53, mark)],
        "tcp-syn": bare(p.SYN),
        "tcp-ack": lambda mark: [p.tcp_packet(src, dst, 40004, 80, p.ACK | p.PSH, payload=mark)],
        "tcp-rst": bare(p.RST),
        "tcp-fin-ack": bare(p.FIN | p.ACK),
        "tcp-syn-ack": bare(p.SYN | p.ACK),
        "tcp-all-flags": bare(p.SYN | p.FIN | p.RST | p.ACK | p.PSH),
        "echo": lambda mark: [p.echo_packet(src, dst, 7, mark)],
        "echo-reply": lambda mark: [p.echo_packet(src, dst, 7, mark, reply=True)],
        "error-port": error("port"),
        "error-exceeded": error("exceeded"),
        "error-too-big": error("too-big"),
        "gre": other(p.GRE),
        "esp": other(p.ESP),
        "sctp": other(p.SCTP),
        "unknown-protocol": other(253),
        "fragments": pieces,
        "fragments-backwards": lambda mark: pieces(mark)[::-1],
        "fragments-overlapping": overlapping,
        "fragment-first": lambda mark: pieces(mark)[:1],
        "fragment-middle": lambda mark: pieces(mark)[1:2],
        "fragment-last": lambda mark: pieces(mark)[-1:],
    }
    return [Probe("%s%s v%d %s > %s" % (prefix, kind, family, src, dst), link, make) for kind, make in table.items()]


class Case(unittest.TestCase):
    """A test with a lab. Promise classes get `installer` and `family` from @promise."""

    installer = None
    family = None
    description = None      # a class that sets it has one lab with it installed for all its tests
    lab = None

    @classmethod
    def setUpClass(cls):
        if cls.description is not None:
            cls.lab = installed_lab(cls.installer, cls.description)

    def new_lab(self, **more):
        lab = Lab(**more)
        self.addCleanup(lab.close)
        return lab

    def guest(self, link, number=10):
        return LINK[link].guest(self.family, number)

    def gateway(self, link):
        return LINK[link].gateway(self.family)

    @property
    def remote(self):
        return REMOTE[self.family]

    def listen(self, lab):
        """Port 2222 of the host is open, so that a SYN to it would be answered."""
        if getattr(lab, "listening", None) is None:
            lab.listening = set()
        if self.family not in lab.listening:
            sock = lab.host_socket(socket.SOCK_STREAM, self.family)
            if self.family == 6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(("::" if self.family == 6 else "0.0.0.0", 2222))
            sock.listen(4096)
            lab.listening.add(self.family)

    # ---- judgement

    def assert_silent(self, probes, lab=None):
        """No trace of any probe on another wire; without rules, the same probes are seen."""
        fresh = [probe for probe in probes if probe.control and probe.name not in _proved]
        traces, _ = send_probes(open_lab(), fresh)
        unseen = [probe.name for probe in fresh if not traces[probe.name]]
        self.assertEqual(unseen, [], "these probes are not even seen on a host without rules")
        _proved.update(probe.name for probe in fresh)
        traces, captured = send_probes(lab or self.lab, probes)
        leaks = ["%s -> %r" % (name, seen) for name, found in traces.items() for seen in found]
        self.assertEqual(leaks, [], "%d leaks" % len(leaks))
        return captured

    def assert_no_private(self, captured):
        """No frame on an uplink with a source in a private subnet (P2)."""
        bad = [seen for seen in captured if seen.link in UPLINKS and seen.packet.src is not None
               and not seen.packet.src.startswith("fe80")
               and any(ipaddress.ip_address(seen.packet.src) in net for net in PRIVATE)]
        self.assertEqual(bad, [], "private sources on an uplink")

    def only(self, captured, link, mark):
        """The one captured frame with this mark; it has to be on this link."""
        found = [seen for seen in captured if mark[8:] in seen.frame]
        self.assertEqual([seen.link for seen in found], [link], "expected once, on %s: %r" % (link, found))
        return found[0].packet

    def translated(self, lab, link, packet, mark, uplink="eth0"):
        """Sends a guest's packet; returns it as it arrived on the uplink."""
        captured = lab.round([(link, packet)])
        self.assert_no_private(captured)
        return self.only(captured, uplink, mark)


def stable(rules):
    """A printed ruleset without what two equal installations may differ in: handles and stored generations."""
    return re.sub(r"(# handle|gen(eration)?[= ]) *\d+", "", rules)
