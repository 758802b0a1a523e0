# SPDX-License-Identifier: MIT
"""The counts that each part of the tests leaves for the summary, one small file a part.

It is a plugin of pytest too: `-p results --counts FILE` leaves the counts of that run.
"""

import pathlib
import signal
from dataclasses import dataclass

import processes


@dataclass
class Counts:
    """How many tests have passed, failed and been skipped."""

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


def leave(path, counts):
    """Writes and says the counts of the part that PATH names. Nothing that ran is a failure too."""
    path = pathlib.Path(path)
    if counts.passed + counts.failed == 0:
        print(f"{path.name}: nothing ran", flush=True)
        counts.failed = 1
    path.parent.mkdir(parents=True, exist_ok=True)
    text = f"{counts.passed} {counts.failed} {counts.skipped}\n"
    path.write_text(text, encoding="ascii")
    print(f"{path.name}: {counts}", flush=True)


def read(path):
    """The counts that a part left, or None where it ended before it could."""
    try:
        return Counts(*map(int, pathlib.Path(path).read_text(encoding="ascii").split()))
    except (OSError, ValueError):
        return None


def pytest_addoption(parser):
    parser.addoption("--counts", metavar="FILE", help="leave the counts of this run in FILE")


def pytest_configure():
    # No run, and no worker of one, goes on without the program that started it.
    processes.die_with_parent(signal.SIGTERM)


def counts_of(config):
    """The counts of a run of pytest, or None in a worker, which reports to another process."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if not reporter or hasattr(config, "workerinput"):
        return None
    passed, failed, errors, skipped = (
        len(reporter.stats.get(verdict, [])) for verdict in ["passed", "failed", "error", "skipped"]
    )
    return Counts(passed, failed + errors, skipped)


def pytest_sessionfinish(session):
    """Where all is skipped pytest is content; we are not."""
    counts = counts_of(session.config)
    if counts and counts.passed + counts.failed == 0:
        session.exitstatus = session.exitstatus or 1


def pytest_unconfigure(config):
    """The last step of a run: what comes here is its last line."""
    counts = counts_of(config)
    if counts and config.getoption("counts"):
        leave(config.getoption("counts"), counts)
