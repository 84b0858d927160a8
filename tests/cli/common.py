# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the command line share."""

import os
import shutil
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lib import program, space  # noqa: E402  (after the path is set)
from lib.program import BUILD, PROGRAM as HOSTGATE, TOP  # noqa: E402, F401

GOOD = "networks: {vmnet1: {subnet: 192.168.56.0/24}}\n"
BAD = "networks: {vmnet1: {subnt: 192.168.56.0/24}}\n"


def run(*command, **more):
    """Runs a command in the top folder; its output as text."""
    more.setdefault("cwd", TOP)
    return program.run(*command, **more)


def make(*words):
    """make over the same build, which is not made anew with other flags: other suites use it now."""
    build = os.path.relpath(BUILD, TOP)
    return run("make", "-o", os.path.join(build, "flags"), "BUILD=" + build, *words)


def hostgate(*arguments, **more):
    return run(HOSTGATE, *arguments, **more)


def root_only(test):
    return unittest.skipIf(os.geteuid() != 0, "needs root for a network namespace")(test)


def needs(command):
    return unittest.skipUnless(shutil.which(command), f"there is no {command}")


def _has_terminals():
    try:
        for descriptor in os.openpty():
            os.close(descriptor)
        return True
    except OSError:
        return False


needs_terminal = unittest.skipUnless(_has_terminals(), "there are no pseudo-terminals")


class Namespace(space.Space):
    """A network namespace of its own, with three links."""

    def furnish(self):
        self.forward(False)
        self.ip(["link add %s type veth peer name peer-%s" % (name, name) for name in ("eth0", "vmnet1", "vmnet2")])

    def run(self, *command, **more):
        with space.inside(self.host):
            return run(*command, env={**os.environ, **self.env(), "PATH": os.environ["PATH"]}, **more)

    def hostgate(self, *arguments, **more):
        return self.run(HOSTGATE, *arguments, **more)
