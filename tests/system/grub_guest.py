# SPDX-License-Identifier: MIT
"""Makes a guest that nobody here wrote: GRUB as a Multiboot 1 kernel with its serial terminal.

Debian has GRUB's modules for coreboot, not those for Multiboot. The kernel is the same but for one
thing: it takes the memory map from a coreboot table and not from the Multiboot information. So the
image gets such a table as one more segment, where GRUB looks for it.
"""

import pathlib
import struct
import subprocess

MODULES = pathlib.Path("/usr/lib/grub/i386-coreboot")
COMMANDS = "serial terminfo terminal normal ls lsmmap cpuid date reboot echo".split()
EARLY_CONFIG = """\
serial --unit=0 --speed=115200
terminfo serial dumb
terminal_input serial
terminal_output serial
"""

TABLE_ADDRESS = 0x500
TAG_MEMORY = 1
MEMORY_RAM = 1
PT_LOAD = 1
PT_GNU_STACK = 0x6474E551
PF_R = 4


def ip_checksum(data):
    total = sum(struct.unpack(f"<{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def coreboot_table(memory_bytes):
    """A coreboot table with one record: the RAM below the EBDA and above 1 MiB."""
    ranges = [(0, 0x9FC00), (0x100000, memory_bytes - 0x100000)]
    memory = b"".join(struct.pack("<QQI", *extent, MEMORY_RAM) for extent in ranges)
    records = struct.pack("<II", TAG_MEMORY, 8 + len(memory)) + memory

    def header(checksum):
        fields = (24, checksum, len(records), ip_checksum(records), 1)
        return struct.pack("<4sIIIII", b"LBIO", *fields)

    return header(ip_checksum(header(0))) + records


def add_segment(image, address, data):
    """Turns the program header of the stack, which says nothing of use, into a loaded segment."""
    (headers,) = struct.unpack_from("<I", image, 28)
    (count,) = struct.unpack_from("<H", image, 44)
    for header in range(headers, headers + 32 * count, 32):
        if struct.unpack_from("<I", image, header)[0] == PT_GNU_STACK:
            fields = (PT_LOAD, len(image), address, address, len(data), len(data), PF_R, 16)
            struct.pack_into("<8I", image, header, *fields)
            return image + data
    raise ValueError("the image has no header for its stack")


def make(folder, memory_bytes, more_commands=()):
    """Writes FOLDER/grub.elf for a VM with so much memory and returns its path."""
    target = pathlib.Path(folder, "grub.elf")
    config = pathlib.Path(folder, "early.cfg")
    config.write_text(EARLY_CONFIG, encoding="ascii")
    command = ["grub-mkimage", "-O", "i386-multiboot", "-d", MODULES, "-p", "/boot"]
    command += ["-c", config, "-o", target, *COMMANDS, *more_commands]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    image = add_segment(
        bytearray(target.read_bytes()), TABLE_ADDRESS, coreboot_table(memory_bytes)
    )
    target.write_bytes(image)
    return target
