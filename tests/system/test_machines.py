# SPDX-License-Identifier: MIT
"""Each machine of a table runs a guest, or says in one line what is missing; none hangs."""

import re
import struct

import pytest

from screen import Screen

NO_VIRTUALIZATION = (
    r"this CPU shows neither VT-x nor AMD-V: [^\r\n]* BIOS/UEFI setup; without it no guest can run"
)
NO_NESTED_PAGING = r"AMD-V without nested paging: a CPU from before 2007 cannot run guests"
NO_EPT = r"VT-x without EPT: a CPU from before 2008 cannot run guests"
NO_LONG_MODE = r"this CPU has no 64-bit \(long\) mode; Husk needs one that has\. Switch off\."
GIB = 1024  # MiB, as `memory` counts

# QEMU's TCG has AMD-V. Where there is `missing`, the machine ends with that line, without a guest.
QEMU = {
    "pc-qemu64": {"cpu": "qemu64,+svm,+npt"},
    "pc-qemu64-without-npt": {"cpu": "qemu64,+svm", "missing": NO_NESTED_PAGING},
    "q35-qemu64-without-svm": {"cpu": "qemu64,-svm", "missing": NO_VIRTUALIZATION},
    "pc-32-bit": {"cpu": "qemu32", "missing": NO_LONG_MODE},
    "q35-Nehalem": {"cpu": "Nehalem", "missing": NO_VIRTUALIZATION},
    "q35-Opteron_G3": {"cpu": "Opteron_G3", "missing": NO_NESTED_PAGING},
    "pc-Opteron_G3-with-npt": {"cpu": "Opteron_G3,+svm,+npt", "cpus": 2},
    "q35-phenom": {"cpu": "phenom", "cpus": 3},
    "q35-EPYC": {"cpu": "EPYC,+svm,+npt", "cpus": 4},
    "pc-max-128M": {"cpu": "max", "memory": 128},
    "q35-max-uefi": {"cpu": "max", "firmware": "uefi", "cpus": 2},
    "q35-max-64-cpus": {"cpu": "max", "cpus": 64, "memory": 2 * GIB},
    # Three cores take two bits: APIC ids 0, 1, 2, 4, 5, 6.
    "pc-max-gaps": {"cpu": "max", "cpus": "6,sockets=2,cores=3"},
    # The firmware lists six CPUs, and four of them are not there.
    "q35-max-disabled": {"cpu": "max", "cpus": "2,maxcpus=6,sockets=6"},
}

# Bochs has VT-x on Intel's models, AMD-V on ryzen.
BOCHS = {
    "pentium": NO_LONG_MODE,
    "p4_prescott_celeron_336": NO_VIRTUALIZATION,
    "core2_penryn_t9600": NO_EPT,
    "corei7_sandy_bridge_2600k": None,
    "corei7_ivy_bridge_3770k": None,
    "corei7_haswell_4770": None,
    "broadwell_ult": None,
    "corei7_skylake_x": None,
    "corei3_cnl": None,
    "corei7_icelake_u": None,
    "tigerlake": None,
    "ryzen": None,
}


def expect_hello(machine, ending="exit status 42"):
    machine.expect(rf"\[hello\] ended: {ending}", timeout=100)
    machine.expect_prompt(timeout=60)


def expect_missing(machine, missing):
    """The one line that says why, and after it the monitor, where a CPU can have one."""
    machine.expect(missing, timeout=100)
    if missing != NO_LONG_MODE:
        machine.expect_prompt(timeout=60)


def check(machine, missing):
    if missing:
        expect_missing(machine, missing)
    else:
        expect_hello(machine)
    assert len(re.findall(r"Husk 0\.1[\r\n]", machine.serial_text())) <= 1, "it reset itself"


@pytest.mark.parametrize("name", QEMU)
def test_qemu(boot, name):
    row = dict(QEMU[name])
    missing = row.pop("missing", None)
    board = name.split("-", 1)[0]
    machine = boot("guests=hello", emulator="qemu", machine=board, reboot=False, **row)
    check(machine, missing)
    cpus = int(str(row.get("cpus", 1)).split(",", maxsplit=1)[0])
    if missing != NO_LONG_MODE:
        lines = machine.command("cpus")
        assert len(re.findall(r"^ *\d+ ", "\n".join(lines), re.M)) == cpus, lines


@pytest.mark.parametrize("model", BOCHS)
def test_bochs(boot, model):
    machine = boot("guests=hello", emulator="bochs", cpu=model)
    check(machine, BOCHS[model])


# Of 16 GiB a guest gets 5, so that part of its memory lies above 4 GiB, as part of the host's does.
def test_memory_above_4_gib(boot, build):
    modules = [(build / "guests/hello.elf", "vm=hello mem=5G")]
    machine = boot(modules=modules, emulator="qemu", machine="q35", memory=16 * GIB, reboot=False)
    memory = machine.expect(r"hello: memory (\d+) KiB", timeout=100)
    assert int(memory[1]) // 1024 > 5000
    expect_hello(machine)


# 60 GiB that nobody has to have, and a firmware that keeps 153 pieces of it: 313 entries in all, of
# which 156 are usable.
def test_a_long_memory_map(boot):
    holes = range(5 * GIB, 5 * GIB + 153 * 300, 300)
    cuts = "\n".join(f"cutmem {start}M {start + 3}M" for start in holes)
    ram = "memory-backend-ram,id=ram,size=60G,reserve=off"
    machine = boot(
        "guests=hello",
        emulator="qemu",
        machine="q35,memory-backend=ram",
        memory=60 * GIB,
        extra=("-object", ram),
        setup=cuts,
        reboot=False,
    )
    memory = machine.expect(r"memory: (\d+) MiB for guests, (\d+) MiB for Husk", timeout=60)
    # A hole of 3 MiB costs 4 MiB, because guests get memory in frames of 2 MiB.
    assert int(memory[1]) + int(memory[2]) > 60 * GIB - 156 * 4
    assert "complaint" not in machine.serial_text()
    expect_hello(machine)


# ---- CPUs that differ, as P and E cores do ----

OTHER_CPUS = [
    "max-x86_64-cpu,socket-id=1,core-id=0,thread-id=0,avx2=off,pdpe1gb=off",
    "max-x86_64-cpu,socket-id=2,core-id=0,thread-id=0,xsave=off,avx=off",
    "max-x86_64-cpu,socket-id=3,core-id=0,thread-id=0,svm=off",
]


def test_cpus_that_differ(boot, build):
    extra = [word for cpu in OTHER_CPUS for word in ("-device", cpu)]
    hello = build / "guests/hello.elf"
    # A page of 1 GiB would be of no use to CPU 1.
    memory = {0: "32M", 1: "1G", 2: "32M", 3: "32M"}
    modules = [(hello, f"vm=h{cpu} cpu={cpu} mem={memory[cpu]}") for cpu in range(4)]
    machine = boot(
        modules=modules, emulator="qemu", cpus="1,maxcpus=4,sockets=4", memory=8 * GIB, extra=extra
    )
    machine.expect(r"vm=h3: cpu=3: that CPU runs no guests", timeout=100)
    # They start at the same time: their lines come in any order, and name what no other lacked yet.
    text = machine.serial_text()
    assert re.search(r"CPU 1 has less than others: guests do without, CPUID 0x\w+:E.X bits", text)
    assert re.search(r"CPU 2 has less than others: guests do without, CPUID 0x\w+:E.X bits", text)
    assert "CPU 3 runs no guests: this CPU has no AMD-V" in text
    for _ in range(3):
        machine.expect(r"\[h[012]\] ended: exit status 42", timeout=100)


# ---- x2APIC ----

HAND_OVER_IN_X2APIC = "wrmsr 0x1b 0xfee00d00"
X2APIC_OPT_OUT = 2  # of the DMAR's flags


# The way back from there, which no=x2apic takes, is one that Bochs does not know.
def test_x2apic_handed_over_by_firmware(boot):
    machine = boot("guests=hello", emulator="bochs", cpus=3, setup=HAND_OVER_IN_X2APIC)
    machine.expect(r"interrupts: x2APIC[\r\n]", timeout=60)
    machine.expect(r"CPUs: 3 run", timeout=60)
    expect_hello(machine)


# GRUB adds a table of the firmware that asks to leave the APICs in xAPIC mode.
@pytest.mark.parametrize("handed_over", [False, True])
def test_firmware_that_wants_no_x2apic(boot, tmp_path, handed_over):
    table = bytearray(struct.pack("<4sIBB6s8sIII", b"DMAR", 48, 1, 0, b"TEST", b"TEST", 1, 0, 0))
    table += bytes([38, X2APIC_OPT_OUT]) + bytes(10)
    table[9] = -sum(table) & 0xFF
    (tmp_path / "dmar").write_bytes(table)
    setup = f"{HAND_OVER_IN_X2APIC if handed_over else ''}\nacpi /boot/dmar"
    machine = boot("", emulator="bochs", cpus=2, setup=setup, files=[tmp_path / "dmar"])
    if not handed_over:
        machine.expect(r"interrupts: the firmware asks for the xAPIC mode \(DMAR\)", timeout=60)
    machine.expect(rf"interrupts: {'x2' if handed_over else 'x'}APIC[\r\n]", timeout=60)
    machine.expect(r"CPUs: 2 run", timeout=60)


# ---- What a person reads who has no serial line ----

# Lines on a screen of 80 columns: the log's are longer.
SCREENS = {
    "no-long-mode": ({"cpu": "qemu32"}, r"Husk: this CPU has no 64-bit \(long\) mode"),
    "nothing": ({"cpu": "max,-svm"}, r"virtualization: none: this CPU shows neither VT-x nor"),
    "no-npt": ({"cpu": "EPYC,-npt"}, r"virtualization: none: AMD-V without nested paging"),
    "uefi": ({"cpu": "max,-svm", "firmware": "uefi", "machine": "q35"}, r"BIOS/UEFI setup"),
}


@pytest.mark.parametrize("name", SCREENS)
def test_the_screen_says_what_is_missing(boot, name):
    spec, line = SCREENS[name]
    machine = boot("guests=hello", emulator="qemu", serial=False, **spec)
    Screen(machine, text_mode=name != "uefi").wait_for(line)
