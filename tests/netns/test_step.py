# SPDX-License-Identifier: GPL-2.0-or-later
"""P5, P6: a crash or an error at any single step of apply and remove; strace picks the step."""

import json
import re
import signal

import cases
import packets as p
from lab import LINK, PROGRAM, REMOTE

CALLS = ("openat", "openat2", "sendto", "sendmsg", "write", "pwrite64", "mkdir", "mkdirat", "rename", "renameat",
         "renameat2", "unlink", "unlinkat", "ftruncate", "fsync", "fdatasync", "flock", "bind", "setsockopt", "recvmsg")
ERRORS = {"openat": "EACCES", "sendto": "EPERM", "sendmsg": "ENOBUFS", "write": "ENOSPC", "rename": "EIO",
          "renameat": "EIO", "renameat2": "EIO", "mkdir": "EACCES", "mkdirat": "EACCES", "fsync": "EIO",
          "recvmsg": "ENOBUFS", "flock": "EIO", "setsockopt": "EPERM", "unlink": "EIO", "unlinkat": "EIO"}
AT_MOST = 14            # steps of one kind and command that are tried; beyond it, every n-th


class Steps(cases.Case):
    installer = cases.NFTABLES

    def lab_with_description(self):
        lab = self.new_lab()
        lab.sysctl("ipv4/conf/vmnet3/accept_redirects", 1)
        return lab, lab.file("d.yaml", json.dumps(cases.standard()))

    def steps(self, words, calls, prepare):
        """The steps of a command as (call, number), counted from its first look at the host."""
        lab, path = self.lab_with_description()
        prepare(lab, path)
        trace = lab.file("steps", "")
        lab.must(["strace", "-o", trace, "-e", "trace=" + ",".join(calls), PROGRAM]
                 + [word % path if "%" in word else word for word in words])
        with open(trace) as file:
            names = [match.group(1) for match in map(re.compile(r"(\w+)\(").match, file) if match]
            file.seek(0)
            lines = file.read().splitlines()
        begin = max([number + 1 for number, line in enumerate(lines) if path in line or ".so" in line] or [0])
        found = [(name, names[:number + 1].count(name)) for number, name in enumerate(names) if number >= begin
                 and names[max(number - 2, 0):number + 2] != [name] * 4]       # not the middle of a long run
        lab.close()
        self.assertGreater(len(found), 3, "the command takes more than three steps: %r" % lines)
        return found[::(len(found) + AT_MOST - 1) // AT_MOST]

    def at_step(self, lab, step, what, words):
        """Runs the command with an error or a signal at one step."""
        return lab.run(["strace", "-o", "/dev/null", "-e", "inject=%s:%s:when=%d" % (step[0], what, step[1]), PROGRAM]
                       + words)

    def assert_safe(self, lab, words):
        """Whatever is left: nothing of the isolated network passes, and no private source leaves."""
        sendings = []
        for family in (4, 6):
            for link in ("vmnet1", "vmnet2"):
                guest = LINK[link].guest(family)
                for dst in (REMOTE[family], LINK["dmz0"].guest(family), LINK["vmnet3"].guest(family)):
                    sendings += [(link, p.udp_packet(guest, dst, 1, 53, b"HGstep-" + link.encode())),
                                 (link, p.tcp_packet(guest, dst, 2, 80, p.RST, payload=b"HGstep-" + link.encode()))]
        captured = lab.round(sendings)
        self.assert_no_private(captured)
        leaks = [seen for seen in captured if b"HGstep-vmnet2" in seen.frame and seen.link != "vmnet2"
                 or b"HGstep-vmnet1" in seen.frame and seen.link not in ("vmnet1",) + cases.UPLINKS]
        self.assertEqual(leaks, [], words)

    def whole(self, lab):
        return cases.stable(lab.must(["nft", "-s", "list", "ruleset"]))

    def heals(self, lab, path, before, wanted, first):
        """The next apply makes everything right, and remove puts back what was there at the very first."""
        done = lab.run([PROGRAM, "apply", path])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertMultiLineEqual(self.whole(lab), wanted)
        self.installer.remove(lab)
        self.assertEqual(self.whole(lab), "")
        after = lab.all_sysctls()
        self.assertEqual({key: (before[key], after.get(key)) for key in before if before[key] != after.get(key)}, {},
                         "(before, after); the interrupted command: exit %d: %s" % (first.returncode, first.stderr))

    def every_step(self, command, kinds, prepare):
        lab, path = self.lab_with_description()
        self.installer.install(lab, cases.standard())
        wanted = self.whole(lab)
        self.assertTrue(wanted)
        lab.close()
        calls = CALLS if kinds == "signal" else tuple(ERRORS)
        hit = 0
        for step in self.steps(command, calls, prepare):
            what = "signal=SIGKILL" if kinds == "signal" else "error=" + ERRORS[step[0]]
            with self.subTest("%s %d: %s" % (step + (what,))):
                lab, path = self.lab_with_description()
                before = lab.all_sysctls()
                prepare(lab, path)
                done = self.at_step(lab, step, what, [word % path if "%" in word else word for word in command])
                if kinds == "signal":
                    hit += done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
                else:
                    hit += done.returncode != 0
                    self.assertIn(done.returncode, (0, 1, 4), done.stderr)
                    if done.returncode:
                        self.assertTrue(done.stderr.strip(), "it says why")
                    self.assertIn(self.whole(lab), ("", wanted), "half done: " + done.stderr)
                forwards = lab.sysctl("ipv4/ip_forward") == "1" or lab.sysctl("ipv6/conf/all/forwarding") == "1"
                if forwards:
                    self.assertMultiLineEqual(self.whole(lab), wanted, "it forwards without all its rules; exit %d: %s" % (done.returncode, done.stderr))
                self.assert_safe(lab, done.stderr)
                self.heals(lab, path, before, wanted, done)
                lab.close()
        self.assertGreater(hit, 0, "not one step could be hit")

    def test_killed_in_apply(self):
        """Killed at any step of a first apply: safe at once, the next apply heals, remove puts everything back."""
        self.every_step(["apply", "%s"], "signal", lambda lab, path: None)

    def test_error_in_apply(self):
        """An error at any step of a first apply: all or nothing, a message, and the next apply heals."""
        self.every_step(["apply", "%s"], "error", lambda lab, path: None)

    def test_killed_in_remove(self):
        """Killed at any step of remove: never forwarding without rules, and the next apply and remove heal."""
        self.every_step(["remove"], "signal", lambda lab, path: self.installer.install(lab, cases.standard()))

    def test_error_in_remove(self):
        """An error at any step of remove: never forwarding without rules, and the next apply and remove heal."""
        self.every_step(["remove"], "error", lambda lab, path: self.installer.install(lab, cases.standard()))
