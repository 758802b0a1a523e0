# SPDX-License-Identifier: MIT
"""What make debug and make gdb do: gdb stops in kernel_main and names what is on the stack."""

import os
import re
import signal
import socket
import subprocess
import time

import pytest


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, seconds=20):
    """Until QEMU listens; a connection would be taken for gdb, so the kernel's table is read."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        tables = open("/proc/net/tcp", encoding="ascii").read()
        tables += open("/proc/net/tcp6", encoding="ascii").read()
        if f":{port:04X} 0000" in tables:
            return
        time.sleep(0.1)
    pytest.fail(f"nothing listens on port {port}")


def make(build, port, *arguments):
    return ["make", f"BUILD={build}", f"GDB_PORT={port}", "CPUS=1", *arguments]


@pytest.fixture
def debugged(build):
    """The port of a QEMU that `make debug` started."""
    port = free_port()
    process = subprocess.Popen(
        make(build, port, "debug"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for_port(port)
    yield port
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_gdb_stops_in_kernel_main_and_names_callers(build, debugged):
    commands = ["continue", "hbreak paging_init", "continue", "backtrace"]
    arguments = "-batch " + " ".join(f"-ex '{command}'" for command in commands)
    done = subprocess.run(
        make(build, debugged, "gdb", f"GDB_ARGS={arguments}"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    assert "Breakpoint 1, kernel_main (" in done.stdout, done.stdout + done.stderr
    assert re.search(r"^#0 +paging_init \(", done.stdout, re.M), done.stdout
    assert re.search(r"^#\d +(\S+ in )?kernel_main \(.*boot/main.c", done.stdout, re.M), done.stdout
