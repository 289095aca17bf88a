"""Staying safe over a horizon: no bound is broken by simulation, joint ones are sharp, unions are the sums they
claim."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from diracs import (
    Affine,
    Ball,
    Complement,
    Gaussian,
    GaussianMixture,
    HalfSpace,
    Polytope,
    probability_bounds,
    propagate,
    reach_avoid,
    stays_in,
)
from diracs.propagation.joint import both_beyond

A = 0.95 * np.array([[np.cos(0.3), np.sin(0.3)], [-np.sin(0.3), np.cos(0.3)]])
STEPS, COUNT = 6, 40_000
REGIONS = {
    "half-space": HalfSpace([1.0, 0.0], 1.3),
    "box": Polytope.box([-1.5, -1.5], [1.5, 1.5]),
    "triangle": Polytope([[1.0, 1.0], [1.0, -1.0], [-1.0, 0.0]], [1.9, 1.9, 1.5]),
    "disc": Ball([0.0, 0.0], 1.6),
    "obstacle": Complement(Ball([-1.0, -1.0], 0.4)),
}


def bent(x):
    return 0.9 * np.sin(x @ A.T)


@lru_cache
def simulated(kind, start=(1.0, 0.0)):
    """States (times, COUNT, 2) of the true chain."""
    rng = np.random.default_rng(0)
    x = [np.array(start) + 0.1 * rng.normal(size=(COUNT, 2))]
    for _ in range(STEPS):
        x.append((x[-1] @ A.T if kind == "affine" else bent(x[-1])) + 0.1 * rng.normal(size=(COUNT, 2)))
    return np.array(x)


@lru_cache
def trajectory(kind, radius=0.0):
    start, noise = Gaussian([1.0, 0.0], 0.01), Gaussian([0.0, 0.0], 0.01)
    if kind == "affine":
        return propagate(start, Affine(A), noise, STEPS, initial_radius=radius)
    return propagate(start, bent, noise, STEPS, n=60, lipschitz=0.9 * 0.95)


def kept(x, regions):
    return np.all([r.depth(states)[0] >= 0 for r, states in zip(regions, x)], axis=0).mean()


@pytest.mark.parametrize("kind", ["affine", "bent"])
@pytest.mark.parametrize("name", REGIONS)
def test_simulated_chains_are_within_the_bounds(kind, name):
    region = REGIONS[name]
    found, truth = stays_in(trajectory(kind), region), kept(simulated(kind), [region] * (STEPS + 1))
    error = 4 * np.sqrt(truth * (1 - truth) / COUNT) + 1e-4
    assert found.low <= truth + error and truth - error <= found.high
    if kind == "affine":
        # Of exact states unions lose little here, and less where crossings are known to have much in common.
        assert found.low >= truth - error - (0.001 if name in ("half-space", "box", "triangle") else 0.06)
        assert found.low >= 1.0 - (1.0 - found.lows).sum() - 1e-12
    each = [(region.depth(x)[0] >= 0).mean() for x in simulated(kind)]
    assert (found.lows <= np.array(each) + error).all() and (np.array(each) - error <= found.highs).all()


def test_entries_are_those_of_each_state():
    walk = trajectory("bent")
    found = stays_in(walk, REGIONS["box"])
    bounds = [probability_bounds(s, r, REGIONS["box"]) for s, r in zip(walk.states, walk.w2_bound)]
    np.testing.assert_allclose(found.lows[1:], [low for low, _ in bounds], atol=1e-12)
    np.testing.assert_allclose(found.highs[1:], [high for _, high in bounds], atol=1e-12)
    assert found.low == pytest.approx(1.0 - (1.0 - found.lows).sum(), abs=1e-12)
    assert found.high == found.highs.min()
    without = stays_in(walk, REGIONS["box"], start=False)
    np.testing.assert_array_equal(without.lows, found.lows[1:])
    assert walk.stays_in(REGIONS["box"]).low == found.low


def test_two_crossings_are_joined_exactly():
    """One step and one face: 1 − P(A) − P(B) + P(A ∩ B), the exact value for two events."""
    walk = propagate(Gaussian([0.0], 1.0), Affine([[0.9]]), Gaussian([0.0], 0.1), 1)
    found = stays_in(walk, HalfSpace([1.0], 1.0))
    truth = multivariate_normal([0, 0], [[1.0, 0.9], [0.9, 0.91]]).cdf([1.0, 1.0])
    assert found.low == pytest.approx(truth, abs=1e-8)


def test_a_radius_of_the_start_is_paid_jointly():
    """With one face and two times, against the dual of the joint law by sampling at the margins that were found."""
    walk, region = trajectory("affine", 0.02), REGIONS["half-space"]
    found = stays_in(walk, region, initial_radius=0.02)
    assert found.low < stays_in(trajectory("affine"), region).low
    union = 1.0 - (1.0 - found.lows).sum()
    x = simulated("affine")
    gaps = np.maximum(1.3 - x[:, :, 0], 0.0)
    g = np.maximum(1.0 - (gaps / found.margins[:, None]) ** 2, 0.0).max(axis=0)
    radii = np.append(0.02, walk.w2_bound)
    best = 1.0 - g.mean() - (radii**2 / found.margins**2).sum()
    error = 4 * g.std() / np.sqrt(COUNT)
    assert union + 0.005 < found.low <= best + error
    # A shift by the radius, the worst start that keeps the shape, stays within the bounds.
    moved = kept(simulated("affine", (1.02, 0.0)), [region] * (STEPS + 1))
    assert found.low <= moved + 0.002


def test_one_crossing_alone_pays_what_its_ball_asks():
    walk = propagate(Gaussian([0.0], 0.04), Affine([[0.8]]), Gaussian([0.0], 0.01), 3, initial_radius=0.3)
    far = HalfSpace([1.0], 1e9)
    found = stays_in(walk, [far, far, HalfSpace([1.0], 0.5), far], initial_radius=0.3)
    assert found.low == pytest.approx(found.lows[2], abs=1e-9) and found.low < 0.9


def test_mixtures_at_the_start_are_joined_component_by_component():
    start = GaussianMixture([[0.0, 0.0], [0.5, 0.0]], [0.01, 0.02], [0.3, 0.7])
    walk = propagate(start, Affine(np.eye(2)), Gaussian([0.0, 0.0], 1e-4), 3)
    region = HalfSpace([1.0, 0.0], 0.7)
    found, alone = (
        stays_in(w, region) for w in (walk, propagate(start, Affine(np.eye(2)), Gaussian([0.0, 0.0], 1e-4), 1))
    )
    # Nearly the same event four times.
    assert alone.low - 0.02 < found.low < alone.low
    assert found.low > 1.0 - (1.0 - found.lows).sum() + 0.1
    several = propagate(start, Affine(np.eye(2)), GaussianMixture(np.zeros((2, 2)), [1e-4, 2e-4]), 3)
    assert several.chain is None


@pytest.mark.parametrize("kind", ["affine", "bent"])
def test_reach_and_avoid(kind):
    target, avoid = Ball([-0.8, 0.0] if kind == "affine" else [-0.3, 0.0], 1.1), Polytope.box([0.9, 0.2], [2.0, 2.0])
    x = simulated(kind)
    found = reach_avoid(trajectory(kind), target, avoid)
    safe = np.all([Complement(avoid).depth(states)[0] >= 0 for states in x], axis=0)
    truth = (safe & (target.depth(x[-1])[0] >= 0)).mean()
    error = 4 * np.sqrt(truth * (1 - truth) / COUNT) + 1e-4
    assert found.low <= truth + error and truth - error <= found.high
    assert found.low > 0.5
    assert trajectory(kind).reach_avoid(target, avoid).low == found.low


def test_one_region_for_each_time():
    regions = [Ball([1.0, 0.0], 0.5)] + [REGIONS["box"]] * STEPS
    found = stays_in(trajectory("affine"), regions)
    truth = kept(simulated("affine"), regions)
    assert found.low <= truth + 1e-3 and found.low > truth - 0.01


@pytest.mark.parametrize("r", [-0.999, -0.3, 0.0, 0.5, 0.99])
def test_both_beyond(r):
    h, k = (x.ravel() for x in np.meshgrid([-2.0, -0.5, 0.0, 1.0, 3.0], [-1.0, 0.0, 2.0, 2.5]))
    law = multivariate_normal([0, 0], [[1.0, r], [r, 1.0]])
    truth = [law.cdf([-a, -b]) for a, b in zip(h, k)]
    np.testing.assert_allclose(both_beyond(h, k, np.full(len(h), r)), truth, atol=1e-12)


def test_frameworks_keep_their_arrays():
    torch = pytest.importorskip("torch")

    start, noise = Gaussian(torch.tensor([0.0]), torch.tensor(0.01)), Gaussian(torch.tensor([0.0]), torch.tensor(0.01))
    walk = propagate(start, Affine(torch.tensor([[0.5]])), noise, 2)
    found = stays_in(walk, HalfSpace([1.0], 0.4))
    assert all(isinstance(x, torch.Tensor) and x.dtype == torch.float32 for x in found)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"regions must be one, or one for each of 7 times, got 2"):
        stays_in(trajectory("affine"), [REGIONS["box"]] * 2)
    with pytest.raises(ValueError, match="regions lies in dimension 1"):
        stays_in(trajectory("affine"), HalfSpace([1.0], 0.0))
    with pytest.raises(TypeError, match="target must be"):
        reach_avoid(trajectory("affine"), "home", REGIONS["box"])
    with pytest.raises(ValueError, match="initial_radius must be"):
        stays_in(trajectory("affine"), REGIONS["box"], initial_radius=-1.0)
