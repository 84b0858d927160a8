# SPDX-License-Identifier: GPL-2.0-or-later
"""How a suite tells what it found: a line a test, and the sum in the last line, which run-tests reads."""

import os
import time
import traceback
import unittest

KEYS = ("passed", "failed", "skipped")


class Counts:
    """For suites whose tests are no unittest: tell() each, and end with finish()."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def tell(self, outcome, name, more=""):
        """outcome: "ok", "FAIL" or "skip"; a skip needs its reason."""
        key = {"ok": "passed", "FAIL": "failed", "skip": "skipped"}[outcome]
        setattr(self, key, getattr(self, key) + 1)
        print("%-4s %s%s" % (outcome, name, ": " + more if more else ""), flush=True)

    def finish(self):
        """Prints the sum; returns the exit status."""
        print("%d passed, %d failed, %d skipped" % (self.passed, self.failed, self.skipped), flush=True)
        return 1 if self.failed or not (self.passed or self.skipped) else 0


class Lines(unittest.TestResult):
    """One line a test; the reasons of failures below it. tell(**what) gets what begins and what ended."""

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
        self.tell(ended=test.id(), took=time.monotonic() - self.begun, **self.counts())

    def counts(self):
        return {"ran": self.testsRun, "passed": self.passed, "failed": len(self.failures) + len(self.errors), "skipped": len(self.skipped)}

    def setup(self, name, took):
        """What a class needs before its first test is time that belongs to no test."""
        if took >= 0.05:
            print("set  %s (%.2f s)" % (name, took), flush=True)
        self.tell(ended="the setup of " + name, took=took, setup=took, **self.counts())

    def _line(self, outcome, test, more=""):
        took = time.monotonic() - getattr(self, "begun", time.monotonic())
        print("%-4s %s (%.2f s)%s" % (outcome, getattr(test, "title", test.id)(), took, more), flush=True)

    def addSuccess(self, test):
        self.passed += 1
        self._line("ok", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._line("skip", test, ": " + " ".join(reason.split())[:300])

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
