# SPDX-License-Identifier: GPL-2.0-or-later
"""P5: no gap while apply, re-apply and remove run, under traffic of all kinds, nor after a crash."""

import contextlib
import itertools
import json
import random
import signal
import subprocess
import time

import cases
import packets as p
import picture
from lab import HANG, LINK, REMOTE, Lab

MARK = {"vmnet1": b"HGnat1!!" + b"\xa1Natflood"[:8], "vmnet2": b"HGisol!!" + b"\xa2Isoloud"[:8],
        "eth0": b"HGoutsid" + b"\xa3Outward"[:8]}
PRIVATE4 = {bytes([192, 168, third]) for third in (56, 57, 58, 60)}
PRIVATE6 = {p.packed(net)[:8] for net in ("fd00:56::", "fd00:57::", "fd00:58::", "fd00:60::")}
BURST = 48          # frames between two looks at the capture


class Storm:
    """Floods a host with packets of all kinds and judges everything that comes out."""

    def __init__(self, lab, forged):
        self.lab, self.forged, self.leaks, self.frames = lab, forged, [], 0
        self.left = 0                    # frames of the nat network that left translated
        self.sent = self.arrived = self.replied = 0
        self.flood = itertools.cycle(self._flood())
        self.ports = itertools.cycle(range(20000, 60000))

    def _flood(self):
        sendings = []
        for family in (4, 6):
            remote, isolated = REMOTE[family], LINK["vmnet2"].guest(family)
            for link, others in (("vmnet1", ("vmnet3", "dmz0")), ("vmnet2", ("vmnet1", "vmnet3", "dmz0"))):
                guest = LINK[link].guest(family)
                for dst in [remote] + [LINK[other].guest(family) for other in others]:
                    for probe in cases.kinds(link, guest, dst):
                        sendings += probe.sendings(MARK[link])
            for source, dst in ((remote, isolated), (remote, LINK["vmnet1"].guest(family))):
                for probe in cases.kinds("eth0", source, dst):
                    sendings += probe.sendings(MARK["eth0"])
            if self.forged:
                source, gateway = REMOTE[family], LINK["vmnet2"].gateway(family)
                sendings += [("vmnet2", p.echo_packet(source, gateway, 1, MARK["vmnet2"])),
                             ("vmnet2", p.udp_packet(source, gateway, 1, 9, MARK["vmnet2"])),
                             ("vmnet2", p.udp_packet(source, remote, 1, 9, MARK["vmnet2"], ttl=1)),
                             ("vmnet2", p.udp_packet(source, remote, 1, 9, MARK["vmnet2"]))]
        random.Random(1).shuffle(sendings)
        return sendings

    def burst(self):
        for sending in itertools.islice(self.flood, BURST):
            self.lab.send(*sending)
        self.frames += BURST
        self.judge(self.lab.drain())

    def judge(self, captured):
        for seen in captured:
            frame = seen.frame
            if MARK["vmnet2"][8:] in frame and seen.link != "vmnet2":
                self.leaks.append(seen)
            elif MARK["eth0"][8:] in frame and seen.link != "eth0":
                self.leaks.append(seen)
            elif seen.link in cases.UPLINKS:
                kind = frame[12:14]
                if kind == b"\x08\0" and frame[26:29] in PRIVATE4 or kind == b"\x86\xdd" and frame[22:30] in PRIVATE6:
                    self.leaks.append(seen)
                elif MARK["vmnet1"][8:] in frame:
                    self.left += 1
            elif MARK["vmnet1"][8:] in frame and seen.link != "vmnet1":
                self.leaks.append(seen)
            if seen.link == "eth0" and b"REQUEST" in frame:
                self.arrived += 1
                packet = seen.packet
                self.lab.send("eth0", p.udp_packet(packet.dst, packet.src, 53, packet.sport, b"REPLY"))
            elif seen.link == "vmnet1" and b"REPLY" in frame:
                self.replied += 1

    def request(self):
        """One request on the steady flows, one on a new one; the answers are sent by judge()."""
        for family in (4, 6):
            for port in (19999, next(self.ports)):
                self.sent += 1
                self.lab.send("vmnet1", p.udp_packet(LINK["vmnet1"].guest(family), REMOTE[family], port, 53, b"REQUEST"))

    def passes(self):
        """Whether the nat network's steady flows pass right now, in both families and directions."""
        before = self.replied
        self.request()
        for _ in range(3):
            self.judge(self.lab.settle())
        return self.replied == before + 4

    def during(self, child, steady=False, limit=HANG):
        """Storms until the program has ended, and once more behind it."""
        end = time.monotonic() + limit
        while child.poll() is None:
            if time.monotonic() > end:
                child.kill()
                raise AssertionError("%r takes more than %d s" % (child.args, limit))
            self.burst()
            if steady:
                self.request()
        self.burst()
        if steady:
            self.request()
        for _ in range(3):               # request, reply, and what they cause
            self.judge(self.lab.settle())


def variants():
    """Descriptions to change between; vmnet1 is nat and vmnet2 isolated in all of them."""
    return [
        cases.standard(),
        cases.standard(vmnet3={"mode": "isolated"}, taps=None),
        cases.standard(settings={"deny": "drop"}, vmnet4={"mode": "routed", "subnet": ["192.168.58.0/24", "fd00:58::/64"]}),
        cases.standard(vmnet3={"mode": "nat"}, vmnet4={"mode": "isolated"}, taps={"snat": "203.0.113.13"}),
        cases.standard(vmnet3=None, vmnet4=None, taps={"mode": "routed"}),
    ]


class Rounds:
    """Rounds of programs under a storm; a script takes its time, so it runs fewer of them."""

    weight = 3

    def setUp(self):
        self.lab = self.new_lab()
        self.rounds = 2 if self.installer.script else 100 if self.installer is cases.NFTABLES else 40

    def commands(self, described, name):
        """The program that installs this description (or, for None, removes it), and its environment."""
        if self.installer.script:
            text = self.installer.text(self.lab, described)
            return ["sh", self.lab.file(name + ".sh", text)], self.installer.env(self.lab)
        if described is None:
            return self.installer.argv("remove"), self.lab.env()
        return self.installer.argv("apply", self.lab.file(name, json.dumps(described))), self.lab.env()

    def go(self, storm, command, steady=False, expect=0):
        child = self.lab.start(command[0], env=command[1], cpu=Lab.other_cpu, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        storm.during(child, steady)
        errors = child.stderr.read()
        child.stderr.close()
        self.assertEqual(child.returncode, expect, errors)
        self.assertEqual(storm.leaks[:5], [], "%d leaks" % len(storm.leaks))

    def forwarding(self):
        return self.lab.sysctl("ipv4/ip_forward"), self.lab.sysctl("ipv6/conf/all/forwarding")

    def up_and_down(self):
        storm = Storm(self.lab, forged=False)
        up = [self.commands(described, "up%d.yaml" % number) for number, described in enumerate(variants())]
        down = None
        for turn in range(self.rounds):
            self.assertEqual(self.forwarding(), ("0", "0"), "round %d" % turn)
            self.go(storm, up[turn % len(up)])
            self.assertTrue(storm.passes(), "the nat network gets out, round %d" % turn)
            down = down or self.commands(None, "down")
            self.go(storm, down)
        self.assertEqual(self.forwarding(), ("0", "0"))

    def change(self, steady):
        storm = Storm(self.lab, forged=True)
        self.installer.install(self.lab, variants()[0])
        commands = [self.commands(described, "v%d.yaml" % number) for number, described in enumerate(variants())]
        choice = random.Random(2)
        for turn in range(self.rounds):
            self.go(storm, choice.choice(commands), steady)
        self.assertGreater(storm.left, self.rounds)
        self.assertTrue(storm.passes())
        if steady:
            self.assertGreater(storm.sent, self.rounds)
            self.assertEqual((storm.arrived, storm.replied), (storm.sent, storm.sent), "requests or replies were lost")


@cases.promise_both
class Gap(Rounds):

    def test_up_and_down(self):
        """P5: rounds of apply and remove under a flood: no leak at any moment, forwarding off in between."""
        self.up_and_down()

    def test_change(self):
        """P5: rounds of changes under a flood: no leak; over nf_tables, an unchanged network loses not one packet."""
        self.change(steady=self.installer is cases.NFTABLES)


class Control(cases.Case):

    def test_storm_sees_leaks(self):
        """Control: on a host that forwards without rules, the storm finds leaks of every kind."""
        storm = Storm(cases.open_lab(), forged=True)
        for _ in range(40):
            storm.burst()
        self.assertTrue(any(MARK["vmnet2"] in seen.frame for seen in storm.leaks), "isolated network")
        self.assertTrue(any(MARK["eth0"] in seen.frame for seen in storm.leaks), "from outside")
        self.assertTrue(any(MARK["vmnet1"] in seen.frame and seen.link == "dmz0" for seen in storm.leaks), "wrong way")
        self.assertTrue(any(MARK["vmnet1"] in seen.frame and seen.link == "eth0" for seen in storm.leaks), "private source")


class Broken(Rounds, cases.Case):
    """hostgate itself, interrupted."""

    installer = cases.NFTABLES

    def test_crash(self):
        """P5: killed at any moment (SIGKILL): no leak then, and the next apply makes it right."""
        self.broken(signal.SIGKILL, {0, -signal.SIGKILL})

    def test_stopped(self):
        """SIGTERM in apply finishes or aborts the whole step: all or nothing, and no leak."""
        self.broken(signal.SIGTERM, None)

    def broken(self, sig, codes):
        storm = Storm(self.lab, forged=False)
        commands = [self.commands(described, "k%d.yaml" % number) for number, described in enumerate(variants())]
        started = time.monotonic()
        self.go(storm, commands[0])
        usual = time.monotonic() - started
        choice = random.Random(3)
        states = [self.snapshot()]
        for command in commands:
            self.go(storm, command)
            states.append(self.snapshot())
        self.go(storm, self.commands(None, "down"))
        states.append(self.snapshot())
        hit = 0
        for turn in range(40):
            argv, env = choice.choice(commands)
            child = self.lab.start(argv, env=env, cpu=Lab.other_cpu, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            end = time.monotonic() + choice.random() * usual * 1.2
            while time.monotonic() < end and child.poll() is None:
                storm.burst()
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(sig)
            storm.during(child)
            hit += child.returncode != 0
            self.assertEqual(storm.leaks[:5], [], "round %d: %d leaks" % (turn, len(storm.leaks)))
            if codes is not None:
                self.assertIn(child.returncode, codes)
            else:
                self.assert_known(states, "round %d, exit %d" % (turn, child.returncode))
            if turn % 4 == 3:
                self.go(storm, commands[turn % len(commands)])      # heals what was left behind
                self.assert_known(states, "healed, round %d" % turn)
            if turn % 8 == 7:
                self.go(storm, self.commands(None, "down"))
                self.assertEqual(self.forwarding(), ("0", "0"), "round %d" % turn)
        self.assertGreater(hit, 0, "the signal always came too late")

    def snapshot(self):
        """The rules without counters, and whether the host forwards; the order of what has none is no part of it."""
        return picture.rules(self.lab), self.forwarding()

    def assert_known(self, states, what):
        """All or nothing: the host is in one of these states; else what is not as in the most similar one."""
        now = self.snapshot()
        if now not in states:
            like = min(states, key=lambda state: len(picture.changed(state[0], now[0])))
            self.fail("half done, %s: forwarding %s -> %s, %s" % (
                what, like[1], now[1], picture.changed(like[0], now[0])))
