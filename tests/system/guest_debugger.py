# SPDX-License-Identifier: MIT
"""The real gdb at the far end of a serial line of Husk's machine."""

import os
import pty
import select
import signal
import threading
import tty

import pexpect

from harness import emulators

GDB_PROMPT = "(gdb) "


def com2(emulator, line):
    """What MachineSpec.extra needs for a second serial line."""
    if emulator == "bochs":
        return (f"com2: enabled=1, mode=term, dev={line.path}",)
    return (*emulators.qemu_serial_line("com2", line.path), "-serial", "chardev:com2")


class Debugger:
    """gdb, connected to a line by its file descriptor. It closes with the `with` block."""

    def __init__(self, line_fd, program=None, log=None):
        self._line_fd = line_fd
        self._fd, self._far_end = pty.openpty()
        tty.setraw(self._far_end)
        self._ended = threading.Event()
        self._pump = threading.Thread(target=self._carry, daemon=True)
        self._pump.start()
        arguments = ["-q", "-nx", "-ex", "set pagination off", "-ex", "set confirm off"]
        # Emulators are slow on a machine that is busy; gdb itself would wait 2 seconds.
        arguments += ["-ex", "set remotetimeout 30"]
        self._gdb = pexpect.spawn(
            "gdb",
            arguments + [str(program)] * bool(program),
            env={**os.environ, "TERM": "dumb"},
            encoding="utf-8",
            echo=False,
            dimensions=(24, 200),
            timeout=60,
            logfile=log,
        )
        self._gdb.expect_exact(GDB_PROMPT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._gdb.close(force=True)
        self._ended.set()
        self._pump.join()
        os.close(self._fd)
        os.close(self._far_end)

    def _carry(self):
        """Carries bytes between gdb and the line: each of them has a terminal of its own."""
        ways = {self._fd: self._line_fd, self._line_fd: self._fd}
        while not self._ended.is_set():
            for ready in select.select(list(ways), [], [], 0.05)[0]:
                try:
                    data = os.read(ready, 4096)
                except OSError:
                    return  # the machine has ended
                while data:
                    data = data[os.write(ways[ready], data) :]

    def start(self, text):
        """Types a command that lets the guest run."""
        self._gdb.sendline(text)

    def wait(self, timeout=60):
        """Waits until gdb has its prompt; returns what it said."""
        self._gdb.expect_exact(GDB_PROMPT, timeout=timeout)
        return self._gdb.before.replace("\r", "")

    def command(self, text, timeout=60):
        self.start(text)
        return self.wait(timeout)

    def interrupt(self):
        """Ctrl-C; returns what gdb said up to its prompt."""
        self._gdb.sendintr()
        return self.wait()

    def die(self):
        """It says nothing more to Husk."""
        self._gdb.kill(signal.SIGKILL)
        self._gdb.expect(pexpect.EOF)

    def connect(self, how="extended-remote"):
        return self.command(f"target {how} {os.ttyname(self._far_end)}")

    def value(self, expression):
        """The value of an integer expression."""
        said = self.command(f"output/d {expression}")
        return int(said.strip())
