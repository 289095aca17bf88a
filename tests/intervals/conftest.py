"""Points of boxes, at which frameworks' own Jacobians are compared with bounds."""

from __future__ import annotations

import numpy as np
import pytest

from diracs.intervals import jacobian_of, value_of

CENTERS = np.random.default_rng(8).normal(size=(25, 2))
BOXES = np.stack([CENTERS - 0.15, CENTERS + 0.15], axis=1)


def points(n):
    t = np.random.default_rng(1).random((n, *CENTERS.shape))
    t[: n // 3] = np.round(t[: n // 3])
    return BOXES[:, 0] + t * 0.3


def assert_holds(f, jacobian, values, n=9, **options):
    """The framework's values and Jacobians at points of the boxes."""
    low, high = jacobian_of(f, 2, **options)(BOXES)
    below, above = value_of(f, 2)(BOXES)
    for x in points(n):
        found, y = jacobian(x), values(x)
        slack, margin = (1e-12 * (1 + np.abs(a)) for a in (found, y))
        assert found.shape == low.shape
        assert (low <= found + slack).all() and (found - slack <= high).all()
        assert (below <= y + margin).all() and (y - margin <= above).all()
    # Not just anything: as wide as the boxes make it.
    assert (high - low).max() < 8.0
    return low, high


@pytest.fixture
def boxes():
    return BOXES


@pytest.fixture
def holds():
    return assert_holds
