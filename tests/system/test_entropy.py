# SPDX-License-Identifier: MIT
"""Debian's kernel with the entropy device, which it drives by messages or by an interrupt line."""

import pytest

import linux_guest
import linux_log
from test_linux import ALLOWED, ALWAYS_ALLOWED, BOOT_SECONDS, HUSK_WORDS, MACHINE_SECONDS

BUS = ["virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci"]
DRIVERS = [*BUS, "virtio-rng"]
LOAD = "".join(f"insmod /lib/{name}.ko\n" for name in DRIVERS)
INIT = linux_guest.INIT.replace("export PATH", LOAD + "export PATH")
READ_BYTES = 4000
# A request gets 64 bytes. The driver asks for more than is read.
LEAST_INTERRUPTS = READ_BYTES // 64


def start_linux(boot, debian, folder, bed, words):
    more = linux_guest.drivers(debian, DRIVERS)
    initramfs = linux_guest.initramfs(debian, folder, INIT.encode(), more)
    own = f"console=ttyS0 quiet {linux_guest.ARGUMENTS} {words}".strip()
    parts = [
        (linux_guest.kernel(debian), f"vm=linux mem=256M start=no rng=yes -- {own}"),
        (initramfs, "vm=linux"),
    ]
    machine = boot(HUSK_WORDS[bed], parts, emulator=bed, cpus=1, limit=MACHINE_SECONDS)
    machine.expect_prompt(timeout=BOOT_SECONDS)
    machine.command("start linux", timeout=60)
    machine.sendline("console linux")
    return linux_guest.Shell(machine, BOOT_SECONDS)


def interrupts(shell, pattern):
    """How many came, by the kernel's own count."""
    rows = shell.run(f"grep '{pattern}' /proc/interrupts")
    assert len(rows) == 1, rows
    return int(rows[0].split()[1])


@pytest.mark.parametrize(
    "bed, words, kind",
    [
        ("qemu", "", "PCI-MSI.*virtio0-input"),
        ("bochs", "", "PCI-MSI.*virtio0-input"),
        ("qemu", "pci=nomsi", "IO-APIC.*10-fasteoi.*virtio0"),
    ],
)
def test_linux_takes_random_numbers(boot, debian, tmp_path, bed, words, kind):
    shell = start_linux(boot, debian, tmp_path, bed, words)
    assert shell.run("cat /sys/class/misc/hw_random/rng_current") == ["virtio_rng.0"]
    assert shell.run(f"head -c {READ_BYTES} /dev/hwrng | wc -c") == [str(READ_BYTES)]
    assert interrupts(shell, kind) >= LEAST_INTERRUPTS
    log = shell.run("dmesg", timeout=BOOT_SECONDS)
    assert any("PCI: MMCONFIG at [mem 0xfeb00000-0xfebfffff] reserved" in line for line in log)
    bare = linux_guest.bare_log(debian, tmp_path, bed, 1)
    assert linux_log.new_complaints(log, bare, ALWAYS_ALLOWED + ALLOWED[bed]) == []
