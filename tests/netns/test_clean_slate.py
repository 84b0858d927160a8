# SPDX-License-Identifier: GPL-2.0-or-later
"""settings.clean-slate: others' rules in iptables' filter, nat and mangle go; nothing else does, and never by default."""

import json
import re
import subprocess

import cases
import kernel
from lab import Lab
from test_gap import Storm

KINDS = [(tool, variant) for tool in ("iptables", "ip6tables") for variant in ("nft", "legacy")]
RULES = """
-N THEIRS
-A THEIRS -p udp -m comment --comment "a -j HOSTGATE-x" -j RETURN
-A INPUT -p tcp --dport 22 -j ACCEPT
-A FORWARD -i dmz0 -g THEIRS
-A FORWARD -i vmnet2 -j ACCEPT
-P FORWARD DROP
-t nat -N THEIRS
-t nat -A THEIRS -j RETURN
-t nat -A POSTROUTING -o eth0 -p tcp -j THEIRS
-t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
-t raw -A PREROUTING -i dmz0 -p udp --dport 69 -j RETURN
"""
COUNT = {"mangle": 1, "nat": 2, "filter": 4}
TABLES = """
table inet firewall { chain forward { type filter hook forward priority filter - 5; counter; }; }
table ip theirs { chain forward { type filter hook forward priority filter - 4; iifname "dmz0" counter; }; }
"""


def clean(**settings):
    return cases.standard(settings={"clean-slate": True, **settings})


def others(lab, kinds=KINDS):
    """Rules of others, in both kinds of iptables and in tables that are not iptables'."""
    for tool, variant in kinds:
        lab.iptables(tool, variant, *RULES.split("\n")[1:-1])
    lab.nft(TABLES)


def theirs(lab, tool, variant, tables=("raw", "mangle", "nat", "filter")):
    """What a table has without ours, as iptables lists it: by table, without counters and jumps to us."""
    found = {}
    for table in tables:
        lines = lab.must(["%s-%s" % (tool, variant), "-w", "-t", table, "-S"]).splitlines()
        found[table] = [line for line in lines if not line.startswith("#") and not re.search(r"^-[AN] HOSTGATE-| -j HOSTGATE-\S*$", line)]
    return found


def emptied(before):
    """What -F of the three tables leaves of it: chains and policies."""
    return {table: lines if table == "raw" else [line for line in lines if not line.startswith("-A")]
            for table, lines in before.items()}


def foreign_tables(lab):
    return [lab.must(["nft", "list", "table", *name.split()]) for name in ("inet firewall", "ip theirs", "ip raw", "ip6 raw")]


class Slate:

    def reached(self):
        """The kinds of iptables that this way of installing empties: a script has one."""
        return [kind for kind in KINDS if not self.installer.script or kind[1] == self.installer.variant]

    def assert_emptied(self, lab, before, tables):
        for kind in KINDS:
            expected = emptied(before[kind]) if kind in self.reached() else before[kind]
            self.assertEqual(theirs(lab, *kind), expected, kind)
        if self.installer.name != "script-nft":     # that one has its door in iptables-nft's raw
            self.assertEqual(foreign_tables(lab), tables)
        self.assertIn("hostgate" if self.installer is cases.NFTABLES else "HOSTGATE-FORWARD",
                      lab.must(["nft", "list", "ruleset"]) + lab.must(["iptables-legacy-save"]))

    def taken_out_again(self, lab, storm, argv, env):
        """Others put rules in, and the program, under a flood, takes them out without a gap."""
        for tool, variant in self.reached():
            lab.iptables(tool, variant, *["-A %s -p udp --dport %d -j RETURN" % (chain, 1000 + number)
                                          for chain in ("FORWARD", "INPUT") for number in range(6)])
        errors = lab.file("errors", "")
        with open(errors, "w") as file:
            child = lab.start(argv, env=env, cpu=Lab.other_cpu, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=file)
        storm.during(child)
        with open(errors) as file:
            self.assertEqual(child.returncode, 0, file.read())
        self.assertEqual(storm.leaks[:5], [], "%d leaks" % len(storm.leaks))
        for kind in self.reached():
            rules = theirs(lab, *kind, tables=["filter"])["filter"]
            self.assertEqual([line for line in rules if line.startswith("-A")], [])


@cases.promise_applied
class CleanSlate(Slate):

    def test_others_go(self):
        """clean-slate: others' rules of filter, nat and mangle are gone, chains, policies and other tables stay; again, too."""
        lab = self.new_lab()
        others(lab)
        before = {kind: theirs(lab, *kind) for kind in KINDS}
        tables = foreign_tables(lab)
        self.assertIn("-P FORWARD DROP", before["iptables", "legacy"]["filter"])
        for _ in range(2):
            self.installer.install(lab, clean())
            self.assert_emptied(lab, before, tables)

    def test_not_by_default(self):
        """Without clean-slate nothing of others is touched."""
        lab = self.new_lab()
        others(lab)
        before = {kind: theirs(lab, *kind) for kind in KINDS}
        self.installer.install(lab, cases.standard())
        self.installer.install(lab, cases.standard(vmnet3=None))
        self.assertEqual({kind: theirs(lab, *kind) for kind in KINDS}, before)

    def test_no_gap(self):
        """P5: others put rules in, a flood goes on, and they are taken out: no packet passes that must not."""
        lab = self.new_lab()
        self.installer.install(lab, clean())
        storm = Storm(lab, forged=False)
        path = lab.file("clean.yaml", json.dumps(clean()))
        for _ in range(8):
            self.taken_out_again(lab, storm, self.installer.argv("apply", path), lab.env())
        self.assertTrue(storm.passes(), "the nat network gets out")


@cases.promise_script
class CleanSlateScript(Slate):

    def test_clean_slate(self):
        """Not by default; then others' rules of filter, nat and mangle are gone, and nothing else; again under a flood, without a gap."""
        lab = self.new_lab()
        others(lab)
        before, tables = {kind: theirs(lab, *kind) for kind in KINDS}, foreign_tables(lab)
        self.installer.install(lab, cases.standard())
        self.assertEqual({kind: theirs(lab, *kind) for kind in KINDS}, before)
        script = self.installer.text(lab, clean())
        self.installer.shell(lab, script)
        self.assert_emptied(lab, before, tables)
        for kind in KINDS:                      # policies of others stay, and would keep all guests in
            lab.iptables(*kind, "-P FORWARD ACCEPT")
        storm = Storm(lab, forged=False)
        self.taken_out_again(lab, storm, ["sh", lab.file("up.sh", script)], self.installer.env(lab))
        self.assertTrue(storm.passes(), "the nat network gets out")


class Backends(cases.Case):
    """What plan and apply say, over both backends."""

    installer = cases.NFTABLES

    ways = [way for way in cases.INSTALLERS if not way.script]

    def run_json(self, lab, way, command, path, code):
        done = lab.run(way.argv(command, "--json", path))
        self.assertEqual(done.returncode, code, done.stderr)
        return json.loads(done.stdout)["changes"]

    def test_plan(self):
        """plan lists what would go and ends with 10; apply says the same; then there is nothing to do, and nothing is written."""
        for way in self.ways:
            lab = self.new_lab()
            path = lab.file("clean.yaml", json.dumps(clean()))
            way.install(lab, cases.standard())
            others(lab)
            names = {"nft": {"iptables": "ip", "ip6tables": "ip6"}, "legacy": {"iptables": "iptables", "ip6tables": "ip6tables"}}
            expected = {"%s %s" % (names[variant][tool], table): "%d rule%s of other programs (clean-slate)" % (count, "s" * (count != 1))
                        for tool, variant in KINDS for table, count in COUNT.items()}
            before = {kind: theirs(lab, *kind) for kind in KINDS}
            planned = self.run_json(lab, way, "plan", path, 10)
            self.assertEqual({change["name"]: change["before"] for change in planned}, expected)
            self.assertEqual({(change["kind"], change["what"], change["after"]) for change in planned}, {("remove", "table", None)})
            self.assertIn("- table iptables nat: 2 rules of other programs (clean-slate)\n", lab.run(way.argv("plan", path)).stdout)
            self.assertEqual({kind: theirs(lab, *kind) for kind in KINDS}, before, "plan changes nothing")
            self.assertEqual(self.run_json(lab, way, "apply", path, 0), planned)
            after = kernel.generation(lab), lab.must(["iptables-legacy", "-S", "-v"])
            self.assertEqual(self.run_json(lab, way, "plan", path, 0), [])
            self.assertEqual(self.run_json(lab, way, "apply", path, 0), [])
            self.assertEqual((kernel.generation(lab), lab.must(["iptables-legacy", "-S", "-v"])), after)

    def test_first_time(self):
        """On a host without iptables nothing of it comes to life, in neither kind."""
        lab = self.new_lab()
        cases.NFTABLES.install(lab, clean())
        self.assertEqual(lab.must(["nft", "list", "tables"]), "table inet hostgate\n")
        for name in ("ip_tables_names", "ip6_tables_names"):
            self.assertEqual(lab.must(["cat", "/proc/net/" + name]), "")

    def test_remove(self):
        """remove takes ours out and brings nothing of others back."""
        for way in self.ways:
            lab = self.new_lab()
            others(lab)
            left = {kind: emptied(theirs(lab, *kind)) for kind in KINDS}
            way.install(lab, clean())
            way.remove(lab)
            self.assertEqual({kind: theirs(lab, *kind) for kind in KINDS}, left)

    def test_chains_of_ours(self):
        """A script's chains and jumps in iptables-nft's tables are no rules of others to apply."""
        lab = self.new_lab()
        script = next(way for way in cases.INSTALLERS if way.name == "script-nft")
        script.install(lab, cases.standard())
        def outside_raw():
            return re.findall(r"(?m)^-.*$", re.sub(r"(?s)\*raw.*?COMMIT", "", lab.must(["iptables-nft-save"])))

        rules = outside_raw()
        others(lab, [("iptables", "nft")])
        cases.NFTABLES.install(lab, clean())
        self.assertEqual(outside_raw(), rules)

    def test_user_of_ours(self):
        """A chain of others that jumps to ours is emptied with the rest, and is no obstacle."""
        lab = self.new_lab()
        way = next(way for way in cases.INSTALLERS if way.name == "apply-iptables")
        way.install(lab, clean())
        for words in ("-N USER", "-A USER -j HOSTGATE-LEAVE"):
            lab.must(["iptables-legacy", "-w"] + words.split())
        way.install(lab, clean(deny="drop"))
        self.assertNotIn("-A USER", lab.must(["iptables-legacy", "-S"]))


class Files(cases.Case):
    """The files of --dry-run, loaded by the tools that they are for."""

    installer = cases.NFTABLES

    def text(self, lab, dialect):
        return cases.succeeded(dialect, cases.NFTABLES.run(lab, clean(), "--dry-run=" + dialect)).stdout

    def test_restore(self):
        """iptables-restore: built-in chains hold our jumps alone; chains of others are not reached any more."""
        for variant in ("nft", "legacy"):
            with self.subTest(variant):
                lab = self.new_lab()
                others(lab)
                text = self.text(lab, "restore")
                for tool in ("iptables", "ip6tables"):
                    for _ in range(2):
                        lab.must(["%s-%s-restore" % (tool, variant), "-w", "--noflush"], stdin=text)
                    for table in ("filter", "nat", "mangle"):
                        rules = lab.must(["%s-%s" % (tool, variant), "-w", "-t", table, "-S"])
                        for chain, rest in re.findall(r"(?m)^-A (\S+)(.*)$", rules):
                            if not chain.startswith("HOSTGATE-") and chain != "THEIRS":
                                self.assertRegex(rest, r"^ -j HOSTGATE-\S+$")
                    self.assertIn("--dport 69", lab.must(["%s-%s" % (tool, variant), "-t", "raw", "-S"]))

    def test_nft(self):
        """nft -f: iptables-nft's tables are emptied, others and those of iptables-legacy are not."""
        lab = self.new_lab()
        others(lab)
        before, tables = {kind: theirs(lab, *kind) for kind in KINDS}, foreign_tables(lab)
        for _ in range(2):
            lab.nft(self.text(lab, "nft"))
        for kind in KINDS:
            self.assertEqual(theirs(lab, *kind), emptied(before[kind]) if kind[1] == "nft" else before[kind])
        self.assertEqual(foreign_tables(lab), tables)
