"""Point clouds against exact transport."""

from __future__ import annotations

import numpy as np
import pytest
from optional import optional

import diracs
from diracs.verification import clouds

ot = optional("ot")


def quantization(x, w, y, m, w2=9.0):
    return diracs.Quantization(diracs.SumOfDiracs(x, w), diracs.PointScheme(y), y, m / m.sum(), np.array(w2), False)


@pytest.mark.parametrize("d", [2, 5])
def test_nearest_points_are_exact(d):
    x = np.random.default_rng(d).normal(size=(400, d))
    found = diracs.verify(diracs.quantize(diracs.SumOfDiracs(x), 12))
    assert found.verdict == "verified" and found.closed
    assert found.recorded <= found.high * (1 + 1e-12) and found.high - found.low <= 1e-13 * found.high


@pytest.mark.parametrize("seed", range(6))
def test_other_masses_lie_between(seed):
    rng = np.random.default_rng(seed)
    x, w, y = rng.normal(size=(40, 2)), rng.random(40), rng.normal(size=(6, 2))
    w /= w.sum()
    nearest = ((x[:, None] - y) ** 2).sum(axis=2).argmin(axis=1)
    own = np.bincount(nearest, w, 6)
    for m in (own * (1 + 1e-6 * rng.normal(size=6)), own * (1 + 0.1 * rng.random(6)), rng.random(6)):
        found = diracs.verify(quantization(x, w, y, m))
        exact = np.sqrt(ot.emd2(w, m / m.sum(), ot.dist(x, y)))
        assert found.low * (1 - 1e-12) <= exact <= found.high * (1 + 1e-12)
    small = diracs.verify(quantization(x, w, y, own * (1 + 1e-9 * rng.normal(size=6))))
    assert small.high - small.low <= 1e-6 * small.high


def test_nothing_is_lost_where_all_points_are_kept():
    x, w = np.random.default_rng(1).normal(size=(9, 2)), np.full(9, 1 / 9)
    assert diracs.verify(quantization(x, w, x, w, 0.0)).high == 0.0
    assert diracs.verify(quantization(x[:, :1], w, x[:, :1], w, 0.0)).high == 0.0
    other = w * np.r_[1.0 + 1e-12, np.ones(8)]
    assert diracs.verify(quantization(x, w, x, other, 0.0)).verdict == "not proved"


def test_many_pairs_go_by_a_tree(monkeypatch):
    rng = np.random.default_rng(2)
    q = diracs.quantize(diracs.SumOfDiracs(rng.normal(size=(500, 3))), 20)
    one = diracs.verify(q)
    monkeypatch.setattr(clouds, "_PAIRS", 100)
    other = diracs.verify(q)
    assert other.high == one.high and one.low * (1 - 1e-11) <= other.low <= one.low
