# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a printed script, with one variant of iptables: as it is, or held.

A script is some 750 processes, and takes many seconds; held.sh makes 60 of them. Held are the scripts whose
result alone counts. Where it counts what is there between two commands, or that they are commands, it runs as it is;
that both come to the same is a test of its own (tests/oracle). SCRIPTS=whole runs every script as it is.
"""

import os

from lib import program

HELD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "held.sh")
WHOLE = os.environ.get("SCRIPTS") == "whole"
TOOLS = ("iptables", "ip6tables")


def path(space, variant):
    """A PATH whose iptables is the variant's."""
    folder = os.path.join(space.directory, "bin-" + variant)
    if not os.path.isdir(folder):
        os.mkdir(folder)
        for tool in TOOLS:
            for tail in ("", "-save", "-restore"):
                os.symlink("/usr/sbin/%s-%s%s" % (tool, variant, tail), os.path.join(folder, tool + tail))
    return folder + ":/usr/sbin:/usr/bin:/sbin:/bin"


def held(space, text):
    """The text with what holds its commands around it."""
    folder = os.path.join(space.directory, "held")
    os.makedirs(folder, exist_ok=True)
    return "HELD='%s'\n%s\n%s\nlet_all_go\n" % (folder, program.read(HELD), text)


def run(space, variant, text, whole=False, **more):
    """Runs it in the namespace; returns the result."""
    if not (whole or WHOLE):
        text = held(space, text)
    file = space.file("script", text)
    return space.run(["sh", file], env=space.env(PATH=path(space, variant)), **more)
