# SPDX-License-Identifier: MIT
"""QEMU's monitor: what is on the screen, and keys typed on the PS/2 keyboard."""

import pathlib
import socket
import struct
import time
import zlib

PROMPT = b"(qemu) "

# The names that sendkey has for what is not a letter or a digit.
KEY_NAMES = {" ": "spc", "\n": "ret", "-": "minus", "=": "equal", ".": "dot", "/": "slash"}


class QemuMonitor:
    """A connection to the socket that QEMU was started with."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self._connect(str(path))
        self._until_prompt()

    def _connect(self, path):
        """QEMU makes the socket some time after its start."""
        end = time.monotonic() + 20
        while True:
            try:
                self.socket.connect(path)
                return
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def _until_prompt(self):
        data = b""
        while not data.endswith(PROMPT):
            received = self.socket.recv(4096)
            if not received:
                raise EOFError("QEMU closed its monitor")
            data += received
        return data

    def command(self, line):
        """Runs one monitor command and returns what it printed."""
        self.socket.sendall(line.encode() + b"\n")
        return self._until_prompt().decode(errors="replace")

    def screen_dump(self, path):
        """The screen as a binary PPM, by way of a file."""
        self.command(f"screendump {path}")
        return pathlib.Path(path).read_bytes()

    def screenshot(self, path):
        """Writes the screen as a PNG."""
        dump = pathlib.Path(path).with_suffix(".ppm")
        pathlib.Path(path).write_bytes(png_from_ppm(self.screen_dump(dump)))
        dump.unlink()

    def press(self, *keys):
        """Presses keys one after the other: "home", "shift-a", "ctrl-bracket_right"."""
        for key in keys:
            self.command(f"sendkey {key}")

    def type_keys(self, text):
        """Types the text on the machine's keyboard."""
        self.press(*(KEY_NAMES.get(character, character) for character in text))


def png_from_ppm(ppm):
    """A binary PPM (P6, one byte a colour) as a PNG."""
    magic, size, _, pixels = ppm.split(b"\n", 3)
    assert magic == b"P6", magic
    width, height = map(int, size.split())
    pitch = width * 3
    rows = b"".join(b"\0" + pixels[y * pitch : (y + 1) * pitch] for y in range(height))

    def chunk(kind, data):
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
