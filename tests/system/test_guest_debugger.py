# SPDX-License-Identifier: MIT
"""gdb=com2 and the command `gdb`: the real gdb looks into guests and stops them."""

import os
import re
import time

import pytest

from guest_debugger import Debugger
from harness import BEDS

TICKS = r"\[ticker\] tick (\d+)"


def expect_state(machine, name, states):
    """Waits until `vms` shows the VM in one of the states: a command may be on its way to Husk."""
    limit = time.monotonic() + 30
    found = ""
    while found not in states:
        assert time.monotonic() < limit, f"{name} is {found}, not {states}"
        machine.sendline("vms")
        found = machine.expect(rf"\n{name} +(\w+) ")[1]
        machine.expect_prompt()


def bytes_of(dump):
    return re.findall(r"\b0x([0-9a-f]{2})\b", dump)


@pytest.mark.parametrize("bed", ["qemu", "bochs", "ryzen"])
def test_gdb_looks_and_changes(debugged, build, bed):
    machine, fd = debugged(bed, "ticker,hello")
    machine.expect(r"\[hello\] ended")
    with Debugger(fd, build / "guests/ticker.symbols") as gdb:
        gdb.connect()
        assert re.search(r"1 +ticker +running +1", gdb.command("info os processes"))
        gdb.command("attach 1")
        assert "ticker vCPU 0" in gdb.command("info threads")
        expect_state(machine, "ticker", ["paused"])
        # Registers, and memory by both kinds of addresses: the guest maps all one to one.
        assert gdb.value("$cr0 & 0x80000001") == 0x80000001
        assert gdb.value("$efer & 0x400") == 0x400
        assert gdb.value("$mxcsr") == 0x1F80
        gdb.command("set $rbx = 0x1234567890")
        gdb.command("set $xmm3.v2_int64[1] = 77")
        gdb.command("set $st0 = 1.5")
        gdb.command("maintenance flush register-cache")
        assert gdb.value("$rbx") == 0x1234567890
        assert gdb.value("$xmm3.v2_int64[1]") == 77
        assert "1.5" in gdb.command("print $st0")
        assert "Could not write" in gdb.command("set $cr0 = 0")
        text = bytes_of(gdb.command("x/8xb guest_main"))
        assert len(text) == 8
        assert "guest-physical" in gdb.command("monitor physical")
        assert bytes_of(gdb.command("x/8xb guest_main")) == text
        assert "linear" in gdb.command("monitor linear")
        assert "Cannot access" in gdb.command("x/x 0x800000000000")
        assert "ticker" in gdb.command("monitor vms")
        assert "prompt" in gdb.command("monitor console ticker")
        gdb.command("detach")
        expect_state(machine, "ticker", ["running"])


@pytest.mark.parametrize("bed", ["qemu", "bochs"])
def test_gdb_stops_lets_run_and_ends(debugged, build, bed):
    machine, fd = debugged(bed, "ticker,hello")
    machine.expect(r"\[hello\] ended")
    with Debugger(fd, build / "guests/ticker.symbols") as gdb:
        gdb.connect()
        gdb.command("attach 1")
        gdb.start("continue")
        machine.expect(TICKS)
        assert "SIGINT" in gdb.interrupt()
        before = gdb.value("$rip")
        assert gdb.value("$rip") == before
        # A VM that has ended can be looked into, and ends again when it is to go on.
        gdb.command("add-inferior")
        gdb.command("inferior 2")
        gdb.command("attach 2")
        assert gdb.value("$cs") > 0
        assert "exited with code 052" in gdb.command("continue")
        gdb.command("inferior 1")
        gdb.command("kill")
        expect_state(machine, "ticker", ["off", "stopping"])


@pytest.mark.parametrize("bed", ["qemu", "bochs"])
def test_an_exit_is_caught(debugged, build, bed):
    """GDB is told before the VM starts again, and the VM is still there to be looked into."""
    modules = [(build / "guests/ticker.elf", "vm=ticker restart=always -- count=4")]
    machine, fd = debugged(bed, "hog", modules)
    machine.expect(TICKS)
    with Debugger(fd, build / "guests/ticker.symbols") as gdb:
        gdb.connect()
        gdb.command("attach 2")
        assert "SIGTERM" in gdb.command("continue")
        assert gdb.value("$rip") >= 0x100000
        assert len(bytes_of(gdb.command("x/8xb guest_main"))) == 8
        assert "process 2) exited" in gdb.command("continue")
        machine.expect(r"\[ticker\] restarted")


def test_a_vm_that_ends_while_it_runs_is_told(debugged):
    machine, fd = debugged("qemu", "hog,ticker")
    machine.expect(r"\[hog\] hog: spinning")
    with Debugger(fd) as gdb:
        gdb.connect()
        gdb.command("attach 1")
        gdb.start("continue")
        expect_state(machine, "hog", ["running"])
        machine.sendline("stop hog")
        assert "SIGKILL" in gdb.wait()


def test_a_cable_is_pulled_in_the_middle_of_a_packet(debugged):
    """The next gdb finds a server that listens, and the VM as the first gdb left it."""
    machine, fd = debugged("qemu", "ticker")
    machine.expect(TICKS)
    with Debugger(fd) as gdb:
        gdb.connect()
        gdb.command("attach 1")
        gdb.die()
    os.write(fd, b"$m100000,4")
    expect_state(machine, "ticker", ["paused"])
    with Debugger(fd) as gdb:
        assert "in ??" in gdb.connect()
        gdb.command("detach")
    expect_state(machine, "ticker", ["running"])


def test_the_only_line_is_lent(boot):
    """Without a second line, `gdb` at the prompt gives the monitor's to gdb, until it detaches."""
    machine = boot("guests=ticker", limit=240, **BEDS["qemu"])
    machine.expect_prompt(90)
    machine.sendline("gdb")
    machine.expect("com1 is GDB's now; Ctrl-] takes it back\r\n")
    with Debugger(machine.fd) as gdb:
        assert "in ??" in gdb.connect("remote")
        assert re.search(r"ticker +paused", gdb.command("monitor vms"))
        gdb.command("detach")
    machine.sendline("log")  # what came at once has gone to gdb's terminal
    machine.expect("gdb: com1 is a console again")
    machine.expect_prompt()
    machine.sendline("gdb com1")
    machine.expect("takes it back\r\n")
    machine.send("\x1d")
    machine.expect("gdb: com1 is a console again")
    machine.expect_prompt()
    expect_state(machine, "ticker", ["running"])
