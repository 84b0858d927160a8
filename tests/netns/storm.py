# SPDX-License-Identifier: GPL-2.0-or-later
"""Random packets of every kind, each one decided by the seed and its own number alone."""

import binascii
import collections
import functools
import random
import struct

import packets as p
from cases import PUBLIC
from lab import LINK, LINKS, NARROW, NOWHERE, REMOTE, REMOTE1

DCCP, UDPLITE, AH, IPIP, SIXINFOUR, ROUTING, NO_NEXT = 33, 136, 51, 4, 41, 43, 59
OPEN_UDP, OPEN_TCP, CLOSED = (7, 5353), 2422, 9
GROUPS = {4: ("224.0.0.1", "224.0.0.251", "239.255.255.250"), 6: ("ff02::1", "ff02::2", "ff02::fb")}
STRANGE = {     # sources and destinations that are nobody's address
    4: GROUPS[4] + ("0.0.0.0", "0.1.2.3", "127.0.0.1", "127.1.2.3", "169.254.7.7", "169.254.169.254", "224.0.0.2",
                    "224.0.0.22", "232.1.2.3", "240.0.0.1", "255.255.255.255", "192.168.56.0", "192.168.56.255",
                    "192.168.57.0", "192.168.57.255", "192.168.60.127", "192.168.60.255", "198.18.0.255",
                    "203.0.113.255", "198.51.100.255", "10.99.0.255", "100.64.0.9", "10.0.0.1"),
    6: GROUPS[6] + ("::", "::1", "::ffff:192.0.2.50", "::ffff:192.168.57.10", "::192.0.2.50", "fe80::10", "fe80::1",
                    "ff01::1", "ff02::16", "ff02::1:2", "ff02::1:ff00:1", "ff05::1", "ff05::2", "ff0e::fb",
                    "2002:c000:232::1", "64:ff9b::c000:232", "fc00::1", "fd00:1234::1", "2001:db8:77::9",
                    "2001:db8:3::"),
}
EXTRA = {4: "192.168.157.10", 6: "fd00:157::10"}   # of vmnet2 by a description, on no interface of the host
NUMBERS = (10, 10, 10, 20, 20, 66)
NOBODY = 99         # on the other links than uplinks, where what is allowed has to be seen leaving
UNREAD = (p.GRE, p.ESP, AH, p.SCTP, DCCP, UDPLITE, IPIP, SIXINFOUR, 253, 2, 89, 103, 112, 115, 135, 139, 145, 255)

Flow = collections.namedtuple("Flow", "family link src dst proto sport dport")


class Shot:
    """What belongs to one number: the packets, what they claim to be, and what fragments were cut from.

    about: the number of the earlier shot that it replies to, repeats or tells an error of.
    """

    def __init__(self, index, flow, kind, packets, about=None, whole=None, mac=None):
        self.index, self.flow, self.kind, self.packets = index, flow, kind, packets
        self.about, self.whole, self.mac = about, whole, mac

    def __repr__(self):
        about = "" if self.about is None else " (about %d)" % self.about
        return "packet %d%s from %s: %s, %s > %s proto %d %d>%d, hex %s" % (
            self.index, about, self.flow.link, self.kind, self.flow.src, self.flow.dst, self.flow.proto,
            self.flow.sport, self.flow.dport, " ".join(packet.hex() for packet in self.packets))


class Storm:
    """Shots by their number. In every packet that has room for it is a mark of 8 bytes that names the shot."""

    def __init__(self, seed):
        self.seed = seed
        self.tag = random.Random(seed).randbytes(3)

    def mark(self, index):
        start = self.tag + index.to_bytes(3, "big")
        return start + struct.pack(">H", binascii.crc_hqx(start, 0))

    def named(self, data):
        """The number of the shot whose mark is in data, or None. Of one that was cut the check is wrong."""
        at = data.find(self.tag)
        while 0 <= at <= len(data) - 8:
            if struct.unpack_from(">H", data, at + 6)[0] == binascii.crc_hqx(data[at:at + 6], 0):
                return int.from_bytes(data[at + 3:at + 6], "big")
            at = data.find(self.tag, at + 1)
        return None

    def shot(self, index):
        r, fresh = self._start(index)
        about = None
        if not fresh:
            about = index - r.randint(1, min(index, 250))
            if not self._start(about)[1]:
                about = None
        return _Maker(r, index, self.mark(index)).make(about, self._flow(about) if about is not None else None)

    def _start(self, index):
        r = random.Random(self.seed << 32 | index)
        return r, r.random() < 0.7 or index == 0

    def _flow(self, index):
        """The flow of a shot that is about no other."""
        return _Maker(self._start(index)[0], index, self.mark(index)).fresh()


def link_local(link):
    raw = bytearray(p.mac(LINK[link].host_mac))
    raw[0] ^= 2
    return p.text(b"\xfe\x80" + b"\0" * 6 + bytes(raw[:3]) + b"\xff\xfe" + bytes(raw[3:]))


ADVERTISED = "2001:db8:bad::"       # the prefix of the guests' router advertisements
GUESTS = ("vmnet1", "vmnet2", "vmnet3", "vmnet4", "tap0", "tap1")
ALL = [link.name for link in LINKS]
HOST = {(name, family): p.text(p.packed(LINK[name].host[family])) for name in ALL for family in (4, 6)}
OWN = {(name, family): [LINK[name].guest(family, number) for number in NUMBERS + (NOBODY,) * (name not in PUBLIC)]
       for name in ALL for family in (4, 6)}
OUTSIDE = {family: (REMOTE[family],) * 4 + (REMOTE1[family],) * 2 + (NARROW[family], NOWHERE[family],
           LINK["eth0"].guest(family, 77), LINK["eth1"].guest(family, 77), LINK["eth0"].guest(family, 20))
           for family in (4, 6)}
NAT = {(name, family) for name in ("vmnet1", "vmnet4", "tap0", "tap1") for family in (4, 6)} - {("vmnet4", 6)}


def seen_outside(flow):
    """The flow as an uplink shows it, if it is one of a guest that is translated or routed there."""
    nat = (flow.link, flow.family) in NAT
    if not nat and flow.link != "vmnet3" or flow.src not in OWN[flow.link, flow.family]:
        return flow
    uplink = "eth1" if flow.dst in (REMOTE1[flow.family], LINK["eth1"].guest(flow.family, 77)) else "eth0"
    return flow._replace(src=PUBLIC[uplink][flow.family] if nat else flow.src, link=uplink)


class _Maker:
    """Makes one shot; every choice comes out of r, in a fixed order."""

    def __init__(self, r, index, mark):
        self.r, self.index, self.mark = r, index, mark
        self.port = 10000 + index % 50000       # names the shot in an answer that quotes nothing
        self.words, self.kind, self.whole = [], None, None

    # ---- who with whom

    def fresh(self):
        r = self.r
        family, link = r.choice((4, 6)), r.choice(ALL + ["vmnet2", "vmnet2", "eth0"])
        roll = r.random()
        if roll < 0.05:
            return self.on_link(link, family)
        if roll < 0.11:
            return self.allowed()
        src, dst = self.source(link, family), self.destination(link, family)
        roll = r.random()
        if roll < 0.33:
            proto, dport = p.UDP, r.choice((OPEN_UDP[0], OPEN_UDP[0], OPEN_UDP[1], CLOSED, 53, 67, 547, 0, 65535))
        elif roll < 0.55:
            proto, dport = p.TCP, r.choice((OPEN_TCP, CLOSED, 80))
        elif roll < 0.82:
            proto, dport = p.ICMP if family == 4 else p.ICMP6, 0
        else:
            proto, dport = r.choice(UNREAD) if r.random() < 0.9 else r.randrange(256), r.choice((CLOSED, 80))
        return Flow(family, link, src, dst, proto, self.port, dport)

    def allowed(self):
        """What a guest may open, so that there is something to reply to."""
        r = self.r
        link, family = r.choice(sorted(NAT) + [("vmnet3", 4), ("vmnet3", 6)])
        proto = r.choice((p.UDP, p.TCP, p.ICMP if family == 4 else p.ICMP6))
        dst = r.choice((REMOTE[family], REMOTE[family], REMOTE1[family]))
        dport = 53 if proto in (p.UDP, p.TCP) else 0
        return Flow(family, link, r.choice(OWN[link, family]), dst, proto, self.port, dport)

    def on_link(self, link, family):
        """What machines say on their link, also without an address: DHCP, mDNS, IGMP, neighbour discovery."""
        r = self.r
        if family == 4:
            src = r.choice(("0.0.0.0", "169.254.7.7", "169.254.7.7", r.choice(OWN[link, 4])))
            dst = r.choice(GROUPS[4] + ("255.255.255.255", "224.0.0.22"))
            return Flow(4, link, src, dst, r.choice((p.UDP, p.UDP, p.ICMP, 2)), self.port, r.choice(OPEN_UDP + (67,)))
        self.kind = r.choice((128, 130, 131, 133, 134, 134, 135, 136, 137, 143))
        src = r.choice(("fe80::10", "fe80::1", "::", r.choice(OWN[link, 6])))
        dst = r.choice(GROUPS[6] + ("ff02::1:ff00:1", HOST[link, 6], link_local(link)))
        return Flow(6, link, src, dst, p.ICMP6, self.port, 0)

    def source(self, link, family):
        r, roll = self.r, self.r.random()
        own = OUTSIDE if link in ("eth0", "eth1") and r.random() < 0.5 else None
        if roll < 0.40:
            return r.choice(own[family] if own else OWN[link, family])
        if roll < 0.58:
            return r.choice(OWN[r.choice(ALL), family])
        if roll < 0.70:
            return HOST[r.choice(ALL), family] if r.random() < 0.9 or family == 4 else link_local(r.choice(ALL))
        if roll < 0.82:
            return r.choice(OUTSIDE[family])
        if roll < 0.92:
            return r.choice(STRANGE[family])
        return EXTRA[family]

    def destination(self, link, family):
        r, roll = self.r, self.r.random()
        if roll < 0.40:
            name = link if r.random() < 0.5 else r.choice(ALL)
            return HOST[name, family] if r.random() < 0.95 or family == 4 else link_local(name)
        if roll < 0.60:
            return r.choice(OWN[r.choice(ALL), family])
        if roll < 0.80:
            return r.choice(OUTSIDE[family])
        return r.choice(STRANGE[family]) if roll < 0.98 else EXTRA[family]

    def later(self, flow):
        """A flow about an earlier one, and what an error about it would quote (or None)."""
        r = self.r
        base = seen_outside(flow) if r.random() < 0.7 else flow
        back = base._replace(src=base.dst, dst=base.src, sport=base.dport, dport=base.sport)
        link = r.choice((base.link, base.link, "eth0", r.choice(ALL)))
        roll = r.random()
        if roll < 0.35:
            self.words.append("reply to")
            return back._replace(link=link), None
        if roll < 0.45:
            self.words.append("again")
            return base._replace(link=link), None
        if roll < 0.55:
            self.words.append("reply elsewhere to")
            return back._replace(link=link, dst=self.destination(link, back.family)), None
        self.words.append("error about")
        src = back.src if r.random() < 0.3 else self.source(link, back.family)
        quoted = base if r.random() < 0.8 else back
        dst = quoted.src
        proto = p.ICMP if base.family == 4 else p.ICMP6
        return Flow(base.family, link, src, dst, proto, self.port, 0), quoted

    # ---- the layers

    def make(self, about, earlier):
        flow, quoted = self.later(earlier) if earlier else (self.fresh(), None)
        body = self.transport(flow, quoted)
        packets = self.ipv4(flow, body) if flow.family == 4 else self.ipv6(flow, body)
        mac = None
        if self.r.random() < 0.5:
            mac = p.multicast_mac(flow.dst) if p.is_multicast(flow.dst) else (
                "ff:ff:ff:ff:ff:ff" if flow.family == 4 and flow.dst.endswith("255") else None)
        return Shot(self.index, flow, " ".join(self.words), packets, about, self.whole, mac)

    def payload(self):
        roll = self.r.random()
        return self.mark * (0 if roll < 0.04 else self.r.randint(1, 4) if roll < 0.8 else self.r.randint(5, 120))

    def spoil(self, body, at):
        """Now and then a wrong checksum."""
        if self.r.random() < 0.05 and len(body) >= at + 2:
            self.words.append("wrong checksum")
            return body[:at] + bytes([body[at] ^ 0x55]) + body[at + 1:]
        return body

    def transport(self, flow, quoted):
        r, src, dst = self.r, flow.src, flow.dst
        if flow.proto == p.UDP:
            self.words.append("udp")
            body = self.spoil(p.udp(src, dst, flow.sport, flow.dport, self.payload()), 6)
            roll = r.random()
            if roll < 0.03:
                self.words.append("wrong length")
                body = body[:4] + struct.pack(">H", r.choice((0, 7, 8, len(body) + 8, 65535))) + body[6:]
            return body if roll < 0.97 else body[:6] + b"\0\0" + body[8:]
        if flow.proto == p.TCP:
            return self.tcp(flow)
        if flow.proto in (p.ICMP, p.ICMP6):
            return self.error(flow, quoted) if quoted else self.icmp(flow)
        return self.unread(flow)

    def tcp(self, flow):
        r = self.r
        flags = r.choice((p.SYN, p.SYN, p.ACK, p.ACK | p.PSH, p.RST, p.FIN | p.ACK, p.SYN | p.ACK, 0, 63, 255,
                          r.randrange(256)))
        self.words.append("tcp flags %#x" % flags)
        seq, ack = struct.unpack(">II", self.mark)
        options = r.choice((b"", b"", b"\2\4\5\xb4", b"\1\1\1\1", b"\2\4\5\xb4\4\2\1\3\3\7\0\0",
                            b"\x1e\x14" + bytes(18), b"\x22\2\1\1", b"\2\0\0\0", b"\2\xff\5\xb4",
                            r.randbytes(4 * r.randint(1, 10))))
        data = b"" if r.random() < 0.4 else self.payload()
        words = 5 + len(options) // 4
        if r.random() < 0.04:
            words = r.randrange(16)
            self.words.append("data offset %d" % words)
        if self.words[0] == "reply to" and r.random() < 0.6:     # as the one whom it replies to expects it
            flags, seq, ack, words = r.choice((p.SYN | p.ACK, p.RST | p.ACK)), ack, seq + 1, 5 + len(options) // 4
            data = self.mark * 2
        urgent = r.choice((0, 0, 0, 1, 65535))
        head = struct.pack(">HHIIBBHHH", flow.sport, flow.dport, seq, ack, words << 4, flags, r.choice((0, 64240)), 0,
                           urgent) + options
        total = p.checksum(p.pseudo(flow.src, flow.dst, p.TCP, len(head) + len(data)) + head + data)
        return self.spoil(head[:16] + struct.pack(">H", total) + head[18:] + data, 16)

    def icmp(self, flow):
        r, six = self.r, flow.family == 6
        roll = r.random()
        if roll < 0.15 and self.kind is None:
            return self.error(flow, None)
        if six:
            kind = r.choice((128, 128, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 139, 140, 143, 151, 160))
        else:
            kind = r.choice((8, 8, 8, 0, 13, 13, 14, 15, 17, 18, 9, 10, 5, 30, 40, 42))
        kind = self.kind or (kind if roll < 0.85 else r.randrange(256))
        if six and kind == 134 and flow.link not in GUESTS:
            kind = 133          # a router of the outside may advertise itself
        code = 0 if r.random() < 0.8 else r.randrange(256)
        self.words.append("icmp %d/%d" % (kind, code))
        if "reply to" in self.words and r.random() < 0.7:
            kind, code = 129 if six else 0, 0
        ident = flow.dport if "reply to" in self.words else flow.sport
        rest, data = struct.pack(">HH", ident, self.index & 0xFFFF), self.payload()
        if not six and kind == 13:
            rest, data = self.mark[:4], self.mark[4:] + bytes(8) + self.mark
        elif six and kind in (130, 131, 132):
            data = p.packed(r.choice(GROUPS[6] + ("::",))) + self.mark
        elif six and kind == 134:
            data = struct.pack(">II", 0, 0) + b"\3\4\x40\xc0" + struct.pack(">III", 900, 900, 0) + p.packed(
                ADVERTISED) + b"\1\1" + p.mac(LINK[flow.link].wire_mac)
            rest = b"\x40\0" + struct.pack(">H", 900)
        elif six and kind in (135, 136, 137):
            target = flow.dst if r.random() < 0.3 else self.destination(flow.link, 6)
            data = p.packed(target) + (p.packed(self.destination(flow.link, 6)) if kind == 137 else b"") + bytes(
                [r.choice((1, 2)), 1]) + p.mac(LINK[flow.link].wire_mac)
            rest = r.choice((b"\0\0\0\0", b"\x60\0\0\0"))
        elif not six and kind == 9:
            rest, data = b"\1\2" + struct.pack(">H", 900), p.packed(flow.src) + b"\0\0\0\1" + self.mark
        return self.spoil(p.icmp(flow.src, flow.dst, kind, code, rest, data), 2)

    def error(self, flow, quoted):
        """An ICMP error about a flow, or about one between the destination and anybody."""
        r, six = self.r, flow.family == 6
        if quoted is None:
            peer = self.destination(flow.link, flow.family)
            quoted = Flow(flow.family, flow.link, flow.dst, peer, r.choice((p.UDP, p.TCP, 253)), CLOSED, self.port)
        kinds = ((1, 0), (1, 1), (1, 4), (2, 0), (3, 0), (3, 1), (4, 0), (4, 1), (4, 2), (137, 0)) if six else (
            (3, 0), (3, 1), (3, 3), (3, 4), (3, 13), (4, 0), (5, 0), (5, 1), (11, 0), (11, 1), (12, 0))
        kind, code = r.choice(kinds) if r.random() < 0.9 else (r.choice((1, 2, 3, 4, 5, 11, 12)), r.randrange(256))
        self.words.append("icmp %d/%d" % (kind, code))
        if quoted.proto == p.TCP:
            body = p.tcp(quoted.src, quoted.dst, quoted.sport, quoted.dport, r.choice((p.SYN, p.ACK)),
                         *struct.unpack(">II", self.mark))
        elif quoted.proto in (p.ICMP, p.ICMP6):
            body = p.echo(quoted.src, quoted.dst, quoted.sport, self.mark)
        else:
            body = p.udp(quoted.src, quoted.dst, quoted.sport, quoted.dport, self.mark * 2)
        inner = p.ip(quoted.src, quoted.dst, quoted.proto, body + self.mark, ident=self.port) if not six else p.ip(
            quoted.src, quoted.dst, quoted.proto, body + self.mark)
        if r.random() < 0.06:
            inner = inner[:r.randrange(len(inner))] + self.mark
            self.words.append("cut short")
        rest = struct.pack(">I", r.choice((0, 68, 576, 1280, 1400)))
        if kind == 5:
            rest = p.packed(self.destination(flow.link, 4))
        if kind == 12 or (six and kind == 4):
            rest = struct.pack(">I", r.choice((0, 6, 40)))
        if kind == 137:
            rest, inner = b"\0\0\0\0", p.packed(quoted.dst) + p.packed(quoted.dst) + b"\4\7\0\0\0\0\0\0" + inner[:48]
        return self.spoil(p.icmp(flow.src, flow.dst, kind, code, rest, inner), 2)

    def unread(self, flow):
        r = self.r
        self.words.append("proto %d" % flow.proto)
        ports = struct.pack(">HH", flow.sport, flow.dport)
        other = Flow(flow.family, flow.link, self.destination(flow.link, 4), self.destination(flow.link, 4), p.UDP,
                     self.port, CLOSED)
        if flow.proto == p.GRE:
            return struct.pack(">HH", 0, 0x0800) + p.udp_packet(other.src, other.dst, self.port, CLOSED, self.mark)
        if flow.proto == IPIP:
            return p.udp_packet(other.src, other.dst, self.port, CLOSED, self.mark)
        if flow.proto == SIXINFOUR:
            src, dst = self.destination(flow.link, 6), self.destination(flow.link, 6)
            return p.udp_packet(src, dst, self.port, CLOSED, self.mark)
        if flow.proto == p.SCTP:        # INIT
            return ports + bytes(8) + b"\1\0\0\x14" + self.mark * 2
        if flow.proto == DCCP:          # Request
            return ports + b"\5\0\0\0\1" + bytes(11) + self.mark * 2
        if flow.proto == UDPLITE:
            return ports + struct.pack(">HH", r.choice((0, 8, 24)), r.randrange(65536)) + self.mark * 2
        if flow.proto == AH:
            return bytes([r.choice((p.UDP, p.TCP, p.ICMP)), 4, 0, 0]) + self.mark * 4
        return self.payload() if r.random() < 0.9 else b""

    def hops(self):
        ttl = self.r.choice((64, 64, 64, 64, 64, 255, 255, 128, 1, 1, 2, 0))
        if ttl < 64:
            self.words.append("hop limit %d" % ttl)
        return ttl

    def pieces(self, body):
        """(offset, data, more) of the fragments that a body is sent in; some are missing or wrong."""
        r = self.r
        size = 8 * r.choice((1, 2, 3, 8, 16, max(1, len(body) // 16)))
        cut = [(at, body[at:at + size], at + size < len(body)) for at in range(0, len(body), size)][:12]
        cut = cut or [(0, b"", True)]
        how = r.choice(("whole", "backwards", "shuffled", "first", "middle", "last", "overlapping", "twice", "too far",
                        "odd"))
        self.words.append("fragments of %d %s" % (size, how))
        if how == "backwards":
            cut = cut[::-1]
        elif how == "shuffled":
            r.shuffle(cut)
        elif how == "first":
            cut = [(0, cut[0][1], True)]
        elif how == "middle":
            cut = [(cut[0][0] + size, cut[0][1], True)]
        elif how == "last":
            cut = [(cut[-1][0] or 8, cut[-1][1], False)]
        elif how == "overlapping":
            cut = [(max(0, at - 8 * r.randint(0, 2)), data, more) for at, data, more in cut]
        elif how == "twice":
            cut += cut
        elif how == "too far":
            cut = cut[:-1] + [(65528, self.mark * 8, False)]
        elif how == "odd":
            cut = [(at, data + b"x" * r.choice((1, 3)), True) for at, data, more in cut]
        return cut

    # ---- IPv4

    def ipv4(self, flow, body):
        r, ttl = self.r, self.hops()
        options = self.options(flow) if r.random() < 0.18 else b""
        ident, df = r.randrange(65536), r.random() < 0.2
        make = functools.partial(p.ipv4, flow.src, flow.dst, flow.proto, ttl=ttl, ident=ident, options=options)
        if r.random() < 0.14:
            self.whole = make(body)
            return [make(data, flags=int(more), offset=at) for at, data, more in self.pieces(body)]
        packet = make(body[:1480 - len(options)], df=df)
        if r.random() < 0.06:
            what = r.choice(("header checksum", "total length", "header length", "version", "reserved flag"))
            packet = self.bend(packet, what)
        return [packet]

    def bend(self, packet, what):
        self.words.append("wrong " + what)
        r, raw = self.r, bytearray(packet)
        if what == "header checksum":
            raw[10] ^= 0x55
            return bytes(raw)
        if what == "total length":
            struct.pack_into(">H", raw, 2, r.choice((0, 19, 20, len(raw) - 1, len(raw) + 40, 65535)))
        elif what == "header length":
            raw[0] = 0x40 | r.randrange(16)
        elif what == "version":
            raw[0] = r.choice((0, 5, 15)) << 4 | 5
        else:
            raw[6] |= 0x80
        size = max(20, (raw[0] & 15) * 4)
        raw[10:12] = b"\0\0"
        raw[10:12] = struct.pack(">H", p.checksum(bytes(raw[:min(size, len(raw))])))
        return bytes(raw)

    def options(self, flow):
        r, options = self.r, b""
        hop = lambda: p.packed(self.destination(flow.link, 4))
        for _ in range(r.choice((1, 1, 1, 2, 3))):
            kind = r.choice(("rr", "ts", "lsrr", "ssrr", "ra", "sec", "cipso", "probe", "random", "pad"))
            self.words.append("option " + kind)
            pointer = r.choice((4, 4, 8, 0, 3, 5, 12, 40, 255))
            options += {
                "rr": lambda: bytes([7, 11, pointer]) + bytes(8),
                "ts": lambda: bytes([68, 12, r.choice((5, 5, 13, 4)), r.choice((0, 1, 3, 0xF0, 9))]) + hop() + bytes(4),
                "lsrr": lambda: bytes([131, 11, pointer]) + hop() + hop(),
                "ssrr": lambda: bytes([137, 7, pointer]) + hop(),
                "ra": lambda: bytes([148, 4, 0, r.choice((0, 0, 1))]),
                "sec": lambda: bytes([130, 11]) + bytes(9),
                "cipso": lambda: bytes([134, r.choice((6, 10, 0))]) + bytes(8),
                "probe": lambda: bytes([11, 4, 5, 220]),
                "random": lambda: bytes([r.randrange(256), r.choice((0, 1, 2, 3, 39, 255))])
                + r.randbytes(r.randrange(6)),
                "pad": lambda: r.choice((b"\0", b"\1", b"\1\1\1", b"\0\xff\xff")),
            }[kind]()
        return options[:40]

    # ---- IPv6

    def ipv6(self, flow, body):
        r = self.r
        neighbour = flow.proto == p.ICMP6 and len(body) and 130 <= body[0] <= 137
        ttl = 255 if neighbour and r.random() < 0.6 else self.hops()
        proto, count = flow.proto, r.choice((0, 0, 0, 0, 1, 1, 2, 3)) if r.random() < 0.5 else 0
        if r.random() < 0.14:
            ident, inner = r.getrandbits(32), body
            if count:
                proto, inner = self.header(flow, proto, body)
            self.whole = p.ipv6(flow.src, flow.dst, proto, inner)
            fragments = [self.fragment(proto, at, data, more, ident) for at, data, more in self.pieces(inner)]
            return [self.outer(flow, p.FRAGMENT, data, ttl) for data in fragments]
        for _ in range(count):
            proto, body = self.header(flow, proto, body)
        if r.random() < 0.08:
            proto, body = self.hop_by_hop(flow, proto, body)
        if r.random() < 0.03:
            proto, body = p.FRAGMENT, self.fragment(proto, 0, body, False, r.getrandbits(32))
            self.words.append("atomic fragment")
        return [self.outer(flow, proto, body, ttl)]

    def outer(self, flow, proto, body, ttl):
        packet = p.ipv6(flow.src, flow.dst, proto, body[:1460], ttl=ttl)
        roll = self.r.random()
        if roll < 0.03:
            self.words.append("wrong payload length")
            length = self.r.choice((0, 1, max(0, len(body) - 1), len(body) + 8, 65535))
            return packet[:4] + struct.pack(">H", length) + packet[6:]
        if roll < 0.04:
            self.words.append("wrong version")
            return b"\x50" + packet[1:]
        return packet

    @staticmethod
    def fragment(proto, at, data, more, ident):
        return struct.pack(">BBHI", proto, 0, at & 0xFFF8 | (1 if more else 0), ident) + data

    def header(self, flow, proto, body):
        kind = self.r.choice(("dstopts", "dstopts", "routing", "routing", "hopopts", "fragment", "ah", "none",
                              "mobility", "odd"))
        if kind == "dstopts":
            return self.option_header(flow, p.DSTOPTS, proto, body)
        if kind == "hopopts":
            return self.hop_by_hop(flow, proto, body)
        self.words.append("header " + kind)
        r = self.r
        if kind == "routing":
            count = r.choice((1, 1, 2))
            style, left = r.choice((0, 2, 3, 4, 253)), r.choice((0, 1, 1, 2, 255))
            length = count * 2 if r.random() < 0.9 else r.randrange(256)
            rest = bytes([count - 1, 0, 0, 0]) if style == 4 else bytes(4)
            self.words.append("%d left %d" % (style, left))
            return ROUTING, bytes([proto, length, style, left]) + rest + b"".join(
                p.packed(self.destination(flow.link, 6)) for _ in range(count)) + body
        if kind == "fragment":
            return p.FRAGMENT, self.fragment(proto, 0, body, False, r.getrandbits(32))
        if kind == "ah":
            return AH, bytes([proto, 4, 0, 0]) + self.mark * 2 + bytes(4) + body
        if kind == "none":
            return NO_NEXT, body
        if kind == "mobility":
            return 135, bytes([proto, 0, r.randrange(20), 0]) + bytes(4) + body
        return r.choice((139, 140, 200, 254)), bytes([proto, 0]) + bytes(6) + body

    def hop_by_hop(self, flow, proto, body):
        return self.option_header(flow, p.HOPOPTS, proto, body)

    def option_header(self, flow, header, proto, body):
        r, options = self.r, b""
        for _ in range(r.choice((1, 1, 2))):
            kind = r.choice((5, 5, 0x0B, 0x4B, 0x8B, 0xCB, 0xC2, 201, 4, 7, 0x31, 0x26, r.randrange(256)))
            data = {5: b"\0\0", 0xC2: r.choice((b"\0\0\0\1", b"\0\1\0\1", b"\0\0")), 4: b"\1",
                    201: p.packed(self.source(flow.link, 6)), 0x31: bytes(10)}.get(kind, r.randbytes(r.randrange(8)))
            length = len(data) if r.random() < 0.92 else r.randrange(256)
            options += bytes([kind, length]) + data
            self.words.append("%s %#x" % ("hop-by-hop" if header == p.HOPOPTS else "destination option", kind))
        fill = -(len(options) + 2) % 8
        options += b"\0" if fill == 1 else bytes([1, fill - 2]) + bytes(fill - 2) if fill else b""
        length = (len(options) + 2) // 8 - 1
        if r.random() < 0.06:
            length = r.choice((0, length + 1, 255))
        return header, bytes([proto, length]) + options + body
