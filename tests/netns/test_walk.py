# SPDX-License-Identifier: GPL-2.0-or-later
"""From one random description to the next: what plan says is what apply does, and nothing tells where the walk came from."""

import collections
import json
import os
import re
import sys

import cases
import kernel
import watch
from lab import PROGRAM, Space

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "oracle"))
import describe  # noqa: E402  (after the path is set)

STEPS = int(os.environ.get("WALK_STEPS", "200"))
FIRST = int(os.environ.get("WALK_SEED", "1"))


class Walk(cases.Case):
    """On hosts without any link: names in rules need none."""

    backend = "nftables"
    weight = 4

    def setUp(self):
        self.walker, self.fresh = Space(), Space()
        self.addCleanup(self.walker.close)
        self.addCleanup(self.fresh.close)

    def hostgate(self, space, command, path, *options):
        done = space.run([PROGRAM, command, "--json", "--backend", self.backend, *options, path])
        self.assertIn(done.returncode, (0, 10), done.stderr)
        return json.loads(done.stdout)

    def listed(self, space):
        return watch.nft_table(space.run(["nft", "-s", "list", "table", "inet", "hostgate"]).stdout)

    def objects(self, changes):
        """What a list of changes says, as watch.difference() says it."""
        count = collections.Counter()
        for change in changes:
            name = change["name"]
            if change["what"] in ("rule", "element"):
                name = name[:name.index(": ")]
            for sign in {"add": "+", "remove": "-", "modify": "-+"}[change["kind"]]:
                if change["what"] != "sysctl":
                    count[sign, change["what"], name] += 1
        return count

    def judge_sysctls(self, changes, before, after):
        written = {"/proc/sys/" + change["name"]: change for change in changes if change["what"] == "sysctl"}
        for path, change in written.items():
            self.assertEqual((before[path].decode().strip(), after[path].decode().strip()), (change["before"], change["after"]))
        # The kernel hands a forwarding for all down to each interface, and redirects with it.
        others = {path for path in before if before[path] != after.get(path)} - set(written)
        self.assertEqual([path for path in others if not re.search("/(forwarding|accept_redirects)$", path)], [])

    def judge_messages(self, changes, before, seen):
        """The kernel told of exactly these objects."""
        expected = collections.Counter()
        for change in changes:
            what, sizes = change["what"], [int((change[key] or "0").split()[0]) for key in ("before", "after")
                                           ] if change["what"] in ("chain", "set") else [0, 0]
            for sign in {"add": "+", "remove": "-", "modify": "-+"}[change["kind"]]:
                if what != "sysctl":
                    expected[sign + what] += 1
            part = {"chain": "rule", "set": "element"}.get(what)
            if change["kind"] == "add" and part:
                expected["+" + part] += sizes[1]
            # Elements of a set go with it without a word; those of a map are told.
            if change["kind"] == "remove" and (what == "chain" or (part and any("vmap" in rule and "@" + change["name"] in rule
                                                                               for rules in before.chains.values() for rule in rules))):
                expected["-" + part] += sizes[0]
        seen = collections.Counter({kind: n for kind, n in seen.items() if kind != "generation"})
        self.assertEqual(seen, +expected)

    def step(self, seed):
        path = self.walker.file("d.yaml", describe.text(describe.description(seed)))
        monitor = watch.Monitor(self.walker)
        before, sysctls = self.listed(self.walker), self.walker.all_sysctls()
        planned = self.hostgate(self.walker, "plan", path)
        applied = self.hostgate(self.walker, "apply", path)
        self.assertEqual(planned["changes"], applied["changes"])
        seen, _ = monitor.seen()
        monitor.close()
        after = self.listed(self.walker)
        if before.chains and self.backend == "nftables":
            self.judge_messages(applied["changes"], before, seen)
        if before.chains:
            told, found = self.objects(applied["changes"]), watch.difference(before, after)
            for _, _, table in [entry for entry in told if entry[1] == "table"]:     # one word for all that is in it
                told = collections.Counter({entry: n for entry, n in told.items() if not (entry[2] + " ").startswith(table + " ")})
                found = collections.Counter({entry: n for entry, n in found.items() if not entry[2].startswith(table + " ")})
            self.assertEqual((told - found, found - told), ({}, {}))
        self.judge_sysctls(applied["changes"], sysctls, self.walker.all_sysctls())
        self.fresh.run([PROGRAM, "remove"])
        self.hostgate(self.fresh, "apply", path)
        alone = self.listed(self.fresh)
        self.assertTrue(alone.chains)
        self.assertEqual((after.chains, after.sets), (alone.chains, alone.sets))
        generation = kernel.generation(self.walker)
        again = self.hostgate(self.walker, "apply", path)
        self.assertEqual((again["changed"], again["changes"]), (False, []))
        self.assertEqual(kernel.generation(self.walker), generation)

    def test_walk(self):
        """200 steps: plan and apply say the same, the kernel tells of exactly that, the table is that of a fresh install."""
        for seed in range(FIRST, FIRST + STEPS):
            with self.subTest(seed=seed):
                self.step(seed)


class WalkIptables(Walk):
    backend = "iptables"

    def listed(self, space):
        table = watch.Table()
        for tool in ("iptables", "ip6tables"):
            for name, rules in watch.saved_table(space.run([tool + "-legacy-save"]).stdout).chains.items():
                table.chains["%s %s" % (tool, name)] = rules
        return table
