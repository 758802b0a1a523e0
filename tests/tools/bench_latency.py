# SPDX-License-Identifier: MIT
"""Measures how late interrupts reach a guest, alone and beside others, and shows a table a machine.

usage: bench_latency.py --build FOLDER [BED...]

A BED is bochs (VT-x) or counted (AMD-V, in QEMU with -icount); both if none is given. A row is the
time from the moment at which a timer or a device is due to the first instruction of the guest's
handler, in ticks; a tick is an instruction. It is the median, and the value that 99 of 100 do not
exceed. The guest computes meanwhile, or halts. The devices' own clocks are read by exits, so these
rows may be off by half an exit. The last rows are what a guest that computes alone loses to one
interrupt of the host's timer: when its slice ends and it gets the next one, or when a timer of its
own is due whose interrupt it does not take. With --strict a row beyond its limit is an error.
"""

import argparse
import pathlib
import sys
import tempfile

# The harness of the system tests boots the machine here too.
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "system"))
import iso
from harness import BEDS, Machine, emulators

TIME_LIMIT_SECONDS = 300
ROUNDS = 100
HOGS = 4

TITLES = {
    "bochs": "VT-x: Bochs, corei7_skylake_x",
    "counted": "AMD-V: QEMU TCG, -icount shift=0",
}
# The row, and the words of the guest's command line.
ALONE = {
    "TSC deadline": "sleeper source=deadline awake",
    "TSC deadline, halted": "sleeper source=deadline",
    "HPET": "sleeper source=hpet awake",
    "HPET, halted": "sleeper source=hpet",
    "PIT": "sleeper source=pit awake",
    "PIT, halted": "sleeper source=pit",
    "UART": "sleeper source=uart awake",
}
BESIDE_HOGS = {
    f"{name}, {HOGS} hogs": ALONE[name]
    for name in ("TSC deadline, halted", "HPET, halted", "PIT, halted")
}
HOST = {
    "host timer": "gaps ms=100",
    "own timer, not taken": "gaps period=500 ms=50",
}
LIMITS = {"host timer": 320}

# Median and 99 of 100.
TICKS = r"greedy: (?:sleeper:|gaps: \d+ times,) (\d+) (\d+) \d+ ticks"


def modules_of(build):
    """A VM for each row, and the hogs, which the monitor starts."""
    guests = pathlib.Path(build, "guests")
    found = []
    for index, words in enumerate((ALONE | BESIDE_HOGS | HOST).values()):
        words += f" rounds={ROUNDS}" if "sleeper" in words else ""
        line = f"vm=row{index} mem=4M cpu=0 start=no -- {words}"
        found.append((guests / "greedy.elf", line))
    for index in range(HOGS):
        found.append((guests / "hog.elf", f"vm=hog{index} mem=2M cpu=0 start=no"))
    return found


def run(machine, index):
    machine.sendline(f"start row{index}")
    match = machine.expect(TICKS, timeout=TIME_LIMIT_SECONDS)
    machine.expect(rf"\[row{index}\] ended: exit status 0", timeout=TIME_LIMIT_SECONDS)
    return int(match[1]), int(match[2])


def measure(build, bed):
    """(median, 99 of 100) by row."""
    names = list(ALONE | BESIDE_HOGS | HOST)
    found = {}
    with tempfile.TemporaryDirectory(prefix="husk-latency-") as folder:
        kernel = pathlib.Path(build, "iso/boot/husk.elf")
        image = iso.make(kernel, folder, "", modules_of(build))
        spec = emulators.MachineSpec(iso=str(image), **(BEDS[bed] | {"cpus": 1}))
        machine = Machine(spec, folder, TIME_LIMIT_SECONDS)
        try:
            machine.expect_prompt(timeout=TIME_LIMIT_SECONDS)
            for name in [*ALONE, *HOST]:
                found[name] = run(machine, names.index(name))
            for index in range(HOGS):
                machine.sendline(f"start hog{index}")
                machine.expect(rf"\[hog{index}\] hog: spinning", timeout=TIME_LIMIT_SECONDS)
            for name in BESIDE_HOGS:
                found[name] = run(machine, names.index(name))
        finally:
            machine.stop()
    return found


def too_late(ticks):
    """The rows that miss their limit, as printable lines."""
    return [
        f"{name}: {ticks[name][0]} ticks, at most {limit} are allowed"
        for name, limit in LIMITS.items()
        if ticks[name][0] > limit
    ]


def table(bed, ticks):
    lines = [f"{'due to handler':30}{'median':>9}{'99 %':>9}{'limit':>9}"]
    for name, (median, most) in ticks.items():
        lines.append(f"{name:30}{median:>9}{most:>9}{LIMITS.get(name, ''):>9}")
    return "\n".join([TITLES[bed], *lines])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("beds", nargs="*", default=list(TITLES), metavar="BED")
    arguments = parser.parse_args()
    late = []
    for bed in arguments.beds:
        ticks = measure(arguments.build, bed)
        print(table(bed, ticks) + "\n", flush=True)
        late += [f"{bed}: {line}" for line in too_late(ticks)]
    print("\n".join(late), end="\n" if late else "")
    sys.exit(1 if late and arguments.strict else 0)


if __name__ == "__main__":
    main()
