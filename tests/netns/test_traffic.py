# SPDX-License-Identifier: GPL-2.0-or-later
"""A change of one network among 50, while packets of 10,000 flows go on: nobody else loses one.

FLOWS says how many flows there are altogether.
"""

import json
import os
import struct
import subprocess

import cases
import packets as p
import watch
from lab import LINK, REMOTE, Lab, inside, ip_batch

NETWORKS = 50
FLOWS = int(os.environ.get("FLOWS", "10000"))
MARK = b"HGtraffic"
BATCH = 500             # frames that are sent before what came out is read
HOST_MAC, WIRE_MAC = "02:00:00:01:01:%02x", "02:00:00:01:02:%02x"


def name(network):
    return "net%d" % network


def snat(network):
    return "203.0.113.%d" % (100 + network)


def guest(network):
    return "10.100.%d.10" % network


def description(**changed):
    return {"uplinks": {"outside": {"interface": "eth0"}},
            "networks": {name(n): {"subnet": "10.100.%d.0/24" % n, "mode": "nat", "snat": snat(n), **changed.get(name(n), {})}
                         for n in range(NETWORKS)}}


class Traffic(cases.Case):

    installer = cases.INSTALLERS[0]

    def setUp(self):
        self.lab = self.new_lab()
        other = "/proc/%d/fd/%d" % (os.getpid(), self.lab.wire)
        lines = []
        for n in range(NETWORKS):
            lines += ["link add %s address %s type veth peer name %s address %s netns %s"
                      % (name(n), HOST_MAC % n, name(n), WIRE_MAC % n, other),
                      "link set %s up" % name(n), "addr add 10.100.%d.1/24 dev %s" % (n, name(n)),
                      "neigh replace %s lladdr %s dev %s nud permanent" % (guest(n), WIRE_MAC % n, name(n))]
        with inside(self.lab.host):
            ip_batch(lines)
        with inside(self.lab.wire):
            ip_batch(["link set %s arp off up" % name(n) for n in range(NETWORKS)])
        each = FLOWS // NETWORKS
        self.flows = [(n, 20000 + i) for n in range(NETWORKS) for i in range(each)]
        self.out, self.back = [], []
        for number, (n, port) in enumerate(self.flows):
            mark = MARK + struct.pack(">I", number)
            packet = p.udp_packet(guest(n), REMOTE[4], port, 53, mark)
            answer = p.udp_packet(REMOTE[4], snat(n), 53, port, mark)
            self.out.append((name(n), p.ether(HOST_MAC % n, WIRE_MAC % n, p.ETH_IPV4, packet)))
            self.back.append(("eth0", p.ether(LINK["eth0"].host_mac, LINK["eth0"].wire_mac, p.ETH_IPV4, answer)))

    def collect(self, frames, seen):
        """Counts captured frames by (network, where they came out, source or target address)."""
        for one in frames:
            at = one.frame.find(MARK)
            if at < 0 or one.frame[23] != p.UDP:
                continue
            number, = struct.unpack(">I", one.frame[at + len(MARK):at + len(MARK) + 4])
            network = self.flows[number][0]
            address = one.frame[26:30] if one.link == "eth0" else one.frame[30:34]
            key = network, one.link, p.text(address)
            seen[key] = seen.get(key, 0) + 1

    def round(self, seen, running=lambda: None):
        """One packet of every flow in each direction."""
        for start in range(0, len(self.flows), BATCH):
            for frames in (self.out, self.back):
                for link, frame in frames[start:start + BATCH]:
                    self.lab.send_frame(link, frame)
                self.collect(self.lab.drain(), seen)
            running()

    def lost(self, seen, rounds, networks):
        """How many packets of these networks did not come out where and as they should, of both directions."""
        each = rounds * (FLOWS // NETWORKS)
        return sum(2 * each - seen.get((n, "eth0", snat(n)), 0) - seen.get((n, name(n), guest(n)), 0) for n in networks)

    def change(self, what, described):
        """Applies a description while packets go on; the networks but the first lose none."""
        path = self.lab.file("changed.yaml", json.dumps(described))
        monitor = watch.Monitor(self.lab)
        seen, rounds, applies = {}, 0, []

        def running():
            # In the middle of the first round; it is looked at between batches whether it is done.
            if not applies:
                applies.append(self.lab.start(self.installer.argv("apply", path), cpu=Lab.other_cpu, stdin=subprocess.DEVNULL,
                                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
        while rounds < 2 or applies[0].poll() is None:
            self.round(seen, running)
            rounds += 1
            self.assertLess(rounds, 50)
        self.assertEqual(applies[0].returncode, 0, applies[0].stderr.read())
        applies[0].stderr.close()
        self.collect(self.lab.settle(), seen)
        told, size = monitor.seen()
        monitor.close()
        lost = self.lost(seen, rounds, range(1, NETWORKS))
        print("     %s, %s: %d flows, %d packets sent, %d lost on the other %d networks; nf_tables tells of %d objects, %d bytes"
              % (self.installer.name, what, len(self.flows), 2 * rounds * len(self.flows), lost, NETWORKS - 1,
                 sum(told.values()), size), flush=True)
        self.assertEqual(lost, 0)
        strangers = [key for key in seen if key[1] == "eth0" and key[2].startswith("10.")]
        self.assertEqual(strangers, [], "private sources on the uplink")
        return seen, rounds

    def test_change_under_traffic(self):
        """A new SNAT address for one network, then another mode: 0 packets of the other 49 are lost."""
        self.installer.install(self.lab, description())
        seen = {}
        self.round(seen)
        self.round(seen)
        self.collect(self.lab.settle(), seen)
        self.assertEqual(self.lost(seen, 2, range(NETWORKS)), 0, "every flow is there, both ways, before anything changes")
        self.change("another address", description(net0={"snat": "203.0.113.99"}))
        after = {}
        self.round(after)
        self.collect(self.lab.settle(), after)
        self.assertEqual(after.get((0, "eth0", "203.0.113.99")), FLOWS // NETWORKS, "its flows have picked up the new address")
        self.change("another mode", {**description(), "networks": {**description()["networks"], "net0": {"subnet": "10.100.0.0/24"}}})
        after = {}
        self.round(after)
        self.collect(self.lab.settle(), after)
        self.assertEqual([key for key in after if key[0] == 0], [], "isolated at once, both ways")
        self.assertEqual(self.lost(after, 1, range(1, NETWORKS)), 0)


class TrafficIptables(Traffic):
    installer = cases.INSTALLERS[1]
