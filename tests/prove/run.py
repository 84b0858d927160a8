#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests `hostgate prove`: the examples hold, every deliberate fault is found, nothing is left behind.

usage: run.py [-k NAME]  (the program is $HOSTGATE, else build/hostgate; the mutant is beside it)
"""

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import host_rules  # noqa: E402  (after the path is set)
import with_host  # noqa: E402
from lib import share  # noqa: E402
from lib.program import EXAMPLES, HANG, MUTANT, PROGRAM, read as text_of, run  # noqa: E402
from lib.space import Space  # noqa: E402

NAMES = sorted(os.listdir(EXAMPLES))
FAULTS = os.path.join(HERE, "faults.yaml")
BACKENDS = ("nftables", "iptables")


def example(name):
    return os.path.join(EXAMPLES, name)


def large(networks):
    """A description of many networks of every mode, every second one with IPv6."""
    described = {"uplinks": {"eth0": {"address": ["203.0.113.11", "2001:db8::11"]}, "eth1": {}}, "networks": {}}
    for i in range(networks):
        subnets = ["10.%d.%d.0/24" % divmod(i, 256)] + (["fd00:%x::/64" % (i + 1)] if i % 2 else [])
        described["networks"]["vm%d" % i] = {"subnet": subnets, "mode": ("isolated", "nat", "routed")[i % 3]}
    return json.dumps(described)


def why_not(backend):
    """Why nothing can be proved through the backend here, or None."""
    done = run(PROGRAM, "prove", "-q", "--backend", backend, example("host-only.yaml"))
    return None if done.returncode in (0, 5) else done.stderr.strip()


ABSENT = {backend: why_not(backend) for backend in BACKENDS}


class Ordinary:
    """A copy of the program that an ordinary user can run."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp()
        os.chmod(self.folder, 0o755)
        self.program = shutil.copy(PROGRAM, self.folder)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def prove(self, text, *options):
        return run(self.program, "prove", *options, "-", user=pwd.getpwnam("nobody").pw_uid, input=text, cwd="/")


class Examples(unittest.TestCase):
    def prove(self, backend, call):
        if ABSENT[backend]:
            self.skipTest(ABSENT[backend])
        for name in NAMES:
            done = call(name)
            self.assertEqual(done.returncode, 0, f"{name}: {done.stdout}{done.stderr}")
            self.assertIn("\nproved: ", done.stdout)
            self.assertNotRegex(done.stdout, "LEAK|FAIL")
            self.assertEqual(done.stderr, "")

    def as_root(self, backend):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        self.prove(backend, lambda name: run(PROGRAM, "prove", "--backend", backend, example(name)))

    def as_user(self, backend):
        if os.geteuid() != 0:
            self.prove(backend, lambda name: run(PROGRAM, "prove", "--backend", backend, example(name)))
            return
        with Ordinary() as user:
            done = user.prove(text_of(example("host-only.yaml")), "--backend", backend)
            if done.returncode == 4:
                self.skipTest("the kernel lets no ordinary user make namespaces")
            self.prove(backend, lambda name: user.prove(text_of(example(name)), "--backend", backend))

    def test_root_nftables(self):
        self.as_root("nftables")

    def test_root_iptables(self):
        self.as_root("iptables")

    def test_user_nftables(self):
        self.as_user("nftables")

    def test_user_iptables(self):
        self.as_user("iptables")


class Output(unittest.TestCase):
    def setUp(self):
        if ABSENT["nftables"]:
            self.skipTest(ABSENT["nftables"])

    def test_text_has_every_promise_and_the_matrix(self):
        out = run(PROGRAM, "prove", example("isolated.yaml")).stdout
        for network in ("vmnet1", "vmnet2"):
            for promise in ("P1", "P2", "P3", "P4"):
                self.assertRegex(out, rf"(?m)^{promise} {network} .* \d+ probes  PASS$")
        self.assertRegex(out, r"(?m)^vmnet1 +eth0 +passes, translated, IPv4 only +203.0.113.11 +PASS$")
        self.assertRegex(out, r"(?m)^vmnet2 +anywhere +refused \(reject\) +PASS$")

    def test_json(self):
        for program, fault, code in ((PROGRAM, None, 0), (MUTANT, "0", 5)):
            env = dict(os.environ, **({"HOSTGATE_FAULT": fault} if fault else {}))
            done = run(program, "prove", "--json", FAULTS, env=env)
            self.assertEqual(done.returncode, code, done.stderr)
            document = json.loads(done.stdout)
            self.assertEqual((document["format"], document["command"]), (1, "prove"))
            self.assertEqual(document["proved"], code == 0)
            self.assertGreater(document["probes"], 1000)
            self.assertEqual({line["network"] for line in document["promises"]},
                             {"office", "guests", "lab", "shop", "old", None})
            leaks = sum(line["leaks"] for line in document["promises"])
            self.assertEqual(leaks > 0, code == 5)
            self.assertEqual(len(document["findings"]), leaks)
            for finding in document["findings"]:
                self.assertIn(finding["kind"], ("leak", "failure"))
                self.assertTrue(finding["sent"]["packet"] and finding["seen"]["on"])
            self.assertEqual({cell["result"] for cell in document["matrix"]},
                             {"pass"} if code == 0 else {"pass", "leak"})

    def test_tap(self):
        for program, fault, code in ((PROGRAM, None, 0), (MUTANT, "0", 5)):
            env = dict(os.environ, **({"HOSTGATE_FAULT": fault} if fault else {}))
            done = run(program, "prove", "--tap", FAULTS, env=env)
            self.assertEqual(done.returncode, code, done.stderr)
            lines = done.stdout.splitlines()
            self.assertEqual(lines[0], "TAP version 13")
            plan = int(re.fullmatch(r"1\.\.(\d+)", lines[1]).group(1))
            points = [line for line in lines[2:] if not line.startswith("#")]
            for number, line in enumerate(points, 1):
                self.assertRegex(line, rf"^(not )?ok {number} - \S")
            self.assertEqual(len(points), plan)
            self.assertEqual(any(line.startswith("not ok") for line in points), code == 5)

    def test_a_leak_is_told_with_packet_and_rule(self):
        done = run(MUTANT, "prove", FAULTS, env=dict(os.environ, HOSTGATE_FAULT=fault_number("an exit into another network")))
        self.assertEqual(done.returncode, 5)
        self.assertIn("LEAK P1 office: udp, 192.168.56.2 > 198.18.7.2, in by vmnet1: to another network\n"
                      "     expected nowhere\n"
                      "     seen on vmnet3: 192.168.56.2 > 198.18.7.2 udp ", done.stdout)
        self.assertIn("     rule: to an uplink of its own, P1\n", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^anywhere else +shop \(vmnet3\) +refused \(drop\) +LEAK$")
        self.assertRegex(done.stdout, r"(?m)^not proved: \d+ leaks, 0 failures, of \d+ probes$")

    def test_an_answer_that_leaked_is_told_with_its_rule(self):
        done = run(MUTANT, "prove", "-v", FAULTS, env=dict(os.environ, HOSTGATE_FAULT=fault_number("no door at all")))
        self.assertEqual(done.returncode, 5)
        self.assertRegex(done.stdout, r"\n     seen on eth0: .* icmp.*\n     answered by: not its source, P4\n")

    def test_quiet(self):
        done = run(PROGRAM, "prove", "-q", example("host-only.yaml"))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_a_wrong_description(self):
        done = run(PROGRAM, "prove", "-", input="networks: {a: {subnet: x}}\n")
        self.assertEqual(done.returncode, 3)
        self.assertIn("HG-E", done.stderr)

    def test_where_namespaces_are_not_to_be_had(self):
        script = ("echo 0 >/proc/sys/user/max_user_namespaces && echo 0 >/proc/sys/user/max_net_namespaces && "
                  "exec \"$@\"")
        done = run("unshare", "--user", "--map-root-user", "sh", "-c", script, "sh", PROGRAM, "prove",
                   example("host-only.yaml"))
        if "unshare" in done.stderr or "cannot create" in done.stderr:
            self.skipTest(done.stderr.strip())
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("this user may not create namespaces", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_large_descriptions(self):
        for networks in (3, 100):
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                file.write(large(networks) if networks > 3 else text_of(example("three-networks.yaml")))
                file.flush()
                begun = time.monotonic()
                child = subprocess.Popen([PROGRAM, "prove", file.name], stdout=subprocess.PIPE, text=True)
                out = child.stdout.read()
                _, status, usage = os.wait4(child.pid, 0)
                child.returncode = os.waitstatus_to_exitcode(status)
                child.stdout.close()
                took = time.monotonic() - begun
            self.assertEqual(child.returncode, 0, out[-3000:])
            print("     %d networks: %.2f s, %d MiB, %s" % (networks, took, usage.ru_maxrss >> 10, out.splitlines()[-1]))
            self.assertLess(usage.ru_maxrss, 64 << 10)
            self.assertEqual("sample of the others" in out, networks > 64)


def on_terminal(*command, **env):
    """Runs the command with stderr on a terminal; returns what came there."""
    ours, theirs = os.openpty()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs, env=dict(os.environ, **env))
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the last one to hold the other end is gone
            break
        if not part:
            break
        seen += part
    os.close(ours)
    return child.wait(timeout=120), seen.decode()


class Progress(unittest.TestCase):
    def setUp(self):
        if ABSENT["nftables"]:
            self.skipTest(ABSENT["nftables"])

    def test_long_work_tells_how_far_it_got(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(large(100))
            file.flush()
            code, seen = on_terminal(PROGRAM, "prove", file.name, TERM="xterm")
            self.assertEqual(code, 0)
            lines = seen.split("\r\033[K")
            self.assertEqual((lines[0], lines[-1]), ("", ""), "the line is erased at the end")
            done = []
            for line in lines[1:-1]:
                counted, total = re.fullmatch(r"probes ([0-9,]+) of (1[0-9]{2},[0-9]{3})", line).groups()
                done.append(int(counted.replace(",", "")))
                self.assertLessEqual(done[-1], int(total.replace(",", "")))
            self.assertEqual(done, sorted(done))
            self.assertGreater(len(done), 1)
            for options, term in ((("--json",), "xterm"), (("--quiet",), "xterm"), ((), "dumb")):
                self.assertEqual(on_terminal(PROGRAM, "prove", *options, file.name, TERM=term), (0, ""))

    def test_short_work_says_nothing(self):
        self.assertEqual(on_terminal(PROGRAM, "prove", example("host-only.yaml"), TERM="xterm"), (0, ""))


def faults():
    return run(MUTANT, env=dict(os.environ, HOSTGATE_FAULT="list")).stdout.splitlines()


def fault_number(name):
    return str(faults().index(name))


class Faults(unittest.TestCase):
    """One test a fault: prove finds it, through every backend."""

    def title(self):
        return getattr(self, self._testMethodName).__doc__ or self.id()

    def test_no_fault(self):
        for backend in BACKENDS:
            if not ABSENT[backend]:
                done = run(MUTANT, "prove", "--backend", backend, FAULTS)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    @staticmethod
    def case_of(number, name):
        def test(self):
            tried = [backend for backend in BACKENDS if not ABSENT[backend]]
            if not tried:
                self.skipTest(ABSENT["nftables"])
            for backend in tried:
                done = run(MUTANT, "prove", "--backend", backend, FAULTS,
                           env=dict(os.environ, HOSTGATE_FAULT=str(number)))
                self.assertEqual(done.returncode, 5, f"{backend}: {done.stdout}{done.stderr}")
                self.assertRegex(done.stdout, "(?m)^(LEAK|FAIL) ")
        test.__doc__ = "fault: " + name
        return test


for _number, _name in enumerate(faults()):
    setattr(Faults, "test_fault_%02d" % _number, Faults.case_of(_number, _name))


# --- nothing is left behind ----------------------------------------------------------------------

def processes():
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


def machine():
    """What must be the same afterwards, of the namespaces that this process is in."""
    state = {"processes": processes() - {os.getpid()},
             "mounts": text_of("/proc/self/mountinfo"),
             "run": sorted(os.path.join(path, name) for path, folders, names in os.walk("/run")
                           for name in folders + names)}
    for command in ("ip link", "ip address", "ip route show table all", "ip -6 route show table all",
                    "nft list ruleset"):
        state[command] = run(*command.split()).stdout
    for name in ("ip", "ip6"):
        path = f"/proc/net/{name}_tables_names"
        state[path] = text_of(path) if os.path.exists(path) else None
    for top in ("/proc/sys/net/ipv4", "/proc/sys/net/ipv6"):
        for folder, _, names in os.walk(top):
            for name in names:
                try:
                    with open(os.path.join(folder, name), "rb") as file:
                        state[os.path.join(folder, name)] = file.read()
                except OSError:
                    pass
    # A search of processes is one itself.
    state["processes"] = {pid for pid in state["processes"] if os.path.exists(f"/proc/{pid}")}
    return state


def reap():
    """The first process of a namespace inherits the orphans."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def compare(before, what):
    """Ends with a message when something differs; a killed child may take a moment to go."""
    end = time.monotonic() + HANG
    while True:
        reap()
        after = machine()
        differs = [key for key in before if before[key] != after[key]]
        if not differs:
            return
        if time.monotonic() > end:
            break
        time.sleep(0.01)
    left = [text_of(f"/proc/{pid}/stat") for pid in after["processes"] - before["processes"]]
    sys.exit("%s: %s differ: %r, %r; %r" % (what, differs, before[differs[0]], after[differs[0]], left))


def inside():
    """Runs in network, mount and process namespaces of its own, which are "the machine" here."""
    run("mount", "-t", "tmpfs", "tmpfs", "/run").check_returncode()
    run("ip", "link", "set", "lo", "up").check_returncode()
    run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "far").check_returncode()
    run("nft", "add table inet others { chain c { type filter hook forward priority 0; }; }").check_returncode()
    before = machine()
    for backend in BACKENDS:
        for options in ((), ("--with-host",)):
            done = run(PROGRAM, "prove", "--backend", backend, *options, FAULTS)
            if done.returncode and not ABSENT[backend]:
                sys.exit(done.stdout + done.stderr)
            compare(before, "after a proof through %s %s" % (backend, options))
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", dir="/var/tmp") as file:
        file.write(large(60))
        file.flush()
        before = machine()
        for number in (signal.SIGKILL, signal.SIGTERM):
            for step in range(12):
                options = ("--with-host",) if step % 2 else ()
                child = subprocess.Popen([PROGRAM, "prove", *options, file.name], stdout=subprocess.DEVNULL)
                time.sleep(0.002 * 1.7 ** step)
                child.send_signal(number)
                child.wait()
                compare(before, "after signal %d in step %d" % (number, step))


class Traces(unittest.TestCase):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        if ABSENT["nftables"]:
            self.skipTest(ABSENT["nftables"])

    def test_nothing_is_left_and_nothing_changed(self):
        done = run("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
                   sys.executable, os.path.abspath(__file__), "inside", timeout=300)
        if done.stderr.startswith("unshare:"):
            self.skipTest(done.stderr.strip())  # in a chroot, say
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def apply(self, *command, fault=None):
        """Runs `apply --prove` in a namespace of its own; returns the result with the rules behind a mark."""
        script = '"$@"; code=$?; echo MARK; nft list ruleset; cat /proc/sys/net/ipv4/ip_forward; exit $code'
        with Space() as host:
            host.forward(False)
            host.ip(["link set lo up"] + ["link add %s type veth peer name p-%s" % (name, name)
                                          for name in ("eth0", "eth1", *("vmnet%d" % i for i in range(1, 6)))])
            return host.run(["sh", "-c", script, "sh", *command], env=host.env(**({"HOSTGATE_FAULT": fault} if fault else {})))

    def test_apply_after_a_proof(self):
        done = self.apply(PROGRAM, "apply", "--prove", FAULTS)
        self.assertEqual(done.returncode, 0, done.stderr)
        said, rules = done.stdout.split("MARK\n")
        self.assertIn("applied: ", said)
        self.assertIn("table inet hostgate", rules)
        self.assertEqual(rules.splitlines()[-1], "1")

    def test_no_apply_after_a_failed_proof(self):
        for options in ((), ("--json",), ("--quiet",), ("--dry-run",)):
            done = self.apply(MUTANT, "apply", "--prove", *options, FAULTS, fault="0")
            self.assertEqual(done.returncode, 5, done.stderr)
            said, rules = done.stdout.split("MARK\n")
            self.assertEqual(rules, "0\n")
            if options == ("--json",):
                self.assertEqual((json.loads(said)["proved"], json.loads(said)["changed"]), (False, False))
            elif options == ("--quiet",):
                self.assertEqual(said, "")
            else:
                self.assertIn("LEAK P1 ", said)
                self.assertNotIn("iptables", said)
            if options != ("--json",):
                self.assertIn("HG-E303", done.stderr)


def main():
    if sys.argv[1:] == ["inside"]:
        inside()
        return 0
    for backend, reason in ABSENT.items():
        if reason:
            print("skip everything through %s: %s" % (backend, reason))
    loader = unittest.TestLoader()
    tests = [test for case in (Examples, Output, Progress, Traces, Faults, *host_rules.CASES, *with_host.CASES)
             for test in loader.loadTestsFromTestCase(case)]
    print("     %d faults to be put into the rules, a test each" % len(faults()))
    return share.run(tests, share.options(__doc__).parse_args())


if __name__ == "__main__":
    sys.exit(main())
