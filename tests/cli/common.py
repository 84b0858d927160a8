# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the command line share."""

import os
import shutil
import subprocess
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HOSTGATE = os.path.abspath(os.environ.get("HOSTGATE", os.path.join(TOP, "build", "hostgate")))
BUILD = os.path.dirname(HOSTGATE)

os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
for name in ("NO_COLOR", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
    os.environ.pop(name, None)

GOOD = "networks: {vmnet1: {subnet: 192.168.56.0/24}}\n"
BAD = "networks: {vmnet1: {subnt: 192.168.56.0/24}}\n"


def run(*command, **more):
    """Runs a command in the top folder; its output as text."""
    more.setdefault("cwd", TOP)
    more.setdefault("timeout", 120)
    return subprocess.run(command, text=True, stdout=more.pop("stdout", subprocess.PIPE),
                          stderr=more.pop("stderr", subprocess.PIPE), **more)


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


class Namespace:
    """A network namespace of its own, with a directory for the record."""

    def __init__(self):
        self.name = f"hostgate-cli-{os.getpid()}"
        self.rundir = tempfile.mkdtemp()

    def __enter__(self):
        run("ip", "netns", "add", self.name).check_returncode()
        done = self.run("sh", "-c",
                        "echo 0 >/proc/sys/net/ipv4/ip_forward; for i in eth0 vmnet1 vmnet2; do "
                        "ip link add $i type veth peer name peer-$i || exit; done")
        if done.returncode != 0:
            self.__exit__()
            raise RuntimeError(done.stderr)
        return self

    def __exit__(self, *error):
        run("ip", "netns", "delete", self.name)
        shutil.rmtree(self.rundir)

    def run(self, *command, **more):
        environment = dict(os.environ, HOSTGATE_RUNDIR=self.rundir)
        return run("nsenter", f"--net=/run/netns/{self.name}", *command, env=environment, **more)

    def hostgate(self, *arguments, **more):
        return self.run(HOSTGATE, *arguments, **more)
