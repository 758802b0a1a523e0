# SPDX-License-Identifier: MIT
"""The monitor: every command answers, a wrong one gets one line."""

import re

import pytest

from beds import on_both_vendors, on_vtx
from harness import BEDS

COMMANDS = (
    "vms cpus memory start stop pause resume reset console regs read walk flight exits log reboot "
    "poweroff"
).split()

WRONG = {
    "bogus": "no command 'bogus'",
    "stop": "expected: stop NAME",
    "stop nosuch": "no VM 'nosuch'",
    "read hog zz": "'zz' is no address",
    "vms extra words": "expected: vms",
    "start nosuch": "nosuch",
}


@pytest.fixture
def machine(boot, bed):
    started = boot("", **BEDS[bed])
    started.expect_prompt(timeout=90)
    return started


def start_hog(machine):
    """Its one line comes when it likes; after it the screen stays as it is."""
    machine.sendline("start hog")
    machine.expect(r"\[hog\] started")
    machine.expect("hog: spinning")
    machine.expect_prompt()


def state_of(machine, name):
    row = next(line for line in machine.command("vms") if line.startswith(f"{name} "))
    return row.split()[1]


@on_vtx
def test_help_has_a_line_for_each_command(machine):
    first_words = [line.split()[0] for line in machine.command("help")]
    assert set(COMMANDS) <= set(first_words)


@on_vtx
def test_what_is_wrong_gets_one_line_that_says_so(machine):
    start_hog(machine)
    for command, answer in WRONG.items():
        lines = machine.command(command)
        assert len(lines) == 1 and answer in lines[0], f"{command}: {lines}"


@on_both_vendors
def test_a_vm_goes_through_all_its_states(machine):
    start_hog(machine)
    assert state_of(machine, "hog") == "running"
    machine.command("pause hog")
    assert state_of(machine, "hog") == "paused"
    machine.command("resume hog")
    assert state_of(machine, "hog") == "running"
    machine.sendline("reset hog")
    machine.expect("hog: spinning")
    machine.expect_prompt()
    assert state_of(machine, "hog") == "running"
    machine.command("stop hog")
    machine.expect_off("hog")


@on_both_vendors
def test_a_vm_can_be_looked_into(machine):
    start_hog(machine)
    assert any(line.startswith("RIP ") for line in machine.command("regs hog"))
    dump = machine.command("read hog 0x100000 32")
    assert [re.match(r"[0-9a-f]{12}  ([0-9a-f]{2} ){16}", line) is not None for line in dump] == [
        True,
        True,
    ]
    assert any("all exits" in line for line in machine.command("exits hog"))


@on_both_vendors
def test_walk_follows_an_address_to_the_machines_memory(machine):
    start_hog(machine)
    rip = next(
        re.search(r"RIP\s+([0-9a-f]{16})", line)[1]
        for line in machine.command("regs hog")
        if "RIP" in line
    )
    way = "\n".join(machine.command(f"walk hog 0x{rip}"))
    assert "view of one moment" in way and "4-level paging, CR3 0x" in way, way
    assert re.search(r"^PML4E +\d+ at 0x[0-9a-f]+ = 0x[0-9a-f]+: P W", way, re.M), way
    assert re.search(r"^    nested PML4E at 0x[0-9a-f]+ = 0x[0-9a-f]+: R W X", way, re.M), way
    assert re.search(rf"^guest-physical 0x{int(rip, 16):x}, in a page of .*: RAM$", way, re.M), way
    assert "ring 0 may read write execute" in way, way
    assert "MTRRs WB, nested table WB" in way and "the CPU uses WB" in way, way
    machine.command("pause hog")
    apic = "\n".join(machine.command("walk hog 0xfee00020"))
    assert "guest-physical 0xfee00020, in a page of" in apic and ": local APIC" in apic, apic
    assert "moment" not in apic, apic
    assert machine.command("walk hog 1 7") == ["hog has vCPUs 0 to 0"]


@on_both_vendors
def test_console_goes_to_the_guest_and_back(machine):
    machine.command("start ticker")
    machine.sendline("console ticker")
    machine.expect("connected to ticker")
    machine.expect(r"tick \d+ ", timeout=60)
    machine.send("\x1d")  # Ctrl-]
    machine.expect_prompt()
    assert state_of(machine, "ticker") == "running"


@on_vtx
def test_pasted_lines_arrive_whole(machine):
    words = [f"word{number:03}" for number in range(40)]
    machine.send("".join(f"{word}\r" for word in words))
    for word in words:
        machine.expect(f"no command '{word}'")
