# SPDX-License-Identifier: MIT
"""Machines that lack clocks, and clocks that disagree: Husk finds the TSC's rate all the same."""

import struct

import pytest

from test_machines import expect_hello

# What is left when the clocks of a PC are not there, and which clock Husk then takes.
QEMU = {
    "no-hpet": ("q35,hpet=off", "", "measured against the PM timer"),
    "no-pm-timer": ("q35,hpet=off", "no=pm-timer", "measured against the PIT"),
    "nothing": ("q35,hpet=off,pit=off", "no=pm-timer", "measured against the CMOS clock"),
}


@pytest.mark.parametrize("name", QEMU)
def test_qemu(boot, name):
    board, words, clock = QEMU[name]
    machine = boot(f"guests=hello {words}", emulator="qemu", machine=board, cpus=2)
    rate = machine.expect(rf"time: TSC at (\d+) kHz, {clock}[\r\n]", timeout=60)
    assert int(rate[1]) > 100_000
    machine.expect(r"CPUs: 2 run", timeout=60)
    expect_hello(machine)


# A table of the firmware that is wrong: no CPU has the address, or RAM is there.
@pytest.mark.parametrize("address", [1 << 60, 32 << 20])
def test_an_hpet_that_cannot_be_there(boot, tmp_path, address):
    base = struct.pack("<BBBBQ", 0, 64, 0, 0, address)
    table = tmp_path / "hpet"
    table.write_bytes(struct.pack("<I12sBHB", 0x8086A201, base, 0, 100, 0))
    extra = ("-acpitable", f"sig=HPET,rev=1,data={table}")
    machine = boot("no=pm-timer", emulator="qemu", machine="q35,hpet=off", extra=extra)
    machine.expect(r"ACPI: .*HPET", timeout=60)
    machine.expect(r"measured against the PIT[\r\n]", timeout=60)
    machine.expect_prompt(timeout=60)


# These models of Bochs state a rate that is 35 times theirs, so everything that waits is slow.
def test_a_stated_rate_suffices(boot):
    machine = boot("no=pm-timer,hpet,pit", emulator="bochs")
    machine.expect(r"time: TSC at \d+ kHz, as stated by CPUID 15H[\r\n]", timeout=60)
    machine.expect_prompt(timeout=60)


def test_rates_that_disagree_are_named(boot):
    machine = boot("", emulator="bochs")
    machine.expect(r"time: TSC at \d+ kHz, measured against the PM timer[\r\n]", timeout=60)
    machine.expect(r"time: CPUID 15H states another rate, \d+ kHz[\r\n]", timeout=60)
