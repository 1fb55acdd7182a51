#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which files belong to the project: what git tracks or would, or everything when git is absent.

    tree.py [--under DIRECTORY...] [--shell] [--null] -- [ENDING...]

Prints the files with one of the endings (all files without one). --shell prints shell scripts,
known by .sh or by their first line.
"""

import argparse
import os
import re
import subprocess
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
SHELL_LINE = re.compile(rb"#!\s*/\S*?(env\s+)?(bash|sh|dash)\b")


def _ask_git(root):
    command = ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        output = subprocess.run(command, check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return output.decode("utf-8", "surrogateescape").split("\0")


def _walk(root):
    for directory, directories, names in os.walk(root):
        directories[:] = [d for d in directories if d not in (".git", "__pycache__")]
        if directory == root and "build" in directories:
            directories.remove("build")
        for name in names:
            yield os.path.relpath(os.path.join(directory, name), root)


def files(endings=(), under=(), root=ROOT):
    """The project's regular files, as paths relative to its root, sorted."""
    found = _ask_git(root) if os.path.exists(os.path.join(root, ".git")) else None
    if found is None:
        found = _walk(root)
    chosen = set()
    for path in found:
        if endings and not path.endswith(tuple(endings)):
            continue
        if under and not path.startswith(tuple(d.rstrip("/") + "/" for d in under)):
            continue
        full = os.path.join(root, path)
        if path and os.path.isfile(full) and not os.path.islink(full):
            chosen.add(path)
    return sorted(chosen)


def is_shell(path, root=ROOT):
    if path.endswith(".sh"):
        return True
    with open(os.path.join(root, path), "rb") as file:
        return bool(SHELL_LINE.match(file.readline(100)))


def read(path, root=ROOT):
    """A file's text; None when it is not text."""
    with open(os.path.join(root, path), "rb") as file:
        data = file.read()
    if b"\0" in data:
        return None
    return data.decode("utf-8", "replace")


def main():
    parser = argparse.ArgumentParser(description="Prints the project's files.")
    parser.add_argument("--under", nargs="+", default=[])
    parser.add_argument("--shell", action="store_true")
    parser.add_argument("--null", action="store_true", help="end each name with a NUL")
    parser.add_argument("endings", nargs="*")
    arguments = parser.parse_args()
    found = files(arguments.endings, arguments.under)
    if arguments.shell:
        found = [path for path in found if is_shell(path)]
    end = "\0" if arguments.null else "\n"
    sys.stdout.write("".join(path + end for path in found))


if __name__ == "__main__":
    main()
