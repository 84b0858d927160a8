# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the program and its companions are, and an environment that says nothing else to them."""

import os
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.abspath(os.environ.get("HOSTGATE", os.path.join(TOP, "build", "hostgate")))
BUILD = os.path.dirname(PROGRAM)
MUTANT = os.path.join(BUILD, "hostgate-mutant")
EXAMPLES = os.path.join(TOP, "examples")
HANG = 600.0            # seconds after which a program does not end any more; no verdict about what is slow

os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
for _name in ("NO_COLOR", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "HOSTGATE_FAULT", "HOSTGATE_RUNDIR", "XTABLES_LOCKFILE"):
    os.environ.pop(_name, None)


def run(*argv, user=None, **more):
    """Runs a command to its end; its output as text. user: a name or a number, without other groups."""
    more.setdefault("timeout", HANG)
    more.setdefault("stdout", subprocess.PIPE)
    more.setdefault("stderr", subprocess.PIPE)
    if user is not None:
        more.update(user=user, group=user, extra_groups=[])
    return subprocess.run(argv, text=True, check=False, **more)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()
