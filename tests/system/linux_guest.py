# SPDX-License-Identifier: MIT
"""Debian's kernels, busybox and other images as they come from its archive; a shell on them.

Nothing is installed: the packages are fetched by apt-get, unpacked, and kept in BUILD/debian. The
initramfs is written here, so that a test knows each of its bytes.
"""

import fcntl
import pathlib
import re
import shutil
import stat
import subprocess
import zlib
from dataclasses import dataclass

from harness import Machine, emulators

KERNEL_META_PACKAGE = "linux-image-cloud-amd64"
# Debian's kernels for any PC, ten times as many drivers. Of their packages only boot/ is kept.
FULL_META_PACKAGES = ["linux-image-amd64", "linux-image-rt-amd64"]
FETCH_SECONDS = 240

# Said by init before anything else, and the shell's prompt. Neither is in what the kernel prints.
MARKER = "init: the kernel has started me"
PROMPT = "linux# "

INIT = f"""\
#!/bin/busybox sh
/bin/busybox echo '{MARKER}'
/bin/busybox mkdir -p /proc /sys /tmp
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
export PATH=/bin PS1='{PROMPT}'
if grep -q beat /proc/cmdline; then
    while :; do echo "beat $((beat += 1))"; sleep 1; done
fi
stty -echo cols 200 2> /dev/null
exec setsid sh -c 'exec sh -i < /dev/ttyS0 > /dev/ttyS0 2>&1'
"""


class Unavailable(Exception):
    """A package can be had neither from the cache nor from the archive; says why."""


def _apt(folder, *arguments):
    """apt-get with lists of its own in FOLDER/apt, so that no user's rights are needed."""
    state = folder / "apt"
    (state / "lists/partial").mkdir(parents=True, exist_ok=True)
    (state / "archives/partial").mkdir(parents=True, exist_ok=True)
    options = [f"Dir::State::Lists={state}/lists", f"Dir::Cache={state}"]
    options += ["APT::Sandbox::User=", "Acquire::Retries=2", "Acquire::http::Timeout=30"]
    command = [arguments[0], *(word for option in options for word in ("-o", option))]
    try:
        done = subprocess.run(
            command + list(arguments[1:]),
            cwd=folder,
            timeout=FETCH_SECONDS,
            capture_output=True,
            text=True,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{arguments[0]}: {error}") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Unavailable(f"{' '.join(arguments)}: {last}")
    return done.stdout


def _fetch(folder, package):
    """Unpacks a package of the archive into FOLDER/PACKAGE."""
    if not any((folder / "apt/lists").glob("*Packages*")):
        _apt(folder, "apt-get", "update", "-qq")
    target = folder / f"{package}.new"
    members = ["./boot"] if package in FULL_META_PACKAGES else ["."]
    if package in [KERNEL_META_PACKAGE, *FULL_META_PACKAGES]:
        answer = _apt(folder, "apt-cache", "depends", package)
        real = re.search(r"Depends: (linux-image-\S+)", answer)
        if real is None:
            raise Unavailable(f"{package} depends on no kernel")
        package = real[1]
    _apt(folder, "apt-get", "download", "-qq", package)
    archive = next(folder.glob(f"{package}_*.deb"))
    target.mkdir(exist_ok=True)
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE) as tar:
        command = ["tar", "-x", "-C", target, *members]
        subprocess.run(command, stdin=tar.stdout, check=True, timeout=FETCH_SECONDS)
    archive.unlink()
    return target


def _unpacked(build, package):
    """The folder of an unpacked package, fetched if it is not there; one process at a time."""
    folder = pathlib.Path(build, "debian").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / package
    with open(folder / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            _fetch(folder, package).rename(target)
    return target


def kernel(build, package=KERNEL_META_PACKAGE):
    """The vmlinuz of one of Debian's kernels, as it is."""
    return next(_unpacked(build, package).glob("boot/vmlinuz-*"))


def busybox(build):
    """Debian's statically linked busybox."""
    return _unpacked(build, "busybox-static") / "bin/busybox"


def e2fsck(build):
    """The statically linked checker of ext2 and ext4."""
    return _unpacked(build, "e2fsck-static") / "sbin/e2fsck.static"


def memtest(build):
    """memtest86+ for 64-bit machines, which is a kernel by the Linux boot protocol."""
    return _unpacked(build, "memtest86+") / "boot/memtest86+x64.bin"


def ipxe(build):
    """iPXE, a network boot loader that looks like a kernel and has only the 16-bit entry."""
    return _unpacked(build, "ipxe") / "boot/ipxe.lkrn"


@dataclass
class Entry:
    """One file of an initramfs."""

    name: str
    mode: int
    data: bytes = b""
    device: tuple = (0, 0)


def _newc(entry, inode):
    """A file in the cpio format "newc": a header of hexadecimal words, the name, the data."""
    name = entry.name.encode() + b"\0"
    words = [inode, entry.mode, 0, 0, 1, 0, len(entry.data), 0, 0, *entry.device, len(name), 0]
    head = b"070701" + b"".join(b"%08x" % word for word in words) + name
    padded = head + bytes(-len(head) % 4)
    return padded + entry.data + bytes(-len(entry.data) % 4)


def cpio(entries):
    """An archive that the kernel unpacks at boot."""
    parts = [_newc(entry, number) for number, entry in enumerate(entries, 1)]
    return b"".join(parts) + _newc(Entry("TRAILER!!!", 0), 0)


def drivers(build, names):
    """The kernel's modules of these names, as entries of an initramfs, below lib/."""
    folder = _unpacked(build, KERNEL_META_PACKAGE) / "lib/modules"
    found = [next(folder.rglob(f"{name}.ko")) for name in names]
    mode = stat.S_IFREG | 0o644
    return [Entry(f"lib/{driver.name}", mode, driver.read_bytes()) for driver in found]


def initramfs(build, folder, init=INIT.encode(), more=()):
    """Writes FOLDER/initramfs: busybox, and by default an init that ends in a shell."""
    directory, program = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o755
    entries = [
        Entry("bin", directory),
        Entry("dev", directory),
        Entry("lib", directory),
        # The kernel opens it for init before anything can be mounted.
        Entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1)),
        Entry("bin/busybox", program, busybox(build).read_bytes()),
        Entry("init", program, init),
        *more,
    ]
    target = pathlib.Path(folder, "initramfs")
    target.write_bytes(cpio(entries))
    return target


class Shell:
    """The shell of `initramfs`, on a machine whose serial line is connected to it."""

    def __init__(self, machine, timeout):
        self.machine = machine
        machine.expect(re.escape(MARKER), timeout=timeout)
        machine.expect(re.escape(PROMPT), timeout=timeout)

    def run(self, command, timeout=60):
        """Runs a command; returns the lines of its output."""
        self.machine.sendline(command)
        self.machine.expect(re.escape(PROMPT), timeout=timeout)
        text = self.machine.console.before.replace("\r", "")
        return [line for line in text.split("\n") if line and line != command]


# Without the self-tests of ciphers, which are more than half of a boot.
ARGUMENTS = "cryptomgr.notests"

BARE_CONFIG = """\
set timeout=0
menuentry "Linux" {{
    linux /boot/vmlinuz console=ttyS0 quiet {arguments}
    initrd /boot/initramfs
}}
"""
# The CPUID of Bochs' CPUs states 3.5 GHz, whatever `ips` says. And of several of them one in MWAIT
# does not see what another writes: it sleeps on until its next interrupt, for seconds.
BARE_ARGUMENTS = {"bochs": "tsc_early_khz=100000 idle=halt", "qemu": ""}
BARE_SECONDS = 300


def medium(build, folder, archive, arguments="", vmlinuz=None):
    """Writes FOLDER/bare.iso: GRUB that boots a kernel with an archive on the machine itself.

    The kernel is Debian's as `kernel` fetches it, unless `vmlinuz` names another.
    """
    tree = pathlib.Path(folder, "bare")
    (tree / "boot/grub").mkdir(parents=True)
    shutil.copy(vmlinuz or kernel(build), tree / "boot/vmlinuz")
    shutil.move(archive, tree / "boot/initramfs")
    config = BARE_CONFIG.format(arguments=arguments)
    (tree / "boot/grub/grub.cfg").write_text(config, encoding="ascii")
    image = pathlib.Path(folder, "bare.iso")
    command = ["grub-mkrescue", "-o", image, tree, "--quiet"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    shutil.rmtree(tree)
    return image


def bare_iso(build, folder, arguments="", init=INIT.encode(), vmlinuz=None):
    """The same with the archive of `initramfs`."""
    return medium(build, folder, initramfs(build, folder, init), arguments, vmlinuz)


def bare_log(build, folder, emulator, cpus, vmlinuz=None):
    """What the kernel says directly on the emulator, as lines; `vmlinuz` as for `medium`.

    It depends on nothing that is built here, so it is kept in BUILD/debian.
    """
    vmlinuz = vmlinuz or kernel(build)
    arguments = f"{ARGUMENTS} {BARE_ARGUMENTS[emulator]}"
    name = f"{emulator}-{cpus}-{vmlinuz.name}-{zlib.crc32(arguments.encode()):08x}.log"
    kept = pathlib.Path(build, "debian", name)
    with open(kept.with_suffix(".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            image = bare_iso(build, folder, arguments, vmlinuz=vmlinuz)
            spec = emulators.MachineSpec(iso=str(image), emulator=emulator, cpus=cpus)
            machine = Machine(spec, folder, BARE_SECONDS)
            try:
                lines = Shell(machine, BARE_SECONDS).run("dmesg", timeout=BARE_SECONDS)
            finally:
                machine.stop()
            kept.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return kept.read_text(encoding="utf-8").splitlines()
