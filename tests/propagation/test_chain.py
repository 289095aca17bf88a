"""propagate: bounds never below the true distance, on linear systems exactly and on others by simulated couplings."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diracs
from diracs import Affine, Gaussian, GaussianMixture, SumOfDiracs, propagate
from diracs.laws.convert import as_mixture
from diracs.laws.gaussian import full_covariances
from diracs.mixtures.reduction import bures
from diracs.propagation import fine, run
from diracs.propagation.ambiguity import NONE
from diracs.propagation.bounds import AffineGrowth, LipschitzGrowth, Split, StepError
from diracs.propagation.law import law_of, with_noise
from diracs.propagation.limit import settle

ROTATION = 0.8 * np.array([[np.cos(np.pi / 8), np.sin(np.pi / 8)], [-np.sin(np.pi / 8), np.cos(np.pi / 8)]])
START, NOISE = Gaussian([0.8, 0.8], 1e-4), Gaussian([0.0, 0.0], 1e-3)


@pytest.fixture(scope="module", autouse=True)
def coarse():
    """Ten times fewer fine cells to merge: bounds hold for any number. Gives the number of before."""
    with pytest.MonkeyPatch.context() as patch:
        number = fine._LEAST
        patch.setattr(fine, "_LEAST", number // 10)
        yield number


@pytest.fixture
def grids(monkeypatch):
    """Cells of grids only: these can be told from the schemes."""
    monkeypatch.setattr(run, "can_merge", lambda law, n: False)


def damped_rotation(n, steps=6, **options):
    return propagate(START, Affine(ROTATION), NOISE, steps, n=n, quantized=True, **options)


def moments(law):
    mean = law.weights @ law.means
    centred = law.means - mean
    covs = full_covariances(law.means, law.covs)
    return mean, np.tensordot(law.weights, covs, 1) + (law.weights[:, None] * centred).T @ centred


def gelbrich(first, second):
    """A lower bound on W₂ from means and covariances (Gelbrich 1990), the W₂ of Gaussians."""
    (m, a), (k, b) = first, second
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    # Eigenvalues are right to so much.
    off = 2e-15 * np.trace(a) * np.trace(b)
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ b @ root), 0) + off).sum()
    return np.sqrt(max(((m - k) ** 2).sum() + np.trace(a + b) - 2 * cross, 0.0))


def projected_w2(mean, cov, law, direction):
    """W₂ of the projections of N(mean, cov) and of a mixture on a line, by quantile functions: another lower bound."""
    from scipy.special import ndtr, ndtri

    p = (np.arange(1000) + 0.5) / 1000
    mu, sigma = (
        law.means @ direction,
        np.sqrt(np.einsum("i,kij,j->k", direction, full_covariances(law.means, law.covs), direction)),
    )
    grid = np.linspace((mu - 6 * sigma).min(), (mu + 6 * sigma).max(), 2001)
    cumulative = law.weights @ ndtr((grid - mu[:, None]) / sigma[:, None])
    quantiles = np.interp(p, cumulative, grid)
    true = mean @ direction + np.sqrt(direction @ cov @ direction) * ndtri(p)
    inner = slice(10, -10)  # the rest only adds to the distance
    return np.sqrt(((quantiles - true)[inner] ** 2).sum() / 1000) - 1e-5


def true_moments(start, A, b, noise, steps):
    """Mean and covariance of an affine chain after each step."""
    (mean, cov), (shift, spread) = moments(start), moments(noise)
    for _ in range(steps):
        mean, cov = A @ mean + b + shift, A @ cov @ A.T + spread
        yield mean, cov


@pytest.mark.parametrize(
    "merging, n, most, published",
    [
        (False, 10, 0.034, 0.0717),
        (True, 10, 0.0309, 0.0717),
        pytest.param(False, 100, 0.0125, 0.0262, marks=pytest.mark.slow),
        pytest.param(True, 100, 0.0117, 0.0262, marks=pytest.mark.slow),
    ],
)
def test_damped_rotation_reaches_its_figures_and_is_never_below_the_truth(
    merging, n, most, published, request, coarse, monkeypatch
):
    monkeypatch.setattr(fine, "_LEAST", coarse)
    if not merging:
        request.getfixturevalue("grids")
    trajectory = damped_rotation(n)
    assert trajectory.w2_bound[-1] <= most < published
    assert all(len(d) <= n for d in trajectory.diracs)
    exact = true_moments(START.as_mixture(), ROTATION, 0.0, NOISE.as_mixture(), 6)
    for bound, state, (mean, cov) in zip(trajectory.w2_bound, trajectory.states, exact, strict=True):
        assert gelbrich((mean, cov), moments(state)) <= bound
        for angle in (0.0, 0.8, 1.9):
            assert projected_w2(mean, cov, state, np.array([np.cos(angle), np.sin(angle)])) <= bound
        # For affine maps the bound is the covariance that was lost, and nothing else.
        assert bound**2 == pytest.approx(np.trace(cov - moments(state)[1]), rel=1e-6)
        assert moments(state)[0] == pytest.approx(mean, abs=1e-12)


@settings(deadline=None, max_examples=6, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_random_affine_systems_are_never_below_the_truth(seed):
    rng = np.random.default_rng(seed)
    d, k, j = rng.integers(1, 5), rng.integers(1, 4), rng.integers(1, 3)

    def law(count, size):
        roots = size * rng.normal(size=(count, d, rng.integers(0, d + 1)))
        return GaussianMixture(
            size * rng.normal(size=(count, d)), roots @ np.swapaxes(roots, 1, 2), rng.dirichlet(np.ones(count))
        )

    start, noise = law(k, 1.0), law(j, rng.choice([0.0, 0.1, 1.0]))
    A, b = rng.normal(size=(d, d)) / np.sqrt(d), rng.normal(size=d)
    A[rng.random(A.shape) < 0.2] = 0.0
    components = rng.choice([None, 3])
    options = {"n": int(rng.integers(1, 12)), "components": components}
    quantized, merging = rng.integers(2, size=2).astype(bool).tolist()
    with pytest.MonkeyPatch.context() as patch:
        if not merging:
            patch.setattr(run, "can_merge", lambda law, n: False)
        trajectory = propagate(start, Affine(A, b), noise, 4, **options, quantized=quantized)
    size = np.sqrt(np.trace(moments(start)[1])) + np.sqrt(np.trace(moments(noise)[1]))  # roots are right to 1e-7 of it
    for bound, state, true in zip(
        trajectory.w2_bound, trajectory.states, true_moments(start, A, b, noise, 4), strict=True
    ):
        assert np.isfinite(bound)
        assert gelbrich(true, moments(state)) <= bound + 3e-7 * size
        assert state.weights.sum() == pytest.approx(1.0, abs=1e-12)
        assert moments(state)[0] == pytest.approx(true[0], abs=1e-9)


def simulate(trajectory, f, noise, true_start=None, disturb=None, count=50_000, seed=0):
    """Root mean squares of x − z under the same noise, less five standard errors of the squares: (steps,).

    For one covariance, which the frames diagonalize: then a state goes to the nearest level of its component's grid.
    """
    rng = np.random.default_rng(seed)
    z, component = draw(trajectory.initial, count, rng)
    x = z if true_start is None else true_start(z)
    out = []
    for scheme, points in zip(trajectory.schemes, trajectory.diracs, strict=True):
        cell = cell_numbers(scheme, component, z)
        assert scheme.size == len(points)
        v, mode = draw(noise, count, rng)
        z = f(np.asarray(points.positions)[cell]) + v
        component = cell * noise.n_components + mode
        x = f(x) + (v if disturb is None else disturb(v))
        square = ((x - z) ** 2).sum(axis=1)
        out.append(np.sqrt(max(square.mean() - 5 * square.std() / count**0.5, 0.0)))
    return np.array(out)


def cell_numbers(scheme, component, z):
    """The cell of each state z, born as a component: its number among the points of all the grids."""
    out, first, group = np.empty(len(z), dtype=int), 0, 0
    for part in scheme.schemes:
        size = part.size // part.stack
        for g in range(part.stack):
            rows = np.asarray(scheme.groups)[component] == group
            number = np.zeros(rows.sum(), dtype=int)
            frame, offset, scales = (
                None if a is None else a.reshape(part.stack, *a.shape[-rank:])[g]
                for a, rank in ((part.frame, 2), (part.offset, 1), (part.scales, 1))
            )
            for k, book in enumerate(part.codebooks):
                y = np.sort(book.levels) * scales[k]
                number = number * len(y) + np.searchsorted((y[1:] + y[:-1]) / 2, (z[rows] - offset) @ frame[:, k])
            out[rows] = first + number
            first, group = first + size, group + 1
    return out


def draw(law, count, rng):
    which = rng.choice(law.n_components, size=count, p=np.asarray(law.weights))
    values, vectors = np.linalg.eigh(full_covariances(law.means, law.covs))
    roots = vectors * np.sqrt(np.maximum(values, 0))[:, None, :]
    return law.means[which] + np.einsum("nij,nj->ni", roots[which], rng.normal(size=(count, law.ndim))), which


def test_simulated_coupling_of_the_rotation_is_what_the_bound_says(grids):
    trajectory = damped_rotation(10)
    simulated = simulate(trajectory, lambda x: x @ ROTATION.T, NOISE.as_mixture())
    assert (simulated <= trajectory.w2_bound).all()
    assert simulated[-1] > 0.97 * trajectory.w2_bound[-1]


def swing(x):
    """A damped pendulum, a tenth of a second later."""
    return np.stack([x[:, 0] + 0.1 * x[:, 1], 0.9 * x[:, 1] - 0.4 * np.sin(x[:, 0])], axis=1)


def swing_slope(centers, radii):
    """The norm of its Jacobian [[1, 0.1], [−0.4 cos θ, 0.9]] is largest at an end of the range of the cosine."""
    angle = np.minimum(np.asarray(radii), np.pi)
    theta = np.mod(np.asarray(centers)[:, 0] + np.pi, 2 * np.pi) - np.pi
    nearest_zero, nearest_pi = np.maximum(np.abs(theta) - angle, 0.0), np.minimum(np.abs(theta) + angle, np.pi)
    ends = np.stack([np.cos(nearest_zero), np.cos(nearest_pi)])
    jacobian = np.empty((*ends.shape, 2, 2))
    jacobian[...] = [[1.0, 0.1], [0.0, 0.9]]
    jacobian[..., 1, 0] = -0.4 * ends
    return np.linalg.norm(jacobian, 2, axis=(-2, -1)).max(axis=0)


PENDULUM = Gaussian([2.0, 0.0], [0.01, 0.04])
GUSTS = Gaussian([0.0, 0.0], [0.002, 0.01])


def test_pendulum_by_simulation_and_local_slopes_help(grids):
    slope = float(swing_slope(np.zeros((1, 2)), np.array([np.inf]))[0])
    trajectory = propagate(PENDULUM, swing, GUSTS, 2, n=6, lipschitz=slope)
    local = propagate(PENDULUM, swing, GUSTS, 2, n=6, lipschitz=swing_slope)
    for found in (trajectory, local):
        assert (simulate(found, swing, GUSTS.as_mixture()) <= found.w2_bound).all()
    assert local.w2_bound[0] < trajectory.w2_bound[0]
    assert local.w2_bound[-1] <= trajectory.w2_bound[-1] * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_bent_maps_noise_of_several_modes_and_radii_by_simulation(seed, grids):
    rng = np.random.default_rng(seed)
    d, k, n = rng.integers(1, 4), rng.integers(1, 4), int(rng.integers(1, 12))
    W = rng.normal(size=(d, d))
    slope = float(rng.choice([0.5, 0.95, 1.3]))
    W *= slope / np.linalg.norm(W, 2)
    f = (lambda x: np.tanh(x) @ W.T, lambda x: np.abs(x) @ W.T)[seed % 2]
    noise = GaussianMixture(0.5 * rng.normal(size=(k, d)), np.full(k, rng.choice([0.05, 0.5]) ** 2), np.full(k, 1 / k))
    start = Gaussian(rng.normal(size=d), 0.25)
    r0, rv = (float(rng.choice([0.0, 0.3])) for _ in range(2))
    lipschitz = slope if seed % 3 else lambda centers, radii: np.full(len(centers), slope)
    found = propagate(start, f, noise, 2, n=n, lipschitz=lipschitz, initial_radius=r0, noise_radius=rv)
    mean, cov = moments(noise)
    # Widening a law is what goes along with δ most.
    spread, width = np.sqrt(np.trace(cov)), 0.5 * np.sqrt(d)
    simulated = simulate(
        found,
        f,
        noise,
        true_start=lambda z: z + (z - start.mean) * r0 / width,
        disturb=lambda v: v + (v - mean) * rv / spread,
        count=20_000,
    )
    assert (simulated <= found.w2_bound).all()


@pytest.mark.parametrize("affine", [True, False])
def test_radii_hold_for_the_worst_start_and_the_worst_noise(affine, grids):
    r0, rv = 0.05, 0.02

    def f(x):
        return x @ ROTATION.T

    options = {"initial_radius": r0, "noise_radius": rv}
    found = propagate(
        START,
        Affine(ROTATION) if affine else f,
        NOISE,
        4,
        n=8,
        quantized=affine,
        **options,
        **({} if affine else {"lipschitz": 0.8}),
    )
    nominal = propagate(
        START,
        Affine(ROTATION) if affine else f,
        NOISE,
        4,
        n=8,
        quantized=affine,
        **({} if affine else {"lipschitz": 0.8}),
    )
    push = np.array([0.6, 0.8])

    def away(v):
        return v + rv * push

    simulated = simulate(found, f, NOISE.as_mixture(), true_start=lambda z: z + r0 * push, disturb=away)
    assert (simulated <= found.w2_bound).all()
    assert (nominal.w2_bound < found.w2_bound).all()
    factors = 0.8 ** np.arange(5)
    through = nominal.w2_bound + r0 * factors[1:] + rv * np.cumsum(factors[:-1])
    assert (found.w2_bound <= through * (1 + 1e-9)).all()


def test_merging_components_is_paid_for():
    free, merged = damped_rotation(20, steps=3), damped_rotation(20, steps=3, components=6)
    assert all(state.n_components <= 6 for state in merged.states)
    assert (merged.w2_bound > free.w2_bound).all()
    exact = list(true_moments(START.as_mixture(), ROTATION, 0.0, NOISE.as_mixture(), 3))
    for bound, state, (_, cov) in zip(merged.w2_bound, merged.states, exact, strict=True):
        assert bound**2 == pytest.approx(np.trace(cov - moments(state)[1]), rel=1e-6)
    plain = propagate(START, lambda x: x @ ROTATION.T, NOISE, 3, n=20, components=6, lipschitz=0.8)
    assert plain.w2_bound[-1] > merged.w2_bound[-1]


def test_fewest_points_for_a_bound():
    trajectory = propagate(START, Affine(ROTATION), NOISE, 3, w2_bound=0.02, quantized=True)
    assert trajectory.w2_bound.max() <= 0.02
    most = max(len(d) for d in trajectory.diracs)
    assert damped_rotation(most, steps=3).w2_bound[-1] <= 0.02 * 1.03
    assert damped_rotation(most // 2, steps=3).w2_bound[-1] > 0.02
    wide = propagate(START, lambda x: x @ ROTATION.T, NOISE, 2, w2_bound=0.05, lipschitz=0.8, initial_radius=0.01)
    assert wide.w2_bound.max() <= 0.05
    with pytest.raises(ValueError, match=r"w2_bound = 0\.02 cannot be kept"):
        propagate(START, Affine(ROTATION), NOISE, 4, w2_bound=0.02, noise_radius=0.02, quantized=True)
    with pytest.raises(ValueError, match="needs more than"):
        propagate(START, Affine(ROTATION), NOISE, 1, w2_bound=1e-7, quantized=True)


def test_limit_of_a_contraction(grids):
    found = damped_rotation(5, steps=2).limit()
    cov = np.eye(2) * 1e-3 / (1 - 0.64)
    mean, kept = moments(found.state)
    assert mean == pytest.approx([0.0, 0.0], abs=1e-9)
    # Masses settle to 1e-12, and what still moves counts with its root.
    assert found.w2_bound**2 == pytest.approx(np.trace(cov - kept), rel=1e-4)
    assert gelbrich((np.zeros(2), cov), (mean, kept)) <= found.w2_bound
    # A long horizon comes near, and the radius of the noise adds its geometric series.
    assert found.w2_bound == pytest.approx(damped_rotation(5, steps=12).w2_bound[-1], rel=0.03)
    shaken = damped_rotation(5, steps=2, noise_radius=0.01).limit()
    assert shaken.w2_bound <= found.w2_bound + 0.05 * (1 + 1e-6)


def test_limit_of_a_nonlinear_contraction_and_of_none():
    def f(x):
        return 0.7 * np.tanh(x)

    found = propagate(START, f, NOISE, 2, n=10, lipschitz=0.7).limit()
    rng = np.random.default_rng(0)
    x = np.zeros((20_000, 2))
    for _ in range(30):
        x = f(x) + draw(NOISE.as_mixture(), len(x), rng)[0]
    assert gelbrich((x.mean(axis=0), np.cov(x.T)), moments(found.state)) <= found.w2_bound + 5e-3
    with pytest.raises(ValueError, match="contraction"):
        propagate(START, Affine(np.eye(2)), NOISE, 2, n=5, quantized=True).limit()
    with pytest.raises(ValueError, match="contraction"):
        propagate(START, np.sin, NOISE, 2, n=5, lipschitz=1.0).limit()


@pytest.mark.parametrize("slope, n", [(0.5, 7), (0.8, 6)])
def test_what_has_not_settled_counts_as_moved(slope, n, monkeypatch):
    """Without densities masses jump from cell to cell: the law goes on to one no further than what counts as moved."""
    monkeypatch.setattr("diracs.propagation.limit._ROUNDS", 60)
    noise = SumOfDiracs([[1.0 - slope], [slope - 1.0]])
    found = propagate(SumOfDiracs([[0.3]]), Affine([[slope]]), noise, 6, n=n, quantized=True)

    def push(x):
        return slope * x, 0.0

    steps = law_of(as_mixture(noise))
    law, choice = settle(law_of(found.states[-1]), found.schemes[-1], steps, push, 1e-12)
    new = with_noise(push(choice.cells.barycenters)[0], choice.cells.masses, steps)
    places = np.concatenate([law.means[:, 0], new.means[:, 0]])
    order = np.argsort(places)
    change = np.cumsum(np.concatenate([law.weights, -new.weights])[order])[:-1]
    gaps = np.diff(places[order])
    # W₂ ≥ W₁ = ∫|F − G|.
    assert np.abs(change) @ gaps <= slope * choice.step.moved + 1e-12
    limit = found.limit()
    x = np.zeros(1)
    for _ in range(14):
        x = np.concatenate([slope * x + 1.0 - slope, slope * x - 1.0 + slope])
    cumulative = np.cumsum(limit.state.weights[by_place := np.argsort(limit.state.means[:, 0])])
    cell = np.searchsorted(cumulative, (np.arange(len(x)) + 0.5) / len(x))
    quantiles = limit.state.means[by_place[np.minimum(cell, len(cumulative) - 1)], 0]
    assert np.sqrt(((np.sort(x) - quantiles) ** 2).mean()) <= limit.w2_bound + 2 * slope**14


def test_rounding_of_the_recursion_is_paid_for():
    """Terms of A M Aᵀ that cancel, against rational numbers."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        A = np.array([[1e8, -1e8 * (1 + 1e-9 * rng.normal())], [0.0, 1.0]])
        v = 1.0 + 1e-9 * rng.normal(size=2)
        error = np.outer(v, v)
        exact = [[Fraction(x) for x in row] for row in A.tolist()]
        inner = [[Fraction(x) for x in row] for row in error.tolist()]
        trace = sum(row[i] * row[j] * inner[i][j] for row in exact for i in range(2) for j in range(2))
        growth = AffineGrowth(A, NONE, NONE, 1)
        assert growth.after_nominal(StepError(error, np.zeros((2, 2)), np.zeros((2, 2)), 0.0)) ** 2 >= float(trace)


def test_moved_diracs_count_beside_local_slopes():
    """√(L²W² + 2LW√ℓ + ℓ + L²(2Wβ + q)) may grow faster than L W: what moved Diracs is part of the nominal error."""
    growth = LipschitzGrowth(1.0, 0.0, 0.0)
    step = StepError(np.eye(1), np.eye(1), np.zeros((1, 1)), 0.5, (Split(0.3, 0.0, 0.0), Split(0.1, 0.2, 0.4)))
    growth.advance(step)
    assert growth.nominal >= np.sqrt(0.3) + 0.5
    assert growth.drift == 0.0


def test_balls_of_local_slopes_hold_in_float32():
    torch = pytest.importorskip("torch")

    seen = []

    def record(centers, radii):
        seen.append((np.asarray(centers, dtype=float), np.asarray(radii, dtype=float)))
        return np.ones(len(centers)) if isinstance(centers, np.ndarray) else torch.ones(len(centers))

    for kind in (np.float64, np.float32):
        start = Gaussian(*(torch.tensor(x, dtype=torch.float32) for x in ([4096.0, 0.5], [1.0, 0.25])))
        if kind is np.float64:
            start = Gaussian([4096.0, 0.5], [1.0, 0.25])
        propagate(start, lambda x: x, None, 1, n=30, lipschitz=record)
    (wide, radius), (narrow, radius32) = (x for x in seen if np.isfinite(x[1]).all())
    off = np.linalg.norm(wide - narrow, axis=1)
    assert off.max() > 1e-5
    assert (radius32 >= radius / (1 + 2.0**-23) + off).all()


def test_growth_beyond_floating_point_is_refused():
    with pytest.raises(ValueError, match="grow beyond"):
        propagate(START, Affine(1e5 * ROTATION), NOISE, 60, n=1, quantized=True)


def test_without_noise_points_stay_points():
    points = SumOfDiracs([[0.0, 1.0], [2.0, 3.0], [-1.0, 0.5]], [0.2, 0.3, 0.5])
    found = propagate(points, swing, None, 3, n=3, lipschitz=2.0)
    expected = np.asarray(points.positions)
    for _ in range(3):
        expected = swing(expected)
    assert found.w2_bound[-1] <= 1e-12
    order = np.argsort(found.states[-1].means[:, 0])
    assert found.states[-1].means[order] == pytest.approx(expected[np.argsort(expected[:, 0])], abs=1e-12)


@pytest.mark.parametrize("size", [1e-60, 1e60])
def test_bounds_scale_with_the_system_and_move_with_it(size):
    def bounds(size, place):
        noise = Gaussian(np.zeros(2), 0.1 * size**2)
        start = Gaussian(np.full(2, place), size**2)
        shift = np.full(2, place) - ROTATION @ np.full(2, place)
        found = propagate(
            start, Affine(ROTATION, shift), noise, 3, n=12, initial_radius=0.1 * size, noise_radius=0.01 * size
        )
        return found.w2_bound / size, float(found.limit().w2_bound) / size

    plain, limit = bounds(1.0, 0.0)
    for other in (bounds(size, 0.0), bounds(1.0, 1e6)):
        assert other[0] == pytest.approx(plain, rel=1e-6)
        assert other[1] == pytest.approx(limit, rel=1e-5)


def test_noise_without_a_density_keeps_points_exactly_while_they_fit():
    found = propagate(SumOfDiracs([[0.0]]), Affine([[0.9]]), SumOfDiracs([[1.0], [-1.0]]), 6, n=32, quantized=True)
    assert found.w2_bound[4] < 1e-6
    assert found.states[4].n_components == 32
    lengths = [len(d) for d in found.diracs]
    assert lengths == [1, 2, 4, 8, 16, 32]


def test_a_change_of_dimension():
    A = np.array([[1.0, 2.0, 0.0]])
    found = propagate(Gaussian(np.zeros(3), 1.0), Affine(A), Gaussian([0.0], 0.1), 1, n=8, quantized=True)
    assert found.states[0].ndim == 1
    assert gelbrich((np.zeros(1), A @ A.T + 0.1), moments(found.states[0])) <= found.w2_bound[0]
    with pytest.raises(ValueError, match="keep the dimension"):
        found.limit()
    with pytest.raises(ValueError, match="one step only"):
        propagate(Gaussian(np.zeros(3), 1.0), lambda x: x[:, :1], Gaussian([0.0], 0.1), 2, n=8, lipschitz=1.0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pytorch_and_jax_see_their_own_arrays(dtype, grids):
    jax = pytest.importorskip("jax")
    jnp = pytest.importorskip("jax.numpy")
    torch = pytest.importorskip("torch")

    t = getattr(torch, dtype)
    seen = []

    def torch_map(x):
        seen.append(x)
        return 0.7 * torch.sin(x)

    law = Gaussian(torch.tensor([0.3, 0.1], dtype=t), torch.tensor(0.1, dtype=t))
    found = propagate(
        law, torch_map, Gaussian(torch.zeros(2, dtype=t), torch.tensor(0.01, dtype=t)), 2, n=6, lipschitz=0.7
    )
    assert all(isinstance(x, torch.Tensor) and x.dtype == t for x in seen)
    assert found.states[-1].means.dtype == found.w2_bound.dtype == found.diracs[0].positions.dtype == t
    plain = propagate(
        Gaussian([0.3, 0.1], 0.1), lambda x: 0.7 * np.sin(x), Gaussian([0.0, 0.0], 0.01), 2, n=6, lipschitz=0.7
    )
    assert found.w2_bound.numpy() == pytest.approx(plain.w2_bound, rel=1e-3)
    assert (found.w2_bound.numpy() >= plain.w2_bound * (1 - 1e-7)).all()
    if dtype == "float32":
        law = Gaussian(jnp.array([0.3, 0.1]), jnp.array(0.1))
        gaussian_noise = Gaussian(jnp.zeros(2), jnp.array(0.01))
        other = propagate(law, lambda x: 0.7 * jnp.sin(x), gaussian_noise, 2, n=6, lipschitz=0.7)
        assert isinstance(other.states[-1].means, jax.Array)
        assert np.asarray(other.w2_bound) == pytest.approx(plain.w2_bound, rel=1e-3)


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"n": None}, ValueError, "either n"),
        ({"w2_bound": 0.1}, ValueError, "either n"),
        ({"n": 0}, ValueError, "n must be at least 1"),
        ({"steps": 0}, ValueError, "steps must be at least 1"),
        ({"lipschitz": 0.8}, ValueError, "leave lipschitz out"),
        ({"dynamics": np.sin}, ValueError, "give lipschitz"),
        ({"dynamics": np.sin, "lipschitz": -1.0}, ValueError, "lipschitz must be"),
        ({"dynamics": np.eye(2)}, TypeError, "Affine map, a Smooth one or a callable"),
        ({"dynamics": lambda x: x[0], "lipschitz": 1.0}, ValueError, "vectorize"),
        ({"dynamics": lambda x: None, "lipschitz": 1.0}, TypeError, "must return an array"),
        ({"dynamics": lambda x: x * 1j, "lipschitz": 1.0}, TypeError, "array of real numbers"),
        ({"dynamics": lambda x: x[:, :0], "lipschitz": 1.0}, ValueError, "one row each"),
        ({"dynamics": lambda x: x / 0.0, "lipschitz": 1.0}, ValueError, "NaN or infinity"),
        ({"dynamics": Affine(np.eye(3))}, ValueError, "dimension 3"),
        ({"noise": Gaussian([0.0], 1.0)}, ValueError, "noise lies in dimension 1"),
        ({"initial_radius": -1.0}, ValueError, "initial_radius"),
        ({"noise_radius": "x"}, TypeError, "noise_radius"),
        ({"components": 5, "n": None, "w2_bound": 1.0}, ValueError, "components goes with n"),
        ({"initial": GaussianMixture(np.zeros((2, 1, 2)), np.ones((2, 1)))}, ValueError, "batch"),
        ({"dynamics": np.sin, "lipschitz": lambda c, r: np.ones(7)}, ValueError, "one number for each"),
    ],
)
def test_bad_input_is_refused_with_advice(options, error, message):
    arguments = {
        "initial": START,
        "dynamics": Affine(ROTATION),
        "noise": NOISE,
        "steps": 2,
        "n": 5,
        "quantized": True,
        **options,
    }
    first = [arguments.pop(name) for name in ("initial", "dynamics", "noise", "steps")]
    with np.errstate(all="ignore"), pytest.raises(error, match=message):
        propagate(*first, **arguments)


def test_affine_checks_its_arrays():
    with pytest.raises(ValueError, match="A must be a matrix"):
        Affine(np.ones(3))
    with pytest.raises(ValueError, match="b must have shape"):
        Affine(np.eye(2), np.zeros(3))
    assert Affine(np.eye(2), [1.0, 2.0])(np.zeros((3, 2))) == pytest.approx(np.tile([1.0, 2.0], (3, 1)))
    assert "dimension 2 to 2" in repr(Affine(np.eye(2)))
    assert "6 steps" in repr(damped_rotation(4))
    assert len(damped_rotation(4, steps=2)) == 2
    assert bures(np.eye(2), 4 * np.eye(2)) == pytest.approx(2.0)
    assert diracs.propagate is propagate
