# SPDX-License-Identifier: GPL-2.0-or-later
"""What the documents say is so: commands run, descriptions are right, generated parts are new."""

import os
import re
import shlex
import unittest

from common import BUILD, HOSTGATE, TOP, Namespace, hostgate, make, root_only, run

MARKDOWN = ("README.md", "HACKING.md", "NEWS.md", "SECURITY.md", "doc/design.md")
MANUALS = ("man/hostgate.8", "man/hostgate.yaml.5")
GENERATED = MANUALS + ("completions/hostgate.bash", "completions/_hostgate",
                       "completions/hostgate.fish")


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


def blocks(path, language):
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", read(path))


def shown_commands(path):
    """Commands of a document with the output that is shown: [(command, [line, ...])]."""
    if path.endswith(".md"):
        lines = "".join(blocks(path, "sh")).splitlines()
    else:
        lines = [line[4:] for line in read(path).splitlines() if line.startswith(".Dl ")]
    commands = []
    for line in lines:
        if line.startswith(("$ ", "# hostgate ")):
            commands.append((line[2:], []))
        elif commands and path.endswith(".md") and not line.startswith(("make", "sudo make")):
            commands[-1][1].append(line)
    return commands


def matches(shown, output):
    """Tells whether the output is what is shown; a shown line "..." stands for any lines."""
    pattern = "".join(r"(?:.*\n)*" if line == "..." else re.escape(line) + "\n" for line in shown)
    return re.fullmatch(pattern, output) is not None


class Commands(unittest.TestCase):
    @root_only
    def test_every_command_shown_runs_and_prints_what_is_shown(self):
        for path in ("README.md", "man/hostgate.8"):
            commands = shown_commands(path)
            self.assertGreater(len(commands), 4, path)
            with Namespace() as host:
                for command, shown in commands:
                    done = host.run("sh", "-c", command.replace("hostgate ", shlex.quote(HOSTGATE) + " ", 1)
                                    if command.startswith("hostgate ") else
                                    command.replace("| hostgate ", "| " + shlex.quote(HOSTGATE) + " "))
                    expected = (3,) if "echo" in command else (10,) if " plan " in command else (0,)
                    self.assertIn(done.returncode, expected, (path, command, done.stderr))
                    output = done.stdout or done.stderr
                    if shown and path.endswith(".md"):
                        self.assertTrue(matches(shown, output), f"{path}: {command} prints\n{output}")

    def test_every_target_of_make_shown_is_there(self):
        shown = {target[0] or target[1]: path for path in MARKDOWN
                 for target in re.findall(r"(?m)`make ([a-z-]+)|^(?:sudo )?make +([a-z]+)", read(path))}
        for name, path in shown.items():
            done = make("-n", name)
            self.assertEqual(done.returncode, 0, f"{path}: make {name}: {done.stderr}")

    def test_every_path_shown_is_there(self):
        for path in MARKDOWN:
            for name in re.findall(r"`((?:src|include|tests|contrib|examples|man)/[\w./-]+)`", read(path)):
                self.assertTrue(os.path.exists(os.path.join(TOP, name)), f"{path}: {name}")


class Descriptions(unittest.TestCase):
    def check(self, where, text):
        done = hostgate("check", "-", input=text)
        self.assertEqual(done.returncode, 0, f"{where}:\n{text}\n{done.stderr}")

    def test_examples(self):
        names = os.listdir(os.path.join(TOP, "examples"))
        self.assertGreaterEqual(len(names), 5)
        for name in names:
            self.check(name, read("examples/" + name))

    def test_snippets(self):
        found = 0
        for path in MARKDOWN:
            for text in blocks(path, "yaml"):
                self.check(path, text)
                found += 1
        for path in MANUALS:
            for text in re.findall(r"(?ms)^\.Bd -literal[^\n]*\n(.*?)^\.Ed$", read(path)):
                self.check(path, text)
                found += 1
        self.assertGreaterEqual(found, 4)


class Manuals(unittest.TestCase):
    def test_generated_parts_are_new(self):
        generate = os.path.join(BUILD, "contrib", "generate")
        for path in GENERATED:
            done = run(generate, path)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stdout, read(path), f"{path}: run make generate")

    def test_mandoc_finds_nothing(self):
        done = run("mandoc", "-Tlint", *MANUALS)
        # Which other manuals this machine has is not the manuals' fault.
        lines = [line for line in done.stdout.splitlines() if "referenced manual not found" not in line]
        self.assertEqual(lines, [])

    def test_every_code_is_listed(self):
        text = read("man/hostgate.8") + read("man/hostgate.yaml.5")
        for folder, _, names in os.walk(os.path.join(TOP, "src")):
            for name in names:
                for code in re.findall(r'"(HG-[EWN]\d+)"', read(os.path.join(folder, name))):
                    self.assertIn(f".It {code}\n", text, f"{name}: {code}")
