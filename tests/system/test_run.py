# SPDX-License-Identifier: MIT
"""What a user does first: make run gives a terminal on Husk, and its escape key gives it back."""

import subprocess

import pexpect
import pytest

from harness import emulators

ESCAPE = "\x01"  # Ctrl-A


def command(build, emulator):
    return ["make", f"BUILD={build}", f"EMU={emulator}", "CPUS=2", "MEM=512", "run"]


CHOICES = {
    "": r"Emulator: QEMU[^\r\n]*, because [^\r\n]+\. 2 CPUs, 512 MiB",
    "qemu": r"Emulator: QEMU[^\r\n]*, because [^\r\n]+\. 2 CPUs, 512 MiB",
    "bochs": r"Emulator: Bochs with its own VT-x, as asked for \(EMU=bochs\)\. 2 CPUs, 512 MiB",
}


@pytest.mark.parametrize("emulator", CHOICES)
def test_run_is_a_terminal_until_ctrl_a_x(build, emulator):
    make, *arguments = command(build, emulator)
    terminal = pexpect.spawn(make, arguments, encoding="utf-8", timeout=90)
    try:
        terminal.expect(CHOICES[emulator])
        terminal.expect_exact("Leave with Ctrl-A X")
        terminal.expect(r"\[hello\] ended: exit status 42")  # guests run wherever it boots
        terminal.expect_exact("husk> ")
        terminal.send("help\r")
        terminal.expect_exact("husk> ")
        terminal.send(ESCAPE + "x")
        terminal.expect(pexpect.EOF)
        terminal.close()
        assert terminal.exitstatus == 0
    finally:
        terminal.close(force=True)


# What decides whether KVM is taken, on machines that have AMD-V and that have nothing.
@pytest.mark.parametrize(
    "cpu, answer",
    [("max", emulators.PROBE_ANSWERS[5]), ("max,-svm", (False, emulators.NEITHER))],
)
def test_the_probe_tells_what_a_machine_has(build, cpu, answer):
    assert emulators.run_probe(build / "nested_probe.bin", "qemu", cpu) == answer


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
