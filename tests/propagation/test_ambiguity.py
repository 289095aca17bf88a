"""Radii by axes and by covariances: laws that go as far as they may."""

import numpy as np
import pytest

from diracs import Affine, Gaussian, Smooth, propagate
from diracs.propagation.ambiguity import Radius, drifts

A = np.array([[0.9, 0.5], [-0.2, 0.7]])


def test_no_difference_within_the_radius_is_longer_than_its_size():
    rng = np.random.default_rng(0)
    for _ in range(20):
        x = rng.standard_normal((2, 2))
        metric, cov = x @ x.T, np.diag(rng.uniform(0, 1, 2) ** 2)
        axes = np.sqrt(np.diagonal(cov))
        full = Radius.of("r", axes).size(metric)
        for correlation in (-1.0, -0.3, 0.0, 0.8, 1.0):
            moment = cov + correlation * axes.prod() * np.array([[0.0, 1.0], [1.0, 0.0]])
            assert np.sqrt(np.vdot(metric, moment)) <= full * (1 + 1e-12)
            assert Radius.of("r", moment).size(metric) == pytest.approx(np.sqrt(np.vdot(metric, moment)))
        worst = cov + axes.prod() * np.sign(metric[0, 1]) * np.array([[0.0, 1.0], [1.0, 0.0]])
        assert full == pytest.approx(np.sqrt(np.vdot(metric, worst)))
        assert Radius(0.5).size(metric) == pytest.approx(0.5 * np.linalg.norm(metric, 2) ** 0.5)


def test_affine_drifts_are_those_of_the_worst_shift():
    found = drifts(A, Radius.of("r", [0.3, 0.0]), Radius.of("r", np.diag([0.0, 0.04])), 3)
    first, second = np.array([0.3, 0.0]), np.array([0.0, 0.2])
    powers = [np.linalg.matrix_power(A, t) for t in range(4)]
    for t in range(3):
        exact = np.linalg.norm(powers[t + 1] @ first) + sum(np.linalg.norm(powers[s] @ second) for s in range(t + 1))
        assert found[t] == pytest.approx(exact)


@pytest.mark.parametrize("dynamics", [Affine(A), Smooth(lambda x: x @ A.T, jacobian_hull=A[None])])
def test_shifted_starts_and_noises_stay_within_the_bound(dynamics):
    start, noise = Gaussian([0.0, 0.0], [0.1, 0.2]), Gaussian([0.0, 0.0], [0.01, 0.02])
    axes, moment = np.array([0.0, 0.1]), np.array([[0.01, 0.005], [0.005, 0.0025]])
    options = {} if isinstance(dynamics, Affine) else {"n": 200}
    given = propagate(start, dynamics, noise, 3, initial_radius=axes, noise_radius=moment, **options)
    scalar = propagate(start, dynamics, noise, 3, initial_radius=0.1, noise_radius=0.0125**0.5, **options)
    assert (given.w2_bound < scalar.w2_bound).all()
    # Shifts of the means, and of nothing else, the noise along the moment's only direction.
    off, push = axes, np.array([0.1, 0.05])
    for bound, state in zip(given.w2_bound, given.states):
        off = A @ off + push
        apart = np.linalg.norm(off)
        assert apart <= bound + 1e-12
        assert isinstance(dynamics, Smooth) or apart >= 0.9 * bound
        assert state.ndim == 2


@pytest.mark.parametrize(
    ("radius", "words"),
    [([0.1, -0.1], "negative"), ([0.1], "dimension 1"), (np.eye(3), "dimension 3"), (-np.eye(2), "semidefinite"),
     (np.array([[1.0, 0.5], [0.0, 1.0]]), "symmetric"), (np.ones((1, 2, 2)), "symmetric")],
)  # fmt: skip
def test_bad_radii_are_refused(radius, words):
    for name in ("initial_radius", "noise_radius"):
        for options in ({}, {"n": 5, "quantized": True}):
            with pytest.raises(ValueError, match=words):
                propagate(Gaussian([0.0, 0.0], [0.1, 0.2]), Affine(A), None, 2, **{name: radius}, **options)
