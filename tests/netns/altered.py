# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosts that are not as the description says: what happens to a host behind hostgate's back, put back at the end.

Each of these is a context manager for a lab. Those that make the kernel's way to a network's guests
another one than the network's interface have their place in LOST.
"""

import contextlib
import os
import subprocess

import packets as p
from lab import LINK, LabError, inside

SPARE = range(78, 126)      # numbers of guests that no other test uses; 64 to 127 is what `detour` moves


def prefix_of(link, family):
    """The link's prefix, as text."""
    base = LINK[link].guest(family, 0) if family == 4 else p.text(p.packed(LINK[link].host[6])[:14] + b"\0\0")
    return "%s/%d" % (base, LINK[link].prefix[family])


def _put_back(lab, link):
    lab.ip(lab.link_lines(LINK[link]))


@contextlib.contextmanager
def other_prefix(lab, link):
    """The interface has no address in the described subnets, but others: the way to the guests is the default route."""
    own = LINK[link]
    there = ["%s/%d" % (own.host[family], own.prefix[family]) for family in (4, 6)]
    other = ["192.168.157.1/24", "fd00:157::1/64"]
    lab.ip(["addr del %s dev %s" % (address, link) for address in there]
           + ["addr add %s dev %s nodad" % (address, link) for address in other])
    lab.asked[link] = "192.168.157.1"
    try:
        yield
    finally:
        lab.asked[link] = own.host[4]
        lab.ip(["addr del %s dev %s" % (address, link) for address in other])
        _put_back(lab, link)


@contextlib.contextmanager
def down_and_up(lab, link):
    """`ip link set down; up`: the kernel drops the IPv6 addresses and keeps those of IPv4."""
    lab.ip(["link set %s down" % link, "link set %s up" % link])
    lab.await_links()
    try:
        yield
    finally:
        _put_back(lab, link)


@contextlib.contextmanager
def uplink_rule(lab, _link=None):
    """What every host with two uplinks has: from an uplink's address, only the way by that uplink."""
    lines = []
    for family, word in ((4, "-4"), (6, "-6")):
        lines += ["%s route add default via %s dev eth0 table 77" % (word, lab.router("eth0", family)),
                  "%s rule add from %s lookup 77 priority 77" % (word, LINK["eth0"].host[family])]
    _batch(lab, lines)
    try:
        yield
    finally:
        _batch(lab, [line.replace(" add ", " del ", 1) for line in reversed(lines)])


@contextlib.contextmanager
def neighbours(lab, link):
    """The SPARE guests of a network are there to be answered."""
    there = ["%s dev %s" % (LINK[link].guest(family, number), link) for family in (4, 6) for number in SPARE]
    lab.ip(["neigh replace %s lladdr %s nud permanent" % (peer, LINK[link].wire_mac) for peer in there])
    try:
        yield
    finally:
        lab.ip(["neigh del " + peer for peer in there])


@contextlib.contextmanager
def protocol_rules(lab, _link=None):
    """All of the host's own packets of the usual protocols go by eth0, as a VPN that takes some of them has it."""
    lines = []
    for word, family, icmp in (("-4", 4, "icmp"), ("-6", 6, "ipv6-icmp")):
        lines.append("%s route add default via %s dev eth0 table 78" % (word, lab.router("eth0", family)))
        lines += ["%s rule add iif lo ipproto %s lookup 78 priority 78" % (word, proto) for proto in ("udp", "tcp", icmp)]
    _batch(lab, lines)
    try:
        yield
    finally:
        _batch(lab, [line.replace(" add ", " del ", 1) for line in reversed(lines)])


@contextlib.contextmanager
def untracked(lab, _link=None):
    """Somebody keeps connection tracking off, as on busy name servers."""
    lab.nft("table inet others { chain pre { type filter hook prerouting priority raw; notrack; }; "
            "chain out { type filter hook output priority raw; notrack; }; }")
    try:
        yield
    finally:
        lab.nft("delete table inet others")


@contextlib.contextmanager
def strict_tracking(lab, _link=None):
    """Connections are not picked up in the middle, so that stray segments are INVALID."""
    before = lab.sysctl("netfilter/nf_conntrack_tcp_loose")
    lab.sysctl("netfilter/nf_conntrack_tcp_loose", 0)
    try:
        yield
    finally:
        lab.sysctl("netfilter/nf_conntrack_tcp_loose", before)


def detour(by):
    """Half of the network, with its SPARE guests, is reached by an interface that is not the network's."""
    @contextlib.contextmanager
    def change(lab, link):
        lines = []
        for family, bits in ((4, 26), (6, 122)):
            first = LINK[link].guest(family, 64)
            via = "inet6 " if family == 6 else ""
            lines.append("%s/%d via %s%s dev %s" % (first, bits, via, LINK[by].guest(family, 77), by))
        lab.ip(["route add " + line for line in lines])
        try:
            yield
        finally:
            lab.ip(["route del " + line for line in lines])
    return change


def _batch(lab, lines):
    """`ip` line by line, for objects whose family is an option of the command."""
    for line in lines:
        lab.must(["ip"] + line.split())


@contextlib.contextmanager
def bridged(lab, link):
    """The network's interface becomes the port of a bridge, br9, that takes its addresses over."""
    own = LINK[link]
    there = ["%s/%d" % (own.host[family], own.prefix[family]) for family in (4, 6)]
    lab.ip(["link add br9 address %s type bridge forward_delay 0 mcast_snooping 0" % own.host_mac]
           + ["addr del %s dev %s" % (address, link) for address in there]
           + ["link set %s master br9" % link]
           + [line.replace("dev " + link, "dev br9").replace("link set " + link, "link set br9")
              for line in lab.link_lines(own)])
    lab.await_links()
    try:
        yield
    finally:
        lab.ip(["link set %s nomaster" % link, "link del br9"])
        _put_back(lab, link)
        lab.await_links()


@contextlib.contextmanager
def switch(lab, link):
    """The network's interface becomes a bridge of that name with two ports; the wire of the second is `port2`."""
    own = LINK[link]
    there = ["%s/%d" % (own.host[family], own.prefix[family]) for family in (4, 6)]
    lab.ip(["addr del %s dev %s" % (address, link) for address in there]
           + ["link set %s down" % link, "link set %s name port1" % link,
              "link add %s address %s type bridge forward_delay 0 mcast_snooping 0" % (link, own.host_mac)])
    new_link(lab, "port2")
    lab.ip(["link set port1 up", "link set port1 master %s" % link, "link set port2 master %s" % link]
           + lab.link_lines(own))
    lab.await_links()
    try:
        yield
    finally:
        lab.ip(["link del %s" % link, "link del port2", "link set port1 down", "link set port1 name %s" % link])
        _put_back(lab, link)
        lab.await_links()


def new_link(lab, name, host_mac="02:00:00:00:01:99", wire_mac="02:00:00:00:02:99"):
    """A further interface of the host, up, whose other end has the same name in the wire namespace."""
    lab.ip(["link add %s address %s type veth peer name %s address %s netns /proc/%d/fd/%d"
            % (name, host_mac, name, wire_mac, os.getpid(), lab.wire)])
    with inside(lab.wire):
        done = subprocess.run(["ip", "link", "set", name, "arp", "off", "up"], check=False)
    if done.returncode:
        raise LabError("the wire end of %s does not come up" % name)
    lab.ip(["link set %s up" % name])
    for _ in range(200):
        if "LOWER_UP" in lab.must(["ip", "link", "show", "dev", name]):
            return
    raise LabError("%s does not come up" % name)


LOST = {
    "no address there": other_prefix,
    "down and up": down_and_up,
    "a rule for the uplink's address": uplink_rule,
    "rules for protocols": protocol_rules,
    "a detour by dmz0": detour("dmz0"),
    "a detour by eth1": detour("eth1"),
}
