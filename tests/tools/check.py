# SPDX-License-Identifier: MIT
"""Runs all static checks, two processes at a time, and prints what each one finds.

usage: check.py --results FILE --cc COMPILER --cflags FLAGS --image HUSK_ELF --debug OBJECTS
                --guests FILES

clang-tidy reads compile_commands.json, which make writes before.
"""

import argparse
import concurrent.futures
import subprocess
import sys
import time

import results
import source_files

PRODUCT = ["boot", "arch", "vmm", "drivers"]

CPPCHECK = [
    "cppcheck", "-q", "-j2", "--std=c11", "--platform=unix64", "--error-exitcode=1", "-I.",
    "--enable=warning,performance,portability", "--inline-suppr", "--library=posix",
    # It follows headers of the compiler only so far, and says so for each; symbols of the linker
    # script are different objects to it; what a called function fills in it does not know, while
    # GCC and clang's analyzer do.
    "--suppress=missingIncludeSystem", "--suppress=comparePointers", "--suppress=uninitvar",
    "--suppress=legacyUninitvar", "--suppress=internalAstError",
    "--suppress=arrayIndexThenCheck", "--suppress=unmatchedSuppression",
]


def run(command):
    """The exit status and all output of one command."""
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def without_notes(text):
    """clang-tidy's findings, each with its line, without the paths that the analyzer took."""
    lines = text.splitlines()
    kept = [number for number, line in enumerate(lines) if ": error: " in line]
    return "\n".join("\n".join(lines[number : number + 3]) for number in kept) or text


def checks(arguments):
    """The name of each check and the commands that it consists of."""
    sources = source_files.find(".c", folders=[*PRODUCT, "guests"])
    shell_scripts = source_files.find("", folders=source_files.SCRIPT_FOLDERS)
    shell_scripts += source_files.find(".sh")
    python = source_files.find(".py")
    script = [sys.executable]
    return {
        "files": [script + ["tests/tools/check_files.py"]],
        "layers": [script + ["tests/tools/check_layers.py"]],
        "dialect": [script + ["tests/tools/check_dialect.py"]],
        "image": [
            script
            + ["tests/tools/check_image.py", "--image", arguments.image]
            + ["--debug", arguments.debug]
            + arguments.guests.split()
        ],
        "clang-format": [["clang-format", "--dry-run", "-Werror", *source_files.find(".c", ".h")]],
        "headers": [
            script
            + ["tests/tools/check_headers.py", "--cc", arguments.cc]
            + [f"--cflags={arguments.cflags}"]
        ],
        "includes": [
            script + ["tests/tools/check_includes.py"] + [f"--cflags={arguments.cflags}"]
        ],
        "shellcheck": [["shellcheck", *shell_scripts]],
        "pylint": [script + ["-m", "pylint", "-j2", "--rcfile=tests/pylintrc", *python]],
        "cppcheck": [CPPCHECK + PRODUCT + ["guests"]],
        "clang-tidy": [["clang-tidy", "--quiet", "-p", ".", path] for path in sources],
    }


def main():
    parser = argparse.ArgumentParser()
    for name in ["--results", "--cc", "--cflags", "--image", "--debug", "--guests"]:
        parser.add_argument(name, required=True)
    arguments = parser.parse_args()
    total = results.Counts()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name, commands in checks(arguments).items():
            started = time.monotonic()
            outcomes = list(pool.map(run, commands))
            good = all(status == 0 for status, _ in outcomes)
            total += results.Counts(passed=int(good), failed=int(not good))
            seconds = time.monotonic() - started
            print(f"  {name:14} {'ok' if good else 'FAILED'} ({seconds:.0f} s)", flush=True)
            for status, text in outcomes:
                if status:
                    print(without_notes(text) if name == "clang-tidy" else text, flush=True)
    results.leave(arguments.results, total)
    sys.exit(1 if total.failed else 0)


if __name__ == "__main__":
    main()
