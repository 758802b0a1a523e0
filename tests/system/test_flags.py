# SPDX-License-Identifier: MIT
"""RFLAGS of a guest stay as the guest has them, whatever its last instruction was."""

from beds import in_every_bed

import boot_sector
from harness import BEDS

# CMPXCHG8B, and a jump behind which an interrupt of the host may come. The operand of SUB has bits
# that are always clear in RFLAGS, and those of ID, AC and DF. QEMU itself may leave them in RFLAGS
# between two exits (arch/svm/README.md). So the guest prints only what is there some time slices
# later: flags with such a bit, or 0.
GUEST = """
    sti
    mov ebx, 0x5a248428
    mov edi, 4000000
.again:
    sub ecx, ebx
    cmpxchg8b [0x600]
    jmp .behind
.behind:
    add esi, ebx
    call flags
    jnz .found
    dec edi
    jnz .again
.found:
    mov ecx, 100000000
.rest:
    dec ecx
    jnz .rest
    call flags
    mov ebx, eax
    shr eax, 16
    call print_word
    mov ax, bx
    call print_word
    jmp finish
flags:
    pushfd
    pop eax
    and eax, 0xfffff428
    ret
"""


@in_every_bed
def test_flags_behind_cmpxchg8b(boot, tmp_path, bed):
    guest = boot_sector.make(tmp_path, "flags", GUEST)
    # Two of them on one CPU interrupt each other.
    modules = [(guest, f"vm={name} mem=4M cpu=0") for name in ["flags", "other"]]
    machine = boot(modules=modules, **BEDS[bed])
    assert machine.expect(r"\[flags\] ([0-9a-f]{8})\b", timeout=100)[1] == "00000000"
