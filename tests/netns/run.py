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


# Of every promise a class or two, with both backends: `make check`.
CHECK = ("test_leak.Leaks_apply",                                       # P1, P2, P3
         "test_nat.Translation_apply", "test_replies.Replies_apply",    # P2, P3
         "test_forged.Forged_apply", "test_inside.Standard_apply",      # P4
         "test_clean_slate.CleanSlate_apply",                           # P5: test_no_gap
         "test_foreign.Foreign_apply",                                  # P6
         "test_again.Again",                                            # P7
         "test_change.Change_apply",                                    # P8
         "test_standing.Standing")                                      # P9


def begin(number):
    lab.WORKER = number


def main():
    # Two a processor: some tests wait for a second that has to pass.
    options = share.options(__doc__, 2 * len(os.sched_getaffinity(0)))
    options.add_argument("--installer", choices=[way.name for way in cases.INSTALLERS + [cases.FILE]],
                         help="the promises over this way only (tests of the program itself: with apply)")
    options.add_argument("--check", action="store_true", help="every promise with both backends, within a minute")
    args = options.parse_args()
    if args.check:
        args.k = CHECK
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
