# SPDX-License-Identifier: GPL-2.0-or-later
"""P5: a printed script that is interrupted between two commands, and run again, opens no gap."""

import os

import cases
from lib import script
from lab import Space

BOTH = {"uplinks": {"eth0": {"address": ["203.0.113.11", "2001:db8::11"]}},
        "networks": {"vmnet1": {"subnet": ["192.168.56.0/24", "fd00:56::/64"], "mode": "nat"}}}
# In IPv4 it has a jump from mangle INPUT, but none of the others in that table.
IPV6_ONLY = {"uplinks": {"eth0": {"address": "2001:db8::11"}},
             "networks": {"vmnet1": {"subnet": "fd00:56::/64", "mode": "nat"}}}

# Lets so many commands that change something pass, and writes down what the table holds behind each.
WRAPPER = """#!/bin/sh
case $4 in -[ADEFINX]) ;; *) exec "$REAL" "$@" ;; esac
left=$(cat "$STEPS/left")
[ "$left" -gt 0 ] || exit 9
echo $((left - 1)) >"$STEPS/left"
"$REAL" "$@" || exit
echo "$3 $4" >>"$STEPS/commands"
"$REAL-save" -t mangle >"$STEPS/$left"
"""


class Interrupted(cases.Case):
    """Through iptables-legacy, IPv4 alone: the two halves of a script are alike."""

    installer = next(way for way in cases.INSTALLERS if way.name == "script-legacy")

    def run_steps(self, space, described, steps):
        """Runs the IPv4 half for so many commands; returns its exit status and [(TABLE COMMAND, the table behind)]."""
        folder = os.path.join(space.directory, "steps-%d" % len(os.listdir(space.directory)))
        os.mkdir(folder)
        tool = os.path.join(folder, "iptables")
        with open(tool, "w", encoding="ascii") as file:
            file.write(WRAPPER)
        os.chmod(tool, 0o755)
        with open(os.path.join(folder, "left"), "w", encoding="ascii") as file:
            file.write("%d\n" % steps)
        text = self.installer.text(space, described).split("\nif [ -d /proc/sys/net/ipv6 ]")[0]
        env = space.env(PATH=folder + ":" + script.path(space, "legacy"), STEPS=folder, REAL="/usr/sbin/iptables-legacy")
        done = space.run(["sh", space.file("half", text)], env=env)
        with open(os.path.join(folder, "commands"), encoding="ascii") as file:
            commands = file.read().splitlines()
        tables = []
        for number in range(len(commands)):
            with open(os.path.join(folder, str(steps - number)), encoding="ascii") as file:
                tables.append(file.read())
        return done.returncode, list(zip(commands, tables))

    def judge(self, table, what):
        """mangle INPUT leads to a chain of ours that has rules."""
        entered = [line.split()[-1] for line in table.splitlines() if line.startswith("-A INPUT -j HOSTGATE-")]
        self.assertTrue(any("-A %s " % chain in table for chain in entered), "%s: no rules behind mangle INPUT\n%s" % (what, table))

    def fresh(self):
        space = Space()
        self.addCleanup(space.close)
        status, _ = self.run_steps(space, BOTH, 1000)
        self.assertEqual(status, 0)
        return space

    def test_run_again(self):
        """Stopped behind each command that makes or deletes a jump of mangle, a second run keeps what is whole."""
        status, steps = self.run_steps(self.fresh(), IPV6_ONLY, 1000)
        self.assertEqual(status, 0)
        points = [number for number, (command, _) in enumerate(steps, 1) if command in ("mangle -I", "mangle -D")]
        self.assertGreater(len(points), 3)
        for point in points:
            with self.subTest("stopped behind command %d" % point):
                space = self.fresh()
                status, done = self.run_steps(space, IPV6_ONLY, point)
                self.assertNotEqual(status, 0)
                self.assertEqual(len(done), point)
                self.judge(done[-1][1], "as it was left")
                status, again = self.run_steps(space, IPV6_ONLY, 1000)
                self.assertEqual(status, 0)
                for command, table in again:
                    self.judge(table, "run again, behind " + command)
                self.assertNotIn(".OLD", again[-1][1])
