# SPDX-License-Identifier: MIT
"""Interrupts that nobody handles do not keep others from coming."""

import socket
import time

import pytest

APIC_OF_CPU_0 = 0xFEE00000  # a write there is a message with a vector (SDM Vol. 3A 10.11)


def send_interrupt(path, vector):
    """Lets the vector come to CPU 0, by the socket by which QEMU is driven in its own tests."""
    with socket.socket(socket.AF_UNIX) as bus:
        bus.settimeout(20)
        bus.connect(str(path))
        bus.sendall(f"writel {APIC_OF_CPU_0:#x} {vector:#x}\n".encode())
        assert bus.recv(100).startswith(b"OK")


# One stands above the serial lines, the other one above the timer and the kicks too.
@pytest.mark.parametrize("vector", [0x40, 0xF8])
def test_an_interrupt_without_a_handler_is_ended(boot, build, tmp_path, vector):
    bus = ("-qtest", f"unix:{tmp_path}/bus,server=on,wait=off", "-qtest-log", "none")
    ticker = (build / "guests/ticker.elf", "vm=ticker mem=4M cpu=0")
    machine = boot(modules=[ticker], extra=bus)
    machine.expect(r"\[ticker\] tick 1 ", timeout=60)
    machine.expect_prompt()
    machine.command("stop ticker")
    send_interrupt(tmp_path / "bus", vector)
    time.sleep(0.2)  # until it has come
    machine.command("start ticker")
    machine.expect(r"\[ticker\] tick 2 ", timeout=60)
