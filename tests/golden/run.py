#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every example as JSON, and the reference case of explain: what the program prints is compared
with tests/golden/dialects. The other dialects are compared by tests/unit/test_golden_dialects.c.
GOLDEN_UPDATE=1 writes the files instead: look at the difference."""

import difflib
import json
import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HOSTGATE = os.path.abspath(os.environ.get("HOSTGATE", os.path.join(TOP, "build", "hostgate")))
FOLDER = os.path.join(TOP, "tests", "golden", "dialects")
EXAMPLES = sorted(name[:-5] for name in os.listdir(os.path.join(TOP, "examples"))
                  if name.endswith(".yaml"))


def normalised(text):
    """The same document with what a release changes left out; it must be JSON."""
    document = json.loads(text)
    document["version"] = "VERSION"
    if "hash" in document:
        document["hash"] = "HASH"
    return json.dumps(document, indent=2) + "\n"


def check(name, file, *arguments):
    """Runs the program; returns whether it prints what the file holds."""
    path = os.path.join(FOLDER, name, file)
    done = subprocess.run((HOSTGATE,) + arguments, cwd=TOP, text=True, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0 or done.stderr:
        print(f"{' '.join(arguments)}: exit {done.returncode}\n{done.stderr}")
        return False
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
    return text == expected


def main():
    results = [check(name, "json", "apply", "--dry-run=json", f"examples/{name}.yaml")
               for name in EXAMPLES]
    results.append(check("host-only", "explain.json", "explain", "--json", "examples/host-only.yaml",
                         "192.168.56.10", "198.51.100.7:443/tcp"))
    results.append(check("isolated", "explain.json", "explain", "--json", "examples/isolated.yaml",
                         "192.168.57.10", "198.51.100.7"))
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
