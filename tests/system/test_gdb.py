# SPDX-License-Identifier: MIT
"""What make debug and make gdb do: gdb stops in kernel_main and names what is on the stack."""

import re
import socket
import subprocess
import time

import pytest

from harness import processes


def make(build, *arguments):
    return ["make", f"BUILD={build}", "CPUS=1", *arguments]


def wait_for_server(path, seconds=60):
    """Until QEMU has made its monitor's socket, which comes after that of its gdb server."""
    limit = time.monotonic() + seconds
    with socket.socket(socket.AF_UNIX) as monitor:
        while monitor.connect_ex(str(path)) != 0:
            assert time.monotonic() < limit, f"nothing listens at {path}"
            time.sleep(0.1)


@pytest.fixture
def debugged(build):
    """QEMU, started by `make debug` and stopped."""
    (build / "debug/monitor").unlink(missing_ok=True)
    process = processes.start(
        make(build, "debug"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for_server(build / "debug/monitor")
    yield
    processes.kill(process)


@pytest.mark.usefixtures("debugged")
def test_gdb_stops_in_kernel_main_and_names_callers(build):
    commands = ["continue", "hbreak paging_init", "continue", "backtrace"]
    arguments = "-batch " + " ".join(f"-ex '{command}'" for command in commands)
    done = subprocess.run(
        make(build, "gdb", f"GDB_ARGS={arguments}"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    assert "Breakpoint 1, kernel_main (" in done.stdout, done.stdout + done.stderr
    assert re.search(r"^#0 +paging_init \(", done.stdout, re.M), done.stdout
    assert re.search(r"^#\d +(\S+ in )?kernel_main \(.*boot/main.c", done.stdout, re.M), done.stdout
