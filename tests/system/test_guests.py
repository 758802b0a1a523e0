# SPDX-License-Identifier: MIT
"""Each guest of guests/ prints what its expected.txt says, and ends as it says."""

import pathlib
import re

import pytest

import expected
from harness import ESCAPES

GUESTS = sorted(path.parent.name for path in pathlib.Path("guests").glob("*/expected.txt"))
# The VM's time is Bochs' time; an emulated second of two CPUs takes up to ten on the wall.
SLOWNESS = 4


def payload(build, name):
    return next((build / "guests").glob(f"{name}.[be]*"))


def lines_of(text, name):
    """What the VM printed: the lines that Husk shows with its name in front."""
    plain = ESCAPES.sub("", text)
    return re.findall(rf"^\[{name}\] ?([^\r\n]*)", plain.replace("\r", "\n"), re.M)


def start(boot, build, name, want, line, emulator):
    module = (payload(build, name), f"vm={name} mem=32M -- {want.command_line}".strip())
    limit = want.seconds * SLOWNESS
    return boot(line, [module], emulator=emulator, cpus=2, limit=limit), limit


# VT-x in Bochs, AMD-V in QEMU.
@pytest.mark.parametrize("emulator", ["bochs", "qemu"])
@pytest.mark.parametrize("name", GUESTS)
def test_guest_prints_what_is_expected(boot, build, name, emulator):
    if (name, emulator) == ("hostile", "qemu"):
        pytest.skip("AMD-V: not all of hostile ends as on hardware yet (README, Limits)")
    want = expected.read(f"guests/{name}/expected.txt")
    if want.runs_for_ever:
        machine, limit = start(boot, build, name, want, "", emulator)
        machine.expect(re.escape(f"[{name}] {want.lines[-1]}"), timeout=limit)
        assert any(re.match(rf"{name} +running", line) for line in machine.command("vms"))
    else:
        machine, limit = start(boot, build, name, want, "on-idle=poweroff", emulator)
        machine.expect_end(timeout=limit)
        assert f"[{name}] ended: exit status {want.status}" in machine.serial_text()
    assert expected.difference(want, lines_of(machine.serial_text(), name)) is None
