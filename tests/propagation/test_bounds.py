"""The growth of errors in one step, against laws of errors that go as far as the assumptions allow."""

import itertools

import numpy as np
import pytest

from diracs.propagation.bounds import LipschitzGrowth, StepError

SLOPE = 1.3


def errors(w, bias, delta):
    """Four equally likely pairs (e, δ): sources s = ±1 with e = w s, E[δ | s] = bias·s and E δ² = delta²."""
    spread = np.sqrt(delta**2 - bias**2)
    return np.array([(w * s, bias * s + spread * t) for s, t in itertools.product((-1.0, 1.0), repeat=2)]).T


def grown(w, bias, delta, noise_radius=0.0):
    """The bound after a second step, when the first has left the error w."""
    growth = LipschitzGrowth(SLOPE, 0.0, noise_radius)
    growth.nominal = growth.robust = w
    growth.drift, growth.steps = 1e3, 1  # the way through the nominal chain is closed
    if noise_radius == 0.0:
        growth.drift = 0.0
    step = StepError(np.array([[delta**2]]), np.array([[bias**2]]), np.zeros((1, 1)), 0.0)
    return growth.bound(step) - noise_radius


@pytest.mark.parametrize("w", [0.0, 0.1, 1.0, 5.0])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_bias_of_the_sources_is_paid_in_full_and_no_more(w, share):
    e, delta = errors(w, 0.7 * share, 0.7)
    assert grown(w, 0.7 * share, 0.7) == pytest.approx(SLOPE * np.sqrt(((e + delta) ** 2).mean()), rel=1e-10)


@pytest.mark.parametrize("w", [0.0, 0.1, 1.0, 5.0])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("radius", [0.05, 0.7, 3.0])
def test_errors_of_the_noise_may_go_along_with_either_error(w, share, radius):
    e, delta = errors(w, 0.7 * share, 0.7)
    bound = grown(w, 0.7 * share, 0.7, radius)
    for noise in (radius * np.sign(e), radius * delta / 0.7, np.zeros(4)):
        assert SLOPE * np.sqrt(((e + noise + delta) ** 2).mean()) <= bound * (1 + 1e-12)
