#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""iptables and nft judge what is printed and what is installed: run.py [-n RANDOM] [-s SEED] [-k WORD].

For each description, in network namespaces of its own: what `hostgate apply` installs is what its
dry runs install through iptables, ip6tables (legacy and nft), their restore tools, and nft. A sample
is proved with real packets through both backends.
Only the order of chains, and counters, may differ.
"""

import argparse
import concurrent.futures
import difflib
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

import describe  # noqa: E402  (after the path is set)

PROGRAM = os.environ.get("HOSTGATE", os.path.join(TOP, "build", "hostgate"))
TOOLS = ("iptables", "ip6tables")
SHOWN_LINES = 12
LARGE = "forty networks"


class Wrong(Exception):
    """What is not as it should be."""


class Space:
    """A network namespace, with a lock and a record of its own."""

    def __init__(self, case, name):
        self.name = "hgx-%d-%s-%s" % (os.getpid(), case.number, name)
        self.folder = os.path.join(case.folder, name)
        os.mkdir(self.folder)
        self.env = dict(os.environ, HOSTGATE_RUNDIR=os.path.join(self.folder, "run"),
                        XTABLES_LOCKFILE=os.path.join(self.folder, "lock"), LC_ALL="C")
        subprocess.run(["ip", "netns", "add", self.name], check=True)

    def close(self):
        subprocess.run(["ip", "netns", "del", self.name], check=False)

    def run(self, argv, text=None, status=0, path=None):
        env = dict(self.env, PATH=path + ":" + os.environ["PATH"]) if path else self.env
        done = subprocess.run(["nsenter", "--net=/run/netns/" + self.name] + argv, env=env, input=text, text=True, timeout=600,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode != status:
            raise Wrong("%s: exit status %d, not %d\n%s" % (" ".join(argv)[:200], done.returncode, status,
                                                           done.stderr[-1500:] + done.stdout[-500:]))
        return done.stdout

    def hostgate(self, *words, status=0):
        return self.run([PROGRAM] + list(words), status=status)

    def saved(self, variant):
        """Both families' rules of ours, table by table, chains in order of their names."""
        return {tool: in_order(self.run(["%s-%s-save" % (tool, variant)])) for tool in TOOLS}

    def ruleset(self):
        """Without empty tables: a file with a clean slate leaves some, nft has no other way."""
        return re.sub(r"(?m)^table \S+ \S+ \{\n\}\n", "", self.run(["nft", "-s", "list", "ruleset"]))


def in_order(text):
    """The rules of iptables-save, without comments, counters and empty built-in chains."""
    tables, table = {}, None
    for line in text.splitlines():
        if line.startswith("*"):
            table = tables.setdefault(line, {})
        elif line.startswith(":") and not line.split()[1] != "-":
            table.setdefault(line.split()[0][1:], [])
        elif line.startswith("-A"):
            table.setdefault(line.split()[1], []).append(line)
    lines = []
    for name in sorted(tables):
        chains = tables[name]
        lines += [name] + [":" + chain for chain in sorted(chains)] if chains else []
        for chain in sorted(chains):
            lines += chains[chain]
    return "\n".join(lines) + "\n"


def not_looked(rules):
    """What is closed since an uplink has no address here is not in a file that does not look at the host."""
    left = {}
    for tool, text in rules.items():
        borrowed = re.findall(r"(?m)^-A HOSTGATE-TRANSLATE\S* (-s \S+ -o .+?) -m comment .*-j MASQUERADE$", text)
        left[tool] = "".join(line + "\n" for line in text.splitlines() if not any(
            line.startswith("-A HOSTGATE-STAY") and " %s -m addrtype" % match in line and "no translation there" in line
            for match in borrowed))
    return left


def same(what, one, two):
    for key in one if isinstance(one, dict) else [None]:
        first, second = (one, two) if key is None else (one[key], two[key])
        if first == second:
            continue
        lines = list(difflib.unified_diff(first.splitlines(), second.splitlines(), "one", "other", n=0, lineterm=""))
        raise Wrong("%s%s differ\n%s" % (what, " (%s)" % key if key else "", "\n".join(lines[:SHOWN_LINES])))


class Case:
    """One description, and what each judge says of it."""

    def __init__(self, number, name, text, scripts, proofs):
        self.number, self.name, self.text = number, name, text
        self.scripts = scripts  # through iptables-nft, too: it takes a second for each, and more
        self.proofs = proofs    # with real packets, too
        self.spaces, self.words = [], []

    def space(self, name):
        self.spaces.append(Space(self, name))
        return self.spaces[-1]

    def dry_run(self, form, command="apply"):
        done = subprocess.run([PROGRAM, command, "--dry-run=" + form, self.path], capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else None

    def through_script(self, name, variant, script):
        space = self.space(name)
        folder = os.path.join(space.folder, "bin")
        os.mkdir(folder)
        for tool in TOOLS:
            os.symlink(shutil.which("%s-%s" % (tool, variant)), os.path.join(folder, tool))
        path = os.path.join(space.folder, "script")
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(script)
        space.run(["sh", path], path=folder)
        return space

    def through_restore(self, name, variant, text):
        space = self.space(name)
        for tool in TOOLS:
            space.run(["%s-%s-restore" % (tool, variant), "--noflush"], text)
        return space

    def iptables(self):
        applied = self.space("xt")
        applied.hostgate("apply", "--backend", "iptables", self.path)
        rules = applied.saved("legacy")
        script = self.dry_run("iptables")
        legacy = self.through_script("sl", "legacy", script)
        same("apply and the script through iptables-legacy", rules, legacy.saved("legacy"))
        # What iptables made is, byte for byte, what hostgate would make.
        legacy.hostgate("plan", "--backend", "iptables", self.path)
        restore = self.dry_run("restore")
        loaded = self.through_restore("rl", "legacy", restore)
        same("apply and iptables-legacy-restore", not_looked(rules), loaded.saved("legacy"))
        for tool in TOOLS:
            loaded.run([tool + "-legacy-restore", "--noflush"], self.dry_run("restore", "remove"))
            if "HOSTGATE" in loaded.run([tool + "-legacy-save"]):
                raise Wrong("the file of remove leaves rules of " + tool)
        same("apply and iptables-nft-restore", not_looked(rules), self.through_restore("rn", "nft", restore).saved("nft"))
        if self.scripts:
            same("apply and the script through iptables-nft", rules, self.through_script("sn", "nft", script).saved("nft"))
        return applied

    def packets(self):
        """The kernel does with real packets what the description says, through both backends."""
        if "%" in self.text:
            self.words.append("no packets: an interface with % in its name can't be made")
            return
        for backend in ("nftables", "iptables"):
            done = subprocess.run([PROGRAM, "prove", "-q", "--backend", backend, self.path], capture_output=True,
                                  text=True, timeout=60, check=False)
            if done.returncode != 0:
                raise Wrong("prove through %s: exit %d\n%s%s" % (backend, done.returncode, done.stdout, done.stderr))

    def nftables(self, applied):
        text = self.dry_run("nft")
        if text is None:
            applied.hostgate("remove")
            self.words.append("not for nft's language")
            return
        applied.hostgate("apply", "--backend", "nftables", self.path)
        for tool in TOOLS:
            if "HOSTGATE" in applied.run([tool + "-legacy-save"]):
                raise Wrong("rules of iptables are left after the change to nf_tables")
        rules = applied.ruleset()
        printed = self.space("nf")
        printed.run(["nft", "-f", "-"], text)
        same("apply and nft -f of the dry run", rules, printed.ruleset())
        printed.hostgate("apply", "--backend", "nftables", self.path)
        printed.run(["nft", "flush", "ruleset"])
        printed.run(["nft", "-f", "-"], rules)
        same("list, load and list again", rules, printed.ruleset())
        if "nothing to do" not in applied.hostgate("apply", "--backend", "nftables", self.path):
            raise Wrong("a second apply finds something to do")
        applied.hostgate("apply", "--backend", "iptables", self.path)
        if applied.ruleset():
            raise Wrong("rules of nf_tables are left after the change to iptables")
        if "nothing to do" not in applied.hostgate("apply", "--backend", "iptables", self.path):
            raise Wrong("a second apply through iptables finds something to do")
        applied.hostgate("remove")

    def judge(self):
        """Raises Wrong."""
        with tempfile.TemporaryDirectory(prefix="hostgate-oracle-") as self.folder:
            self.path = os.path.join(self.folder, "description.yaml")
            with open(self.path, "w", encoding="utf-8") as file:
                file.write(self.text)
            try:
                applied = self.iptables()
                self.nftables(applied)
                if self.proofs:
                    self.packets()
                same("a host after remove and a fresh one", applied.saved("legacy"), {tool: "\n" for tool in TOOLS})
                if applied.ruleset():
                    raise Wrong("rules of nf_tables are left after remove")
            finally:
                for space in self.spaces:
                    space.close()


def all_cases(n_random, seed):
    for path in sorted(glob.glob(os.path.join(TOP, "examples", "*.yaml"))):
        with open(path, encoding="utf-8") as file:
            yield os.path.basename(path), file.read()
    yield "names a shell would read", describe.text(describe.description(seed, 4, hostile=True))
    yield LARGE, describe.text(describe.description(seed, 40))
    for n in range(n_random):
        yield "random %d" % (seed + n), describe.text(describe.description(seed + n))


def timed(case):
    begun = time.monotonic()
    try:
        case.judge()
        wrong = None
    except (Wrong, subprocess.SubprocessError, OSError) as error:
        wrong = str(error)
    return case, wrong, time.monotonic() - begun


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", type=int, default=int(os.environ.get("ORACLE_RANDOM", "200")), help="random descriptions; 200")
    parser.add_argument("-s", "--seed", type=int, default=1, help="of the first one")
    parser.add_argument("-k", default="", help="only cases with this in their name")
    parser.add_argument("--sample", type=int, default=int(os.environ.get("ORACLE_SAMPLE", "8")),
                        help="of so many random ones, one goes through iptables-nft as a script, and one is proved; 8")
    args = parser.parse_args()
    if os.geteuid() != 0:
        print("needs root for network namespaces\n0 passed, 0 failed, 1 skipped")
        return 0
    cases = [Case(number, name, text, "random" not in name or number % args.sample == 0,
                  "random" not in name or number % args.sample == args.sample // 2)
             for number, (name, text) in enumerate(all_cases(args.n, args.seed)) if args.k in name]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for case, wrong, took in pool.map(timed, cases):
            print("%-4s %s (%.1f s)%s" % ("FAIL" if wrong else "ok", case.name, took, "".join(": " + word for word in case.words)),
                  flush=True)
            if wrong:
                failed += 1
                print(re.sub(r"(?m)^", "       ", wrong.rstrip()), flush=True)
    print("%d passed, %d failed" % (len(cases) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
