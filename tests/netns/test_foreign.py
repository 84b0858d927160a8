# SPDX-License-Identifier: GPL-2.0-or-later
"""P6: what others have in the kernel stays as it is, byte for byte, counters included."""

import re

import cases
import packets as p
from lab import LINK, REMOTE

FOREIGN = """
table inet firewall {
    counter seen { }
    set friends { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 192.0.2.50 }; }
    map doors { type inet_service : verdict; elements = { 22 : accept, 80 : accept }; }
    chain input { type filter hook input priority filter; policy accept; tcp dport vmap @doors; counter; }
    chain forward { type filter hook forward priority filter - 5; policy accept; counter name "seen"; ip saddr @friends counter accept; }
    chain output { type filter hook output priority filter; oifname "eth0" meta l4proto { tcp, udp } counter; }
}
table ip othernat {
    chain prerouting { type nat hook prerouting priority dstnat; tcp dport 7777 counter dnat to 10.99.0.10:80; }
    chain postrouting { type nat hook postrouting priority srcnat; ip saddr 10.99.0.0/24 oifname "eth0" counter snat to 203.0.113.40; }
}
table ip6 notours { chain raw { type filter hook prerouting priority raw; counter; }; }
table bridge br { chain c { type filter hook forward priority 0; counter; }; }
table arp a { chain c { type filter hook input priority 0; counter; }; }
"""
IPTABLES = """
-N KEEP
-A KEEP -p udp -m comment --comment "keep me; $HOME" -j RETURN
-A INPUT -p tcp --dport 22 -j ACCEPT
-A FORWARD -i dmz0 -j KEEP
-A FORWARD -i eth0 -o dmz0 -j ACCEPT
-t nat -N KEEPNAT
-t nat -A POSTROUTING -o eth0 -j KEEPNAT
-t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
-t raw -A PREROUTING -i dmz0 -p udp --dport 69 -j RETURN
"""


@cases.promise_both
class Foreign:

    def others(self, lab):
        """Puts in other people's rules of all three kinds, and traffic to fill their counters."""
        lab.nft(FOREIGN)
        for variant in ("nft", "legacy"):
            for tool in ("iptables", "ip6tables"):
                lab.iptables(tool, variant, *IPTABLES.strip().splitlines())
        self.traffic(lab)

    @staticmethod
    def traffic(lab):
        sendings = []
        for family in (4, 6):
            inside, outside = LINK["dmz0"].guest(family), REMOTE[family]
            sendings += [("dmz0", p.udp_packet(inside, outside, 1000, 53, b"x")),
                         ("eth0", p.udp_packet(outside, inside, 53, 1000, b"x")),
                         ("eth0", p.tcp_packet(outside, LINK["eth0"].host[family], 1000, 22, p.SYN))]
        lab.round(sendings)

    def state(self, lab):
        state = {"nft": lab.must(["nft", "list", "ruleset"])}
        for tool in ("iptables", "ip6tables"):
            text = lab.must([tool + "-legacy-save", "-c"])
            state[tool] = re.sub(r"(?m)^#.*\n", "", text)
            if tool == "ip6tables":     # the kernel's own reports about multicast groups
                state[tool] = re.sub(r"(?m)^(:(OUTPUT|POSTROUTING) ACCEPT) .*$", r"\1", state[tool])
        return state

    @staticmethod
    def without_ours(name, text):
        """Without what iptables itself does: empty built-in chains stay, the legacy one forgets policy counters."""
        if name == "nft":
            text = re.sub(r"\n?\tchain \w+ \{\n\t\ttype [^\n]*\n\t\}\n", "", text)
            return re.sub(r"(?m)^table \S+ \w+ \{\n\}\n", "", text)
        text = re.sub(r"(?m)^(:\w+ (ACCEPT|DROP)) \[.*\]$", r"\1", text)
        return "".join(table for table in re.findall(r"(?ms)^\*.*?^COMMIT\n", text) if re.search(r"(?m)^(\[|:\S+ -)", table))

    def same(self, before, after):
        for name in before:
            one, two = before[name], after[name]
            if self.installer.script:
                one, two = self.without_ours(name, one), self.without_ours(name, two)
            self.assertIn("KEEP", one)
            self.assertMultiLineEqual(one, two, name)

    def check(self, forward):
        lab = self.new_lab(forward=forward)
        self.others(lab)
        before = self.state(lab)
        self.assertIn("packets 1", before["nft"], "the counters of others are not empty")
        self.assertIn("[1:", before["iptables"])
        self.installer.install(lab, cases.standard())
        during = self.state(lab)
        self.assertNotEqual(before, during)
        if self.installer is cases.NFTABLES:
            theirs = re.sub(r"(?ms)^table inet hostgate \{.*?^}\n", "", during["nft"])
            self.assertMultiLineEqual(theirs, before["nft"])
            self.assertEqual((during["iptables"], during["ip6tables"]), (before["iptables"], before["ip6tables"]))
        else:
            self.assertIn("HOSTGATE", during["nft"] + during["iptables"])
            if not self.installer.script:
                self.assertMultiLineEqual(during["nft"], before["nft"])
        if not forward or not self.installer.script:
            self.installer.install(lab, cases.standard(vmnet1={"mode": "isolated"}, taps=None))
        self.installer.remove(lab)
        self.same(before, self.state(lab))

    def test_rules_of_others(self):
        """P6: foreign nft, iptables-nft and iptables-legacy rules and counters are as before after remove."""
        self.check(False)

    def test_rules_of_others_forwarding(self):
        """P6: the same on a host that forwarded already."""
        self.check(True)

    def test_others_still_work(self):
        """P6: what others permit and translate goes on working while hostgate is installed."""
        lab = self.new_lab(forward=True)
        self.others(lab)
        self.installer.install(lab, cases.standard())
        mark, back = p.nonce(), p.nonce()
        out = self.only(lab.round([("dmz0", p.udp_packet(LINK["dmz0"].guest(4), REMOTE[4], 2000, 53, mark))]), "eth0", mark)
        self.assertEqual(out.src, "203.0.113.40")
        self.only(lab.round([("eth0", p.udp_packet(REMOTE[4], out.src, 53, out.sport, back))]), "dmz0", back)


UNUSUAL = [
    {},
    {"ipv4/conf/eth1/forwarding": 1, "ipv4/conf/all/accept_redirects": 0, "ipv4/conf/vmnet1/send_redirects": 0,
     "ipv4/conf/vmnet2/accept_source_route": 1, "ipv6/conf/vmnet1/accept_ra": 2, "ipv6/conf/eth0/accept_ra": 2,
     "ipv6/conf/dmz0/forwarding": 1, "ipv6/conf/vmnet3/accept_redirects": 0, "ipv4/conf/default/forwarding": 1},
    {"ipv4/ip_forward": 1, "ipv4/conf/dmz0/forwarding": 0, "ipv4/conf/all/accept_redirects": 1,
     "ipv6/conf/all/forwarding": 1, "ipv6/conf/eth1/forwarding": 0, "ipv6/conf/default/forwarding": 0},
]


class Sysctls(cases.Case):
    """Over `apply` alone: a script remembers nothing; what it does is in test_sysctl.py."""

    installer = cases.NFTABLES

    def test_put_back(self):
        """P6: every value below net/ipv4 and net/ipv6 is as before after apply, re-apply and remove."""
        for unusual in UNUSUAL:
            with self.subTest(" ".join(unusual)):
                self.sysctls(self.new_lab(), unusual)

    def sysctls(self, lab, unusual):
        for name, value in unusual.items():
            lab.sysctl(name, value)
        before = lab.all_sysctls()
        self.assertEqual(before, lab.all_sysctls(), "values that change by themselves")
        self.installer.install(lab, cases.standard())
        during = lab.all_sysctls()
        self.assertEqual(during["/proc/sys/net/ipv4/ip_forward"], b"1\n")
        self.assertEqual(during["/proc/sys/net/ipv6/conf/all/forwarding"], b"1\n")
        self.installer.install(lab, cases.standard(vmnet3=None, settings={"harden": False}))
        self.installer.remove(lab)
        after = lab.all_sysctls()
        self.assertEqual({path: (before.get(path), after.get(path)) for path in set(before) | set(after)
                          if before.get(path) != after.get(path)}, {}, "(before, after)")
