# SPDX-License-Identifier: MIT
"""A booted machine as a test sees it: its serial line, its screen, and its end."""

import os
import pathlib
import re
import sys
import threading
import time

import pexpect
from pexpect import fdpexpect

# The tools are scripts, not a package.
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tools"))
import emulators
import processes
from qemu_monitor import QemuMonitor

# The machines with virtualisation: what `boot` is told for each.
BEDS = {
    # VT-x.
    "bochs": {"emulator": "bochs", "cpus": 2},
    # AMD-V. Time is that of the wall, so that a busy machine shows in it.
    "qemu": {"emulator": "qemu", "cpus": 2},
    # AMD-V; a tick is an instruction, as always in Bochs. Two CPUs hang.
    "counted": {"emulator": "qemu", "cpus": 1, "counted": True},
    # AMD-V with next-RIP save.
    "ryzen": {"emulator": "bochs", "cpu": "ryzen", "cpus": 2},
}

PROMPT = "husk> "
LAST_WORDS_SECONDS = 10
# Colours, cursor movements and the like: what a terminal does not show as text.
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]")


def echo_of(text):
    """The pattern of a typed line's echo, its end included: guests' lines may come in between.

    The monitor then takes its prompt away, and shows it again with what has been typed. The first
    time that it is shown again is meant: the groups are atomic, so that a flood of lines is not
    searched again and again.
    """
    erase = re.escape("\x1b[K")
    parts = [re.escape(text[:1])]
    for index, character in enumerate(text[1:] + "\n", 1):
        shown_again = re.escape(PROMPT + text[:index])
        lines = rf"(?>(?:\r*{erase}(?>.*?{shown_again}{erase}))*)"
        parts.append(rf"{lines}\r*{re.escape(character)}")
    return "".join(parts)


class SerialConsole(fdpexpect.fdspawn):
    """pexpect on the serial line; it fails at once when the emulator has ended."""

    def __init__(self, fd, process, log):
        super().__init__(fd, encoding="utf-8", codec_errors="replace", timeout=30)
        self.process = process
        self.logfile_read = log
        self.delaybeforesend = None

    def read_nonblocking(self, size=1, timeout=None):
        limit = None if timeout is None else time.monotonic() + timeout
        while True:
            ended = self.process.poll() is not None
            try:
                return super().read_nonblocking(size, 0.1)
            except pexpect.TIMEOUT as nothing:
                if ended:
                    raise pexpect.EOF(f"emulator ended: {self.process.returncode}") from nothing
                if limit is not None and time.monotonic() > limit:
                    raise


class Terminal:
    """A serial line as a user has it, with Husk's monitor at its far end.

    `console` is pexpect on it, `fd` what is written to.
    """

    def __init__(self, console, fd):
        self.console = console
        self.fd = fd

    def expect(self, pattern, timeout=30):
        """Waits for a regular expression (or the first of a list); returns the match."""
        self.console.expect(pattern, timeout=timeout)
        return self.console.match

    def expect_prompt(self, timeout=30):
        """Waits for the monitor to be ready for a command."""
        self.console.expect_exact(PROMPT, timeout=timeout)

    def send(self, text):
        """Types text as it is."""
        data = text.encode()
        while data:
            data = data[os.write(self.fd, data) :]

    def sendline(self, text=""):
        """Types a line and Enter, which is a carriage return on a terminal."""
        self.send(text + "\r")

    def command(self, text, timeout=30):
        """Runs a monitor command at the prompt; returns its output as plain lines."""
        self.sendline(text)
        self.console.expect(echo_of(text), timeout=timeout)
        self.expect_prompt(timeout)
        plain = ESCAPES.sub("", self.console.before).replace("\r", "")
        return [line.rstrip() for line in plain.split("\n") if line.strip()]


class Machine(Terminal):
    """One emulated machine with Husk in it. `limit` seconds of wall clock end it by SIGKILL."""

    def __init__(self, spec, folder, limit):
        self.spec = spec
        self.folder = pathlib.Path(folder)
        self.line = emulators.SerialLine()
        self._log = open(self.folder / "serial.log", "w", encoding="utf-8")
        self.process = emulators.start(spec, self.line.path, self.folder)
        super().__init__(SerialConsole(self.line.fd, self.process, self._log), self.line.fd)
        self._timer = threading.Timer(limit, processes.kill, [self.process])
        self._timer.start()

    def expect_end(self, timeout=30):
        """Waits until the emulator has ended by itself; returns what came before."""
        self.console.expect(pexpect.EOF, timeout=timeout)
        return self.console.before

    def expect_off(self, name):
        """Waits until a VM that was stopped has given back what it had."""
        limit = time.monotonic() + 60
        while any(re.match(rf"{name} +stopping ", line) for line in self.command("vms")):
            assert time.monotonic() < limit, f"{name} does not go off"

    def last_words(self):
        """What the monitor says of itself and its VMs; what it does not say is no error."""
        said = []
        try:
            self.send("\x1d\r")
            self.expect_prompt(LAST_WORDS_SECONDS)
            for command in ["cpus", "vms"]:
                said += self.command(command, timeout=LAST_WORDS_SECONDS)
            for name in [line.split()[0] for line in said if " running " in line]:
                said += self.command(f"regs {name}", timeout=LAST_WORDS_SECONDS)
        except (OSError, pexpect.TIMEOUT, pexpect.EOF) as error:
            said.append(f"no answer: {type(error).__name__}")
        return "\n".join(said)

    def serial_text(self):
        """All that came over the serial line so far and was looked at."""
        if not self._log.closed:
            self._log.flush()
        return (self.folder / "serial.log").read_text(encoding="utf-8")

    def monitor(self):
        """QEMU's own monitor: screenshots and keys."""
        return QemuMonitor(self.folder / "monitor")

    def stop(self):
        """Ends the emulator, if it has not ended, and keeps what is left on the line.

        A second call does nothing.
        """
        if self._log.closed:
            return
        self._timer.cancel()
        processes.kill(self.process)
        try:
            self.console.expect(pexpect.EOF, timeout=2)
        except (pexpect.TIMEOUT, pexpect.EOF, OSError):
            pass
        self._log.close()
        self.line.close()
