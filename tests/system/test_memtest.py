# SPDX-License-Identifier: MIT
"""memtest86+, as Debian has it, tests a VM's memory; its screen is seen through the monitor."""

import re
import time

import pytest

import linux_guest
from beds import long

# Without several processors, benchmark, SMBus and the pause for its menu; no option drops a test.
OPTIONS = "nosmp nobench nosm nopause"
# 230 s of the guest's, of which 160 s are the bit fade test, which waits. Bochs, where the guest's
# seconds are a hundred million instructions each, takes 10 minutes.
PASSES = [("qemu", 2, 600), ("bochs", 1, 3600)]
LOOK_SECONDS = 5


@pytest.fixture
def memtest(build):
    try:
        image = linux_guest.memtest(build)
    except linux_guest.Unavailable as reason:
        pytest.skip(f"memtest86+ cannot be had: {reason}")
    return image


def start(boot, memtest, emulator, cpus, seconds):
    module = (memtest, f"vm=memtest mem=32M -- {OPTIONS}")
    machine = boot("", [module], emulator=emulator, cpus=cpus, limit=seconds + 120)
    machine.expect_prompt(timeout=120)
    return machine


def wait_for_screen(machine, pattern, seconds):
    """Looks at the screen until a line matches; no look may show an error. Returns the lines."""
    end = time.monotonic() + seconds
    while True:
        lines = machine.command("screen memtest", timeout=60)
        text = "\n".join(lines)
        errors = re.search(r"Errors: *(\d+)", text)
        assert errors is None or errors[1] == "0", text
        if re.search(pattern, text):
            return lines
        assert time.monotonic() < end, f"no line is {pattern!r}:\n{text}"
        time.sleep(LOOK_SECONDS)


@long
@pytest.mark.parametrize(("emulator", "cpus", "seconds"), PASSES)
def test_a_whole_pass_finds_no_error(boot, memtest, emulator, cpus, seconds):
    machine = start(boot, memtest, emulator, cpus, seconds)
    lines = wait_for_screen(machine, r"Pass: +[1-9]", seconds)
    assert any("Memtest86+" in line for line in lines), lines
