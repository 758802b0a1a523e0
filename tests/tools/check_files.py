# SPDX-License-Identifier: MIT
"""Checks what no compiler does: licence line, stated responsibility, lengths, leftovers."""

import pathlib
import re
import sys

import source_files

SUFFIXES = (".c", ".h", ".asm", ".inc", ".asl", ".py", ".sh", ".mk", ".ld", ".cfg")
COLUMNS = 100
LINES = 400
# Tests are long lists of short functions.
TEST_LINES = 1000
SPDX = "SPDX-License-Identifier: MIT"
LEFTOVERS = re.compile(r"\b(TODO|FIXME|XXX)\b|^\s*#\s*if\s+0\b")
# This file names what it looks for.
ITSELF = "tests/tools/check_files.py"


def all_files():
    paths = source_files.find(*SUFFIXES)
    paths += source_files.find("", folders=source_files.SCRIPT_FOLDERS)
    return paths + [pathlib.Path(name) for name in source_files.TOP_FILES]


def check_opening(lines):
    """The licence in the first line (after a #!), then a line that says what the file is for."""
    first = 1 if lines and lines[0].startswith("#!") else 0
    if len(lines) <= first or SPDX not in lines[first]:
        return f"line {first + 1} is not the {SPDX} line"
    purpose = lines[first + 1] if len(lines) > first + 1 else ""
    if not re.match(r'\s*(//|#|;|/?\*|""")\s*\w', purpose):
        return f"line {first + 2} does not say what the file is for"
    return None


def check(path):
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    found = []
    if path.name != ".gitignore":
        opening = check_opening(lines)
        found += [f"{path}: {opening}"] if opening else []
    if not text.endswith("\n") or text.endswith("\n\n"):
        found.append(f"{path}: does not end with exactly one newline")
    limit = TEST_LINES if path.parts[0] == "tests" else LINES
    if path.suffix in (".c", ".h", ".asm") and len(lines) > limit:
        found.append(f"{path}: {len(lines)} lines, more than {limit}")
    makefile = path.name == "Makefile" or path.suffix == ".mk"
    for number, line in enumerate(lines, 1):
        table_entry = path.parts[0] == "tests" and line.startswith("    {")
        if len(line) > COLUMNS and not table_entry:
            found.append(f"{path}:{number}: {len(line)} columns, more than {COLUMNS}")
        if line != line.rstrip():
            found.append(f"{path}:{number}: blanks at the end of the line")
        if "\t" in line and not makefile:
            found.append(f"{path}:{number}: a tab")
        if LEFTOVERS.search(line) and str(path) != ITSELF:
            found.append(f"{path}:{number}: {line.strip()}")
    if path.suffix == ".h" and "#pragma once" not in lines:
        found.append(f"{path}: no #pragma once")
    return found


def main():
    found = [line for path in all_files() for line in check(path)]
    print("\n".join(found), end="\n" if found else "")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
