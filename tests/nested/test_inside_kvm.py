# SPDX-License-Identifier: MIT
"""Husk inside Linux/KVM does what it does on a machine of its own: guests, Linux, GRUB."""

import re

import pytest

import expected
import husk_image
import linux_guest
from machine import BEDS
from test_grub_guest import check_prompt
from test_guests import lines_of

# What a guest may take, times the seconds of its expected.txt: a machine in a machine in an
# emulator, which shares this machine with others.
SLOWNESS = 60
SECONDS = 3600  # for everything else

in_every_bed = pytest.mark.parametrize("bed", BEDS)


@in_every_bed
@pytest.mark.parametrize("name", husk_image.GUESTS)
def test_guest_prints_what_is_expected(inside, bed, name):
    want = husk_image.expected_of(name, bed)
    limit = want.seconds * SLOWNESS
    husk = inside.husk
    inside.start_vm(name, limit)
    if want.runs_for_ever:
        husk.expect(re.escape(f"[{name}] {want.lines[-1]}"), timeout=limit)
    else:
        end = rf"\[{name}\] ((?:ended|stopped|not started): [^\r\n]*)[\r\n]"
        status = f"ended: exit status ({want.status_in(bed)})"
        assert re.fullmatch(status, husk.expect(end, timeout=limit)[1])
    inside.stop_vm(name, limit)
    lines = lines_of(inside.husk_text(), name)
    assert expected.difference(want, lines, bed, [expected.KVM]) is None


@in_every_bed
@pytest.mark.parametrize("name", husk_image.LINUX)
def test_linux_boots_to_a_shell(inside, name):
    husk = inside.husk
    inside.start_vm(name, SECONDS)
    husk.sendline(f"console {name}")
    shell = linux_guest.Shell(husk, SECONDS)
    assert shell.run("nproc", SECONDS) == [str(husk_image.LINUX[name])]
    assert shell.run("echo $((6 * 7))", SECONDS) == ["42"]
    # Ctrl-] comes back before the guest ends, after which the monitor would want an Enter.
    husk.send("poweroff -f\r\x1d")
    husk.expect(rf"\[{name}\] ended: powered off", timeout=SECONDS)
    husk.expect_prompt(SECONDS)
    inside.stop_vm(name, SECONDS)


@in_every_bed
def test_grub_answers_at_its_prompt(inside):
    husk = inside.husk
    inside.start_vm("grub", SECONDS)
    husk.sendline("console grub")
    check_prompt(husk, SECONDS)
    husk.send("\x1d")  # Ctrl-] comes back
    husk.expect_prompt(SECONDS)
    inside.stop_vm("grub", SECONDS)


# Of L1, for one operation of L3, by bed and what KVM is told. Two are the least: that of the
# operation, and that of the VMRESUME or VMRUN with which Husk answers it. Without shadow VMCS each
# VMREAD and VMWRITE of Husk is one more.
EXITS = {
    ("bochs", ""): {"cpuid": 2, "rdmsr": 2, "port": 2, "mmio": 2},
    ("bochs", "enable_shadow_vmcs=0"): {"cpuid": 8, "rdmsr": 8, "port": 9, "mmio": 15},
    ("ryzen", ""): {"cpuid": 2, "rdmsr": 2, "port": 2, "mmio": 2},
    ("qemu", ""): {"cpuid": 2, "rdmsr": 2, "port": 2, "mmio": 2},
}


def exits_of_a_run(inside, operation, count):
    """L1's exits from the start of a VM to its end; it carries out the operation so often."""
    name = husk_image.loop_name(operation, count)
    before = inside.exits()
    inside.start_vm(name, SECONDS)
    inside.husk.expect(rf"\[{name}\] (ended|stopped)[^\r\n]*[\r\n]", SECONDS)
    exits = inside.exits() - before
    inside.stop_vm(name, SECONDS)
    return exits


def exits_of(inside, operation):
    fewer, more = husk_image.COUNTS
    runs = [exits_of_a_run(inside, operation, count) for count in (fewer, more)]
    return (runs[1] - runs[0]) / (more - fewer)


def exits_of_operations(inside):
    exits = {operation: exits_of(inside, operation) for operation in husk_image.OPERATIONS}
    print(f"exits of L1 for one operation: {exits}")
    return {operation: round(number) for operation, number in exits.items()}


@pytest.mark.parametrize("bed, kvm", EXITS)
def test_operations_of_a_guest_cost_so_many_exits(inside, bed, kvm):
    assert exits_of_operations(inside) == EXITS[bed, kvm]
