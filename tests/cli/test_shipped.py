# SPDX-License-Identifier: GPL-2.0-or-later
"""What is shipped beside the program: installation, dependencies, layers, completions."""

import os
import shutil
import stat
import tempfile
import unittest

from common import BUILD, TOP, make, needs, needs_terminal, run

INSTALLED = {
    "sbin/hostgate", "share/man/man8/hostgate.8", "share/man/man5/hostgate.yaml.5",
    "share/bash-completion/completions/hostgate", "share/zsh/site-functions/_hostgate",
    "share/fish/vendor_completions.d/hostgate.fish",
}


def files_below(folder):
    return {os.path.relpath(os.path.join(path, name), folder)
            for path, _, names in os.walk(folder) for name in names}


class Install(unittest.TestCase):
    def test_install_and_uninstall(self):
        with tempfile.TemporaryDirectory() as folder:
            words = ("DESTDIR=" + folder, "PREFIX=/usr")
            done = make(*words, "install")
            self.assertEqual(done.returncode, 0, done.stderr)
            found = files_below(folder + "/usr")
            self.assertEqual({name for name in found if not name.startswith("share/doc/")}, INSTALLED)
            self.assertIn("share/doc/hostgate/examples/host-only.yaml", found)
            self.assertEqual(os.listdir(folder), ["usr"])
            mode = stat.S_IMODE(os.stat(folder + "/usr/sbin/hostgate").st_mode)
            self.assertEqual(mode, 0o755)
            self.assertEqual(run(folder + "/usr/sbin/hostgate", "-V").returncode, 0)
            self.assertEqual(make(*words, "uninstall").returncode, 0)
            self.assertEqual(files_below(folder), set())

    def test_the_program_is_hardened(self):
        header = run("readelf", "-hdlW", os.path.join(BUILD, "hostgate")).stdout
        self.assertIn("DYN (", header)
        self.assertIn("GNU_RELRO", header)
        self.assertRegex(header, r"BIND_NOW|FLAGS_1.*NOW")
        self.assertRegex(header, r"GNU_STACK +(0x0+ ){3}0x0+ 0x0+ RW ")


class Dependencies(unittest.TestCase):
    """contrib/install-deps with a PATH of its own choice."""

    def place(self, folder, *commands, **scripts):
        for name in commands:
            os.symlink(shutil.which(name), os.path.join(folder, name))
        for name, text in scripts.items():
            path = os.path.join(folder, name.replace("_", "-"))
            with open(path, "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\n" + text)
            os.chmod(path, 0o755)

    def install(self, folder):
        """Runs a copy whose table names one thing that is there and two that are not."""
        with tempfile.TemporaryDirectory() as copy:
            with open(os.path.join(TOP, "contrib/install-deps"), encoding="utf-8") as file:
                script = file.read().replace("PATH=$PATH:/usr/sbin:/sbin\n", "")
            with open(os.path.join(copy, "install-deps"), "w", encoding="utf-8") as file:
                file.write(script)
            with open(os.path.join(copy, "packages"), "w", encoding="utf-8") as file:
                file.write("# a table\nbuild sed deb-a fed-a arch-a\nbuild none-b deb-b fed-b arch-b\n"
                           "test pc:none-c deb-c fed-c arch-c\n")
            return run("/bin/sh", os.path.join(copy, "install-deps"), env={"PATH": folder})

    COMMON = ("sed", "sort", "tr", "dirname", "env")

    def test_nothing_is_said_or_done_when_all_is_there(self):
        with tempfile.TemporaryDirectory() as folder:
            refuse = "echo called >&2; exit 1\n"
            self.place(folder, apt_get=refuse, dnf=refuse, pacman=refuse, sudo=refuse)
            done = run("contrib/install-deps", env=dict(os.environ, PATH=folder + ":" + os.environ["PATH"]))
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_only_what_is_missing_is_installed(self):
        for manager, letter in (("apt_get", "deb"), ("dnf", "fed"), ("pacman", "arch")):
            with tempfile.TemporaryDirectory() as folder:
                log = f'echo "{manager} $*" >&2\n'
                self.place(folder, *self.COMMON, id="echo 0\n", **{manager: log})
                done = self.install(folder)
                self.assertEqual(done.returncode, 0, done.stderr)
                called = [line for line in done.stderr.splitlines() if line.startswith(manager)]
                self.assertTrue(called[-1].endswith(f"{letter}-b {letter}-c"), called)
                self.assertNotIn(f"{letter}-a", done.stderr)
                self.assertEqual(done.stdout, "")

    def test_an_ordinary_user_takes_sudo(self):
        with tempfile.TemporaryDirectory() as folder:
            self.place(folder, *self.COMMON, id="echo 1000\n", dnf="exit 1\n",
                       sudo='echo "sudo $*" >&2\n')
            done = self.install(folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stderr, "sudo dnf install .*fed-b fed-c")

    def test_without_a_way_the_list_is_printed(self):
        with tempfile.TemporaryDirectory() as folder:
            self.place(folder, *self.COMMON, id="echo 0\n")
            done = self.install(folder)
            self.assertNotEqual(done.returncode, 0)
            for name in ("deb-b", "fed-b", "arch-b", "deb-c"):
                self.assertIn(name, done.stderr)
        with tempfile.TemporaryDirectory() as folder:
            self.place(folder, *self.COMMON, id="echo 1000\n", apt_get="exit 1\n")
            done = self.install(folder)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("deb-b deb-c", done.stderr)


class Layers(unittest.TestCase):
    def check(self, *changes):
        """Runs check-layers on a copy of the sources with files written over."""
        with tempfile.TemporaryDirectory() as copy:
            for folder in ("src", "include"):
                shutil.copytree(os.path.join(TOP, folder), os.path.join(copy, folder))
            for name, text in changes:
                with open(os.path.join(copy, name), "a", encoding="utf-8") as file:
                    file.write(text)
            return run("contrib/check-layers", copy)

    def test_the_tree_is_fine(self):
        done = make("-s", "check-layers")
        self.assertEqual((done.returncode, done.stdout), (0, "layers: fine\n"), done.stdout + done.stderr)
        self.assertEqual(self.check().returncode, 0)

    def test_planted_violations_are_found(self):
        for name, text, says in (
                ("src/core/base/addr.c", '#include "rules/field.h"\n', "higher room core/rules"),
                ("src/core/policy/plan.c", '#include "hostgate/print.h"\n', "higher room core/print"),
                ("src/core/print/print_header.c", '#  include "apply/apply.h"\n', "higher room kernel/apply"),
                ("src/core/print/print_header.c", "#include <libmnl/libmnl.h>\n", "which is for the storey kernel"),
                ("src/core/text/read.c", "#include <yaml.h>\n", "only src/core/text/yaml.c"),
                ("src/kernel/os/netlink.c", '#include "cli/run.h"\n', "higher room program/cli"),
                ("src/kernel/nft/nft_read.c", '#include "foreign/hole.h"\n', "higher room kernel/foreign"),
                ("src/core/policy/expect.c", '#include "policy/plan_rules.h"\n', "may not know each other"),
                ("src/core/new.c", "#include <stdio.h>\n", "of no room"),
                ("include/hostgate/new.h", "#include <stdio.h>\n", "of no room"),
                ("src/core/policy/plan.c", '#include "hostgate/new.h"\n', "of no room")):
            done = self.check((name, text))
            self.assertEqual(done.returncode, 1, (name, text))
            self.assertIn(says, done.stdout)

    def test_calls_up_and_circles_are_found(self):
        """Of objects alone: what an include does not show, since a prototype may stand anywhere."""
        with tempfile.TemporaryDirectory() as tree:
            files = {"src/core/base/low.c": "void high(void); void low(void); void low(void) { high(); }",
                     "src/core/rules/high.c": "void high(void); void high(void) { }",
                     "src/kernel/os/one.c": "void two(void); void one(void); void one(void) { two(); }",
                     "src/kernel/os/two.c": "void one(void); void two(void); void two(void) { one(); }"}
            for name, text in files.items():
                path = os.path.join(tree, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text + "\n")
                run("cc", "-c", "-o", path[:-2] + ".o", path).check_returncode()
            done = run("contrib/check-layers", tree, "--objects", tree)
            self.assertEqual(done.returncode, 1)
            self.assertIn("src/core/base/low.c: uses high of the higher room of src/core/rules/high.c", done.stdout)
            self.assertIn("in a circle: src/kernel/os/one.c uses two of src/kernel/os/two.c", done.stdout)
            self.assertEqual(len(done.stdout.splitlines()), 2, done.stdout)

    def test_effects_in_the_core_are_found(self):
        with tempfile.TemporaryDirectory() as folder:
            source = os.path.join(folder, "bad.c")
            with open(source, "w", encoding="utf-8") as file:
                file.write('#include <stdio.h>\nvoid bad(void);\nvoid bad(void)\n{\n\tputs("x");\n}\n')
            run("cc", "-c", "-o", folder + "/bad.o", source).check_returncode()
            shutil.copy(os.path.join(BUILD, "libhostgate-core.a"), folder + "/core.a")
            run("ar", "r", folder + "/core.a", folder + "/bad.o").check_returncode()
            done = run("contrib/check-layers", ".", "--library", folder + "/core.a", "-lyaml")
            self.assertEqual(done.returncode, 1)
            self.assertIn("the core calls puts", done.stdout)


class Completions(unittest.TestCase):
    def test_bash(self):
        def complete(*words):
            script = ('source completions/hostgate.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1));'
                      '_hostgate; printf "%s\\n" "${COMPREPLY[@]}"')
            return run("bash", "-c", script, "bash", *words).stdout.split()

        self.assertEqual(complete("hostgate", "pl"), ["plan"])
        self.assertEqual(complete("hostgate", "apply", "--dr"), ["--dry-run"])
        self.assertEqual(complete("hostgate", "check", "--dr"), [])
        self.assertEqual(complete("hostgate", "check", "--color", "=", "al"), ["always"])
        self.assertEqual(complete("hostgate", "check", "--color", "ne"), ["never"])
        self.assertEqual(complete("hostgate", "apply", "--dry-run", "=", "n"), ["nft"])
        self.assertEqual(complete("hostgate", "check", "examples/host"), ["examples/host-only.yaml"])

    @needs("fish")
    def test_fish(self):
        def complete(line):
            with tempfile.TemporaryDirectory() as home:
                done = run("fish", "--no-config", "-c",
                           f"source completions/hostgate.fish; complete -C '{line}'",
                           env=dict(os.environ, HOME=home))
            return [found.split("\t")[0] for found in done.stdout.splitlines()]

        self.assertEqual(complete("hostgate pl"), ["plan"])
        self.assertIn("--dry-run", complete("hostgate apply --dr"))
        self.assertEqual(complete("hostgate check --dr"), [])
        self.assertEqual(complete("hostgate check --color al"), ["always"])

    @needs("zsh")
    @needs_terminal
    def test_zsh(self):
        # An interactive shell in a pseudo-terminal: after the tab key, control-X shows the line.
        setup = r"""
            PS1=; unsetopt zle_bracketed_paste list_ambiguous
            fpath=("$COMPLETIONS" $fpath)
            autoload -Uz compinit && compinit -u -D
            show() { print -r -- "line<$BUFFER>"; exit }
            zle -N show; bindkey '^X' show; bindkey '^I' complete-word
            print set""up"""
        script = r"""
            zmodload zsh/zpty
            zpty shell zsh -i
            while zpty -r shell line; do [[ $line == *setup* ]] && break; done
            zpty -n -w shell "$1"$'\t\C-x'
            while zpty -r shell line; do
                [[ $line == *'line<'*'>'* ]] && print -r -- "${${line##*line<}%%>*}"
            done"""

        def complete(line):
            with tempfile.TemporaryDirectory() as home:
                with open(os.path.join(home, ".zshrc"), "w", encoding="utf-8") as file:
                    file.write(setup)
                done = run("zsh", "-f", "-c", script, "zsh", line, timeout=60,
                           env=dict(os.environ, HOME=home, ZDOTDIR=home, TERM="xterm",
                                    COMPLETIONS=os.path.join(TOP, "completions")))
            return done.stdout.strip()

        self.assertEqual(complete("hostgate pl"), "hostgate plan")
        self.assertIn(complete("hostgate apply --dr"),
                      ("hostgate apply --dry-run", "hostgate apply --dry-run="))
        self.assertEqual(complete("hostgate check --js"), "hostgate check --json")
