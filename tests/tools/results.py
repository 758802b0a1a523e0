# SPDX-License-Identifier: MIT
"""The counts that each part of the tests leaves for the summary, one small file a part."""

import pathlib
import sys
from dataclasses import dataclass


@dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __iadd__(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        return self

    def __str__(self):
        text = f"{self.passed} passed, {self.failed} failed"
        return text + (f", {self.skipped} skipped" if self.skipped else "")


def finish(name, path, counts):
    """Writes and says the counts, and ends the program: nothing that ran is a failure too."""
    if counts.passed + counts.failed == 0:
        print(f"{name}: nothing ran", flush=True)
        counts.failed = 1
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    text = f"{counts.passed} {counts.failed} {counts.skipped}\n"
    pathlib.Path(path).write_text(text, encoding="ascii")
    print(f"{name}: {counts}", flush=True)
    sys.exit(1 if counts.failed else 0)


def read(path):
    """The counts that a part left, or None where it ended before it could."""
    try:
        return Counts(*map(int, pathlib.Path(path).read_text(encoding="ascii").split()))
    except (OSError, ValueError):
        return None
