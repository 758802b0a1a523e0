# SPDX-License-Identifier: MIT
"""Emulators need no free port, open none to the network, and are never left behind."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest

from harness import emulators, processes

TOOLS = pathlib.Path(emulators.__file__).parent
VNC_PORTS = range(5900, 5950)
LISTENS = "0A"  # as /proc/net/tcp has it


def listening_ports(pid):
    """The TCP ports on which somebody listens in the network namespace of a process."""
    rows = pathlib.Path(f"/proc/{pid}/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    fields = [row.split() for row in rows]
    return {int(field[1].split(":")[1], 16) for field in fields if field[3] == LISTENS}


@pytest.mark.parametrize("emulator", ["bochs", "qemu"])
def test_an_emulator_has_a_network_of_its_own(boot, emulator):
    if not processes.network_namespaces():
        pytest.skip(emulators.network_warning())
    machine = boot("", emulator=emulator)
    machine.expect_prompt(timeout=90)
    assert listening_ports(machine.process.pid) <= set(VNC_PORTS)
    network = pathlib.Path(f"/proc/{machine.process.pid}/ns/net")
    assert os.readlink(network) != os.readlink("/proc/self/ns/net")


def hold(port):
    """A socket that has the port, or one without where somebody else has it."""
    holder = socket.socket()
    if holder.connect_ex(("127.0.0.1", port)) != 0:
        holder = socket.socket()
        holder.bind(("", port))
        holder.listen()
    return holder


def test_bochs_goes_on_where_its_display_gets_no_port(boot, monkeypatch):
    monkeypatch.setattr(processes, "network_namespaces", lambda: 0)
    holders = [hold(port) for port in VNC_PORTS]
    try:
        machine = boot("", emulator="bochs")
        machine.expect_prompt(timeout=90)
    finally:
        for holder in holders:
            holder.close()
    log = (machine.folder / "bochs.log").read_text(encoding="utf-8", errors="replace")
    assert "could not bind any port" in log


# Says that it found no port and crashes until it was started often enough, then runs its machine.
CRASHING_BOCHS = """#!/bin/sh
folder=${3%/bochsrc}
echo start >> $folder/starts
if [ $(wc -l < $folder/starts) -lt STARTS ]; then
    echo "[RFB   ] RFB could not bind any port between 5900 and 5949"
    kill -SEGV $$
fi
echo "00000000000i[RFB   ] no machine yet" > $folder/bochs.log
echo "00000000012i[BIOS  ] hello" >> $folder/bochs.log
exec sleep 99
"""


@pytest.mark.parametrize("starts, runs", [(1, True), (3, True), (99, False)])
def test_bochs_is_started_again_if_its_display_ends_it(monkeypatch, tmp_path, capfd, starts, runs):
    program = tmp_path / "bochs"
    program.write_text(CRASHING_BOCHS.replace("STARTS", str(starts)), encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(processes, "network_namespaces", lambda: 0)
    spec = emulators.MachineSpec(iso="", emulator="bochs")
    process = emulators.start(spec, "/dev/null", tmp_path)
    try:
        if runs:
            assert process.poll() is None
        else:
            assert process.wait(timeout=10) == -signal.SIGSEGV
    finally:
        processes.kill(process)
    tried = (tmp_path / "starts").read_text(encoding="ascii").count("start")
    assert tried == min(starts, emulators.BOCHS_STARTS)
    assert capfd.readouterr().err.count("found no port") == tried - 1


def is_there(pid):
    """Whether the process runs. One that has ended may wait for a parent that asks for it."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


def expect_end(pid, seconds=20):
    end = time.monotonic() + seconds
    while is_there(pid):
        assert time.monotonic() < end, "it is still there"
        time.sleep(0.05)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_what_was_started_ends_with_its_parent(how):
    # SIGINT may be ignored here, as in what a shell has started in the background.
    script = "import processes, signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    script += "; c = processes.start(['sleep', '99'], network=False)"
    script += "; print(c.pid, flush=True); c.wait()"
    parent = subprocess.Popen(
        [sys.executable, "-c", script], cwd=TOOLS, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    child = int(parent.stdout.readline())
    assert is_there(child)
    parent.send_signal(how)
    parent.communicate(timeout=10)
    expect_end(child)


def test_kill_ends_what_a_program_has_started():
    process = processes.start(["sh", "-c", "sleep 99 & echo $!; wait"], stdout=subprocess.PIPE)
    child = int(process.stdout.readline())
    processes.kill(process)
    processes.kill(process)
    process.stdout.close()
    expect_end(child)


def test_a_bios_without_the_known_wait_is_an_error():
    bios = pathlib.Path(emulators.BOCHS_BIOS).read_bytes()
    patched = emulators.patched_bios(bios)
    assert len(patched) == len(bios) and patched != bios
    with pytest.raises(ValueError, match="0 times"):
        emulators.patched_bios(patched)
