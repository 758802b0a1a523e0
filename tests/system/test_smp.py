# SPDX-License-Identifier: MIT
"""VMs with several vCPUs: changed while they run, looked into, spread over the CPUs as asked."""

import re

import pytest

from beds import on_both_vendors, on_vtx
from harness import BEDS

BAD_LISTS = {
    "list": ("cpu=0,1-", "cpu=0,1-: expected numbers of CPUs, 0 to 255, such as 2 or 1,4-7"),
    "back": ("cpu=1-0", "cpu=1-0: expected numbers of CPUs, 0 to 255, such as 2 or 1,4-7"),
    "far": ("cpu=0-2", "vm=far: cpu=2: this machine runs CPUs 0 to 1"),
    "many": ("cpus=65", "cpus=65: expected a number from 1 to 64"),
}


def start(boot, build, options, processors, bed, cpus=2):
    """A machine whose guest smp has started all its processors."""
    module = (build / "guests/smp.elf", f"vm=smp mem=32M {options} -- cpus={processors}")
    machine = boot("", [module], limit=280, **{**BEDS[bed], "cpus": cpus})
    expect_processors(machine, processors)
    return machine


def expect_processors(machine, count):
    numbers = " ".join(str(number) for number in range(count))
    machine.expect(f"smp: {count} processors, APIC IDs {numbers}", timeout=120)


def change(machine, command, done):
    """A monitor command; lines of the guest may come before its answer, and into its echo."""
    machine.sendline(f"{command} smp")
    machine.expect(f"\nsmp {done}")


def begin(machine, command, done):
    """The same for what the log says the end of."""
    machine.sendline(f"{command} smp")
    machine.expect(rf"\] \[smp\] {done}\r")


def memory_rows(machine):
    return [line for line in machine.command("memory") if line.startswith(("Husk", "all guests"))]


# All four run, halt, or wait for their SIPI at that moment, on two CPUs and on four.
@pytest.mark.parametrize("bed, cpus", [("bochs", 2), ("qemu", 2), ("qemu", 4)])
def test_fifty_lives_of_a_running_vm_leak_no_frame(boot, build, bed, cpus):
    machine = start(boot, build, "cpus=4", 4, bed, cpus)
    machine.expect_prompt()
    change(machine, "stop", "stopped")
    machine.expect_prompt()
    machine.expect_off("smp")
    before = memory_rows(machine)
    for _ in range(50):
        begin(machine, "start", "started")
        change(machine, "pause", "paused")
        change(machine, "resume", "goes on")
        begin(machine, "reset", "reset")
        change(machine, "stop", "stopped")
    machine.expect_prompt()
    machine.expect_off("smp")
    assert memory_rows(machine) == before
    begin(machine, "start", "started")
    expect_processors(machine, 4)


@on_both_vendors
def test_a_pause_stops_all_vcpus_and_a_resume_lets_them_go_on(boot, build, bed):
    machine = start(boot, build, "cpus=4", 4, bed)
    for _ in range(10):
        change(machine, "pause", "paused")
        change(machine, "resume", "goes on")
    machine.expect("smp: TLB shootdown: by INVLPG: ok", timeout=120)


def vcpus_of_cpus(machine):
    """For each CPU the vCPUs that `cpus` shows on it."""
    rows = [line for line in machine.command("cpus") if re.match(r" *\d+ +\d+%", line)]
    return [re.findall(r"smp/(\d+)", row) for row in rows]


@on_both_vendors
def test_each_vcpu_can_be_looked_into(boot, build, bed):
    machine = start(boot, build, "cpus=4", 4, bed)
    assert sorted(vcpus_of_cpus(machine)) == [["0", "2"], ["1", "3"]]
    for index in range(4):
        lines = machine.command(f"regs smp {index}")
        assert any(re.match(r"RIP +[0-9a-f]{16}", line) for line in lines), lines
    assert machine.command("regs smp 4") == ["smp has vCPUs 0 to 3"]


@on_vtx
def test_more_vcpus_than_cpus(boot, build, bed):
    machine = start(boot, build, "cpus=8", 8, bed)
    machine.expect("smp: xapic: fixed, physical: ok", timeout=120)


@on_both_vendors
def test_all_vcpus_on_one_cpu(boot, build, bed):
    machine = start(boot, build, "cpus=4 cpu=1", 4, bed)
    assert vcpus_of_cpus(machine) == [[], ["0", "1", "2", "3"]]
    machine.expect("smp: TLB shootdown: by INVLPG: ok", timeout=120)


# The holder of a lock may wait for the CPU on which others wait for the lock.
@on_vtx
def test_a_loop_of_pause_gives_way(boot, build, bed):
    machine = start(boot, build, "cpus=4 cpu=1", 4, bed)
    machine.expect(r"\[smp\] ended: exit status 0", timeout=120)
    machine.expect_prompt()
    assert any(re.match(r"PAUSE loop +[1-9]", line) for line in machine.command("exits smp"))


def lock_turns(machine, name):
    machine.sendline(f"start {name}")
    turns = machine.expect(rf"\[{name}\] smp: locks: (\d+) turns in 500 ms", timeout=120)
    machine.expect(rf"\[{name}\] ended: exit status 0", timeout=120)
    return int(turns[1])


# In Bochs a tick is an instruction. Without an exit for loops of PAUSE, a waiting processor uses up
# its slice.
@pytest.mark.parametrize("bed", ["bochs", "ryzen"])
def test_a_lock_changes_hands_faster_if_waiting_processors_halt(boot, build, bed):
    lines = {"halting": "", "spinning": "pv=no"}
    modules = [
        (build / "guests/smp.elf", f"vm={name} mem=4M cpus=8 cpu=0,1 start=no {word} -- locks=500")
        for name, word in lines.items()
    ]
    machine = boot("", modules, limit=280, **BEDS[bed])
    machine.expect_prompt(timeout=90)
    turns = {name: lock_turns(machine, name) for name in lines}
    assert turns["halting"] >= 2 * turns["spinning"], turns


@on_vtx
def test_a_wrong_list_of_cpus_is_named_in_one_line(boot, build, bed):
    hello = build / "guests/hello.elf"
    modules = [(hello, f"vm={name} {options}") for name, (options, _) in BAD_LISTS.items()]
    modules.append((hello, "vm=good cpus=2 cpu=0-1"))
    machine = boot("", modules, **BEDS[bed])
    machine.expect(r"\[good\] ended: exit status 42", timeout=90)
    machine.expect_prompt()
    log = machine.command("log")
    for _, complaint in BAD_LISTS.values():
        assert sum(complaint in line for line in log) == 1, complaint
    assert [line.split()[0] for line in machine.command("vms")] == ["NAME", "good"]
