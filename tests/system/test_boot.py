# SPDX-License-Identifier: MIT
"""Husk reaches its prompt on every kind of machine it is made for."""

import datetime
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


def test_the_log_has_the_date(boot):
    machine = boot("", emulator="qemu")
    shown = machine.expect(r"date: (\d{4}-\d\d-\d\d [0-9:]{8}) UTC \(the machine's clock\)", 60)
    date = datetime.datetime.fromisoformat(shown[1] + "+00:00")
    passed = datetime.datetime.now(datetime.timezone.utc) - date
    assert abs(passed) < datetime.timedelta(seconds=60), date
    machine.expect_prompt()
    assert any(shown[0] in line for line in machine.command("log"))


def test_boots_with_32_cpus_in_qemu(boot):
    machine = boot("", emulator="qemu", cpus=32, machine="q35", memory=1024)
    machine.expect_prompt(timeout=110)
    assert len(re.findall(r"^ *\d+ ", "\n".join(machine.command("cpus")), re.M)) == 32


def test_the_iso_that_users_get_boots(boot):
    machine = boot(emulator="bochs", cpus=2)
    machine.expect_prompt(timeout=90)
