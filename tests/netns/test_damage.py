# SPDX-License-Identifier: GPL-2.0-or-later
"""What hostgate remembers, cut off, emptied, of another version or of another boot: explained, and no dead end."""

import json
import os
import re

import cases
import record
import inject
import picture
from lab import PROGRAM
from test_fault import Host

MAGIC = b"hostgate undo 1\n"


def other_boot(data):
    """The boot's name in it, and what depends on that, as another boot would have written them."""
    data = re.sub(rb'("boot": "[0-9a-f]{8})', lambda match: match.group(1)[:-8] + b"00000000", data)
    if not data.startswith(MAGIC):
        return data
    total = 0xcbf29ce484222325
    for byte in data[len(MAGIC) + 8:]:
        total = (total ^ byte) * 0x100000001b3 % (1 << 64)
    return MAGIC + total.to_bytes(8, "little") + data[len(MAGIC) + 8:]


KINDS = {
    "empty": lambda data: b"",
    "cut off": lambda data: data[:len(data) // 2],
    "a byte less": lambda data: data[:-2],
    "garbage": lambda data: bytes(range(256)) * 8,
    "another version": lambda data: data.replace(MAGIC, b"hostgate undo 9\n").replace(b'"format": 1', b'"format": 9'),
    "another boot": other_boot,
}
# A changed byte in the record may be a valid one.
KINDS_OF = {"json": set(KINDS), "undo": set(KINDS) | {"a changed byte"}}
KINDS["a changed byte"] = lambda data: data[:-100] + bytes([data[-100] ^ 1]) + data[-99:]


class Damage(cases.Case):

    count = 0

    @classmethod
    def tearDownClass(cls):
        print("     damage: %d cases, no dead end but those named above" % Damage.count, flush=True)

    def host_with(self, ending, kind):
        """A host where A and then T were applied, with one file damaged; over either backend in turn."""
        self.backend = ("nftables", "iptables")[Damage.count % 2]
        host = Host()
        self.addCleanup(host.lab.close)
        host.must("apply", "A", self.backend)
        self.before = picture.Picture(host.lab)
        host.must("apply", "T", self.backend)
        path = record.path(host.lab, ending)
        with open(path, "rb") as file:
            data = file.read()
        damaged = KINDS[kind](data)
        self.assertNotEqual(damaged, data)
        with open(path, "wb") as file:
            file.write(damaged)
        Damage.count += 1
        return host

    def run_it(self, host, *command):
        done = host.lab.run(host.argv(command))
        self.assertIn(done.returncode, (0, 1, 4, 5), done.stderr)
        return done

    def every(self, ending, judge):
        for kind in sorted(KINDS_OF[ending]):
            with self.subTest("%s: %s" % (ending, kind)):
                host = self.host_with(ending, kind)
                judge(host, kind)
                host.lab.close()

    def ends_clean(self, host):
        """Remove works, leaves no rule and no file."""
        self.assertEqual(self.run_it(host, "remove").returncode, 0)
        self.assertEqual(picture.Picture(host.lab).ours, {})
        self.assertEqual(picture.files(host.lab), ["lock"])

    def test_record_apply(self):
        """A damaged record: apply says so, and makes the kernel what it should be; then all is known again."""
        def judge(host, kind):
            done = self.run_it(host, "apply", "A", self.backend)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual("HG-W200" in done.stderr, kind != "another boot", done.stderr)
            self.assertEqual(picture.Picture(host.lab).rules, self.before.rules)
            self.assertNotIn("HG-W200", self.run_it(host, "apply", "A", self.backend).stderr)
            self.ends_clean(host)
        self.every("json", judge)

    def test_record_rollback(self):
        """A damaged record: rollback brings back what was before, by its own file."""
        def judge(host, kind):
            self.assertEqual(self.run_it(host, "rollback").returncode, 0)
            self.assertEqual(picture.Picture(host.lab).difference(self.before), "", "now -> before")
            self.assertEqual(self.run_it(host, "status").returncode, 0)
            self.ends_clean(host)
            self.assertEqual(host.is_clean(), "", "what the rollback brought back knows every sysctl")
        self.every("json", judge)

    def test_record_remove(self):
        """A damaged record: remove removes, and names the sysctls that nobody knows about."""
        def judge(host, kind):
            done = self.run_it(host, "remove")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("ip_forward stays 1", done.stderr)
            self.ends_clean(host)
        self.every("json", judge)

    def test_record_confirm(self):
        """A damaged record: confirm and status say what is the matter."""
        def judge(host, kind):
            done = self.run_it(host, "confirm")
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertRegex(done.stderr, "hostgate (status|apply)")
            self.assertIn(self.run_it(host, "status").returncode, (0, 5))
            self.ends_clean(host)
        self.every("json", judge)

    def test_undo(self):
        """A damaged way back: rollback changes nothing and says what else there is; apply, status, remove go on."""
        def judge(host, kind):
            was = picture.Picture(host.lab)
            done = self.run_it(host, "rollback")
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("HG-E241" if kind == "another boot" else "HG-E240", done.stderr)
            self.assertIn("earlier description", done.stderr)
            self.assertEqual(picture.Picture(host.lab).difference(was), "")
            self.assertEqual(self.run_it(host, "status").returncode, 0)
            self.assertEqual(self.run_it(host, "apply", "A", self.backend).returncode, 0)
            self.assertEqual(self.run_it(host, "rollback").returncode, 0)
            self.assertEqual(picture.Picture(host.lab).difference(was), "", "it can be undone again")
            self.ends_clean(host)
            self.assertEqual(host.is_clean(), "")
        self.every("undo", judge)

    def test_guard_with_damage(self):
        """Nobody confirms, and the record is damaged meanwhile: it is undone all the same when the time is over."""
        host = Host()
        self.addCleanup(host.lab.close)
        self.backend = "nftables"
        host.must("apply", "A", self.backend)
        before = picture.Picture(host.lab)
        host.must("apply", "T", self.backend, "--confirm", "2")
        with open(record.path(host.lab), "w"):
            pass
        self.assertTrue(inject.gone(host.lab))
        self.assertEqual(picture.Picture(host.lab).difference(before), "", "now -> before")
        self.ends_clean(host)
