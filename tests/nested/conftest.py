# SPDX-License-Identifier: MIT
"""Fixtures: `inside` is Husk inside KVM on the test's bed, booted once for all tests of the bed.

A boot takes minutes. So the tests of a bed follow each other on one machine, with as few boots of
Husk as their settings allow. Only a test that has failed leaves the next one a machine of its own.
"""

import os
import pathlib
import shutil
import sys
import tempfile

import pytest

# Terminals, images and expected output are those of the system tests.
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "system"))
import husk_image
import linux_guest
import machine

BUILD = pathlib.Path(os.environ.get("HUSK_BUILD", "build")).resolve()
LOGS = BUILD / "nested-logs"
TAIL_LINES = 40


class Running:
    """The machine that is on: at most one is."""

    def __init__(self, say):
        self.say = say
        self.bed = None
        self.machine = None
        self.folder = None

    def give(self, bed, setting):
        if bed != self.bed:
            self.stop()
            self.bed = bed
            self.folder = pathlib.Path(tempfile.mkdtemp(prefix="husk-nested-"))
            medium = husk_image.make(BUILD, self.folder, bed)
            self.machine = machine.Machine(bed, BUILD, self.folder, medium, self.say)
            self.machine.boot()
        self.machine.have_husk(setting)
        return self.machine

    def stop(self):
        self.bed = None
        if self.machine:
            self.machine.stop()
            self.machine = None
        if self.folder:
            shutil.rmtree(self.folder)
            self.folder = None

    def keep_logs(self, name):
        """Stops the machine; returns its logs by their names."""
        if not self.machine:
            return {}
        self.machine.stop()
        target = LOGS / name.replace("/", "_")
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        texts = {}
        for path in sorted(self.folder.glob("*.log")):
            shutil.copy(path, target)
            texts[path.name] = path.read_text(encoding="utf-8", errors="replace")
        return texts


def setting_of(item):
    params = item.callspec.params
    return machine.setting_for(params["bed"], params.get("name"), params.get("kvm", ""))


def pytest_collection_modifyitems(items):
    """All tests of a bed, one Husk after the other, then those of the next bed."""
    beds = list(machine.BEDS)

    items.sort(key=lambda item: (beds.index(item.callspec.params["bed"]), setting_of(item)))


def pytest_sessionstart():
    shutil.rmtree(LOGS, ignore_errors=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Keeps the logs when a test fails, shows their ends, and leaves no machine to the next."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and "running" in item.funcargs:
        running = item.funcargs["running"]
        for name, text in running.keep_logs(item.name).items():
            report.sections.append((name, "\n".join(text.splitlines()[-TAIL_LINES:])))
        running.stop()


@pytest.fixture(scope="session")
def running(request):
    plugins = request.config.pluginmanager
    terminal = plugins.getplugin("terminalreporter")
    capture = plugins.getplugin("capturemanager")

    def say(text):
        with capture.global_and_fixture_disabled():
            terminal.write_line(f"\n{text}", flush=True)

    one = Running(say)
    yield one
    one.stop()


@pytest.fixture
def inside(running, bed, request):
    name = request.node.callspec.params.get("name")
    if name in machine.NOT_INSIDE[bed]:
        pytest.skip(machine.NOT_INSIDE[bed][name])
    try:
        return running.give(bed, setting_of(request.node))
    except linux_guest.Unavailable as reason:
        return pytest.skip(f"Debian's packages cannot be had: {reason}")
