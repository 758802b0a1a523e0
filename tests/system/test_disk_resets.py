# SPDX-License-Identifier: MIT
"""Debian's kernel, reset in the middle of writes to ext4: nothing that was synced is lost."""

import re
import stat
import subprocess

import linux_guest
from beds import on_both_vendors
from test_disks import ARGUMENTS, BOOT_SECONDS, DRIVERS, INIT, MACHINE_SECONDS, DiskShell, leave
from test_linux import HUSK_WORDS

FILES = 4
# What each of them has: 512 KiB.
PART = "dd if=/bin/busybox of=/part bs=16k count=32"
# Writes the files in turn, and says how often one has come to the disk as a whole.
WRITER = f"""\
i=0
while :; do
    dd if=/part of=/mnt/$((i % {FILES})) bs=16k conv=fsync 2> /dev/null
    echo synced-$i
    i=$((i + 1))
done
"""


def ext4_image(folder):
    """An empty file system with a journal."""
    image = folder / "root.img"
    command = ["mke2fs", "-q", "-t", "ext4", "-J", "size=1", image, "16M"]
    subprocess.run(command, check=True, timeout=60)
    return image


def modules(debian, folder):
    """The GRUB modules of a VM with Linux, the checker of file systems, and the disk."""
    program = stat.S_IFREG | 0o755
    files = {"e2fsck": linux_guest.e2fsck(debian).read_bytes(), "writer": WRITER.encode()}
    more = linux_guest.drivers(debian, DRIVERS)
    more += [linux_guest.Entry(f"lib/{name}", program, data) for name, data in files.items()]
    initramfs = linux_guest.initramfs(debian, folder, INIT.encode(), more)
    return [(linux_guest.kernel(debian), f"vm=web mem=128M start=no -- {ARGUMENTS}"),
            (initramfs, "vm=web"), (ext4_image(folder), "vm=web disk=root")]


def kibibytes_written(machine):
    """What `disks` says that the only disk has taken of memory."""
    answer = "\n".join(machine.command("disks"))
    size, unit = re.search(r"^web +root +\d+ MiB +(\d+) ([KM])iB", answer, re.M).groups()
    return int(size) * (1024 if unit == "M" else 1)


@on_both_vendors
def test_a_reset_in_the_middle_of_writes(boot, debian, tmp_path, bed):
    """The journal is replayed, e2fsck finds nothing, and what is discarded gives memory back."""
    machine = boot(HUSK_WORDS[bed], modules(debian, tmp_path), emulator=bed, cpus=1,
                   limit=MACHINE_SECONDS)
    machine.expect_prompt(BOOT_SECONDS)
    machine.command("start web")
    shell = DiskShell(machine, "web")
    shell.run(f"{PART}; mkdir /mnt; mount -t ext4 /dev/vda /mnt")
    machine.sendline("sh /lib/writer")
    machine.expect(rf"synced-{2 * FILES}\b", timeout=300)
    leave(machine)
    machine.command("reset web")
    shell = DiskShell(machine, "web")
    shell.run(f"{PART}; mkdir /mnt; mount -t ext4 /dev/vda /mnt")
    log = shell.run("dmesg | grep EXT4-fs")
    assert any("(vda): recovery complete" in line for line in log), log
    assert not any("error" in line for line in log), log
    # One file was being written.
    whole = shell.run("for file in /mnt/?; do cmp -s /part $file && echo whole; done")
    assert len(whole) >= FILES - 1, whole
    shell.run("umount /mnt")
    assert shell.run("/lib/e2fsck -fn /dev/vda > /tmp/log 2>&1; echo $?") == ["0"]
    leave(machine)
    before = kibibytes_written(machine)
    shell.connect("web")
    shell.run("mount -t ext4 /dev/vda /mnt; rm /mnt/?; sync; fstrim /mnt; umount /mnt")
    leave(machine)
    assert kibibytes_written(machine) < before - 1024, before
