# SPDX-License-Identifier: MIT
"""Checks that dependencies go one way: reads each file's includes and holds them against the rules.

The rules are those of the folder map in README.md: boot may use everything, vmm/ knows no hardware,
each room of vmm/ knows only the rooms below it, a device model knows only device.h. Instructions
that C does not have appear only where they may.
"""

import pathlib
import re
import sys

import source_files

# Headers of arch/x86 that hold nothing but constants and layouts: facts of the manuals, for anyone.
CONSTANTS = [
    "arch/x86/acpi_layout.h",
    "arch/x86/apic_registers.h",
    "arch/x86/cpuid_bits.h",
    "arch/x86/features.h",
    "arch/x86/kvm_interface.h",
    "arch/x86/msr_numbers.h",
    "arch/x86/pci_registers.h",
    "arch/x86/registers.h",
]
# The neutral seam that a back end is written against.
SEAM = ["vmm/backend.h", "vmm/nested_space.h", "vmm/exit.h", "vmm/address.h", "vmm/flight.h",
        "vmm/host.h"]

# The rooms of vmm/, from the lowest up, and what each may include besides util, seam and constants.
VM_FOR_VCPU = ["vmm/vm/vm.h", "vmm/vm/scheduler.h", "vmm/vm/scheduler_run.h"]
ROOMS = {
    "console": [],
    "memory": [],
    "net": ["vmm/devices/virtio/net_port.h"],
    "emulate": ["vmm/memory/"],
    "load": ["vmm/memory/"],
    "config": ["vmm/load/", "vmm/memory/"],
    "disk": ["vmm/devices/virtio/block_backend.h"],
    "board": ["vmm/devices/", "vmm/memory/"],
    "vcpu": ["vmm/board/", "vmm/devices/", "vmm/emulate/", "vmm/memory/", "vmm/load/load.h",
             "vmm/debug/flight_text.h", *VM_FOR_VCPU],
    "vm": ["vmm/board/", "vmm/config/", "vmm/devices/", "vmm/disk/", "vmm/emulate/", "vmm/load/",
           "vmm/memory/", "vmm/net/", "vmm/vcpu/"],
    "debug": ["vmm/board/", "vmm/devices/", "vmm/memory/", "vmm/vcpu/", "vmm/vm/"],
    "debug/gdb": ["vmm/debug/ram_reader.h", "vmm/debug/table_walk.h", "vmm/devices/",
                  "vmm/memory/", "vmm/vcpu/", "vmm/vm/"],
    "monitor": ["vmm/"],
}

# Folder: what its files may include, as prefixes of paths. The longest folder that fits counts.
RULES = {
    "boot/": [""],
    "tests/": [""],
    "arch/x86/": ["arch/x86/", "vmm/util/", *SEAM],
    "arch/vmx/": ["arch/vmx/", "arch/x86/", "vmm/util/", *SEAM],
    "arch/svm/": ["arch/svm/", "arch/x86/", "vmm/util/", *SEAM],
    "drivers/": ["drivers/", "arch/x86/", "vmm/util/"],
    "vmm/": ["vmm/util/", *SEAM, *CONSTANTS],
    "vmm/util/": ["vmm/util/"],
    "vmm/devices/": ["vmm/devices/", "vmm/util/", *CONSTANTS],
    **{f"vmm/{room}/": [f"vmm/{room}/", *below, "vmm/util/", *SEAM, *CONSTANTS]
       for room, below in ROOMS.items()},
    "guests/": ["guests/lib/", "vmm/util/types.h", *CONSTANTS],
}
# Only these may hold assembly; vmm/ is C for the kernel and for the host alike.
ASSEMBLY_ALLOWED = ("boot/", "arch/", "drivers/", "guests/", "tests/")

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
ASSEMBLY = re.compile(r"\b(__asm__|asm)\b\s*(volatile|__volatile__|goto|\()|__builtin_ia32_")


def rule_for(path):
    folders = [folder for folder in RULES if path.startswith(folder)]
    return max(folders, key=len) if folders else None


def check(path):
    """The violations in one file, as printable lines."""
    folder = rule_for(path)
    if folder is None:
        return [f"{path}: no rule for this folder"]
    allowed = list(RULES[folder])
    if folder == "guests/":
        allowed.append("/".join(path.split("/")[:2]) + "/")
    found = []
    for number, line in enumerate(pathlib.Path(path).read_text(encoding="utf-8").splitlines(), 1):
        include = INCLUDE.match(line)
        if include and not include[1].startswith(tuple(allowed)):
            found.append(f"{path}:{number}: {folder} may not include {include[1]}")
        forbidden = ASSEMBLY.search(line) and not path.startswith(ASSEMBLY_ALLOWED)
        if forbidden or (path in CONSTANTS and re.search(r"\binline\b|__asm__", line)):
            found.append(f"{path}:{number}: no instructions here: {line.strip()}")
    return found


def main():
    found = [line for path in source_files.find(".c", ".h") for line in check(str(path))]
    print("\n".join(found), end="\n" if found else "")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
