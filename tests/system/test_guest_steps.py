# SPDX-License-Identifier: MIT
"""The real gdb makes single steps in guests, and compares where they lead with where they must."""

import pytest

from guest_debugger import Debugger

# Steps of a round of guests/steps: its instructions, and one for the interrupt that ends its HLT.
# Without a monitor trap flag MOV SS and the next instruction are one step. In QEMU so are STI and
# the next one.
EXACT = 54
STEPS = {"qemu": EXACT - 2, "bochs": EXACT - 1, "ryzen": EXACT - 1}
RFLAGS_TF = 0x100
COUNTS = [
    ("qemu", 1000),
    pytest.param("qemu", 10000, marks=pytest.mark.long),
    ("bochs", 200),
    ("ryzen", 200),
]


@pytest.mark.parametrize("bed, count", COUNTS)
def test_each_step_is_one_instruction(debugged, build, bed, count):
    machine, fd = debugged(bed, "steps", limit=600)
    machine.expect("round and round")
    with Debugger(fd, build / "guests/steps.symbols") as gdb:
        gdb.connect()
        gdb.command("attach 1")
        assert gdb.value("(long)&steps_in_a_round") == EXACT - 1
        gdb.command("set *(long *)&steps_flags = 0")
        rip = gdb.value("$rip")
        rounds = gdb.value("*(long *)&steps_rounds")
        for _ in range(STEPS[bed]):
            gdb.command("stepi")
        assert gdb.value("$rip") == rip
        assert gdb.value("*(long *)&steps_rounds") == rounds + 1
        whole = count // STEPS[bed]
        gdb.command(f"stepi {(whole - 1) * STEPS[bed]}", timeout=500)
        assert gdb.value("$rip") == rip
        assert gdb.value("*(long *)&steps_rounds") == rounds + whole
        assert gdb.value("*(long *)&steps_flags") & RFLAGS_TF == 0
        assert gdb.value("$eflags") & RFLAGS_TF == 0
        gdb.command("detach")
