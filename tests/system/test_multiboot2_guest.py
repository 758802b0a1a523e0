# SPDX-License-Identifier: MIT
"""A Multiboot 2 kernel in a VM: Husk itself, told by Husk what it was given."""

import pytest


@pytest.mark.parametrize("emulator", ["bochs", "qemu"])
def test_husk_runs_in_husk(boot, build, emulator):
    kernel = build / "iso/boot/husk.elf"
    line = "vm=inner mem=64M -- console=serial guests=hello"
    modules = [(kernel, line), (build / "guests/hello.elf", "vm=inner")]
    machine = boot(modules=modules, emulator=emulator, cpus=2, limit=120)
    machine.expect_prompt(timeout=90)
    machine.expect(r"\[inner\] .*boot loader: Husk, in the place of GRUB 2, 1 modules", timeout=60)
    machine.expect(r"\[inner\] .*memory: 5\d MiB for guests", timeout=60)
    machine.expect(r"\[inner\] .*virtualization: none", timeout=60)
    machine.expect(r"\[inner\] husk> ", timeout=60)
