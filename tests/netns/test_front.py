# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules of others in front of hostgate's jumps: what may take packets away is told, and apply comes to the front."""

import json
import os
import random
import re
import socket
import struct

import cases
import foreign_rules
import neighbours
import packets as p
from lab import LINK, REMOTE

TOOL = {4: "iptables", 6: "ip6tables"}
ANY = {4: "0.0.0.0/0", 6: "::/0"}

# Who takes packets away: its rules, the last one in front of ours. %s: the built-in chain.
TAKERS = {
    "ACCEPT": ["-I %s -j ACCEPT"],
    "RETURN": ["-I %s -j RETURN"],
    "a chain": ["-N vpn", "-N exempt", "-A exempt -m mark --mark 0 -j ACCEPT", "-A vpn -j exempt", "-I %s -j vpn"],
}
# Who takes none: a chain that drops, limits or logs; what is about other interfaces and addresses.
HARMLESS = {
    ("filter", "FORWARD"): ["-N f2b-x", "-A f2b-x -s ADDRESS -j DROP", "-A f2b-x -s ADDRESS -j REJECT", "-A f2b-x -j LOG",
                            "-A f2b-x -j RETURN", "-I FORWARD -j f2b-x", "-I FORWARD -s OTHERS -d OTHERS -i docker0 -o docker0 -j ACCEPT",
                            "-I FORWARD -s OTHERS -d OTHERS -i docker0 -o wg0 -j ACCEPT", "-I FORWARD -j MARK --set-mark 7",
                            "-I FORWARD -p tcp --syn -m limit --limit 5/s -j DROP"],
    ("filter", "OUTPUT"): ["-I OUTPUT -o lo -j ACCEPT", "-I OUTPUT -p tcp --dport 25 -j DROP", "-I OUTPUT -p tcp --dport 443 -j ACCEPT"],
    ("nat", "POSTROUTING"): ["-I POSTROUTING -s OTHERS ! -o docker0 -j MASQUERADE", "-I POSTROUTING -o docker0 -j ACCEPT"],
    ("mangle", "POSTROUTING"): ["-N f2b-x", "-A f2b-x -j DROP", "-I POSTROUTING -s ADDRESS -j f2b-x",
                                "-I POSTROUTING -s OTHERS -d OTHERS -o docker0 -j ACCEPT", "-I POSTROUTING -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1300"],
    ("raw", "PREROUTING"): ["-I PREROUTING -s ADDRESS -j DROP", "-I PREROUTING -i lo -j ACCEPT", "-I PREROUTING -i docker0 -j DROP"],
}
PLACES = tuple(place for place in HARMLESS if place != ("filter", "OUTPUT"))
ROUNDS = int(os.environ.get("HOSTGATE_JUDGE_ROUNDS", "120")) // 4
SEED = int(os.environ.get("HOSTGATE_JUDGE_SEED", "1"))
NOBODY = {4: "203.0.113.99", 6: "2001:db8::99"}
OTHERS = {4: "172.17.0.0/16", 6: "fd00:17::/64"}


class Front:
    """What a rule in front lets leak, and where it is closed again."""

    def add(self, lab, table, lines, variant="legacy"):
        for line in lines:
            line = line.replace("ADDRESS", NOBODY[self.family]).replace("OTHERS", OTHERS[self.family])
            lab.must(["%s-%s" % (TOOL[self.family], variant), "-w", "-t", table] + line.split())

    def leaks(self, lab, table):
        """Sends what only our rules in the table stop; returns what leaks, or None where it is translated as it should be."""
        mark = p.nonce()
        if table == "nat":      # a connection that nobody has seen before
            port = 1024 + struct.unpack(">H", mark[8:10])[0] % 60000
            seen = lab.one("vmnet1", p.udp_packet(self.guest("vmnet1"), self.remote, port, 53, mark), mark[8:])
            self.assertEqual([one.link for one in seen], ["eth0"])
            return [one for one in seen if one.packet.src != cases.PUBLIC["eth0"][self.family]]
        if table == "filter":
            seen = lab.one("dmz0", p.udp_packet(self.guest("dmz0"), self.guest("vmnet2"), 1000, 53, mark), mark[8:])
            return [one for one in seen if one.link == "vmnet2"]
        if table == "raw":     # the host's answer to a forged source
            seen = lab.one("vmnet2", p.echo_packet(self.remote, cases.PUBLIC["eth0"][self.family], 7, mark), mark[8:])
            return [one for one in seen if one.link == "eth0"]
        lab.drain()             # the host's own packet, from a gateway that has no translation
        sock = lab.host_socket(socket.SOCK_DGRAM, self.family)
        sock.bind((self.gateway("vmnet2"), 0))
        try:
            sock.sendto(mark, (self.remote, 53))
        except PermissionError:
            return []
        return [one for one in lab.settle() if mark[8:] in one.frame and one.link == "eth0"]

    def others(self, lab, variant="legacy"):
        """All but ours, with counters, in its order."""
        text = lab.must(["%s-%s-save" % (TOOL[self.family], variant), "-c"])
        return [line for line in text.splitlines() if "HOSTGATE-" not in line and not line.startswith(("#", ":"))]

    def first(self, lab, table, builtin, variant="legacy"):
        """The targets of the first rules of a chain that lead to ours."""
        lines = lab.must(["%s-%s" % (TOOL[self.family], variant), "-w", "-t", table, "-S", builtin]).splitlines()[1:]
        ours = [" -j HOSTGATE-" in line for line in lines]
        return ours.index(False) if False in ours else len(ours)

    def run_json(self, lab, status, *words):
        done = lab.run(self.installer.argv(words[0], "--json", *words[1:]))
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return json.loads(done.stdout)


class Judged(Front):

    def setUp(self):
        super().setUp()
        self.lab = self.new_lab()
        self.installer.install(self.lab, cases.standard())
        self.file = self.lab.file("d.yaml", json.dumps(cases.standard()))

    def fronts(self, answer):
        return [diag["message"] for diag in answer["diagnostics"] if diag["code"] == "HG-E270"]

    def assert_quiet(self):
        """Nothing to tell, and nothing to do."""
        answer = self.run_json(self.lab, 0, "status")
        self.assertEqual((answer["void"], answer["matches"], self.fronts(answer)), (False, True, []))
        self.assertEqual(self.run_json(self.lab, 0, "plan", self.file)["changed"], False)
        done, trace = self.traced_apply()
        self.assertEqual((done.returncode, done.stdout), (0, "nothing to do\n"), done.stderr)
        self.assertEqual(self.replacements(trace), 0)

    def traced_apply(self):
        path = self.lab.file("trace", "")
        done = self.lab.run(["strace", "-f", "-o", path, "-e", "trace=setsockopt"] + self.installer.argv("apply", self.file))
        with open(path, errors="replace") as file:
            return done, file.read()

    @staticmethod
    def replacements(trace):
        """How often a table was replaced: IPT_SO_SET_REPLACE and its IPv6 twin, number 64."""
        return len(re.findall(r"setsockopt\(\d+, SOL_IPV?6?, (?:0x40|64|IPT_SO_SET_REPLACE|IP6T_SO_SET_REPLACE)\b", trace))


class Docker(Judged):

    def test_docker(self):
        """Docker comes, and puts its chains in front when it starts again: named, and behind us after apply."""
        self.family = 4
        text = neighbours.DOCKER.replace("-A FORWARD", "-I FORWARD").replace("-A POSTROUTING", "-I POSTROUTING")
        neighbours.load_iptables(self.lab, text, "legacy")
        self.assertTrue(self.leaks(self.lab, "filter"))
        self.assertRegex(self.lab.run(self.installer.argv("status")).stdout, r"^void: +rule [0-9]+ \(.*\) stands in front of ")
        told = self.fronts(self.run_json(self.lab, 5, "status"))
        self.assertEqual(len(told), 1, told)
        self.assertIn("stands in front of HOSTGATE-FORWARD in ip filter FORWARD", told[0])
        self.installer.install(self.lab, cases.standard())
        self.assertEqual(self.leaks(self.lab, "filter"), [])
        self.assertEqual(self.fronts(self.run_json(self.lab, 5, "status")), [], "but its policy blocks")


class Random(Judged):
    """Where nothing is told of random rules in front of ours, no packet passes that ours would have stopped."""

    def forbidden(self):
        guest = {link: LINK[link].guest(self.family) for link in ("vmnet1", "vmnet2", "vmnet3", "dmz0")}
        guest["eth0"] = self.remote
        for link, to in (("dmz0", "vmnet1"), ("dmz0", "vmnet2"), ("dmz0", "vmnet3"), ("eth0", "vmnet1"), ("eth0", "vmnet2"),
                         ("vmnet2", "eth0"), ("vmnet2", "dmz0"), ("vmnet1", "dmz0"), ("vmnet1", "vmnet3"), ("vmnet3", "vmnet1")):
            for make in (lambda src, dst, mark: p.udp_packet(src, dst, 50000, 53, mark),
                         lambda src, dst, mark: p.tcp_packet(src, dst, 50000, 443, p.SYN, *struct.unpack(">II", mark[8:])),
                         lambda src, dst, mark: p.tcp_packet(src, dst, 443, 80, p.RST, *struct.unpack(">II", mark[8:]))):
                mark = p.nonce()
                yield link, make(guest[link], guest[to], mark), mark[8:]

    def passes(self):
        probes = list(self.forbidden())
        captured = self.lab.round([(link, packet) for link, packet, _ in probes])
        return [seen for seen in captured for link, _, mark in probes if mark in seen.frame and seen.link != link]

    def test_random(self):
        rng = random.Random(SEED)
        restore = [TOOL[self.family] + "-legacy-restore", "-w", "--noflush"]
        silent = leaked = 0
        for _ in range(ROUNDS):
            rules, back = foreign_rules.iptables_in_front(rng, self.family)
            if self.lab.run(restore, stdin=rules).returncode:
                continue        # iptables itself refuses them
            told = self.fronts(json.loads(self.lab.run(self.installer.argv("status", "--json")).stdout))
            seen = self.passes()
            silent += not told
            leaked += bool(seen)
            if not told:
                self.assertEqual(seen, [], rules)
            self.lab.must(restore, stdin=back)
        self.assertGreater(leaked, ROUNDS // 12, "of some rules packets leak")
        self.assertGreater(silent, ROUNDS // 12, "of some nothing is told")
        self.assertEqual(self.passes(), [])


cases.promise(Random, (4, 6), [cases.LEGACY])
cases.promise(Docker, (None,), [cases.LEGACY])


class Applied(Judged):
    """What the program says and does about it."""

    def test_taken_away(self):
        """In every table, by accept, return or a chain that accepts: it leaks; status, plan and apply say it; apply ends it."""
        for table, builtin in PLACES:
            for how, lines in TAKERS.items():
                with self.subTest("%s %s" % (table, how)):
                    self.assertEqual(self.leaks(self.lab, table), [])
                    self.add(self.lab, table, [line.replace("%s", builtin) for line in lines])
                    self.assertEqual(self.first(self.lab, table, builtin), 0)
                    self.assertTrue(self.leaks(self.lab, table), "control: it leaks")
                    before = self.others(self.lab)
                    answer = self.run_json(self.lab, 5, "status")
                    self.assertEqual((answer["void"], answer["matches"]), (True, False))
                    told = self.fronts(answer)
                    self.assertTrue(told and all("rule 1 (" in text and " %s %s " % (table, builtin) in text for text in told), told)
                    answer = self.run_json(self.lab, 10, "plan", self.file)
                    self.assertEqual({(change["kind"], change["what"], change["after"]) for change in answer["changes"]},
                                     {("modify", "rule", "first")})
                    self.assertTrue(all(" %s: jump to HOSTGATE-" % builtin in change["name"] for change in answer["changes"]))
                    done, trace = self.traced_apply()
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertEqual(self.replacements(trace), 1, "one commit")
                    self.assertGreaterEqual(self.first(self.lab, table, builtin), 1)
                    self.assertEqual(self.leaks(self.lab, table), [])
                    self.assertEqual([re.sub(r"^\[\d+:\d+\]", "", line) for line in self.others(self.lab)],
                                     [re.sub(r"^\[\d+:\d+\]", "", line) for line in before])
                    if how == "a chain":
                        self.assert_quiet()
                    self.add(self.lab, table, [line.replace("-I", "-D").replace("%s", builtin) for line in lines if "-I" in line])

    def test_harmless(self):
        """What only drops, and accepts of other packets, may stand in front: nothing is said, and nothing moves."""
        for (table, builtin), lines in HARMLESS.items():
            self.add(self.lab, table, lines)
            self.assertEqual(self.first(self.lab, table, builtin), 0)
        before = self.lab.must([TOOL[self.family] + "-legacy-save"])
        self.assert_quiet()
        self.assertEqual([line for line in self.lab.must([TOOL[self.family] + "-legacy-save"]).splitlines() if line[:1] in ":-"],
                         [line for line in before.splitlines() if line[:1] in ":-"])
        for table, _ in PLACES:
            self.assertEqual(self.leaks(self.lab, table), [])

    def test_each_accept_counts(self):
        """One accept among what is harmless, as narrow as one packet of one network: told; of other packets: not."""
        for (table, builtin), lines in HARMLESS.items():
            self.add(self.lab, table, lines)
        for table, builtin, taken, kept in (
                ("filter", "FORWARD", "-i vmnet2 -o docker0 -j ACCEPT", "-s OTHERS -d OTHERS -i wg0 -o docker0 -j ACCEPT"),
                ("filter", "FORWARD", "-s OTHERS -d OTHERS -i docker0 ! -o docker0 -j ACCEPT", "-s OTHERS -d OTHERS -i docker0 -o eth9 -j ACCEPT"),
                ("filter", "FORWARD", "-i tap7 -o br0 -p tcp --dport 80 -j ACCEPT", "-s OTHERS -d OTHERS -i tun7 -o br0 -p tcp --dport 80 -j ACCEPT"),
                ("filter", "FORWARD", "-o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-s OTHERS -d OTHERS -i br0 -o docker0 -j ACCEPT"),
                ("filter", "FORWARD", "-i docker0 -o docker0 -j ACCEPT", "-s OTHERS -d OTHERS -i docker0 -o docker0 -j ACCEPT"),
                ("mangle", "POSTROUTING", "-s OTHERS -o docker0 -j ACCEPT", "-s OTHERS -d OTHERS -o docker0 -j ACCEPT"),
                ("nat", "POSTROUTING", "-s %s -o eth0 -p tcp -j MASQUERADE" % self.guest("vmnet1"), "-s %s -o eth0 -j MASQUERADE" % self.guest("dmz0")),
                ("nat", "POSTROUTING", "-s %s -d %s -j ACCEPT" % (self.guest("tap1"), self.remote), "-s %s -o vmnet2 -j ACCEPT" % self.guest("tap1"))):
            with self.subTest("%s %s" % (table, taken)):
                self.add(self.lab, table, ["-I %s %s" % (builtin, kept)])
                self.run_json(self.lab, 0, "status")
                self.add(self.lab, table, ["-I %s %s" % (builtin, taken)])
                self.assertTrue(self.fronts(self.run_json(self.lab, 5, "status")))
                self.run_json(self.lab, 10, "plan", self.file)
                self.add(self.lab, table, ["-D %s %s" % (builtin, taken)])
                self.run_json(self.lab, 0, "status")

    def test_policy_drop(self):
        """Where the policy drops, a return in front takes nothing; an accept does."""
        self.add(self.lab, "filter", ["-P FORWARD DROP", "-I FORWARD -j RETURN"])
        answer = self.run_json(self.lab, 5, "status")
        self.assertEqual((answer["void"], answer["matches"], self.fronts(answer)), (False, True, []), "only the blocker")
        self.run_json(self.lab, 0, "plan", self.file)

    def test_with_another_change(self):
        """A description that changes, too: one apply does both, and at no moment is our jump missing."""
        self.add(self.lab, "filter", ["-I FORWARD -j ACCEPT"])
        self.add(self.lab, "nat", ["-I POSTROUTING -j ACCEPT"])
        described = cases.standard(vmnet2={"mode": "nat"}, vmnet1={"mode": "isolated"})
        self.installer.install(self.lab, described)
        self.file = self.lab.file("d.yaml", json.dumps(described))
        for table, builtin in (("filter", "FORWARD"), ("nat", "POSTROUTING")):
            self.assertEqual(self.first(self.lab, table, builtin), 1)
        mark = p.nonce()
        seen = self.lab.one("vmnet1", p.udp_packet(self.guest("vmnet1"), self.remote, 1000, 53, mark), mark[8:])
        self.assertEqual({one.link for one in seen}, {"vmnet1"}, "only the refusal")
        mark = p.nonce()
        seen = self.lab.one("vmnet2", p.udp_packet(self.guest("vmnet2"), self.remote, 1000, 53, mark), mark[8:])
        self.assertEqual([(one.link, one.packet.src) for one in seen], [("eth0", cases.PUBLIC["eth0"][self.family])])
        self.assert_quiet()

    def test_hole_in_front(self):
        """A hole of ours in front of our jump takes packets from it as anybody's accept would; behind it none."""
        described = cases.standard(settings={"holes": ["iptables"]})
        self.installer.install(self.lab, described)
        self.file = self.lab.file("d.yaml", json.dumps(described))
        self.assert_quiet()
        self.add(self.lab, "filter", ["-D FORWARD -j HOSTGATE-FORWARD", "-A FORWARD -j HOSTGATE-FORWARD"])
        self.assertTrue(self.fronts(self.run_json(self.lab, 5, "status")))
        self.installer.install(self.lab, described)
        self.assertEqual(self.first(self.lab, "filter", "FORWARD"), 1)
        self.assert_quiet()

    def test_undone(self):
        """What rollback brings back are our rules; others' rules stay where they are."""
        self.add(self.lab, "filter", ["-I FORWARD -j ACCEPT"])
        self.installer.install(self.lab, cases.standard(settings={"deny": "drop"}))
        before = self.others(self.lab)
        cases.succeeded("rollback", self.lab.run(self.installer.argv("rollback")))
        self.assertEqual(self.others(self.lab), before)
        self.assertEqual(self.leaks(self.lab, "filter"), [])


cases.promise(Applied, (4, 6), [cases.LEGACY])


# Scripts take long: what leaks() asks about, and no more.
SMALL = {"uplinks": {"eth0": {"address": list(cases.PUBLIC["eth0"].values())}},
         "networks": {name: cases.STANDARD["networks"][name] for name in ("vmnet1", "vmnet2")}}


class Script(Front):
    """A printed script that runs again comes to the front; the program sees what it left behind in legacy iptables."""

    def test_again(self):
        lab = self.new_lab()
        variant = self.installer.variant
        self.installer.install(lab, SMALL)
        for self.family in (4, 6):
            for table, builtin in PLACES:
                self.assertEqual(self.leaks(lab, table), [])
                self.add(lab, table, ["-I %s -j ACCEPT" % builtin], variant)
                self.assertTrue(self.leaks(lab, table), "control: it leaks")
        if variant == "legacy":
            path = lab.file("d.yaml", json.dumps(SMALL))
            done = lab.run(cases.LEGACY.argv("plan", path))
            self.assertEqual(done.returncode, 10, done.stderr)
            self.assertEqual(done.stdout.count("behind rule 1 (ACCEPT)"), 2 * (len(PLACES) + 1), done.stdout)
        self.installer.install(lab, SMALL)
        for self.family in (4, 6):
            for table, builtin in PLACES:
                self.assertGreaterEqual(self.first(lab, table, builtin, variant), 1)
                self.assertEqual(self.leaks(lab, table), [])


cases.promise_script(Script)


class Apart(Front):
    """In a table of its own (nf_tables) nobody stands in front: an accept elsewhere is not the last word."""

    def test_accepts_elsewhere(self):
        lab = self.new_lab()
        self.installer.install(lab, cases.standard())
        for self.family in (4, 6):
            for variant in ("legacy", "nft"):
                for table, builtin in PLACES:
                    self.add(lab, table, ["-I %s -j ACCEPT" % builtin], variant)
        lab.nft("""table inet early {
            chain a { type filter hook prerouting priority -500; accept; };
            chain b { type filter hook forward priority -200; accept; };
            chain c { type nat hook postrouting priority 90; accept; };
            chain d { type filter hook postrouting priority -500; accept; };
            chain e { type filter hook output priority -500; accept; };
            }""")
        for self.family in (4, 6):
            for table, _ in PLACES:
                self.assertEqual(self.leaks(lab, table), [], table)
        answer = self.run_json(lab, 0, "status")
        self.assertEqual((answer["void"], answer["matches"]), (False, True))

    def test_translated_elsewhere(self):
        """Who translates before us, or takes packets out of conntrack: no private source gets out, and nothing gets in."""
        for chains in ("chain c { type nat hook postrouting priority 90; oifname eth0 masquerade; };",
                       "chain c { type filter hook prerouting priority -300; notrack; };",
                       "chain c { type filter hook prerouting priority -500; notrack; };"):
            with self.subTest(chains):
                lab = self.new_lab()
                self.installer.install(lab, cases.standard())
                lab.nft("table inet early { %s }" % chains)
                for self.family in (4, 6):
                    captured = lab.round([("vmnet1", p.udp_packet(self.guest("vmnet1"), self.remote, 1000, 53, p.nonce())),
                                          ("vmnet1", p.tcp_packet(self.guest("vmnet1"), self.remote, 1000, 53, p.RST)),
                                          ("vmnet2", p.udp_packet(self.guest("vmnet2"), self.remote, 1000, 53, p.nonce()))])
                    self.assert_no_private(captured)
                    self.assertEqual(self.leaks(lab, "filter"), [])
                    for link in ("vmnet1", "vmnet3"):
                        mark = p.nonce()
                        packet = p.udp_packet(REMOTE[self.family], LINK[link].guest(self.family), 53, 1000, mark)
                        self.assertEqual([one for one in lab.one("eth0", packet, mark[8:]) if one.link == link], [])


cases.promise(Apart, (None,), [cases.NFTABLES])
