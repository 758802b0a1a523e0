# SPDX-License-Identifier: MIT
"""Debian's kernel with virtio network cards: VMs that talk to each other by Husk's switches."""

import re
import stat
import time

import pexpect
import pytest

import linux_guest
from beds import long, on_both_vendors
from guest_shells import GuestShells
from harness import BEDS
from test_linux import HUSK_WORDS

BOOT_SECONDS = 500
MACHINE_SECONDS = 1800
FETCH_SECONDS = 600
# Bochs passes over the idle time of one CPU only.
CPUS = {"bochs": 1, "counted": 1, "qemu": 3}
DRIVERS = ["virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci",
           "failover", "net_failover", "virtio_net"]
LOAD = "".join(f"insmod /lib/{name}.ko\n" for name in DRIVERS)
INIT = linux_guest.INIT.replace("export PATH", LOAD + "export PATH")
ARGUMENTS = f"console=ttyS0 quiet {linux_guest.ARGUMENTS}"

# What a VM does at the word of a test: sh /lib/NAME.
SCRIPTS = {
    "server": """\
ip addr add 10.0.0.1/24 dev eth0
ip link set eth0 up
cat > /tmp/udhcpd.conf << END
start 10.0.0.20
end 10.0.0.20
interface eth0
lease_file /tmp/leases
option subnet 255.255.255.0
END
touch /tmp/leases
udhcpd /tmp/udhcpd.conf
httpd -h /tmp
""",
    "client": """\
ip link set eth0 up
udhcpc -q -n -s /lib/lease -i eth0 2> /tmp/udhcpc.log
httpd -h /tmp
""",
    "address": """\
ip addr add $1/24 dev eth0
ip link set eth0 up
httpd -h /tmp
""",
    "flood": """\
insmod /lib/pktgen.ko
echo add_device eth0 > /proc/net/pktgen/kpktgend_0
for word in "dst_mac $1" "count $2" "pkt_size 60" "delay 0"; do
    echo $word > /proc/net/pktgen/eth0
done
echo start > /proc/net/pktgen/pgctrl
grep Result /proc/net/pktgen/eth0
""",
    "lease": """\
#!/bin/sh
[ -z "$ip" ] || ip addr add $ip/24 dev $interface
""",
}


def linux(debian, folder, name, words):
    """The GRUB modules of a VM with Linux and the drivers of its network cards."""
    mode = stat.S_IFREG | 0o755
    more = linux_guest.drivers(debian, [*DRIVERS, "pktgen"])
    for script, text in SCRIPTS.items():
        more.append(linux_guest.Entry(f"lib/{script}", mode, text.encode()))
    initramfs = linux_guest.initramfs(debian, folder, INIT.encode(), more)
    line = f"vm={name} {words} -- {ARGUMENTS}"
    return [(linux_guest.kernel(debian), line), (initramfs, f"vm={name}")]


class Network(GuestShells):
    """A machine whose VMs have come to their shells."""

    def __init__(self, machine, names):
        super().__init__(machine)
        self.wait_for_shells(names)

    def wait_for_shells(self, names, since=0):
        """Waits until the shell of each VM has asked for a command, from that place in the text on.

        Other lines come in between, and those that commands wait for may come behind a shell's.
        """
        prompts = [f"[{name}] {linux_guest.PROMPT}" for name in names]
        limit = time.monotonic() + BOOT_SECONDS
        while not all(prompt in self.machine.serial_text()[since:] for prompt in prompts):
            assert time.monotonic() < limit, f"not all of {prompts} have come"
            self.machine.expect(pexpect.TIMEOUT, timeout=1)
        self.machine.command("cpus")


@pytest.fixture
def network(boot, debian, tmp_path):
    """network(bed, {name: words}, mebibytes=of each) -> Network"""

    def start(bed, vms, mebibytes=96):
        parts = [part for name, words in vms.items()
                 for part in linux(debian, tmp_path, name, f"mem={mebibytes}M {words}")]
        spec = {**BEDS[bed], "cpus": CPUS[bed]}
        machine = boot(HUSK_WORDS.get(bed, ""), parts, limit=MACHINE_SECONDS, **spec)
        return Network(machine, vms)

    return start


def make_file(network, name, kibibytes):
    """Random bytes in /tmp/file of a VM; returns their checksum."""
    command = f"dd if=/dev/urandom of=/tmp/file bs=1k count={kibibytes} 2> /dev/null"
    network.run(name, command, timeout=FETCH_SECONDS)
    return network.run(name, "md5sum < /tmp/file", timeout=FETCH_SECONDS)


@on_both_vendors
def test_two_vms_talk(network, bed):
    """DHCP, ping, and a file from each to the other at the same time."""
    lan = network(bed, {"web": "net=lan", "db": "net=lan"})
    lan.run("web", "sh /lib/server")
    lan.run("db", "sh /lib/client")
    assert any("inet 10.0.0.20/24" in line for line in lan.run("db", "ip addr show dev eth0"))
    answer = "\n".join(lan.run("db", "ping -c 5 -i 0.2 10.0.0.1"))
    assert "5 packets transmitted, 5 packets received, 0% packet loss" in answer
    sums = {name: make_file(lan, name, 2048) for name in ["web", "db"]}
    runs = [lan.begin("web", "wget -q -O /tmp/got http://10.0.0.20/file"),
            lan.begin("db", "wget -q -O /tmp/got http://10.0.0.1/file")]
    for run in runs:
        lan.finish(run, timeout=300)
    table = "\n".join(lan.machine.command("nets"))
    assert re.search(r"^lan:$", table, re.M), table
    for name, number in [("web", 1), ("db", 2)]:
        sums_shown = r"\d+ +\d+ [KM]iB"
        row = rf"^{name} +02:48:75:73:0{number}:00 up +{sums_shown} +{sums_shown} +\d+$"
        assert re.search(row, table, re.M), table
    assert lan.run("web", "md5sum < /tmp/got") == sums["db"]
    assert lan.run("db", "md5sum < /tmp/got") == sums["web"]


def carrier(lan, name):
    """Whether Linux sees a cable in its card."""
    return "1" in lan.run(name, "cat /sys/class/net/eth0/carrier")


@pytest.mark.parametrize("bed", ["qemu"])
def test_a_cable_is_pulled_out(network, bed):
    """Linux notices it, no frame crosses meanwhile, and the cable stays out over a reset."""
    lan = set_up_lan(network, bed, {"a": "net=lan", "b": "net=lan"})
    ping = f"ping -q -c 3 -i 0.2 -w 3 {address('a')} | grep -c ' 0% packet loss'"
    assert carrier(lan, "b") and "1" in lan.run("b", ping)
    lan.machine.command("link b 0 down")
    assert not carrier(lan, "b") and "0" in lan.run("b", ping)
    assert re.search(r"^b +\S+ down ", "\n".join(lan.machine.command("nets")), re.M)
    since = len(lan.machine.serial_text())
    lan.machine.command("reset b")
    lan.wait_for_shells("b", since)
    lan.run("b", f"sh /lib/address {address('b')}")
    assert not carrier(lan, "b")
    lan.machine.command("link b 0 up")
    assert carrier(lan, "b") and "1" in lan.run("b", ping)


BAD_WORDS = [
    ("net=", "net=: a switch's name is"),
    ("net=lan,fast", "net=lan: behind the name: expected mac= or promisc"),
    ("net=lan,mac=52:54:00:12:34", "net=lan: mac=: expected one card's address"),
    ("net=lan,mac=01:00:5e:00:00:01", "net=lan: mac=: expected one card's address"),
    ("net=lan,mac=52:54:00:00:00:01", "net=lan: a card of first has the same address"),
    ("net=a net=b net=c net=d net=e", "net=e: a VM has at most 4 of them"),
]


def test_a_vm_with_a_bad_network_card_is_not_made(boot, build):
    """One line says why, and the other VMs start."""
    hog = f"{build}/guests/hog.elf"
    modules = [(hog, "vm=first mem=4M net=lan,mac=52:54:00:00:00:01")]
    modules += [(hog, f"vm=bad{i} mem=4M {words}") for i, (words, _) in enumerate(BAD_WORDS)]
    modules += [(hog, "vm=last mem=4M net=lan net=dmz,promisc")]
    machine = boot("", modules)
    machine.expect(re.escape("[last] started"))
    machine.expect_prompt()
    text = machine.serial_text()
    for _, complaint in BAD_WORDS:
        assert len(re.findall(re.escape(complaint), text)) >= 1, complaint
    assert not re.search(r"^bad", "\n".join(machine.command("vms")), re.M)
    rows = machine.command("nets")
    assert [row.split()[0] for row in rows[1:]] == ["lan:", "first", "last/0", "dmz:", "last/1"]


def address(name):
    return f"10.0.0.{1 + ord(name) - ord('a')}"


def set_up_lan(network, bed, vms, **memory):
    """VMs a, b, c and so on, with addresses."""
    lan = network(bed, vms, **memory)
    for name in vms:
        lan.run(name, f"sh /lib/address {address(name)}")
    return lan


@long
@pytest.mark.parametrize("bed", ["qemu"])
def test_a_big_file_crosses_whole(network, bed):
    """64 MiB by HTTP: what arrives has the size and the checksum of what was sent."""
    lan = set_up_lan(network, bed, {name: "net=lan" for name in "ab"}, mebibytes=192)
    digest = make_file(lan, "a", 64 << 10)
    fetch = f"time wget -q -O /tmp/got http://{address('a')}/file"
    print(f"{bed}: {seconds_of(lan.run('b', fetch, timeout=FETCH_SECONDS))} s for 64 MiB")
    assert lan.run("b", "wc -c < /tmp/got") == [str(64 << 20)]
    assert lan.run("b", "md5sum < /tmp/got", timeout=FETCH_SECONDS) == digest


@long
@pytest.mark.parametrize("bed", ["qemu"])
def test_four_vms_on_one_switch(network, bed):
    """Each reaches each, also after some of them were reset or stopped in a flood of frames."""
    names = "abcd"
    lan = set_up_lan(network, bed, {name: "net=lan" for name in names})

    def ping_all():
        for name in names:
            others = " ".join(address(other) for other in names if other != name)
            ping = f"for i in {others}; do ping -q -c 2 -i 0.1 $i | grep ' 0% packet loss'; done"
            assert len(lan.run(name, ping)) == len(names) - 1

    ping_all()
    floods = [lan.begin(name, f"sh /lib/flood {mac} 2000")
              for name, mac in [("c", "02:48:75:73:02:00"), ("d", "02:48:75:73:01:00")]]
    since = len(lan.machine.serial_text())
    lan.machine.command("reset b")
    lan.machine.command("stop a")
    lan.machine.expect_off("a")
    lan.machine.command("start a")
    lan.wait_for_shells("ab", since)
    for flood in floods:
        assert "Result: OK" in "\n".join(lan.finish(flood, timeout=300))
    for name in "ab":
        lan.run(name, f"sh /lib/address {address(name)}")
    ping_all()


def seconds_of(lines):
    """The time of a command, as the shell's `time` tells it."""
    match = re.search(r"^real\s+(\d+)m ([\d.]+)s", "\n".join(lines), re.M)
    return 60 * int(match[1]) + float(match[2])


@long
@pytest.mark.parametrize("bed", ["counted"])
@pytest.mark.parametrize("target", ["ff:ff:ff:ff:ff:ff", "02:00:00:00:00:77"])
def test_a_flood_costs_its_sender(network, bed, target):
    """Two VMs talk as fast beside a VM that floods as beside one that only computes."""
    lan = set_up_lan(network, bed, {name: "net=lan" for name in "abc"})
    digest = make_file(lan, "a", 4096)
    fetch = f"time wget -q -O /tmp/got http://{address('a')}/file"

    def measure(beside):
        noise = lan.begin("c", beside)
        seconds = seconds_of(lan.run("b", fetch, timeout=300))
        assert lan.run("b", "md5sum < /tmp/got") == digest
        return noise, seconds

    noise, quiet = measure("timeout 20 yes > /dev/null")
    lan.finish(noise, timeout=300)
    _, loud = measure(f"sh /lib/flood {target} 10000000")
    print(f"{quiet} s, in a flood {loud} s")
    assert quiet >= 0.9 * loud
