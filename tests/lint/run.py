#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""cppcheck, clang-tidy and shellcheck find nothing; a file with each is a test: run.py [-k NAME].

What is left out stands below with its reason. clang's analyzer takes ten times as long: `make tidy`.
"""

import argparse
import concurrent.futures
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lib.program import BUILD, TOP, run  # noqa: E402  (after the path is set)
from lib.results import Counts  # noqa: E402

FOLDERS = ("src", "contrib", "tests")
FLAGS = ["-Iinclude", "-Isrc/core", "-Isrc/kernel", "-Isrc/program", "-I" + BUILD, "-Itests/unit", "-Itests/property",
         "-D_GNU_SOURCE", '-DHOSTGATE_VERSION="0"']
AT_ONCE = 8             # files that a process reads

CHECKS = {              # of clang-tidy; a reason: why not
    "bugprone-*": None,
    "misc-redundant-expression": None,
    "bugprone-easily-swappable-parameters": "neighbours of one type are no fault",
    "bugprone-narrowing-conversions": "the compiler's -Wconversion is stricter",
    "bugprone-sizeof-expression": "arrays of pointers are allocated by sizeof(*array)",
    "bugprone-implicit-widening-of-multiplication-result": "products of small counts; -Wconversion sees the rest",
    "bugprone-reserved-identifier": "__wrap_ and __real_ are the linker's words",
    "bugprone-macro-parentheses": "tables of rows are no expressions",
}
CPPCHECK = {            # its messages; a reason: why not
    "missingIncludeSystem": "the headers of libraries are not looked at",
}
ONCE = [                # (file's name, message, reason)
    ("replica_make.c", "bugprone-too-small-loop-variable", "the digits 0 and 1"),
    ("test_field.c", "bugprone-too-small-loop-variable", "an enum of one byte, and its own last value"),
    ("judge_xt.c", "bugprone-suspicious-memory-comparison", "the kernel's union of addresses, all its bytes compared"),
    ("judge_match.c", "bugprone-branch-clone", "two reasons for no, each with its own words"),
    ("test_diag.c", "bugprone-not-null-terminated-result", "into the middle of a line"),
    ("expand.c", "uninitvar", "match_of_key() fills what is counted"),
    ("report_host.c", "uninitvar", "standing_check() fills it"),
    ("kernel_write.c", "uninitvar", "make() fills them"),
    ("flow.c", "nullPointerRedundantCheck", "a network that is NULL concerns nobody; one of the two is there"),
    ("changes.c", "nullPointerRedundantCheck", "a difference has an old or a new side"),
    ("kernel_sysctl.c", "memleak", "the fixture is the group's, which frees it"),
]


def sources():
    found = []
    for folder in FOLDERS:
        for path, _, names in os.walk(os.path.join(TOP, folder)):
            found += [os.path.relpath(os.path.join(path, name), TOP) for name in names if name.endswith(".c")]
    return sorted(found)


def scripts():
    """Files that sh reads."""
    found = []
    for folder in FOLDERS:
        for path, _, names in os.walk(os.path.join(TOP, folder)):
            for name in names:
                with open(os.path.join(path, name), "rb") as file:
                    if name.endswith(".sh") or file.readline().startswith(b"#!/bin/sh"):
                        found.append(os.path.relpath(os.path.join(path, name), TOP))
    return sorted(found)


def cppcheck(files):
    return ["cppcheck", "--quiet", "--inline-suppr", "--enable=warning,portability", "--std=c11", "--template={file}:{line}: {message} [{id}]",
            *("--suppress=" + name for name in CPPCHECK), *FLAGS, *files]


def clang_tidy(files):
    checks = ["-*"] + [name if reason is None else "-" + name for name, reason in CHECKS.items()]
    libraries = run("pkg-config", "--cflags", "yaml-0.1", "libmnl", "libnftnl", "libnetfilter_conntrack", "libip4tc",
                    "jansson", "nettle", "cmocka").stdout.split()
    return ["clang-tidy", "--quiet", "--checks=" + ",".join(checks), *files, "--", "-std=gnu11", *FLAGS, *libraries]


def shellcheck(files):
    return ["shellcheck", "--format=gcc", *files]


def left_out(path, line):
    return any(os.path.basename(path) == name and "[%s" % message in line for name, message, _ in ONCE)


def judge(command, files):
    """What it says of each file."""
    done = run(*command(files), cwd=TOP)
    said = {path: [] for path in files}
    for line in done.stdout.splitlines() + done.stderr.splitlines():
        found = re.match(r"(\S+?\.\w+|\S+?):\d+:(\d+:)? (?!note:)", line)
        path = os.path.relpath(os.path.join(TOP, found[1]), TOP) if found else None
        if found and not left_out(path, line):
            said.setdefault(path, []).append(line)
    if done.returncode < 0 or done.returncode and not any(said.values()) and command is not clang_tidy:
        said[files[0]].append("exit %d: %s" % (done.returncode, (done.stderr or done.stdout)[-600:]))
    return said


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-k", default="", help="only files with this in their name")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes at a time")
    args = parser.parse_args()
    counts, works = Counts(), []
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for command, files in ((clang_tidy, sources()), (cppcheck, sources()), (shellcheck, scripts())):
            files = [path for path in files if args.k in path]
            tool = command([])[0]
            if not shutil.which(tool):
                for path in files:
                    counts.tell("skip", "%s %s" % (tool, path), "there is no %s (contrib/install-deps)" % tool)
                continue
            works += [(tool, pool.submit(judge, command, files[first:first + AT_ONCE])) for first in range(0, len(files), AT_ONCE)]
        for tool, work in works:
            for path, said in work.result().items():
                counts.tell("FAIL" if said else "ok", "%s %s" % (tool, path), "".join("\n       " + line for line in said[:20]))
    return counts.finish()


if __name__ == "__main__":
    sys.exit(main())
