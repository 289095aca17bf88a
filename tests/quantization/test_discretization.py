"""The certificate of `discretize` against truths computed independently, at ordinary and at adversarial scales."""

from __future__ import annotations

import itertools
import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from independent import full, line_w2, moments, nearest_cost, random_mixture, rotation

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
from diracs.codebooks.normal import normal_levels

# --- the line ---------------------------------------------------------------------------------------------------------


def line_square(means, variances, weights, levels):
    """E min_j (x − y_j)² of a mixture in 50 digits, by one tail for each border b between levels.

    Right of b the square is less by 2 (y_{j+1} − y_j) (x − b): it is E(x − y_1)² − 2 Σ (y_{j+1} − y_j) E(x − b)₊.
    """
    with mpmath.workdps(50):
        y = [mpmath.mpf(float(v)) for v in np.sort(np.ravel(levels))]
        gaps = [(v - u, (u + v) / 2) for u, v in itertools.pairwise(y)]
        weights = [mpmath.mpf(float(w)) for w in weights]
        square = mpmath.mpf(0)
        for mean, variance, weight in zip(np.ravel(means).tolist(), np.ravel(variances).tolist(), weights):
            mean, variance = mpmath.mpf(mean), mpmath.mpf(variance)
            deviation = mpmath.sqrt(variance)
            own = variance + (mean - y[0]) ** 2
            for gap, border in gaps:
                own -= 2 * gap * _excess(mean - border, deviation)
            square += weight * own
        return square / mpmath.fsum(weights)


def _excess(shift, deviation):
    """E(x)₊ for x of N(shift, deviation²)."""
    if abs(shift) >= 60 * deviation:
        return max(shift, mpmath.mpf(0))
    z = shift / deviation
    return deviation * mpmath.npdf(z) + shift * mpmath.erfc(-z / mpmath.sqrt(2)) / 2


def relative(result, square):
    """(w2 − √square) / √square in 50 digits, so that 1e-13 can be told."""
    with mpmath.workdps(50):
        truth = mpmath.sqrt(square)
        return float((mpmath.mpf(float(result.w2)) - truth) / truth)


@pytest.mark.parametrize("n", [1, 2, 17, 200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_bound_of_optimal_levels_is_the_exact_distance_and_not_too_low(n):
    result = discretize(
        Gaussian([0.37], 2.3), ProductScheme([ScalarCodebook(normal_levels(n)[0])], None, [0.37], [2.3**0.5])
    )
    excess = relative(result, line_square([0.37], [2.3], [1.0], result.positions))
    assert -1e-12 < excess < 1e-11
    assert result.exact


@pytest.mark.parametrize(
    "means, variances, weights",
    [
        ([0.0, 3.0], [1.0, 0.01], [0.3, 0.7]),
        ([-2.0, 0.5, 0.6], [0.3, 0.0, 1e-6], [0.5, 0.2, 0.3]),
        ([0.0, 1.0], [0.0, 0.0], [0.25, 0.75]),
        ([0.0, 0.0, 0.0], [1e4, 1.0, 1e-8], [0.1, 0.1, 0.8]),
    ],
)
@pytest.mark.parametrize("n", [1, 4, 60])
def test_bound_of_any_levels_for_a_mixture_with_point_masses_is_exact(means, variances, weights, n):
    levels = np.random.default_rng(n).normal(0.2, 1.5, n)
    mixture = GaussianMixture(np.array(means)[:, None], np.array(variances)[:, None], weights)
    result = discretize(mixture, ProductScheme([ScalarCodebook(levels)]))
    excess = relative(result, line_square(means, variances, weights, result.positions))
    assert -1e-12 < excess < 1e-11
    assert result.exact


@pytest.mark.parametrize("n", [1, 4])
def test_distance_by_quantile_functions_of_the_returned_masses_is_the_bound(n):
    means, variances, weights = [-1.0, 0.4, 2.5], [0.5, 1.3, 0.02], [0.3, 0.5, 0.2]
    mixture = GaussianMixture(np.array(means)[:, None], variances, weights)
    result = quantize(mixture, n, scheme="optimal")
    truth = line_w2(means, variances, mixture.weights, result.positions, result.weights)
    assert result.exact
    assert float(result.w2 / truth) == pytest.approx(1, rel=1e-12)


def test_bound_of_layers_on_the_line_is_above_the_distance_by_quantile_functions():
    means, variances, weights = [-0.5, 0.4], [0.5, 1.3], [0.4, 0.6]
    parts = [ProductScheme([ScalarCodebook(s * normal_levels(3)[0])], offset=[m]) for m, s in ((-0.5, 0.7), (0.4, 1.1))]
    result = discretize(GaussianMixture(np.array(means)[:, None], variances, weights), LayeredScheme(parts, [0, 1]))
    truth = float(line_w2(means, variances, weights, result.positions, result.weights))
    nearest = math.sqrt(line_square(means, variances, weights, result.positions))
    assert not result.exact
    assert nearest * 1.001 < truth < result.w2


HUNDREDTHS = st.integers(-300, 300).map(lambda i: i / 100)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(
    st.lists(
        st.tuples(HUNDREDTHS, st.sampled_from([0.0, 1e-16, 1e-6, 0.1, 1.0, 1e6]), st.floats(0.01, 1)),
        min_size=1,
        max_size=3,
    ),
    st.lists(st.one_of(HUNDREDTHS, st.sampled_from([0.0, 0.5, 1e3])), min_size=1, max_size=6),
    st.sampled_from([1e-150, 1e-30, 1.0, 1e-3, 1e75, 1e150]),
)
def test_bound_on_the_line_is_exact_at_any_scale(components, levels, unit):
    means, variances, weights = (np.array(x) for x in zip(*components))
    means, variances = means * unit, variances * unit * unit
    scheme = ProductScheme([ScalarCodebook(levels)], scales=[unit])
    result = discretize(GaussianMixture(means[:, None], variances[:, None], weights), scheme)
    square = line_square(means, variances, weights, result.positions)
    # The Diracs are floats: the bound may exceed the truth by the rounding of their positions.
    spread = 4e-16 * float(np.abs(result.positions).max())
    if len(set(levels)) < len(levels):
        # Point masses on repeated levels are divided, which costs a rounding of the masses.
        spread += 3e-8 * float(np.ptp(result.positions))
    assert math.isfinite(result.w2) and result.exact
    assert result.weights.sum() == pytest.approx(1, rel=1e-14) and (result.weights >= 0).all()
    with mpmath.workdps(50):
        truth = mpmath.sqrt(square)
        assert result.w2 >= truth * (1 - mpmath.mpf("1e-12")) - mpmath.mpf(spread) * 1e-3
        assert result.w2 <= truth * (1 + mpmath.mpf("1e-11")) + spread


@pytest.mark.parametrize("mean, deviation", [(1e6, 1e-3), (-1e6, 1e-3), (1e9, 1.0), (1e12, 1e-2)])
def test_far_means_with_small_deviations_keep_a_true_bound(mean, deviation):
    scheme = ProductScheme([ScalarCodebook(normal_levels(6)[0])], offset=[mean], scales=[deviation])
    result = discretize(Gaussian([mean], deviation**2), scheme)
    square = line_square([mean], [deviation**2], [1.0], result.positions)
    assert relative(result, square) > -1e-12
    # Rounding of positions is paid for.
    assert result.w2 <= float(mpmath.sqrt(square)) * (1 + 1e-12) + 3e-16 * abs(mean)


# --- any dimension: the error of scalar products depends on marginals only --------------------------------------------


def exact_product(mixture, scheme):
    """Square of the distance that the nearest points of a product of scalar codebooks leave, 50 digits."""
    with mpmath.workdps(50):
        d = mixture.ndim
        frame = mpmath.matrix((np.eye(d) if scheme.frame is None else scheme.frame).tolist())
        for _ in range(4):  # orthonormal beyond rounding
            frame = (3 * frame - frame * (frame.T * frame)) / 2
        offset = np.zeros(d) if scheme.offset is None else scheme.offset
        scales = np.ones(scheme.ndim_support) if scheme.scales is None else scheme.scales
        total, weight_sum = mpmath.mpf(0), mpmath.fsum(float(w) for w in mixture.weights)
        for mean, cov, weight in zip(mixture.means, full(mixture.means, mixture.covs), mixture.weights):
            delta = mpmath.matrix([mpmath.mpf(float(m)) - mpmath.mpf(float(o)) for m, o in zip(mean, offset)])
            sigma = mpmath.matrix(cov.tolist())
            local, spread = frame.T * delta, frame.T * sigma * frame
            square = sum(x * x for x in delta) + sum(sigma[i, i] for i in range(d))
            for axis, book in enumerate(scheme.codebooks):
                mu, variance = local[axis], spread[axis, axis]
                square -= mu * mu + variance
                deviation = mpmath.sqrt(variance) if variance > 0 else mpmath.mpf(0)
                levels = sorted(mpmath.mpf(float(v)) for v in book.levels * scales[axis])
                square += variance + (mu - levels[0]) ** 2
                for u, v in itertools.pairwise(levels):
                    square -= 2 * (v - u) * _excess(mu - (u + v) / 2, deviation)
            total += mpmath.mpf(float(weight)) * square / weight_sum
        return total


@settings(deadline=None, max_examples=30, derandomize=True)
@given(
    st.integers(0, 10**6),
    st.integers(1, 5),
    st.integers(1, 3),
    st.sampled_from(["isotropic", "diagonal", "full", "singular"]),
    st.booleans(),
    st.data(),
)
def test_bound_of_scalar_products_reaches_the_nearest_cost_in_fifty_digits(seed, ndim, components, kind, rotated, data):
    rng = np.random.default_rng(seed)
    means, covs, weights = random_mixture(seed, components, ndim, kind)
    r = data.draw(st.integers(1, ndim))
    books = [ScalarCodebook(rng.normal(size=rng.integers(1, 5))) for _ in range(r)]
    frame = rotation(seed, ndim)[:, : data.draw(st.integers(r, ndim))] if rotated else None
    scheme = ProductScheme(books, frame, rng.normal(size=ndim), rng.uniform(0, 2, r))
    mixture = GaussianMixture(means, covs, weights)
    result = discretize(mixture, scheme)
    excess = relative(result, exact_product(mixture, scheme))
    assert excess > -1e-12
    if result.exact:
        assert excess < 1e-11


# --- any scheme: Monte Carlo ------------------------------------------------------------------------------------------

A, B, C = ScalarCodebook([-1.3, 0.0, 1.2]), ScalarCodebook([0.6, -0.6]), ScalarCodebook([0.2])
SHELLS = CrossCodebook([0.6, 1.4, 2.2], 2)


def schemes(means, variances, ndim):
    """One scheme of every sort, in dimension 3."""
    rng = np.random.default_rng(0)
    stack = np.stack([rotation(g, ndim) for g in range(len(means))])
    scales = np.sqrt(variances)
    numbers = rng.integers(0, len(means), len(means))
    yield "scalars", ProductScheme([A, B, C])
    yield "scalars on two axes of a frame", ProductScheme([A, B], rotation(9, ndim)[:, :2], means[0], scales[0, :2])
    yield "scalar with scale zero", ProductScheme([A, B, A], scales=[1.0, 0.0, 0.5])
    yield "cross", ProductScheme([CrossCodebook([1.0, 2.0], 3)], rotation(8, ndim), means.mean(axis=0), [1.0, 0.8, 0.5])
    yield "cross on two axes and scalar", ProductScheme([SHELLS, A], offset=[0.3, 0.1, 0.0])
    yield "point", ProductScheme([], offset=[0.1, 0.2, 0.3])
    yield "stack of frames", ProductScheme([A, SHELLS], stack, means, scales)
    yield "stack of offsets, grouped", LayeredScheme([ProductScheme([A, B], offset=means)], numbers)
    yield "stack of scales", LayeredScheme([ProductScheme([B, SHELLS], scales=scales)])
    two = [ProductScheme([A], rotation(7, ndim), means[0]), ProductScheme([SHELLS], None, means[-1], scales[0, :2])]
    yield "layers", LayeredScheme(two, [0] + [1] * (len(means) - 1))
    yield "layers, nobody in the first", LayeredScheme(two, [1] * len(means))
    yield "layers with a stack", LayeredScheme([two[0], ProductScheme([B, B], stack, means)], 1 + np.arange(len(means)))


KINDS = ("isotropic", "diagonal", "full", "singular", "zero", "nearly singular", "perfect")


def mixture_of(kind):
    means, covs, weights = random_mixture(4, 3, 3, kind if kind in KINDS[:4] else "full", spread=0.8)
    if kind == "zero":
        covs = np.zeros((3, 3, 3))
    if kind == "nearly singular":
        root = np.random.default_rng(5).standard_normal((3, 3, 3)) * [1.0, 1e-6, 1e-9]
        covs = root @ np.swapaxes(root, 1, 2)
    if kind == "perfect":
        signs = np.array([[1, 1, 1], [1, -1, 1], [1, 1, -1.0]])
        covs = signs[:, :, None] * signs[:, None, :]
    return GaussianMixture(means, covs, weights)


@pytest.mark.parametrize("kind", KINDS)
def test_bound_of_every_scheme_is_above_the_nearest_cost_and_equal_where_exact(kind):
    mixture = mixture_of(kind)
    means, covs, weights = mixture.means, mixture.covs, mixture.weights
    variances = np.diagonal(full(means, covs), axis1=1, axis2=2)
    seen, count = 0, 10_000 if kind == "full" else 2000
    for name, scheme in schemes(means, variances, 3):
        result = discretize(mixture, scheme)
        assert result.positions.shape == (scheme.size, 3) and result.weights.shape == (scheme.size,)
        assert result.weights.sum() == pytest.approx(1, rel=1e-14) and (result.weights >= 0).all(), name
        nearest, masses, errors = nearest_cost(means, covs, weights, result.positions, count)
        assert result.w2**2 >= nearest.value * (1 - 1e-12) - 5 * nearest.error, name
        if result.exact:
            seen += 1
            assert result.w2**2 <= nearest.value * (1 + 1e-12) + 5 * nearest.error + 1e-15, name
            distinct = len(np.unique(result.positions, axis=0)) == len(result.positions)
            if distinct:
                assert (np.abs(result.weights - masses) <= 5 * errors + 1e-12).all(), name
    assert seen > 0


@pytest.mark.parametrize("configuration", ["grid", "cross", "product"])
@pytest.mark.parametrize("kind", ["isotropic", "diagonal", "full", "singular"])
def test_bound_of_generated_schemes_is_above_the_nearest_cost(configuration, kind):
    for ndim, components, per_mode in ((1, 3, False), (2, 4, True), (6, 2, False)):
        means, covs, weights = random_mixture(ndim, components, ndim, kind)
        mixture = GaussianMixture(means, covs, weights)
        result = discretize(mixture, generate_scheme(mixture, 14, configuration=configuration, per_mode=per_mode))
        nearest, _, _ = nearest_cost(means, covs, weights, result.positions, 1000)
        assert result.w2**2 >= nearest.value - 5 * nearest.error
        assert result.w2**2 <= np.trace(moments(means, covs, weights)[1]) * (1 + 1e-12)


# --- adversarial inputs -----------------------------------------------------------------------------------------------


@st.composite
def adversarial(draw):
    """A mixture, a scheme and the size of all numbers: any kind of covariance, of scheme, and scales far apart."""
    seed = draw(st.integers(0, 10**6))
    rng = np.random.default_rng(seed)
    d, k = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    # Smaller units make covariances subnormal, which are no longer positive semidefinite to rounding.
    unit = draw(st.sampled_from([1e-140, 1e-40, 1.0, 1e40, 1e150]))
    far = draw(st.sampled_from([0.0, 1.0, 1e6]))
    ratio = 10.0 ** -rng.uniform(0, draw(st.sampled_from([0, 3, 12])), (k, d))
    means = far * rng.integers(-1, 2, d) + rng.normal(size=(k, d)) * draw(st.sampled_from([0.0, 1e-3, 1.0]))
    deviations = draw(st.sampled_from([0.0, 1e-3, 1.0])) * np.sqrt(ratio)
    kind = draw(st.sampled_from(["isotropic", "diagonal", "full", "perfect"]))
    if kind == "isotropic":
        covs = deviations[:, 0] ** 2
    elif kind == "diagonal":
        covs = deviations**2
    elif kind == "full":
        turn = np.stack([rotation(seed + i, d) for i in range(k)])
        covs = (turn * deviations[:, None, :] ** 2) @ np.swapaxes(turn, 1, 2)
        covs = 0.5 * (covs + np.swapaxes(covs, 1, 2))
    else:
        vector = deviations * rng.choice([-1.0, 1.0], (k, d))
        covs = vector[:, :, None] * vector[:, None, :]
    books, axes = [], draw(st.integers(0, d))
    while axes:
        span = int(rng.integers(1, axes + 1))
        if rng.random() < 0.4:
            books.append(CrossCodebook(rng.uniform(0.1, 3, rng.integers(1, 3)), span))
        else:
            span = 1
            books.append(ScalarCodebook(rng.choice([-1.5, -1.0, 0.0, 0.3, 0.3, 1.0, 2.0], rng.integers(1, 4))))
        axes -= span
    r = sum(book.ndim for book in books)
    group = () if draw(st.booleans()) else (k,)
    frame = None
    if draw(st.booleans()):
        frame = rotation(seed + 99, d) + np.zeros((*group, d, d))
    offset = (
        means[0] + draw(st.sampled_from([0.0, 1.0, 1e6])) * np.ones(d) if draw(st.booleans()) else means.mean(axis=0)
    )
    scales = rng.choice([0.0, 1e-3, 1.0, 1e3], r) if draw(st.booleans()) else np.full(r, max(deviations.max(), 1e-3))
    offset, scales = offset * unit + np.zeros((*group, d)), scales * unit + np.zeros((*group, r))
    scheme = ProductScheme(books, frame, offset, scales if books else None)
    if group and draw(st.booleans()):
        scheme = LayeredScheme([scheme], rng.integers(0, k, k)) if scheme.stack == k else scheme
    mixture = GaussianMixture(means * unit, covs * unit * unit, rng.dirichlet(np.ones(k)))
    size = max(np.abs(offset).max(), np.abs(mixture.means).max(), unit * max(deviations.max(), 1e-3))
    return mixture, scheme, float(size), unit


@settings(deadline=None, max_examples=40, derandomize=True)
@given(adversarial())
def test_bound_is_finite_and_true_for_adversarial_inputs(case):
    mixture, scheme, size, unit = case
    result = discretize(mixture, scheme)
    assert np.isfinite(result.positions).all() and math.isfinite(result.w2) and result.w2 >= 0
    assert result.weights.sum() == pytest.approx(1, rel=1e-13) and (result.weights >= 0).all()
    means, covs, positions = mixture.means / unit, mixture.covs / unit / unit, result.positions / unit
    nearest, _, _ = nearest_cost(means, covs, mixture.weights, positions, 300)
    w2, allowed = result.w2 / unit, 4e-16 * math.sqrt(mixture.ndim) * size / unit
    least = math.sqrt(max(nearest.value - 5 * nearest.error, 0.0))
    assert w2 >= least * (1 - 1e-8) - allowed
    # An infinitely cautious bound would prove nothing.
    reach = np.abs(positions[:, None, :] - means).max() + math.sqrt(np.abs(covs).max())
    assert w2 <= 10 * math.sqrt(mixture.ndim) * reach * (1 + 1e-9) + allowed


@settings(deadline=None, max_examples=7, derandomize=True)
@given(
    st.integers(1, 6),
    st.integers(1, 3),
    st.integers(1, 8),
    st.sampled_from([1e-150, 1e-12, 1.0, 1e6, 1e150]),
    st.sampled_from([0.0, 1e3, 1e6]),
    st.sampled_from(["isotropic", "diagonal", "full", "singular"]),
    st.integers(0, 10**6),
)
def test_quantize_is_finite_and_true_at_any_scale(ndim, components, n, unit, far, kind, seed):
    means, covs, weights = random_mixture(seed, components, ndim, kind)
    mixture = GaussianMixture((means + far) * unit, covs * unit**2, weights)
    result = quantize(mixture, n)
    assert len(result) <= n and math.isfinite(result.w2)
    nearest, _, _ = nearest_cost(mixture.means / unit, covs, weights, result.positions / unit, 300)
    assert result.w2 / unit >= math.sqrt(max(nearest.value - 5 * nearest.error, 0.0)) * (1 - 1e-9)
    total = np.trace(moments(mixture.means / unit, covs, weights)[1])
    assert result.w2 / unit <= math.sqrt(total) * (1 + 1e-9) + 1e-15 * (1 + far)


# --- equivariance -----------------------------------------------------------------------------------------------------

PARTS = (
    ("grid", [A, B, A]),
    ("cross", [CrossCodebook([0.9, 1.8], 3)]),
    ("cross and scalar", [SHELLS, A]),
    ("fewer axes", [A, B]),
)


def moved(mixture, scheme, turn, shift, factor):
    covs = factor**2 * turn @ full(mixture.means, mixture.covs) @ turn.T
    law = GaussianMixture(
        factor * mixture.means @ turn.T + shift, 0.5 * (covs + np.swapaxes(covs, 1, 2)), mixture.weights
    )
    offset = factor * turn @ scheme.offset + shift
    return law, ProductScheme(scheme.codebooks, turn @ scheme.frame, offset, factor * scheme.scales)


@pytest.mark.parametrize("name, books", PARTS)
@pytest.mark.parametrize("factor", [1.0, 1e-5, 3e4])
def test_translation_rotation_and_scale_move_the_diracs_along(name, books, factor):
    means, covs, weights = random_mixture(2, 3, 3)
    mixture = GaussianMixture(means, covs, weights)
    r = sum(book.ndim for book in books)
    scheme = ProductScheme(books, rotation(0, 3), np.array([0.1, -0.3, 0.2]), np.array([1.0, 0.8, 0.6])[:r])
    turn, shift = rotation(1, 3), factor * np.array([3.0, -2.0, 5.0])
    here, there = discretize(mixture, scheme), discretize(*moved(mixture, scheme, turn, shift, factor))
    assert there.w2 == pytest.approx(factor * here.w2, rel=1e-11)
    assert there.weights == pytest.approx(here.weights, abs=1e-12)
    expected = factor * here.positions @ turn.T + shift
    assert np.abs(there.positions - expected).max() < 1e-13 * np.abs(expected).max()
    assert there.exact == here.exact


@pytest.mark.parametrize("exponent", [-500, -40, 3, 400])
def test_powers_of_two_scale_the_bound_without_any_rounding(exponent):
    means, covs, weights = random_mixture(2, 3, 3)
    factor = 2.0**exponent
    scheme = ProductScheme([A, B, A], rotation(0, 3), [0.1, -0.3, 0.2], [1.0, 0.8, 0.6])
    here = discretize(GaussianMixture(means, covs, weights), scheme)
    large = ProductScheme(scheme.codebooks, scheme.frame, scheme.offset * factor, scheme.scales * factor)
    there = discretize(GaussianMixture(means * factor, covs * factor * factor, weights), large)
    assert there.w2 == pytest.approx(here.w2 * factor, rel=1e-14)
    assert (there.positions == here.positions * factor).all()


def test_order_of_components_does_not_matter():
    means, covs, weights = random_mixture(6, 5, 3)
    scheme = ProductScheme([SHELLS, A])
    order = np.random.default_rng(0).permutation(5)
    one = discretize(GaussianMixture(means, covs, weights), scheme)
    two = discretize(GaussianMixture(means[order], covs[order], weights[order]), scheme)
    assert two.w2 == pytest.approx(one.w2, rel=1e-14) and two.weights == pytest.approx(one.weights, abs=1e-15)


def test_split_components_are_the_same_distribution():
    means, covs, weights = random_mixture(6, 2, 3)
    scheme = ProductScheme([A, B, A], rotation(1, 3))
    one = discretize(GaussianMixture(means, covs, weights), scheme)
    twice = np.repeat(np.arange(2), 2)
    two = discretize(GaussianMixture(means[twice], covs[twice], np.repeat(weights, 2) * [0.3, 0.7, 0.5, 0.5]), scheme)
    assert two.w2 == pytest.approx(one.w2, rel=1e-13) and two.weights == pytest.approx(one.weights, abs=1e-14)


def test_component_of_no_weight_changes_nothing():
    means, covs, weights = random_mixture(6, 2, 3)
    scheme = ProductScheme([A, SHELLS])
    one = discretize(GaussianMixture(means, covs, weights), scheme)
    more = np.concatenate([means, [[9.0, 9, 9]]]), np.concatenate([covs, [np.eye(3)]]), np.append(weights, 0.0)
    two = discretize(GaussianMixture(*more), scheme)
    assert two.w2 == pytest.approx(one.w2, rel=1e-14) and two.weights == pytest.approx(one.weights, abs=1e-15)


def test_batch_is_its_members():
    laws = [random_mixture(seed, 3, 2) for seed in range(4)]
    means, covs, weights = (np.stack(x).reshape(2, 2, *x[0].shape) for x in zip(*laws))
    scheme = ProductScheme([SHELLS], offset=[0.1, 0.0])
    batch = discretize(GaussianMixture(means, covs, weights), scheme)
    assert batch.w2.shape == (2, 2) and batch.positions.shape == (2, 2, 12, 2) and batch.weights.shape == (2, 2, 12)
    for i in np.ndindex(2, 2):
        alone = discretize(GaussianMixture(means[i], covs[i], weights[i]), scheme)
        assert batch.w2[i] == alone.w2 and (batch.weights[i] == alone.weights).all()


def test_single_precision_bound_covers_the_rounding_of_its_positions():
    mean, deviation = np.float32(1000.0), np.float32(1e-4)
    result = discretize(
        Gaussian(np.array([mean]), np.float32([deviation**2])),
        ProductScheme([ScalarCodebook([-1e-4, 1e-4])], offset=[1000.0]),
    )
    assert result.w2.dtype == np.float32 and result.positions.dtype == np.float32
    square = line_square([mean], [np.float32(deviation**2)], [1.0], result.positions.astype(float))
    assert relative(result, square) > 0


@pytest.mark.parametrize(
    "scheme, error, message",
    [
        ([[0.0, 1.0]], TypeError, "scheme"),
        (ProductScheme([A], offset=[0.0, 1.0, 2.0]), ValueError, "dimension"),
        (ProductScheme([A, A, A]), ValueError, "axes"),
        (LayeredScheme([ProductScheme([A])], [0, 0, 0]), ValueError, "components"),
    ],
)
def test_schemes_that_do_not_fit_are_refused(scheme, error, message):
    with pytest.raises(error, match=message):
        discretize(GaussianMixture(np.zeros((2, 2)), np.ones(2)), scheme)


@pytest.mark.parametrize("variance", [0.0, 1e-30, 1e-24, 1e-16])
@pytest.mark.parametrize("levels, mean", [([-5.0, 0.8], -2.1), ([-5.0, 3.2], -0.9), ([-3.0, -0.9], -1.95)])
def test_mass_on_a_border_is_counted_once(levels, mean, variance):
    result = discretize(Gaussian([mean], variance), ProductScheme([ScalarCodebook(levels)]))
    truth = math.sqrt(line_square([mean], [variance], [1.0], levels))
    assert truth * (1 - 1e-12) <= result.w2 <= truth * (1 + 1e-11)


@pytest.mark.parametrize("n", [8, pytest.param(300, marks=pytest.mark.slow)])
def test_single_precision_masses_are_part_of_the_measure_that_the_bound_speaks_of(n):
    law = [np.float32([[0], [10]]), np.float32([[0.01], [0.01]]), np.float32([0.3, 0.7])]
    mixture = GaussianMixture(*law)
    result = quantize(mixture, n)
    truth = line_w2(mixture.means, mixture.covs, mixture.weights, result.positions, result.weights)
    assert result.w2 >= truth * (1 - 1e-12)


def test_double_precision_masses_are_part_of_the_measure_that_the_bound_speaks_of():
    mixture = GaussianMixture([[0.0], [1e6]], [1e-6, 1e-6], [0.3, 0.7])
    result = quantize(mixture, 4)
    truth = line_w2(mixture.means, mixture.covs, mixture.weights, result.positions, result.weights)
    assert result.w2 >= truth * (1 - 1e-12)


def test_far_offset_is_subtracted_without_losing_the_mean():
    result = discretize(Gaussian([0.1], 0.0), ProductScheme([ScalarCodebook([0.1 - 1e6])], offset=[1e6]))
    assert result.w2 >= abs(mpmath.mpf(0.1) - mpmath.mpf(float(result.positions[0, 0])))


def test_small_variance_outside_the_frame_is_not_lost():
    n, small = 1000, 1.1e-16
    result = quantize(Gaussian([0.0, 0.0], [1.0, small]), n)
    assert result.w2 >= math.sqrt(normal_levels(n)[1] + small) * (1 - 1e-12)


def test_rounding_of_a_zero_variance_in_a_rotated_frame_is_paid_for():
    for seed in range(12):
        frame = rotation(seed, 3)
        cov = np.outer(frame[:, 0], frame[:, 0])
        two = ScalarCodebook([-1.0, 1.0])
        result = discretize(Gaussian(np.zeros(3), cov), ProductScheme([two, two], frame[:, :2]))
        r, s = mpmath.matrix(frame.tolist()), mpmath.matrix(cov.tolist())
        with mpmath.workdps(50):
            for _ in range(4):
                r = (3 * r - r * (r.T * r)) / 2
            v = [(r.T * s * r)[k, k] for k in range(3)]
            square = v[2] + sum(x + 1 - 2 * mpmath.sqrt(max(x, 0) * 2 / mpmath.pi) for x in v[:2])
            assert result.w2 >= mpmath.sqrt(square) * (1 - mpmath.mpf("1e-12"))


@pytest.mark.parametrize("extra", [0, 1])
def test_what_carries_no_mass_does_not_set_the_unit(extra):
    two = ProductScheme([ScalarCodebook([-1.0, 1.0])], offset=[0.0])
    if extra:
        result = discretize(Gaussian([0.0], 1.0), LayeredScheme([two, ProductScheme([], offset=[1e170])], [0]))
    else:
        result = discretize(GaussianMixture([[0.0], [1e170]], [1.0, 1.0], [1.0, 0.0]), two)
    assert result.w2 >= math.sqrt(2 - math.sqrt(8 / math.pi)) * (1 - 1e-12)


@pytest.mark.parametrize("scale", [1e-170, 1e-159, 1e160])
def test_scales_and_means_alone_set_the_unit(scale):
    book = ScalarCodebook([1.0])
    assert discretize(Gaussian([0.0], 0.0), ProductScheme([book], scales=[scale])).w2 == pytest.approx(
        scale, rel=1e-12, abs=0
    )
    level = ProductScheme([ScalarCodebook([0.0])])
    assert discretize(Gaussian([scale], 0.0), level).w2 == pytest.approx(scale, rel=1e-12, abs=0)
    cross = discretize(Gaussian([0.0, 0], 0.0), ProductScheme([CrossCodebook([1.0], 2)], scales=[scale, scale]))
    assert cross.w2 == pytest.approx(scale, rel=1e-12, abs=0)


def test_large_scales_on_correlated_axes_do_not_overflow():
    scheme = ProductScheme([ScalarCodebook([-1.0, 1.0])] * 3, scales=[1e150] * 3)
    result = discretize(Gaussian(np.zeros(3), 1e100 * (np.eye(3) + 0.3)), scheme)
    assert result.w2 == pytest.approx(3**0.5 * 1e150, rel=1e-9)


@pytest.mark.parametrize(("size", "deviation"), [(1e75, 1e-20), (1e150, 1e-100), (1e76, 1e-17), (1.0, 1e-20)])
def test_rounding_of_positions_far_from_the_origin_is_paid(size, deviation):
    """All positions round to the mean, far beyond what squares may be: what is left of the grid is its middle."""
    mean, scale = np.array([0.3, 0.7]) * size, deviation * size
    levels = [ScalarCodebook([-1.0, 1.0])] * 2
    q = discretize(GaussianMixture([mean], [scale * scale]), ProductScheme(levels, None, mean, [scale, scale]))
    cost = np.sqrt(2.0) * scale if (q.positions == mean).all() else 0.0
    assert cost > 0 and q.w2 >= cost
