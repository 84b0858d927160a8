# SPDX-License-Identifier: GPL-2.0-or-later
"""What a host's kernel has, as data that compares: rules of all kinds, sysctls, and files of hostgate."""

import os
import re

import lab as lab_module

TOOLS = {"iptables": "/proc/net/ip_tables_names", "ip6tables": "/proc/net/ip6_tables_names"}
# Values that hostgate writes, or that writing them moves.
SYSCTLS = re.compile(r"/(ip_forward|forwarding|force_forwarding|accept_ra|accept_redirects|send_redirects|accept_source_route"
                     r"|rp_filter|secure_redirects|shared_media)$")


def nft_tables(text):
    """`nft -s list ruleset` as {(table, kind, name): lines}, whatever the order of chains, sets and elements."""
    found, table, block = {}, None, None
    for line in re.sub(r",\n\s+", ", ", text).splitlines():
        start = re.match(r"\t(\w+) (\S+) \{", line)
        if line.startswith("table "):
            table = line[6:].rstrip(" {")
            found[table, "", ""] = block = []
        elif start:
            found[table, start.group(1), start.group(2)] = block = []
        elif line.startswith("\t\telements = {"):
            inside = line[line.index("{") + 1:line.rindex("}")]
            block.append(sorted(word.strip() for word in re.findall(r'(?:[^,"]|"[^"]*")+', inside)))
        elif line.startswith("\t\t"):
            block.append(re.sub(r"(# handle|gen(eration)?[= ]) *\d+", "", line.strip()))
        elif line == "\t}":
            block = found[table, "", ""]
        elif line.strip(" }"):
            block.append(line.strip())
    return found


def xt_chains(tool, text):
    """`iptables-save` as {(tool, table, chain): lines}; a built-in chain that accepts everything is none."""
    found, table = {}, None
    for line in text.splitlines():
        words = line.split()
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":") and words[1] != "ACCEPT":
            found.setdefault((tool, table, words[0][1:]), []).insert(0, words[1])
        elif line.startswith("-A "):
            found.setdefault((tool, table, words[1]), []).append(line)
    return found


def rules(lab):
    """All rules of nf_tables and of legacy iptables; counters and handles left out."""
    found = nft_tables(lab.must(["nft", "-s", "list", "ruleset"]))
    for tool, names in TOOLS.items():
        with lab_module.inside(lab.host), open(names) as file:
            lives = file.read().strip()
        if lives:
            found.update(xt_chains(tool, lab.must([tool + "-legacy-save"])))
    return found


def is_ours(key):
    return key[0] == "inet hostgate" or key[2].startswith("HOSTGATE")


def sysctls(lab):
    """The values that hostgate may write or move, by path."""
    paths = getattr(lab, "sysctl_paths", None)
    if paths is None:
        paths = lab.sysctl_paths = sorted(path for path in lab.all_sysctls() if SYSCTLS.search(path))
    values = {}
    with lab_module.inside(lab.host):
        for path in paths:
            with open(path) as file:
                values[path] = file.read().strip()
    return values


def files(lab):
    """What is in hostgate's directory, as "json", "undo", "lock"... without the namespace's number."""
    try:
        return sorted(name.split(".", 1)[1] for name in os.listdir(lab.env()["HOSTGATE_RUNDIR"]))
    except FileNotFoundError:
        return []


def changed(before, after):
    """{key: (before, after)} of what is not the same."""
    return {key: (before.get(key), after.get(key)) for key in set(before) | set(after) if before.get(key) != after.get(key)}


class Picture:
    """The kernel's rules and sysctls at one moment."""

    def __init__(self, lab):
        self.rules, self.sysctls = rules(lab), sysctls(lab)

    @property
    def ours(self):
        return {key: value for key, value in self.rules.items() if is_ours(key)}

    def __eq__(self, other):
        return self.rules == other.rules and self.sysctls == other.sysctls

    def difference(self, other):
        """Empty when they are the same; else a text for people."""
        found = {**changed(self.rules, other.rules), **changed(self.sysctls, other.sysctls)}
        lines = ["%s: %s -> %s" % (key, one, two) for key, (one, two) in sorted(found.items(), key=str)]
        return "\n".join(lines[:8] + (["... %d more" % (len(lines) - 8)] if len(lines) > 8 else []))
