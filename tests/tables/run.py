#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every table that is indexed by an enum has a row for each of its values: run.py [FILE...].

The compiler names a switch that leaves out a value; of an array it fills what is left out with zeros,
and a match, a name or a code would be missing without a word. A row that is empty on purpose is written
so: [TALLY_NONE] = NULL. (A table that a macro makes of the same list as its enum is whole already.)
"""

import glob
import os
import re
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|/\*.*?\*/|//[^\n]*', re.S)
TABLE = re.compile(r"\bconst\b[^;{}()=]*?\b(\w+)\[(\w+__COUNT)\](?:\[[^\]]*\])*\s*=\s*\{")


def without_comments(text):
    """Strings and comments would hold braces and words that are none of the code's."""
    return COMMENT.sub(lambda found: '""' if found.group().startswith('"') else " ", text)


def enums(texts):
    """{NAME__COUNT: [the values before it]} of all enums that end so."""
    found = {}
    for text in texts:
        for body in re.findall(r"\benum(?:\s+\w+)?\s*\{([^{}]*)\}", text):
            values = [part.split("=")[0].strip() for part in body.split(",")]
            values = [value for value in values if value]
            if values and values[-1].endswith("__COUNT"):
                found[values[-1]] = values[:-1]
    return found


def body_at(text, start):
    """What stands in the braces that were opened just before start."""
    depth = 1
    for at in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return text[start:at]
    raise ValueError("a brace without an end")


def flat(body):
    """The body without what stands in braces of its own."""
    while re.search(r"\{[^{}]*\}", body):
        body = re.sub(r"\{[^{}]*\}", "X", body)
    return body


def tables(text):
    """(name, NAME__COUNT, the values that have a row or None for rows in their order, number of rows)."""
    for found in TABLE.finditer(text):
        body = flat(body_at(text, found.end()))
        if "#define" in body:   # made of the same list as its enum
            continue
        rows = re.findall(r"\[(\w+)\]\s*=", body)
        plain = [part for part in body.split(",") if part.strip()]
        yield found.group(1), found.group(2), rows or None, len(plain)


def gaps(texts):
    """Sentences about tables with a value left out; the number of tables looked at."""
    known, wrong, seen = enums(texts.values()), [], 0
    for path, text in sorted(texts.items()):
        for name, count, rows, n_rows in tables(text):
            seen += 1
            if count not in known:
                wrong.append("%s: %s: the enum of %s is not known" % (path, name, count))
            elif rows is None:
                if n_rows != len(known[count]):
                    wrong.append("%s: %s: %d rows for the %d values before %s" % (path, name, n_rows, len(known[count]), count))
            else:
                wrong += ["%s: %s: no row for %s" % (path, name, value) for value in known[count] if value not in rows]
    return wrong, seen


def read(paths):
    texts = {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            texts[os.path.relpath(path, TOP)] = without_comments(file.read())
    return texts


def finds_what_is_left_out():
    """The check itself: of these tables, two are whole, and each of the others misses what is named."""
    with tempfile.TemporaryDirectory(prefix="hostgate-tables-") as folder:
        path = os.path.join(folder, "a.c")
        with open(path, "w", encoding="utf-8") as file:
            file.write("""enum e { E_A, E_B = 4, /* { */ E_C, E__COUNT };
static const char *const whole[E__COUNT] = {[E_A] = "[E_X]", [E_B] = NULL, [E_C] = "}"};
static const int pairs[E__COUNT][2] = {{1, 2}, {3, 4}, {5, 6}};
static const struct row gap[E__COUNT] = {[E_A] = {.x = 1, .y = {2, 3}}, [E_C] = {0}}; // [E_B] = 1
static const int short_one[E__COUNT] = {1, 2};
""")
        wrong, seen = gaps(read([path]))
    return seen == 4 and len(wrong) == 2 and wrong[0].endswith("gap: no row for E_B") and "short_one: 2 rows" in wrong[1]


def main():
    paths = sys.argv[1:] or [path for folder in ("src", "include") for ending in "ch"
                             for path in glob.glob(os.path.join(TOP, folder, "**", "*." + ending), recursive=True)]
    wrong, seen = gaps(read(paths))
    passed = failed = 0
    for good, said in ((finds_what_is_left_out(), "what is left out is found"),
                       (seen > 0 and not wrong, "%d tables have a row for each value of their enum" % seen)):
        print("%s %s" % ("ok  " if good else "FAIL", said))
        passed, failed = passed + good, failed + (not good)
    for line in wrong:
        print("     " + line)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
