# SPDX-License-Identifier: MIT
"""How the verdicts of unit tests come about: `make unit` is shown programs that end in each way."""

import os
import pathlib
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).parents[2]
TOOLS = TOP / "tests/tools"

PASSED = '<testcase name="one" time="0.1"></testcase>'
FAILED = '<testcase name="two" time="0.1"><failure><![CDATA[1 != 2]]></failure></testcase>'
SKIPPED = '<testcase name="three" time="0.1"><skipped/></testcase>'

# What a program leaves as cmocka's report, how it ends, and the counts and a text that come of it.
ENDS = {
    "good": (PASSED + SKIPPED, "exit 0", "1 passed, 0 failed, 1 skipped", "it has printed this"),
    "bad": (PASSED + FAILED, "exit 1", "1 passed, 1 failed", "1 != 2"),
    "leaking": (PASSED, "exit 1", "1 passed, 1 failed", "it has printed this"),
    "empty": ("", "exit 0", "0 passed, 1 failed", "no test has ended"),
    "all-skipped": (SKIPPED, "exit 0", "0 passed, 1 failed, 1 skipped", "nothing ran"),
    "cut-off": (PASSED + "<testcase", "exit 0", "0 passed, 1 failed", "report is cut off"),
    "crashing": (None, "kill -SEGV $$", "0 passed, 1 failed", "exit status -11"),
}


def run_pytest(folder, *programs):
    command = [sys.executable, "-m", "pytest", "-c", "tests/pytest.ini", "--rootdir=.", "-v"]
    command += ["-p", "results", "-p", "host_programs", f"--counts={folder}/unit", *programs]
    return subprocess.run(
        command,
        cwd=TOP,
        env=dict(os.environ, PYTHONPATH=str(TOOLS)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", ENDS)
def test_a_program(tmp_path, name):
    cases, end, counts, shown = ENDS[name]
    lines = ["#!/bin/bash", "echo it has printed this"]
    if cases is not None:
        report = tmp_path / "report"
        report.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>", "ascii")
        lines.append(f'cp {report} "${{CMOCKA_XML_FILE/\\%g/tests}}"')
    program = tmp_path / "test_program"
    program.write_text("\n".join([*lines, end, ""]), encoding="ascii")
    program.chmod(0o755)
    done = run_pytest(tmp_path, program)
    assert done.stdout.splitlines()[-1] == f"unit: {counts}", done.stdout
    assert shown in done.stdout
    assert (done.returncode == 0) == (counts.split(", ")[1] == "0 failed")


def test_no_program_at_all(tmp_path):
    (tmp_path / "nothing").mkdir()
    done = run_pytest(tmp_path, tmp_path / "nothing")
    assert done.stdout.splitlines()[-1] == "unit: 0 passed, 1 failed", done.stdout
    assert done.returncode != 0


def test_a_fuzz_target_without_seeds(tmp_path):
    done = run_pytest(tmp_path, tmp_path / "fuzz_nothing")
    assert done.returncode != 0
    (tmp_path / "fuzz_nothing").write_text("", encoding="ascii")
    done = run_pytest(tmp_path, tmp_path / "fuzz_nothing")
    assert "tests/host/corpus/nothing has no seeds" in done.stdout
    assert done.returncode != 0
