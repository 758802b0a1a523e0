# SPDX-License-Identifier: MIT
"""A VM with much memory starts piece by piece: the monitor and the other VMs go on meanwhile."""

import re

import pytest

from beds import on_both_vendors
from harness import BEDS

BIG_MIB = 1536


@pytest.fixture
def machine(boot, build, bed):
    """One CPU for all: a ticker that runs, and a big VM that was started once.

    The emulator's own host takes long to give it memory that it uses for the first time.
    """
    modules = [
        (build / "guests/ticker.elf", "vm=ticker mem=4M"),
        (build / "guests/hog.elf", f"vm=big mem={BIG_MIB}M"),
    ]
    shape = {"cpus": 1, "memory": BIG_MIB + 256}
    started = boot("", modules, limit=280, **(BEDS[bed] | shape))
    started.expect(r"\] \[big\] started\r", timeout=200)
    started.expect("hog: spinning")
    started.expect_prompt()
    stop(started)
    return started


def stop(machine):
    machine.sendline("stop big")
    machine.expect(r"big stopped\r")
    machine.expect_prompt()
    machine.expect_off("big")


def answer(machine, command, pattern):
    """Not by command(): the ticker's line may cut the echo in two."""
    machine.sendline(command)
    return machine.expect(pattern, timeout=5)


@on_both_vendors
def test_others_go_on_while_a_big_vm_starts(machine):
    machine.expect(r"\[ticker\] tick \d+ ", timeout=30)
    answer(machine, "start big", r"big starts\r")
    answer(machine, "vms", r"big +starting +1 +1536 MiB +0  \d+ %\r")
    answer(machine, "pause big", r"pause: big is starting, not running\r")
    answer(machine, "regs big", r"big is starting: it has no CPU\r")
    answer(machine, "read big 0", r"read: big is starting: it has no memory\r")
    assert "[big] started" not in machine.console.before
    machine.expect(r"\] \[big\] started\r", timeout=200)
    machine.expect(r"\[big\] hog: spinning")
    machine.expect(r"\[ticker\] tick \d+ .* ms\r", timeout=30)
    since = machine.serial_text().rpartition("big starts")[2]
    pace = [int(ms) for ms in re.findall(r"\[ticker\] tick \d+ .* in (\d+) ms", since)]
    print("pace while the big VM started:", pace)
    assert pace and all(900 <= ms <= 1150 for ms in pace), pace


@on_both_vendors
def test_a_stop_abandons_a_start(machine):
    def guests():
        return answer(machine, "memory", r"all guests +\d+ MiB +(\d+) MiB")[1]

    free = guests()
    for _ in range(3):
        answer(machine, "start big", r"big starts\r")
        assert int(guests()) <= int(free) - BIG_MIB
        stop(machine)
        assert guests() == free


@on_both_vendors
def test_a_start_need_not_wait_for_a_stop(machine):
    answer(machine, "start big", r"big starts\r")
    machine.expect(r"\] \[big\] started\r", timeout=200)
    answer(machine, "stop big", r"big stopped\r")
    answer(machine, "start big", r"big starts\r")
    machine.expect(r"\] \[big\] started\r", timeout=200)
    machine.expect(r"\[big\] hog: spinning")


@on_both_vendors
def test_256_vcpus_fit_into_512_mib(boot, build, bed):
    hello = build / "guests/hello.elf"
    names = ["one", "two", "three", "four"]
    modules = [(hello, f"vm={name} mem=4M cpus=64") for name in names]
    machine = boot("", modules, **(BEDS[bed] | {"memory": 512}))
    end = r"\[(\w+)\] (ended|stopped|not started): ([^\r\n]*)[\r\n]"
    ends = {machine.expect(end, timeout=100).groups() for _ in names}
    assert ends == {(name, "ended", "exit status 42") for name in names}
