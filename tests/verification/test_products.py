"""Product schemes: the recorded value is met to 1e-12, parts of the computation against other ways to it."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from flint import arb, ctx
from independent import full, random_mixture, rotation, square_roots

import diracs
from diracs.verification.balls import matrix
from diracs.verification.codebooks import cross
from diracs.verification.gaussians import covariance_of, frame_of, least_trace_of_root
from diracs.verification.rectangles import rectangle_masses

KINDS = [(kind, d, k) for kind in ("isotropic", "diagonal", "full", "singular") for d, k in ((2, 1), (3, 2), (5, 3))]


@pytest.mark.parametrize("scheme", ["grid", "cross", "product"])
@pytest.mark.parametrize("kind, d, k", KINDS)
def test_agrees_with_the_recorded_cost(kind, d, k, scheme):
    q = diracs.quantize(diracs.GaussianMixture(*random_mixture(d + k, k, d, kind)), 40, scheme=scheme)
    found = diracs.verify(q, cells=2000)
    assert found.verdict == "verified" and found.closed
    # Rotated singular covariances are raised by more on the other side.
    assert found.recorded <= found.high * (1 + (1e-10 if kind == "singular" else 1e-12))
    if q.exact:
        nearest = scheme != "cross"
        assert not nearest or found.high - found.low <= 1e-12 * found.high


def test_correlated_pairs_have_the_masses_of_their_rectangles():
    q = diracs.discretize(
        diracs.GaussianMixture(*random_mixture(3, 2, 2)),
        diracs.ProductScheme([diracs.ScalarCodebook([-1.0, 0.0, 2.0]), diracs.ScalarCodebook([-1.0, 1.5])]),
    )
    found = diracs.verify(q)
    assert q.exact and found.holds and found.recorded <= found.high * (1 + 1e-12)
    assert found.high - found.low <= 1e-12 * found.high


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precisions(dtype):
    law = diracs.GaussianMixture(*(np.asarray(x, dtype) for x in random_mixture(1, 1, 3, "diagonal")))
    found = diracs.verify(diracs.quantize(law, 30, scheme="grid"))
    assert found.holds and found.recorded <= found.high * (1 + (1e-5 if dtype == np.float32 else 1e-12))


def test_one_point():
    """W₂² = tr Σ + |m − y|²."""
    law = diracs.Gaussian([1.0, 2.0], [[2.0, 0.5], [0.5, 1.0]])
    q = diracs.discretize(law, diracs.ProductScheme([], offset=[0.0, 1.0]))
    found = diracs.verify(q)
    assert found.low <= math.sqrt(5.0) <= found.high <= math.sqrt(5.0) * (1 + 1e-15)


def test_points_that_are_not_the_schemes_are_looked_at_by_themselves():
    q = diracs.quantize(diracs.Gaussian([0.0, 0.0], 1.0), 9, scheme="grid")
    fewer = diracs.Quantization(q.distribution, q.scheme, q.positions[:5], q.weights[:5], q.w2, False)
    found = diracs.verify(fewer, cells=2000)
    assert not found.closed and found.refuted


def test_quadrants():
    """Sheppard's 1/4 + arcsin ρ/2π."""
    with ctx.workprec(128):
        masses = rectangle_masses([arb(0)], [arb(0)], arb(0.6))
        expected = arb(1) / 4 + arb(0.6).asin() / (2 * arb.pi())
        for x, y in zip(masses, (expected, arb(1) / 2 - expected, arb(1) / 2 - expected, expected)):
            assert x.contains(y.mid()) or abs(x - y) < 1e-30


@pytest.mark.parametrize("count", [1, 2, 7])
def test_shells_of_crosses(count):
    """Of max |x_l|, by its density in 30 digits."""
    with ctx.workprec(128), mp.workdps(30):
        found = cross([arb(0.5), arb(2)], [arb(2)] * count)

        def density(m):
            return 2 * count * mp.erf(m / mp.sqrt(2)) ** (count - 1) * mp.npdf(m)

        shells = [mp.quad(density, ends) for ends in ([0, 1.25], [1.25, 4, 16])]
        moments = [mp.quad(lambda m: m * density(m), ends) for ends in ([0, 1.25], [1.25, 4, 16])]
        number = lambda x: mp.mpf(x.mid().str(30, radius=False))  # noqa: E731
        assert abs(number(found.masses[0]) * 2 * count - shells[0]) < 1e-20
        assert abs(number(found.masses[-1]) * 2 * count - shells[1]) < 1e-20
        assert abs(number(found.gain[0]) * count / 2 - (0.5 * moments[0] + 2 * moments[1])) < 1e-20
        energy = 4 * (0.25 * shells[0] + 4 * shells[1])
        assert abs(number(found.energy) - energy) < 1e-20
        assert abs(number(found.distortion) - (4 * count - 8 * (0.5 * moments[0] + 2 * moments[1]) + energy)) < 1e-20


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_traces_of_roots(rank):
    rng = np.random.default_rng(rank)
    a = rng.normal(size=(4, rank))
    with ctx.workprec(256):
        held = matrix(a)
        trace = least_trace_of_root(held * held.transpose())
        expected = np.linalg.svd(a, compute_uv=False).sum()
    assert float(trace) == pytest.approx(expected, rel=1e-14)


def test_frames_are_orthonormal_and_near():
    given = rotation(1, 4)[:, :3]
    with ctx.workprec(256):
        q = frame_of(given)
        gram = q.transpose() * q
        assert all(abs(gram[i, j] - (i == j)) < 1e-70 for i in range(3) for j in range(3))
        assert max(abs(float(q[i, j]) - given[i, j]) for i in range(4) for j in range(3)) < 1e-15


def test_indefinite_covariances_stand_for_their_positive_part():
    """Rounding has made the smallest eigenvalue of this product negative, or not."""
    cov = full(*random_mixture(4, 1, 3, "singular")[:2])[0]
    cov = cov - 1e-9 * np.eye(3)
    values, vectors = np.linalg.eigh(cov)
    assert values[0] < -1e-10
    with ctx.workprec(256):
        found, off = covariance_of(cov, 3)
    expected = (vectors * np.maximum(values, 0.0)) @ vectors.T
    np.testing.assert_allclose([[float(x) for x in row] for row in found.tolist()], expected, atol=1e-14)
    assert float(off) < 1e-30
    assert square_roots(expected[None]).shape == (1, 3, 3)
