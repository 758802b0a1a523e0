# SPDX-License-Identifier: MIT
"""What a VM does to its virtio devices harms no other VM, and its disk works after a reset."""

import re

from beds import in_every_bed
from harness import BEDS, ESCAPES
from test_guests import lines_of

ATTEMPTS = [
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
RACES = ["rings that others rewrite while they are read", "registers of a device, by all"]


def hostile(build, name, words, vcpus=1):
    devices = f"mem=8M cpus={vcpus} ram-disk=scratch:1M rng=yes"
    return (build / "guests/hostile.elf", f"vm={name} {devices} -- {words}")


@in_every_bed
def test_a_hostile_driver_harms_nobody_else(boot, build, bed):
    ticker = build / "guests/ticker.elf"
    modules = [
        hostile(build, "rings", "virtio"),
        hostile(build, "races", "smp virtio", vcpus=4),
        *[(ticker, f"vm=ticker{cpu} mem=4M cpu={cpu}") for cpu in range(2)],
    ]
    machine = boot(modules=modules, limit=280, **BEDS[bed])
    for _ in range(2):
        machine.expect(r"\[(rings|races)\] (ended|stopped): ", timeout=260)
    machine.expect_prompt()
    text = machine.serial_text()
    for name, attempts in {"rings": ATTEMPTS, "races": RACES}.items():
        want = [f"{number:2} {attempt}: done" for number, attempt in enumerate(attempts, 1)]
        want.append(f"hostile: {len(attempts)} attempts, 0 surprises")
        assert lines_of(text, name) == want
    states = ESCAPES.sub("", "\n".join(machine.command("vms")))
    for cpu in range(2):
        assert re.search(rf"^ticker{cpu} +running", states, re.M), states
    if bed == "bochs":  # its time is exact
        paces = re.findall(r"\[ticker\d\] tick \d+ \S+ 100 interrupts in (\d+) ms", text)
        assert len(paces) > 0 and all(900 <= int(pace) <= 1150 for pace in paces), paces
    lost = "\n".join(machine.command("exits rings"))
    assert re.search(r"^lost messages +\d+ ", lost, re.M), lost
