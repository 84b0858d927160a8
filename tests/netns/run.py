#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the tests with real packets: run.py [-k NAME] [--installer apply|apply-iptables|script-nft|script-legacy|file-nft]."""

import argparse
import contextlib
import json
import os
import signal
import sys
import time
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import cases  # noqa: E402  (after the path is set)
import lab  # noqa: E402

GRACE = 8.0         # seconds that a process has to end before it is killed


class Lines(unittest.TestResult):
    """One line a test; the reasons of failures below it. tell(what) gets what begins and what ended."""

    def __init__(self, limit, tell):
        super().__init__()
        self.passed = 0
        self.limit, self.tell = limit, tell

    def startTest(self, test):
        super().startTest(test)
        self.begun = time.monotonic()
        self.tell(begins=test.id())

    def stopTest(self, test):
        super().stopTest(test)
        self.tell(**self.counts())

    def counts(self):
        return {"ran": self.testsRun, "passed": self.passed, "failed": len(self.failures) + len(self.errors), "skipped": len(self.skipped)}

    def setup(self, name, took):
        """What a class needs before its first test is time that belongs to no test."""
        if took >= 0.05:
            print("set  %s (%.2f s)" % (name, took), flush=True)
        self.tell(setup=took, **self.counts())

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
    """The tests in groups that one process runs: classes with the same installed host, or a single class."""
    groups = {}
    for test in tests:
        shares = getattr(test, "description", None) is not None and getattr(test, "installer", None)
        key = (shares.name, json.dumps(test.description)) if shares else type(test)
        groups.setdefault(key, []).append(test)
    return sorted(groups.values(), key=lambda group: -max(map(weight, group)))


def weight(test):
    """What takes long comes first, or one process would end alone with it."""
    return getattr(test, "weight", 2 if getattr(getattr(test, "installer", None), "script", False) else 0)


class Taken(unittest.TestSuite):
    """The tests of the groups whose numbers come out of a pipe, one after another."""

    _cleanup = False        # there is no list to take tests off

    def __init__(self, groups, todo):
        super().__init__()
        self.groups, self.todo = groups, todo

    def __iter__(self):
        while index := os.read(self.todo, 2):
            yield from self.groups[int.from_bytes(index, "big")]

    def _handleClassSetUp(self, test, result):
        if getattr(result, "_previousTestClass", None) is type(test):
            return
        name, begun = unittest.util.strclass(type(test)), time.monotonic()
        result.tell(begins="the setup of " + name)
        super()._handleClassSetUp(test, result)
        result.setup(name, time.monotonic() - begun)


def work(number, groups, todo, told, limit):
    """One of the processes: takes group after group, and tells what it begins and its counts so far."""
    lab.WORKER = number

    def tell(**what):
        with contextlib.suppress(BrokenPipeError):      # nobody listens when the suite was ended
            os.write(told, (json.dumps({"worker": number, **what}) + "\n").encode())   # whole, as it is short

    result = Lines(limit, tell)
    try:
        Taken(groups, todo).run(result)
    except KeyboardInterrupt:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return
    tell(begins=None, **result.counts())


class Worker:
    """What the first process knows about one that runs tests."""

    def __init__(self, pid):
        self.pid, self.begins, self.since = pid, "its first test", time.monotonic()
        self.counts, self.setup = {"ran": 0, "passed": 0, "failed": 0, "skipped": 0}, 0.0

    def heard(self, begins=False, setup=0.0, **counts):
        if begins is not False:
            self.begins, self.since = begins, time.monotonic()
        self.counts.update(counts)
        self.setup += setup


def end(pids):
    """Ends the processes: by SIGTERM, so that they take their hosts away; one that hangs, by SIGKILL."""
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + GRACE
    while pids:
        if time.monotonic() > until:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
        pids = [pid for pid in pids if not os.waitpid(pid, os.WNOHANG)[0]]
        time.sleep(0.02)


def share(groups, jobs, limit):
    """Runs the groups in so many processes; returns the sums of passed, failed and skipped."""
    todo, told = os.pipe(), os.pipe()
    os.write(todo[1], b"".join(index.to_bytes(2, "big") for index in range(len(groups))))
    os.close(todo[1])
    sys.stdout.flush()
    workers, begun = [], time.monotonic()
    for number in range(jobs):
        pid = os.fork()
        if pid == 0:
            os.close(told[0])
            work(number, groups, todo[0], told[1], limit)
            sys.exit(0)     # which closes what is still open
        workers.append(Worker(pid))
    os.close(told[1])
    pids, alive = [worker.pid for worker in workers], []
    try:
        with open(told[0], encoding="ascii") as file:
            for line in file:
                what = json.loads(line)
                workers[what.pop("worker")].heard(**what)
        while pids:
            os.waitpid(pids[-1], 0)
            pids.pop()
    except KeyboardInterrupt:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        alive = [pid for pid in pids if not os.waitpid(pid, os.WNOHANG)[0]]
        end(alive)
    sums = {key: sum(worker.counts[key] for worker in workers) for key in workers[0].counts}
    for worker in workers:
        if worker.begins:
            sums["failed"] += 1
            print("FAIL %s (%.2f s): %s in it" % (worker.begins, time.monotonic() - worker.since,
                                                  "the suite was ended" if worker.pid in alive else "its process died"))
    print("     time: %.0f s by %d processes, %.0f s of it in setups" % (
        time.monotonic() - begun, jobs, sum(worker.setup for worker in workers)))
    missing = sum(map(len, groups)) - sums["ran"]
    if missing > 0:
        print("     not run: %d tests" % missing)
    return sums["passed"], sums["failed"], sums["skipped"]


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
