"""Upper bounds against the cost of the coupling they claim, the transport dual of the returned masses, and moments."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from independent import (
    dual_cost,
    full,
    gelbrich,
    moments,
    nearest_cost,
    random_mixture,
    rotation,
    square_roots,
)

from diracs import (
    CrossCodebook,
    Gaussian,
    GaussianMixture,
    LayeredScheme,
    ProductScheme,
    ScalarCodebook,
    discretize,
    generate_scheme,
    quantize,
)
from diracs.certificates.upper.product import couple, in_frame, nuclear_norm

THREE, TWO = ScalarCodebook([-1.2, 0.1, 1.3]), ScalarCodebook([-0.8, 0.8])
PAIR, SHELLS = CrossCodebook([1.3], 2), CrossCodebook([0.7, 1.9], 2)


def correlated(ndim, strength=0.6):
    return (1 - strength) * np.eye(ndim) + strength


# --- the coupling, played out by random draws -------------------------------------------------------------------------


def closest(points, x):
    return ((points**2).sum(axis=1) - 2 * x @ points.T).argmin(axis=1)


def play(mean, cov, scheme, count=100_000):
    """Cost and masses of X = μ + Σ^{1/2} O ξ with q(Z), Z = EZ + D ξ, every block of Z going to its nearest point."""
    rng = np.random.default_rng(7)
    d = len(mean)
    frame = np.eye(d) if scheme.frame is None else scheme.frame
    frame = np.linalg.svd(frame, full_matrices=False)[0] @ np.linalg.svd(frame, full_matrices=False)[2]
    r = scheme.ndim_support
    delta = mean if scheme.offset is None else mean - scheme.offset
    scales = np.ones(r) if scheme.scales is None else scheme.scales
    mu, sigma = (delta @ frame)[:r], (frame.T @ cov @ frame)[:r, :r]
    xi = rng.standard_normal((count, r))
    q, index, start, deviation = np.empty_like(xi), np.zeros(count, int), 0, np.empty(r)
    for book in scheme.codebooks:
        axes = slice(start, start + book.ndim)
        start += book.ndim
        points = book.points() * scales[axes]
        if isinstance(book, CrossCodebook):  # a model of deviation `scales` about the offset; cells in standard units
            deviation[axes] = scales[axes]
            nearest = closest(book.points(), xi[:, axes])
        else:
            deviation[axes] = np.sqrt(np.diag(sigma)[axes])
            nearest = closest(points, mu[axes] + xi[:, axes] * deviation[axes])
        q[:, axes] = points[nearest]
        index = index * book.size + nearest
    root = square_roots(sigma)
    u, _, vt = np.linalg.svd(np.diag((xi * q).mean(axis=0)) @ root)
    x = mu + xi @ (root @ (vt.T @ u.T)).T
    error = ((x - q) ** 2).sum(axis=1)
    rest = np.trace(cov) - np.trace(sigma) + delta @ delta - mu @ mu
    return error.mean() + rest, error.std() / math.sqrt(count), np.bincount(index, minlength=scheme.size) / count


COUPLED = {
    "three correlated scalar axes": (
        [0.3, -0.2, 0.5],
        correlated(3),
        ProductScheme([THREE, TWO, THREE], scales=[1.0, 0.7, 1.1]),
    ),
    "two scalar axes and a cross, full covariance": (
        [0.3, -0.2, 0.5, 0.1],
        correlated(4, 0.4) + np.diag([0, 0.3, 0, 0.5]),
        ProductScheme([THREE, TWO, SHELLS]),
    ),
    "cross on unequal variances": ([0.0, 0.0], np.diag([1.0, 0.2]), ProductScheme([SHELLS], scales=[1.0, 0.45])),
    "cross off the mean": ([0.7, -0.4], np.diag([1.0, 0.5]), ProductScheme([SHELLS])),
    "cross of a correlated Gaussian": ([0.0, 0.0], correlated(2, 0.8), ProductScheme([SHELLS])),
    "cross of another scale, rotated": (
        [0.2, 0.0],
        correlated(2, 0.5),
        ProductScheme([PAIR], rotation(1, 2), [0.1, 0.3], [2, 0.3]),
    ),
    "singular covariance": (
        [0.1, 0.2, 0.3],
        np.outer([1, 0.5, -0.7], [1, 0.5, -0.7]),
        ProductScheme([THREE, TWO, TWO], rotation(2, 3), [0.1, 0.0, 0.4]),
    ),
    "perfect correlation": ([0.1, 0.2, 0.3], np.ones((3, 3)), ProductScheme([THREE, TWO, TWO])),
    "perfect anticorrelation on a cross": ([0.0, 0.0], np.array([[1.0, -1], [-1, 1]]), ProductScheme([PAIR])),
    "fewer axes than dimensions": (
        [0.1, 0.2, 0.3, -0.4],
        correlated(4, 0.3),
        ProductScheme([THREE, PAIR], rotation(3, 4)[:, :3], [0.3, 0.2, 0.1, 0]),
    ),
    "wide frame": ([0.1, 0.2, 0.3], correlated(3, 0.3), ProductScheme([PAIR], rotation(4, 3))),
}


@pytest.mark.parametrize("case", COUPLED)
def test_bound_is_the_cost_of_a_coupling_that_ends_in_the_returned_masses(case):
    mean, cov, scheme = COUPLED[case]
    result = discretize(Gaussian(mean, cov), scheme)
    cost, error, masses = play(np.array(mean, float), np.array(cov, float), scheme)
    assert abs(result.w2**2 - cost) < 5 * error + 1e-9
    assert np.abs(result.weights - masses).max() < 5 * math.sqrt(0.25 / 100_000)
    assert not result.exact


# --- the dual: a proof that no coupling with the returned masses is cheaper than it says ------------------------------


def layered(seed, kind="full"):
    means, covs, weights = random_mixture(seed, 3, 2, kind, spread=0.8)
    mixture = GaussianMixture(means, covs, weights)
    parts = [ProductScheme([THREE, TWO], rotation(seed + g, 2), means[g], [0.8, 0.5]) for g in range(2)]
    return mixture, LayeredScheme(parts, [0, 1, 1])


def stacked():
    means, covs, weights = random_mixture(3, 4, 3, "diagonal", spread=0.6)
    frames = np.stack([rotation(g, 3) for g in range(4)])
    stack = ProductScheme([TWO, PAIR], frames, means, np.sqrt(covs))
    return GaussianMixture(means, covs, weights), LayeredScheme([stack], [0, 1, 2, 3])


def dual_cases():
    yield "correlated in 3-D", Gaussian([0.2, -0.1, 0.3], correlated(3, 0.7)), ProductScheme([THREE, TWO, THREE])
    yield "nearly singular in 3-D", Gaussian([0.2, 0, 0], correlated(3, 1 - 1e-9)), ProductScheme([THREE, TWO, TWO])
    yield "unequal cross", Gaussian([0.0, 0.0], [1.0, 0.1]), ProductScheme([SHELLS], scales=[1.0, 0.3])
    yield "shifted cross", Gaussian([0.8, 0.3], [1.0, 0.6]), ProductScheme([SHELLS])
    yield "correlated cross", Gaussian([0.0, 0.0], correlated(2, 0.9)), ProductScheme([SHELLS])
    yield (
        "scalar and cross, correlated",
        Gaussian([0.3, 0.0, 0.1], correlated(3, 0.5)),
        ProductScheme([THREE, SHELLS], rotation(5, 3)),
    )
    yield (
        "one cross for two components",
        GaussianMixture([[-1.0, 0, 0], [1, 0.5, 0]], [0.3, 0.9], [0.3, 0.7]),
        ProductScheme([CrossCodebook([1.5], 3)], scales=[1.4, 1.0, 0.8]),
    )
    yield "layers that overlap", *layered(1)
    yield "layers of a singular mixture", *layered(2, "singular")
    yield "stack that overlaps", *stacked()
    yield "joint masses in 2-D", Gaussian([0.2, -0.1], correlated(2, 0.8)), ProductScheme([THREE, THREE])
    mixture = GaussianMixture(*random_mixture(8, 3, 2, spread=1.0))
    yield "generated, per component", mixture, generate_scheme(mixture, 12, configuration="product", per_mode=False)
    yield "generated crosses", mixture, generate_scheme(mixture, 12, configuration="cross", per_mode=False)


DUAL = {case[0]: case[1:] for case in dual_cases()}


@pytest.mark.parametrize("case", DUAL)
def test_bound_is_not_below_the_dual_cost_of_the_returned_masses(case):
    distribution, scheme = DUAL[case]
    mixture = distribution.as_mixture() if isinstance(distribution, Gaussian) else distribution
    result = discretize(mixture, scheme)
    lower = dual_cost(mixture.means, mixture.covs, mixture.weights, result.positions, result.weights, 50_000)
    assert lower.value - 5 * lower.error <= result.w2**2
    assert lower.value > 0.5 * result.w2**2  # or the test would show nothing
    if result.exact:
        assert abs(lower.value - result.w2**2) < 5 * lower.error + 1e-3 * result.w2**2


def test_dual_cost_sees_masses_that_nearest_points_do_not():
    mixture, scheme = DUAL["layers that overlap"]
    result = discretize(mixture, scheme)
    law = mixture.means, mixture.covs, mixture.weights
    lower = dual_cost(*law, result.positions, result.weights, 50_000)
    nearest, _, _ = nearest_cost(*law, result.positions, 20_000)
    assert lower.value - 5 * lower.error > nearest.value + 5 * nearest.error


# --- moments ----------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=20, derandomize=True)
@given(
    st.integers(0, 10**6),
    st.integers(1, 5),
    st.integers(1, 4),
    st.sampled_from(["isotropic", "diagonal", "full", "singular"]),
    st.sampled_from(["grid", "cross", "product"]),
    st.booleans(),
)
def test_bound_is_not_below_gelbrichs(seed, components, ndim, kind, configuration, per_mode):
    mixture = GaussianMixture(*random_mixture(seed, components, ndim, kind))
    result = discretize(mixture, generate_scheme(mixture, 20, configuration=configuration, per_mode=per_mode))
    truth = moments(mixture.means, mixture.covs, mixture.weights)
    mean = result.weights @ result.positions
    delta = result.positions - mean
    got = mean, (result.weights[:, None] * delta).T @ delta
    assert gelbrich(truth, got) <= result.w2**2 + 1e-12 * np.trace(truth[1])


def test_gelbrichs_bound_is_the_distance_of_a_gaussian_and_a_point():
    law = np.array([1.0, 2.0]), correlated(2)
    result = discretize(Gaussian(*law), ProductScheme([], offset=[0.0, 1.0]))
    assert result.exact and result.w2**2 == pytest.approx(
        gelbrich(law, (np.array([0.0, 1.0]), np.zeros((2, 2)))), rel=1e-12
    )


# --- what `exact` may mean --------------------------------------------------------------------------------------------

ROUND = Gaussian(np.zeros(2), 0.49)
UNIT = ScalarCodebook([-1.0, 1.0])
EXACT = {
    "scalars, diagonal": (Gaussian([0.3, 0.1], [1.0, 0.2]), ProductScheme([THREE, TWO]), True),
    "scalars, correlated in the plane": (Gaussian([0.3, 0.1], correlated(2)), ProductScheme([THREE, TWO]), True),
    "scalars, correlated in the plane of a frame of space": (
        Gaussian(np.zeros(3), correlated(3)),
        ProductScheme([THREE, TWO], rotation(0, 3)[:, :2]),
        True,
    ),
    "scalars, correlated in space": (Gaussian(np.zeros(3), correlated(3)), ProductScheme([THREE, TWO, TWO]), False),
    "scalars, correlated in space but not in the frame": (
        Gaussian(np.zeros(3), rotation(1, 3) @ np.diag([1, 2.0, 3]) @ rotation(1, 3).T),
        ProductScheme([THREE, TWO, TWO], rotation(1, 3)),
        True,
    ),
    "mixture in one group": (GaussianMixture([[0.0, 1], [2, 0]], [1.0, 0.3]), ProductScheme([THREE, TWO]), True),
    "mixture in two groups": (
        GaussianMixture([[0.0, 1], [2, 0]], [1.0, 0.3]),
        LayeredScheme([ProductScheme([THREE, TWO]), ProductScheme([TWO])], [0, 1]),
        False,
    ),
    "mixture, stack": (
        GaussianMixture([[0.0, 1], [2, 0]], [1.0, 0.3]),
        ProductScheme([THREE], offset=[[0.0, 1], [2, 0]]),
        False,
    ),
    "centred round cross": (ROUND, ProductScheme([SHELLS], scales=[0.7, 0.7]), True),
    "centred round cross, rotated": (ROUND, ProductScheme([SHELLS], rotation(5, 2), scales=[0.7, 0.7]), True),
    "round cross and scalar": (Gaussian([0.0, 0, 1], [1.0, 1, 2]), ProductScheme([SHELLS, THREE]), True),
    "cross, scale of another size": (ROUND, ProductScheme([SHELLS], scales=[0.71, 0.71]), False),
    "cross, unequal variances": (Gaussian([0.0, 0], [1.0, 0.5]), ProductScheme([SHELLS], scales=[1, 0.5**0.5]), False),
    "cross, unequal scales": (ROUND, ProductScheme([SHELLS], scales=[0.7, 0.6]), False),
    "cross off the mean": (Gaussian([0.1, 0], 0.49), ProductScheme([SHELLS], scales=[0.7, 0.7]), False),
    "cross, correlated": (Gaussian([0.0, 0], correlated(2, 0.1)), ProductScheme([SHELLS]), False),
    "cross for one of two components only": (
        GaussianMixture([[0.0, 0], [0, 0]], [0.49, 0.5]),
        ProductScheme([SHELLS], scales=[0.7, 0.7]),
        False,
    ),
    "round cross correlated with a scalar": (
        Gaussian([0.0, 0, 0], np.eye(3) + 0.3 * (np.eye(3)[[2, 1, 0]] - np.diag([0, 1, 0]))),
        ProductScheme([SHELLS, THREE]),
        False,
    ),
    "one point": (
        GaussianMixture([[0.0, 1], [2, 0]], correlated(2) + np.zeros((2, 1, 1))),
        ProductScheme([], offset=[3.0, 1]),
        True,
    ),
    "a point mass on its Dirac": (Gaussian([1.0, 2], 0.0), ProductScheme([], offset=[1.0, 2.0]), True),
}


@pytest.mark.parametrize("case", EXACT)
def test_exact_is_claimed_for_exactly_these(case):
    distribution, scheme, exact = EXACT[case]
    result = discretize(distribution, scheme)
    assert result.exact is exact
    mixture = distribution.as_mixture() if isinstance(distribution, Gaussian) else distribution
    nearest, masses, errors = nearest_cost(mixture.means, mixture.covs, mixture.weights, result.positions, 30_000)
    difference = result.w2**2 - nearest.value
    assert difference > -5 * nearest.error - 1e-14
    if exact:
        assert difference < 5 * nearest.error + 1e-14
        assert (np.abs(result.weights - masses) <= 5 * errors + 1e-12).all()


def test_one_group_out_of_two_is_not_called_exact():
    scheme = LayeredScheme([ProductScheme([THREE]), ProductScheme([TWO], offset=[0.3])], [0])
    result = discretize(Gaussian([0.0], 1.0), scheme)
    assert not result.exact and result.weights[3:].tolist() == [0.0, 0.0]
    assert result.w2 == discretize(Gaussian([0.0], 1.0), ProductScheme([THREE])).w2


def test_components_without_groups_take_their_cheapest_scheme():
    means, covs, weights = random_mixture(5, 4, 2)
    parts = [ProductScheme([THREE, TWO], offset=o) for o in ([-1.5, 0.0], [1.0, 1.0], [0.5, -2.0])]
    free = discretize(GaussianMixture(means, covs, weights), LayeredScheme(parts))
    squares = np.array([[discretize(Gaussian(m, c), p).w2 ** 2 for p in parts] for m, c in zip(means, covs)])
    assert free.w2**2 == pytest.approx(weights @ squares.min(axis=1), rel=1e-12)
    choice = squares.argmin(axis=1)
    given_groups = discretize(GaussianMixture(means, covs, weights), LayeredScheme(parts, choice))
    assert free.w2 == pytest.approx(given_groups.w2, rel=1e-14)
    assert free.weights == pytest.approx(given_groups.weights, rel=1e-12)
    shares = np.bincount(choice, weights, 3)
    assert free.weights.reshape(3, -1).sum(axis=1) == pytest.approx(shares, rel=1e-12)


# --- parts ------------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30, derandomize=True)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 6), st.floats(-6, 0))
def test_nuclear_norm_is_never_above_the_sum_of_singular_values(seed, ndim, rank, spread):
    rng = np.random.default_rng(seed)
    g = rng.standard_normal((1, ndim)) * 10.0 ** rng.uniform(spread, 0, (1, ndim))
    factor = rng.standard_normal((ndim, min(rank, ndim))) * 10.0 ** rng.uniform(spread, 0, (ndim, 1))
    sigma = factor @ factor.T
    # tr (G F Fᵀ G)^{1/2} is the sum of the singular values of G F.
    exact = np.linalg.svd(g[0][:, None] * factor, compute_uv=False).sum()
    got = float(nuclear_norm(g, sigma[None])[0])
    assert got <= exact * (1 + 1e-15)
    assert got >= exact * (1 - 2e-6)


def test_frame_coordinates_keep_the_second_moment():
    means, covs, _ = random_mixture(3, 4, 5)
    total = np.trace(covs, axis1=1, axis2=2) + (means**2).sum(axis=1)
    for r, m in ((2, 2), (2, 4), (3, 5)):
        scheme = ProductScheme([THREE] * r, rotation(r, 5)[:, :m])
        got = in_frame(scheme, None, means, covs)
        inside = (got.variance + got.mean**2).sum(axis=1)
        assert inside + got.residual == pytest.approx(total, rel=1e-13)
        assert (inside + got.residual >= total * (1 - 1e-15)).all()


def test_every_kind_of_covariance_means_the_same():
    means = np.array([[0.3, -0.4, 1.0], [1.0, 0.0, 0.2]])
    variances = np.array([0.7, 1.9])
    scalars, mixed, cross = [THREE, TWO, TWO], [THREE, PAIR], [CrossCodebook([1.1, 2.0], 3)]
    permuted, turned = np.eye(3)[:, [2, 0, 1]], rotation(0, 3)
    for books, frame in ((scalars, None), (scalars, turned), (mixed, permuted), (mixed, turned), (cross, turned)):
        scheme = ProductScheme(books, frame, [0.1, 0.2, 0.3], [1.0, 0.5, 0.6])
        kinds = variances, variances[:, None] * np.ones(3), full(means, variances)
        results = [discretize(GaussianMixture(means, covs, [0.4, 0.6]), scheme) for covs in kinds]
        for other in results[1:]:
            assert other.w2 == pytest.approx(results[0].w2, rel=1e-13)
            assert other.weights == pytest.approx(results[0].weights, abs=1e-14)


def test_cost_alone_is_the_same_with_and_without_joint_masses():
    means, covs, _ = random_mixture(1, 3, 2)
    scheme = ProductScheme([THREE, TWO])
    one, two = (couple(scheme, None, means, covs, masses=masses) for masses in (True, False))
    assert (one.cost == two.cost).all()
    assert one.masses.sum(axis=1) == pytest.approx(1, rel=1e-14) and two.masses is None


def test_weak_correlation_changes_nothing_abruptly():
    for books in ([THREE, TWO, TWO], [THREE, PAIR]):
        values = []
        for rho in (0.0, 1e-12, 1e-9, 1e-7):
            cov = np.diag([1.0, 1.4, 0.6]) + rho * (1 - np.eye(3))
            values.append(float(discretize(Gaussian([0.1, 0.2, 0.3], cov), ProductScheme(books)).w2))
        assert max(values) - min(values) < 1e-6
        assert min(values) >= values[0] * (1 - 1e-9)


@pytest.mark.parametrize(("n", "kind"), [(1, "full"), (3, "isotropic"), (4, "diagonal"), (5, "singular"), (12, "full")])
def test_quantize_is_not_below_the_dual_nor_the_nearest_cost(n, kind):
    means, covs, weights = random_mixture(n, 3, 3, kind)
    result = quantize(GaussianMixture(means, covs, weights), n)
    assert len(result) <= n
    nearest, _, _ = nearest_cost(means, covs, weights, result.positions, 20_000)
    assert nearest.value - 5 * nearest.error <= result.w2**2
    lower = dual_cost(means, covs, weights, result.positions, result.weights, 40_000)
    assert lower.value - 5 * lower.error <= result.w2**2
