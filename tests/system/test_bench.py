# SPDX-License-Identifier: MIT
"""The exit path is as short as it is meant to be: the bench guest in Bochs, against its limits."""

import bench


def test_exits_stay_within_their_limits(build):
    ticks = bench.measure(build)
    print(bench.table(ticks))
    assert not bench.too_slow(ticks)
