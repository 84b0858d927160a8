# SPDX-License-Identifier: GPL-2.0-or-later
"""Random rounds of commands and of what others do, against a model of what must be there after each.

The model knows which description is installed by which backend, what the kernel had before the last
apply that changed something, and which values sysctls had while nothing was installed. What an
installed description looks like comes from a fresh host, once. ROUNDS and ROUNDS_SEED say how many,
and which.
"""

import json
import os
import random
import re
import sys

import cases
import inject
import picture
from lab import PROGRAM, Space

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "oracle"))
import describe  # noqa: E402  (after the path is set)

ROUNDS = int(os.environ.get("ROUNDS", "1000"))
SEED = int(os.environ.get("ROUNDS_SEED", "7"))
DESCRIPTIONS = 8
SWITCHES = {"ipv4/ip_forward": "/proc/sys/net/ipv4/ip_forward", "ipv6/conf/all/forwarding": "/proc/sys/net/ipv6/conf/all/forwarding"}
# Interfaces that descriptions name (see oracle/describe.py), and a stranger; their forwarding may be another than the switch.
LINKS = ["eth0", "vmnet1", "p3x1", "dmz0"]
# Of others, that nothing of ours has to do with.
TABLES = [
    "table inet stranger { set s { type ipv4_addr; elements = { 10.0.0.%d }; } chain in { type filter hook input priority 0; ip saddr @s counter accept; } }",
    "table ip filter2 { chain c { counter drop; } chain in { type filter hook input priority %d; udp dport 9 jump c; } }",
    "table ip6 six { map m { type inet_service : verdict; elements = { %d : accept, 77 : drop }; } chain in { type filter hook input priority 1; tcp dport vmap @m; } }",
    "table arp quiet { chain c { type filter hook input priority %d; counter; } }",
]
OWN_XT = ["-A INPUT -p udp --dport %d -j ACCEPT", "-N MINE%d", "-t mangle -A INPUT -s 10.9.%d.0/24 -j MARK --set-mark 1"]


class Model:
    """What must be there."""

    def __init__(self):
        self.ours, self.theirs, self.sysctls = {}, None, None
        self.installed = False      # hostgate remembers something
        self.undo = None            # (ours, sysctls, installed) before the last change
        self.pending = False


class Rounds(cases.Case):

    weight = 5          # it alone decides how long the suite takes at least

    def setUp(self):
        self.host, self.fresh = Space(), Space()
        self.addCleanup(self.host.close)
        self.addCleanup(self.fresh.close)
        for link in LINKS:
            self.host.must(["ip", "link", "add", link, "type", "bridge"])
        self.random, self.model, self.known, self.log = random.Random(SEED), Model(), {}, []
        # None that empties others' tables.
        texts = (describe.text(describe.description(SEED * 1000 + number)) for number in range(10 * DESCRIPTIONS))
        self.texts = [text for text in texts if "clean-slate" not in text][:DESCRIPTIONS]
        self.paths = [self.host.file("%d.yaml" % number, text) for number, text in enumerate(self.texts)]
        self.model.sysctls = picture.sysctls(self.host)
        self.model.theirs = self.look()[1]

    # ---- what is there

    def look(self, lab=None):
        """(ours, theirs): our rules, whatever the order of chains and sets; the text of all others, as it is."""
        lab = lab or self.host
        text = lab.must(["nft", "-s", "list", "ruleset"])
        own = "".join(re.findall(r"(?ms)^table inet hostgate \{.*?^}\n", text))
        ours, theirs = picture.nft_tables(own), [text.replace(own, "")]
        for tool in picture.TOOLS:
            saved = re.sub(r"(?m)^#.*\n| \[\d+:\d+\]$", "", lab.must([tool + "-legacy-save"]))
            table = None
            for line in saved.splitlines():
                table = line if line[:1] == "*" else table
                # A table that anybody only looked at lives, and its chains are empty.
                if line.startswith(("-A", ":")) and "HOSTGATE" not in line and not re.match(r":[A-Z]+ ACCEPT", line):
                    theirs.append("%s %s %s" % (tool, table, line))
            chains = picture.xt_chains(tool, "\n".join(line for line in saved.splitlines() if "HOSTGATE" in line or line[:1] == "*"))
            ours.update({key: tuple(value) for key, value in chains.items()})
        return ours, theirs

    def wanted(self, number, backend):
        """(ours, switches): what the description is on a fresh host."""
        if (number, backend) not in self.known:
            self.fresh.must([PROGRAM, "apply", "--backend", backend, self.fresh.file("d.yaml", self.texts[number])])
            self.known[number, backend] = self.look(self.fresh)[0], {name: self.fresh.sysctl(name) for name in SWITCHES}
            self.fresh.must([PROGRAM, "remove"])
            self.assertEqual(self.look(self.fresh)[0], {})
        return self.known[number, backend]

    def hostgate(self, *words, expected=0):
        done = self.host.run([PROGRAM, *words])
        self.assertEqual(done.returncode, expected, "%s: %s" % (words, done.stderr))
        return done

    # ---- what happens, and what follows from it

    def do_apply(self, *options):
        number, backend = self.random.randrange(DESCRIPTIONS), self.random.choice(("nftables", "iptables"))
        self.log[-1] += " %d %s" % (number, backend)
        if self.model.pending:
            return self.hostgate("apply", "--backend", backend, self.paths[number], expected=4)
        ours, switches = self.wanted(number, backend)
        before = self.model.ours, picture.sysctls(self.host), self.model.installed
        done = self.hostgate("apply", "--json", "--backend", backend, *options, self.paths[number])
        after = picture.sysctls(self.host)
        changed = json.loads(done.stdout)["changed"]
        self.assertEqual(changed, (before[0], before[1]) != (ours, after), "what it says is what happened")
        for name, path in SWITCHES.items():
            if switches[name] == "1":
                self.assertEqual(after[path], "1", name)
        if changed:
            self.model.undo = before
            self.model.pending = bool(options)
        self.model.ours, self.model.installed = ours, True
        return done

    def do_apply_with_confirmation(self):
        self.do_apply("--confirm", "600")

    def do_confirm(self):
        self.hostgate("confirm", expected=0 if self.model.pending else 1)
        self.model.pending = False

    def do_rollback(self):
        if not self.model.undo:
            return self.hostgate("rollback", expected=1)
        self.hostgate("rollback")
        return self.undone()

    def undone(self):
        self.model.ours, sysctls, self.model.installed = self.model.undo
        self.assertEqual(picture.changed(sysctls, picture.sysctls(self.host)), {}, "(before the change, now)")
        self.model.undo, self.model.pending = None, False

    def do_wait(self):
        """The time to confirm is over."""
        if not self.model.pending:
            return
        folder = self.host.env()["HOSTGATE_RUNDIR"]
        path, = [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".json")]
        with open(path) as file:
            record = json.load(file)
        record["pending"]["until"] = 1
        with open(path + ".test", "w") as file:
            json.dump(record, file)
        os.rename(path + ".test", path)
        self.assertTrue(inject.gone(self.host))
        self.undone()

    def do_remove(self):
        if self.model.pending:
            return self.hostgate("remove", expected=4)
        self.hostgate("remove")
        self.model.ours, self.model.installed, self.model.undo = {}, False, None
        self.assertEqual(picture.files(self.host), ["lock"])
        return None

    def do_look(self):
        """Commands that change nothing."""
        self.assertIn(self.host.run([PROGRAM, "status"]).returncode, (0, 5))
        self.assertIn(self.host.run([PROGRAM, "plan", self.paths[0]]).returncode, (0, 10))

    def others(self, *commands):
        """Somebody else's commands; what is there then is theirs, and ours as far as they left it."""
        for command in commands:
            self.host.run(command.split()) if isinstance(command, str) else self.host.run(["nft", "-f", "-"], stdin=command[0])
        self.model.ours, self.model.theirs = self.look()

    def do_their_table(self):
        text = self.random.choice(TABLES)
        name = " ".join(text.split()[1:3])
        how = self.random.choice(("add", "replace", "flush", "delete"))
        new = text % self.random.randrange(1, 99)
        was = self.model.ours
        if how == "add":
            self.others((new,))
        else:
            self.others(("table %s\n%s table %s\n%s" % (name, "flush" if how == "flush" else "delete", name, new if how == "replace" else ""),))
        self.assertEqual(self.model.ours, was)

    def do_their_iptables(self):
        tool = self.random.choice(("iptables-legacy", "ip6tables-legacy"))
        was = self.model.ours
        line = self.random.choice(OWN_XT[:2] if tool[2] == "6" else OWN_XT) % self.random.randrange(1, 99)
        self.others(tool + " -w " + line)
        self.assertEqual(self.model.ours, was)

    def do_their_flush(self):
        """Whoever empties everything takes our rules along; the next apply brings them back."""
        self.others(self.random.choice(("nft flush ruleset", "nft flush ruleset", "iptables-legacy -w -F", "ip6tables-legacy -w -F")))

    def do_their_sysctl(self):
        if self.model.installed:
            self.host.sysctl("ipv4/ip_default_ttl", self.random.randrange(60, 70))
        else:
            link = "%s/conf/%s" % (self.random.choice(("ipv4", "ipv6")), self.random.choice(LINKS))
            for name in self.random.choice((list(SWITCHES), [link + "/forwarding"], ["ipv6/conf/%s/accept_ra" % self.random.choice(LINKS)])):
                self.host.sysctl(name, self.random.randrange(2))
            self.model.sysctls = picture.sysctls(self.host)

    ACTIONS = {"apply": 10, "apply_with_confirmation": 3, "confirm": 3, "wait": 2, "rollback": 4, "remove": 3, "look": 1,
               "their_table": 4, "their_iptables": 2, "their_flush": 1, "their_sysctl": 3}

    def judge(self):
        ours, theirs = self.look()
        self.assertEqual(picture.changed(self.model.ours, ours), {}, "(expected, there)")
        self.assertEqual(self.model.theirs, theirs)
        if not self.model.installed:
            self.assertEqual(picture.changed(self.model.sysctls, picture.sysctls(self.host)), {}, "(before hostgate, now)")

    def test_rounds(self):
        """After each of 500 random rounds (ROUNDS) the kernel is what a model says, and what is of others untouched."""
        names, weights = zip(*self.ACTIONS.items())
        for number in range(ROUNDS):
            name = self.random.choices(names, weights)[0]
            self.log.append("%d %s" % (number, name))
            try:
                getattr(self, "do_" + name)()
                self.judge()
            except AssertionError as error:
                raise AssertionError("%s\nthe last rounds: %s" % (error, "; ".join(self.log[-12:]))) from None
        if self.model.pending:
            self.do_confirm()
        self.do_remove()
        self.judge()
        self.assertTrue(inject.gone(self.host), "no guard is left")
        print("     rounds: %d, with %d descriptions, 0 that are not as the model says"
              % (len(self.log), len({key[0] for key in self.known})), flush=True)
