# SPDX-License-Identifier: GPL-2.0-or-later
"""`prove --with-host`: beside rules as Docker, ufw, firewalld and libvirt make them.

Every case runs in network and mount namespaces of its own, which are "the host" there.
"""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

from lib.program import BUILD, EXAMPLES, PROGRAM, TOP, run

MIRROR = os.path.join(BUILD, "tests", "prove", "mirror")
DESCRIPTION = os.path.join(EXAMPLES, "dual-stack.yaml")

# The host: links as the description has them, and one more, then the case's rules; what it has before and after must be the same.
HOST = r"""
set -eu
mount -t tmpfs tmpfs /run
export HOSTGATE_RUNDIR=/run/hostgate XTABLES_LOCKFILE=/run/xtables.lock
ip link set lo up
# The kernel reports its multicast groups at once and makes no addresses: nothing changes later.
echo 1 >/proc/sys/net/ipv6/conf/default/mldv2_unsolicited_report_interval
echo 1 >/proc/sys/net/ipv6/conf/default/addr_gen_mode
ip netns add far
number=100
for i in vmnet1 vmnet2 eth0 docker0; do
	number=$((number + 10))
	ip link add $i index $number type veth peer name p-$i netns far
	ip link set $i up
done
ip address add 192.168.56.1/24 dev vmnet1
ip address add fd00:56::1/64 dev vmnet1 nodad
ip address add 192.168.57.1/24 dev vmnet2
ip address add 203.0.113.11/24 dev eth0
ip address add 2001:db8::11/64 dev eth0 nodad
ip address add 172.17.0.1/16 dev docker0
ip route add default via 203.0.113.1
ip -6 route add default via 2001:db8::1
work=$1
shift
state() {
	nft -a list ruleset | sed 's/ expires [0-9a-z]*//g'
	cat /proc/net/ip_tables_names /proc/net/ip6_tables_names 2>/dev/null || true
	for t in $(cat /proc/net/ip_tables_names 2>/dev/null); do
		iptables-legacy-save -c -t $t | grep -v '^#'
	done
	for t in $(cat /proc/net/ip6_tables_names 2>/dev/null); do
		ip6tables-legacy-save -c -t $t | grep -v '^#'
	done
	ip link
	ip address
	find /run/hostgate -type f -exec md5sum {} + 2>/dev/null | sort || true
	sysctl -a 2>/dev/null | grep -E '^net\.(ipv4\.(ip_forward|conf)|ipv6\.conf)' || true
}
. "$work/rules" >"$work/setup" 2>&1
state >"$work/before" 2>/dev/null
code=0
"$@" || code=$?
state >"$work/after" 2>/dev/null
diff "$work/before" "$work/after" >&2 || code=99
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
        done = run("unshare", "--net", "--mount", "sh", "-c", HOST, "sh", self.work, *command, cwd=TOP)
        if done.stderr.startswith("unshare:"):
            self.skipTest(done.stderr.strip())
        if not os.path.exists(os.path.join(self.work, "after")):
            with open(os.path.join(self.work, "setup"), encoding="utf-8") as file:
                self.fail("the rules can't be made: " + file.read() + done.stderr)
        self.assertNotEqual(done.returncode, 99, "the host is not as before: " + done.stderr)
        return done

    def prove(self, rules, *options, code, description=DESCRIPTION):
        done = self.on_host(rules, PROGRAM, "prove", "--with-host", *options, description)
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

    def test_what_needs_a_rule_that_is_left_out_goes_with_it(self):
        """Anonymous sets and chains, which the kernel takes with their one rule only."""
        rules = ("nft -f - <<'END'\ntable inet t {\nchain c {\ncounter\nip saddr { 192.0.2.1, 192.0.2.5-192.0.2.9 } accept\n"
                 "ip saddr { 192.0.2.1, 192.0.2.2 } jump {\nip daddr vmap { 192.0.2.3 : accept }\ndrop\n}\n"
                 "tcp dport { 1, 2 } accept\n}\n}\nEND\n" + NUMBERS)
        for position in (2, 3):
            done = self.on_host(rules, MIRROR, PREPARE % self.work, "nft list ruleset", "c", str(position))
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("tcp dport { 1, 2 } accept", done.stdout)
            self.assertEqual("192.0.2.5-192.0.2.9" in done.stdout, position == 3)
            self.assertEqual("jump {" in done.stdout and "192.0.2.3 : accept" in done.stdout, position == 2)

    def test_elements_that_expire(self):
        rules = ("nft -f - <<'END'\ntable ip t {\nset s {\ntype ipv4_addr\nflags timeout\ntimeout 2h\n"
                 "elements = { 192.0.2.1, 192.0.2.2 timeout 1h expires 30m }\n}\n}\nEND\n" + NUMBERS)
        done = self.on_host(rules, MIRROR, PREPARE % self.work, "nft list ruleset")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"192\.0\.2\.1 expires 1h59m5\d")
        self.assertRegex(done.stdout, r"192\.0\.2\.2 timeout 1h expires 29m5\d")

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
        self.assertIn("not copied: chain far, table netdev n: its devices are not in the description [HG-N202]",
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
            self.assertRegex(done.stderr, r"(?m)^warning: not copied: rule %d \(handle \d+\) of chain C, table ip filter of "
                                          r"the host: the kernel refuses it: .* \[HG-W205\]$" % number)
            self.assertRegex(done.stderr, r"(?m)^warning: not copied: rule %d of chain C, table ip filter \(legacy\) of "
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

    def test_beside_our_own_rules(self):
        """What is installed already is not copied, or made what it should be, through either backend."""
        for installed in ("nftables", "iptables"):
            for backend in ("nftables", "iptables"):
                done = self.prove("%s apply -q --backend %s %s" % (PROGRAM, installed, DESCRIPTION),
                                  "--backend", backend, code=0)
                self.assertRegex(done.stdout, r"(?m)^proved: \d+ probes, each did what the description says; "
                                              r"in a copy of this host as it is$")

    def test_in_a_user_namespace(self):
        """Whoever is root in a namespace of his own reads the rules there."""
        done = subprocess.run(["unshare", "--user", "--map-root-user", "--net", "sh", "-c",
                               "nft add table ip t && exec \"$@\"", "sh", PROGRAM, "prove", "--with-host",
                               "--json", DESCRIPTION], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        if done.stderr.startswith("unshare:"):
            self.skipTest(done.stderr.strip())
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertTrue(json.loads(done.stdout)["host_rules"])

    def test_beside_what_a_printed_script_left(self):
        """Its chains in the tables of iptables-nft are others' rules for the other backends."""
        rules = ("%s apply --dry-run %s >$work/script\nmkdir -p $work/bin\n"
                 "for i in ip ip6; do ln -sf $(command -v ${i}tables-nft) $work/bin/${i}tables; done\n"
                 "PATH=$work/bin:$PATH sh $work/script\n" % (PROGRAM, DESCRIPTION))
        for backend in ("nftables", "iptables"):
            self.assertIn("\nproved: ", self.prove(rules, "--backend", backend, code=0).stdout)
            with open(os.path.join(self.work, "before"), encoding="utf-8") as file:
                self.assertIn("chain HOSTGATE-", file.read())

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
        done = subprocess.run(["unshare", "--user", PROGRAM, "prove", "--with-host", DESCRIPTION],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        if done.stderr.startswith("unshare:"):
            self.skipTest(done.stderr.strip())
        self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
        self.assertIn("not permitted to read the host's nf_tables [HG-E200]", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_apply(self):
        """apply --prove --with-host changes nothing when others' rules are in the way."""
        for option, code in (("--prove", 5), ("--no", 2)):
            done = self.on_host("iptables-nft -P FORWARD DROP",
                                PROGRAM, "apply", option, "--with-host", DESCRIPTION)
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)


class Deciders(Case):
    """What drops packets is named as the host knows it, by the kernel's own word."""

    def obstacles(self, rules, *options):
        done = self.prove(rules, "--json", *options, code=5)
        document = json.loads(done.stdout)
        self.assertEqual({finding["kind"] for finding in document["findings"]}, {"failure"})
        return document["obstacles"]

    def named(self, rules, *expected, options=()):
        """Compares network, text, verdict and program of all obstacles."""
        found = self.obstacles(rules, *options)
        self.assertEqual(sorted((each["network"] or "", each["text"], each["verdict"], each["program"] or "")
                                for each in found), sorted(expected))
        return found

    def handle(self, words):
        """The handle that a rule had on the host."""
        with open(os.path.join(self.work, "before"), encoding="utf-8") as file:
            lines = [line for line in file if words in line]
        self.assertEqual(len(lines), 1, lines)
        return int(lines[0].rsplit("# handle ", 1)[1])

    def test_a_policy(self):
        text = "table inet fw, chain forward, policy drop"
        found = self.named("nft 'add table inet fw { chain forward { type filter hook forward priority 10; policy drop; "
                           "ct state established accept; }; }'",
                           *((network, text, "drop", "") for network in ("vmnet1", "vmnet2")))
        self.assertEqual((found[0]["policy"], found[0]["rule"], found[0]["handle"], found[0]["legacy"]),
                         (True, None, None, False))
        self.assertIn("`nft -a list chain inet fw forward` shows it", found[0]["advice"])

    def test_docker(self):
        text = "table ip filter, chain FORWARD, policy drop"
        found = self.named("iptables-nft -N DOCKER-USER; iptables-nft -A FORWARD -j DOCKER-USER; iptables-nft -N DOCKER; "
                           "iptables-nft -A FORWARD -o docker0 -j DOCKER; iptables-nft -P FORWARD DROP",
                           *((network, text, "drop", "Docker") for network in ("vmnet1", "vmnet2")))
        self.assertIn("iptables -I DOCKER-USER", found[0]["advice"])

    def test_ufw_in_legacy_iptables(self):
        text = "table ip6 filter of legacy iptables, chain FORWARD, policy drop"
        found = self.named("ip6tables-legacy -N ufw6-before-forward; ip6tables-legacy -A FORWARD -j ufw6-before-forward; "
                           "ip6tables-legacy -P FORWARD DROP",
                           ("vmnet1", text, "drop", "ufw"))
        self.assertEqual((found[0]["policy"], found[0]["rule"], found[0]["legacy"]), (True, None, True))
        self.assertIn("ufw route allow", found[0]["advice"])

    def test_firewalld(self):
        rules = ("nft 'add table inet firewalld { chain filter_FORWARD_IN_ZONES { iifname vmnet2 counter; "
                 "iifname vmnet2 reject with icmpx admin-prohibited; }; chain filter_FORWARD { type filter hook forward "
                 "priority 10; ct state established accept; jump filter_FORWARD_IN_ZONES; }; }'")
        found = self.obstacles(rules)
        self.assertEqual(len(found), 1)
        handle = self.handle("reject with icmpx")
        self.assertEqual((found[0]["network"], found[0]["text"], found[0]["verdict"], found[0]["program"], found[0]["handle"]),
                         ("vmnet2", "table inet firewalld, chain filter_FORWARD_IN_ZONES, rule 2 (handle %d)" % handle,
                          "reject", "firewalld", handle))

    def test_libvirt(self):
        found = self.obstacles("iptables-nft -N LIBVIRT_FWI; iptables-nft -A FORWARD -j LIBVIRT_FWI\n"
                               "iptables-nft -A LIBVIRT_FWI -o docker0 -j REJECT\n"
                               "iptables-nft -A LIBVIRT_FWI -o vmnet1 -j REJECT --reject-with icmp-port-unreachable")
        self.assertEqual([(each["network"], each["verdict"], each["program"], each["rule"]) for each in found],
                         [("vmnet1", "reject", "libvirt", 2)])

    def test_a_rule_of_iptables_nft_by_number_and_handle(self):
        found = self.obstacles("for i in 1 2 3; do iptables-nft -A FORWARD -s 10.99.0.$i -j DROP; done\n"
                               "iptables-nft -D FORWARD 2; iptables-nft -A FORWARD -i vmnet2 -p tcp --dport 7 -j DROP")
        handle = self.handle('iifname "vmnet2"')
        self.assertEqual([(each["network"], each["rule"], each["handle"]) for each in found], [("vmnet2", 3, handle)])
        self.assertIn("`iptables -t filter -nvL FORWARD --line-numbers` shows it", found[0]["advice"])

    def test_a_rule_of_legacy_iptables_behind_our_own(self):
        """Its number is the one that the host has now, whatever apply changes in the copy."""
        rules = ("%s apply -q --backend iptables %s >/dev/null\n"
                 "iptables-legacy -I FORWARD 1 -s 10.99.0.1 -j DROP\niptables-legacy -A FORWARD -i vmnet1 -j DROP\n"
                 "iptables-legacy -L FORWARD --line-numbers -vn | awk '$7 == \"vmnet1\" && $4 == \"DROP\" { print $1 }' "
                 ">$work/number" % (PROGRAM, DESCRIPTION))
        for backend in ("iptables", "nftables"):
            found = self.obstacles(rules, "--backend", backend)
            with open(os.path.join(self.work, "number"), encoding="utf-8") as file:
                number = int(file.read())
            self.assertGreater(number, 2)
            self.assertEqual([(each["network"], each["table"], each["rule"], each["legacy"]) for each in found],
                             [("vmnet1", "filter", number, True)])

    def test_a_set_a_map_and_early_hooks(self):
        for rule, hook, chain in (
                ("ip saddr @blocked drop", "forward", "priority filter"),
                ('iifname vmap { "vmnet2" : drop }', "forward", "priority filter"),
                ("ip saddr . iifname @pairs drop", "prerouting", "priority raw"),
                ('iifname "vmnet2" jump { drop; }', "postrouting", "priority mangle")):
            script = ("nft -f - <<'END'\ntable inet t {\nset blocked { type ipv4_addr; flags interval; "
                      "elements = { 192.168.57.0/24 }; }\nset pairs { type ipv4_addr . ifname; "
                      "elements = { 192.168.57.2 . \"vmnet2\", 192.168.57.254 . \"vmnet2\" }; }\n"
                      "chain c { type filter hook %s %s;\ncounter\n%s\n}\n}\nEND" % (hook, chain, rule))
            found = self.obstacles(script)
            self.assertEqual({(each["network"], each["table"], each["verdict"]) for each in found},
                             {("vmnet2", "t", "drop")}, rule)

    def test_a_rule_of_a_device(self):
        """It comes before all that iptables and table inet hostgate see."""
        for family, hook in (("netdev", "ingress"), ("inet", "ingress"), ("netdev", "egress")):
            device = "eth0" if hook == "egress" else "vmnet2"
            rules = ("nft -f - <<'END'\ntable %s early {\nchain first {\ntype filter hook %s device \"%s\" priority 0;\n"
                     "counter\nip saddr %s udp dport 7 drop\n}\n}\nEND\n"
                     % (family, hook, device, "203.0.113.11" if hook == "egress" else "192.168.57.0/24"))
            with self.subTest(family=family, hook=hook):
                found = self.obstacles(rules)
                handle = self.handle("udp dport 7 drop")
                self.assertIn("table %s early, chain first, rule 2 (handle %d)" % (family, handle),
                              {each["text"] for each in found})

    def test_text_and_tap(self):
        rules = "iptables-nft -N DOCKER-USER; iptables-nft -P FORWARD DROP"
        for options, prefix in (((), ""), (("--tap",), "# ")):
            out = self.prove(rules, *options, code=5).stdout
            self.assertIn("\n%spackets of vmnet1 will be dropped by table ip filter, chain FORWARD, policy drop\n"
                          "%s     Docker: " % (prefix, prefix), out)
            self.assertIn("\n%s     drop: table ip filter, chain FORWARD, policy drop\n" % prefix, out)

    def test_a_translation_of_others(self):
        done = self.prove("nft 'add table ip t { chain c { type nat hook postrouting priority srcnat - 20; counter; "
                          "ip saddr 192.168.56.0/24 oifname eth0 snat to 203.0.113.99; }; }'", "--json", code=5)
        changed = [finding for finding in json.loads(done.stdout)["findings"]
                   if finding["kind"] == "leak" and finding.get("decided_by")]
        self.assertTrue(changed, done.stdout)
        for finding in changed:
            self.assertRegex(finding["decided_by"]["text"], r"^table ip t, chain c, rule 2 \(handle \d+\)$")

    def test_a_rule_of_ours_by_the_kernels_word(self):
        """The simulator knows nothing of what others do to packets; the kernel names our rule all the same."""
        done = self.prove("nft 'add table ip t { chain c { type filter hook prerouting priority -460; "
                          "iifname vmnet1 udp dport 7 ip saddr set 192.0.2.200; }; }'", "--json", code=5)
        findings = [finding for finding in json.loads(done.stdout)["findings"]
                    if finding["kind"] == "failure" and "why" in finding]
        self.assertTrue(findings, done.stdout)
        self.assertEqual({(finding["why"]["promise"], finding["why"]["text"]) for finding in findings},
                         {("P4", "forged source")})


CASES = (Copies, Verdicts, Deciders)
