# SPDX-License-Identifier: MIT
"""Which files of the tree are ours to check."""

import pathlib

FOLDERS = ["boot", "arch", "vmm", "drivers", "guests", "iso", "tests", ".ci"]
# Shell scripts without a suffix lie in these.
SCRIPT_FOLDERS = ["tests/tools", ".ci"]
TOP_FILES = ["Makefile", "linker.ld", ".gitignore", ".clang-tidy"]


def find(*suffixes, folders=None):
    """All files with one of these suffixes, relative to the top of the tree, sorted."""
    return sorted(
        path
        for folder in folders or FOLDERS
        for path in pathlib.Path(folder).rglob("*")
        if path.is_file() and path.suffix in suffixes and "__pycache__" not in path.parts
    )
