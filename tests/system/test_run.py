# SPDX-License-Identifier: MIT
"""What a user does first: make run gives a terminal on Husk, and its escape key gives it back."""

import subprocess

import pexpect
import pytest

ESCAPE = "\x01"  # Ctrl-A


def command(build, emulator):
    return ["make", f"BUILD={build}", f"EMU={emulator}", "CPUS=2", "MEM=512", "run"]


@pytest.mark.parametrize("emulator", ["bochs", "qemu"])
def test_run_is_a_terminal_until_ctrl_a_x(build, emulator):
    make, *arguments = command(build, emulator)
    terminal = pexpect.spawn(make, arguments, encoding="utf-8", timeout=90)
    try:
        terminal.expect(r"Emulator: (Bochs|QEMU).*2 CPUs, 512 MiB")
        terminal.expect_exact("Leave with Ctrl-A X")
        terminal.expect_exact("husk> ")
        terminal.send("help\r")
        terminal.expect_exact("husk> ")
        terminal.send(ESCAPE + "x")
        terminal.expect(pexpect.EOF)
        terminal.close()
        assert terminal.exitstatus == 0
    finally:
        terminal.close(force=True)


def test_run_takes_commands_from_a_pipe(build):
    # timeout ends all that make has started, where run() would kill make alone.
    done = subprocess.run(
        ["timeout", "110", *command(build, "bochs")],
        input="help\rpoweroff\r",
        capture_output=True,
        text=True,
        check=True,
    )
    assert "poweroff" in done.stdout.split("help COMMAND")[-1]
