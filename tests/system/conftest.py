# SPDX-License-Identifier: MIT
"""Fixtures of the system tests: `boot` starts machines and keeps their logs when a test fails."""

import contextlib
import os
import pathlib
import re
import shutil
import tempfile

import pytest

import iso
import linux_guest
from guest_debugger import com2
from harness import BEDS, Machine, emulators

BUILD = pathlib.Path(os.environ.get("HUSK_BUILD", "build")).resolve()
TAIL_LINES = 40
NOISE = re.compile(r"VMEXIT: EPT violation")  # Bochs says so each time a guest's page is mapped
GRUB = ["bios_screen", "setup", "files"]  # of `boot`: what iso.make takes


def pytest_sessionstart(session):
    """Forgets the logs of an earlier run; only the process that has no parent in pytest does it."""
    if not hasattr(session.config, "workerinput"):
        shutil.rmtree(BUILD / "system-logs", ignore_errors=True)


def pytest_report_header():
    """Once a run, before the first test."""
    return emulators.network_warning()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Adds the ends of the logs to a failure's report, and leaves it where `boot` finds it."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call":
        item.husk_failed = report.failed
        for machine in getattr(item, "husk_machines", []) if report.failed else []:
            report.sections.append(("monitor", machine.last_words()))
            machine.stop()
            for name in ["serial.log", "bochs.log", "emulator.log"]:
                path = machine.folder / name
                if path.exists():
                    text = path.read_text(encoding="utf-8", errors="replace")
                    lines = [line for line in text.splitlines() if not NOISE.search(line)]
                    report.sections.append((name, "\n".join(lines[-TAIL_LINES:])))


def keep_logs(item, folder):
    """Moves a failed test's folder to build/system-logs/TEST."""
    target = BUILD / "system-logs" / item.name.replace("/", "_")
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Sockets cannot be copied, and the image can be made again.
    for path in folder.rglob("*"):
        if path.is_socket():
            path.unlink()
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns("*.iso", "*.fd", "bios"))
    print(f"logs kept in {target}")


@pytest.fixture
def build():
    """The folder with the built kernel, ISO and guests."""
    return BUILD


@pytest.fixture
def debian():
    """The folder that linux_guest takes; skips where the archive cannot be reached."""
    try:
        linux_guest.kernel(BUILD)
        linux_guest.busybox(BUILD)
        linux_guest.e2fsck(BUILD)
    except linux_guest.Unavailable as reason:
        pytest.skip(f"Debian's packages cannot be had: {reason}")
    return BUILD


@pytest.fixture
def boot(request):
    """boot(command_line=..., modules=[...], limit=SECONDS, emulator=..., cpus=..., ...) -> Machine.

    `bios_screen` is GRUB's gfxpayload on BIOS, `setup` what GRUB executes before it loads Husk,
    `files` what it finds in /boot, `kernel` another husk.elf than the built one.

    Without a command line and modules it is the ISO that users get; the other arguments are those
    of emulators.MachineSpec.
    """
    # Short, because a Unix socket's path has 107 characters at most.
    top = pathlib.Path(tempfile.mkdtemp(prefix="husk-"))
    machines = []
    request.node.husk_machines = machines

    def start(command_line=None, modules=(), limit=120, kernel=None, **spec):
        folder = top / str(len(machines))
        folder.mkdir()
        image = BUILD / "husk.iso"
        grub = {word: spec.pop(word) for word in GRUB if word in spec}
        if command_line is not None or modules or grub or kernel:
            kernel = kernel or BUILD / "iso/boot/husk.elf"
            image = iso.make(kernel, folder, command_line or "", modules, **grub)
        machine = Machine(emulators.MachineSpec(iso=str(image), **spec), folder, limit)
        machines.append(machine)
        return machine

    yield start
    for machine in machines:
        machine.stop()
    if getattr(request.node, "husk_failed", True):
        keep_logs(request.node, top)
    shutil.rmtree(top, ignore_errors=True)


@pytest.fixture
def debugged(boot):
    """debugged(bed, guests, modules, limit) -> (machine, the descriptor of the debugger's line)"""
    with contextlib.ExitStack() as lines:

        def start(bed, guests, modules=(), limit=240):
            line = emulators.SerialLine()
            lines.callback(line.close)
            spec = BEDS[bed]
            extra = com2(spec["emulator"], line)
            words = f"guests={guests} gdb=com2"
            machine = boot(words, modules, extra=extra, limit=limit, **spec)
            machine.expect_prompt(90)
            return machine, line.fd

        yield start
