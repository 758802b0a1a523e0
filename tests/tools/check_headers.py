# SPDX-License-Identifier: MIT
"""Compiles each header alone: it must bring all it needs.

usage: check_headers.py --cc COMPILER --cflags FLAGS
"""

import argparse
import concurrent.futures
import shlex
import subprocess
import sys

import source_files


def compile_alone(command, header):
    """What the compiler says about a file that includes only this header, twice."""
    return subprocess.run(
        [*command, "-fsyntax-only", "-x", "c", "-"],
        input=f'#include "{header}"\n#include "{header}"\n',
        text=True,
        capture_output=True,
        check=False,
    ).stderr


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cc", required=True)
    parser.add_argument("--cflags", required=True)
    arguments = parser.parse_args()
    kernel = shlex.split(f"{arguments.cc} {arguments.cflags}")
    host = ["gcc", "-std=c17", "-Wall", "-Wextra", "-Werror", "-I."]
    headers = source_files.find(".h")
    commands = [host if header.parts[0] == "tests" else kernel for header in headers]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        complaints = list(pool.map(compile_alone, commands, headers))
    for header, complaint in zip(headers, complaints):
        if complaint:
            print(f"{header} does not compile alone:\n{complaint}")
    sys.exit(1 if any(complaints) else 0)


if __name__ == "__main__":
    main()
