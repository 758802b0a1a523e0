# SPDX-License-Identifier: MIT
"""Interrupts to a CPU from outside, by the socket that drives QEMU in its own tests."""

import socket

# A write there is a message to the CPU whose APIC id is in bits 12 to 19 (SDM Vol. 3A 10.11).
MESSAGES = 0xFEE00000
ID_SHIFT = 12
INIT = 5 << 8  # as data; a plain number is a vector


def arguments(folder):
    """QEMU's for a bus whose socket is in that folder."""
    return ("-qtest", f"unix:{folder}/bus,server=on,wait=off", "-qtest-log", "none")


def send(folder, apic_id, data):
    """Sends the message. It has arrived when this returns; the CPU may take it a little later."""
    with socket.socket(socket.AF_UNIX) as bus:
        bus.settimeout(20)
        bus.connect(f"{folder}/bus")
        bus.sendall(f"writel {MESSAGES | apic_id << ID_SHIFT:#x} {data:#x}\n".encode())
        assert bus.recv(100).startswith(b"OK")
