#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the tests with real packets: run.py [-k NAME] [--installer apply|apply-iptables|script-nft|script-legacy|file-nft]."""

import argparse
import itertools
import os
import signal
import struct
import sys
import time
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import cases  # noqa: E402  (after the path is set)
import lab  # noqa: E402


class Lines(unittest.TestResult):
    """One line a test; the reasons of failures below it."""

    def __init__(self, limit):
        super().__init__()
        self.passed = 0
        self.limit = limit

    def startTest(self, test):
        super().startTest(test)
        self.begun = time.monotonic()

    def _line(self, outcome, test, more=""):
        took = time.monotonic() - getattr(self, "begun", time.monotonic())
        print("%-4s %s (%.2f s)%s" % (outcome, getattr(test, "title", test.id)(), took, more), flush=True)

    def addSuccess(self, test):
        self.passed += 1
        self._line("ok", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._line("skip", test, ": " + reason)

    def _fault(self, test, error, title):
        kind, value, trace = error
        if issubclass(kind, AssertionError):
            trace_lines = traceback.format_tb(trace)
            words = [line for line in trace_lines if os.sep + "test_" in line][-1:] + [str(value)]
        else:
            words = traceback.format_exception(kind, value, trace)
        lines = "".join(words).rstrip().splitlines()
        shown = lines[:self.limit] if issubclass(kind, AssertionError) else lines[-self.limit:]
        self._line(title, test, "".join("\n       " + line[:600] for line in shown))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._fault(test, err, "FAIL")

    def addError(self, test, err):
        super().addError(test, err)
        self._fault(test, err, "FAIL")

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._fault(subtest, err, "FAIL")


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


def together(tests):
    """The tests in groups that one process runs: those of one class share their hosts."""
    return [list(group) for _, group in itertools.groupby(tests, key=type)]


class Taken(unittest.TestSuite):
    """The tests of the groups whose numbers come out of a pipe, one after another."""

    _cleanup = False        # there is no list to take tests off

    def __init__(self, groups, todo):
        super().__init__()
        self.groups, self.todo = groups, todo

    def __iter__(self):
        while index := os.read(self.todo, 4):
            yield from self.groups[struct.unpack("=I", index)[0]]


def work(number, groups, todo, counts, limit):
    """One of the processes: takes group after group, and tells its counts at the end."""
    lab.WORKER = number
    result = Lines(limit)
    try:
        Taken(groups, todo).run(result)
    except KeyboardInterrupt:
        result.errors.append((None, "interrupted"))
    os.write(counts, struct.pack("=III", result.passed, len(result.failures) + len(result.errors),
                                 len(result.skipped)))


def share(groups, jobs, limit):
    """Runs the groups in so many processes; returns the sums of passed, failed and skipped."""
    todo, counts = os.pipe(), os.pipe()
    os.write(todo[1], b"".join(struct.pack("=I", index) for index in range(len(groups))))
    os.close(todo[1])
    sys.stdout.flush()
    workers = []
    for number in range(jobs):
        pid = os.fork()
        if pid == 0:
            work(number, groups, todo[0], counts[1], limit)
            sys.exit(0)     # which closes what is still open
        workers.append(pid)
    os.close(counts[1])
    sums, ended = [0, 0, 0], 0
    try:
        while told := os.read(counts[0], 12):
            ended += 1
            sums = [one + two for one, two in zip(sums, struct.unpack("=III", told))]
    except KeyboardInterrupt:
        for pid in workers:
            os.kill(pid, signal.SIGTERM)
        sums[1] += 1
    for pid in workers:
        os.waitpid(pid, 0)
    if ended < jobs and sums[1] == 0:
        print("a process died before it told its counts")
        sums[1] += 1
    return sums


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("-k", metavar="NAME", action="append", help="only tests whose name holds NAME")
    options.add_argument("--installer", choices=[way.name for way in cases.INSTALLERS + [cases.FILE]],
                         help="the promises over this way only (tests of the program itself: with apply)")
    options.add_argument("--lines", type=int, default=40, help="at most so many lines about one failure")
    options.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes that share the tests")
    options.add_argument("--list", action="store_true", help="print the names and end")
    args = options.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    tests = list(flatten(unittest.TestLoader().discover(HERE, pattern="test_*.py", top_level_dir=HERE)))
    if args.installer:
        tests = [test for test in tests
                 if (getattr(test, "installer", None) or cases.NFTABLES).name == args.installer]
    if args.k:
        tests = [test for test in tests if any(word in test.id() for word in args.k)]
    if args.list:
        print("\n".join(test.id() for test in tests))
        return 0
    if not os.access(lab.PROGRAM, os.X_OK):
        print("no program at %s: build it, or say where with HOSTGATE=" % lab.PROGRAM)
        print("0 passed, 1 failed, 0 skipped")
        return 1
    if os.geteuid() != 0:
        print("skip all of them: only root can make these namespaces and load legacy tables")
        print("0 passed, 0 failed, %d skipped" % len(tests))
        return 0
    groups = together(tests)
    passed, failed, skipped = share(groups, max(1, min(args.jobs, len(groups))), args.lines)
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
