#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every command under valgrind: no invalid access, no use of unset values, nothing lost.

What needs the kernel runs as root in a network namespace of its own; without root it is skipped
with that reason. The last line is the sum.
"""
import concurrent.futures
import contextlib
import glob
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lib.program import EXAMPLES, HANG, PROGRAM, TOP  # noqa: E402  (after the path is set)
from lib.results import Counts  # noqa: E402
from lib.space import Space, inside  # noqa: E402

FOUND = 97  # valgrind's exit status for an error; no command of ours has it
VALGRIND = ["valgrind", "-q", "--error-exitcode=%d" % FOUND, "--leak-check=full",
            "--errors-for-leak-kinds=definite,indirect"]
COUNTS = Counts()


def judge(name, argv, wanted, host=None):
    """Runs a command, on the host if one is given; wanted: its exit statuses when valgrind finds nothing.

    Into a file: valgrind keeps a copy of stderr open in processes that outlive the command."""
    with tempfile.TemporaryFile("w+") as words, inside(host.host) if host else contextlib.nullcontext():
        done = subprocess.run([*VALGRIND, PROGRAM, *argv], stdout=subprocess.DEVNULL, stderr=words,
                              stdin=subprocess.DEVNULL, env=host.env() if host else None, timeout=HANG, check=False)
        words.seek(0)
        if done.returncode in wanted:
            COUNTS.tell("ok", name)
        else:
            COUNTS.tell("FAIL", name, "exit %d\n%s" % (done.returncode, words.read()[-3000:]))


def pure():
    """What needs no kernel: a thread a command."""
    for path in sorted(glob.glob(os.path.join(EXAMPLES, "*.yaml"))):
        name = os.path.basename(path)
        for words in (["check", path], ["check", "--json", path], ["apply", "--dry-run", path],
                      ["apply", "--dry-run=restore", path], ["apply", "--dry-run=nft", path],
                      ["apply", "--dry-run=json", path]):
            yield "%s of %s" % (" ".join(words[:-1]), name), words, (0,)
        yield "explain of %s" % name, ["explain", path, "192.168.56.10", "198.51.100.7:443/tcp"], (0,)
    wrong = sorted(glob.glob(os.path.join(TOP, "tests", "golden", "errors", "*.yaml")))
    yield "check of %d wrong descriptions" % len(wrong), ["check", *wrong], (3,)
    yield "schema", ["schema"], (0,)
    yield "help", ["--help"], (0,)
    yield "a wrong command line", ["aply"], (2,)


def on_a_host():
    """One namespace for all of it: each command finds what the one before left."""
    example = {key: os.path.join(EXAMPLES, key + ".yaml") for key in ("dual-stack", "three-networks", "isolated")}
    with Space() as host:
        for words, wanted in (
                (["status"], (5,)),
                (["plan", example["dual-stack"]], (10,)),
                (["apply", example["dual-stack"]], (0,)),
                (["apply", example["dual-stack"]], (0,)),
                (["apply", "--json", example["three-networks"]], (0,)),
                (["status"], (0,)),
                (["rollback", "--json"], (0,)),
                (["rollback"], (1,)),
                (["apply", "--confirm", "300", example["isolated"]], (0,)),
                (["apply", example["three-networks"]], (4,)),
                (["confirm"], (0,)),
                (["apply", "--backend", "iptables", example["three-networks"]], (0,)),
                (["rollback"], (0,)),
                (["apply", "--backend", "iptables", example["three-networks"]], (0,)),
                (["apply", "--backend", "iptables", example["isolated"]], (0,)),
                (["plan", "--backend", "iptables", example["isolated"]], (0,)),
                (["status", "--json"], (0,)),
                (["rollback"], (0,)),
                (["remove"], (0,)),
                (["remove"], (0,))):
            judge(" ".join(os.path.basename(word) for word in words), words, wanted, host)


OTHERS = """
ip link add vmnet1 type veth peer name w1; ip link set w1 up; ip addr add 192.168.56.1/24 dev vmnet1; ip link set vmnet1 up
ip link add eth0 type veth peer name w0; ip link set w0 up; ip addr add 203.0.113.11/24 dev eth0; ip link set eth0 up
ip route add default via 203.0.113.1
iptables-legacy -w -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
iptables-legacy -w -N USER; iptables-legacy -w -A FORWARD -p tcp -m multiport --dports 22,80:443 -j USER
iptables-legacy -w -A USER -m limit --limit 5/s -j RETURN; iptables-legacy -w -A USER -m addrtype --dst-type LOCAL -j DROP
iptables-nft -w -A FORWARD -m comment --comment x -m mark --mark 1/3 -j REJECT
nft add table inet x
nft "add set inet x s { type ipv4_addr . inet_service; flags interval; elements = { 192.0.2.0/24 . 400-500, 9.9.9.9 . 1 }; }"
nft "add chain inet x f { type filter hook forward priority 5; policy drop; }"
nft "add rule inet x f ip daddr . tcp dport @s limit rate 5/second accept"
nft "add rule inet x f ct state vmap { established : accept, invalid : drop }"
nft "add rule inet x f fib saddr . iif oif missing drop"
nft "add chain inet x n { type nat hook postrouting priority 100; }"; nft "add rule inet x n oifname eth0 masquerade"
"""


def beside_others():
    """What reads the rules of others, with some of every kind."""
    example = os.path.join(EXAMPLES, "dual-stack.yaml")
    with Space() as host:
        judge("apply", ["apply", example], (0,), host)
        host.must(["sh", "-e"], stdin=OTHERS)
        judge("status beside others", ["status"], (0, 5), host)
        judge("status --json beside others", ["status", "--json"], (0, 5), host)
        for words in (["192.168.56.10", "192.0.2.1:443/tcp"], ["--json", "203.0.113.11", "192.0.2.1:53/udp"],
                      [example, "--from", "eth0", "192.0.2.1", "192.168.56.10"]):
            judge("explain --live " + words[-1], ["explain", "--live"] + words, (0,), host)
        judge("remove beside others", ["remove"], (0,), host)


def main():
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        if os.geteuid() == 0:
            works = [pool.submit(on_a_host), pool.submit(beside_others)]
        else:
            works = []
            COUNTS.tell("skip", "commands that change the kernel", "they need root")
        works += [pool.submit(judge, *each) for each in pure()]
    for work in works:
        work.result()
    return COUNTS.finish()


if __name__ == "__main__":
    sys.exit(main())
