# SPDX-License-Identifier: MIT
"""Measures exits with the bench guest in Bochs, where a tick is an instruction, and shows a table.

usage: bench.py --build FOLDER [--cpu BOCHS-MODEL]

Fails when an operation is missing or above its limit. The last column is Linux/KVM 6.1, measured
the same way in the same emulator.
"""

import argparse
import pathlib
import re
import sys
import tempfile

# The harness of the system tests boots the machine here too.
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "system"))
import iso
from harness import Machine, emulators

TIME_LIMIT_SECONDS = 180

# Operation: the most that it may take, and what Linux/KVM takes. In instructions.
LIMITS = {
    "cpuid": (130, 968),
    "hypercall": (130, 1004),
    "rdmsr": (160, 1079),
    "wrmsr": (160, 1122),
    "pic-read": (220, 1251),
    "x2apic-eoi": (150, 1166),
}
KVM = {
    "pic-write": 1974,
    "xapic-read": 7188,
    "cr0-ts": 1172,
    "tsc-deadline": 898,
    "self-ipi-x2apic": 2283,
}


def measure(build, cpu=""):
    """Ticks (or "missing") by operation, in the order in which the guest measures them."""
    with tempfile.TemporaryDirectory(prefix="husk-bench-") as folder:
        kernel = pathlib.Path(build, "iso/boot/husk.elf")
        image = iso.make(kernel, folder, "focus=bench guests=bench")
        spec = emulators.MachineSpec(iso=str(image), emulator="bochs", cpu=cpu)
        machine = Machine(spec, folder, TIME_LIMIT_SECONDS)
        try:
            machine.expect(r"bench: tsc-deadline \w+\r", timeout=TIME_LIMIT_SECONDS)
        finally:
            machine.stop()
        lines = re.findall(r"bench: (\S+) (\d+|missing)", machine.serial_text())
    return {name: ticks if ticks == "missing" else int(ticks) for name, ticks in lines}


def too_slow(ticks):
    """The operations that miss their limit, as printable lines."""
    found = []
    for name, (limit, _) in LIMITS.items():
        value = ticks.get(name, "missing")
        if value == "missing" or value > limit:
            found.append(f"{name}: {value} ticks, at most {limit} are allowed")
    return found


def table(ticks):
    rows = [("operation", "ticks", "limit", "Linux/KVM")]
    for name, value in ticks.items():
        limit, kvm = LIMITS.get(name, ("", KVM.get(name, "")))
        rows.append((name, str(value), str(limit), str(kvm)))
    return "\n".join(f"{row[0]:20}{row[1]:>9}{row[2]:>9}{row[3]:>11}" for row in rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--cpu", default="")
    arguments = parser.parse_args()
    ticks = measure(arguments.build, arguments.cpu)
    print(table(ticks))
    slow = too_slow(ticks)
    print("\n".join(slow), end="\n" if slow else "")
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
