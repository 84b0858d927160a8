#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every command under valgrind: no invalid access, no use of unset values, nothing lost.

What needs the kernel runs as root in a network namespace of its own; without root it is skipped
with that reason. The last line is the sum.
"""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.abspath(os.environ.get("HOSTGATE", os.path.join(TOP, "build", "hostgate")))
FOUND = 97  # valgrind's exit status for an error; no command of ours has it
VALGRIND = ["valgrind", "-q", "--error-exitcode=%d" % FOUND, "--leak-check=full",
            "--errors-for-leak-kinds=definite,indirect"]
counts = {"ok": 0, "FAIL": 0, "skip": 0}


def tell(outcome, name, more=""):
    counts[outcome] += 1
    print("%-4s %s%s" % (outcome, name, ": " + more if more else ""), flush=True)


def judge(name, argv, wanted, env, prefix=()):
    """Runs a command; wanted: its exit statuses when valgrind finds nothing.

    Into a file: valgrind keeps a copy of stderr open in processes that outlive the command."""
    with tempfile.TemporaryFile("w+") as words:
        done = subprocess.run([*prefix, *VALGRIND, PROGRAM, *argv], stdout=subprocess.DEVNULL, stderr=words,
                              stdin=subprocess.DEVNULL, env=env, timeout=120, check=False)
        words.seek(0)
        if done.returncode in wanted:
            tell("ok", name)
        else:
            tell("FAIL", name, "exit %d\n%s" % (done.returncode, words.read()[-3000:]))


def pure(env):
    for path in sorted(glob.glob(os.path.join(TOP, "examples", "*.yaml"))):
        name = os.path.basename(path)
        for words in (["check", path], ["check", "--json", path], ["apply", "--dry-run", path],
                      ["apply", "--dry-run=restore", path], ["apply", "--dry-run=nft", path],
                      ["apply", "--dry-run=json", path]):
            judge("%s of %s" % (" ".join(words[:-1]), name), words, (0,), env)
        judge("explain of %s" % name, ["explain", path, "192.168.56.10", "198.51.100.7:443/tcp"], (0,), env)
    wrong = sorted(glob.glob(os.path.join(TOP, "tests", "golden", "errors", "*.yaml")))
    judge("check of %d wrong descriptions" % len(wrong), ["check", *wrong], (3,), env)
    judge("schema", ["schema"], (0,), env)
    judge("help", ["--help"], (0,), env)
    judge("a wrong command line", ["aply"], (2,), env)


def inside(env):
    """One namespace for all of it: each command finds what the one before left."""
    name = "hgm-%d" % os.getpid()
    prefix = ("nsenter", "--net=/run/netns/" + name)
    example = {key: os.path.join(TOP, "examples", key + ".yaml")
               for key in ("dual-stack", "three-networks", "isolated")}
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
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
            judge(" ".join(os.path.basename(word) for word in words), words, wanted, env, prefix)
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


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


def beside_others(env):
    """What reads the rules of others, with some of every kind."""
    name = "hgo-%d" % os.getpid()
    prefix = ("nsenter", "--net=/run/netns/" + name)
    example = os.path.join(TOP, "examples", "dual-stack.yaml")
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        judge("apply", ["apply", example], (0,), env, prefix)
        subprocess.run([*prefix, "sh", "-e"], input=OTHERS, text=True, check=True, env=env)
        judge("status beside others", ["status"], (0, 5), env, prefix)
        judge("status --json beside others", ["status", "--json"], (0, 5), env, prefix)
        for words in (["192.168.56.10", "192.0.2.1:443/tcp"], ["--json", "203.0.113.11", "192.0.2.1:53/udp"],
                      [example, "--from", "eth0", "192.0.2.1", "192.168.56.10"]):
            judge("explain --live " + words[-1], ["explain", "--live"] + words, (0,), env, prefix)
        judge("remove beside others", ["remove"], (0,), env, prefix)
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


def main():
    work = tempfile.mkdtemp(prefix="hostgate-memory-")
    env = dict(os.environ, HOSTGATE_RUNDIR=work, XTABLES_LOCKFILE=os.path.join(work, "xtables.lock"))
    try:
        pure(env)
        if os.geteuid() == 0:
            inside(env)
            beside_others(env)
        else:
            tell("skip", "commands that change the kernel", "they need root")
    finally:
        shutil.rmtree(work)
    print("%d passed, %d failed, %d skipped" % (counts["ok"], counts["FAIL"], counts["skip"]))
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
