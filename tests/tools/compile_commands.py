# SPDX-License-Identifier: MIT
"""Writes compile_commands.json, by which clangd, clang-tidy and their like know how to read a file.

usage: compile_commands.py --output FILE --group COMMAND SOURCE... [--group ...]

COMMAND is compiler and flags of all sources of a group. A file that would not change is left alone.
"""

import argparse
import json
import os
import pathlib
import shlex


def entries(command, sources):
    words = shlex.split(command)
    return [
        {"directory": os.getcwd(), "file": source, "arguments": [*words, "-c", source]}
        for source in sources
    ]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--group", nargs="+", action="append", required=True)
    arguments = parser.parse_args()
    found = [
        entry for command, *sources in arguments.group for entry in entries(command, sources)
    ]
    text = json.dumps(found, indent=1) + "\n"
    output = arguments.output
    if not output.exists() or output.read_text(encoding="utf-8") != text:
        output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
