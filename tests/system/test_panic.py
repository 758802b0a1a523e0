# SPDX-License-Identifier: MIT
"""A bug of Husk itself ends in a dump that helps: gdb plays the bug, on a machine that runs."""

import re
import subprocess


def break_it(boot, build, *commands, words="", extra=()):
    """Boots in QEMU, lets gdb run `commands` where CPU 0 stands, and returns the machine.

    `words` are Husk's, and `extra` are further arguments for QEMU.
    """
    machine = boot(words, emulator="qemu", cpus=2, gdb=True, extra=extra)
    machine.expect_prompt(timeout=60)
    arguments = ["gdb", "-q", "-batch", str(build / "husk.elf")]
    for command in [f"target remote {machine.folder}/gdb", "thread 1", *commands, "detach"]:
        arguments += ["-ex", command]
    subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True)
    return machine


def test_a_wild_jump_is_dumped_with_names(boot, build):
    machine = break_it(boot, build, "set $rip = 0x1234")
    machine.expect(r"PANIC on CPU 0: #PF [^\r\n]*0x1234", timeout=20)
    machine.expect(r"rip 0x1234", timeout=20)
    machine.expect(r"cr2 0*1234", timeout=20)
    machine.expect(r"0x[0-9a-f]+ kernel_main\+0x", timeout=20)


def test_a_stack_overflow_is_named(boot, build):
    machine = break_it(boot, build, "set $rsp = ((unsigned long)$rsp & ~0x7fffUL) + 0x3ff8")
    machine.expect(re.compile(r"stack overflow", re.I), timeout=20)
    machine.expect(r"called from:", timeout=20)


def test_text_cannot_be_written(boot, build):
    # REP STOSB is in memset: with RDI in the text and a count of 1 it writes there.
    machine = break_it(
        boot,
        build,
        "set $rdi = (unsigned long)&kernel_main",
        "set $rsi = 0",
        "set $rdx = 64",
        "set $rip = (unsigned long)&memset",
    )
    machine.expect(r"PANIC on CPU 0: #PF [^\r\n]*write", timeout=20)
    machine.expect(r"memset", timeout=20)


def test_the_guests_last_exits_follow(boot, build):
    machine = break_it(
        boot, build, "hbreak vcpu_halt_exit", "continue", "set $rip = 0x1234", words="guests=ticker"
    )
    machine.expect(r"PANIC on CPU 1: #PF [^\r\n]*0x1234", timeout=20)
    machine.expect(r"called from:", timeout=20)
    machine.expect(r"vCPU 0 of ticker:\s+its last exits:", timeout=20)
    machine.expect(r" us ago  RIP 0x0000000000\w+  HLT\s+Husk has stopped\.", timeout=20)
