# SPDX-License-Identifier: MIT
"""The ISO copied to a USB stick, or to a disk, byte for byte, boots by BIOS and by UEFI."""

import pytest

from test_machines import expect_hello

MEDIA = {
    "usb-2": ["-device", "usb-ehci", "-device", "usb-storage,drive=stick,bootindex=0"],
    "usb-3": ["-device", "qemu-xhci", "-device", "usb-storage,drive=stick,bootindex=0"],
    "disk": ["-device", "ide-hd,drive=stick,bootindex=0"],
}


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
@pytest.mark.parametrize("medium", MEDIA)
def test_boots_from(boot, build, medium, firmware):
    drive = f"if=none,id=stick,format=raw,readonly=on,file={build / 'husk.iso'}"
    if medium == "disk":
        drive = drive.replace("readonly=on", "snapshot=on")
    extra = ["-drive", drive, *MEDIA[medium]]
    machine = boot(emulator="qemu", machine="q35", firmware=firmware, cdrom=False, extra=extra)
    expect_hello(machine)
