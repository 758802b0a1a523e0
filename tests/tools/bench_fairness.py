# SPDX-License-Identifier: MIT
"""Measures what a greedy VM leaves for others on its CPU, and shows a table with a row an attack.

usage: bench_fairness.py --build FOLDER [--strict] [--bed BED] [--jobs N] [--row NAME]...

In a row, VMs of the guest `greedy` do their worst. A victim that computes and a sleeper that wakes
every two milliseconds run beside them on CPU 0. The columns:

    share    what the victim gets, in % of its fair share. That is what it gets beside as many plain
             hogs as VMs of the row have a claim on CPU 0, or alone if none has.
    gap      the longest time in which the victim did not run, in ms
    wake-up  how late the sleeper's handler ran, in us: in 99 of 100 cases, and in the worst one

A machine with one CPU is the counted bed (QEMU with -icount), one with several is Bochs (VT-x): in
both nothing but Husk and the VMs takes time. QEMU would run one of several busy CPUs for too long.
It would take minutes for long copies, so their rows are in Bochs too. BED overrules that. With
--strict a row beyond its limits is an error.
"""

import argparse
import concurrent.futures
import pathlib
import struct
import sys
import tempfile
from dataclasses import dataclass

import pexpect

# The harness of the system tests boots the machine here too.
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "system"))
import iso
from harness import BEDS, Machine, emulators

TIME_LIMIT_SECONDS = 300
WINDOW_MS = 200
# The sleeper begins before the victim and goes on longer, so that it costs the victim as much in
# each row. It rests before it sorts what it measured, so that this does not count as a gap of the
# victim.
SLEEPER_PERIOD_US = 2000
SLEEPER_WINDOWS = 2
REST_US = 100_000

SHARE_LIMIT = 95  # per cent
GAP_LIMIT_MS = 10  # for each other VM with a claim, and one more millisecond
WAKE_LIMIT_US = 300


@dataclass(frozen=True)
class Row:
    """A machine, and what happens beside the victim on the victim's CPU."""

    attackers: tuple = ()  # (guest, words of its line), started at boot
    claims: int = 0  # how many of them have a claim on that CPU
    busy: int = 0  # how many keep a CPU of their own busy
    cpus: int = 1
    victim_cpu: int = 0
    victim_words: str = ""  # of the victim's line
    memory: int = 512
    bios_screen: str = "text"
    off: tuple = ()  # VMs that are switched off, as attackers
    typed: tuple = ()  # commands at the prompt while the victim runs; `off` are o0, o1 and so on
    sleeper: bool = True
    copies: bool = False  # so much that QEMU would take minutes
    window_ms: int = WINDOW_MS

    @property
    def fair(self):
        """The machine in which the victim's share is the fair one."""
        others = [cpu for cpu in range(1 + self.busy) if cpu != self.victim_cpu]
        hogs = tuple(hog(cpu) for cpu in [self.victim_cpu] * self.claims + others)
        shape = {"cpus": 1 + self.busy, "victim_cpu": self.victim_cpu, "copies": self.copies}
        return Row(hogs, self.claims, self.busy, sleeper=self is not PROMPT, **shape)

    @property
    def bed(self):
        return "counted" if self.cpus == 1 and not self.copies else "bochs"


def play(name, vcpus=1, cpu="0", mem="4M", times=1, **more):
    """A machine with that attack, by one VM or several."""
    attacker = ("greedy", f"mem={mem} cpus={vcpus} cpu={cpu} -- play={name}")
    return Row((attacker,) * times, **more)


def play_disk(name, vcpus=1, cpu="0", claims=1, **more):
    """The same, by a VM with a disk."""
    line = f"mem=4M cpus={vcpus} cpu={cpu} ram-disk=scratch:1M -- play={name}"
    return Row((("greedy", line),), claims=claims, copies=True, **more)


def play_packets(name, cpu="0", reader=None, **more):
    """The same, by a VM with network cards at a switch. The one whose address it knows is the
    victim's, which is deaf, or that of another VM, which takes all frames."""
    cards = "net=lan net=lan net=lan"
    known = "net=lan,mac=02:00:00:00:00:01"
    attackers = (("greedy", f"mem=4M cpu={cpu} {cards} -- play={name}"),)
    if reader:
        attackers += (("greedy", f"mem=4M cpu={reader} {known} -- play=packets-taken"),)
    return Row(attackers, victim_words="net=lan" if reader else known, **more)


def hog(cpu):
    """A VM that computes on that CPU."""
    return ("hog", f"mem=2M cpu={cpu}")


HOG = hog(0)
BIG = ("hog", "mem=1G cpu=0")
OVERLAPPING = "overlapping"
# The victim is the fourth hog. They must keep their shares, too: the fair one is without a sleeper.
PROMPT = Row((HOG,) * 3, claims=3, window_ms=1000)

ROWS = {
    "sleeper, 4 hogs": PROMPT,
    # Output.
    "print, text": play("print", claims=1),
    "print, 640x480": play("print", claims=1, bios_screen="640x480x32"),
    "print, 1024x768": play("print", claims=1, bios_screen="1024x768x32"),
    "print, 1920x1080": play("print", claims=1, bios_screen="1920x1080x32"),
    "print, other CPU": play("print", cpu="1", busy=1, cpus=2),
    "bytes": play("bytes", claims=1),
    # Timers.
    "masked timers": play("masked-timers", 64, times=4),
    "deaf timers": play("deaf-timers", 64, times=4),
    "timers below TPR": play("timers-below-tpr", 64),
    "pit, masked": play("pit-masked"),
    "pit, to the deaf": play("pit-to-the-deaf", 2),
    "hpet, masked": play("hpet-masked"),
    "hpet, to the deaf": play("hpet-to-the-deaf", 2),
    "pit": play("pit-wakes", claims=1),
    "level": play("level-stays", claims=1),
    "short sleeps": play("short-sleeps", claims=1),
    "naps": play("naps", claims=1),
    "dodge": play("dodge", claims=1),
    "crowd": play("crowd", 64, claims=1),
    # Interrupts between processors.
    "ipis to the deaf": play("ipis-to-the-deaf", 8, "0,1", busy=1, cpus=2, victim_cpu=1),
    "ipis below TPR": play("ipis-below-tpr", 8, "0,1", busy=1, cpus=2, victim_cpu=1),
    "ipis, 2 CPUs": Row(
        (
            ("greedy", "mem=4M cpus=8 cpu=0,2 -- play=ipis-to-the-deaf"),
            ("greedy", "mem=4M cpus=8 cpu=1,2 -- play=ipis-to-the-deaf"),
        ),
        busy=2,
        cpus=3,
        victim_cpu=2,
    ),
    "ipis": play("ipis", 2, "0,1", claims=1, busy=1, cpus=2, victim_cpu=1),
    "nmis": play("nmis", 2, "0,1", claims=1, busy=1, cpus=2, victim_cpu=1),
    "inits": play("inits", 2, "0,1", claims=1, busy=1, cpus=2, victim_cpu=1),
    "ipis to oneself": play("ipis-to-oneself", claims=1),
    "ipis, 50 VMs off": play("ipis-to-oneself", claims=1, off=(("hello", "mem=2M"),) * 50),
    # Processors.
    "64 vCPUs": play("compute", 64, claims=1),
    "exits": play("exits", claims=1),
    "pause": play("pause", 4, claims=1),
    "devices": play("devices", claims=1),
    "strings": play("strings", claims=1),
    # Disks.
    "notifications": play_disk("notifications"),
    "disk": play_disk("disk-reads"),
    "disk, halted": play_disk("disk-sleeps"),
    "disk, 2 CPUs": play_disk("disk-elsewhere", 2, "0,1", busy=1, cpus=2),
    "disk, other CPU": play_disk("disk-reads", cpu="1", claims=0, busy=1, cpus=2),
    # Packets.
    "packets": play_packets("packets-to-all", claims=1),
    "packets, deaf": play_packets("packets-to-one", claims=1),
    "packets, taken": play_packets("packets-to-one", reader="0", claims=2),
    "from CPU 1": play_packets("packets-to-all", cpu="1", busy=1, cpus=2),
    "from CPU 1, deaf": play_packets("packets-to-one", cpu="1", busy=1, cpus=2),
    "from CPU 1, taken": play_packets("packets-to-one", "1", "0", claims=1, busy=1, cpus=2),
    "taken by CPU 1": play_packets("packets-to-one", "0", "1", claims=1, busy=1, cpus=2),
    # Starts.
    "reset, 1 GiB": play("reset", mem="1G", claims=1, memory=2048),
    "start, 1 GiB": Row(
        (HOG,), claims=2, memory=2048, off=(BIG,), typed=("start o0",), window_ms=2 * WINDOW_MS
    ),
    "stop, 1 GiB": Row((BIG,), claims=1, memory=2048, typed=("stop a0",)),
    "bad ELF": Row(claims=1, off=((OVERLAPPING, "mem=80M cpu=0"),), typed=("start o0",) * 5),
}


@dataclass
class Result:
    """What the victims told."""

    share: int  # thousandths of the CPU
    gap_us: int
    wake_us: int = 0  # of the sleeper, in 99 of 100 cases
    worst_us: int = 0


VICTIM = r"greedy: victim: share (\d+), longest gap (\d+) us"
SLEEPER = r"greedy: sleeper: \d+ \d+ \d+ ticks, \d+ (\d+) (\d+) us"


def overlapping_elf(path):
    """An ELF64 file with 64 segments in the same place; its loader must refuse it."""
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 1 << 20, 64, 0, 0, 64, 56, 64, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 7, 0, 1 << 20, 1 << 20, 4096, 64 << 20, 4096)
    path.write_bytes((header + segment * 64).ljust(4096, b"\0"))
    return path


def modules_of(row, guests, folder):
    """Files and lines: the attackers a0, a1 and so on, VMs that are off, and the victims."""
    files = {OVERLAPPING: overlapping_elf(folder / "overlapping.elf")}
    rounds = SLEEPER_WINDOWS * row.window_ms * 1000 // SLEEPER_PERIOD_US
    sleeper = f"sleeper period={SLEEPER_PERIOD_US} rounds={rounds} rest={REST_US}"
    victim = f"mem=4M cpu={row.victim_cpu}"
    victims = [
        ("victim", "greedy", f"{victim} {row.victim_words} -- victim ms={row.window_ms}"),
        ("sleeper", "greedy", f"{victim} -- {sleeper}"),
    ]
    started = [(f"a{index}", *words) for index, words in enumerate(row.attackers)]
    off = [(f"o{index}", *words) for index, words in enumerate(row.off)] + victims
    lines = [(guest, f"vm={name} {words}") for name, guest, words in started]
    lines += [(guest, f"vm={name} start=no {words}") for name, guest, words in off]
    return [(files.get(guest, guests / f"{guest}.elf"), line) for guest, line in lines]


def wait_for_all(machine, patterns):
    """Waits for all of the patterns, in whatever order they come; returns the matches."""
    found = {}
    while len(found) < len(patterns):
        left = [pattern for pattern in patterns if pattern not in found]
        match = machine.expect(left, timeout=TIME_LIMIT_SECONDS)
        found[match.re.pattern] = match
    return [found[pattern] for pattern in patterns]


def measure(build, row, bed):
    """The Result of a row, or None if its machine did not come to an end."""
    with tempfile.TemporaryDirectory(prefix="husk-fairness-") as name:
        folder = pathlib.Path(name)
        kernel = pathlib.Path(build, "iso/boot/husk.elf")
        modules = modules_of(row, pathlib.Path(build, "guests"), folder)
        image = iso.make(kernel, folder, "", modules, row.bios_screen)
        shape = {"cpus": row.cpus, "memory": row.memory}
        spec = emulators.MachineSpec(iso=str(image), **(BEDS[bed] | shape))
        machine = Machine(spec, folder, TIME_LIMIT_SECONDS)
        try:
            return watch(machine, row)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return None
        finally:
            machine.stop()


def watch(machine, row):
    """Starts the victims when all attackers have begun, and reads what they tell."""
    machine.expect_prompt(timeout=TIME_LIMIT_SECONDS)
    begun = [rf"\[a{index}\] (greedy: \S+ begins|hog: spin)" for index in range(len(row.attackers))]
    wait_for_all(machine, begun)
    ends = [VICTIM]
    if row.sleeper:
        ends.append(SLEEPER)
        machine.sendline("start sleeper")
        machine.expect("greedy: sleeper begins", timeout=TIME_LIMIT_SECONDS)
    machine.sendline("start victim")
    machine.expect("greedy: victim begins", timeout=TIME_LIMIT_SECONDS)
    for text in row.typed:
        machine.sendline(text)
    numbers = [int(match[1 + i]) for match in wait_for_all(machine, ends) for i in range(2)]
    return Result(*numbers)


def too_greedy(name, row, result, fair):
    """The limits that a row misses, as printable lines."""
    if not (result and fair):
        return [f"{name}: not measured"]
    found = []
    if percent(result, fair) < SHARE_LIMIT:
        found.append(f"{name}: {percent(result, fair)} % of the fair share, not {SHARE_LIMIT}")
    if result.gap_us > gap_limit(row) * 1000:
        found.append(f"{name}: a gap of {result.gap_us} us, not {gap_limit(row)} ms")
    if row is PROMPT and result.wake_us > WAKE_LIMIT_US:
        found.append(f"{name}: wakes after {result.wake_us} us, not {WAKE_LIMIT_US}")
    return found


def percent(result, fair):
    return round(result.share * 100 / max(fair.share, 1))


def gap_limit(row):
    return GAP_LIMIT_MS * row.claims + 1


COLUMNS = "{:18}{:>8}{:>7}{:>10}{:>7}{:>9}{:>7}{:>9}"
HEAD = COLUMNS.format("", "share %", "limit", "gap ms", "limit", "99 % us", "limit", "worst us")


def show(name, row, result, fair):
    """A row of the table."""
    if not (result and fair):
        return f"{name:18} not measured"
    share = (percent(result, fair), SHARE_LIMIT)
    gap = (f"{result.gap_us / 1000:.1f}", gap_limit(row))
    wake_limit = WAKE_LIMIT_US if row is PROMPT else ""
    return COLUMNS.format(name, *share, *gap, result.wake_us, wake_limit, result.worst_us)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--row", action="append", choices=ROWS, metavar="NAME")
    parser.add_argument("--bed", choices=BEDS)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--strict", action="store_true")
    arguments = parser.parse_args()
    rows = {name: ROWS[name] for name in arguments.row or ROWS}
    missed = []
    print("Fairness: what greedy VMs leave for a victim on their CPU\n" + HEAD, flush=True)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        runs = {}
        for row in [machine for row in rows.values() for machine in (row.fair, row)]:
            if row not in runs:
                bed = arguments.bed or row.bed
                runs[row] = pool.submit(measure, arguments.build, row, bed)
        for name, row in rows.items():
            result, fair = runs[row].result(), runs[row.fair].result()
            print(show(name, row, result, fair), flush=True)
            missed += too_greedy(name, row, result, fair)
    print("\n".join(missed), end="\n" if missed else "")
    sys.exit(1 if missed and arguments.strict else 0)


if __name__ == "__main__":
    main()
