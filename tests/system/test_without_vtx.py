# SPDX-License-Identifier: MIT
"""On a machine without VT-x and AMD-V Husk says so in one line, and everything else works."""

import time


def test_no_guest_runs_but_the_monitor_does(boot):
    machine = boot("guests=hello", emulator="qemu", cpus=2, cpu="max,-svm")
    machine.expect(r"virtualization: none: [^\r\n]+")
    machine.expect_prompt(timeout=60)
    assert len(machine.command("cpus")) == 3
    answer = machine.command("start hog")
    assert len(answer) == 1 and "VT-x" in answer[0], answer


def test_nmis_are_survived(boot):
    machine = boot("", emulator="qemu", cpus=2)
    machine.expect_prompt(timeout=60)
    monitor = machine.monitor()
    for _ in range(20):
        monitor.command("nmi")
    assert machine.command("version")[-1].startswith("Husk ")


def vga_text(monitor):
    cells = monitor.command("xp /4000bx 0xb8000")
    values = [int(word, 16) for word in cells.split() if word.startswith("0x") and len(word) == 4]
    assert len(values) == 4000
    return bytes(values[::2]).decode("latin-1")


def test_the_vga_screen_shows_the_prompt(boot, tmp_path):
    machine = boot("", emulator="qemu", cpus=1)
    machine.expect_prompt(timeout=60)
    monitor = machine.monitor()
    limit = time.monotonic() + 20
    while "husk>" not in vga_text(monitor):  # drawn a moment after the serial line has it
        assert time.monotonic() < limit, vga_text(monitor)
        time.sleep(0.2)
    monitor.screenshot(tmp_path / "screen.png")
    assert (tmp_path / "screen.png").read_bytes().startswith(b"\x89PNG")
