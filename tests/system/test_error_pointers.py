# SPDX-License-Identifier: MIT
"""The x87 error pointers of one vCPU, which the next one on the same CPU must not see."""

from beds import in_every_bed

import boot_sector
from harness import BEDS

# Executes x87 instructions on memory for ever. Bochs ends no time slice of a guest with interrupts
# off.
WRITER = """
    sti
    fninit
.again:
    fild word [0x7c00]
    fstp st0
    jmp .again
"""

# Executes only x87 instructions that leave the pointers alone. Prints the first pair that is not 0,
# or 0 after some time slices.
READER = """
    sti
    fninit
    mov ecx, 2000000
.again:
    o32 fnstenv [0x600]
    mov eax, [0x60c]
    mov ebx, [0x614]
    mov edx, eax
    or edx, ebx
    jnz .found
    dec ecx
    jnz .again
.found:
    call print_word
    mov ax, bx
    call print_word
    mov al, 10
    call put
    cli
    hlt
"""


@in_every_bed
def test_vcpus_do_not_see_each_others_pointers(boot, tmp_path, bed):
    guests = {name: boot_sector.make(tmp_path, name, body) for name, body in
              (("writer", WRITER), ("reader", READER))}
    modules = [(binary, f"vm={name} mem=4M cpu=0") for name, binary in guests.items()]
    machine = boot(modules=modules, **BEDS[bed])
    pointers = machine.expect(r"\[reader\] ([0-9a-f]{8})\b", timeout=100)
    assert pointers[1] == "00000000"
