#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Times a first apply, a re-apply and a small change against `nft -f` of the same rules.

Every command is a cold process in a fresh network namespace; they take turns in every round, so
only figures of one run compare. Prints medians of wall and CPU time and the peak memory.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("HOSTGATE", os.path.join(TOP, "build", "hostgate"))


def description(n, changed=False):
    """YAML with n dual-stack nat networks; changed: the last one is isolated."""
    out = ["uplinks:", "  eth0: {address: [203.0.113.11, \"2001:db8::11\"]}", "networks:"]
    for i in range(n):
        mode = "isolated" if changed and i == n - 1 else "nat"
        out.append('  v%d: {subnet: [%d.%d.%d.0/24, "fd00:%x::/64"], mode: %s}'
                   % (i, 10 + (i >> 16), (i >> 8) & 255, i & 255, i, mode))
    return "\n".join(out) + "\n"


def timed(argv, env, report):
    """Runs a command under time(1); returns (wall ms, cpu ms, peak MiB).

    The peak is time(1)'s to tell: a child of this interpreter would inherit its memory's peak.
    """
    start = time.monotonic()
    words = subprocess.run(["/usr/bin/time", "-o", report, "-f", "%U %S %M"] + argv, env=env,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    wall = (time.monotonic() - start) * 1000
    if words.returncode != 0:
        sys.exit("%s failed: %s" % (argv, words.stderr.decode()[-400:]))
    with open(report) as file:
        user, system, peak = file.read().split()
    return wall, (float(user) + float(system)) * 1000, int(peak) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", default="1,1000", help="numbers of networks")
    parser.add_argument("-r", type=int, default=9, help="rounds")
    args = parser.parse_args()
    work = tempfile.mkdtemp(prefix="hostgate-bench-")
    name = "hgb-%d" % os.getpid()
    env = dict(os.environ, HOSTGATE_RUNDIR=work)
    inside = ["nsenter", "--net=/run/netns/" + name]
    if not os.path.exists("/usr/bin/time"):
        sys.exit("time(1) is missing: install the package time")
    print("%8s %-25s %10s %10s %10s" % ("networks", "command", "wall ms", "cpu ms", "peak MiB"))
    for n in [int(word) for word in args.n.split(",")]:
        paths = {}
        for key, text in (("a", description(n)), ("b", description(n, True))):
            paths[key] = os.path.join(work, key + ".yaml")
            with open(paths[key], "w") as file:
                file.write(text)
        paths["nft"] = os.path.join(work, "a.nft")
        with open(paths["nft"], "w") as file:
            subprocess.run([PROGRAM, "apply", "--dry-run=nft", paths["a"]], stdout=file, check=True)
        rows = {}
        for _ in range(args.r):
            for what, before, argv in (
                    ("true", None, ["true"]),
                    ("hostgate apply", None, [PROGRAM, "-q", "apply", paths["a"]]),
                    ("hostgate apply again", "a", [PROGRAM, "-q", "apply", paths["a"]]),
                    ("hostgate apply, 1 changed", "a", [PROGRAM, "-q", "apply", paths["b"]]),
                    ("nft -f", None, ["nft", "-f", paths["nft"]])):
                subprocess.run(["ip", "netns", "add", name], check=True)
                try:
                    if before:
                        subprocess.run(inside + [PROGRAM, "-q", "apply", paths[before]], env=env,
                                       check=True, stderr=subprocess.DEVNULL)
                    rows.setdefault(what, []).append(timed(inside + argv, env, os.path.join(work, "time")))
                finally:
                    subprocess.run(["ip", "netns", "del", name], check=True)
        for what, figures in rows.items():
            medians = [statistics.median(column) for column in zip(*figures)]
            print("%8d %-25s %10.1f %10.1f %10.1f" % (n, what, *medians))
    subprocess.run(["rm", "-r", work], check=True)


if __name__ == "__main__":
    main()
