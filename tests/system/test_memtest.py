# SPDX-License-Identifier: MIT
"""memtest86+, as Debian has it, tests a VM's memory; its screen is seen through the monitor."""

import re
import time

import pytest

import linux_guest
from beds import long

# Without several processors, benchmark, SMBus and the pause for its menu; no option drops a test.
OPTIONS = "nosmp nobench nosm nopause"
# QEMU: 230 s of the guest's, of which 160 s are the bit fade test, which waits. In Bochs all of it
# would take far longer; there the screen, and the tests up to the first data patterns, must do.
PASS_SECONDS = 600
LOOK_SECONDS = 5


@pytest.fixture
def memtest(build):
    try:
        return linux_guest.memtest(build)
    except linux_guest.Unavailable as reason:
        pytest.skip(f"memtest86+ cannot be had: {reason}")


def start(boot, memtest, emulator):
    module = (memtest, f"vm=memtest mem=32M -- {OPTIONS}")
    machine = boot("", [module], emulator=emulator, cpus=2, limit=PASS_SECONDS + 120)
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
def test_a_whole_pass_finds_no_error(boot, memtest):
    machine = start(boot, memtest, "qemu")
    lines = wait_for_screen(machine, r"Pass: +[1-9]", PASS_SECONDS)
    assert any("Memtest86+" in line for line in lines), lines


@long
def test_its_screen_is_seen_with_vtx_too(boot, memtest):
    machine = start(boot, memtest, "bochs")
    lines = wait_for_screen(machine, r"Test #[2-9]", PASS_SECONDS)
    assert any("Memtest86+" in line for line in lines), lines
