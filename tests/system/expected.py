# SPDX-License-Identifier: MIT
"""Reads a guest's expected.txt: what it prints, to the character, and how it ends.

Lines that start with "# " are settings: `command-line: WORDS`, `vm: WORDS` (more words of its GRUB
line), `status: N`, `seconds: N`, `runs-for-ever`. Every other line is a line of output; one that
starts with ~ is a regular expression that the whole line matches.

Where an emulator is wrong, `# qemu: LINE` behind a line of output is what may come in its place in
QEMU, and `# qemu-status: N` in place of the status, a regular expression too. `# qemu-loses: REGEX`
takes what matches out of all lines, expected and printed. `bochs` is Bochs with VT-x, `ryzen` Bochs
with AMD-V. Why they are wrong stands in arch/vmx/README.md and arch/svm/README.md. `# kvm: LINE` is
what may come where Husk runs inside Linux/KVM, in any of them (tests/nested/README.md).
"""

import pathlib
import re
from dataclasses import dataclass, field

EMULATORS = ["qemu", "bochs", "ryzen"]
KVM = "kvm"


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
    # What an emulator never shows: a regular expression by its name.
    losses: dict = field(default_factory=dict)

    def status_in(self, emulator):
        """The exit status as a regular expression."""
        return self.statuses.get(emulator, str(self.status))

    def may_be(self, index, emulator, inside=()):
        """All that line `index` may be in that emulator, and inside of what runs there."""
        lines = [self.lines[index]]
        for name in [emulator, *inside]:
            lines += self.instead.get((name, index), [])
        return [self.without_losses(line, emulator) for line in lines]

    def without_losses(self, line, emulator):
        return re.sub(self.losses[emulator], "", line) if emulator in self.losses else line


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
        elif key in [*EMULATORS, KVM]:
            expected.instead.setdefault((key, len(expected.lines) - 1), []).append(value)
        elif key.removesuffix("-status") in EMULATORS:
            expected.statuses[key.removesuffix("-status")] = value
        elif key.removesuffix("-loses") in EMULATORS:
            expected.losses[key.removesuffix("-loses")] = value
        elif key != "SPDX-License-Identifier":
            raise ValueError(f"{path}: unknown setting {line}")
    return expected


def matches(wanted, line):
    if wanted.startswith("~"):
        return re.fullmatch(wanted[1:], line) is not None
    return wanted == line


def difference(expected, lines, emulator, inside=()):
    """None where the lines are as expected, else a sentence about the first that is not."""
    for number, wanted in enumerate(expected.lines):
        if number >= len(lines):
            return f"line {number + 1} is missing: {wanted}"
        shown = expected.without_losses(lines[number], emulator)
        if not any(matches(line, shown) for line in expected.may_be(number, emulator, inside)):
            return f"line {number + 1} is {lines[number]!r}, expected {wanted!r}"
    extra = lines[len(expected.lines) :]
    return f"more than was expected: {extra[0]!r}" if extra else None
