# SPDX-License-Identifier: MIT
"""Husk boots from any state of the CPU, and from any place, that a boot loader may choose."""

import re
import struct
import subprocess

import pytest

# What they may have left on, as gdb sets it at Husk's first instruction.
STATES = {
    "la57": {"cr4": "1 << 12"},
    "cr4": {"cr4": "1 << 2 | 1 << 3 | 1 << 9 | 1 << 11 | 1 << 12 | 1 << 20 | 1 << 21"},
    "cr0": {"cr0": "1 << 2 | 1 << 3 | 1 << 18 | 1 << 30"},  # EM, TS, AM, CD
    "efer": {"efer": "1 | 1 << 8 | 1 << 11 | 1 << 12"},  # SCE, LME, NXE, SVME
}


def entry_of(kernel):
    header = subprocess.run(["readelf", "-h", kernel], check=True, capture_output=True, text=True)
    return re.search(r"Entry point address: +(0x\w+)", header.stdout)[1]


@pytest.mark.parametrize("name", STATES)
def test_state_of_the_cpu(boot, build, name):
    machine = boot("guests=hello", emulator="qemu", gdb=True, stopped=True, reboot=False)
    changes = [f"set ${register} |= {bits}" for register, bits in STATES[name].items()]
    commands = [
        f"target remote {machine.folder}/gdb",
        f"hbreak *{entry_of(build / 'iso/boot/husk.elf')}",
        "continue",
        *changes,
        "delete",
        "detach",
    ]
    arguments = [word for command in commands for word in ("-ex", command)]
    gdb = ["gdb", "-q", "-batch", "-nx", "-ex", "set architecture i386:x86-64", *arguments]
    done = subprocess.run(gdb, capture_output=True, text=True, timeout=60, check=True)
    assert "Breakpoint 1, 0x" in done.stdout, done.stdout + done.stderr
    machine.expect(r"\[hello\] ended: exit status 42", timeout=60)


# ---- Places in memory ----

HEADER = struct.Struct("<4I")  # Multiboot2 specification 3.1.1: magic, architecture, length, sum
TAG = struct.Struct("<HHI")
RELOCATABLE = 10
MIB, GIB = 1 << 20, 1 << 30


def lowest_place(image):
    """Where in the bytes of husk.elf its header has the lowest address that it may be loaded at."""
    start = image.index(struct.pack("<I", 0xE85250D6))
    at, end = start + HEADER.size, start + HEADER.unpack_from(image, start)[2]
    while at < end:
        kind, _, size = TAG.unpack_from(image, at)
        if kind == RELOCATABLE:
            return at + TAG.size
        at += (size + 7) & ~7
    raise AssertionError("husk.elf has no relocatable tag")


def kernel_from(address, build, folder):
    """A husk.elf that GRUB cannot load below `address`, as where that memory is taken."""
    image = bytearray((build / "iso/boot/husk.elf").read_bytes())
    struct.pack_into("<I", image, lowest_place(image), address)
    path = folder / "husk.elf"
    path.write_bytes(image)
    return path


# Of 2 MiB pages and 1 GiB of the page tables, the image may begin anywhere and cross any border.
PLACES = {
    "one-page-up": (MIB + 0x1000, {"emulator": "qemu", "cpus": 2}),
    "over-a-border": (64 * MIB - 0x1000, {"emulator": "qemu", "cpus": 2}),
    "over-1-gib": (GIB - 0x3000, {"emulator": "qemu", "memory": 2048}),
    "above-2-gib": (2 * GIB + 5 * MIB, {"emulator": "qemu", "machine": "pc", "memory": 4096}),
    "uefi": (100 * MIB, {"emulator": "qemu", "machine": "q35", "firmware": "uefi", "cpus": 2}),
    "bochs": (128 * MIB, {"emulator": "bochs", "cpus": 2}),
    "ryzen": (128 * MIB, {"emulator": "bochs", "cpu": "ryzen", "cpus": 2}),
}


@pytest.mark.parametrize("name", PLACES)
def test_place_in_memory(boot, build, tmp_path, name):
    address, spec = PLACES[name]
    kernel = kernel_from(address, build, tmp_path)
    machine = boot("guests=hello", kernel=kernel, **spec)
    place = machine.expect(r"boot loader: Husk lies at 0x([0-9a-f]+)[\r\n]", timeout=60)
    assert int(place[1], 16) >= address
    machine.expect(rf"CPUs: {spec.get('cpus', 1)} run", timeout=60)
    machine.expect(r"\[hello\] ended: exit status 42", timeout=60)
