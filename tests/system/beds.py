# SPDX-License-Identifier: MIT
"""On which machines a test runs: one list for all tests (the machines are harness.BEDS)."""

import pytest

# Where one vendor shows all that there is to see.
on_vtx = pytest.mark.parametrize("bed", ["bochs"])
on_both_vendors = pytest.mark.parametrize("bed", ["bochs", "qemu"])
# Both emulators of AMD-V: what one of them lacks the other may have.
in_every_bed = pytest.mark.parametrize("bed", ["bochs", "qemu", "ryzen"])
# For what is judged by the clock.
in_exact_time = pytest.mark.parametrize("bed", ["bochs", "counted"])
# Takes minutes: left out by `make test`, run by `make long`.
long = pytest.mark.long
