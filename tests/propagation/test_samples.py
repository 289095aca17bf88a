"""The radius for samples holds by simulation, and has the constants of its derivation."""

from __future__ import annotations

import numpy as np
import pytest
from optional import optional
from scipy.special import bdtrc

from diracs import sample_radius

ot = optional("ot")


@pytest.mark.parametrize("n", [20, 400])
def test_two_points_at_the_ends_come_near_it(n):
    """On the line the worst law sits on the ends of the box: W₂² = |share − ½|, a binomial."""
    radius = sample_radius(n, 3.0, 0.9)
    off = (radius / 3.0) ** 2
    broken = 2 * bdtrc(np.floor(n * (0.5 + off)), n, 0.5)
    assert broken <= 0.1
    # The Dvoretzky–Kiefer–Wolfowitz inequality loses a factor of 1.6 at most for this law.
    assert 2 * bdtrc(np.floor(n * (0.5 + off / 1.6)), n, 0.5) > 0.1


def test_the_formula():
    # Of boxes with sides (0.5, 1), (0.5, 0.5), (0.25, 0.5), …
    n, confidence = 50, 0.9
    squares = [1.25, 0.5, 0.3125, 0.125, 0.078125, 0.03125, 5 / 256, 1 / 128, 5 / 1024, 1 / 512, 5 / 4096]
    best = np.inf
    for depth in range(len(squares)):
        off = [min(0.5 * np.sqrt((2**j - 1) / n), 1.0) for j in range(1, depth + 1)]
        best = min(best, squares[depth] + sum(t * (squares[j] - squares[j + 1]) for j, t in enumerate(off)))
    expected = np.sqrt(best + 1.25 * np.sqrt(np.log(10.0) / (2 * n)))
    assert sample_radius(n, [0.5, 1.0], confidence) == pytest.approx(expected, rel=1e-9)
    assert sample_radius(10**4, 1.0, 0.95) == pytest.approx((np.log(40.0) / 2e4) ** 0.25, rel=1e-9)


def test_simulated_distances_in_the_plane_stay_below():
    """Corners of a box, and the uniform law of a fine grid: exact transport from samples to the law."""
    rng = np.random.default_rng(0)
    n, confidence = 60, 0.5
    corners = np.array([[0.0, 0.0], [0.0, 2.0], [1.0, 0.0], [1.0, 2.0]])
    grid = np.stack(np.meshgrid(np.linspace(0, 1, 7), np.linspace(0, 2, 7)), axis=-1).reshape(-1, 2)
    radius = sample_radius(n, [1.0, 2.0], confidence)
    for support in (corners, grid):
        broken = 0
        for _ in range(40):
            counts = rng.multinomial(n, np.full(len(support), 1.0 / len(support))) / n
            cost = ((support[:, None] - support) ** 2).sum(axis=2)
            broken += ot.emd2(counts, np.full(len(support), 1.0 / len(support)), cost) > radius**2
        assert broken <= 20


def test_limits():
    assert sample_radius(1, [3.0, 4.0]) == pytest.approx(5.0)
    radii = [sample_radius(n, [1.0, 1.0, 1.0]) for n in (10, 1000, 10**6)]
    assert radii[0] > radii[1] > radii[2]
    # A side that is hardly there costs hardly anything.
    assert sample_radius(1000, [1.0, 1e-9]) == pytest.approx(sample_radius(1000, [1.0, 1e-12]), rel=1e-6)
    assert sample_radius(100, 1e-150) == pytest.approx(1e-150 * sample_radius(100, 1.0))


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="sides must be positive"):
        sample_radius(10, [1.0, 0.0])
    with pytest.raises(ValueError, match="confidence must be below 1"):
        sample_radius(10, 1.0, 1.0)
    with pytest.raises(ValueError, match="n must be at least 1"):
        sample_radius(0, 1.0)
