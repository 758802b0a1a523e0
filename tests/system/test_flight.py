# SPDX-License-Identifier: MIT
"""The last exits of a vCPU: whole and in order, whatever the VM does meanwhile."""

import re

import pytest

from beds import in_every_bed, on_both_vendors
from harness import BEDS
from test_guests import NOT_ON_RYZEN

EXITS = 256
EXIT = re.compile(r" +(\d+) us ago  RIP 0x([0-9a-f]{16})  (.+?)(?:, (\w+) (0x[0-9a-f]+))?")
DETAILS = {
    "I/O port": "port",
    "nested page fault": "address",
    "RDMSR": "MSR",
    "WRMSR": "MSR",
    "control register": "CR",
    "exception": "vector",
}


def flight(machine, vcpu):
    """What `flight` shows, as (microseconds, RIP, kind, detail); each line is right in itself."""
    lines = machine.command(f"flight {vcpu}", timeout=60)
    exits = [EXIT.fullmatch(line) for line in lines]
    assert all(exits) and len(exits) <= EXITS, lines
    assert all(line[4] == DETAILS.get(line[3]) for line in exits), lines
    ages = [int(line[1]) for line in exits]
    assert ages == sorted(ages, reverse=True) and max(ages, default=0) < 600e6, lines
    return [(int(line[1]), int(line[2], 16), line[3], line[5]) for line in exits]


@in_every_bed
def test_the_last_exits_of_a_guest(boot, bed):
    machine = boot("", **BEDS[bed])
    machine.expect_prompt(timeout=90)
    machine.command("start ticker")
    machine.expect("tick 2 ", timeout=90)
    machine.expect_prompt()
    machine.command("pause ticker")
    exits = flight(machine, "ticker")
    assert len(exits) > EXITS / 4
    assert "HLT" in [kind for _, _, kind, _ in exits]
    assert "0x3f8" in [detail for _, _, kind, detail in exits if kind == "I/O port"]
    assert all(0x100000 <= rip < 0x200000 for _, rip, _, _ in exits), exits
    again = flight(machine, "ticker 0")
    assert [exit[1:] for exit in again] == [exit[1:] for exit in exits]
    assert machine.command("flight ticker 1") == ["ticker has vCPUs 0 to 0"]
    # Another life begins with another list.
    machine.command("stop ticker")
    machine.expect_off("ticker")
    assert machine.command("flight ticker") == ["ticker is off: it has no CPU"]


@in_every_bed
def test_a_guest_that_only_computes_has_the_exits_of_its_start(boot, bed):
    if bed == "ryzen":
        pytest.skip(NOT_ON_RYZEN["hog"])
    machine = boot("", **BEDS[bed])
    machine.expect_prompt(timeout=90)
    machine.sendline("start hog")
    machine.expect("hog: spinning")
    machine.expect_prompt()
    machine.command("vms")
    exits = flight(machine, "hog")
    assert "I/O port" in [kind for _, _, kind, _ in exits]
    later = flight(machine, "hog")
    assert [exit[1:] for exit in later] == [exit[1:] for exit in exits]
    machine.sendline("reset hog")
    machine.expect(r"\] \[hog\] reset\r")
    machine.expect("hog: spinning")
    machine.expect_prompt()
    assert flight(machine, "hog")[0][0] < later[0][0] + 60e6


@in_every_bed
def test_an_ended_vm_tells_its_last_exit(boot, bed):
    machine = boot("guests=hello", **BEDS[bed])
    machine.expect(r"\[hello\] ended: exit status 42", timeout=90)
    machine.expect_prompt()
    exits = flight(machine, "hello")
    assert exits[-1][2:] == ("I/O port", "0xf4"), exits[-3:]


# All four do their worst on two CPUs, while the monitor looks.
@on_both_vendors
def test_vcpus_that_run_are_shown_whole(boot, build, bed):
    storm = (build / "guests/hostile.elf", "vm=storm mem=4M cpus=4 -- smp")
    machine = boot("", [storm], limit=280, **{**BEDS[bed], "cpus": 2})
    machine.expect("IPIs to oneself, by all", timeout=200)
    machine.sendline("mute storm")
    machine.expect_prompt()
    for vcpu in range(4):
        assert flight(machine, f"storm {vcpu}")
    machine.command("stop storm")
    machine.expect_off("storm")
