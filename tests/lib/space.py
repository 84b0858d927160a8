# SPDX-License-Identifier: GPL-2.0-or-later
"""A network namespace with a lock and a record of its own.

It has no name: only a descriptor of this process keeps it, so that it vanishes with the process, however
that ends. A thread goes in and out of it; programs that it starts there stay.
"""

import atexit
import contextlib
import ctypes
import os
import shutil
import subprocess
import tempfile

from lib import program

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class SpaceError(Exception):
    """The namespace itself does not work; no verdict about the program."""


def _setns(descriptor):
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def inside(descriptor):
    """Runs the block (and every program it starts) in another network namespace."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _setns(descriptor)
        yield
    finally:
        _setns(before)
        os.close(before)


def new_namespace():
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare (are you root?)")
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        _setns(before)
        os.close(before)


class Space:
    """A host without links. Close it at the end, or use it with `with`."""

    unclosed = []       # also closed at the end, however it comes

    def __init__(self):
        Space.unclosed.append(self)
        self.directory = tempfile.mkdtemp(prefix="hgt-%d-" % os.getpid())
        self.children = []
        self.host = -1
        try:
            self.host = new_namespace()
            self.furnish()
        except BaseException:
            self.close()
            raise

    def furnish(self):
        """What a kind of host has beside its namespace."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @staticmethod
    @atexit.register
    def close_all():
        for space in list(Space.unclosed):
            space.close()

    def close(self):
        with contextlib.suppress(ValueError):
            Space.unclosed.remove(self)
        for child in self.children:
            if child.poll() is None:
                child.kill()
                child.wait()
        if self.host >= 0:
            os.close(self.host)
        self.host = -1
        shutil.rmtree(self.directory, ignore_errors=True)

    def env(self, **more):
        """Nothing of this machine's: the record, the lock and the files of others are below the directory."""
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C",
                "HOSTGATE_RUNDIR": os.path.join(self.directory, "run"),
                "HOSTGATE_SYSCONFROOT": os.path.join(self.directory, "no-files"),
                "XTABLES_LOCKFILE": os.path.join(self.directory, "xtables.lock"), **more}

    def file(self, name, content):
        path = os.path.join(self.directory, name)
        with open(path, "w") as file:
            file.write(content)
        return path

    def run(self, argv, env=None, stdin="", timeout=program.HANG, user=None, **more):
        """Runs a program in the namespace, to its end."""
        with inside(self.host):
            return program.run(*argv, env=env or self.env(), input=stdin, timeout=timeout, user=user, **more)

    def must(self, argv, **more):
        done = self.run(argv, **more)
        if done.returncode:
            raise SpaceError("%s: exit %d: %s" % (" ".join(argv), done.returncode, done.stderr))
        return done.stdout

    def hostgate(self, *words, **more):
        return self.run([program.PROGRAM, *words], **more)

    def start(self, argv, env=None, cpu=None, **more):
        """Starts a program in the namespace; close() ends it if need be."""
        with inside(self.host):
            child = subprocess.Popen(argv, env=env or self.env(), **more)
        self.children.append(child)
        if cpu is not None:
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(child.pid, {cpu})
        return child

    # ---- what the kernel has there

    def nft(self, ruleset):
        """Loads nft rules, as somebody else would."""
        self.must(["nft", "-f", "-"], stdin=ruleset)

    def sysctl(self, name, value=None):
        """Reads (or writes) a value below /proc/sys/net; the name has slashes."""
        with inside(self.host):
            if value is not None:
                write("/proc/sys/net/" + name, value)
            return program.read("/proc/sys/net/" + name).strip()

    def forward(self, on=True):
        self.sysctl("ipv4/ip_forward", int(on))
        self.sysctl("ipv6/conf/all/forwarding", int(on))

    def all_sysctls(self):
        """Every readable value below /proc/sys/net/ipv4 and ipv6, by its path."""
        values = {}
        with inside(self.host):
            for top in ("/proc/sys/net/ipv4", "/proc/sys/net/ipv6"):
                for folder, _, names in os.walk(top):
                    for name in names:
                        path = os.path.join(folder, name)
                        with contextlib.suppress(OSError):
                            with open(path, "rb") as file:
                                values[path] = file.read()
        return values

    def put_back_sysctls(self, values, within):
        """Writes those of all_sysctls() whose path holds `within`, where the kernel takes them."""
        with inside(self.host):
            for path, value in values.items():
                if within in path:
                    with contextlib.suppress(OSError), open(path, "wb") as file:
                        file.write(value)

    def ip(self, lines):
        """Runs lines of `ip -batch` in the namespace."""
        with inside(self.host):
            ip_batch(lines)


def ip_batch(lines):
    """Runs lines of `ip -batch` in the namespace that this thread is in."""
    done = program.run("ip", "-batch", "-", input="\n".join(lines) + "\n", stderr=subprocess.STDOUT)
    if done.returncode:
        raise SpaceError("ip -batch: " + done.stdout)


def write(path, value):
    with open(path, "w") as file:
        file.write(str(value))
