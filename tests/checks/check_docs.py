#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The documents name what exists.

    check_docs.py [--root DIRECTORY] [--self-test] [PROGRAM...]

Tests and files: in docs/behaviour.md and docs/security.md the last column of a table names, in
backticks, a test as `test_file:test_name`, a file by its path, or a test file by its name. What
it names must exist. In docs/behaviour.md every row of a table whose last column is headed
"Test" must name one, or say "none" and why.

Links: every relative link of a *.md file leads to a file, and its #anchor to a heading.

Man pages: mandoc has no complaint about docs/man/*, and each option that PROGRAM --help prints
is in the program's page.
"""

import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
import selftest  # noqa: E402
import tree  # noqa: E402

BEHAVIOUR = "docs/behaviour.md"
SECURITY = "docs/security.md"
MAN = "docs/man"
REFERENCE = re.compile(r"`([\w.+/-]+(?::\w+)?)`")
FENCE = re.compile(r"^(```|~~~).*?^\1[^\n]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|^\[[^\]]+\]:\s+(\S+)", re.MULTILINE)
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)
OPTION = re.compile(r"(?<![\w-])(--[a-z][\w-]*|-[A-Za-z])(?![\w-])")
DEFINITIONS = {
    ".c": r"\bSTART_TEST\(\s*{}\s*\)",
    ".cpp": r"\b{}\s*\(",
    ".py": r"\bdef {}\(",
    ".sh": r"(?m)^(function )?{}\s*\(\)",
}


def tables(text):
    """(heading of the last column, line, last cell) of each row of each table."""
    heading = None
    for number, line in enumerate(FENCE.sub(keep_lines, text).split("\n"), 1):
        if not line.lstrip().startswith("|"):
            heading = None
            continue
        cell = re.split(r"(?<!\\)\|", line.strip().strip("|"))[-1].strip()
        if heading is None:
            heading = cell
        elif not re.fullmatch(r":?-+:?", cell):
            yield heading, number, cell


def keep_lines(match):
    return "\n" * match.group().count("\n")


def anchors(text):
    """The anchors that the forge makes of the headings."""
    found = set()
    for heading in HEADING.findall(FENCE.sub(keep_lines, text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        base = anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        n = 0
        while anchor in found:
            n += 1
            anchor = f"{base}-{n}"
        found.add(anchor)
    return found


def render_man(path):
    """A man page as plain text on long lines, so that no option is broken in two."""
    output = subprocess.run(["mandoc", "-T", "ascii", "-O", "width=500", path],
                            capture_output=True, text=True, check=False).stdout
    return re.sub(r".\x08", "", output)


class Checker:
    def __init__(self, root, programs=()):
        self.root = root
        self.programs = programs
        self.errors = []
        self.tests = tree.files(under=["tests"], root=root)

    def error(self, path, line, text):
        self.errors.append(f"{path}:{line}: {text}" if line else f"{path}: {text}")

    def check(self):
        self.check_tables(BEHAVIOUR, must_name=True)
        self.check_tables(SECURITY, must_name=False)
        for path in tree.files([".md"], root=self.root):
            self.check_links(path)
        self.check_man_pages()
        for program in self.programs:
            self.check_options(program)
        return self.errors

    # Tests and files

    def check_tables(self, path, must_name):
        if not os.path.exists(os.path.join(self.root, path)):
            self.error(path, 0, "is missing")
            return
        n_names = 0
        for heading, line, cell in tables(tree.read(path, self.root)):
            names = REFERENCE.findall(cell)
            for name in names:
                if not self.exists(name):
                    self.error(path, line, f"names {name}, which does not exist")
            n_names += len(names)
            if must_name and not names and heading.lower().startswith("test") and (
                    not re.match(r"none\W+\w", cell, re.IGNORECASE)):
                self.error(path, line, "names no test")
        if n_names == 0:
            self.error(path, 0, "has no table whose last column names a test or a file")

    def exists(self, name):
        file_name, _, test = name.partition(":")
        if test:
            return any(self.defines(path, test) for path in self.files_named(file_name))
        return os.path.exists(os.path.join(self.root, name)) or bool(self.files_named(name))

    def files_named(self, name):
        return [path for path in self.tests if name in (
            path, os.path.basename(path), os.path.splitext(os.path.basename(path))[0])]

    def defines(self, path, test):
        pattern = DEFINITIONS.get(os.path.splitext(path)[1])
        return bool(pattern and re.search(pattern.format(re.escape(test)),
                                          tree.read(path, self.root) or ""))

    # Links

    def check_links(self, path):
        text = FENCE.sub(keep_lines, tree.read(path, self.root))
        text = re.sub(r"`[^`\n]*`", "", text)
        for match in LINK.finditer(text):
            target, _, anchor = (match.group(1) or match.group(2)).partition("#")
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            line = text.count("\n", 0, match.start()) + 1
            there = path
            if target:
                there = os.path.normpath(os.path.join(os.path.dirname(path), target))
            full = os.path.join(self.root, there)
            if there.startswith("..") or not os.path.exists(full):
                self.error(path, line, f"links to {target}, which does not exist")
            elif anchor and there.endswith(".md") and (
                    anchor not in anchors(tree.read(there, self.root))):
                self.error(path, line, f"links to {target}#{anchor}, but there is no such heading")

    # Man pages

    def man_pages(self):
        return [path for path in tree.files(under=[MAN], root=self.root)
                if re.search(r"\.[1-8]$", path)]

    def check_man_pages(self):
        pages = self.man_pages()
        if not pages:
            self.error(MAN, 0, "has no man page")
            return
        try:
            result = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *pages],
                                    cwd=self.root, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            self.error(MAN, 0, "cannot be checked: mandoc is not installed")
            return
        findings = (result.stdout + result.stderr).splitlines()
        if result.returncode and not findings:
            findings = [f"mandoc ended with status {result.returncode}"]
        self.errors += findings

    def check_options(self, program):
        name = os.path.basename(program)
        pages = [path for path in self.man_pages()
                 if os.path.splitext(os.path.basename(path))[0] == name]
        if not pages:
            self.error(MAN, 0, f"has no page {name}")
            return
        result = subprocess.run([program, "--help"], stdin=subprocess.DEVNULL, timeout=30,
                                capture_output=True, text=True, check=False)
        options = set(OPTION.findall(result.stdout))
        if result.returncode or not options:
            self.error(program, 0, f"--help ended with status {result.returncode} and printed "
                                   f"{len(options)} options")
        documented = set(OPTION.findall(render_man(os.path.join(self.root, pages[0]))))
        for option in sorted(options - documented):
            self.error(pages[0], 0, f"does not have the option {option}")


# --- self-test: each rule, seen to fail ---------------------------------------------------------

PAGE = (".Dd May 1, 2026\n.Dt PROG 1\n.Os\n.Sh NAME\n.Nm prog\n.Nd tries\n.Sh DESCRIPTION\n"
        ".Bl -tag -width Ds\n.It Fl Fl help\nHelp.\n.It Fl v , Fl Fl very-loud\nMore.\n.El\n")
PROGRAM = "#!/bin/sh\necho 'usage: prog [-v|--very-loud] [--help] re-send'\n"
GOOD = {
    BEHAVIOUR: "# Rules\n\n| Rule | Test |\n|---|:---|\n| a \\| b | `test_a:test_one` |\n"
               "| c | `test_b.sh` and `test_b:test_two` |\n| d | none: only said |\n\n"
               "| Word | Meaning |\n|---|---|\n| x | y |\n",
    SECURITY: "| Claim | Where |\n|---|---|\n| a | `proto/a.c`, `test_a:test_one` |\n",
    "proto/a.c": "",
    "tests/unit/test_a.c": "START_TEST(test_one)\n",
    "tests/system/test_b.sh": "test_two()\n",
    "README.md": "[a](docs/behaviour.md#rules) [b](#over--there) [c](https://example.org/x)\n\n"
                 "## Over & there\n\n```\n[no](no.md)\n```\n`[no](no.md)`\n",
    "docs/man/prog.1": PAGE,
    "prog": PROGRAM,
}
BROKEN = [
    ("no such test", BEHAVIOUR, GOOD[BEHAVIOUR].replace("test_one", "test_on"), "test_a:test_on,"),
    ("no such shell test", BEHAVIOUR, GOOD[BEHAVIOUR].replace("b:test_two", "b:test_tw"),
     "test_b:test_tw,"),
    ("no such script", BEHAVIOUR, GOOD[BEHAVIOUR].replace("test_b.sh", "test_c.sh"), "test_c.sh,"),
    ("row without test", BEHAVIOUR, GOOD[BEHAVIOUR].replace("none: only said", "later"),
     ":7: names no test"),
    ("none without reason", BEHAVIOUR, GOOD[BEHAVIOUR].replace("none: only said", "none"),
     ":7: names no test"),
    ("no tables", BEHAVIOUR, "# Rules\n", "has no table"),
    ("no such file", SECURITY, GOOD[SECURITY].replace("proto/a.c", "proto/b.c"), "proto/b.c,"),
    ("no such security test", SECURITY, GOOD[SECURITY].replace("test_one", "test_on"),
     "test_a:test_on,"),
    ("dead link", "README.md", "[a](docs/none.md)\n", ":1: links to docs/none.md"),
    ("dead reference", "README.md", "[a]\n\n[a]: docs/none.md\n", "links to docs/none.md"),
    ("link out of the tree", "README.md", "[a](../x.md)\n", "links to ../x.md"),
    ("dead anchor", "README.md", "[a](docs/behaviour.md#rule)\n", "no such heading"),
    ("man page with a fault", "docs/man/prog.1", PAGE.replace(".El\n", ""), "prog.1:8:"),
    ("undocumented option", "prog", PROGRAM.replace("--help", "--help] [--quiet"),
     "does not have the option --quiet"),
    ("undocumented short option", "prog", PROGRAM.replace("-v|", "-v|-q|"),
     "does not have the option -q"),
    ("help that fails", "prog", PROGRAM + "exit 3\n", "status 3"),
    ("page of another name", "docs/man/prog.1", None, "has no man page"),
]


def check(root, arguments):
    programs = arguments.programs
    made = os.path.join(root, "prog")
    if arguments.self_test:
        os.chmod(made, 0o755)
        programs = [made]
    return Checker(root, programs).check()


def add_arguments(parser):
    parser.add_argument("programs", nargs="*", metavar="PROGRAM")


if __name__ == "__main__":
    selftest.run(check, GOOD, BROKEN, add_arguments)
