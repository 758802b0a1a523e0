# SPDX-License-Identifier: MIT
"""Husk boots from any state of the CPU that firmware and boot loader leave."""

import re
import subprocess

import pytest

# What they may have left on, as gdb sets it at Husk's first instruction.
STATES = {
    "la57": {"cr4": "1 << 12"},
    "cr4": {"cr4": "1 << 2 | 1 << 3 | 1 << 9 | 1 << 11 | 1 << 12 | 1 << 20 | 1 << 21"},
    "cr0": {"cr0": "1 << 2 | 1 << 3 | 1 << 18 | 1 << 30"},  # EM, TS, AM, CD
    "efer": {"efer": "1 | 1 << 8 | 1 << 11 | 1 << 12"},  # SCE, LME, NXE, SVME
}


def entry_of(kernel):
    header = subprocess.run(["readelf", "-h", kernel], check=True, capture_output=True, text=True)
    return re.search(r"Entry point address: +(0x\w+)", header.stdout)[1]


@pytest.mark.parametrize("name", STATES)
def test_state_of_the_cpu(boot, build, name):
    machine = boot("guests=hello", emulator="qemu", gdb=True, stopped=True, reboot=False)
    changes = [f"set ${register} |= {bits}" for register, bits in STATES[name].items()]
    commands = [
        f"target remote {machine.folder}/gdb",
        f"hbreak *{entry_of(build / 'iso/boot/husk.elf')}",
        "continue",
        *changes,
        "delete",
        "detach",
    ]
    arguments = [word for command in commands for word in ("-ex", command)]
    gdb = ["gdb", "-q", "-batch", "-nx", "-ex", "set architecture i386:x86-64", *arguments]
    done = subprocess.run(gdb, capture_output=True, text=True, timeout=60, check=True)
    assert "Breakpoint 1, 0x" in done.stdout, done.stdout + done.stderr
    machine.expect(r"\[hello\] ended: exit status 42", timeout=60)
