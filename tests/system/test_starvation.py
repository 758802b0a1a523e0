# SPDX-License-Identifier: MIT
"""Guests that keep the hypervisor busy take no time but their own; what is masked takes none."""

import re
import subprocess

import pytest

from beds import in_exact_time, on_vtx
from harness import BEDS

BOOT_SECTOR = """
bits 16
org 0x7c00
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, 0x7000
{code}
    times 510 - ($ - $$) db 0
    dw 0xaa55
"""

# Byte after byte to its console.
FLOOD = """
    mov al, 'x'
again:
    out 0xe9, al
    jmp again
"""

# The longest repetitions there are, by the emulator, to a port that takes them.
REPEAT = """
    cld
    mov dx, 0x80
again:
    mov esi, 0x7c00
    mov ecx, 0xffff
    rep outsb
    jmp again
"""

# A reset by the keyboard controller is all that it does.
RESET = """
    mov al, 0xfe
    out 0x64, al
    cli
stay:
    jmp stay
"""

# Its exit status is how often the handler ran; one that never stops ends too.
INT1 = """
    mov word [1 * 4], handler
    mov [1 * 4 + 2], ax
    mov bl, al
    db 0xf1
done:
    mov al, bl
    out 0xf4, al
    cli
    hlt
handler:
    inc bl
    cmp bl, 5
    jae done
    iret
"""

# The local APIC's timer and the PIT at their highest rates, both masked. Then it computes for 40
# million instructions.
MASKED = """
    mov ecx, 0x1b
    rdmsr
    or eax, 0xc00
    wrmsr
    xor edx, edx
    mov ecx, 0x80f
    mov eax, 0x1ff
    wrmsr
    mov ecx, 0x83e
    mov eax, 0xb
    wrmsr
    mov ecx, 0x832
    mov eax, 0x30040
    wrmsr
    mov ecx, 0x838
    mov eax, 1
    wrmsr
    mov al, 0xff
    out 0x21, al
    mov al, 0x34
    out 0x43, al
    mov al, 2
    out 0x40, al
    mov al, 0
    out 0x40, al
    mov ecx, 20000000
again:
    dec ecx
    jnz again
    out 0xf4, al
    cli
    hlt
"""


def assemble(folder, name, code):
    """Writes a boot sector with that code and returns its path."""
    source = folder / f"{name}.asm"
    source.write_text(BOOT_SECTOR.format(code=code), encoding="ascii")
    binary = folder / f"{name}.bin"
    subprocess.run(["nasm", "-f", "bin", "-o", binary, source], check=True, timeout=10)
    return binary


# Lines that count units of time: 2 to the power of {shift} ticks of the TSC.
CLOCK = """
    mov ecx, -1
again:
    rdtsc
    shrd eax, edx, {shift}
    cmp eax, ecx
    je again
    mov ecx, eax
    mov bx, 4
digit:
    rol ax, 4
    push ax
    and al, 15
    cmp al, 10
    jb below_a
    add al, 'a' - '0' - 10
below_a:
    add al, '0'
    out 0xe9, al
    pop ax
    dec bx
    jnz digit
    mov al, 10
    out 0xe9, al
    jmp again
"""

# What it does, its line, the machine's CPUs and command line; the ticker is on CPU 0. The focus
# on it keeps the slow serial line from holding up the flood. Each reset fills memory with zeros.
FIENDS = {
    "repeat": (REPEAT, "mem=2M cpu=0", 1, ""),
    "flood": (FLOOD, "mem=2M cpu=1", 2, "focus=ticker"),
    "reset": (RESET, "mem=256M cpu=0", 1, ""),
}
# In exact time, of which QEMU has none with two CPUs.
RUNS = [(name, "bochs") for name in FIENDS] + [("repeat", "counted"), ("reset", "counted")]


@pytest.mark.parametrize("name, bed", RUNS)
def test_a_ticker_keeps_its_pace(boot, build, tmp_path, name, bed):
    code, line, cpus, command_line = FIENDS[name]
    modules = [(assemble(tmp_path, name, code), f"vm={name} {line}")]
    modules.append((build / "guests/ticker.elf", "vm=ticker mem=4M cpu=0 -- count=1"))
    machine = boot(command_line, modules, limit=90, **(BEDS[bed] | {"cpus": cpus}))
    pace = int(machine.expect(r"tick 1 pit 100 interrupts in (\d+) ms", timeout=80)[1])
    assert 900 <= pace <= 1150


@in_exact_time
def test_keys_are_answered_soon_beside_hogs(boot, build, tmp_path, bed):
    """Each of many empty lines that are typed at once needs a turn of the monitor."""
    hertz, shift = {"counted": (1e9, 24), "bochs": (1e8, 21)}[bed]
    lines = 14  # a serial line without interrupts keeps 16 characters
    clock = assemble(tmp_path, "clock", CLOCK.format(shift=shift))
    modules = [(build / "guests/hog.elf", f"vm=hog{i} mem=4M cpu=0") for i in range(3)]
    modules.append((clock, "vm=clock mem=2M cpu=0"))
    machine = boot("", modules, limit=150, **BEDS[bed] | {"cpus": 1})
    machine.expect(r"\[clock\] \w{4}\r", timeout=90)
    machine.send("\r" * lines)
    for _ in range(lines):
        machine.expect(r"husk> \x1b\[K\r\n", timeout=90)
    machine.expect(r"\[clock\] \w{4}\r", timeout=90)
    # \r became \n; after it, ESC [ K takes the prompt away for a guest's line.
    before, *_, after = re.split(r"husk> \x1b\[K\n(?!\x1b)", machine.serial_text())
    first = re.findall(r"\[clock\] (\w{4})\n", before)[-1]
    last = re.findall(r"\[clock\] (\w{4})\n", after)[0]
    assert (int(last, 16) - int(first, 16)) * 2**shift / hertz <= lines * 0.05, (first, last)


@on_vtx
def test_long_answers_hold_up_no_guest(boot, build, bed):
    """Answers wait for the serial line for seconds; the ticker keeps its pace meanwhile."""
    modules = [(build / "guests/ticker.elf", "vm=ticker mem=4M cpu=0 -- count=6")]
    machine = boot("", modules, limit=150, **BEDS[bed] | {"cpus": 1})
    machine.expect(r"tick 1 ", timeout=80)
    machine.send("help\r" * 40)
    machine.expect(r"\[ticker\] ended: exit status 0", timeout=120)
    text = machine.serial_text()
    pace = [int(ms) for ms in re.findall(r"\[ticker\] tick \d+ .* in (\d+) ms", text)]
    # Some characters may be lost: README, Limits.
    assert text.count("list the commands") >= 30
    assert len(pace) == 6 and all(900 <= ms <= 1150 for ms in pace), pace


def test_int1_is_delivered_once(boot, tmp_path):
    module = (assemble(tmp_path, "int1", INT1), "vm=int1 mem=2M")
    machine = boot("", [module], emulator="bochs", limit=90)
    assert machine.expect(r"\[int1\] ended: exit status (\d+)", timeout=80)[1] == "1"


# A timer with an interrupt that nobody hears would end its runs every 20 us.
@in_exact_time
def test_masked_timers_end_no_run(boot, tmp_path, bed):
    module = (assemble(tmp_path, "masked", MASKED), "vm=masked mem=2M")
    machine = boot("", [module], limit=90, **BEDS[bed])
    machine.expect(r"\[masked\] ended: exit status 0", timeout=80)
    exits = "\n".join(machine.command("exits masked"))
    assert int(re.search(r"all exits +(\d+)", exits)[1]) < 300, exits
