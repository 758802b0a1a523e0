# SPDX-License-Identifier: MIT
"""Reboot and power-off on machines that have different ways to do them."""

import pytest

# By ACPI's reset register and S5, where there is no other line.
MACHINES = {
    "pc": {"emulator": "qemu"},
    "q35": {"emulator": "qemu", "machine": "q35"},
    "uefi": {"emulator": "qemu", "machine": "q35", "firmware": "uefi"},
    "bochs": {"emulator": "bochs"},
}

# What is left without ACPI, and what is tried in vain before.
RESETS_WITHOUT_ACPI = {
    "pc,acpi=off": [],  # port 0xcf9
    "isapc": ["power: port 0xcf9 did not reset the machine"],  # 8042
    "isapc,i8042=off": [  # triple fault
        "power: port 0xcf9 did not reset the machine",
        "power: the 8042 did not reset the machine",
    ],
}


def check_reboot(machine, *tried):
    machine.expect_prompt(timeout=90)
    machine.sendline("reboot")
    for line in [*tried, r"Husk \d"]:
        machine.expect(line, timeout=60)
    machine.expect_prompt(timeout=90)
    after = machine.serial_text().split("restarting the machine")[1].split("Husk ")[0]
    assert after.count("power: ") == len(tried), after


@pytest.mark.parametrize("name", MACHINES)
def test_reboot_starts_the_machine_again(boot, name):
    # In Bochs once only, and with one CPU: after further resets its BIOS stops.
    check_reboot(boot("", cpus=1 if name == "bochs" else 2, **MACHINES[name]))


@pytest.mark.parametrize("machine_type", RESETS_WITHOUT_ACPI)
def test_reboot_without_acpi(boot, machine_type):
    machine = boot("", emulator="qemu", machine=machine_type)
    check_reboot(machine, *RESETS_WITHOUT_ACPI[machine_type])


@pytest.mark.parametrize("name", MACHINES)
def test_poweroff_ends_the_machine(boot, name):
    machine = boot("", cpus=2, **MACHINES[name])
    machine.expect_prompt(timeout=90)
    machine.sendline("poweroff")
    assert "power: " not in machine.expect_end(timeout=30) or name == "bochs"


def test_poweroff_that_is_not_possible_is_said(boot):
    machine = boot("", emulator="qemu", machine="pc,acpi=off")
    machine.expect_prompt(timeout=90)
    machine.sendline("poweroff")
    machine.expect(r"power: ACPI has no way to switch this machine off", timeout=20)
    machine.expect(r"It is now safe to turn the machine off\.", timeout=20)
