# SPDX-License-Identifier: MIT
"""What a PC's firmware leaves in low memory, read by a boot sector of the test's own."""

import re

import boot_sector

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
