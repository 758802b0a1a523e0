# SPDX-License-Identifier: MIT
"""Debian stable on a disk: its packages by mmdebstrap, an ext4 image, its own kernel and initrd.

They are made once and kept in BUILD/debian/disk. Packages come from the mirror of the machine's own
apt, by its own settings.
"""

import fcntl
import os
import pathlib
import shutil
import subprocess
import zlib
from dataclasses import dataclass

from linux_guest import Unavailable

SUITE = "stable"
MIRROR = "http://deb.debian.org/debian"  # where the machine's apt has none
PACKAGES = "systemd-sysv,udev,e2fsprogs,linux-image-cloud-amd64"
MEBIBYTES = 256
MAKE_SECONDS = 1800
# What nobody reads in a test. GRUB loads the image whole.
LEFT_OUT = ["/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*/*"]
SETTINGS = ("Acquire::http", "Acquire::https", "Acquire::Check-Valid-Until")
# Before the initrd is made. Without the first line nobody mounts the root file system to be
# written. The second puts its checker into the initrd, which cannot look at the disk yet.
EARLY = """\
echo "/dev/vda / ext4 defaults 0 1" > "$1/etc/fstab"
mkdir -p "$1/etc/initramfs-tools/conf.d"
echo FSTYPE=ext4 > "$1/etc/initramfs-tools/conf.d/fstype"
"""
LATE = 'chroot "$1" passwd -d root; echo web > "$1/etc/hostname"'
# As root: owners and devices are kept.
SCRIPT = f"""\
set -e
mirror=$1 owner=$2
shift 2
trap 'rm -rf tree' EXIT
mmdebstrap --variant=minbase "$@" {SUITE} tree "$mirror"
mke2fs -q -t ext4 -d tree root.img {MEBIBYTES}M
cp tree/boot/vmlinuz-* tree/boot/initrd.img-* .
chown "$owner" root.img vmlinuz-* initrd.img-*
"""


@dataclass
class DebianDisk:
    """The files of a system that boots from root=/dev/vda; root has no password."""

    folder: pathlib.Path

    @property
    def image(self):
        return self.folder / "root.img"

    @property
    def initrd(self):
        return next(self.folder.glob("initrd.img-*"))

    @property
    def kernel(self):
        return next(self.folder.glob("vmlinuz-*"))


def _lines(*command):
    """A tool's answer as lines; none where there is no such tool."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except OSError:
        return []
    return done.stdout.splitlines()


def mirror():
    """The archive that the machine's own apt uses for Debian."""
    wanted = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(RELEASE) $(REPO_URI)"]
    rows = [row.split() for row in _lines(*wanted, "Created-By: Packages")]
    found = [row[2] for row in rows if len(row) == 3 and row[0] == "Debian" and "-" not in row[1]]
    return found[0] if found else MIRROR


def _options():
    """What the machine's apt is told about its way to the archive, and what is left out."""
    apt = [line for line in _lines("apt-config", "dump") if line.startswith(SETTINGS)]
    return [
        f"--include={PACKAGES}",
        f"--essential-hook={EARLY}",
        f"--customize-hook={LATE}",
        *(f"--aptopt={line}" for line in apt),
        *(f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT),
    ]


def _make(folder):
    root = [] if os.getuid() == 0 else ["sudo", "-n"]
    owner = f"{os.getuid()}:{os.getgid()}"
    command = [*root, "sh", "-c", SCRIPT, "sh", mirror(), owner, *_options()]
    try:
        done = subprocess.run(command, cwd=folder, timeout=MAKE_SECONDS, capture_output=True,
                              text=True, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"Debian's disk: {error}") from error
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("E:")]
        raise Unavailable(f"Debian's disk: {(said or done.stderr.splitlines() or ['?'])[0]}")


def make(build):
    """The system, made if it is not there; one process at a time.

    Its name depends on how it is made.
    """
    top = pathlib.Path(build, "debian").resolve()
    top.mkdir(parents=True, exist_ok=True)
    recipe = "".join([SCRIPT, PACKAGES, EARLY, LATE, *LEFT_OUT])
    target = top / f"disk-{zlib.crc32(recipe.encode()):08x}"
    with open(top / "disk.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            fresh = top / "disk.new"
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir()
            _make(fresh)
            fresh.rename(target)
    return DebianDisk(target)
