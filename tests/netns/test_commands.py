# SPDX-License-Identifier: GPL-2.0-or-later
"""Exit statuses and messages of the commands, in every way they can fail; and that they touch nothing then."""

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time

import cases
import kernel
from lab import HANG, LINK, PROGRAM, REMOTE, LabError

NOBODY = 65534
BAD = {
    "unknown key": "networks: {vmnet1: {subnet: 192.168.56.0/24, mod: nat}}\n",
    "bits beyond the prefix": "uplinks: {eth0: {}}\nnetworks: {vmnet1: {subnet: 192.168.56.1/24, mode: nat}}\n",
    "nat without uplink": "networks: {vmnet1: {subnet: 192.168.56.0/24, mode: nat}}\n",
    "overlap": "networks: {a: {subnet: 10.0.0.0/8}, b: {subnet: 10.1.0.0/16}}\n",
    "not a truth value": "networks: {vmnet1: {subnet: 192.168.56.0/24}}\nsettings: {harden: yes}\n",
    "not YAML": "networks: {vmnet1: [\n",
    "two documents": "networks: {a: {subnet: 10.0.0.0/8}}\n---\nnetworks: {a: {subnet: 10.0.0.0/8}}\n",
    "interface name": "networks: {a: {subnet: 10.0.0.0/8, interface: '$(reboot)/x'}}\n",
}
WRONG = [[], ["aply"], ["apply", "--frob"], ["apply", "--dry-run=pascal", "FILE"], ["apply", "--wait", "soon", "FILE"],
         ["check", "--color=pink", "FILE"], ["remove", "FILE", "--nonsense"]]


class Commands(cases.Case):
    installer = cases.NFTABLES

    def setUp(self):
        self.lab = self.new_lab()
        self.path = self.lab.file("d.yaml", json.dumps(cases.standard()))

    def hostgate(self, *words, **more):
        return self.lab.run([PROGRAM, *words], **more)

    def state(self):
        return (kernel.generation(self.lab), self.lab.must(["nft", "-s", "list", "ruleset"]), self.lab.all_sysctls())

    def assert_untouched(self, before):
        """The kernel is as it was."""
        now = self.state()
        self.assertEqual(now[:2], before[:2])
        self.assertTrue(now[2] == before[2], "sysctls have changed")

    def expect(self, status, done, *words):
        """The exit status, and words that the diagnostics have to say."""
        self.assertEqual(done.returncode, status, done.stdout[:300] + done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    # ---- wrong input

    def test_wrong_command_line(self):
        """Exit 2: a wrong command line, with words on stderr and nothing on stdout; nothing is touched."""
        before = self.state()
        for words in WRONG:
            with self.subTest(" ".join(words)):
                done = self.hostgate(*[self.path if word == "FILE" else word for word in words])
                self.expect(2, done)
                self.assertTrue(done.stderr.strip())
                self.assertEqual(done.stdout, "")
        self.assert_untouched(before)

    def test_bad_description(self):
        """Exit 3: a wrong description, named by file and line; nothing is touched by any command."""
        before = self.state()
        for name, content in BAD.items():
            path = self.lab.file("bad.yaml", content)
            for words in (["check"], ["plan"], ["apply"], ["apply", "--dry-run"]):
                with self.subTest(name + ": " + " ".join(words)):
                    done = self.hostgate(*words, path)
                    self.expect(3, done, "bad.yaml:")
                    self.assertEqual(done.stdout, "")
        self.assert_untouched(before)

    def test_bad_description_over_good(self):
        """Exit 3 also where something is installed: the old rules stay as they are."""
        self.installer.install(self.lab, cases.standard())
        before = self.state()
        for content in BAD.values():
            self.expect(3, self.hostgate("apply", self.lab.file("bad.yaml", content)))
        self.assert_untouched(before)

    def test_no_such_file(self):
        """A file that is not there is named, and nothing is touched."""
        before = self.state()
        done = self.hostgate("apply", "/nonexistent/d.yaml")
        self.assertIn(done.returncode, (1, 3))
        self.assertIn("/nonexistent/d.yaml", done.stderr)
        self.assert_untouched(before)

    def test_stdin(self):
        """`-` is standard input."""
        self.expect(0, self.hostgate("apply", "-", stdin=json.dumps(cases.standard())))
        self.expect(0, self.hostgate("plan", self.path))

    # ---- the states of the kernel

    def test_plan_and_status(self):
        """plan: 10 with changes pending, else 0; status: 0, or 5 after drift; neither changes anything."""
        before = self.state()
        self.expect(10, self.hostgate("plan", self.path))
        self.assert_untouched(before)
        self.installer.install(self.lab, cases.standard())
        before = self.state()
        self.expect(0, self.hostgate("plan", self.path))
        self.expect(0, self.hostgate("status"))
        changed = self.lab.file("changed.yaml", json.dumps(cases.standard(vmnet1={"mode": "isolated"})))
        self.expect(10, self.hostgate("plan", changed))
        self.assert_untouched(before)

    def drifts(self):
        """Commands that change our table behind our back, found by looking into it."""
        table = json.loads(self.lab.must(["nft", "-j", "list", "table", "inet", "hostgate"]))["nftables"]
        rules = {entry["rule"]["chain"]: entry["rule"]["handle"] for entry in table if "rule" in entry}
        chain, handle = sorted(rules.items())[0]
        yield "flush chain inet hostgate %s" % sorted(rules)[-1]
        yield "delete rule inet hostgate %s handle %d" % (chain, handle)
        yield "insert rule inet hostgate %s counter accept" % sorted(rules)[0]
        yield "delete table inet hostgate"
        for entry in table:
            element = entry.get("set", entry.get("map", {}))
            if element.get("elem") and element["name"][:2] != "__":
                text = self.lab.must(["nft", "list", entry.get("set") and "set" or "map", "inet", "hostgate", element["name"]])
                first = text.split("elements = {")[1].split("}")[0].split(",")[0].strip().split(" comment ")[0]
                yield "delete element inet hostgate %s { %s }" % (element["name"], first)
                break
        else:
            raise LabError("no set with elements in the table")

    def test_drift(self):
        """status: 5 after somebody edited our table (rule, chain, element, all of it); apply makes it right."""
        self.installer.install(self.lab, cases.standard())
        wanted = cases.stable(self.lab.must(["nft", "-s", "list", "ruleset"]))
        for drift in list(self.drifts()):
            with self.subTest(drift):
                if "handle" in drift:       # handles move with every apply
                    drift = [line for line in self.drifts() if "handle" in line][0]
                self.lab.nft(drift + "\n")
                self.expect(5, self.hostgate("status"))
                self.expect(10, self.hostgate("plan", self.path))
                self.expect(0, self.hostgate("apply", self.path))
                self.expect(0, self.hostgate("status"))
                self.assertMultiLineEqual(cases.stable(self.lab.must(["nft", "-s", "list", "ruleset"])), wanted)

    def test_sysctl_drift(self):
        """status: 5 when somebody turned off the forwarding that the networks need."""
        self.installer.install(self.lab, cases.standard())
        self.lab.sysctl("ipv4/ip_forward", 0)
        self.expect(5, self.hostgate("status"))
        self.expect(0, self.hostgate("apply", self.path))
        self.assertEqual(self.lab.sysctl("ipv4/ip_forward"), "1")

    def test_remove_without_anything(self):
        """remove where nothing is installed: exit 0, nothing done; and twice after an apply."""
        before = self.state()
        self.expect(0, self.hostgate("remove"))
        self.assert_untouched(before)
        self.installer.install(self.lab, cases.standard())
        self.expect(0, self.hostgate("remove"))
        before = self.state()
        self.expect(0, self.hostgate("remove"))
        self.assert_untouched(before)
        self.assertNotIn("hostgate", before[1])

    def test_remove_without_state(self):
        """remove after the state was lost still takes the rules out, and forwarding is off at the end."""
        self.installer.install(self.lab, cases.standard())
        shutil.rmtree(self.lab.env()["HOSTGATE_RUNDIR"])
        self.expect(0, self.hostgate("remove"))
        self.assertNotIn("hostgate", self.lab.must(["nft", "list", "ruleset"]))

    def test_missing_interface(self):
        """A network or uplink whose interface is not there (yet): a note that names it, and exit 0."""
        described = cases.standard(vmnet9={"subnet": "192.168.99.0/24", "mode": "nat"})
        described["uplinks"]["third"] = {"interface": "ppp7"}
        done = self.hostgate("apply", self.lab.file("m.yaml", json.dumps(described)))
        self.expect(0, done, "vmnet9", "ppp7")

    # ---- what stands in the way

    def as_nobody(self):
        """A copy of the program and of a description that an ordinary user can read."""
        folder = tempfile.mkdtemp(prefix="hgt-%d-" % os.getpid())
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        program = shutil.copy(PROGRAM, os.path.join(folder, "hostgate"))
        os.chmod(program, 0o755)
        path = os.path.join(folder, "d.yaml")
        with open(path, "w") as file:
            json.dump(cases.standard(), file)
        os.chmod(path, 0o644)
        return program, path, folder

    def test_not_permitted(self):
        """Exit 4: apply, remove and plan as an ordinary user say so in words, and touch nothing."""
        program, path, _ = self.as_nobody()
        before = self.state()
        for words in (["apply", path], ["remove"]):
            with self.subTest(words[0]):
                done = self.lab.run([program, *words], user=NOBODY)
                self.expect(4, done)
                self.assertRegex(done.stderr.lower(), "root|permi|privilege|cap_net_admin")
                self.assertNotIn("Traceback", done.stderr)
        self.assert_untouched(before)

    def test_pure_commands(self):
        """check and apply --dry-run need no privileges and no kernel: no netlink socket, no other program."""
        program, path, folder = self.as_nobody()
        trace = os.path.join(folder, "trace")
        for words in (["check"], ["apply", "--dry-run"], ["apply", "--dry-run=nft"], ["apply", "--dry-run=restore"],
                      ["apply", "--dry-run=json"]):
            with self.subTest(" ".join(words)):
                done = self.lab.run([program, *words, path], user=NOBODY)
                if done.returncode == 2 and "not supported yet" in done.stderr:
                    self.skipTest(done.stderr.splitlines()[0])
                self.expect(0, done)
                if words != ["check"]:
                    self.assertTrue(done.stdout)
                done = self.lab.run(["strace", "-f", "-o", trace, "-e", "trace=socket,execve,openat,bind,connect",
                                     program, *words, path])
                self.expect(0, done)
                with open(trace) as file:
                    text = file.read()
                self.assertIn("openat(", text)
                self.assertNotRegex(text, r"socket\(AF_NETLINK|socket\(PF_NETLINK")
                self.assertNotIn("/proc/sys/net", text)
                self.assertEqual(kernel.programs(text), [])
        done, text = kernel.traced(self.lab, [PROGRAM, "apply", self.path])
        self.assertTrue(kernel.netlink_sockets(text), "strace shows the netlink socket of a real apply")

    def test_dry_run_same_bytes(self):
        """The same description gives the same script, whatever the host and the user."""
        program, path, _ = self.as_nobody()
        one = self.hostgate("apply", "--dry-run", path).stdout
        self.installer.install(self.lab, cases.standard())
        two = self.lab.run([program, "apply", "--dry-run", path], user=NOBODY, env={}).stdout
        self.assertTrue(one.startswith("#!/bin/sh"), one[:60])
        self.assertMultiLineEqual(one, two)

    def locks(self):
        """Holds every lock file that hostgate has made in its directory; returns the open files and names."""
        folder = self.lab.env()["HOSTGATE_RUNDIR"]
        names = [os.path.join(at, name) for at, _, files in os.walk(folder) for name in files if "lock" in name]
        self.assertTrue(names, "a lock file below %s: %r" % (folder, list(os.walk(folder))))
        held = [open(name, "r+b") for name in names]
        for file in held:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.addCleanup(file.close)
        return held, names

    def test_held_lock(self):
        """Exit 4: somebody else holds the lock; the message names it; --wait says how long to wait."""
        self.installer.install(self.lab, cases.standard())
        held, names = self.locks()
        changed = self.lab.file("changed.yaml", json.dumps(cases.standard(vmnet1={"mode": "isolated"})))
        before = self.state()
        for wait in (0, 1):
            for words in (["apply", changed], ["remove"]):
                trace, started = self.lab.file("sleeps", ""), time.monotonic()
                done = self.lab.run(["strace", "-o", trace, "-e", "trace=nanosleep,clock_nanosleep",
                                     PROGRAM, "--wait", str(wait), *words])
                self.expect(4, done)
                self.assertTrue(any(name in done.stderr for name in names), done.stderr)
                self.assertGreater(time.monotonic() - started, wait * 0.9)
                with open(trace) as file:
                    self.assertEqual("sleep(" in file.read(), wait > 0, words)
        self.assert_untouched(before)
        child = self.lab.start([PROGRAM, "--wait", "600", "apply", changed], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
        with self.assertRaises(subprocess.TimeoutExpired, msg="it waits for the lock"):
            child.wait(0.3)
        self.assert_untouched(before)
        for file in held:
            file.close()
        self.assertEqual(child.wait(HANG), 0)
        self.expect(0, self.hostgate("plan", changed))

    def test_full_disk(self):
        """Exit 1: the state cannot be written (no space): it says so, and nothing has changed."""
        before = self.state()
        folder = os.path.join(self.lab.directory, "full")
        os.mkdir(folder)
        script = ('set -e; mount -t tmpfs -o size=4k,nr_inodes=64 none "$1"; mkdir "$1/run"; '
                  'cat /dev/zero >"$1/fill" 2>/dev/null || :; shift; exec "$@"')
        done = self.lab.run(["unshare", "--mount", "sh", "-c", script, "sh", folder, PROGRAM, "apply", self.path],
                            env=self.lab.env(HOSTGATE_RUNDIR=os.path.join(folder, "run")))
        self.expect(1, done)
        self.assertRegex(done.stderr, "(?i)no space")
        now = self.state()
        self.assertEqual(now[1], before[1])
        self.assertTrue(now[2] == before[2], "sysctls have changed")

    def test_read_only_state(self):
        """The state's directory cannot be made: not 0, it says so, and nothing has changed."""
        before = self.state()
        done = self.hostgate("apply", self.path, env=self.lab.env(HOSTGATE_RUNDIR="/proc/version/run"))
        self.assertIn(done.returncode, (1, 4), done.stderr)
        self.assertIn("/proc/version", done.stderr)
        now = self.state()
        self.assertEqual(now[1], before[1])
        self.assertTrue(now[2] == before[2], "sysctls have changed")

    def with_read_only_sysctls(self, *words):
        """Runs the program where /proc/sys is read-only, as in many containers."""
        script = 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"'
        return self.lab.run(["unshare", "--mount", "sh", "-c", script, "sh", PROGRAM, *words])

    def test_read_only_sysctls(self):
        """Sysctls cannot be written: apply fails on the closed side, remove keeps the rules while the host forwards."""
        before = self.state()
        done = self.with_read_only_sysctls("apply", self.path)
        self.expect(1, done, "Read-only file system")
        now = self.state()
        self.assertTrue(now[2] == before[2], "sysctls have changed")
        if now[1] != before[1]:
            self.assertIn("the new rules are installed", done.stderr)
        self.installer.install(self.lab, cases.standard())
        before = self.state()
        done = self.with_read_only_sysctls("remove")
        self.expect(1, done, "Read-only file system")
        now = self.state()
        self.assertTrue(now[2] == before[2], "sysctls have changed")
        self.assertMultiLineEqual(now[1], before[1], "it forwards, and its rules are gone: " + done.stderr)

    def test_kernel_refuses(self):
        """The kernel refuses (the table belongs to another process): clear words, nothing half done."""
        owner = self.lab.start(["nft", "-i"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        owner.stdin.write(b"add table inet hostgate { flags owner; }\n")
        owner.stdin.flush()
        end = time.monotonic() + HANG
        while "hostgate" not in self.lab.must(["nft", "list", "tables"]):
            self.assertLess(time.monotonic(), end, "nft does not hold the table")
        before = self.lab.must(["nft", "list", "ruleset"]), self.lab.all_sysctls()
        done = self.hostgate("apply", self.path)
        self.assertIn(done.returncode, (1, 4), done.stderr)
        self.assertRegex(done.stderr.lower(), "hostgate|table")
        self.assertRegex(done.stderr.lower(), "not permitted|refuse|own|denied|permission")
        now = self.lab.must(["nft", "list", "ruleset"]), self.lab.all_sysctls()
        self.assertEqual(now[0], before[0])
        self.assertTrue(now[1] == before[1], "sysctls have changed")
        for stream in (owner.stdin, owner.stdout, owner.stderr):
            stream.close()
        owner.wait(5)
        self.expect(0, self.hostgate("apply", self.path))

    def test_foreign_chain_of_our_name(self):
        """A table of our name that is not ours (another hook, foreign rules) is replaced or refused, not mixed."""
        self.lab.nft("table inet hostgate { chain forward { type filter hook forward priority 10; policy accept; accept; }; "
                     "set networks { type ipv4_addr; elements = { 10.0.0.1 }; }; }")
        before = self.state()
        done = self.hostgate("apply", self.path)
        if done.returncode == 0:
            self.assertNotIn("10.0.0.1", self.lab.must(["nft", "list", "ruleset"]))
            self.expect(0, self.hostgate("plan", self.path))
        else:
            self.expect(1, done)
            self.assertTrue(done.stderr.strip())
            self.assert_untouched(before)

    def test_named_namespace(self):
        """--netns NAME works in that namespace, and touches no other one."""
        name = "hgt-%d-named" % os.getpid()
        child = self.lab.start(["sleep", "60"])
        self.lab.must(["ip", "netns", "attach", name, str(child.pid)])
        self.addCleanup(subprocess.run, ["ip", "netns", "del", name], check=False)
        other = self.new_lab()
        done = other.run([PROGRAM, "--netns", name, "apply", self.path], env=self.lab.env())
        self.expect(0, done)
        self.assertIn("hostgate", self.lab.must(["nft", "list", "tables"]))
        self.assertEqual(self.lab.sysctl("ipv4/ip_forward"), "1")
        self.assertEqual(other.must(["nft", "list", "tables"]), "")
        self.assertEqual(other.sysctl("ipv4/ip_forward"), "0")
        self.expect(0, self.hostgate("plan", self.path))
        changed = self.lab.file("changed.yaml", json.dumps(cases.standard(vmnet4=None)))
        guest, remote = LINK["vmnet1"].guest(4), REMOTE[4]
        state = other.must(["nft", "list", "ruleset"]), other.all_sysctls()
        for status, *words in ((0, "explain", "--live", guest, remote), (10, "plan", changed), (0, "status"),
                               (0, "apply", "--confirm", "600", changed), (0, "confirm"), (0, "rollback"),
                               (0, "prove", self.path), (0, "remove"), (5, "status")):
            done = other.run([PROGRAM, "--netns", name, *words], env=self.lab.env())
            self.expect(status, done)
            if words[0] == "explain":
                self.assertIn("hostgate", done.stdout, "it meets the rules of that namespace")
            self.assertEqual((other.must(["nft", "list", "ruleset"]), other.all_sysctls()), state, words)
        self.assertEqual(self.lab.must(["nft", "list", "tables"]), "")

    def test_two_namespaces(self):
        """The state is kept per namespace: one host's remove leaves another one's memory alone."""
        other = self.new_lab()
        other.sysctl("ipv4/ip_forward", 1)
        shared = self.lab.env()
        for lab in (self.lab, other):
            self.expect(0, lab.run([PROGRAM, "apply", self.path], env=shared))
        for lab, value in ((self.lab, "0"), (other, "1")):
            self.expect(0, lab.run([PROGRAM, "remove"], env=shared))
            self.assertEqual(lab.sysctl("ipv4/ip_forward"), value)

    def test_bare_environment(self):
        """No PATH, no HOME, closed descriptors: it works as early at boot, or says what it could not print."""
        env = {"HOSTGATE_RUNDIR": self.lab.env()["HOSTGATE_RUNDIR"]}
        self.expect(0, self.hostgate("apply", self.path, env=env))
        done = self.lab.run(["/bin/sh", "-c", 'exec "$0" remove <&- >&- 2>&-', PROGRAM], env=env)
        self.assertIn(done.returncode, (0, 1))       # 1: what it did could not be printed
        self.assertNotIn("hostgate", self.lab.must(["nft", "list", "tables"]))
        self.assertEqual(self.lab.sysctl("ipv4/ip_forward"), "0")
