# SPDX-License-Identifier: MIT
"""Runs the cmocka programs, two at a time, and counts their tests.

usage: run_unit.py --results FILE PROGRAM...
"""

import argparse
import concurrent.futures
import os
import re
import subprocess

import results

TIME_LIMIT_SECONDS = 120


def count(verdict, text):
    """The sum of cmocka's `[  PASSED  ] 12 test(s).` lines, one for each group of a program."""
    return sum(map(int, re.findall(rf"^\[ +{verdict} +\] (\d+) test", text, re.M)))


def run(program):
    """One program's counts and what it printed."""
    environment = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="STDOUT", ASAN_OPTIONS="detect_leaks=1")
    try:
        done = subprocess.run(
            [program],
            env=environment,
            timeout=TIME_LIMIT_SECONDS,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        text, status = done.stdout.decode(errors="replace"), done.returncode
    except subprocess.TimeoutExpired as late:
        text = (late.stdout or b"").decode(errors="replace")
        text += f"\nkilled after {TIME_LIMIT_SECONDS} s\n"
        status = 1
    counts = results.Counts(
        passed=count("PASSED", text), failed=count("FAILED", text), skipped=count("SKIPPED", text)
    )
    # A crash ends the program before cmocka can count; no test at all is no success either.
    if (status != 0 or counts.passed + counts.skipped == 0) and counts.failed == 0:
        counts.failed = 1
    return counts, text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--results", required=True)
    parser.add_argument("programs", nargs="*")
    arguments = parser.parse_args()
    total = results.Counts()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for program, (counts, text) in zip(
            arguments.programs, pool.map(run, arguments.programs)
        ):
            total += counts
            print(f"  {os.path.basename(program):32} {counts}", flush=True)
            if counts.failed:
                print(text, flush=True)
    results.finish("unit", arguments.results, total)


if __name__ == "__main__":
    main()
