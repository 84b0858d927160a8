# SPDX-License-Identifier: GPL-2.0-or-later
"""P5, P6: an error or a SIGKILL at any step of any command that changes something, over both backends.

Every case prepares a host, runs one command with one fault, looks at once whether the promises hold,
and then gets back to a clean host with one command, as a person would. FAULT_STEPS says how many
faults of each scenario are tried ("all": every one).
"""

import json
import os

import cases
import inject
import packets as p
import picture
import record
from lab import LINK, PROGRAM, REMOTE, Lab

SAMPLE = os.environ.get("FAULT_STEPS", "14")
# What a host may have had before: forwarding of a single interface is moved by the switch, and has to come back.
UNUSUAL = {"ipv4/conf/vmnet3/accept_redirects": 1, "ipv4/conf/dmz0/forwarding": 1, "ipv6/conf/dmz0/forwarding": 1,
           "ipv4/conf/all/accept_redirects": 0}
FORGED = {4: "192.0.2.99", 6: "2001:db8:99::99"}
SAYS_WHAT_IS_LEFT = (r"nothing was changed|(are|is) (partly )?installed|removed|rolled back|roll back again|restored|remains|"
                     r"stays?\b|left")

DESCRIPTIONS = {
    "A": cases.standard(),
    # Tighter, with sysctls that go back, and another translation.
    "T": cases.standard(vmnet1={"mode": "isolated"}, vmnet3=None, taps={"snat": "203.0.113.13", "subnet": "192.168.60.0/24"}),
}


def hostgate(command, backend, *words):
    return [PROGRAM, command, *(["--backend", backend] if command == "apply" else []), *words]


class Scenario:
    """before: what has been applied, as (description, backend); then the command, and what it leads to."""

    def __init__(self, name, before, command, after):
        self.name, self.before, self.command, self.after = name, before, command, after

    def __repr__(self):
        return self.name


def scenarios():
    found = []
    for backend in ("nftables", "iptables"):
        a, t = ("A", backend), ("T", backend)
        found += [Scenario("first apply, %s" % backend, [], ("apply", *a), [a]),
                  Scenario("tighten, %s" % backend, [a], ("apply", *t), [a, t]),
                  Scenario("loosen, %s" % backend, [t], ("apply", *a), [t, a]),
                  Scenario("remove, %s" % backend, [a], ("remove",), []),
                  Scenario("rollback of a change, %s" % backend, [a, t], ("rollback",), [a]),
                  Scenario("rollback of a first apply, %s" % backend, [a], ("rollback",), []),
                  Scenario("apply --confirm, %s" % backend, [a], ("apply", *t, "--confirm", "600"), [a, t])]
    for one, two in (("nftables", "iptables"), ("iptables", "nftables")):
        found.append(Scenario("%s to %s" % (one, two), [("A", one)], ("apply", "T", two), [("A", one), ("T", two)]))
    return found


class Host:
    """One lab for many cases: each has to leave it as it was at the very first."""

    def __init__(self):
        self.lab = Lab()
        for name, value in UNUSUAL.items():
            self.lab.sysctl(name, value)
        self.paths = {name: self.lab.file(name + ".yaml", json.dumps(described)) for name, described in DESCRIPTIONS.items()}
        self.all_sysctls = self.lab.all_sysctls()
        self.first = picture.Picture(self.lab)
        self.known_clean = True         # nothing was done to it since one looked

    def argv(self, command):
        if command[0] != "apply":
            return [PROGRAM, command[0]]
        return [PROGRAM, "apply", "--backend", command[2], *command[3:], self.paths[command[1]]]

    def must(self, *command):
        self.known_clean = False
        return self.lab.must(self.argv(command))

    def is_clean(self):
        """Empty when everything is as at the very first; else what is not."""
        left = [name for name in picture.files(self.lab) if name != "lock"]
        found = ("files: %s\n" % left if left else "") + self.first.difference(picture.Picture(self.lab))
        self.known_clean = not found
        return found


class Fault(cases.Case):
    """What the classes with the matrix share; they are some, so that several processes can share them."""

    weight = 3
    host = None
    fresh = {}          # Picture of a host to which this list of (description, backend) was applied
    count = None

    @classmethod
    def setUpClass(cls):
        cls.host = Host()
        Fault.count = {"cases": 0, "violated": 0}

    @classmethod
    def tearDownClass(cls):
        cls.host.lab.close()
        print("     fault, %s: %d cases, %d violated" % (cls.__name__, cls.count["cases"], cls.count["violated"]), flush=True)

    def clean(self):
        """The host, as at the very first; a new one where the last case failed to leave it so."""
        if self.host.lab.host < 0 or inject.processes(self.host.lab) or not self.host.known_clean and self.host.is_clean():
            self.host.lab.close()
            type(self).host = Host()
        return self.host

    def picture_of(self, applied):
        """What applying these one after the other on a clean host leads to."""
        key = tuple(applied)
        if key not in self.fresh:
            host = self.clean()
            for one in applied:
                host.must("apply", *one)
            self.fresh[key] = picture.Picture(host.lab)
            host.must("remove")
            self.assertEqual(host.is_clean(), "", "remove alone does not bring everything back")
        return self.fresh[key]

    # ---- P1 to P4, with packets

    def sendings(self, door):
        """(link, packet, mark, where it may come out) of both families; door: forged sources meet one."""
        found = []

        def add(link, packet, *allowed):
            mark = b"HGf%04d" % len(found)
            found.append((link, packet(mark), mark, (link,) + allowed))
        for family in (4, 6):
            isolated, nat, remote = LINK["vmnet2"].guest(family), LINK["vmnet1"].guest(family), REMOTE[family]
            strangers = [LINK[link].guest(family) for link in ("dmz0", "vmnet3", "vmnet4" if family == 4 else "dmz0")]
            for dst in [remote, nat] + strangers:
                add("vmnet2", lambda mark: p.udp_packet(isolated, dst, 1, 53, mark))
                add("vmnet2", lambda mark: p.tcp_packet(isolated, dst, 2, 80, p.RST, payload=mark))
            for dst in [isolated] + strangers:
                add("vmnet1", lambda mark: p.udp_packet(nat, dst, 1, 53, mark))
            add("vmnet1", lambda mark: p.udp_packet(nat, remote, 1, 53, mark), *cases.UPLINKS)
            add("vmnet1", lambda mark: p.tcp_packet(nat, remote, 2, 80, p.RST, payload=mark), *cases.UPLINKS)
            add("vmnet2", lambda mark: p.udp_packet(FORGED[family], remote, 1, 53, mark))
            if door:
                add("vmnet2", lambda mark: p.echo_packet(FORGED[family], LINK["vmnet2"].host[family], 7, mark))
            for dst in (isolated, nat):
                add("eth0", lambda mark: p.udp_packet(remote, dst, 53, 1, mark))
                add("eth0", lambda mark: p.tcp_packet(remote, dst, 80, 3, p.SYN, payload=mark))
        return found

    def assert_safe(self, door):
        sendings = self.sendings(door)
        captured = self.host.lab.round([(link, packet) for link, packet, _, _ in sendings])
        self.assert_no_private(captured)
        leaks = ["sent on %s: %r" % (link, seen) for link, _, mark, allowed in sendings
                 for seen in captured if mark in seen.frame and seen.link not in allowed]
        self.assertEqual(leaks, [])

    # ---- one case

    def prepare(self, scenario):
        """A host on which the scenario's command can be run; what it was before, and what it is to become."""
        before, after = self.picture_of(scenario.before), self.picture_of(scenario.after)
        host = self.clean()
        for one in scenario.before:
            host.must("apply", *one)
        return host, before, after

    def judge_now(self, scenario, done, before, after):
        """At once, whatever is left."""
        now = picture.Picture(self.host.lab)
        if not now.ours:
            self.assertEqual(picture.changed({key: value for key, value in self.host.first.sysctls.items() if key.endswith("forward") or key.endswith("forwarding")},
                                             {key: value for key, value in now.sysctls.items() if key.endswith("forward") or key.endswith("forwarding")}), {},
                             "it forwards without its rules")
        self.assert_safe(bool(before.ours and after.ours))
        if done is None or inject.killed(done):
            return
        self.assertIn(done.returncode, (0, 1, 4), done.stderr)
        if done.returncode == 0 or "cannot write to standard output" in done.stderr:
            self.assertEqual(now.difference(after), "", "it says that it is done; now -> as it should be")
            return
        self.assertRegex(done.stderr, r"error:", "it says why")
        if now == before:
            return
        self.assertNotIn("nothing was changed", done.stderr, before.difference(now))
        self.assertRegex(done.stderr, SAYS_WHAT_IS_LEFT, before.difference(now))

    def unconfirmed(self):
        """What waits to be confirmed lets nothing else happen, and says so."""
        if not record.pending(self.host.lab):
            return
        done = self.host.lab.run(self.host.argv(("remove",)))
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("hostgate confirm", done.stderr)
        self.host.must("confirm")

    def heal_by_apply(self, scenario, before, after):
        """The next apply: as on a host that never saw the fault."""
        self.unconfirmed()
        wanted = (scenario.after or scenario.before)[-1]
        self.host.must("apply", *wanted)
        self.assertEqual(picture.Picture(self.host.lab).difference(self.picture_there([wanted])), "", "now -> as it should be")
        self.host.lab.must([PROGRAM, "status"])

    def heal_by_rollback(self, scenario, before, after):
        """Rollback: what was before the command, or before the last one that changed something."""
        was = picture.Picture(self.host.lab)
        done = self.host.lab.run([PROGRAM, "rollback"])
        now = picture.Picture(self.host.lab)
        earlier = [self.picture_of(scenario.before[:n]) for n in range(len(scenario.before) + 1)]
        if done.returncode == 0:
            self.assertIn(True, [now == one for one in earlier], "rolled back to something else; earlier -> now: "
                          + earlier[-1].difference(now))
            if was not in earlier:
                self.assertIn(True, [now == one for one in earlier[-2:]], "rolled back too far")
        else:
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("nothing to undo", done.stderr)
            self.assertIn(True, [now == one for one in earlier], "nothing to undo; earlier -> now: " + earlier[-1].difference(now))

    def heal_by_remove(self, scenario, before, after):
        """Remove; what it does is judged after every case."""
        self.unconfirmed()

    def heal_by_waiting(self, scenario, before, after):
        """Nobody confirms: the guard undoes it."""
        if record.pending(self.host.lab):
            self.assertNotEqual(inject.processes(self.host.lab), [], "nobody would undo it")
            record.expire(self.host.lab)
        self.assertTrue(inject.gone(self.host.lab), "the guard does not end")
        self.assertFalse(record.pending(self.host.lab))
        self.assertEqual(picture.Picture(self.host.lab).difference(before), "", "now -> as it should be")

    def picture_there(self, applied):
        """The picture from the cache; it was made before the case."""
        return self.fresh[tuple(applied)]

    def finish(self):
        """Remove brings everything back, and leaves nothing behind."""
        self.unconfirmed()
        self.host.must("remove")
        self.assertEqual(self.host.is_clean(), "", "the very first -> after remove")
        self.assertTrue(inject.gone(self.host.lab), "a guard is left")

    def one(self, scenario, name, heal, run):
        """A case: run(host) does what fails, and returns the result."""
        Fault.count["cases"] += 1
        for applied in [scenario.before[:n] for n in range(len(scenario.before) + 1)] + [(scenario.after or scenario.before)[-1:]]:
            self.picture_of(applied)
        good = False
        with self.subTest("%s; %s; then %s" % (scenario, name, heal)):
            host, before, after = self.prepare(scenario)
            host.known_clean = False
            done = run(host)
            self.judge_now(scenario, done, before, after)
            getattr(self, "heal_by_" + heal)(scenario, before, after)
            self.finish()
            good = True
        Fault.count["violated"] += not good
        if not good:
            self.host.lab.close()

    # ---- the matrix

    def sample(self, found):
        """The faults that are tried: mostly of steps that change something, from the first to the last."""
        if SAMPLE == "all":
            return found
        few = int(SAMPLE)
        writing = [fault for fault in found if fault[0].writes]
        reading = [fault for fault in found if not fault[0].writes]
        return spread(writing, few - few // 4) + spread(reading, few // 4)

    def scenario(self, scenario):
        host, _, _ = self.prepare(scenario)
        argv = host.argv(scenario.command)
        host.known_clean = False
        found = self.sample(inject.faults(inject.steps(host.lab, argv, ".yaml")))
        self.assertGreater(len(found), 7)
        if record.pending(host.lab):
            host.must("rollback")
        ways = ["apply", "rollback", "remove"] + (["waiting"] if "--confirm" in scenario.command else [])
        for number, (step, fault) in enumerate(found):
            self.one(scenario, "%r: %s" % (step, fault), ways[number % len(ways)],
                     lambda host: inject.run(host.lab, host.argv(scenario.command), step, fault))


    def guard(self, backend):
        """Faults in the process that undoes what nobody confirmed."""
        scenario = Scenario("the guard, %s" % backend, [("A", backend)], ("apply", "T", backend, "--confirm", "600"),
                            [("A", backend), ("T", backend)])

        def undo(host, *fault, **more):
            host.must(*scenario.command)
            guard, = inject.processes(host.lab)
            with inject.attached(guard, *fault, **more):
                record.expire(host.lab)

        host, before, _ = self.prepare(scenario)
        trace = host.lab.file("steps", "")
        undo(host, trace=trace)
        self.assertEqual(picture.Picture(host.lab).difference(before), "", "now -> as it should be")
        with open(trace, errors="replace") as file:
            found = inject.faults(inject.parse(file.read()))
        # The first file that it reads is the record: when it can't, it goes on waiting, and it should.
        found = self.sample([(step, fault) for step, fault in found
                             if (repr(step), fault[:5]) != ("openat 1", "error")])
        self.assertGreater(len(found), 7)
        for number, (step, fault) in enumerate(found):
            self.one(scenario, "%r: %s" % (step, fault), ("apply", "rollback", "remove")[number % 3],
                     lambda host: undo(host, step, fault))


def spread(found, number):
    """So many of them, evenly."""
    return [found[i * len(found) // number] for i in range(number)] if number < len(found) else found


class FaultGuard(Fault):
    """Of the process that undoes what nobody confirmed."""

    def test_probes(self):
        """Positive control: on a host that forwards without rules, every probe is seen where it must not be."""
        lab = cases.open_lab()
        sendings = self.sendings(True)
        captured = lab.round([(link, packet) for link, packet, _, _ in sendings])
        unseen = ["%s %r" % (link, packet) for link, packet, mark, allowed in sendings
                  if not any(mark in seen.frame and (seen.link not in allowed or seen.link != link) for seen in captured)]
        self.assertEqual(unseen, [])

    def test_guard_nftables(self):
        """Faults in the guard, while it undoes what nobody confirmed."""
        self.guard("nftables")

    def test_guard_iptables(self):
        """The same over iptables."""
        self.guard("iptables")

    def test_guard_start(self):
        """Faults before the guard is ready: nothing is changed, and it is said."""
        a = ("A", "nftables")
        scenario = Scenario("the guard's start", [a], ("apply", "T", "nftables", "--confirm", "600"), [a])
        steps = [inject.Step(call, number, True) for call, n in (("setsid", 1), ("dup2", 3), ("chdir", 1))
                 for number in range(1, n + 1)]

        def run(host, step, fault):
            done = inject.run(host.lab, host.argv(scenario.command), step, fault, "-f")
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("nothing was changed", done.stderr)
            self.assertEqual(picture.Picture(host.lab).difference(self.picture_there(scenario.before)), "")
            self.assertTrue(inject.gone(host.lab))
            return done
        for number, (step, fault) in enumerate(inject.faults(steps, inject.CHILD_ERRORS)):
            self.one(scenario, "%r: %s" % (step, fault), ("apply", "rollback", "remove")[number % 3],
                     lambda host: run(host, step, fault))


def add_tests():
    """The scenarios become tests, a class of them for each backend, and one for what changes the backend."""
    for scenario in scenarios():
        def test(self, scenario=scenario):
            self.scenario(scenario)
        ways = {backend for _, backend in scenario.before + scenario.after}
        owner = "Fault_" + (ways.pop() if len(ways) == 1 else "both")
        test.__doc__ = "Faults in: %s." % scenario
        globals().setdefault(owner, type(owner, (Fault,), {"__module__": __name__}))
        setattr(globals()[owner], "test_" + "".join(c if c.isalnum() else "_" for c in scenario.name), test)


add_tests()
