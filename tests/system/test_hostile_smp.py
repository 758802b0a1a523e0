# SPDX-License-Identifier: MIT
"""A VM of several processors that do their worst together harms no other VM: hostile's `smp`."""

import re

import pytest
from beds import in_every_bed
from harness import BEDS, ESCAPES
from test_guests import lines_of

STORMS = [
    "IPIs to oneself, by all",
    "IPIs to all others, by all",
    "IPIs of each vector to all, by all",
    "IPIs to the lowest priority, by all",
    "NMIs to all others, by all",
    "NMIs and IPIs",
    "INITs and SIPIs to processors that run, by two",
    "SIPIs to processors that run, by all",
    "HLT with interrupts off, and NMIs",
    "APIC registers that change while IPIs come",
    "APIC modes that change while IPIs come",
    "all timers at their highest rate",
    "the same devices, by all",
    "an access to a device, rewritten by another",
    "one across two pages, the second of which changes",
    "page tables that another changes",
    "control registers that change while IPIs come",
]

# What four processors do at once, and what the VM's line in `vms` then says.
ENDS = {
    "ports": "ended: exit status 7",
    "hypercalls": "ended: exit status 7",
    "triple-faults": "stopped: triple fault at RIP",
    "each-its-own": "(ended: (exit status 7|powered off)|stopped: triple fault at RIP)",
    "end-in-storm": "ended: exit status 7",
    "halts": "stopped: halted for ever: HLT with interrupts off at RIP",
    "halts-and-end": "ended: exit status 7",
    "start-outside": "stopped: instruction fetch outside RAM",
    "reset-and-end": "(starting|running|ended: exit status 7)",
    # Again and again.
    "resets": "(starting|running)",
    "reset-in-storm": "(starting|running)",
    "init-of-first": "(starting|running)",
}
# Bochs as AMD-V panics at a guest's triple fault, and takes no interrupt of the host from a guest
# that was entered with interrupts off (arch/svm/README.md).
PANICS = {("ryzen", name) for name in ["triple-faults", "each-its-own", "resets"]}
WORDS = {"ryzen": "exits"}


def hostile(build, name, words):
    return (build / "guests/hostile.elf", f"vm={name} mem=4M cpus=4 -- smp {words}".rstrip())


def tickers(build):
    """One on each CPU."""
    ticker = build / "guests/ticker.elf"
    return [(ticker, f"vm=ticker{cpu} mem=4M cpu={cpu}") for cpu in range(2)]


MASKED = r"wrong SURPRISE: expected done; interrupts that came masked [0-9a-f]+"


# With APICv Bochs delivers interrupts that are masked (arch/vmx/README.md).
@pytest.mark.parametrize(
    ("bed", "words", "may_come_masked"),
    [("bochs", "", True), ("bochs", "no=apicv", False), ("qemu", "", False), ("ryzen", "", False)],
)
def test_storms_of_four_processors_are_survived(boot, build, bed, words, may_come_masked):
    modules = [hostile(build, "storm", WORDS.get(bed, "")), *tickers(build)]
    machine = boot(words, modules, limit=240, **BEDS[bed])
    machine.expect(r"\[storm\] (ended|stopped): ", timeout=220)
    machine.expect_prompt()
    text = machine.serial_text()
    lines = lines_of(text, "storm")
    surprises = 0
    if may_come_masked:
        done, surprises = re.subn(MASKED, "done", "\n".join(lines))
        lines = done.splitlines()
    want = [f"{number:2} {name}: done" for number, name in enumerate(STORMS, 1)]
    want.append(f"hostile: {len(STORMS)} attempts, {surprises} surprises")
    assert lines == want
    # Its time is exact, and a guest that waits with interrupts off gives the CPU back in time.
    if bed == "bochs":
        paces = re.findall(r"\[ticker\d\] tick \d+ \S+ 100 interrupts in (\d+) ms", text)
        assert len(paces) > 0 and all(900 <= int(pace) <= 1150 for pace in paces)


@in_every_bed
def test_processors_that_end_their_vm_at_once_end_only_that(boot, build, bed):
    ends = {name: end for name, end in ENDS.items() if (bed, name) not in PANICS}
    words = WORDS.get(bed, "")
    modules = [hostile(build, name, f"only={name} {words}") for name in ends] + tickers(build)
    machine = boot(modules=modules, limit=240, **BEDS[bed])
    for _ in range(2):
        machine.expect(r"\[ticker\d\] tick 3 ", timeout=220)
    machine.expect_prompt()
    states = ESCAPES.sub("", "\n".join(machine.command("vms")))
    for name, end in ends.items():
        assert re.search(rf"^{name} .*{end}", states, re.M), (name, states)
    for cpu in range(2):
        assert re.search(rf"^ticker{cpu} +running", states, re.M), states
