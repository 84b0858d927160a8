#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a forwarded packet of the last network costs with 1 and with N networks.

A guest, the host and the outside are network namespaces; the packets are small UDP datagrams of one
flow. Every backend, and the list that the trees of the iptables backend replace, take turns in
every round; medians of nanoseconds a packet and their ratio to one network.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def run(*argv, **more):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                          **more)
    if done.returncode:
        sys.exit("%s failed: %s" % (" ".join(argv), done.stderr[-600:]))
    return done.stdout


def description(n):
    """n nat networks; the last one in the file and in every order is the guest's."""
    out = ["uplinks:", "  eth0: {address: 203.0.113.11}", "networks:"]
    for i in range(n - 1):
        out.append("  v%d: {subnet: 10.%d.%d.0/24, mode: nat}" % (i, i >> 8, i & 255))
    out.append("  vmnet1: {subnet: 192.168.56.0/24, mode: nat}")
    return "\n".join(out) + "\n"


class Lab:
    """guest -- vmnet1 host eth0 -- outside, in namespaces of this run."""

    def __init__(self):
        self.names = {who: "hgb-%d-%s" % (os.getpid(), who) for who in ("guest", "host", "out")}

    def inside(self, who, *argv, **more):
        return run("ip", "netns", "exec", self.names[who], *argv, **more)

    def up(self):
        for name in self.names.values():
            run("ip", "netns", "add", name)
        for who, link, mine, peer_address in (("guest", "vmnet1", "192.168.56.1/24", "192.168.56.10/24"),
                                              ("out", "eth0", "203.0.113.11/24", "203.0.113.1/24")):
            run("ip", "-n", self.names["host"], "link", "add", link, "type", "veth", "peer", "name", "e0",
                "netns", self.names[who])
            run("ip", "-n", self.names["host"], "addr", "add", mine, "dev", link)
            run("ip", "-n", self.names["host"], "link", "set", link, "up")
            run("ip", "-n", self.names[who], "addr", "add", peer_address, "dev", "e0")
            run("ip", "-n", self.names[who], "link", "set", "e0", "up")
        run("ip", "-n", self.names["guest"], "route", "add", "default", "via", "192.168.56.1")
        self.inside("host", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        # What arrives is dropped at once, so that no answer is part of the cost.
        self.inside("out", "nft", "add table ip t; add chain ip t c { type filter hook prerouting "
                    "priority -300; }; add rule ip t c udp dport 9 drop")

    def down(self):
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=4096, help="networks")
    parser.add_argument("-r", type=int, default=7, help="rounds")
    parser.add_argument("-t", type=int, default=300, help="milliseconds of processor time a measurement")
    args = parser.parse_args()
    work = tempfile.mkdtemp(prefix="hostgate-bench-")
    env = dict(os.environ, HOSTGATE_RUNDIR=work, XTABLES_LOCKFILE=os.path.join(work, "lock"))
    run("make", "-s", "-C", TOP, "BUILD=build")
    run("make", "-s", "-C", TOP, "BUILD=build/list", "CPPFLAGS=-DLIST_MAX=1000000")
    run("cc", "-O2", "-D_GNU_SOURCE", "-o", os.path.join(work, "flood"),
        os.path.join(TOP, "tests", "bench", "flood.c"))
    for n in (1, args.n):
        with open(os.path.join(work, "%d.yaml" % n), "w") as file:
            file.write(description(n))
    labs, figures = {}, {}
    try:
        for what, program, backend, n in (
                ("no rules", None, None, 0),
                ("nftables", "build", "nftables", 1), ("nftables", "build", "nftables", args.n),
                ("iptables", "build", "iptables", 1), ("iptables", "build", "iptables", args.n),
                ("iptables, as a list", "build/list", "iptables", args.n)):
            lab = labs[(what, n)] = Lab()
            lab.names = {who: "%s-%d" % (name, len(labs)) for who, name in lab.names.items()}
            lab.up()
            if program:
                lab.inside("host", os.path.join(TOP, program, "hostgate"), "-q", "apply", "--backend", backend,
                           os.path.join(work, "%d.yaml" % n), env=env)
        for _ in range(args.r):
            for key, lab in labs.items():
                out = lab.inside("guest", os.path.join(work, "flood"), "203.0.113.1", "9", str(args.t))
                figures.setdefault(key, []).append(int(out))
    finally:
        for lab in labs.values():
            lab.down()
        subprocess.run(["rm", "-r", work], check=False)
    medians = {key: statistics.median(values) for key, values in figures.items()}
    print("%-22s %9s %12s %10s" % ("rules", "networks", "ns a packet", "ratio to 1"))
    for (what, n), value in medians.items():
        one = medians.get((what.split(",")[0], 1), value)
        print("%-22s %9d %12.0f %10.2f" % (what, n, value, value / one))


if __name__ == "__main__":
    main()
