"""W₂ on the line against the coupling of quantiles in 50 digits, and exact transport of atoms."""

from __future__ import annotations

import itertools

import mpmath as mp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from independent import DIGITS, cell_moments
from optional import optional
from scipy.optimize import brentq

import diracs

ot = optional("ot")


def truth(means, variances, weights, positions, masses):
    """W₂ of a mixture of normal laws, with quantiles by Newton's method."""
    with mp.workdps(DIGITS):
        order = np.argsort(positions)
        y, m = [mp.mpf(float(positions[i])) for i in order], [mp.mpf(float(masses[i])) for i in order]
        parts = [(mp.mpf(a), mp.sqrt(mp.mpf(v)), mp.mpf(w)) for a, v, w in zip(means, variances, weights)]
        shares, whole = mp.fsum(weights), mp.fsum(m)

        def below(x):
            return mp.fsum(w * mp.ncdf((x - a) / s) for a, s, w in parts) / shares

        ends, reached = [-mp.inf], mp.mpf(0)
        for mass in m[:-1]:
            reached += mass / whole
            x = mp.mpf(brentq(lambda x, r=reached: float(below(x) - r), -50, 50, xtol=1e-14))
            for _ in range(3):
                x -= (below(x) - reached) / (mp.fsum(w * mp.npdf(x, a, s) for a, s, w in parts) / shares)
            ends.append(x)
        ends.append(mp.inf)
        cells = zip(itertools.pairwise(ends), y)
        seconds = (w * cell_moments(lo, hi, a, s, c)[2] for (lo, hi), c in cells for a, s, w in parts)
        return mp.sqrt(mp.fsum(seconds) / shares)


numbers = st.floats(-3, 3).map(lambda x: round(x, 3))
positive = st.floats(0.05, 2).map(lambda x: round(x, 3))
few = st.integers(1, 3)


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_encloses_the_truth_for_any_diracs(data):
    k, n = data.draw(few), data.draw(st.integers(1, 5))
    means, variances, weights = (data.draw(st.lists(x, min_size=k, max_size=k)) for x in (numbers, positive, positive))
    y = data.draw(st.lists(numbers, min_size=n, max_size=n, unique=True))
    m = np.array(data.draw(st.lists(positive, min_size=n, max_size=n)))
    law = diracs.GaussianMixture(np.reshape(means, (k, 1)), variances, weights)
    q = diracs.Quantization(
        law, diracs.PointScheme(np.reshape(y, (n, 1))), np.reshape(y, (n, 1)), m, np.array(9.0), False
    )
    found, expected = diracs.verify(q), truth(means, variances, weights, y, m)
    assert found.low * (1 - 1e-15) <= expected <= found.high * (1 + 1e-15)
    assert found.high - found.low <= 1e-15 * found.high


LAWS = {
    "normal": diracs.Gaussian(0.0, 1.0),
    "far away": diracs.Gaussian(1e9, 1.0),
    "t": scipy.stats.t(3),
    "gamma": scipy.stats.gamma(2, scale=3),
    "mixture of families": diracs.Mixture([scipy.stats.gamma(2.0), scipy.stats.uniform(5, 1)], [3, 7]),
    "with atoms": diracs.Mixture([diracs.SumOfDiracs([[0.0], [5.0]]), diracs.PolynomialGrid([1.0, 0.0, 2.0])], [1, 2]),
    "image": diracs.PolynomialGrid([1.0, 0.0, 0.3, 2.0, 0.0, 1.0, 1.0], domain=[[-1.0], [0.3]]),
    "histogram": diracs.PolynomialGrid.from_histogram([1, 3, 2], [0.0, 1.0, 10.0, 11.0]),
    "mirror": diracs.Independent([scipy.stats.expon()], [[-2.0]], [3.0]),
    "discrete": scipy.stats.poisson(9),
}


@pytest.mark.parametrize("name", LAWS)
def test_certificates_of_all_laws_are_verified(name):
    found = diracs.verify(diracs.quantize(LAWS[name], 20))
    assert found.verdict == "verified" and found.closed
    # Borders are doubles, which far from 0 and across gaps leaves more open.
    assert found.high - found.low <= (1e-10 if name == "far away" else 1e-11) * found.high
    # Laws that are cut into cells and merged have bounds above W₂.
    above = {"with atoms": 1e-2, "far away": 1e-5}.get(name, 1e-8)
    assert found.recorded <= found.high * (1 + above)


@pytest.mark.parametrize("apart", [10.0, 1e3, 1e5])
@pytest.mark.parametrize("n", [10, 50])
def test_separated_components(n, apart):
    """Quantiles lie anywhere in wide gaps, across which even a rounding of masses counts."""
    law = diracs.GaussianMixture([[0.0], [apart], [2.5 * apart]], [1.0, 0.5, 2.0], [0.3, 0.3, 0.4])
    q = diracs.quantize(law, n, scheme="product")
    found = diracs.verify(q)
    assert found.verdict == "verified" and found.high - found.low <= 1e-14 * found.high
    assert q.w2 <= found.high * (1 + 1e-8)


@pytest.mark.parametrize("exponent", [-20, -35, -50])
def test_quantiles_in_gaps(exponent):
    """More mass than the left component has: ε comes from the foot of N(1000, 1), below z, with moment ½ φ(z) there."""
    law, y, extra = diracs.GaussianMixture([[0.0], [1000.0]], [1.0, 1.0]), np.array([[0.0], [1000.0]]), 2.0**exponent
    masses = np.array([0.5 + extra, 0.5 - extra])
    found = diracs.verify(diracs.Quantization(law, diracs.PointScheme(y), y, masses, np.array(9.0), False))
    z = scipy.stats.norm.ppf(2 * extra)
    expected = np.sqrt(1 + 1e6 * extra - 1000 * scipy.stats.norm.pdf(z))
    assert found.low == pytest.approx(expected, rel=4e-16) == found.high


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_any_scale(scale):
    law = diracs.GaussianMixture(np.array([[0.0], [3.0]]) * scale, np.array([1.0, 0.3]) * scale**2)
    plain = diracs.GaussianMixture([[0.0], [3.0]], [1.0, 0.3])
    found, same = (diracs.verify(diracs.quantize(x, 12)) for x in (law, plain))
    assert found.holds and found.high == pytest.approx(same.high * scale, rel=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_clouds_with_masses_that_divide_atoms(seed):
    rng = np.random.default_rng(seed)
    x, w, y, m = rng.normal(size=30), rng.random(30), rng.normal(size=7), rng.random(7)
    q = diracs.Quantization(
        diracs.SumOfDiracs(x[:, None], w), diracs.PointScheme(y[:, None]), y[:, None], m / m.sum(), np.array(9.0), False
    )
    found = diracs.verify(q)
    assert found.high == pytest.approx(np.sqrt(ot.emd2_1d(x, y, w / w.sum(), m / m.sum())), rel=1e-9)
    assert found.high - found.low <= 1e-13 * found.high
