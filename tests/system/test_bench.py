# SPDX-License-Identifier: MIT
"""The exit path is as short as it is meant to be: the bench guest against its limits, by machine."""

import pytest

import bench


@pytest.mark.parametrize("name", bench.BENCHES)
def test_exits_stay_within_their_limits(build, name):
    measured = bench.BENCHES[name]
    ticks = bench.measure(build, measured)
    print(bench.table(measured, ticks))
    assert not bench.too_slow(measured, ticks)
