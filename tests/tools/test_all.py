# SPDX-License-Identifier: MIT
"""Runs every part of the tests, whatever fails, and ends with one line that counts them all.

usage: test_all.py --results FOLDER
"""

import argparse
import functools
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import processes
import results

PARTS = [
    ("build", ["-j2", "all", "images"]),
    ("check", ["check"]),
    ("unit", ["-j2", "unit"]),
    ("fuzz", ["-j2", "fuzz", "FUZZ_SECONDS=3"]),
    ("system", ["system"]),
]


def run(name, goals, folder):
    """One part's counts. A part that leaves none counts as one test, by its exit status."""
    print(f"==== {name}", flush=True)
    started = time.monotonic()
    # Killed by SIGTERM, make ends what it has started.
    prepare = functools.partial(processes.die_with_parent, signal.SIGTERM)
    status = subprocess.run(["make", *goals], preexec_fn=prepare, check=False).returncode
    print(f"---- {name}: {time.monotonic() - started:.0f} s", flush=True)
    counts = results.read(folder / name)
    if counts is None:
        return results.Counts(passed=int(status == 0), failed=int(status != 0))
    if status != 0 and counts.failed == 0:
        counts.failed = 1
    return counts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--results", type=pathlib.Path, required=True)
    folder = parser.parse_args().results
    shutil.rmtree(folder, ignore_errors=True)
    total = results.Counts()
    failed = []
    processes.die_with_parent(signal.SIGTERM)
    for name, goals in PARTS:
        counts = run(name, goals, folder)
        total += counts
        if counts.failed:
            failed.append(name)
    if failed:
        print(f"Failed: {', '.join(failed)} (the details are above)")
    print(total, flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
