"""Pictures of questions: what is drawn has the numbers of the answers."""

from __future__ import annotations

import numpy as np
import pytest
from optional import optional

from diracs import Affine, Ball, Gaussian, HalfSpace, Polytope, propagate, quantile_bounds, stays_in
from diracs.propagation.costs import quadratic_cost_bounds
from diracs.show.questions import plot_costs, plot_quantiles, plot_safe_set, plot_safety

Figure = optional("matplotlib.figure").Figure


BOX = Polytope.box([-0.9, -0.5], [1.4, 1.4])


def trajectory(d=2):
    return propagate(
        Gaussian(np.ones(d), 0.01), Affine(0.8 * np.eye(d)), Gaussian(np.zeros(d), 0.01), 3, n=6, quantized=True
    )


def axes():
    return Figure().subplots()


def test_a_safe_set_and_its_margin_are_drawn():
    walk = trajectory()
    found = stays_in(walk, BOX)
    ax = plot_safe_set(walk, BOX, axes(), horizon=found, step=2)
    assert f"{np.floor(found.low * 1e4) / 1e4:.4f}" in ax.get_title(loc="left")
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[-2] == "not safe" and labels[-1].startswith("margin of step 2: 0.")
    assert float(labels[-1].split()[-1]) == pytest.approx(float(found.margins[2]), rel=0.01)
    # The least safe step, by itself, and no legend.
    lone = plot_safe_set(walk, BOX, axes(), legend=False)
    assert lone.get_title(loc="left") == ax.get_title(loc="left")
    lone.figure.canvas.draw()


def test_a_set_beyond_the_picture_shades_nothing():
    ax = plot_safe_set(trajectory(), Ball([0.0, 0.0], 100.0), axes(), step=0)
    assert "not safe" not in [text.get_text() for text in ax.get_legend().get_texts()]


def test_probabilities_of_steps_are_drawn():
    found = stays_in(trajectory(), BOX, start=False)
    ax = plot_safety(found, axes(), first=1)
    np.testing.assert_allclose(ax.lines[0].get_xydata(), np.stack([[1, 2, 3], found.lows], axis=1))
    assert ax.lines[1].get_ydata()[0] == found.low
    assert plot_safety(found).figure is not None
    ax.figure.canvas.draw()


def test_quantiles_are_drawn_with_their_band():
    walk = trajectory(1)
    ax = plot_quantiles(walk, [1.0], 0.9, axes(), limit=1.5, initial_radius=0.01)
    ends = np.array(
        [quantile_bounds(s, r, [1.0], 0.9) for s, r in zip((walk.initial, *walk.states), (0.01, *walk.w2_bound))]
    )
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(ends.min()) and band[:, 1].max() == pytest.approx(ends.max())
    assert ((ends[:, 0] < ax.lines[0].get_ydata()) & (ax.lines[0].get_ydata() < ends[:, 1])).all()
    assert ax.lines[1].get_ydata()[0] == 1.5
    ax.figure.canvas.draw()


def test_worst_case_costs_are_drawn_with_their_band():
    walk = trajectory(1)
    ax = plot_costs(walk, [[2.0]], [1.0], axes(), limit=3.0, initial_radius=0.01)
    radii = (0.01, *walk.w2_bound)
    ends = np.array([quadratic_cost_bounds(s, r, [[2.0]], [1.0]) for s, r in zip((walk.initial, *walk.states), radii)])
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(ends.min()) and band[:, 1].max() == pytest.approx(ends.max())
    assert ((ends[:, 0] < ax.lines[0].get_ydata()) & (ax.lines[0].get_ydata() < ends[:, 1])).all()
    assert ax.lines[1].get_ydata()[0] == 3.0 and "cost" in ax.get_ylabel()
    ax.figure.canvas.draw()


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="trajectory must lie in the plane"):
        plot_safe_set(trajectory(1), HalfSpace([1.0], 1.0), axes())
    with pytest.raises(ValueError, match="step must be between 0 and 3"):
        plot_safe_set(trajectory(), BOX, axes(), step=4)
