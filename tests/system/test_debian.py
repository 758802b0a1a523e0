# SPDX-License-Identifier: MIT
"""Debian stable on a disk of Husk, its own kernel and initrd: a login on hvc0, and hard work."""

import pathlib
import re
import time

import pytest

import debian_disk
import linux_guest
import linux_log
from beds import long
from harness import BEDS
from test_linux import ALLOWED, ALWAYS_ALLOWED, HUSK_WORDS

pytestmark = long

# Where a tick is an instruction: systemd gives up services that take too long by the guest's clock,
# which is that of the wall otherwise.
SYSTEMS = [("counted", 1)]
# GRUB loads 290 MiB, and 8 seconds of the guest are minutes on a busy machine.
GRUB_SECONDS = 600
BOOT_SECONDS = 1800
WORK_SECONDS = 1800
MACHINE_SECONDS = 7200
# The image and what is written need more than the guest has. It keeps little of them in its memory.
MACHINE_MEBIBYTES = 1792
GUEST_MEBIBYTES = 384

SECTOR = 512
DISKS = "/dev/disk/by-id/virtio-"
WRITES = f"perl {DISKS}script"
MEBIBYTES = 256  # of random writes
WRITERS = 4
MIB = 1 << 20
UNITS = {"KiB": 1024, "MiB": MIB, "GiB": 1 << 30}


def script(folder):
    """The program of the writers as a disk."""
    source = pathlib.Path(__file__).with_name("random_writes.pl").read_bytes()
    target = folder / "script.img"
    target.write_bytes(source + b"\n" * (-len(source) % SECTOR))
    return target


def modules(disk, folder, vcpus):
    """The GRUB modules of the VM."""
    words = f"mem={GUEST_MEBIBYTES}M cpus={vcpus} start=no ram-disk=scratch:640M"
    line = f"vm=web {words} -- root=/dev/vda console=hvc0 quiet"
    return [(disk.kernel, line), (disk.initrd, "vm=web"), (disk.image, "vm=web disk=root"),
            (script(folder), "vm=web disk=script,ro")]


class Login(linux_guest.Shell):
    """root's shell on hvc0, to which the terminal is connected; what is typed is not echoed."""

    def __init__(self, machine, prompt):  # pylint: disable=super-init-not-called
        self.machine = machine
        self.meetings = 0
        machine.expect(r"web login:", timeout=BOOT_SECONDS)
        machine.sendline("console web hvc0")
        machine.sendline("root")
        machine.expect(prompt, timeout=BOOT_SECONDS)
        # sh does not edit lines, and takes each as it is.
        machine.sendline(f"stty -echo; PS1='{linux_guest.PROMPT}' exec sh")
        machine.expect(rf"exec sh[\r\n].*?{linux_guest.PROMPT}", timeout=BOOT_SECONDS)
        self.meet()

    def meet(self):
        """Passes over what is shown again of what was printed before."""
        self.meetings += 1
        self.machine.sendline(f"echo met-$((1000 + {self.meetings}))")
        self.machine.expect(rf"met-{1000 + self.meetings}\s+{linux_guest.PROMPT}", timeout=300)

    def run(self, command, timeout=WORK_SECONDS):
        return super().run(command, timeout)

    def succeed(self, command):
        """Runs a command that is to succeed and to say nothing."""
        assert self.run(f"{command} && echo done") == ["done"]

    def monitor(self, command):
        """What Husk's monitor answers, in between."""
        self.machine.send("\x1d")
        self.machine.expect_prompt(60)
        answer = self.machine.command(command, timeout=60)
        self.machine.sendline("console web hvc0")
        self.meet()
        return "\n".join(answer)


def login(machine, command, prompt):
    """Starts or resets the VM, and logs in; says how long it took."""
    start = time.monotonic()
    machine.command(command, timeout=60)
    shell = Login(machine, prompt)
    print(f"{command}: {time.monotonic() - start:.0f} s to the shell")
    return shell


def written(shell):
    """The bytes of memory that hold what was written to the ram-disk."""
    answer = shell.monitor("disks")
    size, unit, errors = re.search(
        r"^web +scratch +\d+ MiB +(\d+) (\wiB) +\d+ +\d+ +(\d+)", answer, re.M).groups()
    assert errors == "0", answer
    return int(size) * UNITS[unit]


# ---- What is looked at ----


def check_system(shell, vcpus):
    assert shell.run("findmnt -no SOURCE,FSTYPE / -O rw") == ["/dev/vda ext4"]
    assert shell.run("nproc; tty") == [str(vcpus), "/dev/hvc0"]
    assert shell.run("systemctl is-system-running --wait") == ["running"]
    assert shell.run(f"basename $(readlink {DISKS}root)") == ["vda"]


def check_random_writes(shell):
    """Several at a time, then all of it again in other pieces, over what is there."""
    shell.succeed(f"mkfs.ext4 -q {DISKS}scratch && mount {DISKS}scratch /mnt")
    each = MEBIBYTES // WRITERS
    for turn in [1, 2]:
        one = f"{WRITES} write /mnt/$i {each} $(({turn} * 10 + i)) | tail -n 1 &"
        lines = shell.run(f"for i in $(seq {WRITERS}); do {one} done; wait")
        assert sum(line.startswith("synced ") for line in lines) == WRITERS, lines
        # Linux keeps nothing of it in its memory.
        shell.succeed(f"umount /mnt && mount {DISKS}scratch /mnt")
        one = f"{WRITES} verify /mnt/$i {each} $(({turn} * 10 + i));"
        lines = shell.run(f"for i in $(seq {WRITERS}); do {one} done")
        assert len(lines) == WRITERS, lines
        assert all(re.fullmatch(r"\d+ pieces, 0 wrong", line) for line in lines), lines
    assert written(shell) >= MEBIBYTES * MIB


def check_discard(shell):
    """What Linux discards is free again, but for what the file system itself keeps."""
    before = written(shell)
    shell.succeed("rm /mnt/[0-9]* && sync && fstrim /mnt")
    after = written(shell)
    assert after <= before - MEBIBYTES * MIB * 9 // 10, (before, after)


def reset_in_the_middle(shell):
    """Resets the VM while it writes; returns its new shell, and how much had been synced."""
    # The next life has another prompt than what is shown again of this one.
    shell.succeed("echo PS1='next-life' >> /root/.bashrc && sync")
    machine = shell.machine
    machine.sendline(f"{WRITES} write /mnt/middle {MEBIBYTES} 7")
    pieces = machine.expect(r"synced ([24]00)\s", timeout=WORK_SECONDS)[1]
    machine.send("\x1d")
    machine.expect_prompt(60)
    return login(machine, "reset web", "next-life"), pieces


def check_replay(shell, pieces):
    """Both journals are replayed, e2fsck finds nothing else, and all that was synced is there."""
    assert any("recovering journal" in line for line in shell.run("cat /run/initramfs/fsck.log"))
    lines = shell.run(f"e2fsck -p {DISKS}scratch; echo status $?")
    assert any("recovering journal" in line for line in lines), lines
    assert lines[-1] == "status 0", lines
    lines = shell.run(f"e2fsck -fn {DISKS}scratch; echo status $?")
    assert lines[-1] == "status 0", lines
    shell.succeed(f"mount {DISKS}scratch /mnt")
    lines = shell.run(f"{WRITES} verify /mnt/middle {MEBIBYTES} 7 {pieces}")
    assert lines == [f"{pieces} pieces, 0 wrong"]
    assert shell.run("dmesg --kernel | grep EXT4-fs.*error") == []


# ---- The test ----


@pytest.mark.parametrize("bed, vcpus", SYSTEMS)
def test_debian_works_on_its_disk(boot, debian, tmp_path, bed, vcpus):
    try:
        disk = debian_disk.make(debian)
    except linux_guest.Unavailable as reason:
        pytest.skip(str(reason))
    emulator = BEDS[bed]["emulator"]
    machine = boot(HUSK_WORDS[emulator], modules(disk, tmp_path, vcpus),
                   memory=MACHINE_MEBIBYTES, limit=MACHINE_SECONDS, **BEDS[bed])
    machine.expect_prompt(GRUB_SECONDS)
    shell = login(machine, "start web", r"root@web:\S*# ")
    check_system(shell, vcpus)
    check_random_writes(shell)
    check_discard(shell)
    logs = [shell.run("dmesg --kernel")]
    shell, pieces = reset_in_the_middle(shell)
    check_replay(shell, pieces)
    logs.append(shell.run("dmesg --kernel"))
    machine.sendline("poweroff")
    machine.expect("web ended: powered off", timeout=BOOT_SECONDS)
    machine.stop()  # the bare machine is not to wait for it
    bare = linux_guest.bare_log(debian, tmp_path, emulator, vcpus, disk.kernel)
    allowed = ALWAYS_ALLOWED + ALLOWED[emulator]
    for log in logs:
        assert linux_log.new_complaints(log, bare, allowed) == []
