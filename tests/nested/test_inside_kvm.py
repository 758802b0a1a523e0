# SPDX-License-Identifier: MIT
"""Husk inside Linux/KVM does what it does on a machine of its own: guests, Linux, GRUB."""

import re

import pytest

import expected
import husk_image
import l1_image
import linux_guest
from machine import BEDS
from test_grub_guest import check_prompt
from test_guests import NOT_ON_RYZEN, lines_of

# What a guest may take, times the seconds of its expected.txt: a machine in a machine in an
# emulator, which shares this machine with others.
SLOWNESS = 60
SECONDS = 3600  # for everything else

in_every_bed = pytest.mark.parametrize("bed", BEDS)


def skip_on_ryzen(bed, name):
    if bed == "ryzen" and name in NOT_ON_RYZEN:
        pytest.skip(NOT_ON_RYZEN[name])


@in_every_bed
@pytest.mark.parametrize("name", husk_image.GUESTS)
def test_guest_prints_what_is_expected(inside, bed, name):
    skip_on_ryzen(bed, name)
    want = husk_image.expected_of(name)
    limit = want.seconds * SLOWNESS
    husk = inside.husk
    husk.command(f"start {name}", limit)
    if want.runs_for_ever:
        husk.expect(re.escape(f"[{name}] {want.lines[-1]}"), timeout=limit)
        husk.command(f"stop {name}", limit)
    else:
        end = rf"\[{name}\] ((?:ended|stopped|not started): [^\r\n]*)[\r\n]"
        status = f"ended: exit status ({want.status_in(bed)})"
        assert re.fullmatch(status, husk.expect(end, timeout=limit)[1])
    lines = lines_of(inside.husk_text(), name)
    assert expected.difference(want, lines, bed, [expected.KVM]) is None


@in_every_bed
@pytest.mark.parametrize("name", husk_image.LINUX)
def test_linux_boots_to_a_shell(inside, name):
    husk = inside.husk
    husk.command(f"start {name}", SECONDS)
    husk.sendline(f"console {name}")
    shell = linux_guest.Shell(husk, SECONDS)
    assert shell.run("nproc", SECONDS) == [str(husk_image.LINUX[name])]
    assert shell.run("echo $((6 * 7))", SECONDS) == ["42"]
    husk.sendline("poweroff -f")
    husk.expect(f"{name} ended: powered off", timeout=SECONDS)
    husk.sendline()
    husk.expect_prompt(SECONDS)


@in_every_bed
def test_grub_answers_at_its_prompt(inside):
    husk = inside.husk
    husk.command("start grub", SECONDS)
    husk.sendline("console grub")
    check_prompt(husk, SECONDS)
    husk.send("\x1d")  # Ctrl-] comes back
    husk.expect_prompt(SECONDS)
    husk.command("stop grub", SECONDS)


# Of L1, for one operation of L3; README.md has the table. Two are the least: that of the operation,
# and that of the VMRESUME or VMRUN with which Husk answers it.
EXITS = {
    "bochs": {"cpuid": 2, "rdmsr": 2, "port": 2, "mmio": 3},
    "ryzen": {"cpuid": 2, "rdmsr": 2, "port": 2, "mmio": 2},
    "qemu": {"cpuid": 2, "rdmsr": 2, "port": 2, "mmio": 2},
}
# Where the CPU has no shadow VMCS, each VMREAD and VMWRITE is one more.
EXITS_WITHOUT_SHADOW = {"cpuid": 8, "rdmsr": 8, "port": 9, "mmio": 16}


def exits_of_a_run(inside, operation, count):
    """L1's exits from the start of a VM to its end; it carries out the operation so often."""
    name = husk_image.loop_name(operation, count)
    before = inside.exits()
    inside.husk.command(f"start {name}", SECONDS)
    inside.husk.expect(rf"\[{name}\] (ended|stopped)[^\r\n]*[\r\n]", SECONDS)
    return inside.exits() - before


def exits_of(inside, operation):
    fewer, more = husk_image.COUNTS
    runs = [exits_of_a_run(inside, operation, count) for count in (fewer, more)]
    return (runs[1] - runs[0]) / (more - fewer)


def exits_of_operations(inside):
    exits = {operation: exits_of(inside, operation) for operation in husk_image.OPERATIONS}
    print(f"exits of L1 for one operation: {exits}")
    return {operation: round(number) for operation, number in exits.items()}


@in_every_bed
def test_operations_of_a_guest_cost_so_many_exits(inside, bed):
    assert exits_of_operations(inside) == EXITS[bed]


@pytest.mark.parametrize("bed", ["bochs"])
def test_operations_cost_more_exits_without_shadow_vmcs(inside):
    inside.stop_husk()
    inside.shell(f"rmmod kvm-intel; insmod {l1_image.KVM_INTEL} enable_shadow_vmcs=0")
    inside.start_husk()
    assert exits_of_operations(inside) == EXITS_WITHOUT_SHADOW
