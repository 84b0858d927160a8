#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""iptables and nft judge what is printed and what is installed: run.py [-n RANDOM] [-s SEED] [-k WORD].

For each description, in network namespaces of its own: what `hostgate apply` installs is what its
dry runs install through iptables, ip6tables (legacy and nft), their restore tools, and nft. Of every
script the commands are read, and judged by iptables; a sample is also run by sh, in both variants, and
another one proved with real packets through both backends.
Only the order of chains, and counters, may differ.
"""

import argparse
import concurrent.futures
import difflib
import glob
import json
import os
import re
import shlex
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import describe  # noqa: E402  (after the path is set)
from lib import program, script, space  # noqa: E402
from lib.program import EXAMPLES, PROGRAM  # noqa: E402
from lib.results import Counts  # noqa: E402
from lib.script import TOOLS  # noqa: E402

SHOWN_LINES = 12
LARGE = "forty networks"


class Wrong(Exception):
    """What is not as it should be."""


class Space(space.Space):
    """A network namespace where a wrong exit status is Wrong."""

    def do(self, argv, stdin="", status=(0,)):
        return self.judged(argv, self.run(argv, stdin=stdin), status)

    @staticmethod
    def judged(argv, done, status=(0,)):
        if done.returncode not in status:
            raise Wrong("%s: exit status %d\n%s" % (" ".join(argv)[:200], done.returncode,
                                                    done.stderr[-1500:] + done.stdout[-500:]))
        return done.stdout

    def hostgate(self, *words, status=(0,)):
        return self.do([PROGRAM, *words], status=status)

    def saved(self, variant):
        """Both families' rules of ours, table by table, chains in order of their names."""
        return {tool: in_order(self.do(["%s-%s-save" % (tool, variant)])) for tool in TOOLS}

    def ruleset(self):
        """Without empty tables: a file with a clean slate leaves some, nft has no other way."""
        return re.sub(r"(?m)^table \S+ \S+ \{\n\}\n", "", self.do(["nft", "-s", "list", "ruleset"]))


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


def commands(text):
    """What the script's commands say to each tool, for its restore; the first run of a script finds nothing to discard."""
    tables, chains = {tool: {} for tool in TOOLS}, []
    for line in text.replace("\\\n", " ").splitlines():
        loop = re.fullmatch(r"\s*for chain in ([^;]*); do", line)
        chains = loop[1].split() if loop else chains
        words = shlex.split(line) if line.lstrip().startswith(tuple(tool + " -w -t " for tool in TOOLS)) else []
        if words:
            each = chains if "$chain" in words else [""]
            tables[words[0]].setdefault(words[3], []).extend([word.replace("$chain", chain) for word in words[4:]] for chain in each)
    return {tool: "".join("*%s\n%s\nCOMMIT\n" % (table, "\n".join(map(for_restore, rules)))
                          for table, rules in tables[tool].items()) for tool in TOOLS}


def for_restore(words):
    return " ".join(words[:1] + ['"%s"' % re.sub(r'(["\\])', r"\\\1", word) for word in words[1:]])


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
        self.scripts = scripts  # None, "held" or "whole": also run by sh
        self.proofs = proofs    # with real packets, too
        self.spaces, self.words = [], []

    def space(self):
        self.spaces.append(Space())
        return self.spaces[-1]

    def dry_run(self, form, command="apply"):
        done = self.spaces[0].run([PROGRAM, command, "--dry-run=" + form, self.path])
        return done.stdout if done.returncode == 0 else None

    def through_script(self, variant, text):
        host = self.space()
        host.judged(["sh"], script.run(host, variant, text, whole=self.scripts == "whole"))
        return host

    def through_restore(self, variant, texts):
        host = self.space()
        for tool in TOOLS:
            host.do(["%s-%s-restore" % (tool, variant), "--noflush"], texts[tool])
        return host

    def iptables(self, applied):
        applied.hostgate("apply", "--backend", "iptables", self.path)
        rules = applied.saved("legacy")
        text = self.dry_run("iptables")
        legacy = self.through_restore("legacy", commands(text))
        same("apply and the commands of the script", rules, legacy.saved("legacy"))
        # What iptables made is, byte for byte, what hostgate would make.
        plan = json.loads(legacy.hostgate("plan", "--json", "--backend", "iptables", self.path, status=(0, 10)))
        if [change for change in plan["changes"] if change["what"] != "sysctl"]:
            raise Wrong("plan finds changes of what the commands made: %s" % plan["changes"])
        if self.scripts:
            legacy = self.through_script("legacy", text)
            same("apply and the script through iptables-legacy", rules, legacy.saved("legacy"))
            legacy.hostgate("plan", "--backend", "iptables", self.path)
            same("apply and the script through iptables-nft", rules, self.through_script("nft", text).saved("nft"))
        restore = dict.fromkeys(TOOLS, self.dry_run("restore"))
        loaded = self.through_restore("legacy", restore)
        same("apply and iptables-legacy-restore", not_looked(rules), loaded.saved("legacy"))
        remove = self.dry_run("restore", "remove")
        for tool in TOOLS:
            loaded.do([tool + "-legacy-restore", "--noflush"], remove)
            if "HOSTGATE" in loaded.do([tool + "-legacy-save"]):
                raise Wrong("the file of remove leaves rules of " + tool)
        same("apply and iptables-nft-restore", not_looked(rules), self.through_restore("nft", restore).saved("nft"))

    def packets(self):
        """The kernel does with real packets what the description says, through both backends."""
        if "%" in self.text:
            self.words.append("no packets: an interface with % in its name can't be made")
            return
        for backend in ("nftables", "iptables"):
            done = program.run(PROGRAM, "prove", "-q", "--backend", backend, self.path)
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
            if "HOSTGATE" in applied.do([tool + "-legacy-save"]):
                raise Wrong("rules of iptables are left after the change to nf_tables")
        rules = applied.ruleset()
        printed = self.space()
        printed.do(["nft", "-f", "-"], text)
        same("apply and nft -f of the dry run", rules, printed.ruleset())
        printed.hostgate("apply", "--backend", "nftables", self.path)
        printed.do(["nft", "flush", "ruleset"])
        printed.do(["nft", "-f", "-"], rules)
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
        try:
            applied = self.space()
            self.path = applied.file("description.yaml", self.text)
            self.iptables(applied)
            self.nftables(applied)
            if self.proofs:
                self.packets()
            same("a host after remove and a fresh one", applied.saved("legacy"), {tool: "\n" for tool in TOOLS})
            if applied.ruleset():
                raise Wrong("rules of nf_tables are left after remove")
        finally:
            for each in self.spaces:
                each.close()


def all_cases(n_random, seed):
    for path in sorted(glob.glob(os.path.join(EXAMPLES, "*.yaml"))):
        yield os.path.basename(path), program.read(path)
    yield "names a shell would read", describe.text(describe.description(seed, 4, hostile=True))
    yield LARGE, describe.text(describe.description(seed, 40))
    for n in range(n_random):
        yield "random %d" % (seed + n), describe.text(describe.description(seed + n))


def how(name, number, sample):
    """A script of forty networks is ten thousand commands, so it is held, as those of the sample are."""
    if "random" not in name:
        return "held" if name == LARGE else "whole"
    return "held" if number % sample == 0 else None


def timed(case):
    begun = time.monotonic()
    try:
        case.judge()
        wrong = None
    except (Wrong, space.SpaceError, subprocess.SubprocessError, OSError) as error:
        wrong = str(error)
    return case, wrong, time.monotonic() - begun


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", type=int, default=int(os.environ.get("ORACLE_RANDOM", "200")), help="random descriptions; 200")
    parser.add_argument("-s", "--seed", type=int, default=1, help="of the first one")
    parser.add_argument("-k", default="", help="only cases with this in their name")
    parser.add_argument("--sample", type=int, default=int(os.environ.get("ORACLE_SAMPLE", "8")),
                        help="of so many random ones, the script of one is run by sh, and one is proved; 8")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="descriptions at a time")
    args = parser.parse_args()
    counts = Counts()
    if os.geteuid() != 0:
        counts.tell("skip", "all of them", "root only can make network namespaces")
        return counts.finish()
    cases = [Case(number, name, text, how(name, number, args.sample),
                  "random" not in name or number % args.sample == args.sample // 2)
             for number, (name, text) in enumerate(all_cases(args.n, args.seed)) if args.k in name]
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for case, wrong, took in pool.map(timed, cases):
            counts.tell("FAIL" if wrong else "ok", "%s (%.1f s)" % (case.name, took), "; ".join(case.words))
            if wrong:
                print(re.sub(r"(?m)^", "       ", wrong.rstrip()), flush=True)
    return counts.finish()


if __name__ == "__main__":
    sys.exit(main())
