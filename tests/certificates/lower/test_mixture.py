"""Lower bounds: never above a truth or an upper estimate that is computed independently, and close to known optima."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optional import optional
from scipy.integrate import simpson
from scipy.optimize import brentq
from scipy.special import ndtr, xlogy
from scipy.stats import multivariate_normal, norm, ortho_group

from diracs.certificates.lower import line, overlap
from diracs.certificates.lower.line import least_partition, line_bound
from diracs.certificates.lower.mixture import lower_bound
from diracs.certificates.lower.overlap import GroupOverlap, PairOverlap
from diracs.certificates.lower.rate_distortion import rate_distortion

KMeans = optional("sklearn.cluster").KMeans

# Optimal n-point quantizers of N(0, 1): W₂.
NORMAL_OPTIMA = {2: math.sqrt(1 - 2 / math.pi), 10: 0.1514498363, 100: 0.0163313263, 1000: 0.00164773367}


def random_mixture(seed: int, k: int, d: int, spread: float = 2.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((k, d, d)) * rng.uniform(0.1, 1.0, (k, 1, 1))
    return spread * rng.standard_normal((k, d)), root @ np.swapaxes(root, 1, 2), rng.dirichlet(np.full(k, 2.0))


def sample(means: np.ndarray, covs: np.ndarray, weights: np.ndarray, size: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values, vectors = np.linalg.eigh(covs)
    root = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    k = rng.choice(len(weights), size, p=weights)
    return means[k] + np.einsum("nij,nj->ni", root[k], rng.standard_normal((size, means.shape[1])))


def k_means_estimate(means: np.ndarray, covs: np.ndarray, weights: np.ndarray, n: int, size: int = 3000) -> float:
    """W₂ that k-means points reach on fresh samples, plus five standard errors: above the optimum."""
    fitted = KMeans(n, n_init=1, random_state=0).fit(sample(means, covs, weights, size, 1))
    squares = fitted.transform(sample(means, covs, weights, 4 * size, 2)).min(axis=1) ** 2
    return math.sqrt(squares.mean() + 5 * squares.std() / math.sqrt(len(squares)))


def line_distortion(levels: np.ndarray, means: np.ndarray, deviations: np.ndarray, weights: np.ndarray) -> tuple:
    """Exact distortion of sorted levels on the line, and the barycenters of their cells."""
    borders = np.concatenate([[-np.inf], (levels[1:] + levels[:-1]) / 2, [np.inf]])
    z = (borders[:, None] - means) / deviations
    pdf = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    z_pdf = np.where(np.isfinite(z), z, 0.0) * pdf
    mass, flux, bend = np.diff(ndtr(z), axis=0), -np.diff(pdf, axis=0), -np.diff(z_pdf, axis=0)
    shift = means - levels[:, None]
    squares = (mass * shift**2 + 2 * shift * deviations * flux + deviations**2 * (mass + bend)) @ weights
    masses = np.maximum(mass @ weights, 1e-300)
    return squares.sum(), levels + (mass * shift + deviations * flux) @ weights / masses


def lloyd_on_the_line(means: np.ndarray, deviations: np.ndarray, weights: np.ndarray, n: int) -> float:
    """The least W₂ that Lloyd's iteration with exact moments reaches from several starts, k-means of samples."""
    best = math.inf
    draws = sample(means[:, None], deviations[:, None, None] ** 2, weights, 1000, 0)
    for seed in range(2):
        levels = np.sort(KMeans(n, n_init=3, random_state=seed).fit(draws).cluster_centers_[:, 0])
        for _ in range(30):
            distortion, barycenters = line_distortion(levels, means, deviations, weights)
            levels = np.sort(barycenters)
        best = min(best, distortion)
    return math.sqrt(best)


@pytest.fixture(scope="class")
def few_atoms() -> Iterator[None]:
    """Fewer atoms stand for laws on the line: quicker and less sharp, but all that is promised of bounds holds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line, "ATOMS", (64, 192))
        yield


def single(variances: list[float], n: int) -> float:
    return lower_bound(np.zeros((1, len(variances))), np.diag(variances)[None], np.ones(1), n)


# --- rate–distortion ---


def test_rate_distortion_agrees_with_root_finding() -> None:
    rng = np.random.default_rng(0)
    for nats in (0.01, 0.5, 3.0, 40.0):
        v = rng.exponential(1.0, 7) ** 3

        def excess(log_level: float, v: np.ndarray = v, nats: float = nats) -> float:
            return float(np.maximum(0.0, np.log(v) - log_level).sum() / 2 - nats)

        level = math.exp(brentq(excess, -60, math.log(v.max()), xtol=1e-14))
        assert rate_distortion(v, nats) == pytest.approx(np.minimum(v, level).sum(), rel=1e-11)


def test_rate_distortion_edges_and_axes() -> None:
    assert rate_distortion(np.array([2.0, 3.0]), 0.0) == pytest.approx(5.0)
    assert rate_distortion(np.array([2.0, 0.0]), math.log(10)) == pytest.approx(0.02)
    assert rate_distortion(np.zeros(3), 1.0) == 0.0
    assert rate_distortion(np.array([1.0, 2.0]), math.inf) == 0.0
    v = np.random.default_rng(1).exponential(1.0, (4, 3, 5))
    nats = np.linspace(0, 5, 3)
    table = rate_distortion(v, nats)
    assert table.shape == (4, 3)
    assert table[2, 1] == pytest.approx(float(rate_distortion(v[2, 1], nats[1])))
    assert rate_distortion(1e-250 * v, 2.0) == pytest.approx(1e-250 * rate_distortion(v, 2.0))


# --- known optima ---


@pytest.mark.parametrize("n", sorted(NORMAL_OPTIMA))
def test_optimal_quantizers_of_the_normal_law(n: int) -> None:
    optimum = NORMAL_OPTIMA[n]
    assert optimum * (1 - 1e-7) <= single([1.0], n) <= optimum * (1 + 1e-9)
    # The same law on a slanted line of space.
    direction = np.array([1.0, -2.0, 2.0])
    bound = lower_bound(np.ones((1, 3)), np.outer(direction, direction)[None], np.ones(1), n)
    assert 3 * optimum * (1 - 1e-7) <= bound <= 3 * optimum * (1 + 1e-9)


@pytest.mark.parametrize("n", [20_000, 10**7])
def test_very_many_points_stay_below_zador(n: int) -> None:
    assert 1 / n * (1 - 1e-9) <= single([1.0], n) < math.sqrt(math.pi * math.sqrt(3) / 2) / n


def test_one_point_is_exact() -> None:
    for seed, k, d in ((0, 1, 1), (1, 4, 3), (2, 30, 2), (3, 2, 12)):
        means, covs, weights = random_mixture(seed, k, d)
        centred = means - weights @ means
        truth = math.sqrt(weights @ ((centred**2).sum(axis=1) + np.trace(covs, axis1=1, axis2=2)))
        assert truth * (1 - 1e-9) <= lower_bound(means, covs, weights, 1) < truth


def test_two_points_for_two_symmetric_components() -> None:
    # By symmetry and log-concavity on either side the optimum is ±E|X|; the moments are those of a folded normal law.
    for mean in (1.5, 2.0, 10.0):
        fold = 2 * norm.pdf(mean) + mean * (1 - 2 * norm.cdf(-mean))
        truth = math.sqrt(1 + mean**2 - fold**2)
        bound = lower_bound(np.array([[-mean], [mean]]), np.ones((2, 1, 1)), np.array([0.5, 0.5]), 2)
        assert 0.75 * truth < bound < truth
    assert bound > 0.999999 * truth  # ten deviations apart, the bound is sharp


def test_kullback_leibler_in_place_of_bhattacharyya_would_be_wrong() -> None:
    mean = 2.0
    fold = 2 * norm.pdf(mean) + mean * (1 - 2 * norm.cdf(-mean))
    truth = 1 + mean**2 - fold**2

    def shannon(distance: float) -> float:
        """exp(2(h − ln 2))/2πe with h = h_k − ln(½ + ½ exp(−distance))."""
        return math.exp(-2 * math.log(0.5 + 0.5 * math.exp(-distance)) - 2 * math.log(2))

    assert shannon((2 * mean) ** 2 / 2) > truth * 1.05
    bound = lower_bound(np.array([[-mean], [mean]]), np.ones((2, 1, 1)), np.array([0.5, 0.5]), 2)
    assert shannon((2 * mean) ** 2 / 8) * (1 - 1e-6) < bound**2 < truth


# --- the entropy of mixtures ---


def direct_overlap(means: np.ndarray, covs: np.ndarray, weights: np.ndarray) -> float:
    total = 0.0
    for m, c, w in zip(means, covs, weights):
        inner = 0.0
        for m2, c2, w2 in zip(means, covs, weights):
            s = (c + c2) / 2
            logs = [np.linalg.slogdet(x)[1] for x in (s, c, c2)]
            distance = (m - m2) @ np.linalg.solve(s, m - m2) / 8 + logs[0] / 2 - logs[1] / 4 - logs[2] / 4
            inner += w2 * math.exp(-distance)
        total += w * math.log(inner)
    return total


def test_pair_overlap_is_the_bhattacharyya_sum() -> None:
    means, covs, weights = random_mixture(5, 6, 4)
    pairs = PairOverlap(means, covs, np.zeros(6))
    active = np.ones(6, dtype=bool)
    for r in (1, 2, 4):
        expected = direct_overlap(means[:, :r], covs[:, :r, :r], weights)
        assert pairs.log_mean(r, active, weights) == pytest.approx(expected, rel=1e-10)
    some = np.array([True, False, True, True, False, True])
    w = weights[some] / weights[some].sum()
    assert pairs.log_mean(3, some, w) == pytest.approx(direct_overlap(means[some, :3], covs[some, :3, :3], w))
    diagonal = np.diagonal(covs, axis1=1, axis2=2)
    expected = direct_overlap(means, diagonal[:, :, None] * np.eye(4), weights)
    assert PairOverlap(means, diagonal, np.zeros(6)).log_mean(4, active, weights) == pytest.approx(expected)


def test_group_overlap_is_above_the_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap, "GROUPS", 128)
    means, covs, weights = random_mixture(6, 225, 2, spread=100.0)
    active = np.ones(225, dtype=bool)
    groups = GroupOverlap(means, np.linalg.eigvalsh(covs)[:, -1])
    assert groups.label.max() < 128
    pairs = PairOverlap(means, covs, np.zeros(225))
    for r in (1, 2):
        assert pairs.log_mean(r, active, weights) < groups.log_mean(r, active, weights) < -0.5
    few = np.arange(225) % 3 == 0
    w = weights[few] / weights[few].sum()
    assert pairs.log_mean(2, few, w) < groups.log_mean(2, few, w) < 0.0


def test_groups_of_one_component_are_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    # Two groups of 64 equal components: nothing is lost, as the covariances are isotropic.
    monkeypatch.setattr(overlap, "GROUPS", 64)
    means, variances = np.repeat([[0.0], [3.0]], 64, axis=0), np.full((128, 1), 2.0)
    weights, active = np.full(128, 1 / 128), np.ones(128, dtype=bool)
    expected = math.log(0.5 + 0.5 * math.exp(-9 / 16))
    assert GroupOverlap(means, variances[:, 0]).log_mean(1, active, weights) == pytest.approx(expected, rel=1e-8)
    assert PairOverlap(means, variances, np.zeros(128)).log_mean(1, active, weights) == pytest.approx(expected)


def test_entropy_is_bounded_from_below() -> None:
    for seed in range(3):
        means, covs, weights = random_mixture(seed, 4, 1)
        deviations = np.sqrt(covs[:, 0, 0])

        # Simpson's rule, eighty nodes and more to a deviation
        reach = 12 * deviations.max()
        x = np.linspace(means.min() - reach, means.max() + reach, 20_001)
        p = (
            np.exp(-0.5 * ((x[:, None] - means[:, 0]) / deviations) ** 2)
            @ (weights / deviations)
            / math.sqrt(2 * math.pi)
        )
        entropy = simpson(-xlogy(p, p), x=x)
        excess = PairOverlap(means, covs, np.zeros(4)).log_mean(1, np.ones(4, dtype=bool), weights)
        assert weights @ norm.entropy(means[:, 0], deviations) - excess <= entropy + 1e-7


# --- against points that were found by other means ---


@pytest.mark.parametrize(("seed", "n"), [(0, 2), (1, 2), (2, 5), (3, 5), (0, 12)])
def test_mixtures_on_the_line_against_lloyd(seed: int, n: int) -> None:
    means, covs, weights = random_mixture(seed, 3, 1, spread=3.0)
    reached = lloyd_on_the_line(means[:, 0], np.sqrt(covs[:, 0, 0]), weights, n)
    bound = lower_bound(means, covs, weights, n)
    assert 0.9 * reached < bound < reached


@pytest.mark.parametrize(("seed", "n"), [(0, 3), (2, 3), (1, 30), (3, 8), (4, 8)])
def test_mixtures_in_the_plane_against_k_means(seed: int, n: int) -> None:
    means, covs, weights = random_mixture(seed, 1 + seed, 2)
    reached = k_means_estimate(means, covs, weights, n)
    assert 0.3 * reached < lower_bound(means, covs, weights, n) < reached


@pytest.mark.usefixtures("few_atoms")
@settings(max_examples=5, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    k=st.integers(1, 5),
    d=st.integers(1, 4),
    n=st.integers(1, 12),
    spread=st.sampled_from([0.0, 0.5, 3.0, 50.0]),
    flat=st.booleans(),
)
def test_random_mixtures_against_k_means(seed: int, k: int, d: int, n: int, spread: float, flat: bool) -> None:
    means, covs, weights = random_mixture(seed, k, d, spread)
    if flat:  # some components lose an axis, the last becomes a point
        covs[::2, :, 0] = covs[::2, 0, :] = 0.0
        covs[-1] = 0.0
    if not covs.any() and k <= n:
        assert lower_bound(means, covs, weights, n) == pytest.approx(0.0, abs=1e-3)
        return
    assert lower_bound(means, covs, weights, n) <= k_means_estimate(means, covs, weights, n, 1500) * (1 + 1e-9)


@pytest.mark.parametrize("variance", [1e-6, 1e-30])
def test_narrow_components_far_apart(variance: float) -> None:
    means, covs, weights = np.array([[-100.0], [100.0]]), np.full((2, 1, 1), variance), np.array([0.5, 0.5])
    deviation = math.sqrt(variance)
    assert lower_bound(means, covs, weights, 1) == pytest.approx(100.0, rel=1e-6)
    assert deviation * (1 - 1e-6) < lower_bound(means, covs, weights, 2) <= deviation
    # Twice as many points reach the optimum of each component.
    for n in (2, 100):
        assert 0.59 * deviation * NORMAL_OPTIMA[n] < lower_bound(means, covs, weights, 2 * n)
        assert lower_bound(means, covs, weights, 2 * n) <= deviation * NORMAL_OPTIMA[n] * (1 + 1e-9)


def test_components_that_one_axis_does_not_tell_apart() -> None:
    # Corners of a rectangle: 400 points are no better than 100 for each, whose rate–distortion bound is 2/100.
    means = np.array([[-100.0, -50.0], [-100.0, 50.0], [100.0, -50.0], [100.0, 50.0]])
    for covs in (np.tile(np.eye(2), (4, 1, 1)), np.tile(np.array([[1.25, 0.75], [0.75, 1.25]]), (4, 1, 1))):
        bound = lower_bound(means, covs, np.full(4, 0.25), 400)
        assert bound == pytest.approx(math.sqrt(0.02 * math.sqrt(np.linalg.det(covs[0]))), rel=1e-6)


def test_points_fewer_than_far_components() -> None:
    # Ten corners of a simplex: n points leave what the best affine space of dimension n − 1 misses, nothing is optimal.
    means, covs, weights = 1e3 * np.eye(10), np.tile(1e-4 * np.eye(10), (10, 1, 1)), np.full(10, 0.1)
    for n in (2, 9):
        # n − 1 corners alone, the others to their barycenter.
        others = 10 - (n - 1)
        reached = math.sqrt(others / 10 * 1e6 * (1 - 1 / others) + 1e-3)
        assert 0.9 * reached < lower_bound(means, covs, weights, n) <= reached * (1 + 1e-12)
    assert lower_bound(means, covs, weights, 10) <= math.sqrt(1e-3)
    assert lower_bound(means, covs, weights, 10) > 0.99 * math.sqrt(1e-3)


def test_points_fewer_than_components_on_a_line() -> None:
    # Narrow components at 0, 1, 10, 11, 12: three points go to {0, 1}, {10, 11}, {12} or alike.
    means, covs = np.array([[0.0], [1.0], [10.0], [11.0], [12.0]]), np.full((5, 1, 1), 1e-10)
    optimum = math.sqrt((0.25 * 2 + 0.25 * 2) / 5)
    assert 0.9999 * optimum < lower_bound(means, covs, np.full(5, 0.2), 3) < optimum + 1e-9
    tilted = means @ np.array([[0.6, 0.8]])
    bound = lower_bound(tilted, np.tile(1e-10 * np.eye(2), (5, 1, 1)), np.full(5, 0.2), 3)
    assert 0.9999 * optimum < bound < optimum + 1e-9


def testleast_partition_against_all_partitions() -> None:
    rng = np.random.default_rng(4)
    atoms, masses = np.sort(rng.standard_normal(9)), rng.dirichlet(np.ones(9))

    def spread(a: int, b: int) -> float:
        mean = np.average(atoms[a:b], weights=masses[a:b])
        return float(masses[a:b] @ (atoms[a:b] - mean) ** 2)

    for n in (1, 2, 3, 5, 9, 12):
        cuts = itertools.combinations(range(1, 9), min(n, 9) - 1)
        least = min(sum(spread(a, b) for a, b in itertools.pairwise((0, *c, 9))) for c in cuts)
        assert least_partition(atoms, masses, n) == pytest.approx(least, rel=1e-12, abs=1e-16)


@pytest.mark.parametrize(("seed", "n"), [(0, 3), (1, 7), (3, 3)])
def test_line_bound_is_close_to_the_optimum(seed: int, n: int) -> None:
    means, covs, weights = random_mixture(seed, 4, 1, spread=4.0)
    bound = math.sqrt(line_bound(means[:, 0], covs[:, 0, 0], weights, n, np.zeros(4)))
    reached = lloyd_on_the_line(means[:, 0], np.sqrt(covs[:, 0, 0]), weights, n)
    assert 0.9 * reached < bound < reached


# --- properties ---


@pytest.mark.parametrize(("seed", "k", "d"), [(0, 1, 1), (1, 1, 5), (2, 3, 2), (3, 4, 7), (4, 2, 1)])
def test_more_points_never_raise_the_bound(seed: int, k: int, d: int) -> None:
    mixture = random_mixture(seed, k, d)
    bounds = [lower_bound(*mixture, n) for n in (1, 2, 3, 7, 48, 49, 1000, 9999, 10_000, 20_000, 10**6)]
    assert all(a >= b > 0 for a, b in itertools.pairwise(bounds))


@pytest.mark.usefixtures("few_atoms")
@pytest.mark.parametrize("n", [1, 3, 50])
def test_equivariance(n: int) -> None:
    means, covs, weights = random_mixture(7, 4, 3)
    bound = lower_bound(means, covs, weights, n)
    rotation = ortho_group.rvs(3, random_state=1)
    assert lower_bound(means @ rotation.T, rotation @ covs @ rotation.T, weights, n) == pytest.approx(bound, rel=1e-8)
    assert lower_bound(means + 1e6, covs, weights, n) == pytest.approx(bound, rel=1e-6)
    assert lower_bound(means[::-1], covs[::-1], weights[::-1], n) == pytest.approx(bound, rel=1e-9)
    for scale in (1e-150, 1e150):
        scaled = lower_bound(scale * means, scale**2 * covs, weights, n)
        assert scaled == pytest.approx(scale * bound, rel=1e-8)


def test_means_far_from_the_origin_with_small_deviations() -> None:
    means = np.array([[1e6, -1e6], [1e6 + 0.01, -1e6]])
    covs = np.tile(1e-6 * np.eye(2), (2, 1, 1))
    near = lower_bound(means - means[0], covs, np.array([0.5, 0.5]), 8)
    assert 1e-4 < near < 1e-2
    assert lower_bound(means, covs, np.array([0.5, 0.5]), 8) == pytest.approx(near, rel=1e-7)


@pytest.mark.usefixtures("few_atoms")
def test_splitting_a_component_keeps_the_law() -> None:
    means, covs, weights = random_mixture(8, 2, 2)
    bound = lower_bound(means, covs, weights, 5)
    twice = lower_bound(np.repeat(means, 2, 0), np.repeat(covs, 2, 0), np.repeat(weights / 2, 2), 5)
    assert twice == pytest.approx(bound, rel=1e-9)
    padded = lower_bound(np.vstack([means, [[1e9, 0]]]), np.concatenate([covs, covs[:1]]), np.append(weights, 0.0), 5)
    assert padded == pytest.approx(bound, rel=1e-9)


# --- singular covariances ---


def test_point_masses() -> None:
    points = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    covs, weights = np.zeros((3, 2, 2)), np.full(3, 1 / 3)
    assert lower_bound(points[:1], covs[:1], np.ones(1), 1) == 0.0
    assert lower_bound(points, covs, weights, 3) == 0.0
    assert 0.0 < lower_bound(points, covs, weights, 2) <= math.sqrt(3 / 2)  # (0,0) and (3,0) share their midpoint
    assert lower_bound(points, covs, weights, 10**6) == 0.0


def test_a_point_mass_beside_gaussians() -> None:
    means = np.array([[-50.0, 0.0], [50.0, 0.0], [0.0, 1.0]])
    covs = np.stack([np.eye(2), np.eye(2), np.zeros((2, 2))])
    weights = np.array([0.4, 0.4, 0.2])
    bound = lower_bound(means, covs, weights, 20)
    # The two Gaussians alone, of mass 0.8, which share 20 points at best.
    pair = lower_bound(means[:2], covs[:2], np.array([0.5, 0.5]), 20)
    assert bound >= math.sqrt(0.8) * pair * (1 - 1e-9)
    assert bound < k_means_estimate(means, covs, weights, 20)


def test_flat_components_count_what_they_have() -> None:
    # Two far components on parallel lines of the plane: each is a normal law on a line.
    means, covs, weights = np.array([[0.0, 0.0], [0.0, 1e4]]), np.zeros((2, 2, 2)), np.array([0.5, 0.5])
    covs[:, 0, 0] = 1.0
    bound = lower_bound(means, covs, weights, 200)
    assert NORMAL_OPTIMA[1000] < bound <= NORMAL_OPTIMA[100]
    # A grain of noise across the lines cannot lower the optimum.
    covs[:, 1, 1] = 1e-14
    assert lower_bound(means, covs, weights, 200) >= bound * (1 - 1e-6)


@pytest.mark.usefixtures("few_atoms")
def test_nearly_singular_covariances_do_not_break_the_bound() -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        means = rng.standard_normal((3, 3)) * np.array([1.0, 1.0, 1e-9])
        basis = ortho_group.rvs(3, random_state=seed)
        spectrum = np.array([1.0, 10.0 ** rng.uniform(-18, -6), 10.0 ** rng.uniform(-18, -6)])
        covs = np.tile(basis * spectrum @ basis.T, (3, 1, 1))
        covs = (covs + np.swapaxes(covs, 1, 2)) / 2
        bound = lower_bound(means, covs, np.full(3, 1 / 3), 5)
        assert 0.1 < bound < k_means_estimate(means, covs, np.full(3, 1 / 3), 5, 500)


# --- size ---


@pytest.mark.parametrize(
    ("k", "d"), [(20_000, 2), (1100, 3), (1, 300), (5, 60), pytest.param(100_000, 2, marks=pytest.mark.slow)]
)
def test_large_inputs_are_affordable(k: int, d: int) -> None:
    rng = np.random.default_rng(0)
    root = rng.standard_normal((k, d, d)) / math.sqrt(d)
    covs = root @ np.swapaxes(root, 1, 2)
    covs = (covs + np.swapaxes(covs, 1, 2)) / 2
    bound = lower_bound(20 * rng.standard_normal((k, d)), covs, np.full(k, 1 / k), 100)
    assert bound > 0.0


def test_two_points_in_the_plane() -> None:
    # Two points that split the widest axis at the mean.
    covs = np.diag([4.0, 1.0])[None]
    draws = multivariate_normal(np.zeros(2), covs[0]).rvs(50_000, random_state=0)
    levels = 2.0 * math.sqrt(2 / math.pi)
    reached = math.sqrt(np.mean((np.abs(draws[:, 0]) - levels) ** 2 + draws[:, 1] ** 2))
    assert 0.85 * reached < lower_bound(np.zeros((1, 2)), covs, np.ones(1), 2) < reached
