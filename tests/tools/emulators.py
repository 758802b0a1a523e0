# SPDX-License-Identifier: MIT
"""Command lines of the emulators that can run Husk: QEMU (with KVM or without) and Bochs.

Both get their serial line from a pseudo-terminal, both run without a display and, where the machine
allows it, without a network. A caller describes the machine with a MachineSpec and gets a process
with start(). QEMU's command line and Bochs' settings are made here and nowhere else; only what one
test alone wants to have is in `extra`.
"""

import functools
import os
import pathlib
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tty
from dataclasses import dataclass

import processes

OVMF = [
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
]

# All CPUs in one thread: with one thread each, CPUs lose interrupts, and CPU 0 its state at #VMEXIT
# (arch/svm/README.md, "What emulators do otherwise").
QEMU_ALONE = ["-accel", "tcg,thread=single"]

BOCHS_CPU = "corei7_skylake_x"
BOCHS_MICROCODE = 0x0200005E
BOCHS_BIOS = "/usr/share/bochs/BIOS-bochs-latest"
# In it, the call that waits 5 times 11 timer ticks for a key that would open the boot menu: mov
# ax, 5; push ax; mov ax, 11; push ax; call. That is 300 million instructions for each CPU.
BIOS_KEY_WAIT = bytes.fromhex("b80500 50 b80b00 50 e8")
BIOS_SHORT_WAIT = bytes.fromhex("b80100 50 b80100 50 e8")
# A line of Bochs' log begins with the ticks since its machine began to run.
BOCHS_RUNS = re.compile(rb"^0*[1-9][0-9]*[a-z]\[", re.M)
NO_PORT = b"could not bind any port"
BOCHS_STARTS = 10


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
    counted: bool = False  # QEMU: a tick is an instruction, as always in Bochs; one CPU only
    gdb: bool = False  # QEMU: its gdb server is at the Unix socket FOLDER/gdb
    stopped: bool = False  # QEMU: it waits for gdb before the first instruction
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


def qemu_serial_line(name, path):
    """QEMU's arguments for the far end of a serial line; `name` is what a device calls it."""
    return ["-chardev", f"serial,id={name},path={path}"]


def qemu_command(spec, serial_path, folder):
    """The argument list for QEMU; `folder` takes the UEFI variables and the sockets."""
    kvm = spec.emulator == "kvm"
    command = ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-vga", "std"]
    command += ["-machine", spec.machine, "-smp", str(spec.cpus), "-m", str(spec.memory)]
    command += ["-cpu", spec.cpu or ("host" if kvm else "max")]
    command += ["-enable-kvm"] if kvm else QEMU_ALONE
    if spec.serial:
        command += [*qemu_serial_line("console", serial_path), "-serial", "chardev:console"]
    if spec.gdb:
        command += ["-chardev", f"socket,id=gdb,path={folder}/gdb,server=on,wait=off"]
        command += ["-gdb", "chardev:gdb"]
    command += ["-monitor", f"unix:{folder}/monitor,server=on,wait=off"]
    command += ["-cdrom", str(spec.iso), "-boot", "d"] if spec.cdrom else []
    command += [] if spec.reboot else ["-no-reboot"]
    command += ["-icount", "shift=0,sleep=off"] if spec.counted else []
    command += ["-S"] if spec.stopped else []
    if spec.firmware == "uefi":
        code, variables = next(pair for pair in OVMF if os.path.exists(pair[0]))
        shutil.copy(variables, f"{folder}/uefi-variables.fd")
        flash = "if=pflash,format=raw"
        command += ["-drive", f"{flash},unit=0,readonly=on,file={code}"]
        command += ["-drive", f"{flash},unit=1,file={folder}/uefi-variables.fd"]
    return command + list(spec.extra)


def patched_bios(bios):
    """The bytes of Bochs' BIOS with the short wait. A BIOS that does not wait so is an error."""
    found = bios.count(BIOS_KEY_WAIT)
    if found != 1:
        raise ValueError(f"{BOCHS_BIOS}: the wait for a key is there {found} times, expected once")
    return bios.replace(BIOS_KEY_WAIT, BIOS_SHORT_WAIT)


def bochs_cpu(spec, folder):
    """The line about the CPUs. The usual model gets microcode on which its TSC deadlines work.

    Other models read revision 0, as without an update. The columns are Bochs' (msrs.def): the
    address, its type, then the high and low halves of the value and of the bits that a write may
    not set and does not change.
    """
    line = f"cpu: model={spec.cpu or BOCHS_CPU}, count={spec.cpus}, ips=100000000"
    if not spec.cpu:
        revision = f"0x08b 0 {BOCHS_MICROCODE:08x} 0 0 0 ffffffff ffffffff\n"
        pathlib.Path(folder, "msrs").write_text(revision, encoding="ascii")
        line += f', msrs="{folder}/msrs"'
    return f"{line}, reset_on_triple_fault=0"


def bochs_command(spec, serial_path, folder):
    """The argument list for Bochs; writes its settings and its BIOS into `folder`."""
    bios = patched_bios(pathlib.Path(BOCHS_BIOS).read_bytes())
    pathlib.Path(folder, "bios").write_bytes(bios)
    # On this model Bochs logs an error for each access to a port.
    errors = "ignore" if spec.cpu == "ryzen" else "report"
    settings = [
        "config_interface: textconfig",
        'display_library: rfb, options="timeout=0"',
        f"memory: guest={spec.memory}, host={spec.memory}",
        f"romimage: file={folder}/bios",
        "vgaromimage: file=/usr/share/vgabios/vgabios.bin",
        f"ata0-master: type=cdrom, path={spec.iso}, status=inserted",
        "boot: cdrom",
        bochs_cpu(spec, folder),
        f"clock: sync={'slowdown' if spec.real_time else 'none'}, time0=local",
        "pci: enabled=1, chipset=i440fx",
        "plugin_ctrl: unmapped=1, biosdev=1, speaker=0, extfpuirq=1, parallel=0, serial=1",
        # Without a port for its display (tests/system/README.md) Bochs goes on.
        "panic: action=fatal, rfb=report",
        f"error: action={errors}",
        f"log: {folder}/bochs.log",
        f"com1: enabled=1, mode=term, dev={serial_path}",
        *spec.extra,
    ]
    pathlib.Path(folder, "bochsrc").write_text("\n".join(settings) + "\n", encoding="ascii")
    # Debian's Bochs starts in its debugger: continue, and quit when that returns.
    pathlib.Path(folder, "debugger").write_text("c\nq\n", encoding="ascii")
    commands = spec.debugger or f"{folder}/debugger"
    return ["bochs", "-q", "-f", f"{folder}/bochsrc", "-rc", commands]


def network_warning():
    """What a user should know where Bochs' display cannot be kept from the network, else ""."""
    if processes.network_namespaces():
        return ""
    return "no network namespaces on this machine: Bochs' VNC server listens on a port from 5900"


@functools.cache
def _warn_once():
    if network_warning():
        print(network_warning(), file=sys.stderr, flush=True)


def start(spec, serial_path, folder):
    """Starts the emulator in a session of its own; what it prints goes to FOLDER/emulator.log.

    It never outlives the thread that calls this; processes.kill() ends it before.
    """
    if spec.emulator != "bochs":
        return _launch(qemu_command(spec, serial_path, folder), folder)
    command = bochs_command(spec, serial_path, folder)
    _warn_once()
    process = _launch(command, folder)
    for start_number in range(2, BOCHS_STARTS + 1):
        if processes.network_namespaces() or not lost_its_display(process, folder):
            break
        print(f"Bochs found no port and crashed: start {start_number}", file=sys.stderr, flush=True)
        process = _launch(command, folder)
    return process


def _launch(command, folder):
    with open(f"{folder}/emulator.log", "wb") as log:
        return processes.start(
            command, network=False, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )


def lost_its_display(process, folder, seconds=60):
    """Waits until Bochs runs its machine or has ended; returns whether it ended for want of a port.

    Its display panics in a thread of its own. If the panic comes before Bochs has applied
    `panic: rfb=report`, it is fatal, and Bochs crashes on its way out.
    """
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        if BOCHS_RUNS.search(_bytes_of(f"{folder}/bochs.log")):
            return False
        time.sleep(0.02)
    return process.poll() is not None and NO_PORT in _bytes_of(f"{folder}/emulator.log")


def _bytes_of(path):
    return pathlib.Path(path).read_bytes() if os.path.exists(path) else b""


NEITHER = "KVM here gives its machines neither VT-x nor AMD-V"
PROBE_ANSWERS = {3: (True, "KVM here nests VT-x"), 5: (True, "KVM here nests AMD-V")}


def run_probe(probe, emulator, cpu):
    """Runs the boot sector `probe` in QEMU, "qemu" or "kvm", on a CPU; returns (works, why)."""
    extra = ["-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
    extra += ["-drive", f"file={probe},format=raw,if=floppy,readonly=on", "-boot", "a"]
    spec = MachineSpec(
        iso="",
        emulator=emulator,
        memory=64,
        cpu=cpu,
        cdrom=False,
        serial=False,
        reboot=False,
        extra=tuple(extra),
    )
    with tempfile.TemporaryDirectory(prefix="husk-probe-") as folder:
        process = start(spec, "", folder)
        try:
            status = process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            return False, "KVM did not start a machine"
        finally:
            processes.kill(process)
    return PROBE_ANSWERS.get(status, (False, NEITHER))


def nested(probe):
    """Whether QEMU with KVM offers VT-x or AMD-V, by running the boot sector that tries them.

    Returns (works, why) with `why` a clause for the user.
    """
    if not os.path.exists("/dev/kvm"):
        return False, "there is no /dev/kvm"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False, "/dev/kvm is not yours to open (group kvm)"
    return run_probe(probe, "kvm", "host")
