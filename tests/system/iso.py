# SPDX-License-Identifier: MIT
"""Makes an ISO of the built kernel with a command line and modules of the test's choice."""

import pathlib
import shutil
import subprocess

SCRIPT = pathlib.Path(__file__).parents[2] / "iso/image.sh"
CONFIG = """\
set timeout=0
set default=0
insmod all_video
menuentry "Husk" {{
{setup}
    multiboot2 /boot/husk.elf {command_line}
{modules}
    if [ "$grub_platform" = pc ]; then set gfxpayload={bios_screen}; fi
}}
"""


def make(kernel, folder, command_line="", modules=(), bios_screen="text", setup="", files=()):
    """Writes FOLDER/test.iso and returns its path.

    `modules` are pairs of a file and its line: ("payload.elf", "vm=web mem=16M -- console=ttyS0").
    `bios_screen` is GRUB's gfxpayload on BIOS, such as 1024x768x32. `setup` is what GRUB executes
    first, `files` are what it finds in /boot by their names.
    """
    tree = pathlib.Path(folder, "iso")
    (tree / "boot/grub").mkdir(parents=True)
    shutil.copy(kernel, tree / "boot/husk.elf")
    for path in files:
        shutil.copy(path, tree / "boot")
    lines = []
    for number, (path, line) in enumerate(modules):
        shutil.copy(path, tree / f"boot/module{number}")
        lines.append(f"    module2 /boot/module{number} {line}")
    config = CONFIG.format(
        command_line=command_line,
        modules="\n".join(lines),
        bios_screen=bios_screen,
        setup=setup,
    )
    (tree / "boot/grub/grub.cfg").write_text(config, encoding="utf-8")
    image = pathlib.Path(folder, "test.iso")
    subprocess.run(
        ["sh", SCRIPT, image, tree], check=True, capture_output=True, timeout=60
    )
    shutil.rmtree(tree)
    return image
