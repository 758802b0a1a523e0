# SPDX-License-Identifier: MIT
"""What a person would read on a QEMU machine's screen, as lines of text."""

import pathlib
import re
import time

FONT = pathlib.Path(__file__).parents[2] / "drivers/font.c"
GLYPH = re.compile(r"^ +\{0x([0-9a-f]{16}), 0x([0-9a-f]{16})\},", re.M)
FIRST_CHARACTER = 0x20
WIDTH, HEIGHT = 8, 16
TEXT_MODE_COLUMNS, TEXT_MODE_ROWS = 80, 25
UNKNOWN = "\N{REPLACEMENT CHARACTER}"


def glyphs():
    """Characters by their 16 rows of dots, from the source of Husk's font."""
    found = [bytes.fromhex(a + b) for a, b in GLYPH.findall(FONT.read_text(encoding="utf-8"))]
    assert len(found) == 96, len(found)
    return {rows: chr(FIRST_CHARACTER + i) for i, rows in enumerate(found[:95])}


def with_cursor(rows):
    return rows[:14] + b"\xff\xff"


def dots(pixels, width, x, y, scale):
    """A character's rows of dots: what differs from its top left pixel, which no glyph has."""

    def pixel(column, row):
        at = ((y + row * scale) * width + x + column * scale) * 3
        return pixels[at : at + 3]

    background = pixel(0, 0)
    return bytes(
        sum(0x80 >> column for column in range(WIDTH) if pixel(column, row) != background)
        for row in range(HEIGHT)
    )


def framebuffer_lines(ppm, scale=1):
    """The lines of a framebuffer console in a binary PPM."""
    magic, size, _, pixels = ppm.split(b"\n", 3)
    assert magic == b"P6", magic
    width, height = map(int, size.split())
    columns, rows = width // (WIDTH * scale), height // (HEIGHT * scale)
    left, top = (width - columns * WIDTH * scale) // 2, (height - rows * HEIGHT * scale) // 2
    characters = glyphs()
    characters.update({with_cursor(key): value for key, value in list(characters.items())})
    lines = []
    for row in range(rows):
        y = top + row * HEIGHT * scale
        places = range(left, left + columns * WIDTH * scale, WIDTH * scale)
        cells = [dots(pixels, width, x, y, scale) for x in places]
        lines.append("".join(characters.get(cell, UNKNOWN) for cell in cells).rstrip())
    return lines


def text_mode_lines(monitor):
    """The lines of the VGA's text mode, from its memory."""
    answer = monitor.command(f"xp /{TEXT_MODE_COLUMNS * TEXT_MODE_ROWS * 2}bx 0xb8000")
    rows = re.findall(r"^[0-9a-f]+:((?: 0x[0-9a-f]{2})+)", answer, re.M)
    values = [int(word, 16) for word in " ".join(rows).split()]
    text = bytes(values[::2]).decode("cp437")
    starts = range(0, len(text), TEXT_MODE_COLUMNS)
    return [text[start : start + TEXT_MODE_COLUMNS].rstrip() for start in starts]


class Screen:
    """A machine's screen and, by `monitor`, its keyboard.

    `text_mode`: it is the VGA's, not a framebuffer.
    """

    def __init__(self, machine, text_mode):
        self.monitor = machine.monitor()
        self.dump = machine.folder / "screen.ppm"
        self.text_mode = text_mode

    def lines(self):
        if self.text_mode:
            return text_mode_lines(self.monitor)
        return framebuffer_lines(self.monitor.screen_dump(self.dump))

    def wait_until(self, holds, timeout=60):
        """Waits until `holds` is true for the lines; returns them.

        Husk draws in pieces: what it shows last may be there before what stands above.
        """
        end = time.monotonic() + timeout
        while not holds(lines := self.lines()):
            assert time.monotonic() < end, "\n".join(["the screen shows:", *lines])
            time.sleep(0.5)
        return lines

    def wait_for(self, *patterns, timeout=60):
        """Waits until each of `patterns` matches a line; returns all lines."""

        def holds(lines):
            return all(any(re.search(each, line) for line in lines) for each in patterns)

        return self.wait_until(holds, timeout)
