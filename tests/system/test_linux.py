# SPDX-License-Identifier: MIT
"""Debian's own kernels as guests: what works in them, what they complain about, how they end."""

import hashlib
import re
import time

import pytest

import linux_guest
import linux_log
from beds import long, on_both_vendors
from harness import BEDS

MIB = 1 << 20
BOOT_SECONDS = 300
# All of a test in Bochs, where an idle second of the guest can be as long as two for us.
MACHINE_SECONDS = 1800
# With two systems, ticker and hog on two CPUs: most of a boot is one vCPU's, on a third of a CPU.
SHARED_BOOT_SECONDS = 900
# Their images are packed with XZ: to the shell Bochs executes 5.2 billion instructions, and 4.3 of
# them unpack the image.
FULL_SECONDS = 900
SYSTEMS = [
    ("qemu", 1),
    pytest.param("qemu", 4, marks=long),
    pytest.param("bochs", 1, marks=long),
    pytest.param("bochs", 4, marks=long),
]

# Linux cannot live with what Bochs does where the CPU delivers interrupts: it may deliver one that
# the guest masks (arch/vmx/README.md, "What Bochs does otherwise"). Other guests run with it there.
HUSK_WORDS = {"bochs": "no=apicv", "qemu": ""}

# One CPU has nobody to wait for.
ALWAYS_ALLOWED = [r"^kvm-guest: PV spinlocks disabled, single CPU"]
# What a guest may say that the bare emulator need not, and why.
ALLOWED = {
    "bochs": [
        # A VM has neither performance counters nor MSRs of power management. Bare Bochs has some
        # that do not work: "Failed to access perfctr msr" and "intel_pstate: Invalid MSRs".
        r"^Performance Events: unsupported p6 CPU model",
        r"^intel_pstate: CPU model not supported",
    ],
    "qemu": [
        # One thread emulates all CPUs: on a busy machine below, timers come late.
        r"^hpet: Lost \d+ RTC interrupts",
    ],
}


# What it says of Husk: it takes the clock of KVM's interface, which also tells the TSC's rate, and
# on several CPUs the calls that wake and interrupt others.
SAID = [r"^kvm-clock: Using msrs 4b564d01 and 4b564d00", r"^x2apic enabled"]
SAID_BY_SEVERAL = [r"^kvm-guest: PV spinlocks enabled", r"^kvm-guest: setup PV IPIs"]


def modules(debian, folder, name, words, arguments="", kernel=None):
    """The GRUB modules of one VM with Linux, the usual kernel or another."""
    own = f"console=ttyS0 quiet {linux_guest.ARGUMENTS} {arguments}".strip()
    line = f"vm={name} {words} -- {own}"
    initramfs = linux_guest.initramfs(debian, folder)
    return [(kernel or linux_guest.kernel(debian), line), (initramfs, f"vm={name}")]


def boot_to_shell(boot, debian, folder, emulator, vcpus, kernel=None, seconds=BOOT_SECONDS):
    words = f"mem=256M cpus={vcpus} start=no"
    parts = modules(debian, folder, "linux", words, kernel=kernel)
    # Bochs passes over the idle time of one CPU, and goes through that of two tick by tick.
    cpus = 1 if (emulator, vcpus) == ("bochs", 1) else 2
    husk = HUSK_WORDS[emulator]
    machine = boot(husk, parts, emulator=emulator, cpus=cpus, limit=MACHINE_SECONDS)
    machine.expect_prompt(timeout=BOOT_SECONDS)
    machine.command("start linux", timeout=60)
    machine.sendline("console linux")
    return machine, linux_guest.Shell(machine, seconds)


# ---- What the shell finds ----


def check_processors(shell, vcpus):
    assert shell.run("nproc") == [str(vcpus)]
    rows = shell.run("cat /proc/interrupts")
    assert rows[0].split() == [f"CPU{number}" for number in range(vcpus)]
    counts = {row.split(":")[0].strip(): row.split()[1 : vcpus + 1] for row in rows[1:]}
    assert all(int(count) > 0 for count in counts["LOC"]), counts["LOC"]
    assert int(counts["ERR"][0]) == 0, counts["ERR"]
    assert sum(int(count) for count in counts["4"]) > 0, counts["4"]


def check_memory(shell):
    """64 MiB written and read again: a file in memory, and the checksum that is known here."""
    wanted = hashlib.md5((b"husk" * 256 + b"\n") * 1024 * 64).hexdigest()
    words = "w=husk; for i in 1 2 3 4 5 6 7 8; do w=$w$w; done"
    lines = "i=0; while [ $i -lt 1024 ]; do echo $w; i=$((i + 1)); done > /tmp/part"
    shell.run(f"{words}; {lines}", timeout=BOOT_SECONDS)
    whole = "i=0; while [ $i -lt 64 ]; do cat /tmp/part; i=$((i + 1)); done > /tmp/file"
    shell.run(whole, timeout=BOOT_SECONDS)
    assert shell.run("md5sum /tmp/file", timeout=BOOT_SECONDS) == [f"{wanted}  /tmp/file"]
    shell.run("rm /tmp/part /tmp/file")


def check_processes(shell):
    step = "echo $i | cat | grep -qx $i && i=$((i + 1)) || break"
    script = f"i=0; while [ $i -lt 40 ]; do {step}; done"
    assert shell.run(f"{script}; echo ended at $i", timeout=BOOT_SECONDS) == ["ended at 40"]


def check_load(shell, vcpus):
    """As many busy processes as vCPUs: each vCPU gets to work, and all of them end."""
    before = busy_ticks(shell)
    loop = "i=0; while [ $i -lt 15000 ]; do i=$((i + 1)); done"
    starts = " ".join(f"({loop}) &" for _ in range(vcpus))
    shell.run(f"{starts} wait", timeout=BOOT_SECONDS)
    after = busy_ticks(shell)
    assert len(after) == vcpus
    assert all(b > a for a, b in zip(before, after)), (before, after)


def busy_ticks(shell):
    rows = shell.run("cat /proc/stat")
    return [sum(map(int, row.split()[1:4])) for row in rows if re.match(r"cpu\d", row)]


def check_steal(shell):
    """Twice as many vCPUs as CPUs were busy: each was made to wait about as long as it ran."""
    ticks = list(map(int, shell.run("head -n 1 /proc/stat")[0].split()[1:]))
    busy, stolen = sum(ticks[:3]), ticks[7]
    assert stolen >= busy / 5, ticks


# The RTC's edges are Husk's own clock; /proc/uptime is what the guest makes of its TSC and timers.
# An edge came between the uptime before the last read that saw the old second and the one printed
# behind it.
WAIT_FOR_EDGE = (
    "edge() { read u x < /proc/uptime; s=$(cat $rtc); n=$s; while [ $n = $s ]; do p=$u; "
    "read u x < /proc/uptime; n=$(cat $rtc); done; read v x < /proc/uptime; echo $p $v $n; }"
)


def check_clock(shell, seconds):
    """The guest's clock is within 1 % of Husk's; returns the guest's and the wall clock's time."""
    shell.run(f"rtc=/sys/class/rtc/rtc0/since_epoch; {WAIT_FOR_EDGE}; edge")
    start = time.monotonic()
    lines = shell.run(f"edge; sleep {seconds - 1}; edge", timeout=BOOT_SECONDS)
    wall = time.monotonic() - start
    (early, late, rtc), (early_end, late_end, rtc_end) = (map(float, row.split()) for row in lines)
    least, most, husk = early_end - late, late_end - early, rtc_end - rtc
    assert husk >= seconds and most - least <= 0.1 * seconds, (lines, "edges not seen in time")
    assert least <= 1.01 * husk and most >= 0.99 * husk, lines
    return least, wall


def check_log(log, vcpus):
    """Linux knows the hypervisor, and does not measure what it is told."""
    all_wanted = SAID + (SAID_BY_SEVERAL if vcpus > 1 else [])
    said = [re.sub(r"^\[[ \d.]+\] ", "", line) for line in log]
    assert all(any(re.search(wanted, line) for line in said) for wanted in all_wanted), said
    assert not any(re.search("calibrat", line) and "tsc" in line for line in said), said


# ---- The tests ----


@pytest.mark.parametrize("emulator, vcpus", SYSTEMS)
def test_linux_boots_to_a_shell_and_works(boot, debian, tmp_path, emulator, vcpus):
    machine, shell = boot_to_shell(boot, debian, tmp_path, emulator, vcpus)
    check_processors(shell, vcpus)
    check_load(shell, vcpus)
    check_processes(shell)
    check_memory(shell)
    guest, wall = check_clock(shell, 60 if vcpus == 1 else 20)
    if emulator == "qemu":  # whose idle time passes as fast as the wall clock's
        assert guest <= wall * 1.01, (guest, wall)
    log = shell.run("dmesg", timeout=BOOT_SECONDS)
    check_log(log, vcpus)
    machine.sendline("poweroff -f")
    machine.expect("linux ended: powered off", timeout=60)
    machine.stop()  # the bare machine is not to wait for it
    bare = linux_guest.bare_log(debian, tmp_path, emulator, vcpus)
    assert linux_log.new_complaints(log, bare, ALWAYS_ALLOWED + ALLOWED[emulator]) == []


def test_linux_runs_on_four_processors(boot, debian, tmp_path):
    machine, shell = boot_to_shell(boot, debian, tmp_path, "qemu", 4)
    check_processors(shell, 4)
    check_load(shell, 4)
    check_steal(shell)
    check_log(shell.run("dmesg", timeout=BOOT_SECONDS), 4)
    machine.sendline("poweroff -f")
    machine.expect("linux ended: powered off", timeout=60)


@on_both_vendors
def test_reboot_resets_the_vm(boot, debian, tmp_path, bed):
    machine, shell = boot_to_shell(boot, debian, tmp_path, bed, 1)
    check_processes(shell)  # in Bochs no other test of `make test` has Linux switch processes
    shell.run("touch /mark")
    machine.sendline("reboot -f")
    shell = linux_guest.Shell(machine, BOOT_SECONDS)
    assert shell.run("test -e /mark || echo gone") == ["gone"]


@long
@on_both_vendors
@pytest.mark.parametrize("package", linux_guest.FULL_META_PACKAGES)
def test_full_kernels_boot_to_a_shell(boot, debian, tmp_path, bed, package):
    try:
        kernel = linux_guest.kernel(debian, package)
    except linux_guest.Unavailable as reason:
        pytest.skip(f"{package} cannot be had: {reason}")
    machine, shell = boot_to_shell(boot, debian, tmp_path, bed, 1, kernel, FULL_SECONDS)
    log = shell.run("dmesg", timeout=BOOT_SECONDS)
    check_log(log, 1)
    assert not [line for line in log if linux_log.ALWAYS.search(line)]
    machine.sendline("poweroff -f")
    machine.expect("linux ended: powered off", timeout=60)


@long
@on_both_vendors
def test_one_of_four_vms_is_killed_and_the_others_go_on(boot, debian, build, tmp_path, bed):
    parts = modules(debian, tmp_path, "a", "mem=160M cpus=2", "beat")
    parts += modules(debian, tmp_path, "b", "mem=160M cpus=2", "beat")
    parts += [(build / "guests/ticker.elf", "vm=ticker mem=16M")]
    parts += [(build / "guests/hog.elf", "vm=hog mem=16M")]
    machine = boot(HUSK_WORDS[bed], parts, limit=MACHINE_SECONDS, **BEDS[bed])
    machine.expect_prompt(timeout=BOOT_SECONDS)
    for name in ["a", "b"]:
        wait_for_beats(machine, name, 2)
    machine.command("stop a", timeout=60)
    wait_for_beats(machine, "b", 3)
    ticks = [int(machine.expect(r"\[ticker\] tick (\d+) ", timeout=60)[1]) for _ in range(3)]
    assert ticks == list(range(ticks[0], ticks[0] + 3))
    if bed == "bochs":  # whose time does not depend on how busy this machine is
        assert "complaint" not in machine.serial_text()
    states = {row.split()[0]: row.split()[1] for row in machine.command("vms", timeout=60)[1:]}
    assert states == {"a": "off", "b": "running", "ticker": "running", "hog": "running"}


def wait_for_beats(machine, name, count):
    for _ in range(count):
        machine.expect(rf"\[{name}\] beat \d+", timeout=SHARED_BOOT_SECONDS)


def test_a_complaint_that_the_bare_machine_has_not_is_found():
    bare = ["[    0.1] tsc: Fast TSC calibration using PIT", "[    0.2] ACPI: bad table 17"]
    guest = ["[    9.0] ACPI: bad table 18", "[    9.1] tsc: Marking TSC unstable due to 3 checks"]
    assert linux_log.new_complaints(guest, bare) == guest[1:]
    assert linux_log.new_complaints(guest, bare, [r"^tsc: .* due to 3 checks"]) == []
    assert linux_log.new_complaints(guest, bare, [r"^tsc: .* due to 4 checks"]) == guest[1:]
    trace = ["[    1.0] ------------[ cut here ]------------", "[    1.1] net: not here"]
    assert linux_log.new_complaints(trace, bare) == trace[:1]
