# SPDX-License-Identifier: GPL-2.0-or-later
"""The steps of a command as strace counts them, and an error or a SIGKILL at one of them."""

import contextlib
import os
import re
import signal
import subprocess
import time

import lab as lab_module

# What a step can fail with. openat: of a file that is written, else of one that is read.
ERRORS = {"openat": ("EACCES", "EMFILE"), "write": ("ENOSPC",), "fsync": ("EIO",), "rename": ("EIO",), "link": ("EPERM",),
          "unlink": ("EIO",), "mkdir": ("EACCES",), "flock": ("EINTR",), "sendto": ("EPERM",), "sendmsg": ("ENOBUFS", "EPERM"),
          "recvmsg": ("ENOBUFS",), "recvfrom": ("ENOBUFS",), "setsockopt": ("EPERM", "EAGAIN"), "getsockopt": ("EPERM",),
          "bind": ("EADDRINUSE",), "socket": ("EMFILE",), "getdents64": ("EIO",), "clone": ("EAGAIN",), "pipe2": ("EMFILE",)}
# What only the guard does before it is ready.
CHILD_ERRORS = {"setsid": ("EPERM",), "dup2": ("EBUSY",), "chdir": ("EACCES",)}
READS = {"recvmsg", "recvfrom", "getsockopt", "bind", "socket", "getdents64"}


class Step:
    """The number-th call of this name in the process; writes: it may change something."""

    def __init__(self, call, number, writes, text=""):
        self.call, self.number, self.writes, self.text = call, number, writes, text

    def __repr__(self):
        return "%s %d" % (self.call, self.number)

    def inject(self, fault):
        return "inject=%s:%s:when=%d" % (self.call, fault, self.number)


def is_writing(call, line):
    if call == "openat":
        return "O_WRONLY" in line or "O_RDWR" in line
    if call == "sendto":
        return "NLM_F_DUMP" not in line and "GETGEN" not in line
    return call not in READS


def parse(trace, after=""):
    """The steps of a trace's text, from the line behind the last one with `after` or a library in it."""
    lines = [line for line in trace.splitlines() if re.match(r"\w+\(", line)]
    begin = max([number + 1 for number, line in enumerate(lines)
                 if (after and after in line) or ".so" in line] or [0])
    count, found = {}, []
    for number, line in enumerate(lines):
        call = line[:line.index("(")]
        count[call] = count.get(call, 0) + 1
        if number >= begin:
            found.append(Step(call, count[call], is_writing(call, line), line))
    return found


def faults(steps, errors=ERRORS):
    """(step, fault) for every error of every step, and a kill at each that may change something."""
    found = []
    for step in steps:
        names = errors[step.call]
        if step.call == "openat":
            names = names[:1] if step.writes else names[1:]
        found += [(step, "error=" + name) for name in names]
        if step.writes:
            found.append((step, "signal=SIGKILL"))
    return found


def calls(errors):
    return "trace=" + ",".join("?" + name for name in errors)


def steps(lab, argv, after=""):
    """Runs the command to its end and returns its steps."""
    path = lab.file("steps", "")
    done = lab.run(["strace", "-s", "200", "-o", path, "-e", calls(ERRORS)] + argv)
    if done.returncode:
        raise lab_module.LabError("%s: exit %d: %s" % (" ".join(argv), done.returncode, done.stderr))
    with open(path, errors="replace") as file:
        return parse(file.read(), after)


def run(lab, argv, step, fault, *options):
    """Runs the command with a fault at one step; "-f": also in processes that it starts, to the end of all."""
    return lab.run(["strace", *options, "-o", "/dev/null", "-e", "trace=" + step.call, "-e", step.inject(fault)] + argv)


def killed(done):
    return done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)


def processes(lab):
    """Processes of the program that work for this lab."""
    found, mark = [], ("HOSTGATE_RUNDIR=" + lab.env()["HOSTGATE_RUNDIR"]).encode()
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                with open("/proc/%s/environ" % name, "rb") as file:
                    environ = file.read()
                if mark in environ.split(b"\0") and os.readlink("/proc/%s/exe" % name) == lab_module.PROGRAM:
                    found.append(int(name))
    return found


def gone(lab, seconds=lab_module.HANG):
    """Waits until no process of the program works for this lab any more; tells whether that came."""
    end = time.monotonic() + seconds
    while processes(lab):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@contextlib.contextmanager
def attached(pid, step=None, fault=None, trace="/dev/null"):
    """strace at a process that runs already; the block makes it go on, and it is waited for."""
    words = ["-e", "trace=" + step.call, "-e", step.inject(fault)] if step else ["-e", calls(ERRORS)]
    child = subprocess.Popen(["strace", "-s", "200", "-o", trace, "-p", str(pid), *words],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        if "attached" not in child.stderr.readline():
            raise lab_module.LabError("strace does not attach to process %d" % pid)
        yield child
        child.wait(timeout=lab_module.HANG)
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()
        child.stderr.close()
