# SPDX-License-Identifier: MIT
"""Each guest of guests/ prints what its expected.txt says, and ends as it says."""

import pathlib
import re

import pytest

import expected
from harness import BEDS, ESCAPES

GUESTS = sorted(path.parent.name for path in pathlib.Path("guests").glob("*/expected.txt"))
# What Bochs 2.7 does not survive on AMD-V (arch/svm/README.md); QEMU runs all of it.
NOT_ON_RYZEN = {
    "hog": "Bochs takes no interrupt of the host from a guest with interrupts off",
    "realmode": "Bochs panics when virtual-8086 code exits",
}
# The VM's time is Bochs' time; an emulated second of two CPUs takes up to ten on the wall.
SLOWNESS = 4


def payload(build, name):
    return next((build / "guests").glob(f"{name}.[be]*"))


def lines_of(text, name):
    """What the VM printed: the lines that Husk shows with its name in front.

    "[NAME]+" goes on with the line before.
    """
    plain = ESCAPES.sub("", text).replace("\r", "\n")
    lines = []
    for mark, shown in re.findall(rf"^\[{name}\]([ +]?)(.*)", plain, re.M):
        if mark == "+":
            lines[-1] += shown
        else:
            lines.append(shown)
    return lines


def beds_of(name):
    """What waits for other processors of its own takes for ever on the one CPU that is counted."""
    return ["bochs", "qemu" if name in ("smp", "paravirt") else "counted", "ryzen"]


def start(boot, build, name, want, line, bed):
    module = (payload(build, name), f"vm={name} mem=32M {want.vm} -- {want.command_line}".strip())
    limit = want.seconds * SLOWNESS
    return boot(line, [module], limit=limit, **BEDS[bed]), limit


def emulator_of(bed):
    """Its name in expected.txt."""
    return "qemu" if bed == "counted" else bed


def check(boot, build, name, bed, switches=""):
    want = expected.read(f"guests/{name}/expected.txt")
    if want.runs_for_ever:
        machine, limit = start(boot, build, name, want, switches, bed)
        machine.expect(re.escape(f"[{name}] {want.lines[-1]}"), timeout=limit)
        assert any(re.match(rf"{name} +running", line) for line in machine.command("vms"))
    else:
        line = f"on-idle=poweroff {switches}".strip()
        machine, limit = start(boot, build, name, want, line, bed)
        machine.expect_end(timeout=limit)
        status = want.status_in(emulator_of(bed))
        end = rf"^.*\[{name}\] ended: exit status ({status})$"
        assert re.search(end, machine.serial_text(), re.M)
    lines = lines_of(machine.serial_text(), name)
    assert expected.difference(want, lines, emulator_of(bed)) is None


@pytest.mark.parametrize("name, bed", [(name, bed) for name in GUESTS for bed in beds_of(name)])
def test_guest_prints_what_is_expected(boot, build, name, bed):
    if bed == "ryzen" and name in NOT_ON_RYZEN:
        pytest.skip(NOT_ON_RYZEN[name])
    check(boot, build, name, bed)


@pytest.mark.parametrize("name", ["events", "hostile", "smp", "ticker"])
def test_guest_sees_no_difference_without_apic_virtualization(boot, build, name):
    check(boot, build, name, "bochs", "no=apicv")
