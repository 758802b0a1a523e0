# SPDX-License-Identifier: MIT
"""GRUB, which knows nothing of Husk, runs in a VM: its prompt, its commands, its reboot."""

import grub_guest
from beds import on_both_vendors
from harness import BEDS

MIB = 1 << 20


def grub_command(machine, text):
    """Runs a command at GRUB's prompt; returns what came up to the next prompt."""
    machine.sendline(text)
    machine.expect(f"{text}\\s")
    machine.expect("grub> ")
    return machine.console.before


@on_both_vendors
def test_grub_answers_at_its_prompt_and_reboots(boot, tmp_path, bed):
    image = grub_guest.make(tmp_path, 64 * MIB)
    line = "vm=grub mem=64M"
    machine = boot(modules=[(image, line)], limit=180, **BEDS[bed])
    machine.expect_prompt(timeout=90)
    machine.sendline("console grub")
    machine.expect("connected to grub")
    machine.sendline()
    machine.expect("grub> ", timeout=60)

    grub_command(machine, "ls")
    # The map is that of the table in its image (grub_guest.py), which asks for no more than RAM.
    memory_map = grub_command(machine, "lsmmap")
    assert "base_addr = 0x0, length = 0x9fc00" in memory_map
    assert "base_addr = 0x100000, length = 0x3f00000" in memory_map
    grub_command(machine, "cpuid -l")
    assert "20" in grub_command(machine, "date")
    machine.sendline("reboot")  # empties the IDT and interrupts: a triple fault
    machine.expect("GNU GRUB", timeout=60)
    machine.expect("grub> ", timeout=60)

    machine.send("\x1d")  # Ctrl-] comes back
    machine.expect_prompt()
    assert any(line.startswith("grub ") and "running" in line for line in machine.command("vms"))
