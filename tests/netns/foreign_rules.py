# SPDX-License-Identifier: GPL-2.0-or-later
"""Random rules as somebody else would have them: for nft, iptables-nft and iptables-legacy."""

LINKS = ["eth0", "vmnet1", "vmnet3", "dmz0", "vmnet2"]
V4 = ["192.168.56.0/24", "192.168.56.10", "192.168.0.0/16", "9.9.9.9", "9.0.0.0/8", "198.18.0.0/24",
      "203.0.113.11", "10.0.0.0/8"]
V6 = ["fd00:56::/64", "fd00:56::a", "2620:fe::fe", "2620:fe::/32", "2001:db8:3::/64", "fd00::/8"]
PORTS = ["443", "50000", "80", "400-500", "1-1023", "49152-65535"]
STATES = ["new", "established", "related", "invalid", "untracked"]
CHAINS = ["one", "two", "three"]


def _some(rng, words, most=3):
    return rng.sample(words, rng.randint(1, min(most, len(words))))


# ---- nft

def _nft_match(rng, sets):
    kind = rng.randrange(24)
    no = rng.choice(["", "", "", "!= "])
    if kind < 3:
        return "%s %s%s" % (rng.choice(["iifname", "oifname"]), no, rng.choice(['"%s"' % link for link in LINKS]
                                                                              + ['"vmnet*"', '"eth*"']))
    if kind == 3:
        return "%s %s{ %s }" % (rng.choice(["iifname", "oifname"]), no, ", ".join('"%s"' % x for x in _some(rng, LINKS)))
    if kind < 6:
        return "ip %s %s%s" % (rng.choice(["saddr", "daddr"]), no, rng.choice(V4))
    if kind == 6:
        return "ip %s %s{ %s }" % (rng.choice(["saddr", "daddr"]), no, ", ".join(_some(rng, ["192.168.56.0/25", "9.9.9.0/24", "198.18.0.0/16", "1.2.3.4"])))
    if kind < 9:
        return "ip6 %s %s%s" % (rng.choice(["saddr", "daddr"]), no, rng.choice(V6))
    if kind < 11:
        return "tcp %s %s%s" % (rng.choice(["sport", "dport"]), no, rng.choice(PORTS))
    if kind == 11:
        return "tcp dport %s{ %s }" % (no, ", ".join(_some(rng, ["443", "80", "100-200", "440-450", "1000"])))
    if kind == 12:
        return "meta l4proto %s%s" % (no, rng.choice(["tcp", "udp", "{ tcp, udp }", "{ udp, icmp }"]))
    if kind < 15:
        return "ct state %s%s" % (no, ",".join(_some(rng, STATES)))
    if kind == 15:
        return "ct direction %s%s" % (no, rng.choice(["original", "reply"]))
    if kind == 16:
        return "ct status %s" % rng.choice(["confirmed", "snat", "dnat", "expected", "! snat", "snat,dnat"])
    if kind == 17:
        return "meta mark %s%s" % (no, rng.choice(["0", "1", "2", "& 1 == 1", "and 0xff != 2"]).replace("& 1 == 1", "1"))
    if kind == 18:
        return "meta nfproto %s%s" % (no, rng.choice(["ipv4", "ipv6"]))
    if kind == 19:
        return "tcp flags %s" % rng.choice(["syn", "& (syn|ack) == syn", "& (syn|ack) == (syn|ack)", "& rst != 0"])
    if kind == 20:
        return "%s @%s" % rng.choice(sets)
    if kind == 21:
        return "limit rate %d/second" % rng.choice([1, 1000])
    if kind == 22:
        return "meta pkttype %s%s" % (no, rng.choice(["host", "unicast", "broadcast", "multicast"]))
    return rng.choice(["fib daddr type unicast", "fib daddr type local", "fib saddr . iif oif missing",
                       "fib saddr . iif oif exists", "meta length 40-100", "ip ttl 64", "ct mark 0", "meta skuid 0"])


def _nft_act(rng, chains):
    kind = rng.randrange(14)
    if kind < 4:
        return "accept"
    if kind < 7:
        return "drop"
    if kind == 7:
        return "reject"
    if kind == 8:
        return "return"
    if kind < 11 and chains:
        return "%s %s" % (rng.choice(["jump", "jump", "goto"]), rng.choice(chains))
    if kind == 11:
        return "meta mark set %d" % rng.randint(0, 2)
    if kind == 12:
        return "counter"
    return rng.choice(["log", "counter accept", "tcp dport vmap { 443 : drop, 80 : accept }" if not chains else
                       "iifname vmap { vmnet1 : jump %s, eth0 : accept }" % rng.choice(chains),
                       "ip saddr . tcp dport vmap { 192.168.56.0/24 . 400-500 : drop, 9.9.9.9 . 1-65535 : accept }"])


def nft(rng):
    """A table of random rules as text for nft."""
    lines = ["table inet rnd {",
             "set a4 { type ipv4_addr; flags interval; elements = { %s } }" % ", ".join(_some(rng, ["192.168.56.0/24", "9.9.9.9", "198.18.0.0-198.18.0.9", "10.1.0.0/16"])),
             "set pairs { type ifname . ipv4_addr; flags interval; elements = { %s } }"
             % ", ".join(_some(rng, ["vmnet1 . 192.168.56.0/24", "vmnet3 . 0.0.0.0/0", "eth0 . 9.9.9.1-9.9.9.9"])),
             "set ports { type inet_service; elements = { %s } }" % ", ".join(_some(rng, ["443", "80", "50000"])),
             "set a6 { type ipv6_addr; counter; elements = { %s } }" % ", ".join(_some(rng, ["2620:fe::fe", "fd00:56::a", "fd00:56::1"]))]
    sets = [("ip saddr", "a4"), ("ip daddr", "a4"), ("iifname . ip saddr", "pairs"), ("tcp dport", "ports"), ("ip6 daddr", "a6"), ("ip6 saddr", "a6")]
    for number, chain in reversed(list(enumerate(CHAINS))):
        lines.append("chain %s {" % chain)
        lines += _nft_rules(rng, sets, CHAINS[number + 1:], 3)
        lines.append("}")
    for hook in _some(rng, ["prerouting", "forward", "postrouting"], 2):
        priority = rng.choice([-300, -150, -10, 0, 10, 150, 300])
        lines.append("chain %s { type filter hook %s priority %d; policy %s;"
                     % (hook, hook, priority, rng.choice(["accept", "accept", "drop"])))
        lines += _nft_rules(rng, sets, CHAINS, 5)
        lines.append("}")
    return "\n".join(lines) + "\n}\n"


def _nft_rules(rng, sets, chains, most):
    return [" ".join([_nft_match(rng, sets) for _ in range(rng.randint(0, 3))] + [_nft_act(rng, chains)])
            for _ in range(rng.randint(1, most))]


# ---- iptables

def _xt_match(rng, family, table):
    kind = rng.randrange(15)
    no = rng.choice(["", "", "", "! "])
    addresses = V4 if family == 4 else V6
    if kind < 2 and table != "POSTROUTING":
        return "%s-i %s" % (no, rng.choice(LINKS + ["vmnet+", "eth+"]))
    if kind == 2 and table != "PREROUTING":
        return "%s-o %s" % (no, rng.choice(LINKS + ["vmnet+", "eth+"]))
    if kind < 6:
        return "%s%s %s" % (no, rng.choice(["-s", "-d"]), rng.choice(addresses))
    if kind == 6:
        return "-m conntrack %s--ctstate %s" % (no, ",".join(_some(rng, [s.upper() for s in STATES] + ["SNAT", "DNAT"])))
    if kind == 7:
        return "-m state %s--state %s" % (no, ",".join(_some(rng, [s.upper() for s in STATES])))
    if kind == 8:
        return "-m conntrack --ctdir %s" % rng.choice(["ORIGINAL", "REPLY"])
    if kind == 9:
        return "-m mark %s--mark %s" % (no, rng.choice(["0", "1", "2/3", "0x1/0x1"]))
    if kind == 10:
        return "-m comment --comment %s" % rng.choice(["x", "y"])
    if kind == 11:
        return "-m limit --limit %d/second" % rng.choice([1, 1000])
    if kind == 12:
        return "-m pkttype %s--pkt-type %s" % (no, rng.choice(["unicast", "broadcast", "multicast"]))
    if kind == 13:
        return "-m addrtype %s--dst-type %s" % (no, rng.choice(["LOCAL", "UNICAST", "BROADCAST"]))
    return "-m conntrack %s--ctstatus %s" % (no, rng.choice(["CONFIRMED", "EXPECTED", "CONFIRMED,EXPECTED"]))


def _xt_tcp(rng):
    kind = rng.randrange(5)
    no = rng.choice(["", "", "! "])
    if kind == 0:
        return "-p udp -m udp %s--dport %s" % (no, rng.choice(["53", "1:1023"]))
    if kind == 1:
        return "-p tcp -m tcp %s--dport %s" % (no, rng.choice(PORTS).replace("-", ":"))
    if kind == 2:
        return "-p tcp -m tcp %s--sport %s" % (no, rng.choice(PORTS).replace("-", ":"))
    if kind == 3:
        return "-p tcp -m tcp --tcp-flags %s" % rng.choice(["SYN,ACK SYN", "SYN,ACK SYN,ACK", "RST RST"])
    return "-p tcp -m multiport %s--%s %s" % (no, rng.choice(["dports", "sports", "ports"]),
                                              ",".join(_some(rng, ["443", "80", "100:200", "50000"])))


def _xt_act(rng, table, chains):
    kind = rng.randrange(12)
    if kind < 4:
        return "-j ACCEPT"
    if kind < 7:
        return "-j DROP"
    if kind == 7:
        return "-j REJECT" if table == "filter" else "-j DROP"
    if kind == 8:
        return "-j RETURN"
    if kind < 11 and chains:
        return "%s %s" % (rng.choice(["-j", "-j", "-g"]), rng.choice(chains))
    if table == "mangle":
        return "-j MARK --set-%s %d" % (rng.choice(["mark", "xmark"]), rng.randint(0, 3))
    return rng.choice(["-j LOG", ""])


def _xt_rules(rng, family, table, chain, chains, most):
    lines = []
    for _ in range(rng.randint(1, most)):
        words = [_xt_tcp(rng)] if rng.random() < 0.4 else []
        kinds = {}
        for _ in range(rng.randint(0, 3)):
            word = _xt_match(rng, family, chain)
            key = word.replace("! ", "").split()
            kinds.setdefault(" ".join(key[:2]) if key[0] == "-m" else key[0], word)
        lines.append(" ".join(["-A", chain] + words + list(kinds.values()) + [_xt_act(rng, table, chains)]))
    return lines


def iptables(rng, family):
    """Input for iptables-restore (or ip6tables-restore): the whole of filter, and maybe of mangle."""
    lines = []
    for table in ["filter"] + (["mangle"] if rng.random() < 0.5 else []):
        lines += ["*" + table]
        bases = ["FORWARD"] if table == "filter" else ["PREROUTING", "FORWARD", "POSTROUTING"]
        every = {"filter": ["INPUT", "FORWARD", "OUTPUT"],
                 "mangle": ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]}[table]
        lines += [":%s %s" % (base, rng.choice(["ACCEPT", "ACCEPT", "DROP"]) if base == "FORWARD" else "ACCEPT")
                  for base in every] + [":%s -" % chain for chain in CHAINS]
        for base in _some(rng, bases, 2):
            lines += _xt_rules(rng, family, table, base, CHAINS, 6)
        for number, chain in enumerate(CHAINS):
            # A chain that PREROUTING and POSTROUTING share asks for no interface.
            lines += [line for line in _xt_rules(rng, family, table, chain, CHAINS[number + 1:], 3)
                      if table == "filter" or (" -i " not in line and " -o " not in line)]
        lines.append("COMMIT")
    return "\n".join(lines) + "\n"


def iptables_in_front(rng, family):
    """Input for iptables-restore --noflush: rules at the head of FORWARD, with chains of their own; and what takes them out."""
    front = _xt_rules(rng, family, "filter", "FORWARD", CHAINS, 4)
    lines = [":%s -" % chain for chain in CHAINS]
    for number, chain in enumerate(CHAINS):
        lines += _xt_rules(rng, family, "filter", chain, CHAINS[number + 1:], 3)
    lines += [line.replace("-A FORWARD", "-I FORWARD %d" % (number + 1)) for number, line in enumerate(front)]
    back = ["-D FORWARD 1"] * len(front) + ["-F " + chain for chain in CHAINS] + ["-X " + chain for chain in CHAINS]
    return tuple("\n".join(["*filter"] + text + ["COMMIT", ""]) for text in (lines, back))


def iptables_empty(table_text):
    """What puts the tables of iptables() back to nothing."""
    lines = []
    for table in ("filter", "mangle"):
        if "*" + table in table_text:
            chains = ["INPUT", "FORWARD", "OUTPUT"] + (["PREROUTING", "POSTROUTING"] if table == "mangle" else [])
            lines += ["*" + table] + [":%s ACCEPT" % chain for chain in chains] + ["COMMIT"]
    return "\n".join(lines) + "\n"
