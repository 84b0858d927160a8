# SPDX-License-Identifier: GPL-2.0-or-later
"""Building and reading Ethernet frames: IPv4, IPv6, TCP, UDP, ICMP, fragments, checksums."""

import itertools
import os
import socket
import struct

ETH_IPV4, ETH_IPV6, ETH_ARP = 0x0800, 0x86DD, 0x0806
ICMP, TCP, UDP, GRE, ESP, ICMP6, SCTP = 1, 6, 17, 47, 50, 58, 132
HOPOPTS, FRAGMENT, DSTOPTS = 0, 44, 60
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16

_serial = itertools.count(1)


def nonce():
    """16 bytes that occur in no other frame of this run; the last 8 alone, too."""
    return b"HG%06d" % (next(_serial) % 1000000) + os.urandom(8)


def family(address):
    return 6 if ":" in address else 4


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def text(raw):
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def mac(address):
    return bytes.fromhex(address.replace(":", ""))


def is_multicast(address):
    raw = packed(address)
    return raw[0] == 0xFF if len(raw) == 16 else raw[0] >> 4 == 14


def multicast_mac(address):
    raw = packed(address)
    return "33:33:" + raw[12:].hex(":") if len(raw) == 16 else "01:00:5e:" + bytes([raw[1] & 127]).hex() + ":" + raw[2:].hex(":")


def checksum(data):
    """The internet checksum of data, 16 bits."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo(src, dst, proto, length):
    """The pseudo-header of a transport checksum."""
    if family(src) == 4:
        return packed(src) + packed(dst) + struct.pack(">BBH", 0, proto, length)
    return packed(src) + packed(dst) + struct.pack(">II", length, proto)


def ether(dst, src, kind, payload):
    return mac(dst) + mac(src) + struct.pack(">H", kind) + payload


# ---- network layer

def ipv4(src, dst, proto, payload, ttl=64, ident=None, flags=0, offset=0, options=b"", df=False):
    """An IPv4 packet; offset in bytes, flags: 1 = more fragments."""
    if ident is None:
        ident = struct.unpack(">H", os.urandom(2))[0]
    options += b"\0" * (-len(options) % 4)
    words = 5 + len(options) // 4
    frag = (0x4000 if df else 0) | (0x2000 if flags & 1 else 0) | (offset // 8)
    head = struct.pack(">BBHHHBBH4s4s", 0x40 | words, 0, words * 4 + len(payload), ident, frag,
                       ttl, proto, 0, packed(src), packed(dst)) + options
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def ipv6(src, dst, proto, payload, ttl=64):
    head = struct.pack(">IHBB16s16s", 6 << 28, len(payload), proto, ttl, packed(src), packed(dst))
    return head + payload


def ip(src, dst, proto, payload, **more):
    """A packet of the family of src; ICMP and ICMP6 are taken for each other."""
    if family(src) == 4:
        return ipv4(src, dst, ICMP if proto == ICMP6 else proto, payload, **more)
    return ipv6(src, dst, ICMP6 if proto == ICMP else proto, payload, **more)


def ip_fragment(src, dst, proto, payload, offset, more, ident, ttl=64):
    """One fragment: payload is the piece that belongs at offset (bytes)."""
    if family(src) == 4:
        return ipv4(src, dst, ICMP if proto == ICMP6 else proto, payload, ident=ident & 0xFFFF,
                    flags=1 if more else 0, offset=offset, ttl=ttl)
    proto = ICMP6 if proto == ICMP else proto
    head = struct.pack(">BBHI", proto, 0, offset | (1 if more else 0), ident)
    return ipv6(src, dst, FRAGMENT, head + payload, ttl=ttl)


def fragments(src, dst, proto, payload, size, ident=None):
    """The whole datagram in pieces of size bytes (a multiple of 8)."""
    if ident is None:
        ident = struct.unpack(">I", os.urandom(4))[0]
    return [ip_fragment(src, dst, proto, payload[at:at + size], at, at + size < len(payload), ident)
            for at in range(0, len(payload), size)]


# ---- transport layer; src and dst are needed for the checksums

def udp(src, dst, sport, dport, payload=b""):
    length = 8 + len(payload)
    head = struct.pack(">HHHH", sport, dport, length, 0)
    total = checksum(pseudo(src, dst, UDP, length) + head + payload) or 0xFFFF
    return head[:6] + struct.pack(">H", total) + payload


def tcp(src, dst, sport, dport, flags, seq=None, ack=0, payload=b""):
    if seq is None:
        seq = struct.unpack(">I", os.urandom(4))[0]
    head = struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 5 << 4, flags, 64240, 0, 0)
    total = checksum(pseudo(src, dst, TCP, len(head) + len(payload)) + head + payload)
    return head[:16] + struct.pack(">H", total) + head[18:] + payload


def icmp(src, dst, kind, code, rest, payload=b""):
    """rest: the 4 bytes after the checksum."""
    head = struct.pack(">BBH", kind, code, 0) + rest
    data = head + payload
    if family(src) == 6:
        data = pseudo(src, dst, ICMP6, len(head) + len(payload)) + data
    return head[:2] + struct.pack(">H", checksum(data)) + head[4:] + payload


def echo(src, dst, ident, payload=b"", seq=1, reply=False):
    kind = (0 if reply else 8) if family(src) == 4 else (129 if reply else 128)
    return icmp(src, dst, kind, 0, struct.pack(">HH", ident, seq), payload)


def udp_packet(src, dst, sport, dport, payload=b"", **more):
    return ip(src, dst, UDP, udp(src, dst, sport, dport, payload), **more)


def tcp_packet(src, dst, sport, dport, flags, seq=None, ack=0, payload=b"", **more):
    return ip(src, dst, TCP, tcp(src, dst, sport, dport, flags, seq, ack, payload), **more)


def echo_packet(src, dst, ident, payload=b"", reply=False, seq=1, **more):
    return ip(src, dst, ICMP, echo(src, dst, ident, payload, seq, reply), **more)


ERRORS = {  # name -> (type, code) for IPv4 and IPv6
    "unreachable": ((3, 1), (1, 0)),
    "port": ((3, 3), (1, 4)),
    "exceeded": ((11, 0), (3, 0)),
    "too-big": ((3, 4), (2, 0)),
    "prohibited": ((3, 13), (1, 1)),
}


def icmp_error_packet(src, dst, name, inner, mtu=1300, **more):
    """An ICMP error that quotes the packet `inner`."""
    kind, code = ERRORS[name][0 if family(src) == 4 else 1]
    rest = b"\0" * 4
    if name == "too-big":
        rest = struct.pack(">HH", 0, mtu) if family(src) == 4 else struct.pack(">I", mtu)
    return ip(src, dst, ICMP, icmp(src, dst, kind, code, rest, inner), **more)


def arp_request(src_mac, src_ip, dst_ip):
    return ether("ff:ff:ff:ff:ff:ff", src_mac, ETH_ARP,
                 struct.pack(">HHBBH", 1, ETH_IPV4, 6, 4, 1) + mac(src_mac) + packed(src_ip)
                 + b"\0" * 6 + packed(dst_ip))


# ---- reading

class Packet:
    """What a frame says; fields that it does not have are None."""

    def __init__(self, raw):
        self.raw = raw
        self.family = self.src = self.dst = self.proto = self.ttl = None
        self.sport = self.dport = self.flags = self.seq = self.ack = None
        self.icmp = self.ident = self.inner = None
        self.fragment = False
        self.payload = b""

    def is_error(self, name):
        return self.icmp is not None and self.icmp == ERRORS[name][0 if self.family == 4 else 1]

    def __repr__(self):
        if self.family is None:
            return "(not IP, %d bytes)" % len(self.raw)
        words = ["%s > %s" % (self.src, self.dst)]
        if self.icmp is not None:
            words.append("icmp %d/%d" % self.icmp)
        elif self.sport is not None:
            words.append("%s %d>%d" % ("tcp" if self.proto == TCP else "udp", self.sport, self.dport))
        else:
            words.append("proto %d" % self.proto)
        if self.flags is not None:
            words.append("flags %#x" % self.flags)
        if self.fragment:
            words.append("fragment")
        if self.inner is not None:
            words.append("quoting [%r]" % self.inner)
        return " ".join(words)


def parse_frame(frame):
    kind = struct.unpack_from(">H", frame, 12)[0] if len(frame) >= 14 else 0
    if kind in (ETH_IPV4, ETH_IPV6):
        packet = parse_ip(frame[14:])
        packet.raw = frame
        return packet
    return Packet(frame)


def parse_ip(data):
    packet = Packet(data)
    if len(data) >= 20 and data[0] >> 4 == 4:
        packet.family = 4
        packet.ttl, packet.proto = data[8], data[9]
        packet.src, packet.dst = text(data[12:16]), text(data[16:20])
        frag = struct.unpack_from(">H", data, 6)[0]
        packet.fragment = bool(frag & 0x3FFF)
        body = data[(data[0] & 15) * 4:struct.unpack_from(">H", data, 2)[0]]
        if frag & 0x1FFF:
            packet.payload = body
            return packet
    elif len(data) >= 40 and data[0] >> 4 == 6:
        packet.family = 6
        length, proto, packet.ttl = struct.unpack_from(">HBB", data, 4)
        packet.src, packet.dst = text(data[8:24]), text(data[24:40])
        body = data[40:40 + length]
        while proto in (HOPOPTS, DSTOPTS, FRAGMENT) and len(body) >= 8:
            if proto == FRAGMENT:
                packet.fragment = True
                offset = struct.unpack_from(">H", body, 2)[0] & 0xFFF8
                proto, body = body[0], body[8:]
                if offset:
                    packet.proto, packet.payload = proto, body
                    return packet
            else:
                proto, body = body[0], body[8 + body[1] * 8:]
        packet.proto = proto
    else:
        return packet
    _parse_transport(packet, body)
    return packet


def _parse_transport(packet, body):
    packet.payload = body
    if packet.proto == UDP and len(body) >= 8:
        packet.sport, packet.dport = struct.unpack_from(">HH", body)
        packet.payload = body[8:]
    elif packet.proto == TCP and len(body) >= 20:
        packet.sport, packet.dport, packet.seq, packet.ack, words, packet.flags = \
            struct.unpack_from(">HHIIBB", body)
        packet.payload = body[(words >> 4) * 4:]
    elif packet.proto in (ICMP, ICMP6) and len(body) >= 8:
        packet.icmp = (body[0], body[1])
        packet.payload = body[8:]
        if body[0] in (0, 8) if packet.family == 4 else body[0] in (128, 129):
            packet.ident = struct.unpack_from(">H", body, 4)[0]
        elif body[0] in (3, 11, 12) if packet.family == 4 else body[0] in (1, 2, 3, 4):
            packet.inner = parse_ip(body[8:])
