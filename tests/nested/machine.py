# SPDX-License-Identifier: MIT
"""A machine with three systems in it: Linux with KVM (L1), Husk in its QEMU (L2), guests (L3).

L0 is an emulator, so this needs no KVM. Two serial lines lead out: L1's shell and Husk's own.
"""

import pathlib
import re
import threading
import time
from typing import NamedTuple

import pexpect

import l1_image
import linux_guest
from harness import ESCAPES, SerialConsole, Terminal, emulators, processes
from test_guests import NOT_ON_RYZEN

# Millions of instructions a second. On each bed a tick of the TSC is an instruction, and an exit of
# L3 takes some ten thousand: with fewer, L1's and Husk's timers would leave no time for L3.
MIPS = 1000
L1_MIB = 1280
HUSK_MIB = 512
# One where Bochs has AMD-V: a second CPU of SeaBIOS waits with interrupts off (README.md).
HUSK_CPUS = {"bochs": 2, "ryzen": 1, "qemu": 2}
# The guests whose Husk has more words on its line, because of what KVM inside Bochs does with the
# ends of level-triggered interrupts, and Bochs with interrupts that a guest has masked (README.md).
MORE_WORDS = {"bochs": dict.fromkeys(["hostile", "greedy", "linux1", "linux2"], "no=apicv")}
# What the emulators do not survive (README.md says why).
KVM_TRAPS = "Bochs takes a trap of the guest in KVM, which dies of it"
LINUX_WAITS = "Bochs gives KVM no interrupt while Linux' second CPU waits with interrupts off"
NOT_INSIDE = {
    "bochs": {
        "hog": "Bochs gives KVM no interrupt while a guest has interrupts off",
        "linux2": LINUX_WAITS,
    },
    "ryzen": NOT_ON_RYZEN
    | dict.fromkeys(["events", "hostile"], KVM_TRAPS)
    | {"linux2": LINUX_WAITS},
    "qemu": {"ticker": "QEMU's idle time is that of the wall"},
}
SECONDS = 3600  # for a boot: other work may have the most of this machine
LIMIT = 6 * 3600
LOGS = ["l1.log", "husk.log"]

L1_WORDS = f"{linux_guest.ARGUMENTS} mitigations=off tsc=reliable"
# Bochs' CPUs state a frequency that is not theirs, miss writes in MWAIT, and have XSAVES in part.
BOCHS_WORDS = f"tsc_early_khz={MIPS * 1000} idle=halt clearcpuid=mwaitx noxsaves"
# MSRs that Bochs' Intel CPUs lack, as its option `msrs` takes them: address, type, reset value,
# reserved and ignored bits. Of IA32_MISC_ENABLE Linux wants fast strings: without them it copies in
# a way that Bochs gets wrong. The microcode's revision is one without the erratum of TSC deadlines.
MSRS = """\
0x1a0 0 00000000 00850089 00000000 00000000 00000000 00000000
0x1d9 0 00000000 00000000 00000000 00000000 00000000 00000000
0x08b 0 0200005e 00000000 00000000 00000000 ffffffff ffffffff
"""

# What emulators.MachineSpec is told for each bed. The names are those of expected.txt.
BEDS = {
    # VT-x. `cpu:` once more changes only what it names.
    "bochs": {
        "emulator": "bochs",
        "cpu": "corei7_skylake_x",
        "extra": (f"cpu: ips={MIPS}000000, msrs={{folder}}/msrs.def",),
    },
    # AMD-V with next-RIP save.
    "ryzen": {"emulator": "bochs", "cpu": "ryzen", "extra": (f"cpu: ips={MIPS}000000",)},
    # AMD-V. QEMU does not intercept XSETBV and spoils flags behind CMPXCHG16B, so the CPU has
    # neither. With -icount a tick is an instruction, and an injected interrupt is delivered twice
    # only if a timer is due at once.
    "qemu": {
        "emulator": "qemu",
        "cpu": "EPYC,+svm,+npt,-xsave,-cx16",
        "extra": ("-icount", "shift=0,sleep=on"),
    },
}


class Setting(NamedTuple):
    """With what a test has Husk run."""

    kvm: str  # more parameters of KVM's module, on VT-x
    words: str  # on Husk's line


def setting_for(bed, guest, kvm=""):
    return Setting(kvm, f"console=serial {MORE_WORDS.get(bed, {}).get(guest, '')}".strip())


class Machine:
    """One emulated machine with L1 in it, and with Husk after `have_husk`.

    `say` tells the user what it does.
    """

    def __init__(self, bed, build, folder, husk_iso, say):
        self.bed = bed
        self.say = say
        self.folder = pathlib.Path(folder)
        self._setting = None  # of the Husk that runs
        self._kvm = ""
        (self.folder / "msrs.def").write_text(MSRS, encoding="ascii")
        words = BOCHS_WORDS if BEDS[bed]["emulator"] == "bochs" else ""
        image = l1_image.make(build, folder, husk_iso, f"{L1_WORDS} {words}")
        self._lines = [emulators.SerialLine() for _ in range(2)]
        self._logs = [open(self.folder / name, "w", encoding="utf-8") for name in LOGS]
        spec = emulators.MachineSpec(iso=str(image), memory=L1_MIB, **self._bed(bed))
        self.process = emulators.start(spec, self._lines[0].path, self.folder)
        self.linux, self.husk = (
            Terminal(SerialConsole(line.fd, self.process, log), line.fd)
            for line, log in zip(self._lines, self._logs)
        )
        self._timer = threading.Timer(LIMIT, processes.kill, [self.process])
        self._timer.start()

    def _bed(self, bed):
        """The bed's arguments with the second serial line."""
        path = self._lines[1].path
        line = [f"com2: enabled=1, mode=term, dev={path}"]
        if BEDS[bed]["emulator"] == "qemu":
            line = [*emulators.qemu_serial_line("husk", path), "-serial", "chardev:husk"]
        given = [word.format(folder=self.folder) for word in BEDS[bed]["extra"]]
        return BEDS[bed] | {"extra": (*given, *line)}

    def boot(self):
        """Waits for L1's shell."""
        began = time.monotonic()
        self.say(f"{self.bed}: Linux/KVM boots in the emulator")
        self.linux.expect(re.escape(l1_image.PROMPT), SECONDS)
        self.say(f"{self.bed}: L1's shell, after {time.monotonic() - began:.0f} s")

    def have_husk(self, setting):
        """Sees to it that Husk runs with this setting; waits for its prompt."""
        if setting == self._setting:
            return
        if self._setting:
            self.stop_husk()
        if setting.kvm != self._kvm:
            self._kvm = setting.kvm
            self.shell(f"rmmod kvm_intel; insmod {l1_image.KVM_INTEL} {setting.kvm}")
        began = time.monotonic()
        self._setting = setting
        self.say(f"{self.bed}: Husk boots in KVM: {setting}")
        options = f"-smp {HUSK_CPUS[self.bed]} -m {HUSK_MIB}"
        options += f' -smbios "type=1,sku={setting.words}"'
        self.shell(f"husk {options} < /dev/null > /tmp/qemu.log 2>&1 &")
        self.husk.expect_prompt(SECONDS)
        self.say(f"{self.bed}: Husk's prompt, after {time.monotonic() - began:.0f} s")

    def shell(self, command, timeout=SECONDS):
        """A command in L1's shell; its output as lines."""
        self.linux.send(command + "\n")
        self.linux.expect(re.escape(l1_image.PROMPT), timeout)
        text = ESCAPES.sub("", self.linux.console.before).replace("\r", "")
        return [line for line in text.split("\n") if line and line != command]

    def start_vm(self, name, timeout):
        """Starts a VM, which fails at once if there is no memory for it."""
        assert f"{name} starts" in self.husk.command(f"start {name}", timeout)

    def stop_vm(self, name, timeout):
        """Frees a VM's memory for the next one, as the memory of an ended VM is its own still."""
        assert f"{name} stopped" in self.husk.command(f"stop {name}", timeout)

    def stop_husk(self):
        """Switches Husk off, which ends its QEMU."""
        self._setting = None
        self.husk.sendline("poweroff")
        self.shell("wait")

    def exits(self):
        """How many exits L1 has had of all that Husk and its guests have done."""
        return int(self.shell("cat /sys/kernel/debug/kvm/exits")[0])

    def husk_text(self):
        """All that has come on Husk's line and was looked at."""
        self._logs[1].flush()
        return (self.folder / LOGS[1]).read_text(encoding="utf-8")

    def stop(self):
        """Ends the emulator and keeps what is left on the lines. A second call does nothing."""
        if self._logs[0].closed:
            return
        self._timer.cancel()
        processes.kill(self.process)
        for terminal in [self.linux, self.husk]:
            try:
                terminal.console.expect(pexpect.EOF, timeout=2)
            except (pexpect.TIMEOUT, pexpect.EOF, OSError):
                pass
        for one in [*self._logs, *self._lines]:
            one.close()
