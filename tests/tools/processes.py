# SPDX-License-Identifier: MIT
"""Starts programs that are never left behind, and on request without a network.

Linux kills such a program when the thread that started it ends, however that ends. A program
without a network lives in a network namespace of its own: nobody reaches its ports, and no port is
taken there. Pseudo-terminals and the sockets of the file system work as everywhere.
"""

import ctypes
import functools
import os
import signal
import subprocess

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def die_with_parent(signal_number=signal.SIGKILL):
    """Lets Linux send this process a signal when the thread that started it ends."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal_number)


def _prepare(namespaces):
    """In the child, before it becomes another program. The signal comes last: a new user namespace
    takes it back."""
    if namespaces and LIBC.unshare(namespaces) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    die_with_parent()


@functools.cache
def network_namespaces():
    """The namespaces to make for a program without a network; 0 where the machine allows none.

    Only root may make a network namespace alone. Other users make a user namespace with it.
    """
    for namespaces in [CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNET]:
        try:
            prepare = functools.partial(_prepare, namespaces)
            subprocess.run(["true"], preexec_fn=prepare, check=True)
            return namespaces
        except subprocess.SubprocessError:
            pass
    return 0


def start(command, network=True, **arguments):
    """subprocess.Popen in a session of its own, and without a network where that can be had."""
    prepare = functools.partial(_prepare, 0 if network else network_namespaces())
    return subprocess.Popen(command, start_new_session=True, preexec_fn=prepare, **arguments)


def kill(process):
    """Ends a started program with all that it has started itself. A second call does nothing."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
