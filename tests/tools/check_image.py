# SPDX-License-Identifier: MIT
"""Checks that Husk stays small: its code and data in husk.elf, the linked guests left out.

usage: check_image.py --image HUSK_ELF --debug OBJECTS GUEST...

GUEST is the file of each guest that is linked into the image: it lies there byte for byte. What
counts is what the file brings along: code, constants and data with a value. Memory that is only
set aside (.bss, stacks) and debug information do not count.

OBJECTS are those of the code that tells a person what happened, or serves a debugger (vmm/debug/,
arch/*/*_check*, arch/*/*_debug), as one argument. They have a limit of their own, which is not part
of the other.
"""

import argparse
import os
import struct
import sys

LIMIT_BYTES = 352 * 1024  # without the code below
DEBUG_LIMIT_BYTES = 64 * 1024
SECTION_HEADERS = struct.Struct("<40xQ10xHH2x")  # e_shoff, e_shentsize, e_shnum
SECTION = struct.Struct("<4xIQ16xQ")  # sh_type, sh_flags, sh_size
TYPE_NOBITS = 8
FLAG_ALLOC = 2


def loaded_bytes(image):
    """The bytes of all sections that are loaded from the file, an ELF64 one. Of an object these are
    the ones that the linker takes."""
    start, size, count = SECTION_HEADERS.unpack_from(image)
    sections = [SECTION.unpack_from(image, start + size * index) for index in range(count)]
    return sum(
        size for kind, flags, size in sections if flags & FLAG_ALLOC and kind != TYPE_NOBITS
    )


def read_loaded_bytes(path):
    with open(path, "rb") as file:
        return loaded_bytes(file.read())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--image", required=True)
    parser.add_argument("--debug", required=True)
    parser.add_argument("guests", nargs="+")
    arguments = parser.parse_args()
    loaded = read_loaded_bytes(arguments.image)
    guests = sum(os.path.getsize(path) for path in arguments.guests)
    debug = sum(read_loaded_bytes(path) for path in arguments.debug.split())
    own = loaded - guests - debug
    print(
        f"{arguments.image}: {loaded} bytes of code and data, {guests} of them guests; "
        f"Husk's own are {own}, at most {LIMIT_BYTES} are allowed; "
        f"what explains and debugs has {debug} more, at most {DEBUG_LIMIT_BYTES} are allowed"
    )
    sys.exit(0 if own <= LIMIT_BYTES and debug <= DEBUG_LIMIT_BYTES else 1)


if __name__ == "__main__":
    main()
