# SPDX-License-Identifier: MIT
"""A CPU that never answers: Husk names it, and everything else works on."""

import re

import qemu_bus

STUCK = "ticker1 is stuck: CPU 1 does not answer"


def test_a_cpu_that_never_answers_stops_nothing_else(boot, build, tmp_path):
    ticker = build / "guests/ticker.elf"
    tickers = [(ticker, f"vm=ticker{cpu} mem=4M cpu={cpu}") for cpu in range(2)]
    machine = boot(modules=tickers, cpus=2, extra=qemu_bus.arguments(tmp_path))
    machine.expect(r"\[ticker1\] tick 1 ", timeout=60)
    machine.expect_prompt()
    qemu_bus.send(tmp_path, 1, qemu_bus.INIT)  # the CPU waits for a start-up IPI from now on
    vms = "\n".join(machine.command("vms"))
    assert re.search(r"^ticker0 +running ", vms, re.M), vms
    assert re.search(r"^ticker1 +stuck ", vms, re.M), vms
    assert "CPU 1 does not answer: " in "\n".join(machine.command("log"))
    cpus = "\n".join(machine.command("cpus"))
    assert re.search(r"^ +1 .* stuck: does not answer +ticker1 \(stuck\)$", cpus, re.M), cpus
    assert f"stop: {STUCK}" in machine.command("stop ticker1")
    assert "ticker0 starts again" in machine.command("reset ticker0")
    machine.expect(r"\[ticker0\] tick 2 ", timeout=60)
    machine.sendline("poweroff")
    machine.expect_end()
    assert machine.process.returncode == 0
