# SPDX-License-Identifier: MIT
"""Runs the system tests with pytest, two machines at a time, and counts them.

usage: run_system.py --results FILE --build FOLDER [--long] [PYTEST-ARGUMENT...]

With --long those tests that take minutes (tests/system/beds.py), else all others.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import results


def counts_of(report):
    """The counts in pytest's JUnit report, whose `tests` has an error in a fixture twice."""
    try:
        suite = ElementTree.parse(report).getroot().find("testsuite")
    except (OSError, ElementTree.ParseError):
        return results.Counts(failed=1)
    total, skipped = int(suite.get("tests")), int(suite.get("skipped"))
    failed = int(suite.get("failures")) + int(suite.get("errors"))
    return results.Counts(passed=max(total - failed - skipped, 0), failed=failed, skipped=skipped)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--results", required=True)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--long", action="store_true")
    arguments, pytest_arguments = parser.parse_known_args()
    report = arguments.build / "results/system.xml"
    report.unlink(missing_ok=True)
    shutil.rmtree(arguments.build / "system-logs", ignore_errors=True)
    environment = dict(
        os.environ, HUSK_BUILD=str(arguments.build.resolve()), PYTHONDONTWRITEBYTECODE="1"
    )
    command = [sys.executable, "-m", "pytest", "-n", "2", "-p", "no:cacheprovider", "-ra", "-v"]
    command += ["-m", "long" if arguments.long else "not long"]
    command += ["--durations=8", "--tb=short", f"--junit-xml={report}", "tests/system"]
    done = subprocess.run(command + pytest_arguments, env=environment, check=False)
    counts = counts_of(report)
    if done.returncode and not counts.failed:
        counts.failed = 1
    results.finish("system", arguments.results, counts)


if __name__ == "__main__":
    main()
