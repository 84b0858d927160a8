# SPDX-License-Identifier: GPL-2.0-or-later
"""settings.holes: others' firewalls let pass what the description allows, and nothing else."""

import json
import re
import cases
import flows
import kernel
import packets as p
from lab import LINK, REMOTE

TOOL = {4: "iptables", 6: "ip6tables"}
CHAIN = {"docker": {4: "DOCKER-USER", 6: "DOCKER-USER"}, "ufw": {4: "ufw-user-forward", 6: "ufw6-user-forward"},
         "iptables": {4: "FORWARD", 6: "FORWARD"}}
PLACES = tuple(CHAIN)


def holes(*places, **more):
    return cases.standard(settings={"holes": list(places), **more.pop("settings", {})}, **more)


def neighbour(lab, place, variant):
    """A firewall that forwards nothing of its own, with a place for its administrator's rules."""
    for family in (4, 6):
        chain = CHAIN[place][family]
        lines = ["-P FORWARD DROP", "-A FORWARD -i dmz0 -o eth1 -c 7 700 -j ACCEPT"]
        if place != "iptables":
            lines += ["-N " + chain, "-A %s -p tcp --dport 25 -c 3 300 -j DROP" % chain, "-A %s -j RETURN" % chain,
                      "-I FORWARD -c 5 500 -j " + chain]
        lab.iptables(TOOL[family], variant, *lines)


def saved(lab, variant, counters=False):
    """The table filter as the -save tools print it, both families, without ours in it."""
    found = []
    for family in (4, 6):
        text = lab.must(["%s-%s-save" % (TOOL[family], variant), "-t", "filter"] + ["-c"] * counters)
        found += [line for line in text.splitlines()
                  if not line.startswith("#") and not re.match(r":(INPUT|OUTPUT) |:HOSTGATE-|.*-A HOSTGATE-|.* -j HOSTGATE-", line)
                  and '--comment "hostgate: ' not in line]
    return found if counters else [re.sub(r"\[\d+:\d+\]", "", line) for line in found]


def tagged(lab, variant, family, chain):
    """The rules of a chain that carry the tag, as -S prints them."""
    done = lab.run(["%s-%s" % (TOOL[family], variant), "-w", "-S", chain])
    return [line for line in done.stdout.splitlines() if '--comment "hostgate: ' in line]


def everything_tagged(lab, variant, counters=False):
    return [line for family in (4, 6)
            for line in lab.must(["%s-%s-save" % (TOOL[family], variant), "-t", "filter"] + ["-c"] * counters).splitlines()
            if '--comment "hostgate: ' in line]


class Guests:
    """What guests reach."""

    def guests_packets(self, lab, links=("vmnet1", "vmnet3", "tap0")):
        """How many of one packet of each link and family arrive outside."""
        marks, sendings = [], []
        for link in links:
            for family in (4, 6):
                marks.append(p.nonce())
                sendings.append((link, p.udp_packet(LINK[link].guest(family), REMOTE[family], 5000, 53, marks[-1])))
        captured = lab.round(sendings)
        self.assert_no_private(captured)
        return len([1 for mark in marks for seen in captured if mark[8:] in seen.frame and seen.link == "eth0"])

    def assert_closed(self, lab):
        """The isolated network, strangers, and what comes from outside by itself."""
        probes = []
        for family in (4, 6):
            guest = {link: LINK[link].guest(family) for link in ("vmnet1", "vmnet2", "vmnet3", "dmz0")}
            for link, source, to in (("vmnet2", guest["vmnet2"], REMOTE[family]), ("vmnet2", guest["vmnet2"], guest["vmnet3"]),
                                     ("vmnet1", guest["vmnet1"], guest["vmnet3"]), ("vmnet1", guest["vmnet1"], guest["dmz0"]),
                                     ("dmz0", guest["dmz0"], REMOTE[family]), ("eth0", REMOTE[family], guest["vmnet1"]),
                                     ("eth0", REMOTE[family], guest["vmnet3"]), ("eth0", REMOTE[family], guest["dmz0"]),
                                     ("vmnet1", guest["vmnet2"], REMOTE[family])):
                probes += cases.kinds(link, source, to, "hole ")
        self.assert_silent(probes, lab)

    def reaches_within(self, lab):
        """How many of one packet of each family pass between two interfaces of one network."""
        marks = [p.nonce(), p.nonce()]
        captured = lab.round([("tap0", p.udp_packet(LINK["tap0"].guest(family), LINK["tap1"].guest(family), 1, 2, mark))
                              for family, mark in zip((4, 6), marks)])
        return len([1 for mark in marks for seen in captured if mark[8:] in seen.frame and seen.link == "tap1"])

    def take_out(self, lab, variant, lines):
        """Somebody takes rules out, as -S prints them."""
        self.assertTrue(lines)
        for line in lines:
            words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)]
            for command in ("-C", "-D"):
                lab.must(["iptables-" + variant, "-w", command] + words[1:])


@cases.promise_applied
class Hole(Guests):
    """Every place in both kinds of iptables."""

    def each(self, *places):
        """A lab for each place and kind."""
        for place in places or PLACES:
            for variant in ("nft", "legacy"):
                with self.subTest("%s, %s" % (place, variant)):
                    lab = self.new_lab()
                    neighbour(lab, place, variant)
                    yield lab, place, variant
                    lab.close()

    def test_cut_off_without(self):
        """Control: without holes the neighbour's policy cuts guests off; its rules are as they were."""
        for lab, place, variant in self.each():
            before = saved(lab, variant)
            self.installer.install(lab, cases.standard())
            self.assertEqual(self.guests_packets(lab), 0)
            self.assertEqual(everything_tagged(lab, variant), [])
            self.assertEqual(saved(lab, variant), before)

    def test_passes(self):
        """With a hole flows of every kind pass both ways; what is isolated, strange or from outside stays out."""
        for lab, place, variant in self.each():
            self.installer.install(lab, holes(place))
            flows.leaving(self, "vmnet1", lab)
            flows.leaving(self, "vmnet3", lab, port=9300)
            flows.leaving(self, "tap0", lab, port=9600)
            self.assertEqual(self.guests_packets(lab), 6)
            self.assert_closed(lab)

    def test_within(self):
        """Two interfaces of one network reach each other through a hole, and not without."""
        for lab, place, variant in self.each("docker"):
            for described, passes in ((cases.standard(), 0), (holes(place), 2)):
                self.installer.install(lab, described)
                self.assertEqual(self.reaches_within(lab), passes)

    def test_removed(self):
        """remove puts the neighbour's chains back as they were, counters included; also without a record."""
        for lab, place, variant in self.each():
            before = saved(lab, variant, True)
            self.installer.install(lab, holes(place))
            for family in (4, 6):
                self.assertTrue(tagged(lab, variant, family, CHAIN[place][family]))
            self.assertEqual(saved(lab, variant, True), before)
            lab.must(["rm", "-r", lab.env()["HOSTGATE_RUNDIR"]])
            self.installer.remove(lab)
            self.assertEqual(saved(lab, variant, True), before)
            self.assertEqual(everything_tagged(lab, variant), [])

    def test_no_longer_asked_for(self):
        """A hole goes with its network's way out, with its place, and when none is asked for."""
        for lab, place, variant in self.each("ufw"):
            before = saved(lab, variant)
            self.installer.install(lab, holes(place))
            self.installer.install(lab, holes(place, vmnet1={"mode": "isolated"}))
            left = tagged(lab, variant, 4, CHAIN[place][4])
            self.assertEqual([line for line in left if "vmnet1" in line],
                             ['-A %s -i vmnet1 -o vmnet1 -m comment --comment "hostgate: within vmnet1" -j ACCEPT' % CHAIN[place][4]])
            self.assertEqual(self.guests_packets(lab, ("vmnet1",)), 0)
            self.assertEqual(self.guests_packets(lab, ("vmnet3",)), 2)
            self.installer.install(lab, holes("iptables"))
            self.assertEqual(tagged(lab, variant, 4, CHAIN[place][4]), [])
            self.assertTrue(tagged(lab, variant, 4, "FORWARD"))
            self.installer.install(lab, cases.standard())
            self.assertEqual(everything_tagged(lab, variant), [])
            self.assertEqual(saved(lab, variant), before)

    def test_again(self):
        """A second apply of the same changes nothing; what somebody took out comes back, and nothing else moves."""
        for lab, place, variant in self.each():
            self.installer.install(lab, holes(place))
            chain, generation = CHAIN[place][4], kernel.generation(lab)
            whole = tagged(lab, variant, 4, chain)
            again = self.installer.install(lab, holes(place))
            self.assertEqual(tagged(lab, variant, 4, chain), whole)
            self.assertIn("nothing to do", again.stdout)
            self.assertEqual(kernel.generation(lab), generation)
            self.take_out(lab, variant, [line for line in whole if "vmnet1 to" in line])
            self.assertEqual(self.guests_packets(lab, ("vmnet1",)), 1)
            self.installer.install(lab, holes(place))
            self.assertEqual(sorted(tagged(lab, variant, 4, chain)), sorted(whole))
            self.assertEqual(self.guests_packets(lab, ("vmnet1",)), 2)

    def test_clean_slate(self):
        """After a clean slate the policy stays, and a hole in FORWARD gets guests past it; again is nothing to do."""
        for lab, place, variant in self.each("iptables"):
            described = holes(place, settings={"clean-slate": True})
            self.installer.install(lab, described)
            self.assertEqual(self.guests_packets(lab), 6)
            self.assertIn("nothing to do", self.installer.install(lab, described).stdout)
            self.assertEqual(self.guests_packets(lab), 6)


def assert_ours_first(case, lab, variant):
    """In a chain where our own jump and holes stand, the holes come behind it."""
    lines = lab.must(["iptables-" + variant, "-w", "-S", "FORWARD"]).splitlines()
    ours = [number for number, line in enumerate(lines) if " -j HOSTGATE-" in line]
    tags = [number for number, line in enumerate(lines) if '--comment "hostgate: ' in line]
    case.assertTrue(ours and tags)
    case.assertLess(max(ours), min(tags), lines)


@cases.promise_script
class HoleScript(Guests):
    """A script reaches its own kind of iptables, where its own chains are, too."""

    def flows_pass(self, lab, *links):
        for number, link in enumerate(links):
            flows.leaving(self, link, lab, port=9000 + 300 * number)

    def counted(self, lab):
        """Others' rules with their counters; iptables itself forgets those of policies."""
        return [re.sub(r"^(:FORWARD DROP) .*", r"\1", line) for line in saved(lab, self.installer.variant, True)]

    def test_holes(self):
        """Cut off without holes; with them what has a way out passes, and nothing else; they go, come back, and are removed."""
        lab, variant = self.new_lab(), self.installer.variant
        for place in PLACES:
            neighbour(lab, place, variant)
        before, counted = saved(lab, variant), self.counted(lab)

        self.installer.install(lab, holes("docker"))
        whole = {family: tagged(lab, variant, family, "DOCKER-USER") for family in (4, 6)}
        self.assertTrue(whole[4] and whole[6])
        self.assertEqual(self.counted(lab), counted)
        self.flows_pass(lab, "vmnet1", "vmnet3", "tap0")
        self.assertEqual((self.guests_packets(lab), self.reaches_within(lab)), (6, 2))
        self.assert_closed(lab)

        self.take_out(lab, variant, [line for line in whole[4] if "vmnet1 to" in line])
        self.assertEqual(self.guests_packets(lab, ("vmnet1",)), 1)
        self.installer.install(lab, holes("docker"))
        self.assertEqual({family: tagged(lab, variant, family, "DOCKER-USER") for family in (4, 6)}, whole)
        self.assertEqual(self.guests_packets(lab, ("vmnet1",)), 2)

        self.installer.install(lab, holes("ufw", vmnet1={"mode": "isolated"}))
        chain = CHAIN["ufw"][4]
        self.assertEqual([line for line in tagged(lab, variant, 4, chain) if "vmnet1" in line],
                         ['-A %s -i vmnet1 -o vmnet1 -m comment --comment "hostgate: within vmnet1" -j ACCEPT' % chain])
        self.assertEqual(tagged(lab, variant, 4, "DOCKER-USER"), [])
        self.flows_pass(lab, "vmnet3", "tap0")
        self.assertEqual(self.guests_packets(lab, ("vmnet1",)), 0)
        self.assert_closed(lab)

        self.installer.install(lab, cases.standard())
        self.assertEqual((everything_tagged(lab, variant), saved(lab, variant)), ([], before))
        self.assertEqual((self.guests_packets(lab), self.reaches_within(lab)), (0, 0))

        self.installer.install(lab, holes("iptables"))
        assert_ours_first(self, lab, variant)
        self.assertTrue(tagged(lab, variant, 6, "FORWARD"))
        self.flows_pass(lab, "vmnet1", "vmnet3", "tap0")
        self.assert_closed(lab)
        counted = self.counted(lab)
        self.installer.remove(lab)
        self.assertEqual((everything_tagged(lab, variant), self.counted(lab)), ([], counted))

        for _ in range(2):                      # with the policy that stays
            self.installer.install(lab, holes("iptables", settings={"clean-slate": True}))
            assert_ours_first(self, lab, variant)
            self.assertEqual(self.guests_packets(lab), 6)


class Behind(cases.Case):
    """Where our chains are in the neighbour's own table."""

    installer = cases.LEGACY

    def test_ours_come_first(self):
        """Where our own jump stands in the same chain, holes come behind it: what it refuses stays refused."""
        lab = self.new_lab()
        for _ in range(2):
            self.installer.install(lab, holes("iptables"))
            assert_ours_first(self, lab, "legacy")


@cases.promise_applied
class Place(Guests):

    def test_not_there(self):
        """A place that is not there: a note and no error, and no legacy table comes to life by looking."""
        lab = self.new_lab()
        done = cases.succeeded("apply", self.installer.run(lab, holes(*PLACES)))
        self.assertEqual(done.stderr.count("HG-N220"), 2 if "iptables" in self.installer.name else 3)
        if self.installer is cases.NFTABLES:
            for family in ("ip", "ip6"):
                self.assertEqual(lab.run(["cat", "/proc/net/%s_tables_names" % family]).stdout, "")
            self.assertEqual(lab.must(["nft", "list", "tables"]), "table inet hostgate\n")
        neighbour(lab, "docker", "nft")
        done = lab.run(self.installer.argv("plan", lab.file("d.yaml", json.dumps(holes(*PLACES)))))
        self.assertEqual(done.returncode, 10, done.stderr)
        self.assertIn("+ rule ip filter DOCKER-USER: hostgate: vmnet1 to outside", done.stdout)
        self.installer.install(lab, holes(*PLACES))
        self.assertTrue(tagged(lab, "nft", 4, "DOCKER-USER"))

    def test_status(self):
        """status names the neighbour that cuts guests off, and the hole that helps; with it, it has nothing to say."""
        for variant in ("nft", "legacy"):
            lab = self.new_lab()
            neighbour(lab, "docker", variant)
            self.installer.install(lab, cases.standard())
            done = lab.run(self.installer.argv("status"))
            self.assertEqual(done.returncode, 5, done.stdout)
            self.assertIn("holes: [docker]", done.stdout + done.stderr)
            self.installer.install(lab, holes("docker"))
            done = lab.run(self.installer.argv("status"))
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_rollback(self):
        """rollback brings back the holes of the description before, and takes out those of the undone one."""
        for variant in ("nft", "legacy"):
            lab = self.new_lab()
            neighbour(lab, "docker", variant)
            self.installer.install(lab, cases.standard(settings={"deny": "drop"}))
            self.installer.install(lab, holes("docker"))
            whole = everything_tagged(lab, variant)
            self.assertTrue(whole)
            cases.succeeded("rollback", lab.run(self.installer.argv("rollback")))
            self.assertEqual(everything_tagged(lab, variant), [])
            self.installer.install(lab, holes("docker"))
            self.installer.install(lab, cases.standard())
            self.assertEqual(everything_tagged(lab, variant), [])
            cases.succeeded("rollback", lab.run(self.installer.argv("rollback")))
            self.assertEqual(everything_tagged(lab, variant), whole)

    def test_a_table_of_another(self):
        """A table that only has the name of iptables' is left alone."""
        lab = self.new_lab()
        lab.nft("table ip filter { chain FORWARD { counter; }; chain DOCKER-USER { type filter hook forward priority 5; }; }")
        before = lab.must(["nft", "list", "table", "ip", "filter"])
        self.installer.install(lab, holes(*PLACES))
        self.assertEqual(lab.must(["nft", "list", "table", "ip", "filter"]), before)

    def test_tags_of_others(self):
        """A rule that only talks of hostgate, or stands elsewhere, is nobody's hole."""
        for variant in ("nft", "legacy"):
            lab = self.new_lab()
            neighbour(lab, "docker", variant)
            for chain, comment in (("DOCKER-USER", "for hostgate: x"), ("INPUT", "hostgate: x"), ("FORWARD", "hostgate")):
                lab.must(["iptables-" + variant, "-w", "-A", chain, "-m", "comment", "--comment", comment, "-j", "ACCEPT"])
            before = lab.must(["iptables-" + variant, "-S"])
            self.installer.install(lab, holes("docker"))
            self.installer.remove(lab)
            self.assertEqual(re.sub(r"-[PNA] HOSTGATE.*\n", "", lab.must(["iptables-" + variant, "-S"])), before)

    def test_nobody_has_come(self):
        """With its holes gone, every sysctl is as before apply, whoever keeps the chain; meanwhile status sees no other user."""
        for place in PLACES:
            for variant in ("nft", "legacy"):
                with self.subTest("%s, %s" % (place, variant)):
                    lab = self.new_lab()
                    for family in (4, 6):       # a policy that lets pass, and an administrator's chain without a rule
                        chain = CHAIN[place][family]
                        for line in ["-P FORWARD ACCEPT"] + ["-N " + chain, "-A FORWARD -j " + chain] * (place != "iptables"):
                            lab.must(["%s-%s" % (TOOL[family], variant), "-w"] + line.split())
                    before = lab.all_sysctls()
                    self.installer.install(lab, holes(place))
                    self.assertTrue(everything_tagged(lab, variant))
                    self.assertEqual((lab.sysctl("ipv4/ip_forward"), lab.sysctl("ipv6/conf/all/forwarding")), ("1", "1"))
                    self.assertNotIn("other programs use it", lab.run(self.installer.argv("status")).stdout)
                    self.installer.remove(lab)
                    after = lab.all_sysctls()
                    self.assertEqual({path: (before.get(path), after.get(path)) for path in before.keys() | after.keys()
                                      if before.get(path) != after.get(path)}, {})
                    marks = [p.nonce(), p.nonce()]
                    captured = lab.round([("vmnet2", p.udp_packet(LINK["vmnet2"].guest(family), REMOTE[family], 5000, 53, mark))
                                          for family, mark in zip((4, 6), marks)])
                    self.assertEqual([seen for seen in captured for mark in marks if mark[8:] in seen.frame], [])

    def test_slate_of_others(self):
        """A clean slate takes what others have put around holes since, and leaves these with what they counted."""
        for place in ("docker", "iptables"):
            for variant in ("nft", "legacy"):
                with self.subTest("%s, %s" % (place, variant)):
                    lab = self.new_lab()
                    neighbour(lab, place, variant)
                    described = holes(place, settings={"clean-slate": True})
                    self.installer.install(lab, described)
                    if place == "iptables":     # a clean slate has emptied the chain that leads to the other place
                        self.assertEqual(self.guests_packets(lab), 6)
                    whole = everything_tagged(lab, variant, True)
                    self.assertTrue(whole)
                    for family in (4, 6):
                        lab.must(["%s-%s" % (TOOL[family], variant), "-w", "-A", CHAIN[place][family], "-i", "dmz0", "-j", "DROP"])
                    self.installer.install(lab, described)
                    self.assertEqual(everything_tagged(lab, variant, True), whole)
                    self.assertEqual([line for line in saved(lab, variant) if line.startswith("-A")], [])
                    self.assertIn("nothing to do", self.installer.install(lab, described).stdout)

    def test_order(self):
        """Holes come after forwarding is on, and go before it is off."""
        lab = self.new_lab()
        neighbour(lab, "docker", "nft")
        path = lab.file("d.yaml", json.dumps(holes("docker")))
        done, up = kernel.traced(lab, self.installer.argv("apply", path))
        self.assertEqual(done.returncode, 0, done.stderr)
        done, down = kernel.traced(lab, self.installer.argv("remove"))
        self.assertEqual(done.returncode, 0, done.stderr)
        for trace, last in ((up, True), (down, False)):
            lines = trace.splitlines()
            forwarding = [number for number, line in enumerate(lines)
                          if re.search(r"ip_forward.*O_(WRONLY|RDWR)", line)]
            batches = [number for number, line in enumerate(lines) if "NFNL_MSG_BATCH_BEGIN" in line]
            self.assertEqual(len(forwarding), 1)
            self.assertGreaterEqual(len(batches), 1)
            if last:
                self.assertGreater(batches[-1], forwarding[0])
            else:
                self.assertLess(batches[0], forwarding[0])
