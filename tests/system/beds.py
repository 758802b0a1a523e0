# SPDX-License-Identifier: MIT
"""On which machines a test runs: one list for all tests (the machines are harness.BEDS)."""

import pytest

from harness import BEDS

on_vtx = pytest.mark.parametrize("bed", ["bochs"])  # where one vendor shows all there is to see
# VT-x and AMD-V.
on_both_vendors = pytest.mark.parametrize("bed", ["bochs", "qemu"])
# And AMD-V with next-RIP save, which QEMU has not.
on_all_beds = pytest.mark.parametrize("bed", BEDS)
