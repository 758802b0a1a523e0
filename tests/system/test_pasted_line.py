# SPDX-License-Identifier: MIT
"""A guest with a small receive ring, and without MCR.OUT2, gets a pasted line whole."""

import re

import pytest

import boot_sector
from harness import BEDS

# The handler puts what has come into a ring of 16 bytes, of which one stays free. The main loop
# sends it back, and halts. What finds the ring full is lost.
BODY = """
    cli
    mov word [4 * 0x0c], received
    mov word [4 * 0x0c + 2], 0
    mov si, setup
set_up:
    lodsw
    mov dx, ax
    lodsb
    out dx, al
    cmp si, setup_end
    jb set_up
    mov al, 'R'
    call put
    mov al, 10
    call put
idle:
    sti
    hlt
drain:
    cli
    mov bx, [tail]
    cmp bx, [head]
    je idle
    mov al, [ring + bx]
    inc bx
    and bx, 15
    mov [tail], bx
    sti
    call put
    jmp drain

received:
    push ax
    push bx
    push dx
.next:
    mov dx, 0x3fd
    in al, dx
    test al, 1
    jz .done
    mov dx, 0x3f8
    in al, dx
    mov bx, [head]
    mov [ring + bx], al
    inc bx
    and bx, 15
    cmp bx, [tail]
    je .next
    mov [head], bx
    jmp .next
.done:
    mov al, 0x20
    out 0x20, al
    pop dx
    pop bx
    pop ax
    iret

%macro OUT 2
    dw %1
    db %2
%endmacro
setup:
    OUT 0x20, 0x11
    OUT 0x21, 0x08
    OUT 0x21, 0x04
    OUT 0x21, 0x01
    OUT 0x21, 0xef
    OUT 0x3fb, 0x83
    OUT 0x3f8, 1
    OUT 0x3f9, 0
    OUT 0x3fb, 0x03
    OUT 0x3fa, 0xc1             ; FIFOs, trigger level 14
    OUT 0x3fc, 0                ; no OUT2
    OUT 0x3f9, 0x01
setup_end:
head: dw 0
tail: dw 0
ring: times 16 db 0
"""


# Where time is instructions: on a machine that others keep busy a guest may be too slow.
@pytest.mark.parametrize("bed", ["bochs", "counted", "ryzen"])
def test_a_pasted_line_arrives_whole(boot, tmp_path, bed):
    binary = boot_sector.make(tmp_path, "ring", BODY)
    machine = boot("focus=ring", modules=[(binary, "vm=ring mem=1M")], **BEDS[bed])
    machine.expect("R\r?\n", timeout=60)
    line = "".join(f"word{number:03} " for number in range(60)) + "end."
    machine.send(line)
    machine.expect(re.escape(line), timeout=60)


@pytest.mark.parametrize("bed", ["bochs", "ryzen"])
def test_what_is_typed_while_husk_writes_arrives(boot, tmp_path, bed):
    """Husk shows what the guest sent before, on the screen too, while the line comes in."""
    binary = boot_sector.make(tmp_path, "ring", BODY)
    # Bochs passes over the idle time of one CPU only.
    spec = BEDS[bed] | {"cpus": 1, "limit": 300}
    machine = boot("focus=ring", modules=[(binary, "vm=ring mem=1M")], **spec)
    machine.expect("R\r?\n", timeout=60)
    for number in range(30):
        line = f"<{number:03} " + "typed " * 30 + f"{number:03}>"
        machine.send("\x1d")
        machine.expect_prompt()
        machine.sendline("console ring")
        machine.send(line + "\n")
        machine.expect(line, timeout=60)
    machine.send("\x1d")
    machine.expect_prompt()
    assert "lost" not in "\n".join(machine.command("machine"))
