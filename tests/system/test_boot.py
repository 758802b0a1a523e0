# SPDX-License-Identifier: MIT
"""Husk reaches its prompt on every kind of machine it is made for."""

import re

import pytest

QEMU_MACHINES = [
    {"firmware": "bios", "machine": "pc", "cpus": 1},
    {"firmware": "bios", "machine": "q35", "cpus": 4},
    {"firmware": "uefi", "machine": "q35", "cpus": 2},
]


def spec_name(spec):
    return "-".join(str(value) for value in spec.values())


@pytest.mark.parametrize("cpus", [1, 2, 4, 8])
def test_boots_in_bochs(boot, cpus):
    machine = boot("", emulator="bochs", cpus=cpus)
    machine.expect_prompt(timeout=90)
    assert len(re.findall(r"^ *\d+ ", "\n".join(machine.command("cpus")), re.M)) == cpus


@pytest.mark.parametrize("spec", QEMU_MACHINES, ids=spec_name)
def test_boots_in_qemu(boot, spec):
    machine = boot("", emulator="qemu", **spec)
    machine.expect_prompt(timeout=90)
    assert len(re.findall(r"^ *\d+ ", "\n".join(machine.command("cpus")), re.M)) == spec["cpus"]


def test_boots_with_32_cpus_in_qemu(boot):
    machine = boot("", emulator="qemu", cpus=32, machine="q35", memory=1024)
    machine.expect_prompt(timeout=110)
    assert len(re.findall(r"^ *\d+ ", "\n".join(machine.command("cpus")), re.M)) == 32


def test_the_iso_that_users_get_boots(boot):
    machine = boot(emulator="bochs", cpus=2)
    machine.expect_prompt(timeout=90)
