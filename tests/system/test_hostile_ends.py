# SPDX-License-Identifier: MIT
"""What ends a VM ends only that VM, with a reason: what hostile tries and cannot survive."""

import re

from beds import in_every_bed
from harness import BEDS, ESCAPES

# The attempt, and what its VM's last line says.
ENDS = {
    "triple-fault": "stopped: triple fault at RIP",
    "halt": "stopped: halted for ever: HLT with interrupts off at RIP",
    "fetch-mmio": "stopped: instruction fetch outside RAM",
    "fetch-outside": "stopped: instruction fetch outside RAM",
    "df-loop": "stopped: triple fault at RIP",
    "stack-mmio": "stopped: an event's delivery reached outside RAM",
    "cr3-outside": "stopped: ",
    "idt-outside": "stopped: an event's delivery reached outside RAM",
    "end-hypercall": "ended: exit status",
    "mmio-sse": "ended: exit status 0",
    "mmio-lgdt": "ended: exit status 0",
}
# What goes on for ever, in its own slices, is "running".
AS_A_CPU_DOES = {
    "ac-loop": "stopped: ",
    "db-loop": "running",
    "task-switch": "stopped: VM exit 9: task switch",
}
ON_RYZEN = {"task-switch": "stopped: #VMEXIT 0x7d: task switch"}
# QEMU has no #AC and no INT1, and does not intercept task switches (arch/svm/README.md).
ON_QEMU = {
    "ac-loop": "running",
    "db-loop": "ended: exit status 1",
    "task-switch": "ended: exit status 0",
}
# Why Bochs 2.7 as AMD-V does not survive these guests and attempts (arch/svm/README.md).
NOT_ON_RYZEN = {
    "triple-fault": "Bochs panics at a guest's triple fault",
    "ac-loop": "the same: its double fault has no gate",
    "hog": "Bochs stands still when an interrupt comes to a guest with interrupts off",
}
OTHERS = {"hog": " -- exits", "ticker": ""}


def runs_on(bed, name):
    return bed != "ryzen" or name not in NOT_ON_RYZEN


def expected_on(bed):
    """The attempts of this bed, and how they end."""
    ends = ENDS | AS_A_CPU_DOES | {"qemu": ON_QEMU, "ryzen": ON_RYZEN}.get(bed, {})
    return {name: end for name, end in ends.items() if runs_on(bed, name)}


@in_every_bed
def test_what_ends_a_vm_ends_only_that_vm(boot, build, bed):
    ends = expected_on(bed)
    others = [name for name in OTHERS if runs_on(bed, name)]
    hostile = build / "guests/hostile.elf"
    modules = [(hostile, f"vm={name} mem=4M cpu=1 -- only={name}") for name in ends]
    for name in others:
        modules.append((build / f"guests/{name}.elf", f"vm={name} mem=4M cpu=1{OTHERS[name]}"))
    machine = boot(modules=modules, limit=180, **BEDS[bed])
    machine.expect(re.escape("[ticker] tick 4 "), timeout=150)
    machine.expect_prompt()
    states = ESCAPES.sub("", "\n".join(machine.command("vms")))
    for name, end in ends.items():
        assert re.search(rf"^{name} .*{re.escape(end)}", states, re.M), (name, states)
    for name in others:
        assert re.search(rf"^{name} +running", states, re.M), (name, states)
