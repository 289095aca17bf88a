"""Exact states under affine maps: against formulas, exact fractions, transport on the line, and the chain of Diracs."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diracs import Affine, Gaussian, GaussianMixture, SumOfDiracs, propagate
from diracs.propagation.affine import rounding

TURN = 0.9 * np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])


def mixture(rng, k, d, size=1.0, rank=None):
    roots = size * rng.normal(size=(k, d, d if rank is None else rank))
    return GaussianMixture(size * rng.normal(size=(k, d)), roots @ np.swapaxes(roots, 1, 2), rng.dirichlet(np.ones(k)))


def moments(law):
    mean = law.weights @ law.means
    off = law.means - mean
    return mean, np.tensordot(law.weights, law.covs, 1) + (law.weights[:, None] * off).T @ off


def test_a_gaussian_stays_exactly_what_it_is():
    """The noise is not lost: 50 steps of a random walk have 50 times its variance."""
    found = propagate(Gaussian(np.zeros(3), 0.0), Affine(np.eye(3)), Gaussian(np.zeros(3), 2e-4), 50, n=100)
    assert found.w2_bound.max() < 1e-13
    assert len(found.states[-1].means) == 1
    assert found.states[-1].covs[0] == pytest.approx(1e-2 * np.eye(3))
    assert found.diracs == () and found.schemes == () and found.dirac_errors.shape == (0,)


def test_mixtures_are_all_pairs_of_images_and_noise():
    rng = np.random.default_rng(0)
    start, noise, b = mixture(rng, 2, 2), mixture(rng, 3, 2), np.array([1.0, -2.0])
    state = propagate(start, Affine(TURN, b), noise, 1).states[0]
    for i in range(2):
        for j in range(3):
            k = 3 * i + j
            assert state.means[k] == pytest.approx(TURN @ start.means[i] + b + noise.means[j])
            assert state.covs[k] == pytest.approx(TURN @ start.covs[i] @ TURN.T + noise.covs[j])
            assert state.weights[k] == pytest.approx(start.weights[i] * noise.weights[j])


def quantile_w2(first, second, count=8001):
    """W₂ of two mixtures on the line by the midpoint rule on their quantiles: from below, but for 1e-3 of itself."""
    from scipy.special import ndtr

    def quantiles(law):
        deviations = np.sqrt(law.covs[:, 0, 0])
        x = np.linspace((law.means[:, 0] - 7 * deviations).min(), (law.means[:, 0] + 7 * deviations).max(), 4001)
        cdf = ndtr((x[:, None] - law.means[:, 0]) / deviations) @ law.weights
        return np.interp((np.arange(count) + 0.5) / count, cdf, x)

    return np.sqrt(((quantiles(first) - quantiles(second)) ** 2).mean())


@settings(deadline=None, max_examples=6, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_merging_is_never_below_the_truth_on_the_line(seed):
    rng = np.random.default_rng(seed)
    start, noise = mixture(rng, 3, 1), mixture(rng, 2, 1, size=rng.choice([0.05, 0.5]))
    A = Affine([[float(rng.normal())]])
    exact, merged = propagate(start, A, noise, 4), propagate(start, A, noise, 4, components=int(rng.integers(1, 8)))
    for t in range(4):
        law = exact.states[t]
        # Quantiles are read off a grid.
        grid = 1e-3 * (np.ptp(law.means) + np.sqrt(law.covs.max()))
        assert quantile_w2(law, merged.states[t]) <= merged.w2_bound[t] * 1.001 + grid
        assert exact.w2_bound[t] <= 1e-3 * grid


@pytest.mark.slow
@settings(deadline=None, max_examples=10, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_merging_costs_less_than_diracs(seed):
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 4))
    start, noise = mixture(rng, int(rng.integers(1, 5)), d), mixture(rng, 2, d, size=0.3)
    A = rng.normal(size=(d, d))
    A *= 0.8 / np.linalg.norm(A, 2)
    n = int(rng.integers(4, 20))
    merged = propagate(start, Affine(A), noise, 5, n=n)
    chain = propagate(start, Affine(A), noise, 5, n=n, quantized=True)
    assert merged.w2_bound[-1] <= chain.w2_bound[-1]
    true = moments(propagate(start, Affine(A), noise, 5).states[-1])
    assert moments(merged.states[-1])[0] == pytest.approx(true[0], abs=1e-12)


def test_groups_narrower_than_their_components_keep_the_covariance():
    start = GaussianMixture(0.05 * np.arange(6)[:, None], np.ones(6))
    found = propagate(start, Affine([[1.0]]), Gaussian([0.0], 0.5), 3, components=2)
    assert moments(found.states[-1])[1][0, 0] == pytest.approx(moments_on_line(start) + 1.5, rel=1e-13)
    assert 0.0 < found.w2_bound[-1] < 0.1


def moments_on_line(law):
    mean = law.weights @ law.means[:, 0]
    return law.weights @ (law.covs + (law.means[:, 0] - mean) ** 2)


def fraction_product(A, B):
    return [[sum((x * y for x, y in zip(row, column)), Fraction(0)) for column in zip(*B)] for row in A]


@pytest.mark.parametrize("seed", range(6))
def test_rounding_is_paid_for_singular_covariances(seed):
    """Against exact fractions: W₂ of N(m, S) as computed and as it is, by the roots in 50 digits."""
    from mpmath import eigsy, mp, mpf
    from mpmath import matrix as exact_matrix

    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(2, 2)))[0]
    direction = rng.normal(size=2)
    cov = np.outer(direction, direction)
    found = propagate(Gaussian(rng.normal(size=2), cov), Affine(turn), None, 1)
    A, S = ([[Fraction(float(x)) for x in row] for row in a] for a in (turn, cov))
    true = fraction_product(fraction_product(A, S), [list(c) for c in zip(*A)])
    with mp.workdps(50):

        def root(values):
            e, q = eigsy(exact_matrix([[mpf(v.numerator) / mpf(v.denominator) for v in row] for row in values]))
            return e, q

        # Both are near rank one: W₂² = tr S + tr T − 2 tr (S^½ T S^½)^½ ≥ |λ_min| of the computed one.
        given = [[Fraction(float(x)) for x in row] for row in found.states[0].covs[0]]
        least = min(root(given)[0])
        assert mp.sqrt(max(least, mpf(0))) <= mpf(float(found.w2_bound[0]))
        assert mp.sqrt(max(min(root(true)[0]), mpf(0))) <= mpf(float(found.w2_bound[0]))
    assert found.w2_bound[0] < 1e-6


def test_rounding_of_regular_covariances_costs_roundings():
    off = np.full((1, 2, 2), 1e-16)
    assert rounding(np.eye(2)[None], np.ones(1), np.zeros((1, 2)), off) == pytest.approx(2e-16)
    assert rounding(np.zeros((1, 2, 2)), np.ones(1), np.zeros((1, 2)), off) == pytest.approx(2**0.25 * 2**0.5 * 1e-8)


def test_radii_grow_along_the_powers():
    found = propagate(
        Gaussian(np.zeros(2), 1.0), Affine(TURN), Gaussian(np.zeros(2), 0.1), 3, initial_radius=0.2, noise_radius=0.01
    )
    radii = [0.9**t * 0.2 + 0.01 * sum(0.9**s for s in range(t)) for t in (1, 2, 3)]
    assert found.w2_bound == pytest.approx(radii)


def test_limits():
    one = propagate(Gaussian([1.0, 0.0], 1.0), Affine(TURN, [1.0, 0.0]), Gaussian(np.zeros(2), 0.19), 2).limit()
    assert one.state.means[0] == pytest.approx(np.linalg.solve(np.eye(2) - TURN, [1.0, 0.0]))
    assert one.state.covs[0] == pytest.approx(np.eye(2)) and one.w2_bound < 1e-12
    noise = GaussianMixture([[-1.0], [1.0]], [0.01, 0.01])
    two = propagate(Gaussian([0.0], 1.0), Affine([[0.5]]), noise, 1, components=40).limit()
    # The exact chain from the same start, far beyond the limit's own horizon.
    far = propagate(Gaussian([0.0], 1.0), Affine([[0.5]]), noise, 9, components=4096).states[-1]
    assert quantile_w2(far, two.state) <= two.w2_bound < 0.1
    with pytest.raises(ValueError, match="contraction"):
        propagate(Gaussian([0.0], 1.0), Affine([[1.0]]), None, 1).limit()


@pytest.mark.parametrize("size", [1e-140, 1e140])
def test_any_scale(size):
    root = np.sqrt(size)
    start = GaussianMixture(root * np.array([[0.0, 1.0], [0.5, 0.0], [3.0, 1.0]]), np.full(3, size))
    found = propagate(start, Affine(TURN), Gaussian(np.zeros(2), 0.1 * size), 4, components=2)
    unit = GaussianMixture(start.means / root, np.ones(3))
    plain = propagate(unit, Affine(TURN), Gaussian(np.zeros(2), 0.1), 4, components=2)
    assert found.w2_bound / root == pytest.approx(plain.w2_bound, rel=1e-9)


def test_single_precision_and_frameworks():
    torch = pytest.importorskip("torch")

    start = GaussianMixture(torch.tensor([[0.1, 0.2], [1.0, 0.3]]), torch.tensor([0.1, 0.3]))
    found = propagate(start, Affine(torch.tensor(TURN.astype(np.float32))), None, 3)
    assert found.states[-1].covs.dtype == torch.float32 and found.w2_bound.dtype == torch.float32
    assert 0.0 < float(found.w2_bound[-1]) < 1e-2


def test_bad_input():
    start = Gaussian([0.0], 1.0)
    with pytest.raises(ValueError, match="w2_bound"):
        propagate(start, Affine([[1.0]]), None, 1, n=3, w2_bound=0.1)
    with pytest.raises(ValueError, match="is not kept"):
        propagate(start, Affine([[1.0]]), None, 2, w2_bound=1e-3, noise_radius=0.1)
    with pytest.raises(ValueError, match="dimension 2"):
        propagate(start, Affine(np.eye(2)), None, 1)
    with pytest.raises(ValueError, match="one step only"):
        propagate(start, Affine([[1.0], [1.0]]), None, 2)
    with pytest.raises(ValueError, match="Lipschitz constant: leave"):
        propagate(start, Affine([[1.0]]), None, 1, lipschitz=1.0)
    with pytest.raises(ValueError, match="grow beyond"):
        propagate(start, Affine([[1e10]]), None, 40)
    assert propagate(SumOfDiracs([[1.0], [2.0]]), Affine([[2.0]]), None, 1).states[0].means[:, 0].tolist() == [2.0, 4.0]
