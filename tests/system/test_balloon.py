# SPDX-License-Identifier: MIT
"""Debian's kernel gives memory away by its balloon driver, and another VM starts with it."""

import re
import time

import linux_guest
import pytest
from beds import long, on_both_vendors
from guest_shells import GuestShells
from test_linux import BOOT_SECONDS, HUSK_WORDS, MACHINE_SECONDS

DRIVERS = ["virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci",
           "virtio_balloon"]
LOAD = "".join(f"insmod /lib/{name}.ko\n" for name in DRIVERS)
INIT = linux_guest.INIT.replace("export PATH", LOAD + "export PATH")
GIVE_SECONDS = 300
MEBIBYTES = 256
WANTED = 96
OTHER = 170  # of 384 MiB


class Balloon:
    """A machine, of whose VMs `web` has a balloon."""

    def __init__(self, machine):
        self.machine = machine
        machine.command("start web", timeout=60)
        machine.sendline("console web")
        linux_guest.Shell(machine, BOOT_SECONDS)
        self.shells = GuestShells(machine)
        self.shells.leave()

    def run(self, command, timeout=600):
        """The lines that a command in the shell says."""
        return self.shells.run("web", command, timeout)

    def sizes(self):
        """What `memory` shows of the VM, in MiB: what it has, could do without, has given away."""
        rows = "\n".join(self.machine.command("memory"))
        row = re.search(r"^  web +(\d+) (.)iB +(\d+) (.)iB +(\d+) (.)iB$", rows, re.M)
        assert row, rows
        return [int(row[i]) // (1 if row[i + 1] == "M" else 1024) for i in (1, 3, 5)]

    def wait_for_given(self, least, most):
        limit = time.monotonic() + GIVE_SECONDS
        while not least <= self.sizes()[2] <= most:
            assert time.monotonic() < limit, self.sizes()
            time.sleep(1)
        return self.sizes()


def start(boot, debian, folder, build, bed):
    more = linux_guest.drivers(debian, DRIVERS)
    initramfs = linux_guest.initramfs(debian, folder, INIT.encode(), more)
    own = f"console=ttyS0 quiet {linux_guest.ARGUMENTS}"
    parts = [
        (linux_guest.kernel(debian), f"vm=web mem={MEBIBYTES}M start=no balloon=yes -- {own}"),
        (initramfs, "vm=web"),
        # It ends at once, and keeps its memory until it is stopped.
        (f"{build}/guests/hello.elf", f"vm=other mem={OTHER}M start=no"),
    ]
    spec = {"emulator": bed, "cpus": 1, "memory": 384}
    machine = boot(HUSK_WORDS[bed], parts, limit=MACHINE_SECONDS, **spec)
    machine.expect_prompt(timeout=BOOT_SECONDS)
    return Balloon(machine)


@pytest.mark.parametrize("bed", [pytest.param("bochs", marks=long), "qemu"])
def test_memory_goes_to_another_vm_and_comes_back(boot, debian, tmp_path, build, bed):
    web = start(boot, debian, tmp_path, build, bed)
    machine = web.machine
    assert "MiB asked" in "\n".join(machine.command("start other"))
    digest = web.run("head -c 4000000 /dev/urandom > /tmp/file; md5sum < /tmp/file")
    machine.command(f"balloon web {WANTED}M")
    size, _, given = web.wait_for_given(WANTED - 16, WANTED)
    assert MEBIBYTES - given - 1 <= size <= MEBIBYTES - given  # without the VGA's hole
    # What the guest says it could do without is what it said at the last question.
    time.sleep(1)
    assert 0 < web.sizes()[1] < size
    print(f"of {WANTED} MiB in the balloon, {given} MiB left the VM")

    machine.command("start other", timeout=60)
    machine.expect(r"\[other\] ended", timeout=120)
    machine.expect_prompt()
    assert "can give" in "\n".join(machine.command("balloon web 0"))
    assert web.run("md5sum < /tmp/file") == digest
    machine.command("stop other")
    machine.expect_off("other")

    assert "can give" in "\n".join(machine.command("balloon web 1G"))
    machine.command("balloon web 0")
    assert web.wait_for_given(0, 0)[0] == MEBIBYTES - 1
    # All of it is the guest's again, and holds what it writes: 64 times the same MiB.
    web.run("head -c 1048576 /dev/urandom > /tmp/big")
    web.run("for i in 1 2 3 4 5 6; do cat /tmp/big /tmp/big > /tmp/a; mv /tmp/a /tmp/big; done")
    piece = "dd if=/tmp/big bs=1M skip=$i count=1 2> /dev/null | md5sum"
    every = f"for i in $(seq 0 63); do {piece}; done"
    assert web.run(f"{every} | sort -u | wc -l") == ["1"]
    assert web.run("md5sum < /tmp/file") == digest


@on_both_vendors
def test_a_reset_wants_all_memory_back(boot, debian, tmp_path, build, bed):
    """Without memory for it the reset is refused, and the VM runs on as it was."""
    web = start(boot, debian, tmp_path, build, bed)
    machine = web.machine
    machine.command(f"balloon web {WANTED}M")
    web.wait_for_given(WANTED - 16, WANTED)
    machine.command("start other", timeout=60)
    machine.expect(r"\[other\] ended", timeout=120)
    assert "MiB asked" in "\n".join(machine.command("reset web"))
    assert web.run("echo alive") == ["alive"]
    machine.command("stop other")
    machine.expect_off("other")
    machine.command("reset web")
    machine.expect(r"\[web\] reset", timeout=120)
    machine.expect_prompt()
    assert web.sizes()[0] == MEBIBYTES - 1 and web.sizes()[2] == 0
