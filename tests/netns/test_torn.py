# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules that others replace while they are read: what is told is of one moment, or that it can't be told."""

import json
import os
import re
import signal
import time

import cases
import kernel
from lab import HANG, LINK, PROGRAM, REMOTE, LabError

# One of them stands at any time, and each stops the packet.
TABLES = ["table inet fw {}\ndelete table inet fw\n"
          "table inet fw { chain %s { type filter hook forward priority 5; drop; }; }\n" % chain for chain in "ab"]
MOST_STOPS = 1000       # ends a command that goes on reading for ever


class Torn(cases.Case):
    installer = cases.NFTABLES

    def setUp(self):
        super().setUp()
        self.lab = self.new_lab()
        self.installer.install(self.lab, cases.standard())
        self.commits = 0
        self.replace()

    def replace(self):
        self.lab.nft(TABLES[self.commits % 2])
        self.commits += 1

    def wait(self, child):
        """Waits until the child stands still (True) or has ended (False)."""
        end = time.monotonic() + HANG
        while time.monotonic() < end:
            pid, status = os.waitpid(child.pid, os.WUNTRACED | os.WNOHANG)
            if pid and os.WIFSTOPPED(status):
                return True
            if pid:
                child.returncode = os.waitstatus_to_exitcode(status)
                return False
            time.sleep(0.001)
        raise LabError("hostgate neither stops nor ends")

    def replacing(self, when, *words):
        """Runs hostgate, with the table replaced behind its sends of these numbers (as strace counts them).

        Returns (how often it was replaced, exit status, the JSON document)."""
        before, path = self.commits, self.lab.file("out", "")
        with open(path, "w") as out:
            child = self.lab.start(["strace", "-D", "-o", "/dev/null", "-e", "trace=sendto", "-e",
                                    "inject=sendto:signal=SIGSTOP:when=" + when, PROGRAM, *words], stdout=out, stderr=out)
        while self.wait(child):
            self.assertLess(self.commits - before, MOST_STOPS, "it goes on reading for ever")
            self.replace()
            os.kill(child.pid, signal.SIGCONT)
        with open(path) as file:
            return self.commits - before, child.returncode, json.load(file)

    def each_dump(self, *words):
        """One run for each dump of tables, chains, sets or rules, with the table replaced behind that one."""
        _, trace = kernel.traced(self.lab, [PROGRAM, *words])
        sends = [line for line in trace.splitlines() if "sendto(" in line]
        dumps = [number for number, line in enumerate(sends, 1) if "NLM_F_DUMP" in line
                 and re.search("NFT_MSG_GET(TABLE|CHAIN|SET|RULE)\\b", line)]
        self.assertGreaterEqual(len(dumps), 4)
        for number in dumps:
            times, status, answer = self.replacing(str(number), *words)
            self.assertEqual(times, 1)
            yield number, status, answer

    def packet(self):
        return "explain", "--live", "--json", "--from=vmnet1", LINK["vmnet1"].guest(4), REMOTE[4]

    def test_explain(self):
        """A packet that every generation drops: explain --live names the drop, whenever the table is replaced."""
        for number, status, answer in self.each_dump(*self.packet()):
            with self.subTest(number):
                self.assertEqual((status, answer["live"]["verdict"]), (0, "stops"))
                self.assertEqual(answer["live"]["steps"][-1]["chain"]["table"], "fw")

    def test_status(self):
        """status names the table as a blocker, whenever it is replaced."""
        for number, status, answer in self.each_dump("status", "--json"):
            with self.subTest(number):
                self.assertEqual((status, [one["table"] for one in answer["blockers"]]), (5, ["fw"]))

    def test_for_ever(self):
        """A table that is replaced behind every single question: nothing is told, and that is said."""
        for words in (self.packet(), ("status", "--json")):
            with self.subTest(words[0]):
                times, status, answer = self.replacing("1+", *words)
                self.assertGreater(times, 10)
                self.assertEqual(status, 4)
                self.assertEqual([one["code"] for one in answer["diagnostics"] if one["severity"] == "error"], ["HG-E205"])
                self.assertNotIn("live", answer)
                self.assertNotIn("blockers", answer)
