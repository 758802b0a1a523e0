# SPDX-License-Identifier: MIT
"""Boots an ISO in the best emulator there is, with this terminal as its serial console.

usage: run.py --iso FILE --probe FILE [--emulator qemu|bochs] [--cpus N] [--memory MIB]
       run.py --iso FILE --debug FOLDER [--cpus N] [--memory MIB]

The second starts QEMU stopped, with its gdb server at the Unix socket FOLDER/gdb.
"""

import argparse
import os
import select
import signal
import sys
import tempfile
import termios
import time
import tty

import emulators
import processes

ESCAPE = 0x01  # Ctrl-A
HELD_SECONDS = 3


def choose(arguments):
    """The emulator to use and the clause that says why."""
    wanted, probe = arguments.emulator, arguments.probe
    if arguments.debug:
        return "qemu", "QEMU, which waits for 'make gdb' in another terminal"
    if wanted == "bochs":
        return "bochs", "Bochs with its own VT-x, as asked for (EMU=bochs)"
    works, why = emulators.nested(probe)
    if works:
        return "kvm", f"QEMU with KVM, because {why}"
    return "qemu", f"QEMU, which emulates AMD-V, because {why}"


class Keyboard:
    """What is typed, less the escape key: Ctrl-A X leaves, Ctrl-A Ctrl-A is one Ctrl-A."""

    def __init__(self):
        self.escaped = False

    def translate(self, data):
        """The bytes to send on, and whether the user wants to leave."""
        sent = bytearray()
        for byte in data:
            if self.escaped:
                self.escaped = False
                if byte in b"xX":
                    return bytes(sent), True
                if byte != ESCAPE:
                    sent.append(ESCAPE)
                sent.append(byte)
            elif byte == ESCAPE:
                self.escaped = True
            else:
                sent.append(byte)
        return bytes(sent), False


class Bridge:
    """Carries bytes between this terminal and the serial line until either side ends."""

    def __init__(self, process, line, interactive):
        self.process = process
        self.line = line
        self.interactive = interactive
        self.keyboard = Keyboard() if interactive else None
        self.pending = b""
        self.input_open = True
        # Piped input waits for someone to read it: the firmware and GRUB would swallow it.
        self.held = not interactive
        self.last_output = None
        self.tail = b""
        self.output_bytes = 0

    def run(self):
        os.set_blocking(self.line.fd, False)
        while True:
            ended = self.process.poll() is not None
            sources = [self.line.fd] + ([0] if self.input_open else [])
            sinks = [self.line.fd] if self.pending and not self.held else []
            readable, writable, _ = select.select(sources, sinks, [], 0 if ended else 0.2)
            got_output = self.line.fd in readable and self.from_machine()
            if 0 in readable and self.from_terminal():
                return
            if writable:
                self.to_machine()
            self.release()
            if ended and not got_output:
                return

    def from_machine(self):
        try:
            data = os.read(self.line.fd, 4096)
        except OSError:
            return False
        self.output_bytes += len(data)
        self.last_output = time.monotonic()
        self.tail = (self.tail + data)[-32:]
        while data:
            data = data[os.write(1, data) :]
        return True

    def from_terminal(self):
        data = os.read(0, 4096)
        if not data:
            self.input_open = False
            return self.interactive
        leave = False
        if self.keyboard:
            data, leave = self.keyboard.translate(data)
        self.pending += data
        return leave

    def to_machine(self):
        try:
            self.pending = self.pending[os.write(self.line.fd, self.pending) :]
        except BlockingIOError:
            pass

    def release(self):
        """Lets piped input go: at the first prompt, or when the machine has fallen silent."""
        silent = self.last_output and time.monotonic() - self.last_output > HELD_SECONDS
        if self.held and (b"husk> " in self.tail or silent):
            self.held = False


def parse_arguments():
    parser = argparse.ArgumentParser(description="Boots Husk in an emulator.")
    parser.add_argument("--iso", required=True)
    parser.add_argument("--probe", default="")
    parser.add_argument("--debug", default="", metavar="FOLDER")
    parser.add_argument("--emulator", choices=["", "qemu", "bochs"], default="")
    parser.add_argument("--cpus", type=int, default=4)
    parser.add_argument("--memory", type=int, default=1024)
    return parser.parse_args()


def say(text):
    print(text, flush=True)


def converse(spec, folder, interactive):
    """Runs the machine to its end; returns the exit status of this program."""
    line = emulators.SerialLine()
    process = emulators.start(spec, line.path, folder)
    bridge = Bridge(process, line, interactive)
    saved = termios.tcgetattr(0) if interactive else None
    try:
        if interactive:
            tty.setraw(0)
        bridge.run()
    finally:
        processes.kill(process)
        if saved:
            termios.tcsetattr(0, termios.TCSADRAIN, saved)
    say("")
    if bridge.output_bytes == 0:
        with open(f"{folder}/emulator.log", encoding="utf-8", errors="replace") as log:
            say("The machine said nothing. The end of the emulator's own output:")
            say("".join(log.readlines()[-20:]))
        return 1
    return 0


def main():
    arguments = parse_arguments()
    interactive = os.isatty(0) and os.isatty(1)
    emulator, why = choose(arguments)
    say(f"Emulator: {why}. {arguments.cpus} CPUs, {arguments.memory} MiB.")
    if interactive:
        say("This terminal is Husk's serial console. Leave with Ctrl-A X.")
    spec = emulators.MachineSpec(
        iso=os.path.abspath(arguments.iso),
        emulator=emulator,
        cpus=arguments.cpus,
        memory=arguments.memory,
        real_time=True,
        gdb=bool(arguments.debug),
        stopped=bool(arguments.debug),
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(1))
    # make may be killed: this program is then of no use to anybody.
    processes.die_with_parent(signal.SIGTERM)
    with tempfile.TemporaryDirectory(prefix="husk-run-") as temporary:
        try:
            sys.exit(converse(spec, arguments.debug or temporary, interactive))
        except KeyboardInterrupt:
            sys.exit(130)


if __name__ == "__main__":
    main()
