# SPDX-License-Identifier: MIT
"""Screen and keyboard are a console as good as the serial line, and do without one."""

import re
import time

import pytest

from screen import UNKNOWN, Screen
from test_panic import break_it
from test_starvation import assemble

SCREENS = {
    "uefi": {"firmware": "uefi", "machine": "q35"},
    "text": {"firmware": "bios"},
    "32-bit": {"firmware": "bios", "bios_screen": "1024x768x32"},
    "24-bit": {"firmware": "bios", "bios_screen": "800x600x24"},
    "16-bit": {"firmware": "bios", "bios_screen": "640x480x16"},
}


@pytest.fixture
def boot_screen(boot):
    """Boots with one of SCREENS and further arguments of `boot`; returns machine and screen."""

    def start(name, command_line="", **spec):
        machine = boot(command_line, emulator="qemu", **SCREENS[name], **spec)
        return machine, Screen(machine, text_mode=name == "text")

    return start


@pytest.mark.parametrize("name", SCREENS)
def test_the_monitor_works_without_a_serial_port(boot_screen, name):
    _, screen = boot_screen(name, serial=False)
    screen.wait_for(r"^husk>", "boot loader: GRUB", "serial: none$")
    screen.monitor.type_keys("version\n")
    screen.wait_for(r"^husk> version$", r"^Husk \d")
    screen.wait_until(lambda lines: not any(UNKNOWN in line for line in lines))


@pytest.mark.parametrize("name", ["uefi", "text"])
def test_keys_edit_the_line(boot_screen, name):
    _, screen = boot_screen(name, serial=False)
    screen.wait_for(r"^husk>")
    keyboard = screen.monitor
    keyboard.type_keys("hello")
    keyboard.press("ctrl-u", "shift-v", "caps_lock", "e", "r", "s", "caps_lock", "shift-minus", "1")
    screen.wait_for(r"^husk> VERS_1$")
    keyboard.press("backspace", "backspace", "i", "o", "m", "left", "n", "delete")
    keyboard.press("home", "delete", "v", "ctrl-e", "x", "backspace")
    screen.wait_for(r"^husk> vERSion$")
    keyboard.press("ctrl-u", "v", "e", "r", "tab", "ret")
    screen.wait_for(r"^Husk \d")
    keyboard.press("up")
    screen.wait_for(r"^husk> version ?$")
    keyboard.press("ctrl-c", "up", "x")
    screen.wait_for(r"^husk> version ?x$")


@pytest.mark.parametrize("name", ["uefi", "text"])
def test_keys_lead_to_a_guest_and_back(boot_screen, name):
    _, screen = boot_screen(name, "guests=ticker", serial=False, cpus=2)
    screen.wait_for(r"^husk>")
    screen.monitor.type_keys("console ticker\n")
    screen.wait_for(r"^tick \d")  # no prefix: the guest has the screen
    screen.monitor.press("ctrl-bracket_right")
    screen.wait_for(r"^husk>$")
    screen.wait_for(r"^\[ticker\] tick \d")


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_no_screen_is_no_hindrance(boot, firmware):
    machine = boot("", emulator="qemu", firmware=firmware, extra=("-vga", "none"))
    machine.expect(r"screen: none", timeout=90)
    machine.expect_prompt(timeout=60)
    assert machine.command("version")


@pytest.mark.parametrize("name", ["uefi", "32-bit"])
def test_the_framebuffer_is_write_combining(boot_screen, name):
    """Its pages select entry 1 of the PAT: PWT (T) set and PCD (C) not."""
    machine, screen = boot_screen(name)
    machine.expect_prompt(timeout=90)
    card = screen.monitor.command("info pci").split("VGA controller")[1]
    first = int(re.search(r"BAR0: 32 bit prefetchable memory at 0x([0-9a-f]+)", card)[1], 16)
    pages = re.findall(r"^[0-9a-f]+: ([0-9a-f]+) (\S+)", screen.monitor.command("info tlb"), re.M)
    flags = {flags for page, flags in pages if first <= int(page, 16) < first + 1024 * 768 * 4}
    assert flags and all("T" in each and "C" not in each for each in flags), flags


@pytest.mark.parametrize("name", ["uefi", "text"])
def test_serial_line_and_screen_show_the_same(boot_screen, name):
    machine, screen = boot_screen(name)
    machine.expect_prompt(timeout=90)
    for _ in range(5):
        answer = machine.command("help")
    last = [line for line in answer if len(line) <= 80][-10:]
    machine.command("version")
    screen.wait_for(r"^Husk \d")
    screen.wait_until(lambda lines: [line for line in lines if line in last][-10:] == last)


# Line after line to its serial line, each of another letter. It waits until there is room for each
# byte, so none is lost:
SLOW_FLOOD = """
    xor ax, ax
    mov ss, ax
    mov sp, 0x7000
    mov bl, 'a'
line:
    mov cx, 60
again:
    call put
    loop again
    mov bh, bl
    mov bl, 10
    call put
    mov bl, bh
    inc bl
    cmp bl, 'z'
    jbe line
    mov bl, 'a'
    jmp line
put:
    mov dx, 0x3fd
full:
    in al, dx
    test al, 0x20
    jz full
    mov al, bl
    mov dx, 0x3f8
    out dx, al
    ret
"""
# In strings, so that the monitor has much to move in each of its turns:
FAST_FLOOD = """
    xor cx, cx
    mov ds, cx
    mov es, cx
    mov dx, 0xe9
    mov al, 'a'
line:
    mov di, 0x500
    mov cx, 60
    rep stosb
    mov byte [di], 10
    mov si, 0x500
    mov cx, 61
    rep outsb
    inc al
    cmp al, 'z'
    jbe line
    mov al, 'a'
    jmp line
"""


def flood_steps(lines):
    """How the letters of the flood's lines follow each other."""
    letters = [found[1] for line in lines if (found := re.match(r"\[flood\] (\w)\1{59}$", line))]
    return {(ord(after) - ord(before)) % 26 for before, after in zip(letters, letters[1:])}


@pytest.mark.parametrize("name", ["text", "32-bit"])
def test_keys_are_seen_while_a_guest_floods_the_screen(boot_screen, tmp_path, name):
    modules = [(assemble(tmp_path, "flood", SLOW_FLOOD), "vm=flood mem=2M cpu=0")]
    _, screen = boot_screen(name, "console=screen", modules=modules)
    screen.wait_for(r"^\[flood\] (\w)\1{59}$")
    screen.monitor.type_keys("stop")
    screen.wait_for(r"^husk> stop$")
    screen.monitor.type_keys(" flood\n")
    screen.wait_for(r"^flood stopped")
    # Soon it shows the last lines, one after another, and nothing of those that scrolled by.
    end = time.monotonic() + 20
    while flood_steps(lines := screen.lines()) != {1}:
        assert time.monotonic() < end, lines


def test_a_fast_flood_does_not_keep_the_screen_from_being_drawn(boot_screen, tmp_path):
    modules = [(assemble(tmp_path, "flood", FAST_FLOOD), "vm=flood mem=2M cpu=0")]
    _, screen = boot_screen("text", "console=screen", modules=modules)
    screen.wait_for(r"^\[flood\] \w{60}$")
    for count in range(1, 6):
        screen.monitor.type_keys("x")
        screen.wait_for(rf"^husk> {'x' * count}$", timeout=3)


def test_a_chosen_screen_leaves_the_serial_line_alone(boot_screen):
    machine, screen = boot_screen("text", "console=screen")
    screen.wait_for(r"^husk>")
    assert "husk>" not in machine.serial_text()
    screen.monitor.type_keys("version\n")
    screen.wait_for(r"^Husk \d")


def test_a_chosen_serial_line_leaves_the_screen_alone(boot_screen):
    machine, screen = boot_screen("text", "console=serial")
    machine.expect_prompt(timeout=60)
    assert not any("husk>" in line for line in screen.lines())


def test_a_missing_keyboard_controller_is_named(boot_screen):
    machine, screen = boot_screen("text", machine="pc,i8042=off")
    machine.expect(r"keyboard: none: there is no PS/2 controller", timeout=60)
    machine.expect_prompt()
    machine.sendline("version")
    screen.wait_for(r"^Husk \d")


def test_a_panic_is_on_the_screen_too(boot, build):
    machine = break_it(boot, build, "set $rip = 0x1234")
    machine.expect(r"Husk has stopped", timeout=20)
    Screen(machine, text_mode=True).wait_for(r"Husk has stopped", timeout=5)
