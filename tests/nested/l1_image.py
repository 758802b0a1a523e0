# SPDX-License-Identifier: MIT
"""The CD of the Linux that Husk runs inside: Debian's kernel with KVM, and this machine's QEMU.

Everything is unmodified. The kernel and busybox come from Debian's archive (linux_guest.py), QEMU
from this machine, with the libraries and ROMs that it loads.
"""

import pathlib
import re
import shutil
import stat
import subprocess

import linux_guest
from linux_guest import Entry

# In the order in which they are loaded; on Intel's CPUs without the third and fourth, on AMD's
# without the last.
MODULES = ["irqbypass", "kvm", "ccp", "kvm-amd", "kvm-intel"]
ROMS = ["bios-256k.bin", "kvmvapic.bin", "vgabios-stdvga.bin"]
ROM_FOLDERS = [pathlib.Path("/usr/share/seabios"), pathlib.Path("/usr/share/qemu")]
PROMPT = "L1# "

# KVM's driver for VT-x, with its parameters. Bochs is the only VT-x here, and an entry does not end
# the blocking of NMIs there (arch/vmx/README.md). Without virtual NMIs KVM keeps account of it.
KVM_INTEL = "/modules/kvm-intel.ko nested=1 vnmi=0"

INIT = f"""\
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin PS1='{PROMPT}'
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t debugfs debug /sys/kernel/debug
mount -t tracefs trace /sys/kernel/tracing
load() {{
    [ ! -e /modules/$1 ] || insmod /modules/"$@"
}}
load irqbypass.ko
load kvm.ko
if grep -qw vmx /proc/cpuinfo; then
    insmod {KVM_INTEL}
else
    load ccp.ko
    load kvm-amd.ko nested=1
fi
stty -echo cols 200 115200 < /dev/ttyS0
exec setsid sh -c 'exec sh -i < /dev/ttyS0 > /dev/ttyS0 2>&1'
"""

# husk WORDS...: QEMU with KVM and Husk's medium, which is a disk because a virtio disk takes few
# exits; Husk's serial line is the second one of this machine.
HUSK = """\
#!/bin/busybox sh
exec qemu-system-x86_64 -L /rom -accel kvm -cpu host -machine pc -nodefaults -display none \\
    -vga std -no-reboot -serial /dev/ttyS1 \\
    -drive if=virtio,format=raw,readonly=on,file=/husk.iso "$@"
"""


def libraries(program):
    """The shared libraries that a program loads, its interpreter included."""
    text = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    return sorted(set(re.findall(r"(?:^|\s)(/\S+)", text)))


def kernel_modules(build):
    """KVM's modules as files; a kernel may have one of them built in."""
    folder = linux_guest.kernel(build).parents[1] / "lib/modules"
    found = {path.name: path for path in folder.rglob("*.ko")}
    return [found[f"{name}.ko"] for name in MODULES if f"{name}.ko" in found]


def rom(name):
    for folder in ROM_FOLDERS:
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"{name} is not in {ROM_FOLDERS}")


def folders(files):
    """The folders that must be there before the files, each before those in it."""
    names = {str(parent) for name in files for parent in pathlib.PurePath(name).parents}
    return sorted(names - {"."})


def initramfs(build, folder, husk_iso):
    """Writes FOLDER/initramfs: not compressed, because unpacking it costs an emulator more."""
    qemu = shutil.which("qemu-system-x86_64")
    files = {"bin/busybox": linux_guest.busybox(build), "bin/qemu-system-x86_64": qemu}
    files |= {path.lstrip("/"): path for path in libraries(qemu)}
    files |= {f"modules/{path.name}": path for path in kernel_modules(build)}
    files |= {f"rom/{name}": rom(name) for name in ROMS}
    files["husk.iso"] = husk_iso
    directory, program = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o755
    entries = [Entry(name, directory) for name in folders(files)]
    entries += [Entry(name, directory) for name in ["dev", "proc", "sys", "tmp"]]
    # The kernel opens it for init before anything can be mounted.
    entries.append(Entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1)))
    for name, path in files.items():
        entries.append(Entry(name, program, pathlib.Path(path).read_bytes()))
    entries += [Entry("init", program, INIT.encode()), Entry("bin/husk", program, HUSK.encode())]
    target = pathlib.Path(folder, "initramfs")
    target.write_bytes(linux_guest.cpio(entries))
    return target


def make(build, folder, husk_iso, words):
    """Writes FOLDER/bare.iso, a CD that boots that Linux, and returns its path."""
    return linux_guest.medium(build, folder, initramfs(build, folder, husk_iso), words)
