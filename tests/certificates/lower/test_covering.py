"""The covering bound: below what good quantizers reach, close to it; each of its steps by brute force."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diracs import PolynomialGrid, _core, quantize
from diracs.certificates.lower import allowances, covering
from diracs.certificates.lower.covering import (
    Allowances,
    choose,
    covering_bound,
    image_covering_bound,
    mixture_covering_bound,
    supremum,
)
from diracs.certificates.lower.mixture import lower_bound, sharpest_lower_bound
from diracs.certificates.lower.quadtree import ImageLaw, MixtureLaw, Partition, corners, curve

Mixture = tuple[np.ndarray, np.ndarray, np.ndarray]
THREE: Mixture = (
    np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]]),
    np.tile(np.eye(2), (3, 1, 1)),
    np.array([0.3, 0.4, 0.3]),
)
ONE: Mixture = (np.zeros((1, 2)), np.eye(2)[None], np.ones(1))


def random_mixture(rng: np.random.Generator, k: int, spread: float, narrowest: float) -> Mixture:
    """Components with deviations from `narrowest` to 1 on axes in any direction."""
    angle = rng.uniform(0.0, math.pi, k)
    axes = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], axis=1).reshape(k, 2, 2)
    root = axes * (10.0 ** rng.uniform(math.log10(narrowest), 0.0, (k, 1, 2)))
    covs = root @ root.transpose(0, 2, 1)
    return spread * rng.standard_normal((k, 2)), (covs + covs.transpose(0, 2, 1)) / 2, rng.dirichlet(np.ones(k))


def draw(mixture: Mixture, count: int, rng: np.random.Generator) -> np.ndarray:
    means, covs, weights = mixture
    values, vectors = np.linalg.eigh(covs)
    which = rng.choice(len(weights), count, p=weights)
    root = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    return means[which] + np.einsum("nij,nj->ni", root[which], rng.standard_normal((count, 2)))


def lloyd(core, seeds: np.ndarray, steps: int = 60) -> float:
    """W₂² that Lloyd's iteration reaches, with exact moments."""
    best = math.inf
    for _ in range(steps):
        seeds = np.ascontiguousarray(seeds)
        mass, first, second, _ = _core.moments(core, seeds, np.zeros(len(seeds)), edges=False)[0]
        best = min(best, float(second.sum()))
        seeds = seeds + first / np.where(mass > 0, mass, 1.0)[:, None]
    return best


def reached(mixture: Mixture, n: int, seed: int = 0) -> float:
    rng = np.random.default_rng(seed)
    core = _core.Mixture(*(np.ascontiguousarray(x) for x in mixture))
    return min(lloyd(core, draw(mixture, n, rng)) for _ in range(2))


def quick_bound(mixture: Mixture, n: int) -> float:
    """With little work: worse, but a bound."""
    return covering_bound(MixtureLaw(*mixture), n, 1.5e3)


@functools.lru_cache
def three(n: int) -> float:
    return mixture_covering_bound(*THREE, n)


# --- below what points reach ---


@pytest.mark.parametrize("n", [2, 10, pytest.param(100, marks=pytest.mark.slow)])
def test_three_gaussians(n: int) -> None:
    # W₂ of optimal quantizers, by Newton's method.
    best = {2: 1.342151, 10: 0.666402, 100: 0.228277}[n]
    assert 1.0 < best / math.sqrt(three(n)) < 1.03


def test_two_and_three_points_for_a_gaussian_are_optimal() -> None:
    # The optimum of the linear program is symmetric, and no better than the segments of a circle that the points make.
    for n in (2, 3):
        optimum = 2.0 - (n / math.pi * math.sin(math.pi / n)) ** 2 * math.pi / 2.0
        assert 0.97 * optimum < mixture_covering_bound(*ONE, n) < optimum


@pytest.mark.parametrize(
    ("spread", "narrowest", "least"), [(2.0, 0.3, 0.3), (2.0, 1e-6, 0.0), (300.0, 0.1, 0.0), (0.3, 1e-3, 0.3)]
)
def test_random_mixtures(spread: float, narrowest: float, least: float) -> None:
    rng = np.random.default_rng(5)
    mixture = random_mixture(rng, int(rng.integers(1, 6)), spread, narrowest)
    assert least * reached(mixture, 2) <= quick_bound(mixture, 2) <= reached(mixture, 2)


@settings(max_examples=4, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    k=st.integers(1, 4),
    n=st.integers(2, 4),
    spread=st.sampled_from([0.0, 1.0, 30.0, 1e5]),
    narrowest=st.sampled_from([0.5, 1e-2, 1e-5]),
    far=st.sampled_from([0.0, 1e3]),
)
def test_adversarial_mixtures(seed: int, k: int, n: int, spread: float, narrowest: float, far: float) -> None:
    means, covs, weights = random_mixture(np.random.default_rng(seed), k, spread, narrowest)
    mixture = means + far, covs, weights
    assert quick_bound(mixture, n) <= reached(mixture, n, seed) * (1.0 + 1e-9)


def test_components_without_width_are_left_out() -> None:
    means, covs, weights = (np.concatenate([x, y[:1]]) for x, y in zip(THREE, (THREE[0] + 9, 0 * THREE[1], THREE[2])))
    weights = weights / weights.sum()
    square = mixture_covering_bound(means, covs, weights, 2)
    assert square == pytest.approx(three(2) / 1.3, rel=0.03)
    assert mixture_covering_bound(means, 0 * covs, weights, 2) == 0.0
    assert square < reached(THREE, 2) / 1.3


def test_images() -> None:
    rng = np.random.default_rng(3)
    holes = rng.random((12, 9)) * (rng.random((12, 9)) < 0.3)
    narrow = np.ones((1, 40))
    cases = (holes, [1.0, 0.7], 2), (rng.random((5, 16)) ** 8, [1.0, 1.0], 3), (narrow, [1e-3, 1.0], 2)
    for values, extent, n in cases:
        masses, sides = values / values.sum(), np.array(extent)
        core = _core.Image(masses / sides.prod() * masses.size, np.stack([-sides / 2, sides / 2]))
        pixel = np.array(np.nonzero(masses)).T
        start = pixel[rng.integers(0, len(pixel), n)] + rng.random((n, 2))
        best = lloyd(core, (start / masses.shape - 0.5) * sides)
        assert 0.5 * best < covering_bound(ImageLaw(masses, sides), n, 3e3) < best


def test_the_uniform_square() -> None:
    square = np.ones((1, 1)), np.ones(2)
    assert image_covering_bound(*square, 1) == pytest.approx(1 / 6, rel=1e-9)
    assert 0.9 * 5 / 48 < image_covering_bound(*square, 2) < 5 / 48  # two halves
    hexagons = 5.0 / (18.0 * math.sqrt(3.0)) / 50
    assert 0.9 * hexagons < covering_bound(ImageLaw(*square), 50, 2e3) < hexagons * (1.0 + 2.0 / math.sqrt(50))


# --- its steps ---


def brute_gains(partition: Partition, tau: np.ndarray, y: np.ndarray) -> np.ndarray:
    """From below, by Jensen's inequality on rectangles half as large."""
    partition, parents = partition.refined(np.full(len(partition), True))
    mass, x, second, _, _ = partition.moments
    means = [tau[parents] - ((x - p) ** 2).sum(axis=1) - second / mass for p in y]
    return np.array([float(mass @ np.maximum(m, 0.0)) for m in means])


@pytest.mark.parametrize(("mixture", "n"), [(THREE, 3), (random_mixture(np.random.default_rng(1), 3, 1.0, 1e-2), 2)])
def test_no_gain_exceeds_the_supremum(mixture: Mixture, n: int) -> None:
    allowances = choose(MixtureLaw(*mixture), n, 1.5e3)
    assert allowances is not None
    partition, tau = allowances
    rng = np.random.default_rng(0)
    y = np.concatenate([draw(mixture, 100, rng), partition.centers[:: len(partition) // 100]])
    gains = brute_gains(partition, tau, y)
    bounds = partition.covering.gains(tau, np.ascontiguousarray(y), bound=True)
    assert (bounds >= gains * (1.0 - 1e-12)).all()
    assert np.median(bounds / np.maximum(gains, 1e-3 * gains.max())) < 1.1
    best = supremum(allowances, tolerance=0.01, most=1e5)
    assert gains.max() <= best < 1.2 * gains.max()
    # Cut short, it is still a bound.
    assert best <= supremum(allowances, tolerance=0.01, most=500.0) * (1.0 + 1e-12)
    # And whatever the allowances.
    wild = Allowances(partition, tau * rng.uniform(0.0, 2.0, len(tau)))
    assert brute_gains(partition, wild.values, y).max() <= supremum(wild, tolerance=0.01, most=1e5)


@pytest.fixture(scope="module")
def partition() -> Partition:
    """Of three Gaussians."""
    return spread(THREE)


def spread(mixture: Mixture) -> Partition:
    """Of rectangles of every level: smaller than the radii of discs for nine points."""
    found = allowances._spread(MixtureLaw(*mixture), 9, 0.24, 3e3)
    assert found is not None
    return found[0]


def test_radii_hold_one_facility(partition: Partition) -> None:
    rng = np.random.default_rng(2)
    facilities = rng.random(len(partition)) * partition.moments.mass
    facilities *= 9.0 / facilities.sum()
    points = rng.normal(1.0, 3.0, (50, 2))
    radii = partition.covering.radii(facilities, points, np.full(50, 0.01))
    distance = np.linalg.norm(partition.centers - points[:, None], axis=2)
    within = ((distance < radii[:, None]) * facilities).sum(axis=1)
    assert np.abs(within - 1.0).max() < 0.1


@pytest.mark.parametrize("narrowest", [0.3, 1e-4])
def test_rectangles_have_the_moments_of_the_mixture(narrowest: float) -> None:
    mixture = random_mixture(np.random.default_rng(4), 3, 1.0, narrowest)
    partition = spread(mixture)
    law = partition.law
    mass, centroid, second, peak, rounding = partition.moments
    means, covs, weights = mixture
    assert mass.sum() == pytest.approx(1.0, abs=1e-12)
    mean = weights @ means
    assert mass @ centroid == pytest.approx(mean, abs=1e-11)
    total = float(weights @ (np.trace(covs, axis1=1, axis2=2) + ((means - mean) ** 2).sum(axis=1)))
    assert second.sum() + mass @ ((centroid - mean) ** 2).sum(axis=1) == pytest.approx(total, rel=1e-10)
    assert rounding.max() < 1e-10
    # The density is no larger than the peak anywhere.
    low, high = corners(law, partition.levels, partition.places)
    rng = np.random.default_rng(0)
    precision = np.linalg.inv(covs)
    for _ in range(20):
        x = low + rng.random(low.shape) * (high - low)
        z = x[:, None] - means
        densities = np.exp(-0.5 * np.einsum("nki,kij,nkj->nk", z, precision, z)) / np.sqrt(np.linalg.det(covs))
        assert (densities @ weights / (2.0 * math.pi) <= peak * (1.0 + 1e-9) + 1e-15).all()


def test_rectangles_have_the_moments_of_the_image() -> None:
    values = np.random.default_rng(0).random((5, 3)) * (np.random.default_rng(1).random((5, 3)) < 0.7)
    masses, extent = values / values.sum(), np.array([2.0, 0.5])
    partition = Partition.root(ImageLaw(masses, extent))
    core = _core.Image(masses / extent.prod() * masses.size, np.stack([-extent / 2, extent / 2]))
    seeds = np.zeros((1, 2))
    expected = float(_core.moments(core, seeds, np.zeros(1), edges=False)[0].second[0])
    for _ in range(6):
        mass, centroid, second, peak, _ = partition.moments
        assert mass.sum() == pytest.approx(1.0, rel=1e-12)
        assert second.sum() + mass @ (centroid**2).sum(axis=1) == pytest.approx(expected, rel=1e-12)
        assert (mass <= peak * partition.volumes * (1.0 + 1e-12)).all()
        partition = partition.refined(np.full(len(partition), True))[0]


def test_the_number_of_threads_does_not_matter(partition: Partition) -> None:
    tau, points = np.full(len(partition), 0.1), np.random.default_rng(0).normal(1.0, 1.0, (1000, 2))
    assert isinstance(partition.law, MixtureLaw)
    core = partition.law.core
    low, high = corners(partition.law, partition.levels, partition.places)
    for call in (
        lambda threads: partition.covering.gains(tau, points, bound=True, threads=threads),
        lambda threads: partition.covering.gains(tau, points, bound=True, dense=True, threads=threads),
        lambda threads: partition.covering.radii(tau, points, np.full(1000, 0.3), threads=threads),
        lambda threads: np.concatenate([a.ravel() for a in _core.rectangle_moments(core, low, high, threads=threads)]),
    ):
        np.testing.assert_array_equal(call(1), call(5))


def test_mortons_curve() -> None:
    places = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [0, 2], [2**31, 5]])
    expected = [0, 1, 2, 3, 4, 2**63 + 0b10001]
    assert curve(places).tolist() == expected


# --- as a whole ---


def test_units() -> None:
    def bound(unit: float, shift: float) -> float:
        return sharpest_lower_bound((THREE[0] + shift) * unit, THREE[1] * unit * unit, THREE[2], 2) / unit

    small, large, away = bound(2.0**-400, 0.0), bound(2.0**400, 0.0), bound(1.0, 1e6)
    assert small > 1.1 * lower_bound(*THREE, 2)
    assert small == pytest.approx(large, rel=1e-12) and small == pytest.approx(away, rel=1e-3)


def test_one_point_and_other_dimensions_are_as_before() -> None:
    assert sharpest_lower_bound(*THREE, 1) == lower_bound(*THREE, 1)
    line = THREE[0][:, :1], THREE[1][:, :1, :1], THREE[2]
    assert sharpest_lower_bound(*line, 7) == lower_bound(*line, 7)
    assert mixture_covering_bound(*THREE, covering._MOST_POINTS + 1) == 0.0


def test_many_components_take_little_time() -> None:
    rng = np.random.default_rng(0)
    k = covering._MANY + 100
    mixture = 20 * rng.standard_normal((k, 2)), np.tile(np.eye(2), (k, 1, 1)), np.full(k, 1 / k)
    # About a Gaussian of variance 401.
    single = np.zeros((1, 2)), 401 * np.eye(2)[None], np.ones(1)
    assert mixture_covering_bound(*mixture, 2) == pytest.approx(mixture_covering_bound(*single, 2), rel=0.1)


THINNER = [pytest.param(*x, marks=pytest.mark.slow) for x in (((1, 7), 1e3), ((9, 1), 1e-6), ((3, 2), 1e5))]


@pytest.mark.parametrize(("shape", "side"), [((1, 5000), 1.0), ((2, 3), 6.0), *THINNER])
def test_thin_images_take_little_memory(shape, side):
    q = quantize(PolynomialGrid(np.ones(shape), [[0.0, 0.0], [1.0, side]]), 2)
    assert 0 < q.w2_lower <= q.w2


def test_pixels_are_cut_to_squares() -> None:
    law = ImageLaw(np.full((3, 1), 1 / 3), np.array([1.0, 4.0]))
    assert law.finest == 4 and law.sides.tolist() == pytest.approx([16 / 3, 16 / 3])


def test_levelling_gains_where_there_are_many_points(monkeypatch: pytest.MonkeyPatch) -> None:
    law = np.zeros((1, 2)), np.eye(2)[None], np.ones(1)
    levelled = mixture_covering_bound(*law, 1000)
    monkeypatch.setattr("diracs.certificates.lower.allowances._LEVELLINGS", 1)
    assert 1.01 * mixture_covering_bound(*law, 1000) < levelled
