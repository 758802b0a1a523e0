# SPDX-License-Identifier: MIT
"""An entry that the CPU refuses: Husk names the rule. The emulator's debugger breaks a field."""

import re
import subprocess

import pytest

from harness import BEDS

RESUMES = 16  # how often the debugger stops there before the guest runs, at least


def address_of(symbol, build):
    lines = subprocess.run(
        ["nm", build / "husk.elf"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.splitlines()
    return int(next(line.split()[0] for line in lines if line.endswith(f" {symbol}")), 16)


def refusal(machine):
    """Why the VM was stopped, from the log."""
    machine.expect(r"\[[a-z]+\] stopped: ([^\r\n]*)\r", timeout=90)
    return machine.console.match[1]


def test_vtx_names_the_rule_that_bochs_found_broken(boot, build, tmp_path):
    """realmode has no paging: with the control for IA-32e mode its state is not valid."""
    commands = [f"lb {address_of('vmx_controls_set_long_mode', build):#x}"]
    commands += ["c", "set rdi = 1"] * RESUMES + ["c", "q"]
    script = tmp_path / "debugger"
    script.write_text("\n".join(commands) + "\n", encoding="ascii")
    bed = {**BEDS["bochs"], "cpus": 1, "debugger": str(script)}
    machine = boot("guests=realmode", **bed)
    reason = refusal(machine)
    assert "VM entry refused: guest CR0 0x" in reason, reason
    assert "IA-32e mode needs PG (SDM Vol. 3C 27.3.1.1)" in reason, reason
    log = (machine.folder / "bochs.log").read_text(encoding="latin-1")
    assert re.search(r"VMENTER FAIL: .*", log), "Bochs names no check"


@pytest.mark.parametrize(
    "field, rule",
    [
        ("save.efer &= ~0x1000", r"EFER 0x[0-9a-f]+: SVME must be set \(APM Vol. 2 15.5.1\)"),
        ("save.dr7 |= 0x100000000", r"DR7 0x[0-9a-f]+: bits 63 to 32 must be 0 \(APM"),
        ("control.asid = 0", r"ASID 0x0: 0 is the host's \(APM Vol. 2 15.5.1\)"),
    ],
    ids=["efer", "dr7", "asid"],
)
def test_amdv_names_the_rule_that_qemu_found_broken(boot, build, field, rule):
    machine = boot("", emulator="qemu", cpus=1, gdb=True)
    machine.expect_prompt(timeout=90)
    machine.sendline("start hog")
    machine.expect("spinning", timeout=60)
    commands = [
        f"target remote {machine.folder}/gdb",
        "hbreak svm_enter",
        "continue",
        f"set var ((struct vmcb *)((struct vcpu_core *)$rdi)->backend)->{field}",
        "delete",
        "detach",
    ]
    arguments = [part for command in commands for part in ("-ex", command)]
    gdb = subprocess.run(
        ["gdb", "-q", "-batch", build / "husk.elf", *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=90, check=True,
    )
    reason = refusal(machine)
    assert re.search(f"VMRUN refused the guest: {rule}", reason), f"{reason}\n{gdb.stdout}"
    machine.expect("its last exits:")
    machine.expect(r"us ago  RIP 0x[0-9a-f]{16}  entry failed")
