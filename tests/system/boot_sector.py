# SPDX-License-Identifier: MIT
"""Boot sectors of a test's own, in assembly, that print numbers on the serial line."""

import subprocess

HEAD = """
org 0x7c00
bits 16
    jmp 0:start
start:
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, 0x7c00
"""

# Jump to finish: it ends the line, and stops. print_word: AX in hexadecimal. put: the character AL.
TAIL = """
finish:
    mov al, 10
    call put
    cli
    hlt
print_word:
    push cx
    mov cx, 4
.next:
    rol ax, 4
    push ax
    and al, 15
    add al, '0'
    cmp al, '9'
    jbe .digit
    add al, 'a' - '0' - 10
.digit:
    call put
    pop ax
    loop .next
    pop cx
    ret
put:
    push dx
    mov dx, 0x3f8
    out dx, al
    pop dx
    ret
    times 510 - ($ - $$) db 0
    dw 0xaa55
"""


def make(folder, name, body):
    """The binary of HEAD, the test's body, and TAIL."""
    source, binary = folder / f"{name}.asm", folder / f"{name}.bin"
    source.write_text(HEAD + body + TAIL, encoding="ascii")
    subprocess.run(["nasm", "-f", "bin", "-o", binary, source], check=True, timeout=10)
    return binary
