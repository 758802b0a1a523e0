# SPDX-License-Identifier: MIT
"""Debian's kernel with its console on hvc0: a shell there, apart from the serial line."""

import re

import linux_guest
from beds import on_both_vendors
from test_disks import DRIVERS
from test_linux import HUSK_WORDS

MACHINE_SECONDS = 900
BOOT_SECONDS = 300
CONSOLE_DRIVERS = [name for name in DRIVERS if name != "virtio_blk"] + ["virtio_console"]
LOAD = "".join(f"insmod /lib/{name}.ko\n" for name in CONSOLE_DRIVERS)
INIT = linux_guest.INIT.replace("export PATH", LOAD + "export PATH").replace("ttyS0", "hvc0")
TEXT = "0123456789abcdef" * 40  # more than a piece of what is typed


def linux(debian, folder):
    """The GRUB modules of a VM that gets hvc0 because its kernel is told to use it."""
    initramfs = linux_guest.initramfs(
        debian, folder, INIT.encode(), linux_guest.drivers(debian, CONSOLE_DRIVERS))
    arguments = f"console=ttyS0 console=hvc0 quiet {linux_guest.ARGUMENTS}"
    return [(linux_guest.kernel(debian), f"vm=web mem=128M cpus=2 start=no -- {arguments}"),
            (initramfs, "vm=web")]


class HvcShell(linux_guest.Shell):
    """The shell there, to which the terminal is connected."""

    def __init__(self, machine):  # pylint: disable=super-init-not-called
        self.machine = machine
        # With the first key Linux learns the size, and the shell may show its prompt again.
        machine.sendline("echo $((1000 + 1))")
        machine.expect(rf"1001\s+{linux_guest.PROMPT}", timeout=60)

    def run(self, command, timeout=60):
        """As ever, but the shell asks the terminal for its width in front of each line."""
        lines = [line.removeprefix("\x1b[6n") for line in super().run(command, timeout)]
        return [line for line in lines if line and line != command]


@on_both_vendors
def test_a_shell_on_hvc0(boot, debian, tmp_path, bed):
    """It is shown and logged apart from the UART; nothing that is typed or printed is lost."""
    machine = boot(HUSK_WORDS[bed], linux(debian, tmp_path), emulator=bed, cpus=1,
                   limit=MACHINE_SECONDS)
    machine.expect_prompt(60)
    machine.command("start web")
    machine.expect(rf"\[web hvc0\] {linux_guest.PROMPT}", timeout=BOOT_SECONDS)
    machine.sendline("console web hvc0")
    machine.expect("connected to web hvc0; Ctrl-] returns")
    shell = HvcShell(machine)
    assert shell.run("tty; stty size") == ["/dev/hvc0", "25 80"]
    assert shell.run("cat /sys/class/tty/console/active") == ["ttyS0 hvc0"]
    assert shell.run(f"echo {TEXT} | wc -c")[-1] == str(len(TEXT) + 1)
    lines = shell.run("i=0; while [ $i -lt 600 ]; do echo line-$i; i=$((i + 1)); done", 300)
    assert lines == [f"line-{i}" for i in range(600)]
    shell.run("echo only-here > /dev/ttyS0")
    machine.send("\x1d")
    machine.expect(r"\[web\] 1 line while you were away: log web\b")
    machine.expect_prompt()
    assert "| line-599" in machine.command("log web hvc0")
    assert any("only-here" in line for line in machine.command("log web"))
    machine.command("reset web")
    machine.expect(rf"\[web hvc0\] {re.escape(linux_guest.PROMPT)}", timeout=BOOT_SECONDS)
