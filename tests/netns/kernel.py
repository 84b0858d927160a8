# SPDX-License-Identifier: GPL-2.0-or-later
"""Questions to the kernel that no program answers for us, and judgement of strace's records."""

import re
import socket
import struct

import lab as lab_module

NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN = 10, 16


def generation(lab):
    """The generation of the host's nf_tables ruleset: every commit moves it."""
    with lab_module.inside(lab.host):
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)   # NETLINK_NETFILTER
    with sock:
        sock.settimeout(lab_module.PATIENCE)
        sock.send(struct.pack("=IHHII", 20, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, 1, 1, 0) + b"\0\0\0\0")
        answer = sock.recv(8192)
    length, kind = struct.unpack_from("=HH", answer, 20)
    if kind & 0x3FFF != 1:
        raise lab_module.LabError("no generation in %r" % answer)
    return struct.unpack_from(">I", answer, 24)[0]


def traced(lab, argv, **more):
    """Runs a program under strace; returns (its result, the trace's text)."""
    path = lab.file("trace", "")
    done = lab.run(["strace", "-f", "-s", "256", "-o", path, "-e",
                    "trace=socket,open,openat,openat2,creat,rename,unlink,sendto,sendmsg,sendmmsg,write,writev,setsockopt,execve"]
                   + argv, **more)
    with open(path, errors="replace") as file:
        return done, file.read()


def sysctl_writes(trace):
    return [line for line in trace.splitlines() if re.search(r"open(at2?)?\(.*/proc/sys/.*O_(WRONLY|RDWR)", line)
            or re.search(r'open(at2?)?\(\d+.*"(net/|ipv[46]/|ip_forward|forwarding).*O_(WRONLY|RDWR)', line)]


def netlink_batches(trace):
    """The messages of a trace that carry an nf_tables batch."""
    return [line for line in trace.splitlines() if "NFNL_MSG_BATCH_BEGIN" in line]


def netlink_sockets(trace):
    return [line for line in trace.splitlines() if re.search(r"socket\(AF_NETLINK", line)]


def programs(trace):
    """What has been executed but the program itself."""
    return [line for line in trace.splitlines() if "execve(" in line][1:]
