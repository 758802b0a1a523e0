# SPDX-License-Identifier: MIT
"""Checks that each file includes what it uses, by include-what-you-use.

usage: check_includes.py --cflags FLAGS [--fix] [FILE...]      (all of Husk if none is named)

A .c file includes the header of each function and type that it uses. A header may declare a struct
instead, where it has pointers to it only. With --fix the files are changed.
"""

import argparse
import concurrent.futures
import pathlib
import re
import shlex
import subprocess
import sys

import source_files

FOLDERS = ["boot", "arch", "vmm", "drivers"]
MAPPING = "tests/tools/iwyu.imp"
# What a file includes for its effect alone says so: `#include "..." // IWYU pragma: keep`.
SECTION = re.compile(r"^(\S+) should (add|remove) these lines:$")
INCLUDE = re.compile(r'^#include\s+["<]([^">]+)[">]')
DECLARATION = re.compile(r"^(struct|union|enum) (\w+);")


class Findings:
    """The lines that include-what-you-use wants added to one file, and removed from it."""

    def __init__(self, path):
        self.path = path
        self.lines = {"add": [], "remove": []}

    def __bool__(self):
        return bool(self.lines["add"] or self.lines["remove"])

    def report(self):
        return [
            f"{self.path}: {kind} {line}" for kind, lines in self.lines.items() for line in lines
        ]


def judge(path, cflags):
    """What is to change in one file. A header is judged as a file of its own."""
    header = path.suffix == ".h"
    command = ["include-what-you-use", "-Xiwyu", f"--mapping_file={MAPPING}"]
    command += ["-Xiwyu", "--no_default_mappings", "-Xiwyu", "--quoted_includes_first"]
    if header:
        command += ["-x", "c", "-Wno-pragma-once-outside-header"]
    else:
        command += ["-Xiwyu", "--no_fwd_decls"]
    done = subprocess.run(
        [*command, *cflags, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    found = Findings(path)
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    if errors:
        found.lines["add"].append(f"what it needs to be compiled: {errors[0]}")
        return found
    current = None
    for line in done.stdout.splitlines():
        section = SECTION.match(line)
        if section:
            current = section[2] if pathlib.Path(section[1]) == path else None
        elif line.startswith("The full include-list") or line == "---":
            current = None
        elif current and line.strip():
            found.lines[current].append(clean(line))
    return found


def clean(line):
    """Without the reasons and line numbers behind `//`."""
    return re.sub(r"\s*//.*$", "", line.removeprefix("- ")).strip()


# ---- Mending ----


def own_header(path, includes):
    header = str(path.with_suffix(".h"))
    return f'#include "{header}"' if f'#include "{header}"' in includes else None


def block_of(includes):
    quoted = [line for line in includes if '"' in line]
    angled = [line for line in includes if "<" in line]
    return sorted(angled) + ([""] if angled and quoted else []) + sorted(quoted)


def mend(found):
    path = found.path
    lines = path.read_text(encoding="utf-8").splitlines()
    places = [number for number, line in enumerate(lines) if INCLUDE.match(line)]
    present = [clean(lines[number]) for number in places]
    wanted = {lines[number] for number in places}
    # One that stands twice stays once.
    removed = {line for line in found.lines["remove"] if present.count(line) == 1}
    wanted = {line for line in wanted if clean(line) not in removed}
    wanted |= {line for line in found.lines["add"] if INCLUDE.match(line)}
    declared = {line for line in found.lines["add"] if DECLARATION.match(line)}
    undeclared = {line for line in found.lines["remove"] if DECLARATION.match(line)}
    own = own_header(path, {clean(line) for line in wanted})
    kept = [line for n, line in enumerate(lines) if n not in places and line not in undeclared]
    # Where the first include stood, or behind the opening comment.
    at = places[0] if places else next(n for n, line in enumerate(lines) if not line.strip())
    at = min(at, len(kept))
    others = [line for line in wanted if clean(line) != own]
    block = ([own, ""] if own else []) + block_of(others)
    while at < len(kept) and not kept[at].strip():
        del kept[at]
    new = kept[:at] + block + [""] + sorted(declared) + ([""] if declared else []) + kept[at:]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(new).rstrip() + "\n")
    path.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cflags", required=True)
    parser.add_argument("--fix", action="store_true")
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    # GCC's own flags that clang does not know would be errors.
    cflags = [*shlex.split(arguments.cflags), "-w"]
    files = arguments.files or source_files.find(".c", ".h", folders=FOLDERS)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        found = [one for one in pool.map(lambda path: judge(path, cflags), files) if one]
    if arguments.fix:
        for one in found:
            mend(one)
        return
    for one in found:
        print("\n".join(one.report()))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
