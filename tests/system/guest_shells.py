# SPDX-License-Identifier: MIT
"""The shells of several VMs, reached through the monitor, where commands run side by side."""


class GuestShells:
    """The terminal is at the monitor's prompt, but while a VM is spoken to."""

    def __init__(self, machine):
        self.machine = machine
        self.runs = 1000

    def begin(self, name, command):
        """Has the shell of a VM run a command; returns what `finish` needs.

        A job in the background would end the shell, which is the init of its kernel.
        """
        self.runs += 1
        mark = f"$((1 + {self.runs - 1}))"
        self.machine.sendline(f"console {name}")
        self.machine.sendline(f"echo; echo begin-{mark}; {command}; echo end-{mark}")
        self.machine.expect(f"begin-{self.runs}\r\n", timeout=60)
        self.leave()
        return name, self.runs

    def finish(self, run, timeout=120):
        """Waits for the end of a command; returns the lines of its output.

        The monitor shows what the VM has sent before, too.
        """
        name, number = run
        self.machine.sendline(f"console {name}")
        self.machine.expect(f"begin-{number}\r\n", timeout=60)
        self.machine.expect(f"end-{number}", timeout=timeout)
        lines = self.machine.console.before.replace("\r", "").split("\n")
        self.leave()
        return [line for line in lines if line]

    def leave(self):
        """Leaves the console of a VM."""
        self.machine.send("\x1d")
        self.machine.expect_prompt()

    def run(self, name, command, timeout=120):
        """Runs a command in the shell of a VM; returns the lines of its output."""
        return self.finish(self.begin(name, command), timeout)
