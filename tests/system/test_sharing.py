# SPDX-License-Identifier: MIT
"""Time and memory are shared fairly: a VM that never yields, and a thousand lives of one VM."""

import re

import pytest

from beds import in_exact_time, on_both_vendors
from harness import BEDS

TICKERS = ["one", "two", "three"]


@in_exact_time
def test_others_keep_their_pace_beside_a_hog(boot, build, bed):
    ticker = build / "guests/ticker.elf"
    modules = [(build / "guests/hog.elf", "vm=hog mem=16M")]
    modules += [(ticker, f"vm={name} mem=16M -- count=5") for name in TICKERS]
    machine = boot("", modules, limit=240, **BEDS[bed])
    ended = set()
    while len(ended) < len(TICKERS):
        ended.add(machine.expect(r"\[(\w+)\] ended: exit status 0", timeout=200)[1])
    assert ended == set(TICKERS)
    assert any(re.match(r"hog +running", line) for line in machine.command("vms"))

    text = machine.serial_text()
    for name in TICKERS:
        pace = [int(ms) for ms in re.findall(rf"\[{name}\] tick \d+ .* in (\d+) ms", text)]
        assert len(pace) == 5 and all(900 <= ms <= 1150 for ms in pace), (name, pace)


# In Bochs' ryzen nothing interrupts a guest with interrupts off, but its exits.
@pytest.mark.parametrize("bed, words", [("bochs", ""), ("counted", ""), ("ryzen", "exits")])
def test_steal_time_is_what_a_hog_takes(boot, build, bed, words):
    modules = [(build / "guests/hog.elf", f"vm=hog mem=2M cpu=0 -- {words}")]
    modules += [(build / "guests/paravirt.elf", "vm=paravirt mem=4M cpu=0 -- beside")]
    machine = boot("", modules, limit=240, **BEDS[bed])
    ended = machine.expect(r"\[paravirt\] (ended: exit status \d+|not started)", timeout=200)
    assert ended[1].endswith(" 0"), machine.serial_text()
    assert machine.serial_text().count("the steal time") == 2


# The hog goes on slice after slice without the scheduler. A start there is a call to its CPU.
@on_both_vendors
def test_a_cpu_whose_only_guest_keeps_interrupts_off_still_answers(boot, build, bed):
    modules = [(build / "guests/hog.elf", "vm=hog mem=2M cpu=1")]
    modules += [(build / "guests/hello.elf", "vm=hello mem=2M cpu=1 start=no")]
    machine = boot("", modules, limit=240, **(BEDS[bed] | {"cpus": 2}))
    machine.expect(r"\[hog\] hog: spinning", timeout=90)
    for _ in range(5):
        machine.sendline("start hello")
        machine.expect(r"\[hello\] ended: exit status 42", timeout=60)
    assert "does not answer" not in machine.serial_text()


def memory_rows(machine):
    return [line for line in machine.command("memory") if line.startswith(("Husk", "all guests"))]

# What is done to a VM, and what the monitor answers or the log says.
LIFE = [
    ("start", "started"),
    ("reset", "reset"),
    ("stop", "stopped"),
    ("start", "started"),
    ("stop", "stopped"),
]


@on_both_vendors
def test_a_thousand_lives_leak_no_frame(boot, build, bed):
    # Small, because every start fills the VM's memory with zeros.
    module = (build / "guests/hog.elf", "vm=hog mem=2M")
    machine = boot("", [module], limit=300, **BEDS[bed])
    machine.expect(r"\[hog\] hog: spinning", timeout=90)
    machine.expect_prompt()
    machine.command("stop hog")
    machine.expect_off("hog")
    before = memory_rows(machine)
    for _ in range(334):  # three lives each
        # Not by command(): the guest's line may cut the echo in two.
        for command, answer in LIFE:
            machine.sendline(f"{command} hog")
            machine.expect(rf"hog\]? {answer}\r")
        machine.expect_off("hog")
        if memory_rows(machine) != before:
            break
    assert memory_rows(machine) == before
