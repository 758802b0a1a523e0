# SPDX-License-Identifier: MIT
"""VMs that take all the CPU time they can leave others what is theirs: attacks of the guest greedy.

`make bench` measures how much, for more attacks and with several CPUs (tools/bench_fairness.py).
"""

import pytest

from harness import BEDS

# By the number of VMs that claim the victim's CPU: the attacks, each with its number of vCPUs, and
# the limits of the victim: the least share in thousandths of the CPU's time, the longest gap in ms.
ATTACKS = {
    0: ({"masked-timers": 64, "pit-masked": 1, "hpet-masked": 1}, 940, 11),
    1: (
        {
            "compute": 64,
            "exits": 1,
            "pause": 4,
            "devices": 1,
            "strings": 1,
            "short-sleeps": 1,
            "naps": 1,
            "dodge": 1,
            "crowd": 64,
            "pit-wakes": 1,
        },
        450,
        11,
    ),
}
# Those that want a disk. They always have work, so they get their half too. QEMU would take minutes
# for the long copies.
DISK_ATTACKS = {"notifications": 1, "disk-reads": 1, "disk-sleeps": 1}
MOST = 550
# Those that want network cards. The victim's card has the address that is flooded; nobody reads it.
PACKET_ATTACKS = {"packets-to-all": 1, "packets-to-one": 1}
PORTS = "net=lan net=lan net=lan"
FLOODED = "net=lan,mac=02:00:00:00:00:01"
NAMES = {name: claims for claims, (attacks, _, _) in ATTACKS.items() for name in attacks}


def modules(build, all_attacks, words="", victim_words="", most=1000):
    """A VM for each attack, and a victim for each number of VMs that claim the CPU."""
    greedy = build / "guests/greedy.elf"
    found = []
    for claims, (attacks, share, gap) in all_attacks.items():
        for name, vcpus in attacks.items():
            line = f"vm={name[:15]} mem=4M cpus={vcpus} cpu=0 start=no {words} -- play={name}"
            found.append((greedy, line))
        options = f"victim ms=100 share={share} most={most} gap={gap * 1000}"
        line = f"vm=victim{claims} mem=4M cpu=0 start=no {victim_words} -- {options}"
        found.append((greedy, line))
    return found


def play(machine, names):
    """What the victims say of each attack."""
    machine.expect_prompt(timeout=90)
    found = {}
    for name, claims in names.items():
        machine.sendline(f"start {name[:15]}")
        machine.expect(f"greedy: {name} begins", timeout=60)
        machine.sendline(f"start victim{claims}")
        found[name] = machine.expect(r"greedy: victim: ([^\r]*)\r", timeout=60)[1]
        machine.expect("ended: exit status", timeout=60)
        machine.sendline(f"stop {name[:15]}")
        machine.expect(f"{name[:15]} stopped", timeout=60)
    return found


@pytest.mark.parametrize("bed", ["bochs", "counted", "ryzen"])
def test_a_victim_has_its_share(boot, build, bed):
    machine = boot("", modules(build, ATTACKS), limit=280, **BEDS[bed])
    assert play(machine, NAMES) == dict.fromkeys(NAMES, "ok")


@pytest.mark.parametrize("bed", ["bochs", "ryzen"])
def test_a_victim_has_its_share_beside_a_disk(boot, build, bed):
    attacks = {1: (DISK_ATTACKS, *ATTACKS[1][1:])}
    vms = modules(build, attacks, "ram-disk=scratch:1M", most=MOST)
    machine = boot("", vms, limit=280, **BEDS[bed])
    assert play(machine, dict.fromkeys(DISK_ATTACKS, 1)) == dict.fromkeys(DISK_ATTACKS, "ok")


@pytest.mark.parametrize("bed", ["bochs", "counted", "ryzen"])
def test_a_victim_has_its_share_beside_floods(boot, build, bed):
    attacks = {1: (PACKET_ATTACKS, *ATTACKS[1][1:])}
    machine = boot("", modules(build, attacks, PORTS, FLOODED), limit=280, **BEDS[bed])
    assert play(machine, dict.fromkeys(PACKET_ATTACKS, 1)) == dict.fromkeys(PACKET_ATTACKS, "ok")
