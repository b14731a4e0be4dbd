#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""summary.py RESULTS ALLOWED-SKIPS: counts what scripts/test ran and prints one last line.

RESULTS/steps has lines "pass|fail TAB name" and "skip TAB name TAB reason"; RESULTS/runs has lines "label TAB status TAB logbase" for meson
test runs. A subtest counts from meson's JUnit file; a test that failed as a whole (crash, time-out, too
few subtests) without a failed subtest counts once, from its JSON log; a run that failed without either,
or that ran nothing, counts once too.
"""
import fnmatch
import json
import os
import re
import sys
import xml.etree.ElementTree as ET

GOOD = {"OK", "SKIP", "EXPECTEDFAIL"}


def read(path):
    try:
        with open(path, encoding="utf-8") as lines:
            return [line.rstrip("\n") for line in lines]
    except FileNotFoundError:
        return []


def allowed_skips(path):
    """Lines "PATTERN  # reason": shell patterns of "TEST: SUBTEST"."""
    lines = [line for line in read(path) if line.strip() and not line.startswith("#")]
    for line in lines:
        if "#" not in line:
            sys.exit(f"{path}: no reason given for: {line}")
    return [line.split("#")[0].strip() for line in lines]


def short(name):
    """A test's own name: meson says "modjail:live / exit", and "modjail.modjail:live / exit" for suites."""
    return name.split(" / ")[-1].split(":")[-1]


class Summary:
    def __init__(self, allowed, strict):
        self.passed, self.failures, self.skips = 0, [], []
        self.allowed, self.strict = allowed, strict

    def skip(self, name, reason):
        self.skips.append((name, reason))
        if self.strict and not any(fnmatch.fnmatchcase(name, pattern) for pattern in self.allowed):
            self.failures.append(f"{name}: skipped, but tests/allowed-skips does not list it")
            self.skips.pop()

    def junit(self, label, path):
        """Counts the subtests; returns how many failed per test, and how many there were."""
        failed, count = {}, 0
        if not os.path.exists(path):
            return failed, count
        for suite in ET.parse(path).getroot().iter("testsuite"):
            # Tests without subtests share one suite, which is named after the project alone.
            whole = " / " not in suite.get("name")
            for case in suite.iter("testcase"):
                count += 1
                test = short(case.get("name") if whole else suite.get("name"))
                name = test if whole else f"{test}: {re.sub(r'^[0-9]+ (- )?', '', case.get('name'))}"
                if case.find("skipped") is not None:
                    self.skip(name, case.findtext("system-out") or "no reason given")
                elif case.find("failure") is not None or case.find("error") is not None:
                    self.failures.append(f"{label}: {name}")
                    failed[test] = failed.get(test, 0) + 1
                else:
                    self.passed += 1
        return failed, count

    def run(self, label, status, logbase):
        failed, count = self.junit(label, logbase + ".junit.xml")
        before = sum(failed.values())
        for line in read(logbase + ".json"):
            test = json.loads(line)
            name = short(test["name"])
            if test["result"] not in GOOD and not failed.get(name):
                self.failures.append(f"{label}: {name}: {test['result'].lower()} as a whole")
                before += 1
        if count == 0:
            self.failures.append(f"{label}: no test ran")
        elif status != "0" and before == 0:
            self.failures.append(f"{label}: meson test exited {status}")


def main():
    results, allowed = sys.argv[1:]
    summary = Summary(allowed_skips(allowed), os.environ.get("CI") == "true")
    for line in read(os.path.join(results, "steps")):
        outcome, name, *reason = line.split("\t")
        if outcome == "pass":
            summary.passed += 1
        elif outcome == "skip":
            summary.skip(name, *reason)
        else:
            summary.failures.append(name)
    for line in read(os.path.join(results, "runs")):
        summary.run(*line.split("\t"))
    for name, reason in summary.skips:
        print(f"skipped: {name} ({reason})")
    for name in summary.failures:
        print(f"failed: {name}")
    print(f"{summary.passed} passed, {len(summary.failures)} failed, {len(summary.skips)} skipped")
    sys.exit(1 if summary.failures or not summary.passed else 0)


main()
