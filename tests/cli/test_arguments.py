# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line: what is understood, what is refused, with which exit status."""

import json
import os
import re
import tempfile
import unittest

from common import BAD, GOOD, HOSTGATE, TOP, hostgate, needs_terminal, run

EXAMPLE = "examples/host-only.yaml"
COMMANDS = ("check", "plan", "apply", "confirm", "rollback", "status", "remove", "explain", "prove", "schema")


class Usage(unittest.TestCase):
    def refused(self, *arguments, says):
        done = hostgate(*arguments)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, says)
        self.assertIn("try: hostgate --help", done.stderr)

    def test_what_is_wrong_is_exit_2(self):
        self.refused(says="no command")
        self.refused("chek", says="did you mean check")
        self.refused("xyzzy", says='unknown command "xyzzy"')
        self.refused("check", "--jsn", says="did you mean --json")
        self.refused("check", "-x", says="unknown option -x")
        self.refused("check", "--json=yes", says="takes no argument")
        self.refused("check", "--netns", says="needs its argument NAME")
        self.refused("check", "--color=blue", says="not one of auto, always, never")
        self.refused("status", "--wait", "soon", says="not a number of seconds")
        self.refused("status", "--wait=-1", says="not a number of seconds")
        self.refused("status", "--wait=nan", says="not a number of seconds")
        self.refused("status", EXAMPLE, says="takes no file")
        for seconds in ("soon", "0", "-1", "1.5", "86401", "", "10s"):
            self.refused("apply", "--confirm", seconds, EXAMPLE, says="not a whole number of seconds from 1 to 86400")
        self.refused("apply", "--confirm", "5", "--dry-run", EXAMPLE, says="cannot go with --dry-run")
        self.refused("plan", "--confirm", "5", EXAMPLE, says="--confirm")
        self.refused("confirm", EXAMPLE, says="takes no file")
        self.refused("rollback", EXAMPLE, says="takes no file")
        self.refused("remove", EXAMPLE, says="takes a file only with --dry-run=restore")
        self.refused("remove", "--dry-run", EXAMPLE, says="takes a file only with --dry-run=restore")
        self.refused("check", "--dry-run", EXAMPLE, says="check has no option --dry-run")
        self.refused("apply", "--dry-run=bash", EXAMPLE, says="not one of iptables, restore, nft, json")
        self.refused("apply", "--dry-run", "--json", EXAMPLE, says="cannot go with --json")
        for word in ("--with-host", "--with-host-rules"):  # its earlier name
            self.refused("apply", word, EXAMPLE, says="takes --with-host only with --prove")
            self.refused("check", word, EXAMPLE, says="check has no option --with-host")

    def test_remove_prints_names_as_data(self):
        document = json.loads(hostgate("remove", "--dry-run=json").stdout)
        self.assertEqual(document["format"], 1)
        self.assertEqual(document["remove"]["nftables"], ["inet hostgate"])

    def test_options_stand_before_or_after_the_command(self):
        for arguments in (("-q", "check", EXAMPLE), ("check", "-q", EXAMPLE),
                          ("check", EXAMPLE, "-q"), ("--quiet", "--color", "never", "check", EXAMPLE),
                          ("check", "-qv", EXAMPLE), ("check", "-q", "--", EXAMPLE)):
            done = hostgate(*arguments)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""), arguments)

    def test_after_two_dashes_all_are_files(self):
        done = hostgate("check", "--", "--json")
        self.assertEqual(done.returncode, 3)
        self.assertIn("cannot open --json", done.stderr)

    def test_version(self):
        for option in ("-V", "--version"):
            self.assertRegex(hostgate(option).stdout, r"^hostgate \d+\.\d+\.\d+\n$")


class Help(unittest.TestCase):
    """The tables themselves are read from the source."""

    def table(self, pattern):
        with open(os.path.join(TOP, "src/program/cli/options.c"), encoding="utf-8") as file:
            return re.findall(pattern, file.read())

    def test_help_lists_every_command_and_option(self):
        text = hostgate("--help").stdout
        commands = self.table(r'\[COMMAND_\w+\] = \{"([^"]+)"')
        options = self.table(r'\.name = "([^"]+)"')
        self.assertEqual(commands, list(COMMANDS))
        self.assertGreater(len(options), 8)
        for command in commands:
            self.assertRegex(text, rf"(?m)^  {command} ")
        for option in options:
            self.assertRegex(text, rf"(?m)^  (-\w, )?--{option}\b")
        for status in (0, 1, 2, 3, 4, 5, 10):
            self.assertRegex(text, rf"(?m)^  {status} ")

    def test_help_of_a_command_lists_its_options(self):
        for command in COMMANDS:
            for arguments in ((command, "-h"), ("--help", command)):
                done = hostgate(*arguments)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertTrue(done.stdout.startswith(f"usage: hostgate {command} "))
                self.assertEqual("--dry-run" in done.stdout, command in ("apply", "remove"), command)

    def test_lines_of_help_fit_a_terminal(self):
        for arguments in (("-h",),) + tuple((command, "-h") for command in COMMANDS):
            for line in hostgate(*arguments).stdout.splitlines():
                self.assertLessEqual(len(line), 90, line)


class Files(unittest.TestCase):
    def test_standard_input(self):
        self.assertEqual(hostgate("check", "-", input=GOOD).returncode, 0)
        done = hostgate("check", "-", input=BAD)
        self.assertEqual(done.returncode, 3)
        self.assertIn("<stdin>:1:", done.stderr)
        self.assertIn('did you mean "subnet"?', done.stderr)

    def test_a_directory_is_read_in_lexical_order(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (("20.yaml", "networks: {b: {subnet: 10.0.2.0/24}}\n"),
                               ("10.yaml", "networks: {a: {subnet: 10.0.1.0/24}}\n"),
                               (".hidden.yaml", "broken: [\n"), ("notes.txt", "broken: [\n")):
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(text)
            done = hostgate("check", folder + "/")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(f"{folder}/10.yaml, {folder}/20.yaml", done.stdout)

    def test_several_files_are_one_description(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, name) for name in ("a", "b")]
            for path in paths:
                with open(path, "w", encoding="utf-8") as file:
                    file.write(GOOD)
            done = hostgate("check", *paths)
            self.assertEqual(done.returncode, 3)
            for path in paths:
                self.assertIn(path + ":1:", done.stderr)

    def test_what_cannot_be_read_is_exit_3(self):
        with tempfile.TemporaryDirectory() as folder:
            for arguments, says in (((folder,), r"no \*\.yaml in the directory"),
                                    ((folder + "/none",), "No such file"),
                                    (("/proc/self/mem",), "cannot read"),
                                    ((folder + "/none", folder + "/nor"), "none.*\n.*nor")):
                done = hostgate("check", *arguments)
                self.assertEqual(done.returncode, 3, arguments)
                self.assertRegex(done.stderr, says)

    def test_a_file_without_end_is_refused(self):
        done = hostgate("check", "/dev/zero")
        self.assertEqual(done.returncode, 3)
        self.assertIn("larger than 64 MiB", done.stderr)

    @unittest.skipIf(os.path.exists("/etc/hostgate.yaml") or os.path.exists("/etc/hostgate.d"),
                     "this machine has a description")
    def test_no_file_at_all_says_what_to_do(self):
        done = hostgate("check")
        self.assertEqual(done.returncode, 3)
        self.assertIn("/etc/hostgate.yaml", done.stderr)
        self.assertIn("hint: ", done.stderr)

    @unittest.skipIf(run("unshare", "-m", "true").returncode != 0, "cannot make a mount namespace")
    def test_the_default_places(self):
        script = ("mount -t tmpfs none /etc && mkdir /etc/hostgate.d && "
                  f"echo '{GOOD.strip()}' >/etc/hostgate.d/x.yaml && '{HOSTGATE}' check && "
                  "mv /etc/hostgate.d/x.yaml /etc/hostgate.yaml && "
                  f"rmdir /etc/hostgate.d && '{HOSTGATE}' check")
        done = run("unshare", "-m", "sh", "-c", script)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("/etc/hostgate.d/x.yaml\n", done.stdout)
        self.assertIn("in /etc/hostgate.yaml\n", done.stdout)


class Surroundings(unittest.TestCase):
    def test_a_product_that_cannot_be_written_is_exit_1(self):
        for arguments in (("check", EXAMPLE), ("apply", "--dry-run", EXAMPLE), ("--help",),
                          ("--version",), ("check", "--json", EXAMPLE)):
            with open("/dev/full", "w", encoding="utf-8") as full:
                done = hostgate(*arguments, stdout=full)
            self.assertEqual(done.returncode, 1, arguments)
            self.assertIn("No space left", done.stderr)
            line = " ".join((f"'{HOSTGATE}'",) + arguments)
            done = run("sh", "-c", line + " >&-")
            self.assertEqual(done.returncode, 1, arguments)
            self.assertIn("cannot write to standard output", done.stderr)

    def test_a_reader_that_goes_away_is_exit_1(self):
        done = run("bash", "-c", f"'{HOSTGATE}' apply --dry-run {EXAMPLE} | true; echo ${{PIPESTATUS[0]}}")
        self.assertIn(done.stdout.strip(), ("0", "1"))  # 0: all fitted into the pipe in time

    def test_messages_that_cannot_be_written_are_exit_1(self):
        done = run("sh", "-c", f"'{HOSTGATE}' check /none 2>&-")
        self.assertEqual(done.returncode, 1)

    def test_quiet_and_fine_needs_no_output(self):
        self.assertEqual(run("sh", "-c", f"'{HOSTGATE}' check -q {EXAMPLE} >&- 2>&- <&-").returncode, 0)

    def test_no_environment(self):
        done = run("env", "-i", HOSTGATE, "check", EXAMPLE, stdin=None)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_check_and_dry_run_leave_the_kernel_alone(self):
        for arguments in (("check", EXAMPLE), ("apply", "--dry-run", EXAMPLE),
                          ("apply", "--dry-run=nft", EXAMPLE), ("remove", "--dry-run"),
                          ("apply", "--dry-run=json", EXAMPLE),
                          ("explain", EXAMPLE, "192.168.56.10", "198.51.100.7"), ("schema",),
                          ("apply", "--netns", "nowhere", "--dry-run", EXAMPLE)):
            done = run("strace", "-f", "-qq", "-e",
                       "trace=socket,setns,connect,mkdir,mkdirat,execve,unlink,rename",
                       HOSTGATE, *arguments)
            self.assertEqual(done.returncode, 0, done.stderr)
            calls = [line for line in done.stderr.splitlines() if not line.startswith("execve(")]
            self.assertEqual(calls, [], arguments)

    def test_an_ordinary_user_can_check_but_not_apply(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to become an ordinary user")
        prefix = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", HOSTGATE)
        self.assertEqual(run(*prefix, "check", "-", input=GOOD).returncode, 0)
        for command in ("plan", "apply"):
            done = run(*prefix, command, "-", input=GOOD)
            self.assertEqual(done.returncode, 4, (command, done.stderr))
        for command in ("status", "remove"):
            done = run(*prefix, command)
            self.assertEqual(done.returncode, 4, (command, done.stderr))


class Colour(unittest.TestCase):
    def colours(self, *arguments, terminal=True, **environment):
        done = run("script", "-qec", f"'{HOSTGATE}' {' '.join(arguments)} check /none", "/dev/null",
                   env=dict(os.environ, **environment)) if terminal else \
            hostgate(*arguments, "check", "/none", env=dict(os.environ, **environment))
        return "\033[" in done.stdout + done.stderr

    @needs_terminal
    def test_only_on_a_terminal_that_wants_it(self):
        self.assertTrue(self.colours(TERM="xterm"))
        self.assertTrue(self.colours(TERM="xterm", NO_COLOR=""))
        self.assertFalse(self.colours(TERM="xterm", NO_COLOR="1"))
        self.assertFalse(self.colours(TERM="dumb"))
        self.assertFalse(self.colours(TERM="xterm", terminal=False))

    @needs_terminal
    def test_the_option_wins(self):
        self.assertTrue(self.colours("--color=always", TERM="dumb", NO_COLOR="1", terminal=False))
        self.assertFalse(self.colours("--color", "never", TERM="xterm"))
