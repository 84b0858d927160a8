# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs unittest's tests in several processes: each takes group after group, the longest first.

The first process knows what each of them is at, so that a suite that is ended names what hung and still
tells what the others found.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
import time
import unittest

from lib.results import Counts, Lines

GRACE = 8.0         # seconds that a process has to end before it is killed
SLOWEST = 10        # so many are told at the end


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


def group_of(test, plain=(unittest.TestCase,)):
    """The class, where its tests share what it makes for them; else the test alone. plain: bases that make nothing."""
    makes = any(name in vars(kind) for kind in type(test).__mro__ if kind not in plain
                for name in ("setUpClass", "tearDownClass"))
    return type(test) if makes else test.id()


def weight_of(test):
    """What takes long comes first, or one process would end alone with it."""
    return getattr(test, "weight", 0)


def together(tests, group, weight):
    """The tests in groups that one process runs."""
    groups = {}
    for test in tests:
        groups.setdefault(group(test), []).append(test)
    return sorted(groups.values(), key=lambda group: -max(map(weight, group)))


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
    """One of the processes: tells what it begins, and its counts so far."""
    def tell(**what):
        with contextlib.suppress(BrokenPipeError):      # nobody listens when the suite was ended
            os.write(told, (json.dumps({"worker": number, **what}) + "\n").encode())   # whole, as it is short

    ended = []

    def stop(*_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        ended.append(True)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    result = Lines(limit, tell)
    try:
        Taken(groups, todo).run(result)
    except BaseException:       # unittest makes others of an interrupt
        if not ended:
            raise
        return
    tell(begins=None, **result.counts())


class Worker:
    """What the first process knows about one that runs tests."""

    def __init__(self, pid):
        self.pid, self.begins, self.since = pid, "its first test", time.monotonic()
        self.counts, self.setup, self.ended = {"ran": 0, "passed": 0, "failed": 0, "skipped": 0}, 0.0, []

    def heard(self, begins=False, setup=0.0, ended=None, took=0.0, **counts):
        if begins is not False:
            self.begins, self.since = begins, time.monotonic()
        if ended:
            self.ended.append((took, ended))
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


def share(groups, jobs, limit, begin=lambda number: None):
    """Runs the groups in so many processes, in each of which begin(its number) is called first; returns the Counts."""
    todo, told = os.pipe(), os.pipe()
    os.write(todo[1], b"".join(index.to_bytes(2, "big") for index in range(len(groups))))
    os.close(todo[1])
    sys.stdout.flush()
    workers, begun = [], time.monotonic()
    for number in range(jobs):
        pid = os.fork()
        if pid == 0:
            os.close(told[0])
            begin(number)
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
    sums = Counts()
    for worker in workers:
        for key in ("passed", "failed", "skipped"):
            setattr(sums, key, getattr(sums, key) + worker.counts[key])
        if worker.begins:
            sums.failed += 1
            print("FAIL %s (%.2f s): %s in it" % (worker.begins, time.monotonic() - worker.since,
                                                  "the suite was ended" if worker.pid in alive else "its process died"))
    took = os.times()
    print("     time: %.0f s by %d processes (%.0f s of processor), %.0f s of it in setups" % (
        time.monotonic() - begun, jobs, took.children_user + took.children_system, sum(worker.setup for worker in workers)))
    slow = sorted((each for worker in workers for each in worker.ended), reverse=True)[:SLOWEST]
    print("     slowest: %s" % ", ".join("%.0f s %s" % each for each in slow if each[0] >= 1))
    missing = sum(map(len, groups)) - sum(worker.counts["ran"] for worker in workers)
    if missing > 0:
        print("     not run: %d tests" % missing)
    return sums


def options(about, jobs=0):
    """The command line that suites have in common."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("-k", metavar="NAME", action="append", help="only tests whose name holds NAME")
    parser.add_argument("--lines", type=int, default=40, help="at most so many lines about one failure")
    parser.add_argument("--jobs", type=int, default=jobs or len(os.sched_getaffinity(0)), help="processes that share the tests")
    parser.add_argument("--list", action="store_true", help="print the names and end")
    return parser


def run(tests, args, begin=lambda number: None, group=group_of, weight=weight_of):
    """Runs what args choose of the tests; returns the exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if args.k:
        tests = [test for test in tests if any(word in test.id() for word in args.k)]
    if args.list:
        print("\n".join(test.id() for test in tests))
        return 0
    groups = together(tests, group, weight)
    return share(groups, max(1, min(args.jobs, len(groups))), args.lines, begin).finish()
