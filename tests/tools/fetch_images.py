# SPDX-License-Identifier: MIT
"""Fetches Debian's images that tests load: its kernel, busybox, e2fsck, memtest86+, iPXE.

usage: fetch_images.py --build FOLDER

They are kept in FOLDER/debian. Where one cannot be had, this says why and ends well: the tests that
need it are skipped.
"""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "system"))
import linux_guest


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    build = parser.parse_args().build
    images = ["kernel", "busybox", "e2fsck", "memtest", "ipxe"]
    for fetch in [getattr(linux_guest, name) for name in images]:
        try:
            print(f"  {fetch(build)}")
        except linux_guest.Unavailable as reason:
            print(f"  {fetch.__name__}: cannot be had: {reason}")


if __name__ == "__main__":
    main()
