#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sums up the runs of `./dev test` from the logs that `meson test` left.

    sum_results.py --run NAME PREFIX STATUS SECONDS [--run ...]

PREFIX is the logs' path without its ending; "-" is a run that never came to its tests, with the
reason as its STATUS. STATUS is otherwise the exit status of `meson test`.

Meson's JSON log says which tests ran and how each ended, its JUnit log has the single cases of
those that speak TAP. Neither is enough alone: a TAP test that crashes or times out after some
good cases has no failure in the JUnit log.
"""

import argparse
import glob
import json
import sys
import xml.etree.ElementTree as ElementTree

GOOD = {"OK", "EXPECTEDFAIL"}


class Run:
    def __init__(self, name, seconds):
        self.name = name
        self.seconds = seconds
        self.passed = 0
        self.skipped = 0
        self.failures = []

    def fail(self, what):
        self.failures.append(what)


def read_records(prefix):
    """One record for each test, as meson's JSON log has them."""
    records = []
    for path in sorted(glob.glob(glob.escape(prefix) + "*.json")):
        with open(path, encoding="utf-8", errors="replace") as file:
            records += [json.loads(line) for line in file if line.strip()]
    return records


def read_suites(prefix):
    """The cases of every TAP test, by "project.test"."""
    suites = {}
    for path in sorted(glob.glob(glob.escape(prefix) + "*.junit.xml")):
        for suite in ElementTree.parse(path).getroot().iter("testsuite"):
            suites[suite.get("name")] = suite.findall("testcase")
    return suites


def find_cases(suites, test):
    for name, cases in suites.items():
        if name.endswith("." + test):
            return cases
    return []


def printed_no_tap(record, cases):
    """Meson takes a TAP test without a single line of TAP for a skipped one."""
    return (record["result"] == "SKIP" and not cases and record.get("returncode") == 0
            and "1..0" not in record.get("stdout", ""))


def count_test(run, record, cases):
    failed_before = len(run.failures)
    for case in cases:
        if case.find("skipped") is not None:
            run.skipped += 1
        elif case.find("failure") is None and case.find("error") is None:
            run.passed += 1
        elif record["result"] not in GOOD:
            run.fail(f"{record['name']}: {case.get('name')}")

    if printed_no_tap(record, cases):
        run.fail(f"{record['name']}: no results")
    elif record["result"] == "SKIP":
        run.skipped += 0 if cases else 1
    elif record["result"] in GOOD:
        run.passed += 0 if cases else 1
    elif len(run.failures) == failed_before:
        run.fail(f"{record['name']}: {record['result']}")


def count_run(name, prefix, status, seconds):
    run = Run(name, seconds)
    if prefix == "-":
        run.fail(status)
        return run
    try:
        records = read_records(prefix)
        suites = read_suites(prefix)
    except (OSError, ValueError, ElementTree.ParseError) as error:
        run.fail(f"its logs cannot be read: {error}")
        return run
    for record in records:
        count_test(run, record, find_cases(suites, record["name"]))
    if not records:
        run.fail("ran no tests")
    elif status != "0" and not run.failures:
        run.fail(f"meson test ended with status {status}")
    return run


def print_summary(runs):
    print()
    for run in runs:
        for failure in run.failures:
            print(f"FAILED {run.name}: {failure}")
    print(f"{'run':<12}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    for run in runs:
        print(f"{run.name:<12}{run.passed:>8}{len(run.failures):>8}{run.skipped:>9}"
              f"{run.seconds:>9}")
    passed = sum(run.passed for run in runs)
    failed = sum(len(run.failures) for run in runs)
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


def main():
    parser = argparse.ArgumentParser(description="Sums up the runs of ./dev test.")
    parser.add_argument("--run", nargs=4, action="append", required=True,
                        metavar=("NAME", "PREFIX", "STATUS", "SECONDS"))
    runs = [count_run(*run) for run in parser.parse_args().run]
    return print_summary(runs)


if __name__ == "__main__":
    sys.exit(main())
