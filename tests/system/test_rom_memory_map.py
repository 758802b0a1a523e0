# SPDX-License-Identifier: MIT
"""The memory map that the ROM's INT 15h gives, asked by a boot sector of the test's own."""

import re

import boot_sector

# Prints each entry of E820h as 20 bytes in hexadecimal, highest byte first, then "end".
BODY = """
    xor ebx, ebx
next:
    mov eax, 0xe820
    mov edx, 0x534d4150
    mov ecx, 20
    mov di, entry
    int 0x15
    jc finish
    mov si, entry + 18
    mov cx, 10
word_out:
    mov ax, [si]
    sub si, 2
    call print_word
    loop word_out
    mov al, 10
    call put
    test ebx, ebx
    jnz next
    mov al, 'e'
    call put
    mov al, 'n'
    call put
    mov al, 'd'
    call put
    jmp finish
entry: times 20 db 0
"""

RAM, RESERVED = 1, 2


def entry(line):
    """(base, length, type) of a line of 40 digits."""
    number = int(line, 16)
    return number & (1 << 64) - 1, number >> 64 & (1 << 64) - 1, number >> 128


def test_the_roms_memory_map_is_the_one_of_the_loaders(boot, tmp_path):
    binary = boot_sector.make(tmp_path, "map", BODY)
    machine = boot(modules=[(binary, "vm=map mem=64M")], emulator="qemu", cpus=2)
    machine.expect(r"\[map\] end", timeout=60)
    lines = re.findall(r"\[map\] ([0-9a-f]{40})\b", machine.serial_text())
    assert [entry(line) for line in lines] == [
        (0, 0x9FC00, RAM),
        (0x9FC00, 0x400, RESERVED),
        (0xE0000, 0x20000, RESERVED),
        (0x100000, 63 << 20, RAM),
        (0xFEB00000, 1 << 20, RESERVED),
    ]
