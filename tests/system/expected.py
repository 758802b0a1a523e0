# SPDX-License-Identifier: MIT
"""Reads a guest's expected.txt: what it prints, to the character, and how it ends.

Lines that start with "# " are settings: `command-line: WORDS`, `vm: WORDS` (more words of its GRUB
line), `status: N`, `seconds: N`, `runs-for-ever`. Every other line is a line of output; one that
starts with ~ is a regular expression that the whole line matches.

Where an emulator is wrong, `# qemu: LINE` behind a line of output is what may come in its place in
QEMU, and `# qemu-status: N` in place of the status, a regular expression too. Why it is wrong
stands in arch/svm/README.md.
"""

import pathlib
import re
from dataclasses import dataclass, field

EMULATORS = ["qemu"]


@dataclass
class Expected:
    """What a guest's expected.txt says."""

    command_line: str = ""
    vm: str = ""
    status: int | None = None
    seconds: int = 60
    runs_for_ever: bool = False
    lines: list = field(default_factory=list)
    # What an emulator may show in place of a line: by its name and the line's index.
    instead: dict = field(default_factory=dict)
    statuses: dict = field(default_factory=dict)

    def status_in(self, emulator):
        """The exit status as a regular expression."""
        return self.statuses.get(emulator, str(self.status))

    def may_be(self, index, emulator):
        """All that line `index` may be in that emulator."""
        return [self.lines[index], *self.instead.get((emulator, index), [])]


def read(path):
    expected = Expected()
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        if not line.startswith("# "):
            expected.lines.append(line)
            continue
        key, _, value = line[2:].partition(": ")
        if key == "command-line":
            expected.command_line = value
        elif key == "vm":
            expected.vm = value
        elif key == "status":
            expected.status = int(value)
        elif key == "seconds":
            expected.seconds = int(value)
        elif key == "runs-for-ever":
            expected.runs_for_ever = True
        elif key in EMULATORS:
            expected.instead.setdefault((key, len(expected.lines) - 1), []).append(value)
        elif key.removesuffix("-status") in EMULATORS:
            expected.statuses[key.removesuffix("-status")] = value
        elif key != "SPDX-License-Identifier":
            raise ValueError(f"{path}: unknown setting {line}")
    return expected


def matches(wanted, line):
    if wanted.startswith("~"):
        return re.fullmatch(wanted[1:], line) is not None
    return wanted == line


def difference(expected, lines, emulator):
    """None where the lines are as expected, else a sentence about the first that is not."""
    for number, wanted in enumerate(expected.lines):
        if number >= len(lines):
            return f"line {number + 1} is missing: {wanted}"
        if not any(matches(line, lines[number]) for line in expected.may_be(number, emulator)):
            return f"line {number + 1} is {lines[number]!r}, expected {wanted!r}"
    extra = lines[len(expected.lines) :]
    return f"more than was expected: {extra[0]!r}" if extra else None
