# SPDX-License-Identifier: GPL-2.0-or-later
"""`prove --with-host-rules`: beside rules as Docker, ufw, firewalld and libvirt make them.

Every case runs in network and mount namespaces of its own, which are "the host" there.
"""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
PROGRAM = os.path.abspath(os.environ.get("HOSTGATE", os.path.join(TOP, "build", "hostgate")))
MIRROR = os.path.join(os.path.dirname(PROGRAM), "tests", "prove", "mirror")
DESCRIPTION = os.path.join(TOP, "examples", "dual-stack.yaml")

# The host: links, then the case's rules; what it has before and after must be the same.
HOST = r"""
set -eu
mount -t tmpfs tmpfs /run
export HOSTGATE_RUNDIR=/run/hostgate XTABLES_LOCKFILE=/run/xtables.lock
ip link set lo up
for i in vmnet1 vmnet2 eth0 docker0; do ip link add $i type veth peer name p-$i; done
work=$1
shift
state() {
	nft -a list ruleset
	cat /proc/net/ip_tables_names /proc/net/ip6_tables_names 2>/dev/null || true
	for t in $(cat /proc/net/ip_tables_names 2>/dev/null); do
		iptables-legacy-save -c -t $t | grep -v '^#'
	done
	for t in $(cat /proc/net/ip6_tables_names 2>/dev/null); do
		ip6tables-legacy-save -c -t $t | grep -v '^#'
	done
	ip link
	ip address
	sysctl -a 2>/dev/null | grep -E '^net\.(ipv4\.(ip_forward|conf)|ipv6\.conf)' || true
}
. "$work/rules" >"$work/setup" 2>&1
state >"$work/before" 2>/dev/null
code=0
"$@" || code=$?
state >"$work/after" 2>/dev/null
cmp "$work/before" "$work/after" >&2 || code=99
[ -z "$(ls -A /run/hostgate 2>/dev/null)" ] || code=98
exit $code
"""


class Case(unittest.TestCase):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        self.work = tempfile.mkdtemp(prefix="hostgate-prove-")
        self.addCleanup(shutil.rmtree, self.work)

    def on_host(self, rules, *command):
        """Runs the command on a host with the rules, which it must leave as they are."""
        with open(os.path.join(self.work, "rules"), "w", encoding="utf-8") as file:
            file.write(rules)
        done = subprocess.run(["unshare", "--net", "--mount", "sh", "-c", HOST, "sh", self.work, *command],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, cwd=TOP)
        if done.stderr.startswith("unshare:"):
            self.skipTest(done.stderr.strip())
        if not os.path.exists(os.path.join(self.work, "after")):
            with open(os.path.join(self.work, "setup"), encoding="utf-8") as file:
                self.fail("the rules can't be made: " + file.read() + done.stderr)
        self.assertNotIn(done.returncode, (98, 99), "the host is not as before: " + done.stderr)
        return done

    def prove(self, rules, *options, code, description=DESCRIPTION):
        done = self.on_host(rules, PROGRAM, "prove", "--with-host-rules", *options, description)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done


# An own interface number for each, as they have it on the host.
PREPARE = ("ip link set lo up; while read -r i n; do ip link add $i index $n type veth peer name p-$i; "
           "done <%s/numbers")
NUMBERS = "for i in vmnet1 eth0; do echo $i $(ip -o link show $i | cut -d: -f1); done >$work/numbers\n"


class Copies(Case):
    """The rules in the copy are those of the host: nft and iptables list the same."""

    def copied(self, rules, *listings):
        """Compares the listings of the host with those of a copy of its rules."""
        script = "; ".join("%s | grep -v '^#' >%s/%%s.%d" % (listing, self.work, number)
                           for number, listing in enumerate(listings))
        done = self.on_host(NUMBERS + rules + "\n" + script.replace("%s", "host"),
                            MIRROR, PREPARE % self.work, script.replace("%s", "copy"))
        self.assertEqual(done.returncode, 0, done.stderr)
        for number, listing in enumerate(listings):
            texts = []
            for where in ("host", "copy"):
                with open(os.path.join(self.work, "%s.%d" % (where, number)), encoding="utf-8") as file:
                    texts.append(file.read().splitlines())
            self.assertGreater(len(texts[0]), 3, listing)
            self.assertEqual(texts[0], texts[1], listing)
        return done

    def test_nf_tables_of_every_kind(self):
        done = self.copied("nft -f tests/prove/others.nft", "nft list ruleset")
        self.assertEqual(done.stderr, "")

    def test_many_elements_and_rules(self):
        sets = "\n".join(
            "add element inet t a { %s }\nadd element inet t b { %s }" % (
                ", ".join("10.%d.%d.%d" % (i, j, k) for j in range(0, 256, 8) for k in range(64)),
                ", ".join("10.%d.%d.0-10.%d.%d.9" % (i, j, i, j) for j in range(256)))
            for i in range(8))
        rules = "\n".join("add rule inet t c ip saddr { 10.0.0.%d, 10.1.0.%d } counter" % (i, i) for i in range(200))
        done = self.copied("cat >$work/many.nft <<'END'\nadd table inet t\nadd set inet t a { type ipv4_addr; }\n"
                           "add set inet t b { type ipv4_addr; flags interval; }\nadd chain inet t c\n"
                           + sets + "\n" + rules + "\nEND\nnft -f $work/many.nft", "nft list ruleset")
        self.assertEqual(done.stderr, "")

    def test_what_iptables_nft_made(self):
        done = self.copied("iptables-nft-restore <tests/prove/others.iptables; ip6tables-nft -N SIX; "
                           "ip6tables-nft -A SIX -p tcp -m multiport --dports 1,2 -j DROP",
                           "nft list ruleset 2>/dev/null", "iptables-nft-save -c", "ip6tables-nft-save -c")
        self.assertEqual(done.stderr, "")

    def test_legacy_iptables(self):
        done = self.copied("iptables-legacy-restore -c <tests/prove/others.iptables; ip6tables-legacy -N SIX; "
                           "ip6tables-legacy -A SIX -p tcp -m multiport --dports 1,2 -g SIX2 || true; "
                           "ip6tables-legacy -P FORWARD DROP",
                           "cat /proc/net/ip_tables_names /proc/net/ip6_tables_names", "iptables-legacy-save",
                           "ip6tables-legacy-save -t filter")
        self.assertEqual(done.stderr, "")

    def test_our_own_table_bridges_and_other_devices_stay_behind(self):
        done = self.on_host("nft add table inet hostgate\nnft add table bridge b\nnft add table arp a\n"
                            "nft 'add table netdev n { chain far { type filter hook ingress device docker0 priority 0; "
                            "drop; }; chain near { type filter hook ingress device eth0 priority 0; counter; }; }'\n"
                            + NUMBERS, MIRROR, PREPARE % self.work, "nft list ruleset")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([line.strip() for line in done.stdout.splitlines() if line.strip() != "}"],
                         ["table netdev n {", "chain near {",
                          'type filter hook ingress device "eth0" priority filter; policy accept;',
                          "counter packets 0 bytes 0"])
        self.assertIn("left out: chain far, table netdev n: its devices are none of the description's [HG-N202]",
                      done.stderr)

    def test_what_the_copy_refuses_is_left_out_and_named(self):
        """A match that asks for what a later rule makes: the host's rules came in another order."""
        rules = "".join(
            "iptables-{0} -N C\n"
            "for i in 1 2 3; do iptables-{0} -A C -s 192.0.2.$i -j RATEEST --rateest-name {0}$i "
            "--rateest-interval 250ms --rateest-ewmalog 500ms; done\n"
            "iptables-{0} -I C 1 -m rateest --rateest {0}1 --rateest-lt --rateest-bps 1mbit -j DROP\n"
            "iptables-{0} -I C 1 -s 192.0.2.9 -j ACCEPT\n"
            "iptables-{0} -I C 4 -m rateest --rateest {0}3 --rateest-lt --rateest-bps 1mbit -j DROP\n".format(kind)
            for kind in ("legacy", "nft"))
        done = self.on_host(NUMBERS + rules, MIRROR, PREPARE % self.work,
                            "iptables-legacy-save; iptables-nft-save 2>/dev/null")
        self.assertEqual(done.returncode, 0, done.stderr)
        kept = [line for line in done.stdout.splitlines() if line.startswith("-A C ")]
        self.assertEqual([line.split()[3] for line in kept],
                         ["192.0.2.%d/32" % i for i in (9, 1, 2, 3)] * 2)
        for number in (2, 4):
            self.assertRegex(done.stderr, r"(?m)^warning: left out: rule %d \(handle \d+\) of chain C, table ip filter of "
                                          r"the host: the kernel refuses it: .* \[HG-W205\]$" % number)
            self.assertRegex(done.stderr, r"(?m)^warning: left out: rule %d of chain C, table ip filter \(legacy\) of "
                                          r"the host: the kernel refuses it: .* \[HG-W205\]$" % number)
        self.assertEqual(done.stderr.count("HG-W205"), 4)


class Verdicts(Case):
    def test_nobody_else(self):
        self.assertIn("\nproved: ", self.prove("", code=0).stdout)

    def test_rules_that_change_nothing(self):
        for backend in ("nftables", "iptables"):
            done = self.prove("nft -f tests/prove/others.nft\niptables-nft-restore <tests/prove/others.iptables\n"
                              "iptables-legacy-restore <tests/prove/others.iptables\n", "--backend", backend, code=0)
            self.assertIn("\nproved: ", done.stdout)
            self.assertEqual(done.stderr, "")

    def test_without_the_option_they_do_not_count(self):
        done = self.on_host("iptables-nft -P FORWARD DROP", PROGRAM, "prove", DESCRIPTION)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_by_number(self):
        """Rules that know interfaces by number mean the same in the copy."""
        self.prove("nft 'add table inet t { chain c { type filter hook forward priority 0; "
                   "iif docker0 drop; oif docker0 drop; }; }'\n", code=0)
        done = self.prove("nft 'add table inet t { chain c { type filter hook forward priority 0; "
                          "iif vmnet2 drop; }; }'\n", "--json", code=5)
        self.assertEqual({finding["network"] for finding in json.loads(done.stdout)["findings"]}, {"vmnet2"})

    def test_not_permitted(self):
        done = subprocess.run(["unshare", "--user", PROGRAM, "prove", "--with-host-rules", DESCRIPTION],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        if done.stderr.startswith("unshare:"):
            self.skipTest(done.stderr.strip())
        self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
        self.assertIn("not permitted to read the host's nf_tables [HG-E200]", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_apply(self):
        """apply --prove --with-host-rules changes nothing when others' rules are in the way."""
        for option, code in (("--prove", 5), ("--no", 2)):
            done = self.on_host("iptables-nft -P FORWARD DROP",
                                PROGRAM, "apply", option, "--with-host-rules", DESCRIPTION)
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)


CASES = (Copies, Verdicts)
