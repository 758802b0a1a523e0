# SPDX-License-Identifier: MIT
"""Command lines of the emulators that can run Husk: QEMU (with KVM or without) and Bochs.

Both get their serial line from a pseudo-terminal, both run without a display. A caller describes
the machine with a MachineSpec and gets a process with start().
"""

import ctypes
import os
import pathlib
import pty
import shutil
import signal
import subprocess
import tty
from dataclasses import dataclass

OVMF = [
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
]

# All CPUs in one thread: with one thread each, CPUs lose interrupts, and CPU 0 its state at #VMEXIT
# (arch/svm/README.md, "What emulators do otherwise").
QEMU_ALONE = ["-accel", "tcg,thread=single"]

BOCHS_BIOS = "/usr/share/bochs/BIOS-bochs-latest"
# In it, the call that waits 5 times 11 timer ticks for a key that would open the boot menu: mov
# ax, 5; push ax; mov ax, 11; push ax; call. That is 300 million instructions for each CPU.
BIOS_KEY_WAIT = bytes.fromhex("b80500 50 b80b00 50 e8")
BIOS_SHORT_WAIT = bytes.fromhex("b80100 50 b80100 50 e8")


@dataclass
class MachineSpec:
    """One emulated machine. `cpu` and `machine` are the emulator's names; "" takes the default."""

    iso: str
    emulator: str = "qemu"  # "qemu", "kvm", "bochs"
    cpus: int = 1
    memory: int = 512  # MiB
    cpu: str = ""
    firmware: str = "bios"  # "bios" or "uefi", QEMU only
    machine: str = "pc"  # "pc" or "q35", QEMU only
    real_time: bool = False  # Bochs: no faster than the wall clock
    cdrom: bool = True  # QEMU: False leaves the ISO to `extra`
    serial: bool = True  # QEMU: False is a machine without a serial port
    reboot: bool = True  # QEMU: False ends it at the guest's reset
    debugger: str = ""  # Bochs: a file of commands for its debugger; "" just runs the machine
    extra: tuple = ()  # further QEMU arguments, further bochsrc lines


class SerialLine:
    """A pseudo-terminal in raw mode: the emulator opens `path`, we read and write `fd`."""

    def __init__(self):
        self.fd, self._far_end = pty.openpty()
        tty.setraw(self._far_end)
        self.path = os.ttyname(self._far_end)

    def close(self):
        os.close(self.fd)
        os.close(self._far_end)


def qemu_command(spec, serial_path, folder):
    """The argument list for QEMU; `folder` takes the UEFI variables and the monitor's socket."""
    kvm = spec.emulator == "kvm"
    command = ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-vga", "std"]
    command += ["-machine", spec.machine, "-smp", str(spec.cpus), "-m", str(spec.memory)]
    command += ["-cpu", spec.cpu or ("host" if kvm else "max")]
    command += ["-enable-kvm"] if kvm else QEMU_ALONE
    if spec.serial:
        command += ["-chardev", f"serial,id=console,path={serial_path}"]
        command += ["-serial", "chardev:console"]
    command += ["-monitor", f"unix:{folder}/monitor,server=on,wait=off"]
    command += ["-cdrom", str(spec.iso), "-boot", "d"] if spec.cdrom else []
    command += [] if spec.reboot else ["-no-reboot"]
    if spec.firmware == "uefi":
        code, variables = next(pair for pair in OVMF if os.path.exists(pair[0]))
        shutil.copy(variables, f"{folder}/uefi-variables.fd")
        flash = "if=pflash,format=raw"
        command += ["-drive", f"{flash},unit=0,readonly=on,file={code}"]
        command += ["-drive", f"{flash},unit=1,file={folder}/uefi-variables.fd"]
    return command + list(spec.extra)


def bochs_command(spec, serial_path, folder):
    """The argument list for Bochs; writes its settings and its BIOS into `folder`."""
    bios = pathlib.Path(BOCHS_BIOS).read_bytes().replace(BIOS_KEY_WAIT, BIOS_SHORT_WAIT)
    pathlib.Path(folder, "bios").write_bytes(bios)
    settings = [
        "config_interface: textconfig",
        'display_library: rfb, options="timeout=0"',
        f"memory: guest={spec.memory}, host={spec.memory}",
        f"romimage: file={folder}/bios",
        "vgaromimage: file=/usr/share/vgabios/vgabios.bin",
        f"ata0-master: type=cdrom, path={spec.iso}, status=inserted",
        "boot: cdrom",
        f"cpu: model={spec.cpu or 'corei7_skylake_x'}, count={spec.cpus}, ips=100000000, "
        "reset_on_triple_fault=0",
        f"clock: sync={'slowdown' if spec.real_time else 'none'}, time0=local",
        "pci: enabled=1, chipset=i440fx",
        "plugin_ctrl: unmapped=1, biosdev=1, speaker=0, extfpuirq=1, parallel=0, serial=1",
        "panic: action=fatal",
        "error: action=report",
        f"log: {folder}/bochs.log",
        f"com1: enabled=1, mode=term, dev={serial_path}",
        *spec.extra,
    ]
    pathlib.Path(folder, "bochsrc").write_text("\n".join(settings) + "\n", encoding="ascii")
    # Debian's Bochs starts in its debugger: continue, and quit when that returns.
    pathlib.Path(folder, "debugger").write_text("c\nq\n", encoding="ascii")
    commands = spec.debugger or f"{folder}/debugger"
    return ["bochs", "-q", "-f", f"{folder}/bochsrc", "-rc", commands]


def _die_with_parent():
    """In the child: an emulator never outlives the program that started it, however that ends."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def start(spec, serial_path, folder):
    """Starts the emulator in a session of its own; what it prints goes to FOLDER/emulator.log."""
    command = bochs_command if spec.emulator == "bochs" else qemu_command
    with open(f"{folder}/emulator.log", "wb") as log:
        return subprocess.Popen(
            command(spec, serial_path, folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )


NEITHER = "KVM here gives its machines neither VT-x nor AMD-V"
PROBE_ANSWERS = {3: (True, "KVM here nests VT-x"), 5: (True, "KVM here nests AMD-V")}


def run_probe(probe, machine):
    """Runs the boot sector `probe` in QEMU with the words of `machine`; returns (works, why)."""
    command = ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot", "-m", "64"]
    command += [*machine, "-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
    command += ["-drive", f"file={probe},format=raw,if=floppy,readonly=on", "-boot", "a"]
    try:
        done = subprocess.run(command, timeout=10, capture_output=True, check=False)
    except (subprocess.TimeoutExpired, OSError):
        return False, "KVM did not start a machine"
    return PROBE_ANSWERS.get(done.returncode, (False, NEITHER))


def nested(probe):
    """Whether QEMU with KVM offers VT-x or AMD-V, by running the boot sector that tries them.

    Returns (works, why) with `why` a clause for the user.
    """
    if not os.path.exists("/dev/kvm"):
        return False, "there is no /dev/kvm"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False, "/dev/kvm is not yours to open (group kvm)"
    return run_probe(probe, ["-enable-kvm", "-cpu", "host"])
