# SPDX-License-Identifier: GPL-2.0-or-later
"""P8: a tightened description takes effect at once for flows that are alive, in both directions."""

import json

import cases
import flows
import packets as p
from flows import Flow
from lab import LINK, REMOTE

FOUR = {"vmnet1": {"subnet": "192.168.56.0/24", "gateway": "192.168.56.1"}, "vmnet3": {"subnet": "198.18.0.0/24"}}


def doors():
    """publish: port 8080 of the uplink's addresses is port 80 of a guest of vmnet1."""
    square = {4: "%s", 6: "[%s]"}
    return [{"listen": square[family] % cases.PUBLIC["eth0"][family] + ":8080/tcp",
             "to": square[family] % LINK["vmnet1"].guest(family) + ":80"} for family in (4, 6)]


def through_doors(case, lab):
    found = [Flow("tcp", "vmnet1", LINK["vmnet1"].guest(family), "eth0", REMOTE[family], 80) for family in (4, 6)]
    for flow, family in zip(found, (4, 6)):
        flow.start_from_outside(case, lab, cases.PUBLIC["eth0"][family], 8080)
    return found


def from_outside(case, lab):
    """Flows of the outside's own to a routed guest."""
    found = [Flow(kind, "vmnet3", LINK["vmnet3"].guest(family), "eth0", REMOTE[family], 9100)
             for kind in ("udp", "tcp") for family in (4, 6)]
    for flow in found:
        flow.start_from_outside(case, lab)
    return found


def across(case, lab, link):
    """Flows to a guest of vmnet3."""
    return flows.leaving(case, link, lab, outside="vmnet3", outer={family: LINK["vmnet3"].guest(family) for family in (4, 6)})


def between(one, others):
    """Probes of every kind between a network's guest and those of other networks, both ways."""
    return [probe for family in (4, 6) for to in others for source, dst in ((one, to), (to, one))
            for probe in cases.kinds(source, LINK[source].guest(family), LINK[dst].guest(family))]


class Changes:
    """Every test has flows of both families."""

    def changed(self, before, after, open_flows):
        """Installs one description, opens flows, installs the other one; returns (lab, flows)."""
        lab = self.new_lab()
        for described in (before, after):       # what a version does not read is known before anything is done
            cases.Script.text(lab, described)
        self.installer.install(lab, before)
        found = open_flows(lab)
        self.installer.install(lab, after)
        return lab, found

    def nat_flows(self, lab):
        return flows.leaving(self, "vmnet1", lab)


@cases.promise_applied
class Change(Changes):

    def test_same_again(self):
        """Positive control: an unchanged description leaves live flows alone, in both directions."""
        lab, found = self.changed(cases.standard(), cases.standard(), self.nat_flows)
        for flow in found:
            flow.goes_on(self, lab)

    def test_nat_to_isolated(self):
        """nat -> isolated: the live flows are silent at once, in both directions."""
        lab, found = self.changed(cases.standard(), cases.standard(vmnet1={"mode": "isolated"}), self.nat_flows)
        self.assert_no_private(flows.assert_silent(self, lab, found))

    def test_everything_isolated(self):
        """The last nat network gone: its live flows do not go on with their private source."""
        alone = {"uplinks": cases.STANDARD["uplinks"], "networks": {"vmnet1": cases.STANDARD["networks"]["vmnet1"]}}
        isolated = {"uplinks": alone["uplinks"], "networks": {"vmnet1": dict(alone["networks"]["vmnet1"], mode="isolated")}}
        lab, found = self.changed(alone, isolated, self.nat_flows)
        lab.forward()               # even where somebody else needs forwarding
        self.assert_no_private(flows.assert_silent(self, lab, found))

    def test_routed_to_isolated(self):
        """routed -> isolated: silent at once, in both directions."""
        lab, found = self.changed(cases.standard(), cases.standard(vmnet3={"mode": "isolated"}),
                                  lambda lab: flows.leaving(self, "vmnet3", lab))
        flows.assert_silent(self, lab, found)

    def test_routed_to_nat(self):
        """routed -> nat: a flow that began untranslated never goes on with its private source."""
        lab, found = self.changed(cases.standard(vmnet1={"mode": "routed"}), cases.standard(), self.nat_flows)
        captured = lab.round([flow.out(b"x" * 16) for flow in found for _ in range(2)])
        self.assert_no_private(captured)

    def test_other_uplink(self):
        """nat over another uplink: the old uplink is silent for live flows, in both directions."""
        lab, found = self.changed(cases.standard(), cases.standard(vmnet1={"uplink": "second"}), self.nat_flows)
        self.assert_no_private(flows.assert_silent(self, lab, found))

    def test_network_becomes_a_stranger(self):
        """A network that is no longer in the file reaches none of those that still are, nor do they reach it."""
        lab = self.new_lab()
        self.installer.install(lab, cases.standard())
        self.installer.install(lab, cases.standard(vmnet1=None))
        self.assert_silent(between("vmnet1", ("vmnet2", "vmnet3", "tap0")), lab)

    def test_new_translation(self):
        """Another snat address: a live flow picks it up at once; other networks' flows go on."""
        def open_flows(lab):
            return flows.leaving(self, "tap0", lab, families=(4,)) + flows.leaving(self, "vmnet1", lab, port=9500)
        lab, found = self.changed(cases.standard(), cases.standard(taps={"snat": "203.0.113.13", "subnet": "192.168.60.0/24"}),
                                  open_flows)
        changed, same = found[:3], found[3:]
        mark = p.nonce()
        captured = lab.round([changed[0].out(mark)])
        self.assert_no_private(captured)
        self.assertEqual(self.only(captured, "eth0", mark).src, "203.0.113.13", "its conntrack entry was not deleted")
        for flow in same:
            flow.goes_on(self, lab)

    def test_ipv6_subnet_leaves(self):
        """An IPv6 subnet taken out of a network: IPv6 silent in both directions, IPv4 goes on."""
        def open_flows(lab):
            return flows.leaving(self, "vmnet1", lab) + flows.leaving(self, "vmnet3", lab)
        lab, found = self.changed(cases.standard(), cases.standard(**FOUR), open_flows)
        self.assert_no_private(flows.assert_silent(self, lab, [flow for flow in found if ":" in flow.inner]))
        for flow in found:
            if ":" not in flow.inner:
                flow.goes_on(self, lab)


@cases.promise_both
class ChangeLists(Changes):
    """Who may reach what."""

    def test_network_leaves_the_file(self):
        """A network that is no longer in the file, with others: drop: silent in both directions."""
        lab, found = self.changed(cases.standard(), cases.standard(settings={"others": "drop"}, vmnet1=None),
                                  self.nat_flows)
        self.assert_no_private(flows.assert_silent(self, lab, found))
        self.assert_silent([probe for family in (4, 6) for to in ("vmnet2", "vmnet3") for probe in cases.kinds(
            "vmnet1", LINK["vmnet1"].guest(family), LINK[to].guest(family))], lab)

    def test_destination_denied(self):
        """deny-to: a live flow to a destination that is now denied is silent outward."""
        lab, found = self.changed(cases.standard(), cases.standard(vmnet1={"deny-to": list(REMOTE.values())}), self.nat_flows)
        flows.assert_silent(self, lab, found, back=False)

    def test_destination_not_allowed(self):
        """allow-to: a live flow to a destination that is not in the list is silent outward."""
        lab, found = self.changed(cases.standard(), cases.standard(vmnet1={"allow-to": ["any:9999/tcp"]}), self.nat_flows)
        flows.assert_silent(self, lab, found, back=False)

    def test_allow_from_gone(self):
        """allow-from: the outside's live flow to a routed guest is silent inward when the door closes."""
        lab, found = self.changed(cases.standard(vmnet3={"allow-from": ["any"]}), cases.standard(),
                                  lambda lab: from_outside(self, lab))
        flows.assert_silent(self, lab, found, out=False)

    def test_reach_gone(self):
        """reach: a live flow between two networks is silent in both directions when it is taken away."""
        lab, found = self.changed(cases.standard(vmnet1={"reach": ["vmnet3"]}), cases.standard(),
                                  lambda lab: across(self, lab, "vmnet1"))
        flows.assert_silent(self, lab, found)

    def test_publish_gone(self):
        """publish: the outside's live flow through a door is silent inward when the door closes."""
        lab, found = self.changed(cases.standard(vmnet1={"publish": doors()}), cases.standard(),
                                  lambda lab: through_doors(self, lab))
        flows.assert_silent(self, lab, found, out=False)


@cases.promise_script
class ChangeScript:

    def leaving(self, lab, *links, **more):
        self.port += 100
        return [flow for number, link in enumerate(links)
                for flow in flows.leaving(self, link, lab, port=self.port + 10 * number, **more)]

    def silent(self, lab, found):
        self.assert_no_private(flows.assert_silent(self, lab, found))

    def test_changes(self):
        """Each script changes several networks at once: tightened flows are silent, what did not change goes on."""
        lab, self.port = self.new_lab(), 9000
        more = {"interface": "dmz0", "subnet": ["10.99.0.0/24", "fd00:99::/64"], "mode": "nat"}
        self.installer.install(lab, cases.standard(vmnet4={"subnet": ["192.168.58.0/24", "fd00:58::/64"]}, more=more))
        isolated, translated, same = self.leaving(lab, "vmnet1", "tap0"), self.leaving(lab, "vmnet4"), self.leaving(lab, "dmz0")

        # nat to isolated, nat over another uplink; another snat address, an IPv6 subnet taken out
        self.installer.install(lab, cases.standard(vmnet1={"mode": "isolated"}, taps={"uplink": "second"},
                                                   vmnet4={"snat": "203.0.113.13"}, more=more))
        self.silent(lab, isolated + [flow for flow in translated if ":" in flow.inner])
        mark = p.nonce()
        captured = lab.round([translated[0].out(mark)])
        self.assert_no_private(captured)        # a script leaves the entries of connection tracking
        self.assertIn(self.only(captured, "eth0", mark).src, ("203.0.113.13", "203.0.113.11"))
        for flow in same:
            flow.goes_on(self, lab)
        isolated = self.leaving(lab, "vmnet3")

        # routed to isolated
        self.installer.install(lab, cases.standard(vmnet1={"mode": "routed"}, vmnet3={"mode": "isolated"}))
        self.silent(lab, isolated)
        routed = self.leaving(lab, "vmnet1")

        # routed to nat, a network becomes a stranger
        self.installer.install(lab, cases.standard(vmnet4=None))
        self.assert_no_private(lab.round([flow.out(b"x" * 16) for flow in routed for _ in range(2)]))
        self.assert_silent(between("vmnet4", ("vmnet2", "vmnet3", "tap0")), lab)
        last = self.leaving(lab, "vmnet1")

        # the last nat network gone, where somebody else needs forwarding
        self.installer.install(lab, {"networks": {"vmnet1": dict(cases.STANDARD["networks"]["vmnet1"], mode="isolated")}})
        lab.forward()
        self.silent(lab, last)


@cases.promise_applied
class Whose:

    def test_network_of_each_change(self):
        """plan and apply tell the network of what comes, and of what goes: what the last apply made it for."""
        lab = self.new_lab()
        more = cases.standard(vmnet9={"interface": "vmnet9", "subnet": "192.168.59.0/24", "mode": "nat"})
        for described, kind in ((cases.standard(), None), (more, "add"), (cases.standard(), "remove")):
            path = lab.file("whose.yaml", json.dumps(described))
            planned = json.loads(lab.run(self.installer.argv("plan", "--json", path)).stdout)["changes"]
            applied = json.loads(cases.succeeded("apply", lab.run(self.installer.argv("apply", "--json", path))).stdout)["changes"]
            self.assertEqual(planned, applied)
            found = [change for change in applied if change["what"] in ("rule", "element") and kind == change["kind"]]
            if not kind:
                continue
            self.assertGreater(len(found), 5, applied)
            whose = {change["network"] for change in found}
            if self.installer is cases.NFTABLES:
                self.assertLessEqual(whose, {"vmnet9"})
            else:                               # its rules, and those of a tree that are made anew for it
                self.assertGreater(sum(change["network"] == "vmnet9" for change in found), len(found) // 2, found)
