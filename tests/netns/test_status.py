# SPDX-License-Identifier: GPL-2.0-or-later
"""What `status` says of other programs' rules and settings, and what packets say of the same."""

import json
import os

import cases
import kernel
import neighbours
import packets as p
from lab import LINK, PROGRAM, REMOTE


class Status(cases.Case):
    installer = cases.NFTABLES

    def setUp(self):
        super().setUp()
        self.lab = self.new_lab()

    def status(self, status=None, **env):
        done = self.lab.run([PROGRAM, "status", "--json"], env=self.lab.env(**env))
        answer = json.loads(done.stdout)
        if status is not None:
            self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return answer

    def passes(self, network="vmnet1", family=4):
        """Whether a new connection from a guest to the outside gets out."""
        mark = p.nonce()
        packet = p.udp_packet(LINK[network].guest(family), REMOTE[family], 1000, 53, mark)
        return any(seen.link == "eth0" for seen in self.lab.one(network, packet, mark))

    def blocker(self, answer, **wanted):
        found = [b for b in answer["blockers"] if all(b[key] == value for key, value in wanted.items())]
        self.assertEqual(len(found), 1, answer["blockers"])
        return found[0]

    def test_nobody_else(self):
        """On a host without other rules there is no blocker, nobody else uses forwarding, and nothing comes to life."""
        self.installer.install(self.lab, cases.standard())
        names = [self.lab.must(["cat", "/proc/net/%s_tables_names" % kind]) for kind in ("ip", "ip6")]
        answer = self.status(0)
        self.assertEqual((answer["blockers"], answer["forwarding"]), ([], {"ipv4": "1", "ipv6": "1", "others": []}))
        self.assertEqual(answer["pairs"], 14, "vmnet1, vmnet3, taps twice, vmnet4 once; two uplinks")
        self.assertEqual(answer["sampled_pairs"], 14)
        self.assertEqual(names, ["", ""])
        self.assertEqual(names, [self.lab.must(["cat", "/proc/net/%s_tables_names" % kind]) for kind in ("ip", "ip6")])
        self.assertNotIn("HG-N300", [diag["code"] for diag in answer["diagnostics"]], "no network is a bridge")

    def test_requests(self):
        """The host is read once: five networks, two families and two uplinks take at most 40 netlink requests."""
        for installer in cases.INSTALLERS[:2]:
            with self.subTest(installer.name):
                self.lab = self.new_lab()
                installer.install(self.lab, cases.standard())
                done, trace = kernel.traced(self.lab, [PROGRAM, "status"])
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                asked = [line for line in trace.splitlines() if "sendto(" in line or "sendmsg(" in line]
                print("     %s: %d netlink requests" % (installer.name, len(asked)), flush=True)
                self.assertIn("NFT_MSG_GETRULE", "".join(asked), "strace shows the requests")
                self.assertLessEqual(len(asked), 40, "\n".join(asked))

    def check_docker(self, variant):
        self.installer.install(self.lab, cases.standard())
        self.assertTrue(self.passes())
        neighbours.load_iptables(self.lab, neighbours.DOCKER, variant)
        self.assertFalse(self.passes())
        self.assertTrue(self.passes(family=6))
        answer = self.status(5)
        blocker = self.blocker(answer, family="ip", table="filter", chain="FORWARD", policy="drop")
        self.assertEqual((blocker["certain"], blocker["who"], blocker["hook"], blocker["priority"], blocker["legacy"]),
                         (True, ["Docker"], "forward", 0, variant == "legacy"))
        self.assertIn("DOCKER-USER", blocker["advice"])
        self.assertEqual({pair["network"] for pair in blocker["pairs"]}, {"vmnet1", "vmnet3", "vmnet4", "taps"})
        self.assertEqual({pair["family"] for pair in blocker["pairs"]}, {"IPv4"})
        self.assertEqual({(other["chain"], tuple(other["who"])) for other in answer["forwarding"]["others"]},
                         {("PREROUTING", ("Docker",)), ("OUTPUT", ("Docker",)), ("POSTROUTING", ("Docker",)), ("FORWARD", ("Docker",))})
        text = self.lab.run([PROGRAM, "status"])
        self.assertRegex(text.stdout, r"blockers: +rules of other programs\n +drops: +ip filter FORWARD, policy drop.*; of Docker\n +stops: IPv4 vmnet1 -> outside")
        for way in (["-i", "vmnet1"], ["-o", "vmnet1"]):       # what the advice says
            self.lab.must(["iptables-" + variant, "-w", "-I", "DOCKER-USER"] + way + ["-j", "ACCEPT"])
        self.assertTrue(self.passes())
        pairs = self.blocker(self.status(5), policy="drop")["pairs"]
        self.assertNotIn("vmnet1", {pair["network"] for pair in pairs})

    def test_docker_legacy(self):
        """Docker's FORWARD policy in iptables-legacy is named with its advice; taking the advice opens the way."""
        self.check_docker("legacy")

    def test_docker_nft(self):
        """The same with iptables-nft."""
        self.check_docker("nft")

    def test_ufw(self):
        """ufw's default deny is named; what its rate-limited log does is no question."""
        self.installer.install(self.lab, cases.standard())
        neighbours.load_iptables(self.lab, neighbours.UFW, "nft")
        self.assertFalse(self.passes())
        blocker = self.blocker(self.status(5))
        self.assertEqual((blocker["certain"], blocker["who"]), (True, ["ufw"]))
        self.assertEqual({pair["reply"] for pair in blocker["pairs"]}, {False}, "replies are accepted")

    def test_firewalld(self):
        """firewalld's last reject is named, by its chain and rule, for both families."""
        self.installer.install(self.lab, cases.standard(taps=None))
        self.lab.nft(neighbours.FIREWALLD)
        self.assertFalse(self.passes() or self.passes(family=6))
        blocker = self.blocker(self.status(5), certain=True)
        self.assertEqual((blocker["table"], blocker["chain"], blocker["rule"], blocker["how"], blocker["who"]),
                         ("firewalld", "filter_FORWARD", 7, "reject", ["firewalld"]))
        self.assertEqual({pair["family"] for pair in blocker["pairs"]}, {"IPv4", "IPv6"})

    def test_libvirt(self):
        """A bridge that libvirt rejects is named, with the chain in which it does; others are not."""
        self.installer.install(self.lab, cases.standard())
        neighbours.load_iptables(self.lab, neighbours.LIBVIRT, "legacy")
        self.assertFalse(self.passes())
        self.assertTrue(self.passes("vmnet3"))
        answer = self.status(5)
        self.assertEqual({(b["chain"], b["rule"], tuple(b["who"])) for b in answer["blockers"]},
                         {("LIBVIRT_FWO", 3, ("libvirt",)), ("LIBVIRT_FWI", 3, ("libvirt",))})
        for blocker in answer["blockers"]:
            self.assertEqual({pair["network"] for pair in blocker["pairs"]}, {"vmnet1"})
            self.assertEqual(blocker["base_chain"], "FORWARD")

    def test_may(self):
        """What cannot be told is a note: status says which match, and succeeds."""
        self.installer.install(self.lab, cases.standard())
        self.lab.nft('table inet x { chain c { type filter hook forward priority 5; limit rate over 1000/second drop; }; }')
        blocker = self.blocker(self.status(0))
        self.assertEqual((blocker["certain"], blocker["untold"], blocker["rule"]), (False, "limit", 1))

    def test_sysctl_files(self):
        """Files that will set forwarding otherwise are named with their line; hidden ones and right ones are not."""
        self.installer.install(self.lab, cases.standard())
        root = os.path.join(self.lab.directory, "root")
        for path, text in {
                "etc/sysctl.d/50-b.conf": "# no\n-net.ipv4.ip_forward = 0\nnet/ipv6/conf/all/forwarding=1\n",
                "usr/lib/sysctl.d/40-a.conf": "net.ipv6.conf.all.forwarding = 0\n",
                "usr/lib/sysctl.d/60-z.conf": "net.ipv4.ip_forward=1\n",
                "etc/sysctl.d/60-z.conf": "",
                "etc/sysctl.conf": "; net.ipv4.ip_forward=0\nnet.ipv4.conf.all.forwarding=0\n",
                "etc/ufw/ufw.conf": "ENABLED=yes\n",
                "etc/ufw/sysctl.conf": "net/ipv4/ip_forward=1\nnet/ipv6/conf/all/forwarding=0\n"}.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w") as file:
                file.write(text)
        answer = self.status(0, HOSTGATE_SYSCONFROOT=root)
        told = [diag["message"].split(" sets ")[0] for diag in answer["diagnostics"] if diag["code"] == "HG-W302"]
        self.assertEqual(sorted(told), ["/etc/sysctl.conf:2", "/etc/sysctl.d/50-b.conf:2", "/etc/ufw/sysctl.conf:2"])
        with open(os.path.join(root, "etc/ufw/ufw.conf"), "w") as file:
            file.write("ENABLED=no\n")
        with open(os.path.join(root, "etc/sysctl.d/99-last.conf"), "w") as file:
            file.write("net.ipv4.ip_forward = 1\n")
        os.unlink(os.path.join(root, "etc/sysctl.conf"))
        answer = self.status(0, HOSTGATE_SYSCONFROOT=root)
        self.assertNotIn("HG-W302", [diag["code"] for diag in answer["diagnostics"]])
