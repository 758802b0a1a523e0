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
    "df-loop": "stopped: triple fault at RIP",
    "stack-mmio": "stopped: an event's delivery reached outside RAM",
    "cr3-outside": "stopped: ",
    "idt-outside": "stopped: an event's delivery reached outside RAM",
    "end-hypercall": "ended: exit status",
    "mmio-sse": "stopped: cannot emulate the instruction",
    "mmio-lgdt": "stopped: cannot emulate the instruction",
}
# What goes on for ever, in its own slices, is "running".
ON_VTX = {
    "ac-loop": "stopped: ",
    "db-loop": "running",
    "task-switch": "stopped: VM exit 9: task switch",
}
# QEMU has no #AC and no INT1, and does not intercept task switches (arch/svm/README.md).
ON_QEMU = {
    "ac-loop": "running",
    "db-loop": "ended: exit status 1",
    "task-switch": "ended: exit status 0",
}


@on_both_vendors
def test_what_ends_a_vm_ends_only_that_vm(boot, build, bed):
    ends = ENDS | (ON_QEMU if bed == "qemu" else ON_VTX)
    hostile = build / "guests/hostile.elf"
    modules = [(hostile, f"vm={name} mem=4M cpu=1 -- only={name}") for name in ends]
    modules.append((build / "guests/hog.elf", "vm=hog mem=4M cpu=1 -- exits"))
    modules.append((build / "guests/ticker.elf", "vm=ticker mem=4M cpu=1"))
    machine = boot(modules=modules, limit=180, **BEDS[bed])
    machine.expect(re.escape("[ticker] tick 4 "), timeout=150)
    machine.expect_prompt()
    states = ESCAPES.sub("", "\n".join(machine.command("vms")))
    for name, end in ends.items():
        assert re.search(rf"^{name} .*{re.escape(end)}", states, re.M), (name, states)
    for name in ["hog", "ticker"]:
        assert re.search(rf"^{name} +running", states, re.M), (name, states)


# A #DB whose delivery raises the next one comes before any interrupt, so no timer ends its run.
# The test above has this on VT-x; QEMU raises no such #DB.
def test_a_loop_of_debug_exceptions_leaves_its_cpu_to_others(boot, build):
    modules = [
        (build / "guests/hostile.elf", "vm=loop mem=4M cpu=1 -- only=db-loop"),
        (build / "guests/ticker.elf", "vm=ticker mem=4M cpu=1"),
    ]
    machine = boot(modules=modules, limit=180, **BEDS["ryzen"])
    machine.expect(re.escape("[ticker] tick 2 "), timeout=150)
    machine.expect_prompt()
    states = ESCAPES.sub("", "\n".join(machine.command("vms")))
    assert re.search(r"^loop +running", states, re.M), states
