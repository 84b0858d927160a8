# SPDX-License-Identifier: GPL-2.0-or-later
"""The record that hostgate keeps of what it did, as a test looks at it and makes its time run out."""

import json
import os


def path(lab, ending="json"):
    """Of the record, or of the file with another ending; None without one."""
    folder = lab.env()["HOSTGATE_RUNDIR"]
    found = [name for name in os.listdir(folder) if name.endswith("." + ending)] if os.path.isdir(folder) else []
    return os.path.join(folder, found[0]) if found else None


def _read(name):
    with open(name) as file:
        return json.load(file)


def pending(lab):
    """Whether a change waits to be confirmed."""
    name = path(lab)
    return bool(name) and "pending" in _read(name)


def expire(lab):
    """The time to confirm is over; the guard sees it at once."""
    name = path(lab)
    record = _read(name)
    record["pending"]["until"] = 1
    with open(name + ".test", "w") as file:
        json.dump(record, file)
    os.rename(name + ".test", name)
