# SPDX-License-Identifier: MIT
"""Compares what a Linux kernel complains about: as a guest, and on the bare emulator."""

import re

TIME_STAMP = re.compile(r"^\[ *\d+\.\d+\] ")
# What a line is about; a trace or a firmware bug counts whatever it is about.
SUBSYSTEMS = re.compile(
    r"apic|timer|tsc|acpi|irq|interrupt|mtrr|clock|hpet|\bpit\b|8254|8259|\bpic\b|nmi|rtc|msr|"
    r"smp|\bcpus?\b|microcode|lapic|madt|mp-?table|\bpci|mmconfig|mcfg|e820|"
    r"virtio|\bvd[a-z]\b|\bhvc|ext4|jbd2|\bblk",
    re.I,
)
COMPLAINTS = re.compile(
    r"warn|error|fail|bug|unstable|disabl|\bnot\b|n't|invalid|unknown|unsupported|unsync|\bbad\b|"
    r"missing|unable|ignor|spurious|unexpected|stall|lockup|stuck|lost|timed? ?out|broken|"
    r"inconsisten|wrong|too (small|large|slow)|no reference|unchecked|overflow|denied",
    re.I,
)
ALWAYS = re.compile(r"firmware bug|cut here|call trace|BUG:|oops|panic|rcu.*stall|lockup", re.I)


def normal(line):
    """A line without its time stamp, and with every number replaced."""
    text = TIME_STAMP.sub("", line)
    text = re.sub(r"0x[0-9a-fA-F]+|\b[0-9a-fA-F]{8,}\b", "N", text)
    return re.sub(r"\d+", "N", text).strip()


def complaints(lines):
    """The complaints among a log's lines, without repetition, in their order."""
    found = {}
    for line in lines:
        text = TIME_STAMP.sub("", line)
        about = SUBSYSTEMS.search(text) and COMPLAINTS.search(text)
        if about or ALWAYS.search(text):
            found.setdefault(normal(line), line)
    return found


def new_complaints(guest, bare, allowed=()):
    """Lines that the kernel says only as a guest, and that no expression of `allowed` matches.

    Such an expression sees a line without its time stamp.
    """
    known = complaints(bare)
    return [
        line
        for text, line in complaints(guest).items()
        if text not in known
        and not any(re.search(pattern, TIME_STAMP.sub("", line)) for pattern in allowed)
    ]
