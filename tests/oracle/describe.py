# SPDX-License-Identifier: GPL-2.0-or-later
"""Random descriptions: the same seed gives the same ones."""

import ipaddress
import json
import random

# Names that an interface may have and that a shell, iptables or nft could take for something else.
NAMES = ["vmnet%d", "br-%d", "virbr%d", "lab.%d", "v_%d", "1net%d", "drop%d", "-x%d", "ipv6%d"]
HOSTILE = ["v'%d", "v$%d", "v;%d", "v`%d", "v %%%d".replace(" ", ""), "v#%d", "v*%d".replace("*", "&"), "v~%d", "v(%d"]


class Pool:
    """Subnets that do not overlap."""

    def __init__(self, rng):
        self.rng, self.used = rng, []

    def subnet(self, family):
        while True:
            if family == 4:
                length = self.rng.choice([8, 16, 20, 22, 24, 24, 24, 25, 28, 30])
                base = self.rng.choice(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "198.18.0.0/15"])
            else:
                length = self.rng.choice([48, 56, 64, 64, 64, 65, 112])
                base = self.rng.choice(["fd00::/8", "2001:db8::/32"])
            base = ipaddress.ip_network(base)
            length = max(length, base.prefixlen + 1)
            start = int(base.network_address) + (self.rng.getrandbits(length - base.prefixlen) << (base.max_prefixlen - length))
            net = ipaddress.ip_network((start, length))
            if not any(net.version == other.version and net.overlaps(other) for other in self.used):
                self.used.append(net)
                return net


def outside(rng, family, n):
    return "203.0.113.%d" % (10 + n) if family == 4 else "2001:db9::%x" % (0x10 + n + rng.randrange(4) * 256)


def description(seed, networks=None, hostile=False):
    """A description as a dictionary; networks: how many, else a few."""
    rng = random.Random(seed)
    pool = Pool(rng)
    uplinks, result = {}, {"uplinks": {}, "networks": {}}
    for n in range(rng.choice([1, 1, 2, 3])):
        entry = {}
        name = "eth%d" % n
        if rng.random() < 0.3:
            entry["interface"], name = name, "isp-%d" % n
        families = rng.choice([[], [4], [6], [4, 6]])
        if families:
            addresses = [outside(rng, f, n) for f in families]
            entry["address"] = addresses[0] if len(addresses) == 1 else addresses
        uplinks[name] = entry
    result["uplinks"] = uplinks
    names = HOSTILE if hostile else NAMES
    for n in range(networks or rng.randint(1, 7)):
        families = rng.choice([[4], [4], [6], [4, 6], [4, 4, 6, 6]])
        subnets = [pool.subnet(f) for f in families]
        entry = {"subnet": [str(net) for net in subnets] if len(subnets) > 1 else str(subnets[0])}
        interface = rng.choice(names) % n
        kind = rng.random()
        if kind < 0.6:
            entry["interface"] = interface
        elif kind < 0.8:
            entry["interface"] = "p%dx*" % n
        else:
            entry["interface"] = [interface, "q%dx*" % n]
        if rng.random() < 0.5:
            entry["gateway"] = str(subnets[0].network_address + 1)
        mode = rng.choice(["isolated", "nat", "nat", "nat", "routed"])
        if mode != "isolated" or rng.random() < 0.5:
            entry["mode"] = mode
        if mode != "isolated" and rng.random() < 0.4:
            entry["uplink"] = rng.sample(sorted(uplinks), rng.randint(1, len(uplinks)))
        if mode == "nat" and rng.random() < 0.4:
            entry["snat"] = rng.choice(["masquerade", outside(rng, rng.choice(families), 40 + n % 200)])
        result["networks"]["net%d" % n] = entry
    settings = {}
    if rng.random() < 0.3:
        settings["deny"] = "drop"
    if rng.random() < 0.3:
        settings["harden"] = False
    if rng.random() < 0.2:
        settings["forwarding"] = rng.choice(["keep", "interfaces"])
    if rng.random() < 0.2:
        settings["clean-slate"] = True
    if settings:
        result["settings"] = settings
    return result


def text(value):
    """As YAML, of which JSON is a part."""
    return json.dumps(value, indent=1) + "\n"
