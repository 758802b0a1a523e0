# SPDX-License-Identifier: MIT
"""Counts the instructions of Debian's kernel from its entry to init's first, bare and under Husk.

usage: bench_linux.py --build FOLDER [--words WORDS] [BED...]

A BED is bochs (VT-x) or counted (AMD-V, QEMU with -icount); both if none is given. WORDS are more
words of the VM's GRUB line, such as pv=no. Fails when the kernel takes more than LIMIT times as
many instructions in a VM as on the bare emulator.

How it is counted. Both emulators count what a CPU executes, and a halted CPU executes nothing: idle
time is left out by itself, on both sides, while their clocks (a tick is an instruction) run on.
Bochs shows its count, `icount`, where its debugger stops; QEMU counts in a plugin, count_plugin.c.
The count starts at the kernel's entry (GRUB's loader takes the 32-bit one, Husk the 64-bit one) and
ends at the first instruction of init. All of the machine counts: there is one CPU, so the monitor,
the consoles and the scheduler are in it. Husk's share is what is executed of Husk itself in that
time. In Bochs that is from each VM exit to the next entry, stopped at one by one; in QEMU it is by
the address, which is not the guest's too as long as the kernel is not moved (nokaslr).

Both sides have the same kernel, memory, initramfs and command line. The bare kernel is told what
the TSC counts in a second, which in a VM it knows from CPUID; else it would measure for a while.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass

# The harness of the system tests boots the machine here too.
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "system"))
import iso
import linux_guest
from harness import BEDS, Machine, emulators

LIMIT = 1.10
# The bare machine's memory and the VM's, then the memory of the machine that Husk is on.
MIB = 256
HOST_MIB = 512
TIME_LIMIT_SECONDS = 600
LOG_SECONDS = 60
ARGUMENTS = "nokaslr"
TSC_KHZ = {"bochs": 100000, "counted": 1000000}
TITLES = {"bochs": "VT-x: Bochs, corei7_skylake_x", "counted": "AMD-V: QEMU TCG, -icount shift=0"}

# Where the kernel prefers to lie, and gets its wish on both sides.
ENTRY_32 = 0x1000000
ENTRY_64 = ENTRY_32 + 0x200
# first_line.asm's.
INIT_START = 0x77770100

SHOW_COUNT = 'show "cpu0.icount"'
COUNT_LINE = r"count: (start|end) (\d+) (\d+)"


@dataclass
class Count:
    """Instructions from the kernel's entry to init, those of Husk among them, and its exits."""

    instructions: int
    husk: int = 0
    exits: tuple = ()


# ---- The two machines ----


def bare_image(build, folder, bed):
    words = f"{ARGUMENTS} tsc_early_khz={TSC_KHZ[bed]}"
    return linux_guest.bare_iso(build, folder, words, init_program(build))


def husk_image(build, folder, kernel, words):
    initramfs = linux_guest.initramfs(build, folder, init_program(build))
    line = f"vm=linux mem={MIB}M {words} -- console=ttyS0 quiet {ARGUMENTS}"
    modules = [(linux_guest.kernel(build), line), (initramfs, "vm=linux")]
    return iso.make(kernel, folder, "", modules)


def init_program(build):
    return pathlib.Path(build, "first_line").read_bytes()


def exits_of(machine):
    """The monitor's table, as soon as init's line has come: from there on init only waits."""
    machine.sendline()
    machine.expect_prompt()
    return tuple(machine.command("exits linux", timeout=60))


# ---- Bochs: breakpoints ----


class Debugger(threading.Thread):
    """Feeds Bochs' debugger from a named pipe: where it stops, it shows the count and goes on."""

    def __init__(self, path, entry, others):
        super().__init__(daemon=True)
        self.path = path
        self.entry = f"lb {entry:#x}"
        self.others = [f"lb {address:#x}" for address in others]
        os.mkfifo(path)
        self.start()

    def run(self):
        # The kernel comes by its entry again when it has decompressed itself to there.
        first = [self.entry, "c", SHOW_COUNT, "d 1", *self.others]
        try:
            with open(self.path, "w", encoding="ascii", buffering=1) as pipe:
                pipe.write("\n".join(first) + "\n")
                while True:
                    pipe.write(f"c\n{SHOW_COUNT}\n")
        except BrokenPipeError:
            pass  # the emulator has ended


def addresses(kernel, pattern):
    """The addresses of the lines that match, in a disassembly of `kernel`."""
    command = ["objdump", "-d", kernel]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [int(address, 16) for address in re.findall(pattern, text, re.M)]


def count_stops(log, leave, enter):
    """From the debugger's stops: a Count, or None as long as init has not been reached."""
    found = re.findall(r"Breakpoint \d+, 0x(\w+) in .*?^icount = (\d+)$", log, re.M | re.S)
    stops = [(int(address, 16), int(count)) for address, count in found]
    ends = [number for number, stop in enumerate(stops) if stop[0] == INIT_START]
    if not ends:
        return None
    husk = 0
    for (address, count), (following, later) in zip(stops, stops[1 : ends[0] + 1]):
        if address in leave:
            assert following in enter, f"no VM entry after the exit at {count}"
            husk += later + 1 - count
    return Count(stops[ends[0]][1] - stops[0][1], husk)


def measure_bochs(image, folder, kernel=None):
    leave = addresses(kernel, r"^(\w+) <vmx_exit>:") if kernel else []
    enter = addresses(kernel, r"^(\w+):.*\tvm(?:resume|launch)\b") if kernel else []
    assert not kernel or (leave and enter)
    path = pathlib.Path(folder, "debugger-input")
    Debugger(path, ENTRY_64 if kernel else ENTRY_32, [INIT_START, *leave, *enter])
    machine = dict(BEDS["bochs"], cpus=1, debugger=str(path))
    return boot(image, folder, machine, kernel, lambda log: count_stops(log, leave, enter))


# ---- QEMU: a plugin ----


def code_of(kernel):
    """First and last address of Husk's code, after its first steps."""
    command = ["readelf", "-lW", kernel]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"LOAD +\S+ 0x(f\w+) \S+ \S+ 0x(\w+) R E", text)
    return int(found[1], 16), int(found[1], 16) + int(found[2], 16) - 1


def count_lines(log):
    """From the plugin's lines: a Count, or None as long as init has not been reached."""
    found = {name: (int(all_), int(husk)) for name, all_, husk in re.findall(COUNT_LINE, log)}
    if "end" not in found:
        return None
    (start, husk_start), (end, husk_end) = found["start"], found["end"]
    return Count(end - start, husk_end - husk_start)


def measure_counted(build, image, folder, kernel=None):
    plugin = f"file={pathlib.Path(build, 'count_plugin.so').resolve()}"
    marks = f"start={ENTRY_64 if kernel else ENTRY_32:x},end={INIT_START:x}"
    first, last = code_of(kernel) if kernel else (1, 0)
    bed = BEDS["counted"]
    words = ("-plugin", f"{plugin},{marks},host={first:x}-{last:x}")
    return boot(image, folder, dict(bed, extra=words), kernel, count_lines)


# ---- Both ----


def boot(image, folder, machine, kernel, count_of):
    """Boots until init has said its line; `count_of` reads the emulator's log."""
    memory = HOST_MIB if kernel else MIB
    spec = emulators.MachineSpec(iso=str(image), memory=memory, **machine)
    machine = Machine(spec, folder, TIME_LIMIT_SECONDS)
    try:
        machine.expect(re.escape(linux_guest.MARKER), timeout=TIME_LIMIT_SECONDS)
        exits = exits_of(machine) if kernel else ()
        end = time.monotonic() + LOG_SECONDS
        log = pathlib.Path(folder, "emulator.log")
        while (count := count_of(log.read_text(encoding="utf-8", errors="replace"))) is None:
            assert time.monotonic() < end, "the emulator has not counted"
            time.sleep(1)
    finally:
        machine.stop()
    count.exits = exits
    return count


def measure(build, bed, kernel=None, words=""):
    """The Count of a boot under Husk's `kernel`, or of one on the bare emulator."""
    with tempfile.TemporaryDirectory(prefix="husk-bench-") as folder:
        if kernel:
            image = husk_image(build, folder, kernel, words)
        else:
            image = bare_image(build, folder, bed)
        if bed == "bochs":
            return measure_bochs(image, folder, kernel)
        return measure_counted(build, image, folder, kernel)


def report(bed, bare, husk):
    ratio = husk.instructions / bare.instructions
    share = 100 * husk.husk / husk.instructions
    rows = [
        ("bare", f"{bare.instructions:,}"),
        ("under Husk", f"{husk.instructions:,}"),
        ("of them in Husk", f"{husk.husk:,}  ({share:.2f} %)"),
        ("ratio", f"{ratio:.4f}  (limit {LIMIT:.2f})"),
    ]
    lines = [TITLES[bed], "instructions from the kernel's entry to init, without idle time"]
    lines += [f"  {name:18}{value:>15}" for name, value in rows]
    lines += ["exits by reason", *(f"  {line}" for line in husk.exits)]
    print("\n".join(lines) + "\n", flush=True)
    return ratio


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--words", default="")
    parser.add_argument("beds", nargs="*", default=list(TITLES), metavar="BED")
    arguments = parser.parse_args()
    kernel = pathlib.Path(arguments.build, "iso/boot/husk.elf")
    slow = []
    for bed in arguments.beds:
        try:
            bare = measure(arguments.build, bed)
            husk = measure(arguments.build, bed, kernel, arguments.words)
        except linux_guest.Unavailable as reason:
            sys.exit(f"not measured: Debian's packages cannot be had: {reason}")
        if report(bed, bare, husk) > LIMIT:
            slow.append(f"{bed}: Linux takes more than {LIMIT} times what it takes bare")
    print("\n".join(slow), end="\n" if slow else "")
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
