# SPDX-License-Identifier: MIT
"""A plugin that lets pytest run cmocka programs and libFuzzer targets: `-p host_programs`.

Such a run has the programs themselves as arguments, test_NAME, test_NAME.tsan (built with
ThreadSanitizer) and fuzz_NAME, and no other tests.
Each test case of a cmocka program has a verdict of its own, from the XML that cmocka writes. The
program has one beside them when it does not end well: what crashes before cmocka has written is no
success.

A fuzz target runs for --fuzz-seconds from its seeds. What it finds new goes to corpus/NAME beside
the program and is used again the next time; an input that crashes goes to crashes. The seeds in
tests/host/corpus/NAME are never written to.
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass
from xml.etree import ElementTree

import processes
import pytest

# As many programs run at once. The workers of pytest-xdist cannot be used: they want one verdict of
# each item.
AT_ONCE = 2
UNIT_SECONDS = 120
# Above what -max_total_time asks for: reading the corpus, and one slow last input.
FUZZ_GRACE_SECONDS = 60


@dataclass
class Outcome:
    """What became of one test case, or with an empty name of the whole program."""

    name: str
    verdict: str  # "passed", "failed", "skipped"
    text: str = ""
    seconds: float = 0.0
    inputs: int = 0  # with which a fuzz target was called


def run(command, seconds, environment=None):
    """The exit status (None: it was too slow) and all output of a program."""
    process = processes.start(
        [str(word) for word in command],
        env=dict(os.environ, **(environment or {})),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        output, _ = process.communicate(timeout=seconds)
        return process.returncode, output.decode(errors="replace")
    except subprocess.TimeoutExpired:
        processes.kill(process)
        output, _ = process.communicate()
        return None, output.decode(errors="replace") + f"\nkilled after {seconds} s\n"


# ---- Unit tests ----


def outcome_of(case, printed):
    """The Outcome in one <testcase> of cmocka's. Why one is skipped the program has printed."""
    name, seconds = case.get("name"), float(case.get("time"))
    failure = case.find("failure")
    if failure is None:
        failure = case.find("error")
    if failure is not None:
        return Outcome(name, "failed", failure.text or "", seconds)
    if case.find("skipped") is not None:
        return Outcome(name, "skipped", printed.strip(), seconds)
    return Outcome(name, "passed", "", seconds)


def run_unit(program):
    """The outcomes of a cmocka program, one for each test case."""
    with tempfile.TemporaryDirectory(prefix="husk-unit-") as folder:
        environment = {
            "ASAN_OPTIONS": "detect_leaks=1",
            "CMOCKA_MESSAGE_OUTPUT": "XML",
            # %g is the group's name: cmocka writes no second group into the same file.
            "CMOCKA_XML_FILE": f"{folder}/%g.xml",
        }
        status, text = run([program], UNIT_SECONDS, environment)
        try:
            trees = [ElementTree.parse(path) for path in sorted(pathlib.Path(folder).iterdir())]
        except ElementTree.ParseError as error:
            return [Outcome("", "failed", f"{text}\ncmocka's report is cut off: {error}")]
    outcomes = [outcome_of(case, text) for tree in trees for case in tree.iter("testcase")]
    if not outcomes:
        return [Outcome("", "failed", f"{text}\nno test has ended, exit status {status}")]
    if status != 0 and not any(outcome.verdict == "failed" for outcome in outcomes):
        outcomes.append(Outcome("", "failed", f"{text}\nexit status {status}"))
    return outcomes


# ---- Fuzz targets ----


def run_fuzz(program, seconds):
    """The outcome of a libFuzzer target: it lives through its time, or fails."""
    name = program.name.removeprefix("fuzz_")
    seeds = pathlib.Path("tests/host/corpus", name)
    if not seeds.is_dir() or not any(seeds.iterdir()):
        return [Outcome("", "failed", f"{seeds} has no seeds")]
    found, crashes = program.parent / "corpus" / name, program.parent / "crashes"
    found.mkdir(parents=True, exist_ok=True)
    crashes.mkdir(parents=True, exist_ok=True)
    command = [program, f"-max_total_time={seconds}", "-timeout=5", "-rss_limit_mb=1024"]
    command += [f"-artifact_prefix={crashes}/{name}-", "-print_final_stats=1", found, seeds]
    started = time.monotonic()
    status, text = run(command, seconds + FUZZ_GRACE_SECONDS)
    count = re.search(r"^stat::number_of_executed_units: (\d+)", text, re.M)
    inputs = int(count[1]) if count else 0
    verdict = "passed" if status == 0 and inputs > 0 else "failed"
    return [Outcome("", verdict, text, time.monotonic() - started, inputs)]


# ---- What pytest asks for ----


def pytest_addoption(parser):
    parser.addoption("--fuzz-seconds", type=int, default=3, help="how long a fuzz target runs")


def pytest_collect_file(file_path, parent):
    if file_path.suffix in ("", ".tsan") and file_path.name.startswith(("test_", "fuzz_")):
        return ProgramFile.from_parent(parent, path=file_path)
    return None


class ProgramFile(pytest.File):
    """A program, of which pytest is to run the whole at once."""

    def collect(self):
        yield Program.from_parent(self, name=self.path.name)


class Program(pytest.Item):
    """One run of a program. It ends in any number of reports, see pytest_runtest_protocol."""

    outcomes = None  # the Future of a list

    def runtest(self):
        if self.path.name.startswith("fuzz_"):
            return run_fuzz(self.path, self.config.getoption("fuzz_seconds"))
        return run_unit(self.path)

    def report(self, outcome):
        nodeid = self.name + (f"::{outcome.name}" if outcome.name else "")
        longrepr = {
            "passed": None,
            "failed": outcome.text,
            "skipped": (str(self.path), 0, outcome.text),
        }
        return pytest.TestReport(
            nodeid=nodeid,
            location=(self.path.name, None, outcome.name or self.path.name),
            keywords={},
            outcome=outcome.verdict,
            longrepr=longrepr[outcome.verdict],
            when="call",
            duration=outcome.seconds,
            user_properties=[("inputs", outcome.inputs)] if outcome.inputs else [],
        )


@pytest.hookimpl(hookwrapper=True)
def pytest_runtestloop(session):
    """Starts the programs, in their order, before the first verdict is asked for."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for item in session.items:
            item.outcomes = pool.submit(item.runtest)
        yield
        pool.shutdown(cancel_futures=True)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item):
    """Runs a program and reports each of its test cases."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for outcome in item.outcomes.result():
        item.ihook.pytest_runtest_logreport(report=item.report(outcome))
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report):
    """With -v, how often a fuzz target was called."""
    inputs = dict(report.user_properties).get("inputs")
    return ("passed", ".", f"PASSED, {inputs} inputs") if report.passed and inputs else None
