#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the tests of the command line and of what is shipped beside the program: run.py [-k NAME]."""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
sys.dont_write_bytecode = True

from lib import share  # noqa: E402  (after the path is set)


def main():
    tests = list(share.flatten(unittest.TestLoader().discover(HERE, "test_*.py", HERE)))
    return share.run(tests, share.options(__doc__).parse_args())


if __name__ == "__main__":
    sys.exit(main())
