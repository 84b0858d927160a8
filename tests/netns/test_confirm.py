# SPDX-License-Identifier: GPL-2.0-or-later
"""apply --confirm, confirm and rollback: what comes back is the very state that was there, whoever is gone meanwhile."""

import glob
import json
import os
import pty
import re
import signal
import socket
import subprocess
import time

import cases
import inject
import lab as lab_module
import record
import test_clean_slate
from lab import LINK, PROGRAM

PATIENCE = 120          # ends a hang; nothing is judged by it
TIGHT = cases.standard(vmnet1={"mode": "isolated"}, vmnet3={"mode": "nat", "snat": "203.0.113.12"}, vmnet4=None,
                       more={"interface": "dmz0", "subnet": "10.99.0.0/24", "mode": "nat"})
TAMPER = """
add rule inet hostgate forward counter accept comment "somebody's"
add chain inet hostgate theirs
add rule inet hostgate theirs ip daddr 192.0.2.7 drop
delete element inet hostgate networks { "vmnet2" }
"""


def rules(lab):
    """All rules of the host, without counters and in an order of their own: as text of nft and of iptables."""
    found = [re.sub(r"(?ms)(?:^\t(?:chain|set|map) .*?^\t\}\n\n?)+", in_order, lab.must(["nft", "-s", "list", "ruleset"]))]
    for tool in ("iptables", "ip6tables"):
        with lab_module.inside(lab.host), open("/proc/net/%s_tables_names" % tool.replace("tables", "")) as file:
            for table in sorted(file.read().split()):
                text = lab.must([tool + "-legacy-save", "-t", table])
                text = re.sub(r"^#.*\n|\[\d+:\d+\]", "", text, flags=re.M)
                if re.search("^-A", text, re.M):
                    found.append(text)
    return cases.stable("\n".join(found))


def in_order(match):
    """Chains and sets of a table by name: nft lists them as they came."""
    return "".join(sorted(block.strip("\n") + "\n" for block in re.findall(r"(?ms)^\t\w+ .*?^\t\}\n", match.group())))


def whole(lab):
    return rules(lab), {key: value for key, value in lab.all_sysctls().items() if not re.search(
        r"/(nf_conntrack_count|fs/|.*mem$|tcp_fastopen_key)", key)}


def until(condition, patience=PATIENCE):
    """Looks again and again until the condition holds; returns whether it does."""
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@cases.promise_applied
class Confirm:

    def hostgate(self, lab, *words, status=0):
        done = lab.run(self.installer.argv(*words))
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def lab_with(self, described):
        lab = self.new_lab()
        lab.sysctl("ipv4/conf/eth1/forwarding", 1)
        self.path = {"first": lab.file("first.yaml", json.dumps(cases.standard())),
                     "second": lab.file("second.yaml", json.dumps(TIGHT))}
        if described:
            self.hostgate(lab, "apply", self.path[described])
        return lab

    def assert_same(self, lab, before):
        now = whole(lab)
        self.assertMultiLineEqual(now[0], before[0])
        self.assertEqual({key: (value, now[1].get(key)) for key, value in before[1].items() if value != now[1].get(key)}, {})

    def assert_undone(self, lab, state):
        """The process that undoes an unconfirmed change has ended, and all is as before."""
        self.assertTrue(inject.gone(lab), "the process ends")
        self.assert_same(lab, state)

    # ---- rollback

    def test_rollback(self):
        """From each state to each other one and back: rules and sysctls are what they were; once, not twice."""
        for before, after in ((None, "first"), ("first", "second"), ("second", "first")):
            with self.subTest("%s, then %s" % (before, after)):
                lab = self.lab_with(before)
                state = whole(lab)
                report = lab.run(self.installer.argv("status", "--json"))
                changed = json.loads(self.hostgate(lab, "apply", "--json", self.path[after]).stdout)
                self.assertNotEqual(whole(lab)[0], state[0])
                back = json.loads(self.hostgate(lab, "rollback", "--json").stdout)
                self.assert_same(lab, state)
                self.assertTrue(back["changed"])
                self.assertEqual(len(back["changes"]), len(changed["changes"]))
                self.assertEqual(back["restored"]["files"], self.path[before] if before else None)
                again = lab.run(self.installer.argv("status", "--json"))
                for key in ("installed", "matches", "hash", "files", "time"):
                    self.assertEqual(json.loads(again.stdout).get(key), json.loads(report.stdout).get(key), key)
                self.assertIn("nothing to undo", self.hostgate(lab, "rollback", status=1).stderr)
                self.assert_same(lab, state)
                lab.close()

    def test_rollback_of_what_others_made(self):
        """What comes back is what was there, and not what its description says: others' rules in ours, too."""
        lab = self.lab_with("first")
        if self.installer is cases.NFTABLES:
            lab.nft(TAMPER)
        else:
            lab.must(["iptables-legacy", "-w", "-I", "HOSTGATE-FORWARD", "-s", "192.0.2.7", "-j", "RETURN"])
            lab.must(["ip6tables-legacy", "-w", "-F", "HOSTGATE-LEAVE"])
        lab.sysctl("ipv4/conf/vmnet1/accept_redirects", 1)
        state = whole(lab)
        self.hostgate(lab, "apply", self.path["first"])
        self.assertNotEqual(whole(lab)[0], state[0], "apply mends it")
        self.hostgate(lab, "rollback")
        self.assert_same(lab, state)

    def test_rollback_after_others(self):
        """Others flush everything, and write a sysctl, after the apply: the rules come back, their value stays."""
        lab = self.lab_with("first")
        state = whole(lab)
        self.hostgate(lab, "apply", self.path["second"])
        lab.must(["nft", "flush", "ruleset"])
        lab.nft("table inet theirs { chain c { type filter hook forward priority 5; ip daddr 192.0.2.9 drop; }; }")
        lab.sysctl("ipv6/conf/dmz0/accept_ra", 1)
        done = self.hostgate(lab, "rollback")
        self.assertIn("ipv6/conf/dmz0/accept_ra", done.stderr)
        lab.sysctl("ipv6/conf/dmz0/accept_ra", state[1]["/proc/sys/net/ipv6/conf/dmz0/accept_ra"].decode().strip())
        lab.must(["nft", "delete", "table", "inet", "theirs"])
        self.assert_same(lab, state)

    def test_rollback_of_another_backend(self):
        """The other backend held the rules before: it does again, and only it."""
        lab = self.lab_with(None)
        other = "nftables" if "iptables" in self.installer.options else "iptables"
        done = lab.run([PROGRAM, "apply", "--backend", other, self.path["first"]])
        self.assertEqual(done.returncode, 0, done.stderr)
        state = whole(lab)
        self.hostgate(lab, "apply", self.path["first"])
        self.assertNotEqual(whole(lab)[0], state[0])
        self.hostgate(lab, "rollback")
        self.assert_same(lab, state)
        self.assertEqual(json.loads(lab.run([PROGRAM, "status", "--json"]).stdout)["backend"], other)

    def test_damaged(self):
        """A file that cannot be used is told with its path and changes nothing; apply and remove work on."""
        lab = self.lab_with("first")
        self.hostgate(lab, "apply", self.path["second"])
        state = whole(lab)
        path, = glob.glob(os.path.join(lab.directory, "run", "*.undo"))
        with open(path, "rb") as file:
            good = file.read()
        for bad in (b"", good[:20], good[:-1], good[:-9] + b"x" + good[-8:], good.replace(b"undo 1", b"undo 2")):
            with open(path, "wb") as file:
                file.write(bad)
            self.assertIn(path, self.hostgate(lab, "rollback", status=1).stderr)
            self.assert_same(lab, state)
        self.hostgate(lab, "status")
        self.hostgate(lab, "apply", self.path["first"])
        self.hostgate(lab, "rollback")
        self.assert_same(lab, state)
        self.hostgate(lab, "remove")
        self.assertIn("nothing to undo", self.hostgate(lab, "rollback", status=1).stderr)

    def test_nothing_changed(self):
        """An apply that changes nothing leaves the change before it to be undone, and waits for no confirmation."""
        lab = self.lab_with("first")
        state = whole(lab)
        self.hostgate(lab, "apply", self.path["second"])
        done = self.hostgate(lab, "apply", "--confirm", "1", self.path["second"])
        self.assertIn("nothing to do", done.stdout)
        self.assertEqual(inject.processes(lab), [])
        self.assertIn("no apply awaits confirmation", self.hostgate(lab, "confirm", status=1).stderr)
        self.hostgate(lab, "rollback")
        self.assert_same(lab, state)

    # ---- --confirm

    def test_not_confirmed(self):
        """Nobody confirms it: after the time all is as before, and no process is left."""
        for before in (None, "first"):
            lab = self.lab_with(before)
            state = whole(lab)
            self.assertIn("hostgate confirm", self.hostgate(lab, "apply", "--confirm", "600", self.path["second"]).stdout)
            self.assertNotEqual(rules(lab), state[0])
            self.assertEqual(len(inject.processes(lab)), 1)
            record.expire(lab)
            self.assert_undone(lab, state)
            self.assertIn("no apply awaits confirmation", self.hostgate(lab, "confirm", status=1).stderr)
            lab.close()

    def test_time_runs_out(self):
        """The same by the clock alone."""
        lab = self.lab_with("first")
        state = whole(lab)
        self.hostgate(lab, "apply", "--confirm", "1", self.path["second"])
        self.assert_undone(lab, state)

    def test_confirmed(self):
        """Confirmed in time it stays, and the process that would have undone it ends at once."""
        lab = self.lab_with("first")
        before = whole(lab)
        self.hostgate(lab, "apply", "--confirm", "600", self.path["second"])
        state = whole(lab)
        self.hostgate(lab, "confirm")
        self.assertTrue(inject.gone(lab), "the process ends")
        self.assert_same(lab, state)
        self.hostgate(lab, "rollback")
        self.assert_same(lab, before)

    def test_refused_meanwhile(self):
        """While it waits a second apply and remove are refused with the seconds that are left; rollback is not."""
        lab = self.lab_with("first")
        before = whole(lab)
        self.hostgate(lab, "apply", "--confirm", "600", self.path["second"])
        state = whole(lab)
        for words in (("apply", self.path["first"]), ("apply", "--confirm", "5", self.path["first"]), ("remove",)):
            done = self.hostgate(lab, *words, status=4)
            left = re.search(r"another (\d+) seconds", done.stderr)
            self.assertIn(int(left.group(1)), range(1, 601), done.stderr)
        self.assert_same(lab, state)
        report = json.loads(lab.run([PROGRAM, "status", "--json"]).stdout)
        self.assertIn(report["undone_in_seconds"], range(1, 601))
        self.assertEqual(report["rollback"]["files"], self.path["first"])
        self.hostgate(lab, "rollback")
        self.assertTrue(inject.gone(lab), "the process ends")
        self.assert_same(lab, before)
        self.hostgate(lab, "apply", self.path["second"])

    def test_lost_terminal(self):
        """The terminal is closed and everything in its session killed: it is undone all the same."""
        lab = self.lab_with("first")
        state = whole(lab)
        with lab_module.inside(lab.host):
            pid, terminal = pty.fork()
            if pid == 0:
                os.environ.clear()
                os.environ.update(lab.env())
                os.execv("/bin/sh", ["sh", "-c", "%s; echo applied; sleep 600" % " ".join(
                    self.installer.argv("apply", "--confirm", "600", self.path["second"]))])
        text = b""
        while b"applied\r" not in text:
            text += os.read(terminal, 4096)
        self.assertNotEqual(rules(lab), state[0])
        os.close(terminal)
        for path in glob.glob("/proc/[0-9]*/stat"):
            try:
                with open(path) as file:
                    fields = file.read().rsplit(")", 1)[1].split()
                if int(fields[3]) == pid:       # of the session
                    os.kill(int(path.split("/")[2]), signal.SIGKILL)
            except (OSError, ProcessLookupError):
                pass
        os.waitpid(pid, 0)
        self.assertEqual(len(inject.processes(lab)), 1)
        record.expire(lab)
        self.assert_undone(lab, state)

    def last_call(self, lab, state):
        """The call that changes rules last, and its number; nothing is changed by asking."""
        call = "sendmsg" if self.installer is cases.NFTABLES else "setsockopt"
        trace = lab.file("trace", "")
        with open(trace, "w"):
            lab.run(["strace", "-o", trace, "-e", "trace=" + call, *self.installer.argv("apply", self.path["second"])])
        with open(trace) as file:
            calls = sum(call + "(" in line for line in file)
        self.hostgate(lab, "rollback")
        self.assert_same(lab, state)
        return call, calls

    def test_killed_in_the_middle(self):
        """kill -9 of the command in the middle of its change: the time runs on, and all is as before."""
        lab = self.lab_with("first")
        state = whole(lab)
        call, calls = self.last_call(lab, state)
        done = lab.run(["strace", "-o", "/dev/null", "-e", "inject=%s:signal=SIGKILL:when=%d" % (call, calls),
                        *self.installer.argv("apply", "--confirm", "600", self.path["second"])])
        self.assertEqual(done.returncode, -signal.SIGKILL)
        self.assertEqual(len(inject.processes(lab)), 1)
        record.expire(lab)
        self.assert_undone(lab, state)

    def test_guard_killed(self):
        """The process that would undo it is killed: nothing is undone, but everybody is told, and rollback works."""
        lab = self.lab_with("first")
        state = whole(lab)
        self.hostgate(lab, "apply", "--confirm", "600", self.path["second"])
        for pid in inject.processes(lab):
            os.kill(pid, signal.SIGKILL)
        record.expire(lab)
        self.assertIn("seconds ago", lab.run([PROGRAM, "status"]).stderr)
        self.assertIn("it has not been undone", self.hostgate(lab, "apply", self.path["first"], status=4).stderr)
        self.hostgate(lab, "rollback")
        self.assert_same(lab, state)

    def test_own_connection(self):
        """A change that cuts the connection it is made over: the connection is there again after the time."""
        lab = self.lab_with(None)
        admin = lab_module.new_namespace()
        self.addCleanup(os.close, admin)
        lab.must(["ip", "link", "add", "adm0", "type", "veth", "peer", "name", "adm0", "netns",
                  "/proc/%d/fd/%d" % (os.getpid(), admin)])
        for words in (["addr", "add", "10.200.0.1/24", "dev", "adm0"], ["link", "set", "adm0", "up"]):
            lab.must(["ip"] + words)
        with lab_module.inside(admin):
            for words in (["addr", "add", "10.200.0.2/24", "dev", "adm0"], ["link", "set", "adm0", "up"],
                          ["route", "add", "198.18.0.0/24", "via", "10.200.0.1"]):
                subprocess.run(["ip"] + words, check=True)
        uplinks = {"outside": {"interface": "eth0"}, "admin": {"interface": "adm0"}}
        open_path = lab.file("open.yaml", json.dumps(cases.standard(uplinks=uplinks)))
        cut_path = lab.file("cut.yaml", json.dumps(cases.standard(uplinks=uplinks, vmnet3={"mode": "isolated"})))
        self.hostgate(lab, "apply", open_path)
        state = whole(lab)
        server = lab.host_socket(socket.SOCK_STREAM)
        server.bind((LINK["vmnet3"].host[4], 0))
        server.listen(1)
        with lab_module.inside(admin):
            client = socket.create_connection(server.getsockname(), timeout=PATIENCE)
        self.addCleanup(client.close)
        session, _ = server.accept()
        self.addCleanup(session.close)
        lab.start(["sh"], stdin=session, stdout=session, stderr=session)    # what is typed comes from the client

        def answer(patience):
            client.settimeout(patience)
            try:
                return client.recv(65536).decode()
            except socket.timeout:
                return ""

        def say(text):
            client.sendall(text.encode() + b"\n")

        say("echo here")
        self.assertEqual(answer(PATIENCE), "here\n")
        say("%s >/dev/null 2>&1; echo applied" % " ".join(self.installer.argv("apply", "--confirm", "600", cut_path)))
        self.assertTrue(until(lambda: rules(lab) != state[0] and len(inject.processes(lab)) == 1), "apply has ended")
        self.assertEqual(answer(1), "", "the connection is cut")
        self.assertNotEqual(rules(lab), state[0])
        record.expire(lab)
        text, end = "", time.monotonic() + PATIENCE
        while "applied" not in text and time.monotonic() < end:
            text += answer(PATIENCE)
        self.assertEqual(text, "applied\n", "the connection is there again")
        self.assertTrue(inject.gone(lab))
        self.assert_same(lab, state)
        say("echo still here")
        self.assertEqual(answer(PATIENCE), "still here\n")

    def test_rollback_of_a_clean_slate(self):
        """Rules of others that a clean slate took out are there again, in their places; those that stayed come once."""
        lab = self.lab_with("first")
        test_clean_slate.others(lab)
        for tool, variant in test_clean_slate.KINDS:     # a table that is ours, too, and one that only they have
            lab.iptables(tool, variant, "-I FORWARD -p tcp --dport 81 -m limit -j LOG",
                         "-A THEIRS -p udp -m multiport --dports 1,2:9 -j REJECT")
        state = whole(lab)
        path = lab.file("clean.yaml", json.dumps(test_clean_slate.clean()))
        done = json.loads(self.hostgate(lab, "apply", "--json", "--confirm", "600", path).stdout)
        self.assertNotEqual(rules(lab), state[0])
        back = json.loads(self.hostgate(lab, "rollback", "--json").stdout)
        self.assert_same(lab, state)
        told = [[change["name"], change["before" if kind == "remove" else "after"]] for kind, report in (("remove", done), ("add", back))
                for change in report["changes"] if "clean-slate" in (change["before"] or change["after"] or "")]
        self.assertEqual(told[:len(told) // 2], told[len(told) // 2:])
        self.assertGreater(len(told), 8)

        # Killed before anything was taken out: nothing comes twice, and what is lost meanwhile does not stop the rest.
        self.hostgate(lab, "apply", "--confirm", "600", path)
        lab.must(["iptables-nft", "-w", "-A", "FORWARD", "-p", "udp", "-m", "comment", "--comment", "new", "-j", "ACCEPT"])
        for tool, variant in test_clean_slate.KINDS:
            lab.must(["%s-%s" % (tool, variant), "-w", "-X", "THEIRS"])
        done = self.hostgate(lab, "rollback")
        self.assertIn("HG-W206", done.stderr)
        now = rules(lab)
        for line in state[0].splitlines():
            if line.startswith("-A") and "THEIRS" not in line:
                self.assertIn(line, now)
        self.assertEqual(lab.must(["iptables-nft", "-w", "-S", "FORWARD"]).count("new"), 1)

    def test_clean_slate_killed(self):
        """kill -9 in the middle of a clean slate: the time runs on, and others' rules are there once."""
        lab = self.lab_with("first")
        test_clean_slate.others(lab)
        state = whole(lab)
        path = lab.file("clean.yaml", json.dumps(test_clean_slate.clean()))
        for number in (1, 2, 4):
            call = "sendmsg" if self.installer is cases.NFTABLES and number < 2 else "setsockopt"
            lab.run(["strace", "-o", "/dev/null", "-e", "inject=%s:signal=SIGKILL:when=%d" % (call, number),
                     *self.installer.argv("apply", "--confirm", "600", path)])
            if inject.processes(lab):           # else it was killed before anything
                record.expire(lab)
            self.assert_undone(lab, state)

    def test_rollback_of_another_forwarding(self):
        """interfaces, auto and keep, one after the other and back: each interface forwards as before."""
        ways = ["interfaces", "auto", "keep", "interfaces"]
        for before, after in list(zip(ways, ways[1:])) + list(zip(ways[1:], ways)):
            lab = self.lab_with(None)
            paths = [lab.file(way + ".yaml", json.dumps(cases.standard(settings={"forwarding": way}))) for way in (before, after)]
            self.hostgate(lab, "apply", paths[0])
            state = whole(lab)
            self.hostgate(lab, "apply", paths[1])
            self.hostgate(lab, "rollback")
            self.assert_same(lab, state)
            lab.close()

    def test_no_hole_without_rules(self):
        """Others took all rules away before the apply that is undone: no hole opens where none of ours stand."""
        lab = self.lab_with(None)
        lab.must(["iptables-nft", "-w", "-P", "FORWARD", "DROP"])
        path = lab.file("holes.yaml", json.dumps(cases.standard(settings={"holes": ["iptables"]})))
        self.hostgate(lab, "apply", path)
        self.assertIn("hostgate", lab.must(["iptables-nft-save"]))
        lab.must(["nft", "flush", "ruleset"])
        for tool in ("iptables", "ip6tables"):
            for table in ("filter", "nat", "mangle", "raw"):
                lab.must([tool + "-legacy", "-w", "-t", table, "-F"])
                lab.run([tool + "-legacy", "-w", "-t", table, "-X"])
        lab.must(["iptables-nft", "-w", "-P", "FORWARD", "DROP"])
        self.hostgate(lab, "apply", self.path["first"])
        self.hostgate(lab, "rollback")
        self.assertNotRegex(lab.must(["iptables-nft-save"]) + lab.must(["iptables-legacy-save"]), "-j ACCEPT")

    def test_confirm_of_a_part(self):
        """What failed or was killed before its end is told as that by status and confirm; rollback undoes it."""
        lab = self.lab_with("first")
        state = whole(lab)
        lab.run(["strace", "-o", "/dev/null", "-e", "inject=%s:signal=SIGKILL:when=%d" % self.last_call(lab, state),
                 *self.installer.argv("apply", "--confirm", "600", self.path["second"])])
        told = lab.run([PROGRAM, "status"]).stderr
        self.assertIn("HG-W208", told)
        self.assertIn("only after `hostgate confirm`", told)
        self.assertIs(json.loads(lab.run([PROGRAM, "status", "--json"]).stdout)["unfinished"], True)
        self.assertIn("HG-W208", self.hostgate(lab, "confirm").stderr)
        self.hostgate(lab, "rollback")
        self.assertTrue(inject.gone(lab))
        self.assert_same(lab, state)

    def test_what_cannot_be_made_again(self):
        """Somebody's set of another kind in our table: apply warns, and rollback brings back the rest."""
        if self.installer is not cases.NFTABLES:
            return
        for odd in ("add set inet hostgate odd { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 }; }",
                    "add rule inet hostgate forward ip daddr { 192.0.2.7, 192.0.2.9 } drop",
                    "add rule inet hostgate forward tcp dport vmap { 1 : drop, 2 : accept }"):
            lab = self.lab_with("first")
            state = whole(lab)
            lab.nft(odd)
            self.assertIn("HG-W207", self.hostgate(lab, "apply", self.path["second"]).stderr)
            self.hostgate(lab, "rollback")
            self.assert_same(lab, state)
            lab.close()

    def test_relative_directory(self):
        """A directory that the process that undoes it would not find again is refused."""
        lab = self.lab_with(None)
        done = lab.run(self.installer.argv("apply", "--confirm", "5", self.path["first"]), env=lab.env(HOSTGATE_RUNDIR="rel"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("begin with a slash", done.stderr)
