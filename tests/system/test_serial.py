# SPDX-License-Identifier: MIT
"""Serial lines of all kinds: those that are there are found, and console= chooses among them."""

import os
import re
import struct
import threading
import time

import pytest

from harness import ESCAPES, emulators
from test_panic import break_it

ISA = "isa-serial,index={0},chardev={1}"
DEVICES = {f"com{number}": ISA.format(number - 1, f"com{number}") for number in range(1, 5)}
DEVICES["pci0"] = "pci-serial,chardev=pci0"
DEVICES["spcr"] = "isa-serial,iobase=0x2c0,irq=5,chardev=spcr"

SPCR_BAUD_19200, SPCR_BAUD_115200 = 4, 7


class Line:
    """The far end of a serial line. It reads all the time: QEMU waits for a line that is full."""

    def __init__(self, name):
        self.name = name
        self._pty = emulators.SerialLine()
        self._text = ""
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self):
        try:
            while data := os.read(self._pty.fd, 4096):
                self._text += data.decode("utf-8", "replace")
        except OSError:
            pass  # closed

    def arguments(self, device):
        """QEMU's for a device that has this line."""
        line = emulators.qemu_serial_line(self.name, self._pty.path)
        return [*line, *(["-device", device] if device else [])]

    def text(self):
        """What a terminal would have shown so far."""
        return ESCAPES.sub("", self._text).replace("\r", "")

    def expect(self, pattern, timeout=90):
        end = time.monotonic() + timeout
        while not (match := re.search(pattern, self.text(), re.M)):
            assert time.monotonic() < end, f"{self.name}: no {pattern!r} in\n{self.text()}"
            time.sleep(0.1)
        return match

    def send(self, text):
        os.write(self._pty.fd, text.encode())

    def close(self):
        self._pty.close()


@pytest.fixture
def lines():
    """lines("com2", "pci0") -> Line objects, closed at the end of the test."""
    made = []

    def make(*names):
        made.extend(Line(name) for name in names)
        return made[-len(names) :]

    yield make
    for line in made:
        line.close()


@pytest.fixture
def boot_lines(boot, lines):
    """Boots a QEMU machine with these serial lines and no others; returns them."""

    def start(*names, command_line="", extra=(), **spec):
        made = lines(*names)
        arguments = [word for line in made for word in line.arguments(DEVICES[line.name])]
        boot(command_line, emulator="qemu", serial=False, extra=(*arguments, *extra), **spec)
        return made

    return start


def check_monitor(line):
    """The whole log is there, and a command works."""
    line.expect(r"^husk> $")
    assert re.search(r"^\[ +0\.000000\] Husk \d", line.text(), re.M), line.text()
    line.send("version\r")
    line.expect(r"^Husk \d")


MACHINES = {
    "com2": {},
    "com4": {},
    "pci0": {},
    "pci0-q35-uefi": {"machine": "q35", "firmware": "uefi"},
}


@pytest.mark.parametrize("name", MACHINES)
def test_one_line_alone_is_enough(boot_lines, name):
    (line,) = boot_lines(name.split("-")[0], **MACHINES[name])
    check_monitor(line)
    line.expect(rf"serial: {line.name} \(port 0x[0-9a-f]+, ")


def test_all_show_the_same_and_each_is_typed_on(boot_lines):
    """COM1 and COM3 share an interrupt, and so do COM2 and COM4."""
    made = boot_lines("com1", "com2", "com3", "com4", "pci0")
    for line in made:
        line.expect(r"^husk> $")
    for line in made:
        line.send(f"nothing-{line.name}\r")
        for other in made:
            other.expect(rf"^husk> nothing-{line.name}\n(.*\n)*husk> $")
    assert len({line.text() for line in made}) == 1
    for irq, name in zip([4, 3, 4, 3], ["com1", "com2", "com3", "com4"]):
        made[0].expect(rf"serial: {name} \(port 0x[0-9a-f]+, 115200 baud, interrupt {irq}\)$")


def test_long_text_comes_in_whole(boot_lines):
    """More than a chip's 16 characters at once, on a line with an interrupt and on one without."""
    made = boot_lines("com3", "pci0")
    for line in made:
        line.expect(r"^husk> $")
        text = "".join(chr(ord("a") + i % 26) for i in range(200))
        line.send(text + "\r")
        line.expect(rf"^no command '{text}'")


@pytest.mark.parametrize("count", [2, 4])
def test_a_card_with_several_lines(boot, lines, count):
    made = lines(*(f"pci{number}" for number in range(count)))
    device = f"pci-serial-{count}x" + "".join(
        f",chardev{number + 1}={line.name}" for number, line in enumerate(made)
    )
    arguments = [word for line in made for word in line.arguments(None)]
    boot("", emulator="qemu", serial=False, extra=(*arguments, "-device", device))
    for line in made:
        check_monitor(line)
        line.expect(rf"serial: {line.name} \(port 0x[0-9a-f]+, PCI 00:0\d.0, 115200 baud, polled\)")


def test_chosen_lines_only(boot_lines):
    com1, com2, pci0 = boot_lines("com1", "com2", "pci0", command_line="console=com2,pci-serial")
    for line in [com2, pci0]:
        check_monitor(line)
    com2.expect(r"serial: com1 \(.*\): not chosen$")
    assert com1.text().startswith("[    0.000000] Husk ")  # before the choice was known
    assert "serial: " not in com1.text()
    com1.send("help\r")
    pci0.send("cpus\r")
    com2.expect(r"^husk> cpus\n")
    assert "help" not in com2.text()


def test_chosen_lines_that_are_missing(boot_lines):
    (com1,) = boot_lines("com1", command_line="console=com1,com3,pci2,spcr")
    com1.expect(r"^husk> $")
    for word in ["com3", "pci2", "spcr"]:
        com1.expect(rf"console={word}: there is no such serial line$")


def test_a_choice_of_nothing_but_missing_lines(boot_lines):
    (com2,) = boot_lines("com2", command_line="console=com4")
    check_monitor(com2)
    com2.expect(r"console: what was chosen is not there: all that is found is used$")
    com2.expect(r"console=com4: there is no such serial line$")


def test_lines_that_are_not_probed(boot_lines):
    """What is there works, and what nobody answers for is missing all the same."""
    com1, com2 = boot_lines("com1", "com2", command_line="console=com1!,com2!,com3!")
    for line in [com1, com2]:
        check_monitor(line)
    com1.expect(r"console=com3: there is no such serial line$")


def test_a_wrong_word_is_named(boot_lines):
    (com1,) = boot_lines("com1", command_line="console=com7")
    com1.expect(r"console=com7: expected serial, com1 to com4, spcr, pci-serial, pci0 to pci7, ")
    check_monitor(com1)


def spcr_table(folder, port, irq, baud):
    """QEMU's arguments for such a table (revision 2)."""
    base = struct.pack("<BBBBQ", 1, 8, 0, 1, port)
    table = struct.pack("<B3x12sBBIB", 0, base, 1, irq, 0, baud) + bytes(5 + 12 + 4)
    path = folder / "spcr"
    path.write_bytes(table)
    return ("-acpitable", f"sig=SPCR,rev=2,data={path}")


def test_the_firmwares_console(boot_lines, tmp_path):
    extra = spcr_table(tmp_path, 0x2C0, 5, SPCR_BAUD_115200)
    com1, spcr = boot_lines("com1", "spcr", command_line="console=spcr", extra=extra)
    check_monitor(spcr)
    spcr.expect(r"serial: spcr \(port 0x2c0, the firmware's console, 115200 baud, interrupt 5\)$")
    assert "husk>" not in com1.text()


def test_the_firmwares_console_is_a_line_that_is_known(boot_lines, tmp_path):
    extra = spcr_table(tmp_path, 0x2F8, 3, SPCR_BAUD_19200)
    com1, com2 = boot_lines("com1", "com2", command_line="console=spcr", extra=extra)
    check_monitor(com2)
    com2.expect(r"serial: com2 \(port 0x2f8, the firmware's console, 19200 baud, interrupt 3\)$")
    assert "husk>" not in com1.text()


def test_a_panic_is_on_all_lines(boot, build, lines):
    made = lines("com2", "pci0")
    extra = [word for line in made for word in line.arguments(DEVICES[line.name])]
    machine = break_it(boot, build, "set $rip = 0x1234", extra=tuple(extra))
    machine.expect(r"Husk has stopped", timeout=20)
    for line in made:
        line.expect(r"Husk has stopped", timeout=20)


def test_bochs_second_line(boot, tmp_path):
    file = tmp_path / "com2"
    machine = boot("", emulator="bochs", extra=(f"com2: enabled=1, mode=file, dev={file}",))
    machine.expect_prompt(timeout=90)
    machine.command("version")
    shown = ESCAPES.sub("", file.read_text(encoding="utf-8")).replace("\r", "")
    assert re.search(r"^\[ +0\.000000\] Husk \d", shown, re.M), shown
    assert re.search(r"serial: com2 \(port 0x2f8, 115200 baud, interrupt 3\)$", shown, re.M), shown
    assert re.search(r"^husk> version\nHusk \d", shown, re.M), shown
