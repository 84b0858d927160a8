#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the tests with real packets: run.py [-k NAME] [--installer apply|apply-iptables|script-nft|script-legacy|file-nft]."""

import json
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import cases  # noqa: E402  (after the path is set)
import lab  # noqa: E402
from lib import share  # noqa: E402
from lib.results import Counts  # noqa: E402


def group_of(test):
    """Tests of the same installed host, whatever their class, share it."""
    if getattr(test, "description", None) is not None and getattr(test, "installer", None):
        return test.installer.name, json.dumps(test.description)
    return share.group_of(test, (unittest.TestCase, cases.Case))


def weight_of(test):
    return getattr(test, "weight", 2 if getattr(getattr(test, "installer", None), "script", False) else 0)


def begin(number):
    lab.WORKER = number


def main():
    options = share.options(__doc__)
    options.add_argument("--installer", choices=[way.name for way in cases.INSTALLERS + [cases.FILE]],
                         help="the promises over this way only (tests of the program itself: with apply)")
    args = options.parse_args()
    tests = list(share.flatten(unittest.TestLoader().discover(HERE, pattern="test_*.py", top_level_dir=HERE)))
    if args.installer:
        tests = [test for test in tests
                 if (getattr(test, "installer", None) or cases.NFTABLES).name == args.installer]
    counts = Counts()
    if not args.list and not os.access(lab.PROGRAM, os.X_OK):
        counts.tell("FAIL", "all of them", "no program at %s: build it, or say where with HOSTGATE=" % lab.PROGRAM)
        return counts.finish()
    if not args.list and os.geteuid() != 0:
        print("skip all of them: only root can make these namespaces and load legacy tables")
        counts.skipped = len(tests)
        return counts.finish()
    return share.run(tests, args, begin, group_of, weight_of)


if __name__ == "__main__":
    sys.exit(main())
