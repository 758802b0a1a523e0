# SPDX-License-Identifier: MIT
"""The page that `machine` shows in the monitor: what the machine is, and has."""

import re

import pytest

from beds import in_every_bed

from harness import BEDS

ROWS = 24
COLUMNS = 79
LABELS = "CPUs features errata clocks interrupts firmware memory consoles keyboards missing".split()

# What each bed's page says, beside what all of them say.
BED_SAYS = {
    "bochs": [
        "VT-x VPID",
        "errata none that Husk knows",
        "APIC timer with TSC deadlines",
        "posted interrupts: those from other CPUs cost exits",
    ],
    "qemu": [
        "AMD-V ASIDs: 16",
        'a hypervisor below: "TCGTCGTCGTCG"',
        "FXRSTOR leaves x87 error pointers: vCPU switches clear them",
        "next-RIP save: instructions are decoded",
    ],
    "ryzen": [
        "AMD-V ASIDs",
        "1235: AVIC may lose an IPI: AVIC does not send IPIs",
        "APIC timer that counts down",
    ],
}


def page_of(machine):
    """The rows, and all of them as one line."""
    machine.expect_prompt(timeout=90)
    rows = [row for row in machine.command("machine") if row]
    return rows, re.sub(r"\s+", " ", " ".join(rows))


@in_every_bed
def test_the_page(boot, bed):
    rows, page = page_of(boot("", **BEDS[bed]))
    assert len(rows) < ROWS and max(len(row) for row in rows) <= COLUMNS, rows
    labels = [row.split()[0] for row in rows if not row.startswith(" ")]
    assert [label for label in LABELS if label not in labels] == []
    for words in BED_SAYS[bed] + ["2 run, 2 of them guests", "com1 (port 0x3f8"]:
        assert words in page, page
    assert re.search(r"TSC at \d+ kHz, measured against the PM timer", page), page


# Bochs' models read the microcode's revision 0.
ERRATA = {
    "corei7_haswell_4770": ("TSC-deadline mode fails with this microcode", "that counts down"),
    "corei7_sandy_bridge_2600k": ("no self-snooping caches", "with TSC deadlines"),
    "tigerlake": ("none that Husk knows", "with TSC deadlines"),
}


@pytest.mark.parametrize("model", ERRATA)
def test_errata(boot, model):
    machine = boot("guests=hello", emulator="bochs", cpu=model)
    machine.expect(r"\[hello\] ended: exit status 42", timeout=100)
    _, page = page_of(machine)
    erratum, timer = ERRATA[model]
    assert f"errata {erratum}" in page and f"APIC timer {timer}" in page, page


def test_a_machine_without_virtualization(boot):
    _, page = page_of(boot("", emulator="qemu", cpu="max,-svm"))
    assert "guests none: this CPU shows neither VT-x nor AMD-V" in page, page
    assert "1 run, 0 of them guests" in page, page
