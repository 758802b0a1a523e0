# SPDX-License-Identifier: MIT
"""The same sources give the same bytes, in whatever folder and at whatever time they are built."""

import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).parents[2]
SOURCES = ["Makefile", "linker.ld", "arch", "boot", "drivers", "guests", "iso", "tests", "vmm"]
NAMES = ["a", "deeper/with-a-longer-name"]


def build_copy(folder):
    """Copies the sources to `folder` and builds what users get there."""
    folder.mkdir(parents=True)
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name)
    command = ["timeout", "-s", "KILL", "600", "make", "BUILD=build", "build/husk.iso"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "build"


def test_two_builds_are_equal(tmp_path):
    first, second = (build_copy(tmp_path / name) for name in NAMES)
    for name in ["husk.elf", "iso/boot/husk.elf", "husk.iso"]:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    for copy in [first, second]:
        shutil.rmtree(copy.parent)
