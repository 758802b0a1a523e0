# SPDX-License-Identifier: MIT
"""What is started in real mode lives on the ROM's calls: iPXE, and Linux by its 16-bit entry."""

import re
import struct

import pytest

import linux_guest
from beds import long
from harness import BEDS

# iPXE unpacks itself first. It writes to pages with code then, which the emulators do slowly.
IPXE_SECONDS = 300
LINUX_SECONDS = 170
VERSION_OFFSET = 0x206
VERSION_WITHOUT_OTHER_ENTRIES = 0x205
SLOW_BEDS = [pytest.param(bed, marks=long) for bed in ["bochs", "ryzen"]]


@pytest.mark.parametrize("bed", ["qemu", *SLOW_BEDS])
def test_ipxe_shows_its_banner(boot, build, bed):
    try:
        image = linux_guest.ipxe(build)
    except linux_guest.Unavailable as reason:
        pytest.skip(f"iPXE cannot be had: {reason}")
    machine = boot(modules=[(image, "vm=ipxe mem=64M")], limit=IPXE_SECONDS + 60, **BEDS[bed])
    machine.expect(r"\[ipxe\] iPXE 1\.\S+ -- Open Source", timeout=IPXE_SECONDS)
    machine.expect_prompt()
    screen = machine.command("screen ipxe")
    assert any(re.search(r"iPXE 1\.\S+ -- Open Source Network", line) for line in screen), screen


def test_ipxe_ends_where_there_is_nothing_to_boot(boot, build):
    try:
        image = linux_guest.ipxe(build)
    except linux_guest.Unavailable as reason:
        pytest.skip(f"iPXE cannot be had: {reason}")
    machine = boot(modules=[(image, "vm=ipxe mem=64M")], limit=120, **BEDS["qemu"])
    machine.expect("returned to the firmware", timeout=90)
    machine.expect(r"\[ipxe\] ended: exit status 2[45]", timeout=30)


def test_linux_asks_the_firmware(boot, build, tmp_path):
    try:
        kernel = bytearray(linux_guest.kernel(build).read_bytes())
        initramfs = linux_guest.initramfs(build, tmp_path)
    except linux_guest.Unavailable as reason:
        pytest.skip(f"Debian's packages cannot be had: {reason}")
    struct.pack_into("<H", kernel, VERSION_OFFSET, VERSION_WITHOUT_OTHER_ENTRIES)
    image = tmp_path / "vmlinuz"
    image.write_bytes(kernel)
    line = f"vm=old mem=256M -- console=ttyS0 quiet {linux_guest.ARGUMENTS}"
    parts = [(image, line), (initramfs, "vm=old")]
    machine = boot("", parts, limit=LINUX_SECONDS + 60, **BEDS["qemu"])
    machine.expect_prompt(timeout=60)
    machine.sendline("console old")
    shell = linux_guest.Shell(machine, LINUX_SECONDS)
    log = "\n".join(shell.run("dmesg"))
    assert re.search(r"BIOS-e820: \[mem 0x0000000000100000-0x000000000fffffff\] usable", log), log
