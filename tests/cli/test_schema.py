# SPDX-License-Identifier: GPL-2.0-or-later
"""schema: what it allows and refuses is what the reader allows and refuses."""

import json
import os
import re
import unittest

from common import TOP, hostgate

try:
    import yaml
except ImportError:
    yaml = None

KNOWN = {"$schema", "title", "description", "default", "type", "enum", "pattern", "anyOf", "items",
         "minItems", "properties", "required", "additionalProperties", "propertyNames"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool}

SUBNET = {"subnet": "192.168.56.0/24"}
GOOD = (
    {"networks": {"vmnet1": SUBNET}},
    {"uplinks": {"eth0": {}}, "networks": {"vmnet1": dict(SUBNET, mode="nat")}},
    {"uplinks": {"out": {"interface": "eth0", "address": ["203.0.113.11", "2001:db8::11"]}},
     "networks": {"lab": {"interface": ["tap*", "br0"], "subnet": ["10.0.0.0/8", "fd00::/64"],
                          "gateway": "fd00::1", "mode": "nat", "uplink": ["out"],
                          "snat": "masquerade"}},
     "settings": {"deny": "drop", "harden": False, "forwarding": "keep", "backend": "nftables",
                  "clean-slate": True}},
    {"uplinks": {"eth0": {}}, "networks": {"a": dict(SUBNET, mode="nat", snat="203.0.113.12")}},
)
WRONG = (
    {"networks": {"vmnet1": {}}},
    {"networks": {"vmnet1": {"subnt": "192.168.56.0/24"}}},
    {"networks": {"vmnet1": dict(SUBNET, mode="natted")}},
    {"networks": {"vmnet1": dict(SUBNET, reach="vmnet2")}},
    {"networks": {"vmnet1": dict(SUBNET, interface="a-name-that-is-too-long")}},
    {"networks": {"vmnet1": dict(SUBNET, interface=[])}},
    {"networks": {"vmnet1": {"subnet": "192.168.56.0"}}},
    {"networks": {"vm net": SUBNET}},
    {"networks": ["vmnet1"]},
    {"networks": {"vmnet1": SUBNET}, "uplinks": {"eth0": {"address": "eth0"}}},
    {"networks": {"vmnet1": SUBNET}, "uplinks": {"eth0": {"interface": "eth*"}}},
    {"networks": {"vmnet1": SUBNET}, "settings": {"harden": "yes"}},
    {"networks": {"vmnet1": SUBNET}, "settings": {"others": "drop"}},
    {"networks": {"vmnet1": SUBNET}, "network": {}},
)


def fits(schema, value):
    """A validator of what this schema uses of JSON Schema."""
    if "type" in schema and not isinstance(value, TYPES[schema["type"]]):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "anyOf" in schema and not any(fits(choice, value) for choice in schema["anyOf"]):
        return False
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        return False
    if isinstance(value, list):
        return len(value) >= schema.get("minItems", 0) and \
            all(fits(schema.get("items", {}), item) for item in value)
    if isinstance(value, dict):
        properties, others = schema.get("properties", {}), schema.get("additionalProperties", {})
        if not all(name in value for name in schema.get("required", ())):
            return False
        for name, item in value.items():
            if not fits(schema.get("propertyNames", {}), name):
                return False
            inner = properties.get(name, others)
            if inner is False or not fits(inner, item):
                return False
    return True


def subschemas(schema):
    yield schema
    inner = list(schema.get("anyOf", ())) + list(schema.get("properties", {}).values())
    for name in ("items", "propertyNames", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            inner.append(schema[name])
    for one in inner:
        yield from subschemas(one)


class Schema(unittest.TestCase):
    def setUp(self):
        done = hostgate("schema")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.schema = json.loads(done.stdout)

    def test_its_form(self):
        self.assertEqual(self.schema["$schema"], "https://json-schema.org/draft/2020-12/schema")
        for schema in subschemas(self.schema):
            self.assertLessEqual(set(schema), KNOWN)
            if schema.get("type") == "object":
                self.assertIn("additionalProperties", schema)
            re.compile(schema.get("pattern", ""))
        self.assertEqual(set(self.schema["properties"]), {"uplinks", "networks", "settings"})

    def test_it_agrees_with_the_reader(self):
        for descriptions, right in ((GOOD, True), (WRONG, False)):
            for description in descriptions:
                text = json.dumps(description)
                done = hostgate("check", "-", input=text)
                self.assertEqual(done.returncode, 0 if right else 3, text + done.stderr)
                self.assertEqual(fits(self.schema, description), right, text)

    @unittest.skipIf(yaml is None, "there is no yaml for python")
    def test_examples_fit(self):
        folder = os.path.join(TOP, "examples")
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                self.assertTrue(fits(self.schema, yaml.safe_load(file)), name)

    def test_only_what_this_version_knows(self):
        network = self.schema["properties"]["networks"]["additionalProperties"]["properties"]
        for name, known in (("mode", True), ("snat", True), ("reach", False), ("publish", False)):
            self.assertEqual(name in network, known, name)
        self.assertEqual(network["mode"]["default"], "isolated")
        self.assertIs(self.schema["properties"]["settings"]["properties"]["harden"]["default"], True)

    def test_with_json_it_is_one_document(self):
        document = json.loads(hostgate("schema", "--json").stdout)
        self.assertEqual(document["command"], "schema")
        self.assertNotIn("changed", document)
        self.assertEqual(document["schema"], self.schema)
