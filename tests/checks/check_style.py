#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The rules of docs/style.md that clang-format does not know.

    check_style.py [--root DIRECTORY] [--self-test]

Functions are measured by their braces in the first column, where clang-format puts them.
"""

import os
import re
import sys

sys.dont_write_bytecode = True
import selftest  # noqa: E402
import tree  # noqa: E402

SOURCES = ("broker", "client", "proto")
PUBLIC_HEADERS = ("client/restartmanager.h", "client/rstrtmgr.h")
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60
SPDX = "SPDX-License-Identifier: MIT"
LEFT_OPEN = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
NOT_TEXT = ("tests/fuzz/corpus/",)
CODE = (".c", ".h", ".py", ".sh", ".proto", "meson.build")

# Comments, strings and characters, which are blanked before code is looked at.
NOT_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
CONDITION = re.compile(r"\b(?:if|for|while|switch)\s*\(")
ELSE_OR_DO = re.compile(r"\b(?:else|do)\b\s*(?!\{|if\b)\S")


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def closing(text, opening):
    """The position after the parenthesis that closes the one at `opening`."""
    depth = 0
    for position in range(opening, len(text)):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if depth == 0:
            return position + 1
    return len(text)


def bare_statements(code):
    """Lines of control statements without braces. `while (…);` ends a do loop."""
    joined = code.replace("\\\n", " \n")
    for match in CONDITION.finditer(joined):
        rest = joined[closing(joined, match.end() - 1):].lstrip()
        ends_do = match.group().startswith("while") and (
            rest[:1] == ";" or joined[:match.start()].endswith("} "))  # a macro has no ";"
        if rest[:1] != "{" and not ends_do:
            yield line_of(joined, match.start())
    for match in ELSE_OR_DO.finditer(joined):
        if not re.match(r"[^\n]*#", joined[joined.rfind("\n", 0, match.start()) + 1:match.end()]):
            yield line_of(joined, match.start())


def functions(code):
    """(first line, number of lines) of each function."""
    lines = code.split("\n")
    opened = None
    for number, line in enumerate(lines):
        if line.rstrip() == "{" and opened is None:
            opened = number
            while opened > 0 and re.match(r"[^\s#}/][^;]*$", lines[opened - 1].lstrip()):
                opened -= 1
        elif line.startswith("}"):
            if opened is not None:
                yield opened + 1, number - opened + 1
            opened = None


class Checker:
    def __init__(self, root):
        self.root = root
        self.errors = []

    def error(self, path, line, text):
        self.errors.append(f"{path}:{line}: {text}")

    def check(self):
        for path in tree.files(root=self.root):
            if path.startswith(NOT_TEXT):
                continue
            text = tree.read(path, self.root)
            if not text:
                continue
            self.check_text(path, text)
            is_script = tree.is_shell(path, self.root)
            if is_script or path.endswith((".c", ".h", ".py", ".sh")):
                self.check_licence(path, text)
            if is_script or path.endswith(CODE):
                self.check_left_open(path, text)
            if path.endswith((".c", ".h")):
                self.check_c(path, text)
        return self.errors

    def check_text(self, path, text):
        if not text.endswith("\n") or text.endswith("\n\n"):
            self.error(path, line_of(text, len(text)), "does not end in one newline")
        for match in re.finditer(r"[ \t\r]+$", text, re.MULTILINE):
            self.error(path, line_of(text, match.start()), "has space at the end")

    def check_licence(self, path, text):
        if not any(re.search(re.escape(SPDX) + r"\b(?!-)", line) for line in text.split("\n")[:3]):
            self.error(path, 1, f"has no '{SPDX}' in its first three lines")

    def check_left_open(self, path, text):
        for match in LEFT_OPEN.finditer(text):
            self.error(path, line_of(text, match.start()), f"says {match.group()}")

    def check_c(self, path, text):
        code = NOT_CODE.sub(blank, text)
        for match in re.finditer(r"\bgoto\b", code):
            self.error(path, line_of(code, match.start()), "jumps: use the cleanup attribute")
        for line in bare_statements(code):
            self.error(path, line, "has a statement without braces")
        if path.endswith(".h"):
            self.check_guard(path, code)
        if path.startswith(tuple(directory + "/" for directory in SOURCES)):
            self.check_size(path, text, code)

    def check_guard(self, path, code):
        has_pragma = re.search(r"^#pragma once$", code, re.MULTILINE)
        if path not in PUBLIC_HEADERS:
            if not has_pragma:
                self.error(path, 1, "has no '#pragma once'")
            return
        guard = re.match(r"\s*#ifndef (\w+)\s*\n#define (\w+)\s*\n", code)
        if has_pragma or not guard or guard.group(1) != guard.group(2) or not re.search(
                r"^#endif\s*\Z", code, re.MULTILINE):
            self.error(path, 1, "is public: it needs '#ifndef X', '#define X' and '#endif'")

    def check_size(self, path, text, code):
        n_lines = text.count("\n")
        if path.endswith(".c") and n_lines > MAX_FILE_LINES:
            self.error(path, n_lines, f"is longer than {MAX_FILE_LINES} lines")
        for line, length in functions(code):
            if length > MAX_FUNCTION_LINES:
                self.error(path, line, f"has a function of {length} lines, more than "
                                       f"{MAX_FUNCTION_LINES}")


# --- self-test: each rule, seen to fail ---------------------------------------------------------

HEAD = f"/* {SPDX} */\n"
GUARDED = HEAD + "#ifndef RM_H\n#define RM_H\nint f(void);\n#endif\n"


def function(n_lines):
    return "static int f(int a,\n\t     int b)\n{\n" + "\ta++;\n" * (n_lines - 4) + "}\n"


GOOD = {
    "broker/a.c": HEAD + '#define M(x) \\\n\tif (x) { \\\n\t}\n/* goto if (x) y; */\n' +
                  function(60) +
                  'int g(void)\n{\n\tdo {\n\t\tputs("goto }");\n\t} while (h(")"));\n'
                  "\tif (a) {\n\t} else if (b) {\n\t} else {\n\t}\n\treturn '\"';\n}\n",
    "broker/a.h": HEAD + "#pragma once\n#if A\n#else\n#endif\n",
    "client/rstrtmgr.h": GUARDED,
    "tests/fuzz/corpus/frame/one": "no newline ",
    "dev": f"#!/usr/bin/env bash\n# {SPDX}\n",
    "README.md": "A page.\n",
}

BROKEN = [
    ("goto", "broker/a.c", HEAD + "int f(void)\n{\n\tgoto out;\n}\n", "jumps"),
    ("left open", "broker/a.c", HEAD + "/* TO" "DO: more */\n", "says TO"),
    ("left open in a script", "dev", f"#!/bin/sh\n# {SPDX}\n# FIX" "ME\n", "says FIX"),
    ("no licence", "broker/a.c", "int a;\n", "SPDX"),
    ("another licence", "tests/x.py", "# SPDX-License-Identifier: MIT-0\n", "SPDX"),
    ("late licence", "tests/x.sh", f"#\n#\n#\n# {SPDX}\n", "SPDX"),
    ("script without licence", "dev", "#!/bin/bash\n", "SPDX"),
    ("no pragma", "broker/a.h", HEAD + "#ifndef A\n#define A\n#endif\n", "pragma once"),
    ("public with pragma", "client/rstrtmgr.h", HEAD + "#pragma once\n", "is public"),
    ("public with a wrong guard", "client/rstrtmgr.h", GUARDED.replace("#define RM_H", "#define A"),
     "is public"),
    ("space at the end", "README.md", "A page. \n", "space at the end"),
    ("no newline", "README.md", "A page.", "one newline"),
    ("two newlines", "README.md", "A page.\n\n", "one newline"),
    ("long file", "proto/a.c", HEAD + "int a;\n" * 500, "longer than"),
    ("long function", "proto/a.c", HEAD + function(61), "function of 61 lines"),
    ("if", "broker/a.c", HEAD + "void f(void)\n{\n\tif (a)\n\t\tb();\n}\n", "without braces"),
    ("else", "broker/a.c", HEAD + "void f(void)\n{\n\tif (a) {\n\t} else\n\t\tb();\n}\n",
     "without braces"),
    ("for", "broker/a.c", HEAD + "void f(void)\n{\n\tfor (;;)\n\t\tb();\n}\n", "without braces"),
    ("do", "broker/a.c", HEAD + "void f(void)\n{\n\tdo\n\t\tb();\n\twhile (a);\n}\n",
     "without braces"),
]


if __name__ == "__main__":
    selftest.run(lambda root: Checker(root).check(), GOOD, BROKEN)
