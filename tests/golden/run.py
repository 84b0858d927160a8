#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every example as JSON, and the reference case of explain: what the program prints is compared
with tests/golden/dialects. The other dialects are compared by tests/unit/test_golden_dialects.c.
GOLDEN_UPDATE=1 writes the files instead: look at the difference."""

import difflib
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lib.program import EXAMPLES, PROGRAM, TOP, run  # noqa: E402  (after the path is set)
from lib.results import Counts  # noqa: E402

FOLDER = os.path.join(TOP, "tests", "golden", "dialects")
NAMES = sorted(name[:-5] for name in os.listdir(EXAMPLES) if name.endswith(".yaml"))
COUNTS = Counts()


def normalised(text):
    """The same document with what a release changes left out; it must be JSON."""
    document = json.loads(text)
    document["version"] = "VERSION"
    if "hash" in document:
        document["hash"] = "HASH"
    return json.dumps(document, indent=2) + "\n"


def check(name, file, *arguments):
    """Runs the program, which must print what the file holds."""
    path = os.path.join(FOLDER, name, file)
    done = run(PROGRAM, *arguments, cwd=TOP)
    if done.returncode != 0 or done.stderr:
        COUNTS.tell("FAIL", " ".join(arguments), f"exit {done.returncode}\n{done.stderr}")
        return
    text = normalised(done.stdout)
    if os.environ.get("GOLDEN_UPDATE"):
        with open(path, "w", encoding="utf-8") as output:
            output.write(text)
    try:
        with open(path, encoding="utf-8") as golden:
            expected = golden.read()
    except FileNotFoundError:
        expected = ""
    sys.stdout.writelines(difflib.unified_diff(expected.splitlines(True), text.splitlines(True),
                                               os.path.relpath(path, TOP), " ".join(arguments)))
    COUNTS.tell("ok" if text == expected else "FAIL", " ".join(arguments))


def main():
    for name in NAMES:
        check(name, "json", "apply", "--dry-run=json", f"examples/{name}.yaml")
    check("host-only", "explain.json", "explain", "--json", "examples/host-only.yaml",
          "192.168.56.10", "198.51.100.7:443/tcp")
    check("isolated", "explain.json", "explain", "--json", "examples/isolated.yaml",
          "192.168.57.10", "198.51.100.7")
    return COUNTS.finish()


if __name__ == "__main__":
    sys.exit(main())
