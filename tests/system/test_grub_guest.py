# SPDX-License-Identifier: MIT
"""GRUB, which knows nothing of Husk, runs in a VM: its prompt, its commands, its reboot."""

import grub_guest
from beds import on_both_vendors
from harness import BEDS

MIB = 1 << 20


def grub_command(terminal, text, timeout):
    """Runs a command at GRUB's prompt; returns what came up to the next prompt."""
    terminal.sendline(text)
    terminal.expect(f"{text}\\s", timeout)
    terminal.expect("grub> ", timeout)
    return terminal.console.before


def check_prompt(terminal, timeout):
    """GRUB's prompt comes, with 64 MiB, and answers; the terminal is connected to it."""
    terminal.expect("connected to grub", timeout)
    terminal.sendline()
    terminal.expect("grub> ", timeout)
    grub_command(terminal, "ls", timeout)
    # The map is that of the table in its image (grub_guest.py), which asks for no more than RAM.
    memory_map = grub_command(terminal, "lsmmap", timeout)
    assert "base_addr = 0x0, length = 0x9fc00" in memory_map
    assert "base_addr = 0x100000, length = 0x3f00000" in memory_map
    grub_command(terminal, "cpuid -l", timeout)
    assert "20" in grub_command(terminal, "date", timeout)


@on_both_vendors
def test_grub_answers_at_its_prompt_and_reboots(boot, tmp_path, bed):
    image = grub_guest.make(tmp_path, 64 * MIB)
    line = "vm=grub mem=64M"
    machine = boot(modules=[(image, line)], limit=180, **BEDS[bed])
    machine.expect_prompt(timeout=90)
    machine.sendline("console grub")
    check_prompt(machine, 60)
    machine.sendline("reboot")  # empties the IDT and interrupts: a triple fault
    machine.expect("GNU GRUB", timeout=60)
    machine.expect("grub> ", timeout=60)

    machine.send("\x1d")  # Ctrl-] comes back
    machine.expect_prompt()
    assert any(line.startswith("grub ") and "running" in line for line in machine.command("vms"))
