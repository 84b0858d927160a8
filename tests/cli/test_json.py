# SPDX-License-Identifier: GPL-2.0-or-later
"""--json: one document a run, whatever happens."""

import json
import unittest

from common import BAD, GOOD, Namespace, hostgate, root_only


class Json(unittest.TestCase):
    def document(self, done):
        document = json.loads(done.stdout)
        self.assertEqual(document["format"], 1)
        self.assertRegex(document["version"], r"^\d")
        self.assertIsInstance(document["diagnostics"], list)
        self.assertEqual(done.stderr, "")
        for diagnostic in document["diagnostics"]:
            self.assertIn(diagnostic["severity"], ("error", "warning", "note"))
            self.assertRegex(diagnostic["code"], r"^HG-[EWN]\d{3}$")
            self.assertTrue(diagnostic["message"])
            self.assertIn("hint", diagnostic)
            self.assertIn("related", diagnostic)
        return document

    def test_check(self):
        document = self.document(hostgate("check", "--json", "-", input=GOOD))
        self.assertIs(document["valid"], True)
        self.assertEqual((document["networks"], document["uplinks"]), (1, 0))
        self.assertRegex(document["hash"], r"^[0-9a-f]{64}$")

    def test_mistakes_have_their_place(self):
        done = hostgate("--json", "check", "-", input=BAD)
        self.assertEqual(done.returncode, 3)
        document = self.document(done)
        self.assertIs(document["valid"], False)
        self.assertEqual(document["errors"], len(document["diagnostics"]))
        places = {(d["file"], d["line"], d["column"]) for d in document["diagnostics"]}
        self.assertIn(("<stdin>", 1, 21), places)

    def test_bytes_that_are_no_text(self):
        done = hostgate("check", "--json", b"\xff\xfe none")
        self.assertEqual(done.returncode, 3)
        self.assertEqual(len(self.document(done)["diagnostics"]), 1)

    def test_nothing_changed_when_the_description_is_wrong(self):
        for command in ("plan", "apply"):
            done = hostgate(command, "--json", "-", input=BAD)
            self.assertEqual(done.returncode, 3)
            document = self.document(done)
            self.assertIs(document["changed"], False)
            self.assertEqual(document["changes"], [])

    @root_only
    def test_the_whole_way(self):
        with Namespace() as host:
            def step(*arguments, status, changed):
                done = host.hostgate("--json", *arguments)
                self.assertEqual(done.returncode, status, done.stdout)
                document = self.document(done)
                self.assertIs(document["changed"], changed)
                self.assertEqual(document["changes"] != [], changed)
                for change in document["changes"]:
                    self.assertEqual(set(change), {"kind", "what", "name", "before", "after", "network"})
                    self.assertIn(change["kind"], ("add", "modify", "remove"))
                return document

            example = "examples/host-only.yaml"
            self.assertIs(step("status", status=5, changed=False)["installed"], False)
            step("plan", example, status=10, changed=True)
            for changed in (True, False):
                document = step("apply", example, status=0, changed=changed)
                self.assertEqual(document["conntrack"], {"deleted": 0, "networks": {}})
            step("plan", example, status=0, changed=False)
            document = step("status", status=0, changed=False)
            self.assertIs(document["installed"], True)
            self.assertIs(document["matches"], True)
            zero = {"packets": 0, "bytes": 0}
            for counts in document["counters"].values():
                self.assertEqual(counts, dict.fromkeys(("in", "out", "refused", "caught"), zero))
            self.assertTrue(document["counters"])
            self.assertEqual(document["files"], example)
            self.assertEqual(document["missing_interfaces"], [])
            host.run("nft", "flush chain inet hostgate guard")
            document = step("status", status=5, changed=True)
            self.assertIs(document["matches"], False)
            step("remove", status=0, changed=True)
            step("remove", status=0, changed=False)
