# SPDX-License-Identifier: MIT
"""A local APIC whose page the guest moves over RAM, and back."""

from beds import in_every_bed

import boot_sector
from harness import BEDS

# Prints the word where the version register will be, moves the APIC's page there, prints the
# version and the task priority that was written there, moves back, and prints the RAM again.
BODY = """
    mov ax, 0x8000
    mov gs, ax
    mov word [gs:0x30], 0x1234
    mov word [gs:0x80], 0x5678
    mov ax, [gs:0x30]
    call print_word
    mov ecx, 0x1b
    rdmsr
    mov ebx, eax
    and eax, 0xfff
    or eax, 0x80000
    wrmsr
    mov al, ' '
    call put
    mov eax, [gs:0x30]
    xor ah, ah
    call print_word
    mov dword [gs:0x80], 0x40
    mov eax, [gs:0x80]
    call print_word
    mov ecx, 0x1b
    mov eax, ebx
    xor edx, edx
    wrmsr
    mov al, ' '
    call put
    mov ax, [gs:0x30]
    call print_word
    mov ax, [gs:0x80]
    call print_word
    jmp finish
"""


@in_every_bed
def test_the_apic_hides_the_ram_and_gives_it_back(boot, tmp_path, bed):
    binary = boot_sector.make(tmp_path, "moved", BODY)
    machine = boot(modules=[(binary, "vm=moved mem=4M")], **BEDS[bed])
    machine.expect(r"\[moved\] 1234 00140040 12345678\b", timeout=60)
