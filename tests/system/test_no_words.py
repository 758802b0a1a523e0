# SPDX-License-Identifier: MIT
"""Husk runs without each optional feature: what `no=` switches off, a machine may lack."""

import pathlib
import re

import pytest

from test_machines import expect_hello

FEATURES = pathlib.Path(__file__).parents[2] / "vmm/config/config_features.c"
# One CPU only, no table of the firmware, a rate of the TSC that Bochs' CPUs state and do not have;
# and a guest cannot run without the TRUE MSRs.
ALONE = ["acpi", "smp", "pit", "true-controls"]

INTEL = {"emulator": "bochs", "cpu": "corei7_skylake_x"}
AMD_BOCHS = {"emulator": "bochs", "cpu": "ryzen"}
AMD_QEMU = {"emulator": "qemu", "cpu": "max"}


def all_words():
    words = re.findall(r'\[OPTIONAL_\w+\] = "([^"]+)"', FEATURES.read_text(encoding="utf-8"))
    assert len(words) > 30, words
    return words


def every():
    return ",".join(word for word in all_words() if word not in ALONE)


@pytest.mark.parametrize("machine", [INTEL, AMD_BOCHS, AMD_QEMU], ids=lambda m: m["cpu"])
def test_every_word_at_once(boot, machine):
    machine = boot(f"guests=hello no={every()}", cpus=2, **machine)
    machine.expect(r"interrupts: xAPIC", timeout=60)
    machine.expect(r"measured against the PIT", timeout=60)
    machine.expect(r"off by no=", timeout=60)
    machine.expect(r"CPUs: 2 run", timeout=60)
    expect_hello(machine)
    assert "expected names of features" not in machine.serial_text()


# Those that change most by themselves, with what shows that they did.
RISKY = [
    (INTEL, "vpid", r"VPID +no: off by no="),
    (INTEL, "ept-2m", r"EPT 2 MiB pages +no: off by no="),
    (INTEL, "apicv", r"APIC virtualization +no: off by no="),
    (INTEL, "preemption-timer", r"preemption timer +no: off by no="),
    (INTEL, "tsc-deadline,invept-single,invvpid-single", r"CPUs: 2 run"),
    (INTEL, "xsavec", r"guests do without XSAVEC: off by no="),
    (INTEL, "acpi", r"ACPI: off by no=: one CPU, no power-off by ACPI"),
    (AMD_BOCHS, "nrips", r"next-RIP save +no: off by no="),
    (AMD_QEMU, "npt-1g,pages-1g", r"NPT 1 GiB pages +no: off by no="),
    (AMD_QEMU, "xsave", r"CPUs: 2 run"),
    (AMD_QEMU, "acpi", r"ACPI: off by no=: one CPU, no power-off by ACPI"),
    (AMD_QEMU, "smp", r"CPUs: 1 run"),
    (AMD_QEMU, "pm-timer", r"measured against the HPET"),
    (AMD_QEMU, "hpet", r"measured against the PM timer"),
]


def name_of(value):
    """A parameter in the test's name: the machine's CPU, or the words."""
    return value.get("cpu") if isinstance(value, dict) else re.sub(r"\W+", "-", value)


@pytest.mark.parametrize("machine, words, shown", RISKY, ids=name_of)
def test_one_word(boot, machine, words, shown):
    machine = boot(f"guests=hello no={words}", cpus=2, **machine)
    machine.expect(shown, timeout=60)
    expect_hello(machine)


def test_without_true_controls_no_guest_runs(boot):
    machine = boot("guests=hello no=true-controls", **INTEL)
    machine.expect(r"virtualization: none: this VT-x forces exits on CR3 accesses; no guests")
    machine.expect_prompt()


def test_an_unknown_word_is_named(boot):
    machine = boot("no=vpid,warp-drive", emulator="qemu")
    machine.expect(r"no=warp-drive: expected names of features, with commas, out of:", timeout=60)
    for word in all_words():
        machine.expect(rf"\b{word}\b")
    machine.expect_prompt(timeout=60)
