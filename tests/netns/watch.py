# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel tells everybody who listens about changes of nf_tables, and what changes between two dumps."""

import collections
import re
import socket
import struct

import lab as lab_module

NEW, DELETED = "+", "-"
# NFT_MSG_*: the kind of object and what became of it.
MESSAGES = {0: "+table", 2: "-table", 3: "+chain", 5: "-chain", 6: "+rule", 8: "-rule", 9: "+set", 11: "-set",
            12: "+element", 14: "-element", 15: "generation"}
NFTA_SET_ELEM_LIST_ELEMENTS = 3
NFNLGRP_NFTABLES = 7


class Monitor:
    """Listens in the host's namespace, as `nft monitor` does."""

    def __init__(self, lab):
        with lab_module.inside(lab.host):
            self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)   # NETLINK_NETFILTER
            self.socket.bind((0, 0))
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)                  # SO_RCVBUFFORCE
        self.socket.setsockopt(270, 1, NFNLGRP_NFTABLES)                         # NETLINK_ADD_MEMBERSHIP
        self.socket.setblocking(False)

    def close(self):
        self.socket.close()

    def seen(self):
        """(how many objects of each kind came or went since the last call, bytes of these messages)."""
        count, size = collections.Counter(), 0
        while True:
            try:
                data = self.socket.recv(1 << 20)
            except BlockingIOError:
                return count, size
            size += len(data)
            at = 0
            while at < len(data):
                length, kind = struct.unpack_from("=IH", data, at)
                name = MESSAGES[kind & 0xFF]
                count[name] += elements(data[at + 20:at + length]) if name.endswith("element") else 1
                at += (length + 3) & ~3


def elements(attributes):
    """How many elements are in the attributes of a message."""
    total = 0
    for kind, payload in nest(attributes):
        if kind == NFTA_SET_ELEM_LIST_ELEMENTS:
            total += sum(1 for _ in nest(payload))
    return total


def nest(data):
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        yield kind & 0x3FFF, data[at + 4:at + length]
        at += (length + 3) & ~3


def common(one, two):
    """Length of the longest common subsequence."""
    row = [0] * (len(two) + 1)
    for a in one:
        before = 0
        for j, b in enumerate(two):
            before, row[j + 1] = row[j + 1], before + 1 if a == b else max(row[j + 1], row[j])
    return row[-1]


class Table:
    """A listed table: chains with their rules in order, sets with their elements."""

    def __init__(self):
        self.chains, self.sets = {}, {}


def nft_table(text):
    """`nft -s list table` as a Table."""
    table, lines = Table(), None
    for line in re.sub(r",\n\s+", ", ", text).splitlines():
        start = re.match(r"\t(chain|set|map) (\S+) \{", line)
        if start and start.group(1) == "chain":
            lines = table.chains.setdefault(start.group(2), [])
        elif start:
            lines, members = None, table.sets.setdefault(start.group(2), [])
        elif line.startswith("\t\telements = {"):
            members += re.findall(r'(?:[^,"]|"[^"]*")+', line[line.index("{") + 1:line.rindex("}")].strip())
            members[:] = sorted(one.strip() for one in members)
        elif lines is not None and line.startswith("\t\t") and not line.startswith("\t\ttype "):
            lines.append(line.strip())
    return table


def saved_table(text):
    """What iptables-save prints as a Table; a chain's name is "filter HOSTGATE-DOOR"."""
    table, name = Table(), None
    for tables, chains in (("raw", "PREROUTING"), ("mangle", "INPUT POSTROUTING"), ("nat", "POSTROUTING"),
                           ("filter", "FORWARD OUTPUT")):
        for chain in chains.split():     # of a built-in one, our jumps alone
            table.chains["%s %s" % (tables, chain)] = []
    for line in text.splitlines():
        if line.startswith("*"):
            name = line[1:]
        elif line.startswith(":HOSTGATE"):
            table.chains.setdefault("%s %s" % (name, line.split()[0][1:]), [])
        elif line.startswith("-A HOSTGATE") or " -j HOSTGATE-" in line:
            table.chains.setdefault("%s %s" % (name, line.split()[1]), []).append(line)
    return table if "HOSTGATE-" in text else Table()


def difference(before, after):
    """The fewest objects that come and go, as Counter of (sign, kind, name); of a rule its chain's name."""
    count = collections.Counter()
    for kind, one, two in (("chain", before.chains, after.chains), ("set", before.sets, after.sets)):
        for name in set(one) | set(two):
            if name not in one or name not in two:
                count[NEW if name in two else DELETED, kind, name] += 1
            elif kind == "chain":
                stays = common(one[name], two[name])
                count[DELETED, "rule", name] += len(one[name]) - stays
                count[NEW, "rule", name] += len(two[name]) - stays
            else:
                count[DELETED, "element", name] += len(set(one[name]) - set(two[name]))
                count[NEW, "element", name] += len(set(two[name]) - set(one[name]))
    return +count
