# SPDX-License-Identifier: MIT
"""Debian's kernel with virtio disks: images, a ram-disk, resets, a full overlay, wrong lines."""

import hashlib
import re
import subprocess

import pytest

import linux_guest
from beds import on_both_vendors
from test_linux import HUSK_WORDS

MIB = 1 << 20
BOOT_SECONDS = 300
MACHINE_SECONDS = 1800
DRIVERS = ["virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci",
           "virtio_blk"]
LOAD = "".join(f"insmod /lib/{name}.ko\n" for name in DRIVERS)
INIT = linux_guest.INIT.replace("export PATH", LOAD + "export PATH")
ARGUMENTS = f"console=ttyS0 quiet {linux_guest.ARGUMENTS}"
FILE = bytes(range(256)) * 4096  # 1 MiB


def ext2_image(folder, name, mebibytes):
    """A file system with one file in it."""
    tree = folder / f"{name}.tree"
    tree.mkdir()
    (tree / "file").write_bytes(FILE)
    image = folder / f"{name}.img"
    command = ["mke2fs", "-q", "-t", "ext2", "-d", tree, image, f"{mebibytes}M"]
    subprocess.run(command, check=True, timeout=60)
    return image


def linux(debian, folder, name, words):
    """The GRUB modules of a VM with Linux and the drivers of its disks."""
    more = linux_guest.drivers(debian, DRIVERS)
    initramfs = linux_guest.initramfs(debian, folder, INIT.encode(), more)
    line = f"vm={name} {words} -- {ARGUMENTS}"
    return [(linux_guest.kernel(debian), line), (initramfs, f"vm={name}")]


class DiskShell(linux_guest.Shell):
    """The shell of a VM that starts now. What the VM said in earlier lives is shown again."""

    lives = 0

    def __init__(self, machine, name):  # pylint: disable=super-init-not-called
        self.machine = machine
        machine.expect(rf"\[{name}\] {linux_guest.MARKER}", timeout=BOOT_SECONDS)
        machine.expect(rf"\[{name}\] {linux_guest.PROMPT}", timeout=BOOT_SECONDS)
        self.connect(name)

    def connect(self, name):
        """Connects the terminal to it, and passes over what is shown again."""
        self.machine.sendline(f"console {name}")
        DiskShell.lives += 1
        self.machine.sendline(f"echo life-$((1000 + {self.lives}))")
        self.machine.expect(rf"life-{1000 + self.lives}\s+{linux_guest.PROMPT}", timeout=60)


def leave(machine):
    machine.send("\x1d")
    machine.expect_prompt()


@on_both_vendors
def test_a_disk_is_read_and_written(boot, debian, tmp_path, bed):
    """What is written is read again after a reset, and gone after a stop."""
    parts = linux(debian, tmp_path, "web", "mem=128M start=no ram-disk=scratch:16M")
    parts += [(ext2_image(tmp_path, "root", 8), "vm=web disk=root")]
    machine = boot(HUSK_WORDS[bed], parts, emulator=bed, cpus=1, limit=MACHINE_SECONDS)
    machine.expect_prompt(60)
    machine.command("start web")
    shell = DiskShell(machine, "web")
    names = "for disk in /sys/block/vd?; do echo $(cat $disk/serial); done"
    assert shell.run(names) == ["root", "scratch"]
    assert shell.run("cat /sys/block/vd?/size") == [str(8 * 2048), str(16 * 2048)]
    shell.run("mkdir /mnt; mount -t ext2 /dev/vda /mnt")
    digest = hashlib.md5(FILE).hexdigest()
    assert shell.run("md5sum < /mnt/file") == [f"{digest}  -"]
    shell.run("cp /mnt/file /mnt/copy; sync; dd if=/mnt/file of=/dev/vdb bs=64k; umount /mnt")
    assert shell.run("dd if=/dev/vdb bs=64k count=16 2>/dev/null | md5sum") == [f"{digest}  -"]
    leave(machine)
    answer = "\n".join(machine.command("disks"))
    assert re.search(r"web +root +8 MiB +1\d{3} KiB +\d+ +\d+ +0$", answer, re.M), answer
    machine.command("reset web")
    shell = DiskShell(machine, "web")
    shell.run("mkdir /mnt; mount -t ext2 /dev/vda /mnt")
    assert shell.run("md5sum < /mnt/copy") == [f"{digest}  -"]
    leave(machine)
    machine.command("stop web")
    machine.command("start web")
    shell = DiskShell(machine, "web")
    shell.run("mkdir /mnt; mount -t ext2 /dev/vda /mnt")
    assert shell.run("ls -1 /mnt") == ["file", "lost+found"]
    leave(machine)


BAD_LINES = [
    ("vm=web disk=root,rw", 4096, "disk=root: behind the name: expected ro or keep"),
    ("vm=web disk=root", 1000, "disk=root: the image has 1000 bytes"),
    ("vm=web disk=root overlay=200G", 4096, "disk=root: 204800 MiB for what is written"),
    ("vm=web disk=scratch", 4096, "disk=scratch: web has a disk of that name"),
]


@pytest.mark.parametrize("words", ["", "start=no"])
@pytest.mark.parametrize("line, size, complaint", BAD_LINES)
def test_a_vm_with_a_bad_disk_does_not_start(boot, build, tmp_path, line, size, complaint, words):
    """The log and the monitor say why; all other VMs start."""
    image = tmp_path / "bad.img"
    image.write_bytes(bytes(size))
    hog = f"{build}/guests/hog.elf"
    web = f"vm=web mem=4M ram-disk=scratch:1M {words}"
    modules = [(hog, web), (image, line), (hog, "vm=other mem=4M")]
    machine = boot("", modules)
    machine.expect(re.escape("[other] started"))
    assert f"[web] not started: {complaint}" in machine.serial_text()
    assert complaint in "\n".join(machine.command("start web"))
    states = "\n".join(machine.command("vms"))
    assert re.search(r"^web +off .*" + re.escape(complaint), states, re.M), states
