# SPDX-License-Identifier: MIT
"""Runs the unit tests and says which part of the lines of each folder and file they ran.

usage: coverage.py --objects FOLDER PROGRAM...

The programs are built with gcc --coverage; FOLDER has their objects.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess

FOLDERS = ("arch", "boot", "drivers", "vmm")
# A file of which less was run is named.
ENOUGH_PERCENT = 90


def run(programs, objects):
    """Runs all programs; what earlier runs counted is forgotten."""
    for data in objects.rglob("*.gcda"):
        data.unlink()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for program, done in zip(programs, pool.map(run_one, programs)):
            if done.returncode:
                print(f"{program} failed: what it did not reach is missing below")


def run_one(program):
    return subprocess.run([program], capture_output=True, check=False)


def read(notes):
    """What gcov says of one object: for each file, how often each line ran."""
    done = subprocess.run(
        ["gcov", "--json-format", "--stdout", notes], stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout)["files"]


def count_lines(objects):
    """{file: {line: how often it ran}}. A header's lines are in several objects."""
    counts = collections.defaultdict(collections.Counter)
    notes = [path for folder in FOLDERS for path in sorted((objects / folder).rglob("*.gcno"))]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for files in pool.map(read, notes):
            for file in files:
                for line in file["lines"]:
                    counts[file["file"]][line["line_number"]] += line["count"]
    return {name: lines for name, lines in counts.items() if name.startswith(FOLDERS)}


def percent(lines):
    return 100 * sum(map(bool, lines)) / len(lines)


def show(name, lines):
    print(f"{name:40} {len(lines):6} {percent(lines):5.1f} %")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=pathlib.Path, required=True)
    parser.add_argument("programs", nargs="+")
    arguments = parser.parse_args()
    run(arguments.programs, arguments.objects)
    folders = collections.defaultdict(dict)
    for name, lines in sorted(count_lines(arguments.objects).items()):
        folders[os.path.dirname(name)][name] = list(lines.values())
    for folder, files in folders.items():
        show(folder + "/", sum(files.values(), []))
        for name, lines in files.items():
            if percent(lines) < ENOUGH_PERCENT:
                show("  " + os.path.basename(name), lines)


if __name__ == "__main__":
    main()
