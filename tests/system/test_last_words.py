# SPDX-License-Identifier: MIT
"""Whatever a guest sent, and how it ended, is on the serial line before the machine goes off."""

import re
import subprocess

import pytest

from beds import in_every_bed
from harness import BEDS

LINES = 150
# Sends LINES lines as fast as its serial port takes them, each with its number, and halts for ever.
BOOT_SECTOR = f"""
org 0x7c00
bits 16
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, 0x7c00
    mov bx, {LINES}
line:
    mov si, text
.next:
    lodsb
    test al, al
    jz .number
    call put
    jmp .next
.number:
    mov ax, bx
    mov cl, 100
    div cl
    call digit
    mov al, ah
    xor ah, ah
    mov cl, 10
    div cl
    call digit
    mov al, ah
    call digit
    mov al, 10
    call put
    dec bx
    jnz line
    cli
    hlt
digit:
    push ax
    add al, '0'
    call put
    pop ax
    ret
put:
    push ax
    mov dx, 0x3fd
.wait:
    in al, dx
    test al, 0x20
    jz .wait
    mov dx, 0x3f8
    pop ax
    out dx, al
    ret
text: db "a line that is long enough to keep the serial line busy: number ", 0
    times 510 - ($ - $$) db 0
    dw 0xaa55
"""


@in_every_bed
@pytest.mark.parametrize("word", ["on-idle=poweroff", "on-idle=poweroff focus=flood"])
def test_last_words(boot, tmp_path, bed, word):
    source, binary = tmp_path / "flood.asm", tmp_path / "flood.bin"
    source.write_text(BOOT_SECTOR, encoding="ascii")
    subprocess.run(["nasm", "-f", "bin", "-o", binary, source], check=True, timeout=10)
    machine = boot(word, modules=[(binary, "vm=flood mem=16M")], **BEDS[bed])
    text = machine.expect_end(timeout=100)
    numbers = [int(number) for number in re.findall(r"busy: number (\d+)", text)]
    assert numbers == list(range(LINES, 0, -1))
    assert re.search(r"flood\]? stopped: halted for ever", text), text[-300:]
