# SPDX-License-Identifier: MIT
"""Runs each libFuzzer target for a bounded time from its seeds, two at a time.

usage: run_fuzz.py --results FILE --seconds N --work FOLDER PROGRAM...

What it finds new goes to WORK/corpus/NAME and is used again the next time; an input that crashes
goes to WORK/crashes. The seeds in tests/host/corpus/NAME are never written to.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess

import results

# Above what -max_total_time asks for: reading the corpus, and one slow last input.
GRACE_SECONDS = 60


def run(program, seconds, work):
    """Whether the target lived through its time, and what it printed."""
    name = os.path.basename(program).removeprefix("fuzz_")
    seeds = pathlib.Path("tests/host/corpus", name)
    if not seeds.is_dir() or not any(seeds.iterdir()):
        return False, f"{seeds} has no seeds\n"
    found = work / "corpus" / name
    crashes = work / "crashes"
    found.mkdir(parents=True, exist_ok=True)
    crashes.mkdir(parents=True, exist_ok=True)
    command = [program, f"-max_total_time={seconds}", "-timeout=5", "-rss_limit_mb=1024"]
    command += [f"-artifact_prefix={crashes}/{name}-", "-print_final_stats=1", found, seeds]
    try:
        done = subprocess.run(
            command,
            timeout=seconds + GRACE_SECONDS,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False, f"killed after {seconds + GRACE_SECONDS} s\n"
    return done.returncode == 0, done.stdout.decode(errors="replace")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--results", required=True)
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("programs", nargs="*")
    arguments = parser.parse_args()
    total = results.Counts()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        outcomes = pool.map(
            lambda program: run(program, arguments.seconds, arguments.work), arguments.programs
        )
        for program, (lived, text) in zip(arguments.programs, outcomes):
            total += results.Counts(passed=int(lived), failed=int(not lived))
            runs = re.search(r"number_of_executed_units: (\d+)", text)
            verdict = "ok" if lived else "FAILED"
            print(f"  {os.path.basename(program):32} {verdict}, {runs[1] if runs else 0} inputs")
            if not lived:
                print(text, flush=True)
    results.finish("fuzz", arguments.results, total)


if __name__ == "__main__":
    main()
