# SPDX-License-Identifier: MIT
"""What the Python checks share: their command line, and the proof that each rule can fail."""

import argparse
import os
import sys
import tempfile

import tree


def _errors_in(check, content):
    with tempfile.TemporaryDirectory() as root:
        for path, text in content.items():
            if text is None:
                continue
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write(text)
        return check(root)


def _self_test(check, good, broken):
    failures = [f"good tree: {error}" for error in _errors_in(check, good)]
    for name, path, text, expected in broken:
        errors = _errors_in(check, {**good, path: text})
        if not any(expected in error for error in errors):
            failures.append(f"{name}: expected '{expected}', got {errors}")
    return failures


def run(check, good, broken, add_arguments=None):
    """Runs check(root), which returns its findings, or its self-test, and exits.

    good is a tree without findings, {path: text}. Each of broken is (name, path, text, finding):
    with that one file changed (or left out: None), such a finding must come up.
    add_arguments(parser) may declare more arguments; check is then called as
    check(root, arguments).
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=tree.ROOT)
    parser.add_argument("--self-test", action="store_true", help="see every rule fail once")
    if add_arguments:
        add_arguments(parser)
    arguments = parser.parse_args()

    def check_root(root):
        return check(root, arguments) if add_arguments else check(root)

    if arguments.self_test:
        errors = _self_test(check_root, good, broken)
    else:
        errors = check_root(arguments.root)
    for error in errors:
        print(error)
    sys.exit(1 if errors else 0)
