# SPDX-License-Identifier: GPL-2.0-or-later
"""Several at once: applies take turns, and what others commit meanwhile does not get between."""

import json
import os
import subprocess
import sys

import cases
import kernel
import picture
from lab import HANG, PROGRAM, Space, pin

AT_ONCE = 20
# Commits one transaction of its own after the other: a table comes, and goes. Its argument: seconds between two.
STORM = r"""
import socket, struct, sys, time
def message(kind, flags, family, subsystem, name=b""):
    attribute = struct.pack("=HH", 4 + len(name), 1) + name + b"\0" * (-len(name) % 4) if name else b""
    return struct.pack("=IHHIIBBH", 20 + len(attribute), kind, 1 | flags, 0, 0, family, 0, socket.htons(subsystem)) + attribute
batch = (message(0x10, 0, 0, 10) + message(10 << 8, 0x400, 2, 0, b"storm\0") + message(10 << 8 | 2, 0, 2, 0, b"storm\0")
         + message(0x11, 0, 0, 10))
sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
sock.bind((0, 0))
print("ready", flush=True)
while True:
    sock.send(batch)
    if float(sys.argv[1]):
        time.sleep(float(sys.argv[1]))
"""


class Concurrency(cases.Case):

    backend = "nftables"

    def setUp(self):
        self.host = Space()
        self.addCleanup(self.host.close)
        self.paths = [self.host.file("%d.yaml" % number, json.dumps(described)) for number, described in enumerate((
            cases.standard(), cases.standard(vmnet1={"mode": "isolated"}, vmnet3=None)))]

    def argv(self, path, *options):
        return [PROGRAM, "apply", "--backend", self.backend, *options, path]

    def ours(self):
        """Our rules; jumps in built-in chains among them."""
        return {key: value for key, value in picture.rules(self.host).items()
                if picture.is_ours(key) or any("HOSTGATE" in str(line) for line in value)}

    def wanted(self):
        """What each description is alone."""
        found = []
        for path in self.paths:
            self.host.must(self.argv(path))
            found.append(self.ours())
            self.host.must([PROGRAM, "remove"])
        self.assertNotEqual(*found)
        return found

    def at_once(self, *options):
        """Starts all, waits for all; returns (exit status, messages) of each."""
        children = [self.host.start(self.argv(self.paths[number % 2], *options), stdin=subprocess.DEVNULL,
                                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for number in range(AT_ONCE)]
        results = []
        for child in children:
            _, errors = child.communicate(timeout=HANG)
            results.append((child.returncode, errors))
        return results

    def test_in_turn(self):
        """20 applies of two descriptions at the same time, each patient: all succeed, the end is one of them whole."""
        wanted = self.wanted()
        results = self.at_once("--wait", "600")
        self.assertEqual([result for result in results if result[0] != 0], [])
        self.assertIn(self.ours(), wanted)
        print("     %s: %d applies at once, %d done" % (self.backend, AT_ONCE, len(results)), flush=True)

    def test_impatient(self):
        """The same without patience: done, or 4 with the lock's message; the end is one of them whole."""
        wanted = self.wanted()
        results = self.at_once("--wait", "0")
        done = [result for result in results if result[0] == 0]
        self.assertGreater(len(done), 0)
        for status, errors in results:
            if status != 0:
                self.assertEqual(status, 4, errors)
                self.assertIn("another hostgate is running here", errors)
                self.assertIn("--wait", errors)
        self.assertIn(self.ours(), wanted)
        print("     %s: %d applies at once, %d done, %d told that another is at work"
              % (self.backend, AT_ONCE, len(done), AT_ONCE - len(done)), flush=True)

    def in_storm(self, how, argv, reason):
        """Applies and removes while the storm goes on: done, or 4 with the reason, and never half."""
        wanted, count = self.wanted(), {0: 0, 4: 0}
        child = self.host.start(argv, cpu=pin(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.assertEqual(child.stdout.readline(), "ready\n")
        before = {}
        for number in range(40):
            if number % 5 == 4:
                done, expected = self.host.run([PROGRAM, "remove"]), {}
            else:
                done, expected = self.host.run(self.argv(self.paths[number % 2])), wanted[number % 2]
            self.assertIn(done.returncode, count, done.stderr)
            count[done.returncode] += 1
            if done.returncode:
                self.assertRegex(done.stderr, reason)
                if "new rules are installed" not in done.stderr:
                    expected = before
            now = self.ours()
            self.assertEqual(picture.changed(expected, now), {}, "(expected, there) " + done.stderr)
            before = now
        self.assertIsNone(child.poll(), "the storm is over before its time")
        child.kill()
        child.communicate()
        print("     %s among foreign commits, %s: %d done, %d gave up" % (self.backend, how, count[0], count[4]), flush=True)
        return count

    def test_foreign_commits(self):
        """A loop of foreign transactions: apply succeeds, or gives up after its attempts; nothing is half there."""
        script, reason = self.host.file("storm.py", STORM), "another program keeps changing the tables|cannot read back what was installed"
        before = kernel.generation(self.host)
        fast = self.in_storm("without a pause", [sys.executable, script, "0"], reason)
        self.assertGreater(kernel.generation(self.host) - before, 1000, "it is no storm")
        if os.cpu_count() > 1:
            self.assertGreater(fast[4], 0, "nobody got between: the test tests nothing")
        slow = self.in_storm("one every 10 ms", [sys.executable, script, "0.01"], reason)
        self.assertGreater(slow[0], 30)


class ConcurrencyIptables(Concurrency):
    backend = "iptables"

    def test_foreign_commits(self):
        """The same with iptables, which takes turns by its lock."""
        rule = "INPUT -p udp --dport 9 -j DROP"
        count = self.in_storm("one after another", ["sh", "-c", "echo ready; while iptables-legacy -w -A %s && iptables-legacy -w -D %s; do :; done"
                               % (rule, rule)], "another program changes the rules of iptables")
        self.assertEqual(count[4], 0)


