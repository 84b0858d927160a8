# SPDX-License-Identifier: GPL-2.0-or-later
"""explain: what is told of which packet, and which questions are refused."""

import json
import os
import unittest

from common import BAD, hostgate, run, HOSTGATE

EXAMPLE = "examples/host-only.yaml"
GUEST, OUTSIDE = "192.168.56.10", "198.51.100.7"


class Questions(unittest.TestCase):
    def refused(self, *arguments, says):
        done = hostgate("explain", *arguments)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, says)

    def test_wrong_questions_are_exit_2(self):
        self.refused(says="needs SRC and DST")
        self.refused(GUEST, says="needs SRC and DST")
        self.refused(EXAMPLE, GUEST, says='SRC: "examples/host-only.yaml" is not an IPv4 or IPv6 address')
        self.refused(EXAMPLE, GUEST, "example.com", says="names are not looked up")
        self.refused(EXAMPLE, GUEST, "2001:db8::7", says="no packet has both")
        self.refused(EXAMPLE, GUEST, OUTSIDE + ":0", says="not a port")
        self.refused("--from", "nowhere", EXAMPLE, GUEST, OUTSIDE, says='no interface.*"nowhere"')

    def test_a_wrong_question_is_a_document_too(self):
        done = hostgate("explain", "--json", EXAMPLE, GUEST, "nowhere")
        self.assertEqual((done.returncode, done.stderr), (2, ""))
        self.assertEqual(json.loads(done.stdout)["diagnostics"][0]["code"], "HG-E310")

    def test_a_wrong_description_is_exit_3(self):
        self.assertEqual(hostgate("explain", "-", GUEST, OUTSIDE, input=BAD).returncode, 3)

    def test_only_explain_knows_from(self):
        done = hostgate("check", "--from", "vmnet1", EXAMPLE)
        self.assertEqual(done.returncode, 2)
        self.assertIn("check has no option --from", done.stderr)


class Answers(unittest.TestCase):
    def ask(self, *arguments, **more):
        done = hostgate("explain", "--json", *arguments, **more)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        document = json.loads(done.stdout)
        self.assertEqual((document["format"], document["command"]), (1, "explain"))
        self.assertNotIn("changed", document)
        return document

    def way(self, *arguments, **more):
        ways = self.ask(*arguments, **more)["ways"]
        self.assertEqual(len(ways), 1)
        return ways[0]

    def test_the_reference_case(self):
        document = self.ask(EXAMPLE, GUEST, OUTSIDE + ":443/tcp")
        self.assertEqual(document["packet"], {"source": GUEST, "destination": OUTSIDE, "port": 443,
                                              "protocol": "tcp", "from": None})
        way, = document["ways"]
        self.assertEqual((way["fate"], way["verdict"], way["source"]), ("passes", "pass", "203.0.113.11"))
        self.assertEqual((way["in"]["network"], way["out"]["uplink"]), ("vmnet1", "eth0"))
        self.assertIsNone(way["hint"])
        self.assertEqual(way["reply"]["verdict"], "pass")
        for leg in (way, way["reply"]):
            for step in leg["steps"]:
                self.assertTrue(step["text"])
                for rule in step["rules"]:
                    self.assertEqual(set(rule["why"]), {"promise", "text", "network"})

    def test_every_rule_of_the_dry_run_can_be_found_again(self):
        rules = json.loads(hostgate("apply", "--dry-run=json", EXAMPLE).stdout)["rules"]
        known = {(rule["chain"], rule["why"]["text"]) for rule in rules}
        way = self.way(EXAMPLE, GUEST, OUTSIDE)
        met = [rule for leg in (way, way["reply"]) for step in leg["steps"] for rule in step["rules"]]
        self.assertGreater(len(met), 8)
        for rule in met:
            self.assertIn((rule["chain"], rule["why"]["text"]), known)

    def test_what_is_refused_names_its_promise_and_its_key(self):
        isolated, dual = "examples/isolated.yaml", "examples/dual-stack.yaml"
        for arguments, promise, key, line in (
                ((isolated, "192.168.57.10", OUTSIDE), "P1", "`mode: nat`", 16),
                ((isolated, "192.168.57.10", GUEST), "P1", "`reach`, is not supported yet", None),
                ((EXAMPLE, OUTSIDE, GUEST), "P3", "`publish`, is not supported yet", None),
                (("examples/routed.yaml", "192.0.2.7", OUTSIDE), "P3", "`allow-from`, is not", None),
                (("--from", "vmnet1", EXAMPLE, "203.0.113.99", OUTSIDE), "P4", "`subnet`", 12),
                (("--from", "vmnet2", dual, "fd00:57::1", "2001:db8:7::7"), "P4", "IPv6 of vmnet2", 16)):
            way = self.way(*arguments)
            self.assertEqual(way["fate"], "refused", arguments)
            self.assertIn(f"Promise {promise}:", way["text"])
            self.assertIn(key, way["hint"]["text"])
            self.assertEqual(way["hint"].get("line"), line)
            self.assertIsNone(way["reply"])

    def test_a_private_source_of_the_host_itself(self):
        text = "uplinks: {eth0: {}}\nnetworks: {a: {subnet: 10.0.0.0/24, gateway: 10.0.0.1}}\n"
        way = self.way("-", "10.0.0.1", OUTSIDE, input=text)
        self.assertEqual((way["in"]["kind"], way["fate"]), ("host", "refused"))
        self.assertIn("Promise P2:", way["text"])
        way = self.way("-", "10.0.0.1", OUTSIDE, input=text.replace("gateway", "mode: nat, gateway"))
        self.assertEqual((way["fate"], way["masquerade"], way["source"]), ("passes", True, None))

    def test_each_uplink_is_told(self):
        document = self.ask("examples/three-networks.yaml", "192.168.57.10", OUTSIDE)
        self.assertEqual([(way["out"]["uplink"], way["fate"]) for way in document["ways"]],
                         [("isp-a", "refused"), ("isp-b", "passes")])
        self.assertIn("add isp-a to `uplink`", document["ways"][0]["hint"]["text"])

    def test_without_an_uplink(self):
        text = "networks: {a: {subnet: 10.0.0.0/24}}\n"
        self.assertIn("`uplinks`", self.way("-", "10.0.0.7", OUTSIDE, input=text)["hint"]["text"])
        self.assertEqual(self.way("-", OUTSIDE, "192.0.2.7", input=text)["fate"], "not ours")

    def test_forwarding_left_to_others_is_said(self):
        text = ("uplinks: {eth0: {}}\nnetworks: {a: {subnet: 10.0.0.0/24, mode: nat}}\n"
                "settings: {forwarding: keep}\n")
        done = hostgate("explain", "-", "10.0.0.7", OUTSIDE, input=text)
        self.assertIn("`forwarding: keep`", done.stdout)

    def test_a_request_for_an_address_is_followed(self):
        done = hostgate("explain", "--from", "lab", "-", "0.0.0.0", "255.255.255.255:67/udp",
                        input="networks: {lab: {subnet: 10.0.0.0/24}}\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("asks for one (DHCP)", done.stdout)
        self.assertIn('rule "P4: DHCP"', done.stdout)

    def test_text_fits_a_terminal_and_has_colour_when_asked_for(self):
        done = hostgate("explain", "--color=always", EXAMPLE, GUEST, OUTSIDE)
        self.assertIn("\033[32mPasses.", done.stdout)
        done = hostgate("explain", EXAMPLE, GUEST, OUTSIDE)
        self.assertNotIn("\033", done.stdout)
        for line in done.stdout.splitlines():
            self.assertLessEqual(len(line), 80)
        self.assertEqual(hostgate("explain", "-q", EXAMPLE, GUEST, OUTSIDE).stdout, "")

    def test_an_ordinary_user_can_ask(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to become an ordinary user")
        done = run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", HOSTGATE, "explain",
                   "-", "10.0.0.7", "10.0.0.8", input="networks: {a: {subnet: 10.0.0.0/24}}\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Both ends are on the network a.", done.stdout)


class Data(unittest.TestCase):
    """--dry-run=json: the rules as data."""

    def document(self, example):
        done = hostgate("apply", "--dry-run=json", example)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)

    def test_names_refer_to_what_is_there(self):
        for name in sorted(os.listdir(os.path.join(os.path.dirname(__file__), "../../examples"))):
            document = self.document("examples/" + name)
            self.assertEqual(list(document),
                             ["format", "version", "hash", "clean-slate", "holes", "sysctls", "sets", "chains", "rules"])
            self.assertEqual(document["format"], 1)
            chains = {chain["name"] for chain in document["chains"]}
            sets = {a_set["name"]: a_set for a_set in document["sets"]}
            for rule in document["rules"]:
                self.assertIn(rule["chain"], chains)
                if rule["action"]["kind"] == "goto":
                    self.assertIn(rule["action"]["chain"], chains)
                for match in rule["matches"]:
                    if "in" in match:
                        self.assertEqual(len(match["fields"]), len(sets[match["in"]]["fields"]))
            for a_set in sets.values():
                for element in a_set["elements"]:
                    self.assertEqual(list(element["key"]), a_set["fields"])
                    self.assertEqual("action" in element, a_set["map"])
            whys = document["sysctls"] + document["rules"] + [e for s in sets.values() for e in s["elements"]]
            for thing in whys:
                self.assertEqual(set(thing["why"]), {"promise", "text", "network"})
                self.assertTrue(thing["why"]["text"])

    def test_elements_have_their_line(self):
        document = self.document(EXAMPLE)
        members, = (a_set for a_set in document["sets"] if a_set["name"] == "members4")
        element, = members["elements"]
        self.assertEqual(element["key"], {"iifname": "vmnet1", "ip saddr": "192.168.56.0/24"})
        self.assertEqual((element["file"], element["line"]), (EXAMPLE, 12))
        self.assertEqual(element["why"], {"promise": "P4", "text": "subnet", "network": "vmnet1"})
        self.assertIn("net/ipv4/ip_forward", [sysctl["path"] for sysctl in document["sysctls"]])

    def test_the_same_hash_as_check(self):
        checked = json.loads(hostgate("check", "--json", EXAMPLE).stdout)
        self.assertEqual(self.document(EXAMPLE)["hash"], checked["hash"])
