# SPDX-License-Identifier: MIT
"""What a VM does to its virtio devices harms no other VM, and its disk works after a reset."""

import re

import pytest

from beds import in_every_bed
from harness import BEDS, ESCAPES
from test_guests import lines_of
from test_hostile_smp import tickers

ATTEMPTS = [
    "pages for a balloon that are none, and one 512 times",
    "memory that was given away, used without asking",
    "memory given away and wanted back all the time",
    "rings in memory that was given away",
    "a disk reads to memory that was given away",
    "rings outside RAM",
    "rings over the device's own registers, and over the APICs",
    "rings at the end of all addresses",
    "rings at odd addresses",
    "rings over each other, and data over them",
    "queues of 0, 3, 32768 and 65535 entries",
    "loops of descriptors",
    "loops of empty descriptors",
    "indirect tables that make no sense",
    "heads out of range",
    "indexes that jump",
    "resets in the middle of long requests",
    "buffers outside RAM, and over devices",
    "an answer that goes to a device's register",
    "no place for the answer",
    "requests of 4 GiB and more",
    "a buffer around the end of all addresses",
    "buffers in the wrong order",
    "sectors that the disk does not have",
    "parts of sectors",
    "requests of unknown types",
    "a storm of notifications",
    "every register of the configuration space, by ports",
    "the same by memory, in every width",
    "every register of the device, in every width",
    "the status in any order",
    "the window of the configuration space, everywhere",
    "registers over RAM, the APICs and the HPET",
    "registers over each other",
    "ports over those of the PC",
    "messages to memory and to devices",
    "messages of all modes",
]
RACES = ["rings that others rewrite while they are read", "registers of a device, by all",
         "memory that others write while it is given away"]
DEVICES = "mem=8M ram-disk=scratch:1M rng=yes balloon=yes"


@pytest.mark.parametrize(
    ("vcpus", "words", "attempts"),
    [(1, "virtio", ATTEMPTS), (4, "smp virtio", RACES)],
    ids=["alone", "smp"],
)
@in_every_bed
def test_a_hostile_driver_harms_nobody_else(boot, build, bed, vcpus, words, attempts):
    line = f"vm=hostile cpus={vcpus} {DEVICES} -- {words}"
    modules = [(build / "guests/hostile.elf", line), *tickers(build)]
    machine = boot(modules=modules, limit=280, **BEDS[bed])
    machine.expect(r"\[hostile\] (ended|stopped): ", timeout=260)
    for _ in range(2):
        machine.expect(r"\[ticker\d\] tick ", timeout=60)
    machine.expect_prompt()
    text = machine.serial_text()
    want = [f"{number:2} {attempt}: done" for number, attempt in enumerate(attempts, 1)]
    want.append(f"hostile: {len(attempts)} attempts, 0 surprises")
    assert lines_of(text, "hostile") == want
    states = ESCAPES.sub("", "\n".join(machine.command("vms")))
    for cpu in range(2):
        assert re.search(rf"^ticker{cpu} +running", states, re.M), states
    # Bochs' time is exact. Alone the attempts run with interrupts off, and Bochs then leaves those
    # of the host waiting (arch/vmx/README.md).
    if bed == "bochs" and vcpus > 1:
        paces = re.findall(r"\[ticker\d\] tick \d+ \S+ 100 interrupts in (\d+) ms", text)
        assert len(paces) > 0 and all(900 <= int(pace) <= 1150 for pace in paces), paces
