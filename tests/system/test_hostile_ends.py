# SPDX-License-Identifier: MIT
"""What ends a VM ends only that VM, with a reason: what hostile tries and cannot survive."""

import re

from beds import on_both_vendors
from harness import BEDS, ESCAPES

# The attempt, and what its VM's last line says.
ENDS = {
    "triple-fault": "stopped: triple fault at RIP",
    "halt": "stopped: halted for ever: HLT with interrupts off at RIP",
    "fetch-mmio": "stopped: instruction fetch outside RAM",
    "fetch-outside": "stopped: instruction fetch outside RAM",
    "stack-mmio": "stopped: an event's delivery reached outside RAM",
    "cr3-outside": "stopped: ",
    "idt-outside": "stopped: an event's delivery reached outside RAM",
    "ac-loop": "stopped: ",
    "task-switch": "stopped: VM exit 9: task switch",
    "end-hypercall": "ended: exit status",
    "mmio-sse": "stopped: cannot emulate the instruction",
    "mmio-lgdt": "stopped: cannot emulate the instruction",
}
# These go on for ever, in their own slices.
ENDLESS = ["db-loop"]


@on_both_vendors
def test_what_ends_a_vm_ends_only_that_vm(boot, build, bed):
    hostile = build / "guests/hostile.elf"
    modules = [(hostile, f"vm={name} mem=4M cpu=1 -- only={name}") for name in [*ENDS, *ENDLESS]]
    modules.append((build / "guests/hog.elf", "vm=hog mem=4M cpu=1 -- exits"))
    modules.append((build / "guests/ticker.elf", "vm=ticker mem=4M cpu=1"))
    machine = boot(modules=modules, cpus=2, limit=180, **BEDS[bed])
    machine.expect(re.escape("[ticker] tick 4 "), timeout=150)
    machine.expect_prompt()
    states = ESCAPES.sub("", "\n".join(machine.command("vms")))
    for name, end in ENDS.items():
        assert re.search(rf"^{name} .*{re.escape(end)}", states, re.M), (name, states)
    for name in [*ENDLESS, "hog", "ticker"]:
        assert re.search(rf"^{name} +running", states, re.M), (name, states)
