# SPDX-License-Identifier: MIT
"""A VM's PC as GRUB sees it: ACPI tables, PCI bus, text screen, keyboard, the way to switch off."""

import re
import time

import pytest

import grub_guest

MIB = 1 << 20
MODULES = ["at_keyboard", "lsacpi", "lspci", "halt"]


def grub_command(machine, text):
    """Runs a command at GRUB's prompt on the serial line; returns what came to the next prompt."""
    machine.sendline(text)
    machine.expect(f"{text}\\s")
    machine.expect("grub> ", timeout=120)
    return machine.console.before


def wait_for_screen(machine, text, limit=120):
    """The VM's screen once a row ends so: a line on its size and cursor, then the rows."""
    end = time.monotonic() + limit
    while True:
        screen = machine.command("screen grub")
        if any(row.endswith(text) for row in screen):
            return screen
        assert time.monotonic() < end, screen
        time.sleep(0.5)


# VT-x in Bochs, AMD-V in QEMU.
@pytest.mark.parametrize("emulator", ["bochs", "qemu"])
def test_grub_finds_the_pc_and_is_used_on_its_screen(boot, tmp_path, emulator):
    image = grub_guest.make(tmp_path, 64 * MIB, MODULES)
    machine = boot(modules=[(image, "vm=grub mem=64M")], emulator=emulator, cpus=2, limit=400)
    machine.expect_prompt(timeout=90)
    machine.sendline("console grub")
    machine.expect("connected to grub")
    machine.sendline()
    machine.expect("grub> ", timeout=120)

    tables = grub_command(machine, "lsacpi")
    assert "RSDPv2" in tables and "invalid" not in tables
    for table in ["XSDT", "FACP", "APIC", "SSDT", "HPET"]:
        assert re.search(rf"{table} +\d+B rev=\d chksum=\S+ \(valid\)", tables), table
    assert "Int Override bus=0 src=0 GSI=00000002" in tables
    assert re.findall(r"\d\d:\d\d\.\d .*", grub_command(machine, "lspci")) == [
        "00:00.0 8086:1237 [0600] Host Bridge"
    ]
    grub_command(machine, "terminal_output --append vga_text")
    machine.sendline("terminal_input at_keyboard")
    machine.send("\x1d")  # Ctrl-] comes back
    machine.expect_prompt()

    wait_for_screen(machine, "grub>")  # it throws away what comes while it switches over
    assert machine.command("type grub echo By-\\{shift-K}ey $((\\b\\b\\b&\\b!\\n")[-1].endswith(
        "keys typed"
    )
    screen = wait_for_screen(machine, "By-Key !")
    assert screen[0].startswith("80 columns, 25 rows, cursor in column ")
    machine.sendline("type grub halt\\n")  # by ACPI: FADT and \_S5
    machine.expect(re.escape("[grub] ended: powered off"), timeout=120)
