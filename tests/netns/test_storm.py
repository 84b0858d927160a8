# SPDX-License-Identifier: GPL-2.0-or-later
"""P1 to P4 under a storm of random packets from guests and from outside.

HOSTGATE_STORM_SEED and HOSTGATE_STORM_PACKETS say which packets, and how many for each way to
install; HOSTGATE_STORM_ONLY=N,N sends only these, one after another.
"""

import collections
import contextlib
import functools
import ipaddress
import os
import socket
import struct
import time

import cases
import packets as p
import storm
from cases import PUBLIC, UPLINKS
from lab import LINK, LINKS, Lab, inside

SEED = int(os.environ.get("HOSTGATE_STORM_SEED", "1"))
PACKETS = int(os.environ.get("HOSTGATE_STORM_PACKETS", "20000"))
ONLY = [int(number) for number in os.environ.get("HOSTGATE_STORM_ONLY", "").replace(",", " ").split()]
BATCH = 256         # packets between two looks at everything that came out
SHOWN = 12
HEADERS = (p.HOPOPTS, storm.ROUTING, p.FRAGMENT, storm.AH, p.DSTOPTS)     # that come in front of the transport

# What the promises forbid; each is a kind of finding.
ISOLATED = "P1: a packet of an isolated network, or an answer to it, on another wire"
WRONG_WAY = "P1: a packet of a network, or an answer to it, on a wire that the network may not use"
ELSEWHERE = "P1: a packet to an inside address on another wire than its network's"
PRIVATE = "P2: a private source on an uplink"
UNTRANSLATED = "P2: a packet of a nat network that left with another source than its uplink's address"
ENTERED = "P3: a packet from outside, or an answer to it, in a network, that replies to nothing"
BELIEVED = "P3: an inside source from another interface that was answered or forwarded"
FORGED = "P4: a forged source that was answered or forwarded to another wire"
HEARD = "P3, P4: a forged source that reached a socket of the host"
RULES = (ISOLATED, WRONG_WAY, ELSEWHERE, PRIVATE, UNTRANSLATED, ENTERED, BELIEVED, FORGED, HEARD)
ROUTER = "P4: a router advertisement of a guest that the host believed"


class Policy:
    """What the tests' description promises about addresses and wires."""

    def __init__(self, described):
        self.network, self.subnets, self.mode = {}, {}, {}
        for name, keys in described["networks"].items():
            subnets = keys["subnet"] if isinstance(keys["subnet"], list) else [keys["subnet"]]
            self.subnets[name] = [ipaddress.ip_network(subnet) for subnet in subnets]
            self.mode[name] = keys.get("mode", "isolated")
            pattern = keys.get("interface", name)
            for link in LINKS:
                if link.name == pattern or pattern.endswith("*") and link.name.startswith(pattern[:-1]):
                    self.network[link.name] = name
        self.own = set(storm.HOST.values())
        self.inside = functools.lru_cache(None)(self._inside)

    def _inside(self, address):
        """The network whose address this is, or None."""
        value = ipaddress.ip_address(address)
        for name, subnets in self.subnets.items():
            if any(value in subnet for subnet in subnets):
                return name
        return None

    def forged(self, link, src):
        """Whether nobody behind this link may use the source, as far as it concerns the networks."""
        network = self.network.get(link)
        if network is None:
            return self.inside(src) is not None
        if self.inside(src) == network:
            return src in self.own
        if p.family(src) == 6 and p.packed(src)[:2] == b"\xfe\x80":
            return False
        return not self.by_route(link, src)

    @staticmethod
    def by_route(link, src):
        """Whether the host would answer the source through that same link."""
        family = p.family(src)
        net = ipaddress.ip_network("%s/%d" % (LINK[link].host[family], LINK[link].prefix[family]), strict=False)
        return ipaddress.ip_address(src) in net and src != storm.HOST[link, family]

    def may_be_heard(self, shot):
        """What a forged source may say to the host: what a machine needs on its link."""
        return (shot.flow.link in self.network and shot.flow.src.startswith("169.254.")
                and p.is_multicast(shot.flow.dst))


def transport(data):
    """(family, source, destination, proto, what is behind the headers) of an IP packet, or None."""
    if len(data) >= 20 and data[0] >> 4 == 4:
        body = b"" if struct.unpack_from(">H", data, 6)[0] & 0x1FFF else data[(data[0] & 15) * 4:]
        return 4, data[12:16], data[16:20], data[9], body
    if len(data) < 40 or data[0] >> 4 != 6:
        return None
    proto, body = data[6], data[40:]
    while proto in HEADERS and len(body) >= 8:
        if proto == p.FRAGMENT and struct.unpack_from(">H", body, 2)[0] & 0xFFF8:
            return 6, data[8:24], data[24:40], body[0], b""
        size = 8 if proto == p.FRAGMENT else 8 + 4 * body[1] if proto == storm.AH else 8 + 8 * body[1]
        proto, body = body[0], body[size:]
    return 6, data[8:24], data[24:40], proto, body


def ends(data):
    """(proto, source, port, destination, port): what a connection goes by, and the inner packet of an ICMP error."""
    found = transport(data)
    if found is None:
        return None, b""
    family, src, dst, proto, body = found
    here = there = inner = b""
    if proto in (p.TCP, p.UDP):
        here, there = body[:2], body[2:4]
    elif proto == (p.ICMP if family == 4 else p.ICMP6) and body:
        if body[0] in (3, 4, 5, 11, 12) if family == 4 else body[0] < 128:
            inner = body[8:]
        else:
            here = there = body[4:6]
    return (proto, src, here, dst, there), inner


def swapped(connection):
    proto, src, sport, dst, dport = connection
    return proto, dst, dport, src, sport


class Judge:
    """Sends shots into a lab and judges what comes out of it, frame by frame."""

    def __init__(self, lab, described, seed=SEED):
        self.lab, self.policy, self.storm = lab, Policy(described), storm.Storm(seed)
        self.shots, self.ports = {}, {}
        self.left = set()           # what left a network through an uplink, as it was seen there
        self.counts = collections.Counter()
        self.findings = collections.OrderedDict()   # one of a kind: (rule, where from, where seen, what)
        self.total, self.families = collections.Counter(), set()
        self.sockets = []
        self.listen()

    # ---- sockets of the host that answer

    def listen(self):
        self.lab.must(["conntrack", "-F"])      # a connection from before is nothing that one may reply to
        for family in (4, 6):
            for port in storm.OPEN_UDP:
                sock = self._socket(socket.SOCK_DGRAM, family, port)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                sock.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)     # SO_RCVBUFFORCE
                for group in storm.GROUPS[family][1:]:      # the first are joined anyway
                    for link in LINKS:
                        self._join(sock, group, link)
                sock.setblocking(False)
            self._socket(socket.SOCK_STREAM, family, storm.OPEN_TCP).listen(4096)

    def _socket(self, kind, family, port):
        sock = self.lab.host_socket(kind, family)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == 6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(("::" if family == 6 else "0.0.0.0", port))
        self.sockets.append((sock, kind))
        return sock

    def _join(self, sock, group, link):
        if p.family(group) == 4:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, p.packed(group) + p.packed(link.host[4]))
        else:
            with inside(self.lab.host):
                index = socket.if_nametoindex(link.name)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, p.packed(group) + struct.pack("@I", index))

    def close(self):
        """Leaves the host as it was: no half-open connection, no route that somebody redirected or made narrow."""
        for sock, _ in self.sockets:
            sock.close()
        self.lab.settle()
        self.lab.must(["conntrack", "-F"])
        for family in ("-4", "-6"):
            self.lab.run(["ip", family, "route", "flush", "cache"])     # fails for what expires meanwhile

    def answer(self):
        """The host's UDP services send back what they were sent."""
        for sock, kind in self.sockets:
            while kind == socket.SOCK_DGRAM:
                try:
                    data, peer = sock.recvfrom(65535)
                except BlockingIOError:
                    break
                self.counts["heard"] += 1
                shot = self.shots.get(self.storm.named(data))
                if shot and self.policy.forged(shot.flow.link, shot.flow.src) and not self.policy.may_be_heard(shot):
                    self.find(HEARD, shot, "socket of the host, from %s" % peer[0])
                with contextlib.suppress(OSError):      # an address that cannot be answered
                    sock.sendto(data, peer)

    # ---- sending

    def run(self, count):
        for start in range(0, count, BATCH):
            self.batch(range(start, min(start + BATCH, count)))

    def late(self, seconds):
        """Judges what still comes for a while: of datagrams that stay incomplete the host tells their senders."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.lab.poll.poll(left * 1000)
            for seen in self.lab.drain():
                self.judge(seen)

    def batch(self, indexes):
        for index in indexes:
            shot = self.storm.shot(index)
            self.shots[index] = shot
            if shot.flow.proto == p.TCP:        # of the same on another link nobody can tell whose answer it is
                other = self.ports.setdefault(shot.flow[2:], shot)
                if other and other.flow.link != shot.flow.link:
                    self.ports[shot.flow[2:]] = None
            for packet in shot.packets:
                self.lab.send(shot.flow.link, packet, shot.mac)
            self.counts["sent"] += len(shot.packets)
            if index % 32 == 31:
                self.answer()
        self.answer()
        for seen in self.lab.settle():
            self.judge(seen)

    # ---- judging

    def find(self, rule, shot, seen):
        where = seen if isinstance(seen, str) else seen.link
        words = "" if shot is None else " ".join(word for word in shot.kind.split() if not word.isdigit())
        key = rule, shot and shot.flow.link, where.split(",")[0], words.split(" option")[0] if shot else ""
        self.total[rule] += 1
        self.families.add((rule, shot.flow.family if shot else seen.packet.family))
        self.findings.setdefault(key, (rule, shot, seen))

    def named(self, seen):
        """The shot whose mark is in a frame, or that a TCP segment without data answers."""
        index = self.storm.named(seen.frame)
        if index is not None:
            return self.shots.get(index)
        packet = seen.packet
        if packet.fragment or (packet.src, packet.dst, packet.proto, packet.sport, packet.dport) in self.ports:
            return None     # it may be forwarded, and not an answer
        return self.ports.get((packet.dst, packet.src, packet.proto, packet.dport, packet.sport))

    def judge(self, seen):
        packet = seen.packet
        if packet.family is None:
            return
        network, policy = self.policy.network.get(seen.link), self.policy
        to = policy.inside(packet.dst)
        if to and to != network:
            self.find(ELSEWHERE, self.named(seen), seen)
        owner = policy.inside(packet.src)
        if owner and seen.link in UPLINKS and policy.mode[owner] != "routed":
            self.find(PRIVATE, self.named(seen), seen)
        shot = self.named(seen)
        if shot is None:
            self.counts["without a mark"] += 1
            if seen.link in UPLINKS and (packet.src == PUBLIC[seen.link][packet.family] or owner):
                self.left.add(ends(seen.frame[14:])[0])     # perhaps; what replies to it is no finding
            return
        link, src = shot.flow.link, shot.flow.src
        origin = policy.network.get(link)
        if origin is None:
            if network is not None and not to and packet.dst == src and policy.by_route(seen.link, src):
                self.counts["undescribed"] += 1     # the host answers a subnet of the link that no network has
            elif network is not None and not self.replies(shot):
                self.find(ENTERED, shot, seen)
            elif network is not None:
                self.counts["entered"] += 1
            if policy.forged(link, src):
                self.find(BELIEVED, shot, seen)
            else:
                self.counts["outside"] += 1
        elif network == origin:
            self.counts["stayed"] += 1
        else:
            self.leaving(shot, seen, policy.mode[origin])

    def leaving(self, shot, seen, mode):
        """Of a network's packet, on a wire that is not the network's."""
        packet = seen.packet
        if self.policy.forged(shot.flow.link, shot.flow.src) or self.policy.inside(shot.flow.src) is None:
            self.find(FORGED, shot, seen)
        if mode == "isolated":
            self.find(ISOLATED, shot, seen)
        elif seen.link not in UPLINKS:
            self.find(WRONG_WAY, shot, seen)
        elif mode == "nat" and packet.src != PUBLIC[seen.link][packet.family]:
            self.find(UNTRANSLATED, shot, seen)
        elif mode == "routed" and packet.src != shot.flow.src:
            self.find(WRONG_WAY, shot, seen)
        else:
            self.left.add(ends(seen.frame[14:])[0])
            self.counts["left"] += 1

    def replies(self, shot):
        """Whether a packet from outside replies to what left a network through an uplink, or tells of an error.

        Or is a copy of it: then the host itself tells the network of the error.
        """
        if shot.flow.link not in UPLINKS or self.policy.inside(shot.flow.src):
            return False
        for raw in [shot.whole] if shot.whole else shot.packets:
            outer, inner = ends(raw)
            if outer and self.left & {outer, swapped(outer)} or inner and ends(inner)[0] in self.left:
                return True
        return False

    def report(self):
        lines = ["seed %d, %d packets: %s" % (self.storm.seed, self.counts["sent"], dict(self.counts))]
        lines += ["%6d x %s" % (count, rule) for rule, count in self.total.items()]
        shown = collections.Counter()
        for rule, shot, seen in self.findings.values():
            shown[rule] += 1
            if shown[rule] <= SHOWN:
                lines += [rule, "    seen %s" % (seen if isinstance(seen, str) else repr(seen)), "    %r" % shot]
        return "\n".join(lines)


class Stormy:
    """A storm over a description that is installed, and what it must have met there."""

    def storm(self, lab, described, count):
        judge = Judge(lab, described)
        self.addCleanup(judge.close)
        if ONLY:
            for index in ONLY:
                judge.batch([index])
        else:
            judge.run(count)
        return judge

    def assert_held(self, judge):
        self.assertEqual(sum(judge.total.values()), 0, judge.report())
        if not ONLY:
            for what in ("left", "entered", "stayed", "outside", "heard"):
                self.assertGreater(judge.counts[what], 0, "nothing %s: %s" % (what, judge.report()))


@cases.promise_both
class Storm(Stormy):
    description = cases.STANDARD

    def test_storm(self):
        """P1 to P4: no packet of a storm leaks, whoever sends it and whatever it is; what may pass, passes."""
        count = PACKETS // 2 if self.installer.script else PACKETS
        self.assert_held(self.storm(self.lab, cases.STANDARD, count))


# A host that is not as it is described: a subnet of vmnet2 that no interface has, so that its guests' way back is the
# default route, and answers from the uplink's address that always go out there.
ODD = cases.standard(vmnet2={"subnet": ["192.168.57.0/24", "fd00:57::/64", "192.168.157.0/24", "fd00:157::/64"]})


def make_odd(lab):
    """Called after the description is installed: what somebody else sets later holds, too."""
    for family in (4, 6):
        for words in (["rule", "add", "from", PUBLIC["eth0"][family], "lookup", "7"],
                      ["route", "add", "default", "via", lab.router("eth0", family), "dev", "eth0", "table", "7"]):
            lab.must(["ip", "-%d" % family] + words)
    for link in storm.GUESTS:       # the second lock against guests that play the router
        lab.sysctl("ipv6/conf/%s/accept_ra" % link, 2)
        lab.sysctl("ipv4/conf/%s/accept_redirects" % link, 1)
    for name in ("ipv4/ipfrag_time", "ipv6/ip6frag_time", "netfilter/nf_conntrack_frag6_timeout"):
        with contextlib.suppress(FileNotFoundError):
            lab.sysctl(name, 1)


def believed(lab):
    """Whether the host took an address or a route from a guest's router advertisement."""
    return storm.ADVERTISED in lab.must(["ip", "-6", "addr"]) + lab.must(["ip", "-6", "route"]) or \
        " proto ra " in lab.must(["ip", "-6", "route"])


@cases.promise_applied
class OddHost(Stormy):

    def test_storm(self):
        """P1 to P4: nor where routes, routing rules and sysctls of the host are others than the description thinks."""
        lab = self.new_lab()
        self.installer.install(lab, ODD)
        make_odd(lab)
        judge = self.storm(lab, ODD, PACKETS)
        judge.late(2.2)
        self.assert_held(judge)
        self.assertFalse(believed(lab), ROUTER)


class Control(cases.Case):
    """On a host that forwards without rules, the storm finds everything that is judged."""

    COUNT = 20000

    def test_storm_finds_leaks(self):
        """Control: leaks of every kind and of both families, but for those that need an odd host."""
        self.assert_found(Lab(forward=True), cases.STANDARD, [rule for rule in RULES if rule != ELSEWHERE])

    def test_odd_host(self):
        """Control: on an odd host of every kind, and it believes a guest's router advertisement."""
        lab = Lab(forward=True)
        make_odd(lab)
        self.assert_found(lab, ODD, RULES)
        self.assertTrue(believed(lab))

    def assert_found(self, lab, described, rules):
        self.addCleanup(lab.close)
        judge = Judge(lab, described, 1)
        judge.run(self.COUNT)
        missing = [(rule, family) for rule in rules for family in (4, 6) if (rule, family) not in judge.families]
        self.assertEqual(missing, [], judge.report())
