# SPDX-License-Identifier: MIT
"""No guest speaks in Husk's name, and what is typed to a guest is no command of Husk's."""

import re
import subprocess
import time

import pytest

from beds import on_both_vendors
from harness import BEDS, ESCAPES
from screen import Screen

# After 100 blanks comes what looks like Husk's own. A typed byte ends the guest.
LIAR = """
bits 16
org 0x7c00
    xor ax, ax
    mov ds, ax
    mov si, text
next:
    lodsb
    test al, al
    jz wait_key
    mov dx, 0x3f8
    out dx, al
    jmp next
wait_key:
    pause
    mov dx, 0x3fd
    in al, dx
    test al, 1
    jz wait_key
    mov al, 3
    out 0xf4, al
    cli
    hlt
text:
    times 100 db ' '
    db '[ 1234.567890] [ticker] stopped: a lie', 10
    times 9 db 9
    db 9, 'husk: another', 10, 0
    times 510 - ($ - $$) db 0
    dw 0xaa55
"""


@pytest.fixture
def liar(tmp_path):
    """What GRUB loads: the guest in a VM."""
    source, binary = tmp_path / "liar.asm", tmp_path / "liar.bin"
    source.write_text(LIAR, encoding="ascii")
    subprocess.run(["nasm", "-f", "bin", "-o", binary, source], check=True, timeout=10)
    return binary, "vm=liar mem=2M"


def rows_with(text, lines):
    return [line for line in lines if text in line]


@on_both_vendors
def test_a_guests_text_has_its_name_in_front(boot, liar, bed):
    machine = boot("", [liar], limit=200, **BEDS[bed])
    machine.expect(r"husk: another\r", timeout=90)
    shown = ESCAPES.sub("", machine.serial_text()).replace("\r", "\n").split("\n")
    for lie in ["a lie", "husk: another"]:
        rows = rows_with(lie, shown)
        assert len(rows) == 1 and rows[0].startswith("[liar]+"), rows
    machine.expect_prompt()
    logged = machine.command("log liar")
    assert all(line.startswith("|") for line in logged), logged
    for lie in ["a lie", "husk: another"]:
        assert rows_with(lie, logged)[0].startswith("|+")
    assert all(len(line) < 80 for line in shown + logged if "liar" in line or line[:1] == "|")


def test_a_guests_text_has_its_name_in_front_on_the_screen(boot, liar):
    machine = boot("", [liar], limit=120, **BEDS["qemu"])
    screen = Screen(machine, text_mode=True)
    lines = screen.wait_for("a lie", "husk: another")
    for lie in ["a lie", "husk: another"]:
        rows = rows_with(lie, lines)
        assert len(rows) == 1 and rows[0].startswith("[liar]+"), lines


def test_what_is_typed_to_a_guest_that_ends_is_no_command(boot, liar):
    machine = boot("", [liar], limit=120, **BEDS["qemu"])  # where a second is one of the wall
    machine.expect(r"husk: another\r", timeout=90)
    machine.expect_prompt()
    machine.sendline("console liar")
    machine.expect("connected to liar")
    machine.send("x")
    machine.expect("console: liar ended: exit status 3")
    machine.send("poweroff\rpoweroff\r")
    machine.expect("liar has ended; this is Husk's monitor: press Enter for its prompt")
    time.sleep(1)  # Enter counts if it comes alone
    machine.sendline()
    machine.expect_prompt()
    assert machine.command("version")[0].startswith("Husk")


@on_both_vendors
def test_a_muted_guest_is_heard_in_its_log_only(boot, bed):
    machine = boot("guests=ticker", limit=200, **BEDS[bed])
    machine.expect(r"\[ticker\] tick 1 ", timeout=90)
    machine.expect_prompt()
    machine.command("mute ticker")
    before = len(machine.serial_text())
    assert rows_with("muted", machine.command("vms"))
    end = time.monotonic() + 60
    while not rows_with("| tick 4 ", machine.command("log ticker")):
        assert time.monotonic() < end
        time.sleep(0.5)
    assert not re.search(r"\[ticker.*tick", machine.serial_text()[before:])
    machine.sendline("unmute ticker")
    machine.expect(r"\[ticker\] tick \d+ ", timeout=60)
