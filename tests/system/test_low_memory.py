# SPDX-License-Identifier: MIT
"""What a PC's firmware leaves in low memory and in the chips, seen by boot sectors."""

import re

from beds import in_every_bed

import boot_sector
from harness import BEDS

# Prints words of the BIOS data area, the first word of the EBDA, what INT 11h and 12h say, the
# model, and the date. Then it spoils the data area and resets the VM.
BODY = """
    mov si, 0x40e
    call show
    mov si, 0x410
    call show
    mov si, 0x413
    call show
    mov si, 0x463
    call show
    mov ax, [0x40e]
    mov ds, ax
    xor si, si
    call show
    int 0x11
    call print
    int 0x12
    call print
    mov ax, 0xffff
    mov ds, ax
    mov si, 14
    call show
    mov si, 5
    mov cx, 8
date:
    lodsb
    call put
    loop date
    mov al, 10
    call put
    xor ax, ax
    mov ds, ax
    mov word [0x40e], 0
    mov word [0x413], 0
    mov al, 0xfe
    out 0x64, al
    hlt
show:
    lodsw
print:
    call print_word
    mov al, ' '
    jmp put
"""


def test_low_memory_is_a_pcs_also_after_a_reset(boot, tmp_path):
    binary = boot_sector.make(tmp_path, "low", BODY)
    machine = boot(modules=[(binary, "vm=low mem=1M")], emulator="qemu", cpus=2)
    machine.expect(r"reset by itself(.|\s)*reset by itself", timeout=60)
    lines = re.findall(r"\[low\] ([0-9a-f]{4} .*\d)", machine.serial_text())
    assert len(lines) >= 2
    for line in lines:
        words = line.split()
        assert words[:4] == ["9fc0", "0222", "027f", "03d4"]
        assert int(words[4], 16) & 0xFF == 1  # the EBDA has 1 KiB
        assert words[5:7] == ["0222", "027f"]
        assert int(words[7], 16) & 0xFF == 0xFC
        assert re.fullmatch(r"\d\d/\d\d/\d\d", words[8])


# Waits for a tick of the firmware's timer: first through LINT0, then through input 0 of the I/O
# APIC. Then prints the I/O APIC's ID, from its register and from the MP table.
TICKS = """
    call tick
    mov al, 'L'
    call put
    cli
    lgdt [table]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    mov bx, 8
    mov fs, bx
    and al, 0xfe
    mov cr0, eax
    mov dword [dword fs:0xfee00350], 0x10700    ; LINT0 is masked
    mov dword [dword fs:0xfec00000], 0x10
    mov dword [dword fs:0xfec00010], 0x700      ; ExtINT, to local APIC 0
    call tick
    mov al, 'I'
    call put
    mov dword [dword fs:0xfec00000], 0
    mov eax, [dword fs:0xfec00010]
    shr eax, 24
    call print_word
    mov ax, 0xf000
    mov es, ax
    mov si, [es:4]                              ; the MP table is in this segment
    add si, 44
entry:
    mov al, [es:si]
    cmp al, 2
    je found
    test al, al
    jnz .short
    add si, 12                                  ; a processor's entry has 20 bytes
.short:
    add si, 8
    jmp entry
found:
    movzx ax, [es:si + 1]
    call print_word
    jmp finish
tick:
    mov ax, [0x46c]
    sti
.wait:
    hlt
    cmp ax, [0x46c]
    je .wait
    ret
    align 8
table:
    dw 15
    dd table
    dw 0
    dq 0x00cf93000000ffff
"""


@in_every_bed
def test_the_firmwares_timer_ticks_by_either_way(boot, tmp_path, bed):
    binary = boot_sector.make(tmp_path, "ticks", TICKS)
    machine = boot(modules=[(binary, "vm=ticks mem=1M cpus=3")], **BEDS[bed])
    machine.expect(r"\[ticks\] LI00030003\b", timeout=60)
