# SPDX-License-Identifier: MIT
"""Interrupts that nobody handles do not keep others from coming."""

import time

import pytest

import qemu_bus


# One stands above the serial lines, the other one above the timer and the kicks too.
@pytest.mark.parametrize("vector", [0x40, 0xF8])
def test_an_interrupt_without_a_handler_is_ended(boot, build, tmp_path, vector):
    ticker = (build / "guests/ticker.elf", "vm=ticker mem=4M cpu=0")
    machine = boot(modules=[ticker], extra=qemu_bus.arguments(tmp_path))
    machine.expect(r"\[ticker\] tick 1 ", timeout=60)
    machine.expect_prompt()
    machine.command("stop ticker")
    qemu_bus.send(tmp_path, 0, vector)
    time.sleep(0.2)  # until the CPU has taken it
    machine.command("start ticker")
    machine.expect(r"\[ticker\] tick 2 ", timeout=60)
