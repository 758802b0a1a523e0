# SPDX-License-Identifier: MIT
"""Husk's medium: its kernel, and as modules that wait for `start` all that the tests run."""

import pathlib

import boot_sector
import expected
import grub_guest
import iso
import linux_guest
from test_guests import payload

MIB = 1 << 20
GUESTS = sorted(path.parent.name for path in pathlib.Path("guests").glob("*/expected.txt"))
# The last attempt of hostile, by bed, where the emulator does not survive the next (README.md).
LAST_ATTEMPT = {"qemu": 364}
# The ways to boot Linux, by their VMs' names: how many virtual CPUs.
LINUX = {"linux1": 1, "linux2": 2}

# One operation and nothing else, so often. What a VM's start and end cost L1 is the same for both.
OPERATIONS = {
    "cpuid": "xor eax, eax\n    cpuid",
    "rdmsr": "mov ecx, 0x1b\n    rdmsr",
    "port": "mov dx, 0x2f0\n    in al, dx",
    "mmio": "mov ebx, 0xfed000f0\n    mov eax, [rbx]",  # the HPET's counter
}
COUNTS = [2000, 12000]
# Husk's words come by a field of SMBIOS, for which QEMU has an option: one medium serves for all.
READ_WORDS = """\
    insmod smbios
    smbios --type 1 --get-string 25 --set words
"""
# In 64-bit mode, with 2 MiB at 0 and 2 MiB with the HPET. A VM's RAM is zero at its start.
LOOP = """
    cli
    mov dword [0x1000], 0x2003
    mov dword [0x2000 + 0 * 8], 0x3003
    mov dword [0x2000 + 3 * 8], 0x4003
    mov dword [0x3000], 0x83
    mov dword [0x4000 + 0x1f6 * 8], 0xfec00083
    mov eax, 0x1000
    mov cr3, eax
    mov eax, 1 << 5 ; PAE
    mov cr4, eax
    mov ecx, 0xc0000080 ; EFER
    mov eax, 1 << 8 ; LME
    xor edx, edx
    wrmsr
    lgdt [table]
    mov eax, cr0
    or eax, 1 << 31 | 1 ; PG, PE
    mov cr0, eax
    jmp 8:long_mode
bits 64
long_mode:
    mov ebp, {count}
.again:
    {operation}
    dec ebp
    jnz .again
    hlt
segments:
    dq 0, 0x00209a0000000000
table:
    dw table - segments - 1
    dd segments
bits 16
"""


def expected_of(name, bed):
    """What a guest prints in a bed, with the command line by which it does."""
    want = expected.read(f"guests/{name}/expected.txt")
    if name == "hostile" and bed in LAST_ATTEMPT:
        last = LAST_ATTEMPT[bed]
        want.command_line = f"to={last}"
        want.lines[last:] = [rf"~hostile: {last} attempts, \d+ surprises"]
    return want


def guest_modules(build, bed):
    for name in GUESTS:
        want = expected_of(name, bed)
        line = f"vm={name} mem=32M start=no {want.vm} -- {want.command_line}"
        yield payload(build, name), line


def linux_modules(build, folder):
    initramfs = linux_guest.initramfs(build, folder)
    words = f"console=ttyS0 quiet {linux_guest.ARGUMENTS}"
    for name, cpus in LINUX.items():
        line = f"vm={name} mem=192M cpus={cpus} start=no -- {words}"
        yield linux_guest.kernel(build), line
        yield initramfs, f"vm={name}"


def loop_name(operation, count):
    return f"{operation}-{count}"


def loop_modules(folder):
    for operation, text in OPERATIONS.items():
        for count in COUNTS:
            name = loop_name(operation, count)
            code = LOOP.format(operation=text, count=count)
            yield boot_sector.make(folder, name, code), f"vm={name} mem=16M start=no"


def make(build, folder, bed):
    """Writes FOLDER/test.iso and returns its path."""
    modules = [*guest_modules(build, bed), *linux_modules(build, folder)]
    modules.append((grub_guest.make(folder, 64 * MIB), "vm=grub mem=64M start=no"))
    modules += loop_modules(folder)
    return iso.make(build / "iso/boot/husk.elf", folder, "$words", modules, setup=READ_WORDS)
