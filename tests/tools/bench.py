# SPDX-License-Identifier: MIT
"""Measures exits with the bench guest where a tick is an instruction, and shows a table a machine.

usage: bench.py --build FOLDER [BED...]

A BED is one of bochs (VT-x), plain (the same without APIC virtualization), ryzen (AMD-V with
next-RIP save, in Bochs) and counted (AMD-V without, in QEMU with -icount); all if none is given.
Fails when an operation is missing or above its limit. The last column is Linux/KVM 6.1, measured
the same way on the same machine. Where Bochs is the machine, its debugger also counts what it takes
from the monitor's `start` of a VM of 512 MiB to its first instruction, without the zeroing of its
memory.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass

# The harness of the system tests boots the machine here too.
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "system"))
import iso
from harness import BEDS, Machine, emulators

TIME_LIMIT_SECONDS = 180

START_MIB = 512
# All of it is RAM but the VGA hole in front of the text memory; 8 bytes an instruction.
START_ZEROING = (START_MIB * 1024 * 1024 - 0x18000) // 8
BREAKPOINT = re.compile(r"Breakpoint \d+, .*\nNext at t=(\d+)")


@dataclass(frozen=True)
class Bench:
    """A machine, with the most instructions that operations may take and what Linux/KVM takes."""

    title: str
    limits: dict
    kvm: dict
    machine: str = ""  # in harness.BEDS, where it has another name there
    switches: str = ""  # on Husk's command line
    first_entry: str = ""  # Bochs: the function that enters a guest


# With and without APIC virtualization.
VTX_LIMITS = {
    "cpuid": 130,
    "hypercall": 130,
    "rdmsr": 160,
    "wrmsr": 160,
    "pic-read": 220,
    "tsc-deadline": 200,
}
VTX_KVM = {
    "cpuid": 968,
    "hypercall": 1004,
    "rdmsr": 1079,
    "wrmsr": 1122,
    "pic-read": 1251,
    "pic-write": 1974,
    "xapic-read": 7188,
    "cr0-ts": 1172,
    "x2apic-eoi": 1166,
    "tsc-deadline": 898,
    "self-ipi-x2apic": 2283,
}

BENCHES = {
    "bochs": Bench(
        title="VT-x: Bochs, corei7_skylake_x",
        limits=VTX_LIMITS | {"x2apic-eoi": 20, "self-ipi-x2apic": 300, "start": 2000000},
        kvm=VTX_KVM,
        first_entry="vmx_enter",
    ),
    "plain": Bench(
        title="VT-x without APIC virtualization: the same",
        limits=VTX_LIMITS | {"x2apic-eoi": 150, "xapic-read": 400},
        kvm=VTX_KVM,
        machine="bochs",
        switches="no=apicv",
    ),
    "ryzen": Bench(
        title="AMD-V with next-RIP save: Bochs, ryzen",
        limits={
            "cpuid": 150,
            "hypercall": 150,
            "rdmsr": 180,
            "wrmsr": 180,
            "pic-read": 240,
            "xapic-read": 400,
            "tsc-deadline": 200,
            "start": 2000000,
        },
        first_entry="svm_enter",
        kvm={
            "cpuid": 1160,
            "hypercall": 1212,
            "rdmsr": 1225,
            "wrmsr": 1278,
            "pic-read": 1430,
            "pic-write": 2153,
            "xapic-read": 3591,
            "cr0-ts": 3541,
            "x2apic-eoi": 1328,
            "tsc-deadline": 1928,
            "self-ipi-x2apic": 2539,
        },
    ),
    "counted": Bench(
        title="AMD-V without next-RIP save: QEMU TCG, -icount shift=0",
        limits={
            "cpuid": 170,
            "hypercall": 170,
            "rdmsr": 200,
            "wrmsr": 200,
            "pic-read": 260,
            "xapic-read": 400,
            "tsc-deadline": 250,
        },
        kvm={
            "cpuid": 2712,
            "hypercall": 2945,
            "rdmsr": 2777,
            "wrmsr": 2809,
            "pic-read": 1420,
            "pic-write": 2143,
            "xapic-read": 3588,
            "cr0-ts": 3537,
            "x2apic-eoi": 2865,
            "tsc-deadline": 3457,
            "self-ipi-x2apic": 4257,
        },
    ),
}


def start_breaks(kernel, bed):
    """The commands for Bochs' debugger that stop where the time of a start begins and ends."""
    names = subprocess.run(["nm", kernel], check=True, capture_output=True, text=True).stdout
    addresses = {line.split()[-1]: line.split()[0] for line in names.splitlines()}
    stops = [f"lb 0x{addresses[name]}" for name in ("vm_start", BENCHES[bed].first_entry)]
    return "\n".join([*stops, "c", "c", "q", ""])


def measure_start(build, bed):
    """Instructions from the command to the guest's first one, without those that zero its RAM."""
    kernel = pathlib.Path(build, "iso/boot/husk.elf")
    with tempfile.TemporaryDirectory(prefix="husk-bench-") as folder:
        guest = pathlib.Path(build, "guests/hello.elf")
        image = iso.make(kernel, folder, "", [(guest, f"vm=web mem={START_MIB}M start=no")])
        commands = pathlib.Path(folder, "start-breaks")
        commands.write_text(start_breaks(kernel, bed), encoding="ascii")
        shape = {"cpus": 1, "memory": 2 * START_MIB, "debugger": str(commands)}
        spec = emulators.MachineSpec(iso=str(image), **(BEDS[bed] | shape))
        machine = Machine(spec, folder, TIME_LIMIT_SECONDS)
        try:
            machine.expect_prompt(timeout=TIME_LIMIT_SECONDS)
            machine.sendline("start web")
            machine.expect_end(timeout=TIME_LIMIT_SECONDS)
        finally:
            machine.stop()
        begin, end = BREAKPOINT.findall(pathlib.Path(folder, "emulator.log").read_text("utf-8"))
    return int(end) - int(begin) - START_ZEROING


def measure(build, bed):
    """Ticks (or "missing") by operation, in the order in which the guest measures them."""
    with tempfile.TemporaryDirectory(prefix="husk-bench-") as folder:
        kernel = pathlib.Path(build, "iso/boot/husk.elf")
        line = f"focus=bench guests=bench {BENCHES[bed].switches}".strip()
        image = iso.make(kernel, folder, line)
        machine = BEDS[BENCHES[bed].machine or bed] | {"cpus": 1}
        spec = emulators.MachineSpec(iso=str(image), **machine)
        machine = Machine(spec, folder, TIME_LIMIT_SECONDS)
        try:
            machine.expect(r"bench: tsc-deadline \w+\r", timeout=TIME_LIMIT_SECONDS)
        finally:
            machine.stop()
        lines = re.findall(r"bench: (\S+) (\d+|missing)", machine.serial_text())
    found = {name: ticks if ticks == "missing" else int(ticks) for name, ticks in lines}
    return found | ({"start": measure_start(build, bed)} if BENCHES[bed].first_entry else {})


def too_slow(bench, ticks):
    """The operations that miss their limit, as printable lines."""
    found = []
    for name, limit in bench.limits.items():
        value = ticks.get(name, "missing")
        if value == "missing" or value > limit:
            found.append(f"{name}: {value} ticks, at most {limit} are allowed")
    return found


def table(bench, ticks):
    rows = [("operation", "ticks", "limit", "Linux/KVM")]
    for name, value in ticks.items():
        limit, kvm = bench.limits.get(name, ""), bench.kvm.get(name, "")
        rows.append((name, str(value), str(limit), str(kvm)))
    lines = [f"{row[0]:20}{row[1]:>9}{row[2]:>9}{row[3]:>11}" for row in rows]
    return "\n".join([bench.title, *lines])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("beds", nargs="*", default=list(BENCHES), metavar="BED")
    arguments = parser.parse_args()
    slow = []
    for name in arguments.beds:
        ticks = measure(arguments.build, name)
        print(table(BENCHES[name], ticks) + "\n", flush=True)
        slow += [f"{name}: {line}" for line in too_slow(BENCHES[name], ticks)]
    print("\n".join(slow), end="\n" if slow else "")
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
