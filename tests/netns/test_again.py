# SPDX-License-Identifier: GPL-2.0-or-later
"""P7: nothing to do means nothing done."""

import fcntl
import json
import re

import cases
import kernel
import packets as p
from lab import LINK, PROGRAM, REMOTE


class Again(cases.Case):
    installer = cases.NFTABLES

    def setUp(self):
        self.lab = self.new_lab()
        self.path = self.lab.file("d.yaml", json.dumps(cases.standard()))

    def traced_apply(self):
        return kernel.traced(self.lab, [PROGRAM, "apply", self.path])

    def test_no_write(self):
        """A second apply sends no batch, writes no sysctl, starts no program, and says so."""
        done, trace = self.traced_apply()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(kernel.netlink_batches(trace), "strace shows the batch of the first apply")
        self.assertTrue(kernel.sysctl_writes(trace), "strace shows the sysctl writes of the first apply")
        self.assertEqual(kernel.programs(trace), [])
        before = kernel.generation(self.lab), self.lab.all_sysctls()
        done, trace = self.traced_apply()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex((done.stdout + done.stderr).lower(), "nothing|no change|unchanged|already|up to date")
        self.assertEqual(kernel.netlink_batches(trace), [])
        self.assertEqual(kernel.sysctl_writes(trace), [])
        self.assertEqual(before, (kernel.generation(self.lab), self.lab.all_sysctls()))

    def test_generation(self):
        """The ruleset's generation stays over ten applies; a change moves it, and changing back, too."""
        apply = self.installer
        apply.install(self.lab, cases.standard())
        first = kernel.generation(self.lab)
        for _ in range(10):
            apply.install(self.lab, cases.standard())
        self.assertEqual(kernel.generation(self.lab), first)
        apply.install(self.lab, cases.standard(vmnet3={"mode": "nat"}))
        second = kernel.generation(self.lab)
        self.assertGreater(second, first)
        apply.install(self.lab, cases.standard())
        self.assertGreater(kernel.generation(self.lab), second)

    def test_somebody_else_committed(self):
        """A foreign commit in between moves the generation, but is no reason to write anything."""
        self.installer.install(self.lab, cases.standard())
        self.lab.nft("table ip stranger { chain c { counter; }; }")
        before = kernel.generation(self.lab)
        self.installer.install(self.lab, cases.standard())
        self.assertEqual(kernel.generation(self.lab), before)

    def test_state_lost(self):
        """What hostgate remembers is a help only: without it, apply still finds nothing to do in the rules."""
        self.installer.install(self.lab, cases.standard())
        before = kernel.generation(self.lab)
        self.lab.must(["rm", "-rf", self.lab.env()["HOSTGATE_RUNDIR"]])
        self.installer.install(self.lab, cases.standard())
        self.assertEqual(kernel.generation(self.lab), before)

    def test_counters_kept(self):
        """The counters of our own rules go on counting over a re-apply."""
        self.installer.install(self.lab, cases.standard())
        self.lab.round([("vmnet2", p.udp_packet(LINK["vmnet2"].guest(f), REMOTE[f], 1, 2, b"x")) for f in (4, 6) for _ in range(7)])
        before = self.lab.must(["nft", "list", "table", "inet", "hostgate"])
        self.assertRegex(before, r"packets ([1-9])")
        self.installer.install(self.lab, cases.standard())
        self.assertEqual(self.lab.must(["nft", "list", "table", "inet", "hostgate"]), before)

    def test_json(self):
        """apply --json and plan --json say whether anything changed."""
        for words, expected in ((["plan"], True), (["apply"], True), (["apply"], False), (["plan"], False)):
            done = self.lab.run([PROGRAM, words[0], "--json", self.path])
            self.assertEqual(done.returncode, 10 if words == ["plan"] and expected else 0, done.stderr)
            document = json.loads(done.stdout)
            self.assertIs(document["changed"], expected, words)
            self.assertIn("format", document)


class AgainIptables(cases.Case):
    """The same over legacy iptables, and the change from one backend to the other."""

    installer = next(way for way in cases.INSTALLERS if way.name == "apply-iptables")

    def setUp(self):
        self.lab = self.new_lab()
        self.installer.install(self.lab, cases.standard())

    def saved(self):
        """Both families' rules; IPv4 with counters (the host's own multicast reports count in IPv6)."""
        text = self.lab.must(["iptables-legacy-save", "-c"]) + self.lab.must(["ip6tables-legacy-save"])
        return re.sub(r"(?m)^(#.*\n|(:\S+ \S+) \[.*\]$)", r"\2", text)

    def test_no_write(self):
        """A second apply replaces no table, writes no sysctl, starts no program; counters go on."""
        path = self.lab.file("d.yaml", json.dumps(cases.standard()))
        changed = self.lab.file("c.yaml", json.dumps(cases.standard(vmnet3={"mode": "isolated"})))
        self.lab.round([("vmnet2", p.udp_packet(LINK["vmnet2"].guest(f), REMOTE[f], 1, 2, b"x")) for f in (4, 6) for _ in range(7)])
        before = self.saved(), self.lab.all_sysctls()
        self.assertIn("[7:", before[0])
        done, trace = kernel.traced(self.lab, self.installer.argv("apply", path))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("_SO_SET_REPLACE", trace)
        self.assertEqual(kernel.sysctl_writes(trace) + kernel.netlink_batches(trace) + kernel.programs(trace), [])
        self.assertEqual(before, (self.saved(), self.lab.all_sysctls()))
        done, trace = kernel.traced(self.lab, self.installer.argv("apply", changed))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("_SO_SET_REPLACE", trace, "strace shows how a table is replaced")

    def test_drift(self):
        """status: 5 after somebody edited our chains; apply makes it right."""
        path = self.lab.file("d.yaml", json.dumps(cases.standard()))
        chain = [line.split()[1] for line in self.lab.must(["iptables-legacy", "-w", "-S"]).splitlines() if "-N HOSTGATE" in line][0]
        for words in (["-F", chain], ["-I", chain, "-j", "ACCEPT"], ["-F", "FORWARD"]):
            with self.subTest(" ".join(words)):
                self.assertEqual(self.lab.run(self.installer.argv("status")).returncode, 0)
                self.lab.must(["iptables-legacy", "-w"] + words)
                self.assertEqual(self.lab.run(self.installer.argv("status")).returncode, 5)
                self.assertEqual(self.lab.run(self.installer.argv("apply", path)).returncode, 0)

    def test_held_lock(self):
        """Exit 4: somebody holds the lock of iptables; the message names it, and nothing is changed."""
        before = self.saved()
        changed = self.lab.file("c.yaml", json.dumps(cases.standard(vmnet3={"mode": "isolated"})))
        name = self.lab.env()["XTABLES_LOCKFILE"]
        with open(name, "a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            done = self.lab.run(self.installer.argv("apply", "--wait", "0", changed))
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn(name, done.stderr)
        self.assertEqual(self.saved(), before)
        self.assertEqual(self.lab.run(self.installer.argv("apply", "--wait", "0", changed)).returncode, 0)
        self.assertNotEqual(self.saved(), before)

    def test_change_of_backend(self):
        """From one backend to the other and back: the old one's rules are gone, and nothing is left after remove."""
        cases.NFTABLES.install(self.lab, cases.standard())
        self.assertNotIn("HOSTGATE", self.saved())
        self.assertIn("table inet hostgate", self.lab.must(["nft", "list", "ruleset"]))
        self.installer.install(self.lab, cases.standard())
        self.assertIn("HOSTGATE", self.saved())
        self.assertEqual(self.lab.must(["nft", "list", "ruleset"]), "")
        cases.NFTABLES.remove(self.lab)
        self.assertNotIn("HOSTGATE", self.saved())
        self.assertEqual(self.lab.sysctl("ipv4/ip_forward"), "0")
