"""The covering bound in space: below what good quantizers reach, close to it; each of its steps by brute force."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from diracs import _core
from diracs.certificates.lower import covering
from diracs.certificates.lower.covering import (
    Allowances,
    choose,
    covering_bound,
    mixture_covering_bound,
    supremum,
)
from diracs.certificates.lower.image import image_lower_bound, sharpest_image_lower_bound
from diracs.certificates.lower.mixture import lower_bound, sharpest_lower_bound
from diracs.certificates.lower.quadtree import (
    BoxLaw,
    ImageLaw,
    MixtureLaw,
    Partition,
    corners,
    curve,
    lattice,
    lattice_radius2,
)

Mixture = tuple[np.ndarray, np.ndarray, np.ndarray]
ONE: Mixture = (np.zeros((1, 3)), np.eye(3)[None], np.ones(1))


def random_mixture(rng: np.random.Generator, k: int, spread: float, narrowest: float) -> Mixture:
    """Components with deviations from `narrowest` to 1 on axes in any direction, and weights of any size."""
    axes = np.linalg.qr(rng.standard_normal((k, 3, 3)))[0]
    root = axes * (10.0 ** rng.uniform(math.log10(narrowest), 0.0, (k, 1, 3)))
    covs = root @ root.transpose(0, 2, 1)
    weights = rng.dirichlet(np.full(k, 0.3)) + 1e-9
    return spread * rng.standard_normal((k, 3)), (covs + covs.transpose(0, 2, 1)) / 2, weights / weights.sum()


def draw(mixture: Mixture, count: int, rng: np.random.Generator) -> np.ndarray:
    means, covs, weights = mixture
    roots = np.linalg.cholesky(covs)
    which = rng.choice(len(weights), count, p=weights)
    return means[which] + np.einsum("nij,nj->ni", roots[which], rng.standard_normal((count, 3)))


def lloyd(core, seeds: np.ndarray, steps: int) -> float:
    """W₂² that Lloyd's iteration reaches, with exact moments."""
    best = math.inf
    for _ in range(steps):
        seeds = np.ascontiguousarray(seeds)
        mass, first, second, _ = _core.moments(core, seeds, np.zeros(len(seeds)), edges=False)[0]
        best = min(best, float(second.sum()))
        seeds = seeds + first / np.where(mass > 0, mass, 1.0)[:, None]
    return best


def reached(mixture: Mixture, n: int, seed: int = 0, steps: int = 40) -> float:
    core = _core.SpaceMixture(*(np.ascontiguousarray(x) for x in mixture))
    return lloyd(core, draw(mixture, n, np.random.default_rng(seed)), steps)


EFFORT = covering.EFFORTS[3]


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """Less work: worse, but a bound."""
    little = EFFORT._replace(
        work=6e3, sites=lambda n: 0.8, steps=3e4, tolerance=lambda n: 0.08, evaluations=lambda n: 2e4 + 500.0 * n
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(covering.EFFORTS, 3, little)
        yield


def quick_bound(law: BoxLaw, n: int, work: float = 3e3) -> float:
    return covering_bound(law, n, work)


# --- below what points reach ---


def test_two_points_for_a_gaussian() -> None:
    optimum = 3.0 - 2.0 / math.pi
    assert 0.8 * optimum < mixture_covering_bound(*ONE, 2) < optimum


def test_thirty_points_for_a_gaussian(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(covering.EFFORTS, 3, EFFORT._replace(sites=lambda n: 0.8, steps=5e4, evaluations=lambda n: 1e5))
    ratio = math.sqrt(reached(ONE, 30, steps=40) / quick_bound(MixtureLaw(*ONE), 30, 1.2e4))
    assert 1.0 < ratio < 1.08


@pytest.mark.slow
@pytest.mark.parametrize(("n", "w2"), [(100, 0.4780), (1000, 0.22854)])
def test_many_points_for_a_gaussian(n: int, w2: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(covering.EFFORTS, 3, EFFORT)
    assert 1.0 < w2 / math.sqrt(mixture_covering_bound(*ONE, n)) < 1.06


@pytest.mark.parametrize(
    ("spread", "narrowest", "n", "least"),
    [(1.5, 0.3, 20, 0.6), (2.0, 0.05, 7, 0.0), (300.0, 0.1, 5, 0.0), (1.0, 0.5, 100, 0.3), (2.0, 1e-6, 3, 0.0)],
)
def test_random_mixtures(spread: float, narrowest: float, n: int, least: float) -> None:
    mixture = random_mixture(np.random.default_rng(n), 3, spread, narrowest)
    best = reached(mixture, n, steps=15 if n > 100 else 40)
    assert least * best <= quick_bound(MixtureLaw(*mixture), n, 1e4) <= best


@settings(max_examples=5, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    k=st.integers(1, 4),
    n=st.integers(2, 5),
    spread=st.sampled_from([0.0, 1.0, 30.0, 1e4]),
    narrowest=st.sampled_from([0.5, 1e-2, 1e-4]),
    far=st.sampled_from([0.0, 1e3]),
)
def test_adversarial_mixtures(seed: int, k: int, n: int, spread: float, narrowest: float, far: float) -> None:
    means, covs, weights = random_mixture(np.random.default_rng(seed), k, spread, narrowest)
    mixture = means + far, covs, weights
    assert quick_bound(MixtureLaw(*mixture), n) <= reached(mixture, n, seed) * (1.0 + 1e-9)


def test_volumes() -> None:
    rng = np.random.default_rng(3)
    values = rng.random((6, 4, 5)) ** 6
    masses, sides = values / values.sum(), np.array([1.0, 0.7, 0.9])
    domain = np.stack([-sides / 2, sides / 2])
    core = _core.SpaceImage(masses / sides.prod() * masses.size, domain, np.zeros(3, dtype=bool))
    best = lloyd(core, (rng.random((4, 3)) - 0.5) * sides, 40)
    assert 0.6 * best < quick_bound(ImageLaw(masses, sides), 4, 1e4) < best


def test_volumes_have_the_larger_of_their_bounds() -> None:
    values, domain = np.zeros((8, 8, 8)), np.array([[0.0] * 3, [1.0] * 3])
    values[:2, :2, :2] = values[6:, 6:, 6:] = 1.0
    # Level sets do not know how far apart two cubes are.
    few = sharpest_image_lower_bound(values, domain, 2)
    assert image_lower_bound(values, domain, 2) <= few <= math.sqrt(3 * 0.25**2 / 12)
    assert few > 0.8 * math.sqrt(3 * 0.25**2 / 12)


# --- its steps ---


def brute_gains(partition: Partition, tau: np.ndarray, y: np.ndarray) -> np.ndarray:
    """From below, by Jensen's inequality on boxes half as large."""
    partition, parents = partition.refined(np.full(len(partition), True))
    mass, x, second, _, _ = partition.moments
    means = [tau[parents] - ((x - p) ** 2).sum(axis=1) - second / mass for p in y]
    return np.array([float(mass @ np.maximum(m, 0.0)) for m in means])


@pytest.mark.parametrize(("mixture", "n"), [(ONE, 6), (random_mixture(np.random.default_rng(1), 3, 1.0, 0.1), 3)])
def test_no_gain_exceeds_the_supremum(mixture: Mixture, n: int) -> None:
    allowances = choose(MixtureLaw(*mixture), n, 4e3)
    assert allowances is not None
    partition, tau = allowances
    rng = np.random.default_rng(0)
    y = np.ascontiguousarray(np.concatenate([draw(mixture, 60, rng), partition.centers[:: len(partition) // 60]]))
    gains = brute_gains(partition, tau, y)
    bounds = partition.covering.gains(tau, y, bound=True)
    assert (bounds >= gains * (1.0 - 1e-12)).all()
    assert np.median(bounds / np.maximum(gains, 1e-3 * gains.max())) < 1.2
    np.testing.assert_allclose(partition.covering.gains(tau, y, bound=True, dense=True), bounds, rtol=1e-11, atol=1e-11)
    best = supremum(allowances, tolerance=0.05, most=1e5)
    assert gains.max() <= best < 1.3 * gains.max()
    # Cut short, it is still a bound; and whatever the allowances.
    assert gains.max() <= supremum(allowances, tolerance=0.05, most=500.0)
    wild = Allowances(partition, tau * rng.uniform(0.0, 2.0, len(tau)))
    assert brute_gains(partition, wild.values, y).max() <= supremum(wild, tolerance=0.1, most=2e4)


def grid(law: BoxLaw, level: int) -> Partition:
    """All boxes of a level that have some mass."""
    partition = Partition.root(law)
    for _ in range(level):
        partition = partition.refined(np.full(len(partition), True))[0]
    return partition


def test_bounds_on_the_gain_of_one_box_exceed_quadrature() -> None:
    # Balls whose spheres cross one box anywhere, against 40³ points in it.
    partition = grid(MixtureLaw(*ONE), 5)
    one = int(np.argmin(np.abs(partition.centers - [0.9, -0.5, 0.3]).sum(axis=1)))
    low, high = (c[one] for c in corners(partition.law, partition.levels, partition.places))
    u = (np.arange(40) + 0.5) / 40
    x = low + np.stack(np.meshgrid(u, u, u, indexing="ij"), axis=-1).reshape(-1, 3) * (high - low)
    density = np.exp(-0.5 * (x**2).sum(axis=1))
    density *= partition.moments.mass[one] / density.sum()
    rng = np.random.default_rng(0)
    for radius in (0.1, 0.5, 1.0, 3.0):
        tau = np.zeros(len(partition))
        tau[one] = radius**2
        direction = rng.standard_normal((30, 3))
        direction[:3] = np.eye(3)
        direction /= np.linalg.norm(direction, axis=1)[:, None]
        y = (low + high) / 2 + direction * (radius + rng.uniform(-0.3, 0.3, (30, 1)))
        truth = np.maximum(radius**2 - ((x - y[:, None]) ** 2).sum(axis=2), 0.0) @ density
        bounds = partition.covering.gains(tau, np.ascontiguousarray(y), bound=True)
        assert (bounds >= truth * (1.0 - 2e-3) - 1e-9).all()
        whole = float(partition.moments.mass[one]) * radius**2
        assert radius < 1.0 or (bounds - truth).max() < 0.15 * whole


def test_boxes_have_the_moments_of_products() -> None:
    means, deviations, weights = (
        np.array([[0.2, 0.0, -0.3], [1.0, 2.0, 0.5]]),
        np.array([[1, 0.5, 0.2], [0.3, 1, 2]]),
        [0.3, 0.7],
    )
    law = MixtureLaw(means, np.stack([np.diag(s**2) for s in deviations]), np.array(weights))
    partition = grid(law, 4)
    low, high = corners(law, partition.levels, partition.places)
    mass, first, second = np.zeros(len(low)), np.zeros_like(low), np.zeros(len(low))
    for mean, s, weight in zip(means, deviations, weights):
        a, b = (low - mean) / s, (high - mean) / s
        p, q = np.exp(-0.5 * a**2) / math.sqrt(2 * math.pi), np.exp(-0.5 * b**2) / math.sqrt(2 * math.pi)
        zeroth = np.where(a > 0, ndtr(-a) - ndtr(-b), ndtr(b) - ndtr(a))
        ones = mean * zeroth + s * (p - q)
        twos = mean**2 * zeroth + 2 * mean * s * (p - q) + s**2 * (zeroth + a * p - b * q)
        others = np.stack(
            [zeroth[:, [1, 2]].prod(axis=1), zeroth[:, [0, 2]].prod(axis=1), zeroth[:, [0, 1]].prod(axis=1)]
        )
        mass += weight * zeroth.prod(axis=1)
        first += weight * ones * others.T
        second += weight * (twos * others.T).sum(axis=1)
    found = partition.moments
    slack = 1e-12 + found.rounding
    assert (np.abs(found.mass - mass) <= slack[:, 0]).all()
    assert (np.abs(found.mass[:, None] * found.centroid - first).max(axis=1) <= slack[:, 1]).all()
    about_zero = found.second + found.mass * (found.centroid**2).sum(axis=1)
    assert (np.abs(about_zero - second) <= 10 * slack[:, 2]).all()


def test_boxes_have_the_moments_of_the_mixture() -> None:
    means, covs, weights = mixture = random_mixture(np.random.default_rng(4), 3, 1.0, 0.1)
    partition = grid(MixtureLaw(*mixture), 4)
    mass, centroid, second, peak, rounding = partition.moments
    assert mass.sum() == pytest.approx(1.0, abs=1e-12)
    mean = weights @ means
    assert mass @ centroid == pytest.approx(mean, abs=1e-11)
    total = float(weights @ (np.trace(covs, axis1=1, axis2=2) + ((means - mean) ** 2).sum(axis=1)))
    assert second.sum() + mass @ ((centroid - mean) ** 2).sum(axis=1) == pytest.approx(total, rel=1e-10)
    assert rounding.max() < 1e-10
    # The density is no larger than the peak anywhere.
    low, high = corners(partition.law, partition.levels, partition.places)
    rng = np.random.default_rng(0)
    precision = np.linalg.inv(covs)
    for _ in range(20):
        z = (low + rng.random(low.shape) * (high - low))[:, None] - means
        densities = np.exp(-0.5 * np.einsum("nki,kij,nkj->nk", z, precision, z)) / np.sqrt(np.linalg.det(covs))
        assert (densities @ weights / (2.0 * math.pi) ** 1.5 <= peak * (1.0 + 1e-9) + 1e-15).all()


def test_boxes_have_the_moments_of_the_volume() -> None:
    values = np.random.default_rng(0).random((5, 3, 4)) * (np.random.default_rng(1).random((5, 3, 4)) < 0.7)
    masses, extent = values / values.sum(), np.array([2.0, 0.5, 1.0])
    partition = Partition.root(ImageLaw(masses, extent))
    domain = np.stack([-extent / 2, extent / 2])
    core = _core.SpaceImage(masses / extent.prod() * masses.size, domain, np.zeros(3, dtype=bool))
    expected = float(_core.moments(core, np.zeros((1, 3)), np.zeros(1), edges=False)[0].second[0])
    for _ in range(5):
        mass, centroid, second, peak, _ = partition.moments
        assert mass.sum() == pytest.approx(1.0, rel=1e-12)
        assert second.sum() + mass @ (centroid**2).sum(axis=1) == pytest.approx(expected, rel=1e-12)
        assert (mass <= peak * partition.volumes * (1.0 + 1e-12)).all()
        partition = partition.refined(np.full(len(partition), True))[0]


def test_radii_hold_one_facility() -> None:
    partition, rng = grid(MixtureLaw(*ONE), 5), np.random.default_rng(2)
    facilities = rng.random(len(partition)) * partition.moments.mass
    facilities *= 9.0 / facilities.sum()
    points = rng.normal(0.0, 2.0, (30, 3))
    radii = partition.covering.radii(facilities, points, np.full(30, 0.01))
    distance = np.linalg.norm(partition.centers - points[:, None], axis=2)
    within = ((distance < radii[:, None]) * facilities).sum(axis=1)
    assert np.abs(within - 1.0).max() < 0.25


@pytest.mark.parametrize("sides", [[1.0, 1.0], [1.0, 0.6], [1.0, 1.0, 1.0], [1.0, 0.7, 1.3]])
def test_the_lattice_surrounds_every_point(sides: list[float]) -> None:
    # Some mean of its points is y with E|v − y|² at most the radius squared: a linear program.
    from scipy.optimize import linprog

    scale = np.array(sides)
    points = lattice(len(sides)) * scale / 2
    for y in np.random.default_rng(0).random((40, len(sides))) * scale:
        square = ((points - y) ** 2).sum(axis=1)
        least = linprog(square, A_eq=np.vstack([points.T, np.ones(len(points))]), b_eq=np.append(y, 1.0)).fun
        assert least <= lattice_radius2(scale) * (1.0 + 1e-9)
    if sides == [1.0, 1.0, 1.0]:
        assert lattice_radius2(scale) == pytest.approx(5 / 16)


def test_mortons_curve() -> None:
    places = np.array([[0, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0], [1, 1, 1], [0, 0, 2], [2**20, 1, 0]])
    assert curve(places).tolist() == [0, 1, 2, 4, 7, 8, 2**62 + 2]


def test_the_number_of_threads_does_not_matter() -> None:
    law = MixtureLaw(*random_mixture(np.random.default_rng(7), 2, 1.0, 0.2))
    partition = grid(law, 4)
    tau, points = np.full(len(partition), 0.3), np.random.default_rng(0).normal(0.0, 1.0, (1000, 3))
    low, high = corners(law, partition.levels, partition.places)
    for call in (
        lambda threads: partition.covering.gains(tau, points, bound=True, dense=True, threads=threads),
        lambda threads: partition.covering.gains(tau, points, bound=False, threads=threads),
        lambda threads: partition.covering.radii(tau, points, np.full(1000, 0.3), threads=threads),
        lambda threads: np.concatenate([a.ravel() for a in _core.box_moments(law.core, low, high, threads=threads)]),
    ):
        np.testing.assert_array_equal(call(1), call(5))


# --- as a whole ---


def test_units() -> None:
    means, covs, weights = random_mixture(np.random.default_rng(11), 2, 1.0, 0.5)

    def bound(unit: float, shift: float) -> float:
        return sharpest_lower_bound((means + shift) * unit, covs * unit * unit, weights, 2) / unit

    small, large = bound(2.0**-400, 0.0), bound(2.0**400, 0.0)
    assert small > lower_bound(means, covs, weights, 2)
    assert small == pytest.approx(large, rel=1e-12)
    assert small == pytest.approx(bound(1.0, 1e6), rel=1e-3)


def test_two_clusters_and_two_points_leave_hardly_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(covering.EFFORTS, 3, EFFORT)
    # The optimum has points at ±E|x|: 1 + 9 − (E|x|)² along the axis, for x ~ N(3, 1), and 2 across.
    means, covs = np.array([[-3.0, 0.0, 0.0], [3.0, 0.0, 0.0]]), np.stack([np.eye(3)] * 2)
    bound = mixture_covering_bound(means / 8.0, covs / 64.0, np.array([0.5, 0.5]), 2) * 64.0
    away = 3.0 * (2.0 * ndtr(3.0) - 1.0) + 2.0 * math.exp(-4.5) / math.sqrt(2.0 * math.pi)
    best = 12.0 - away**2
    assert 0.99 * best < bound <= best
