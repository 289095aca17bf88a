"""Pictures of trajectories: what is drawn, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from optional import optional

from diracs import Affine, Gaussian, SumOfDiracs, propagate

PathCollection = optional("matplotlib.collections").PathCollection
PolyCollection = optional("matplotlib.collections").PolyCollection
Figure = optional("matplotlib.figure").Figure
Circle = optional("matplotlib.patches").Circle


def trajectory(d=2, noise=0.01):
    return propagate(
        Gaussian(np.ones(d), 0.1), Affine(0.8 * np.eye(d)), Gaussian(np.zeros(d), noise), 3, n=6, quantized=True
    )


def axes():
    return Figure().subplots()


@pytest.mark.parametrize("d", [2, 5])
def test_circles_have_the_radii_of_the_bounds(d):
    found = trajectory(d)
    ax = found.plot(ax=axes())
    radii = [patch.radius for patch in ax.patches if isinstance(patch, Circle)]
    assert radii == pytest.approx(found.w2_bound.tolist())
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[0] == "start"
    assert [label.split(":")[0] for label in labels[1:4]] == ["step 1", "step 2", "step 3"]
    # And what regions, dots, crosses and circles mean.
    assert len(labels) == 8
    ax.figure.canvas.draw()


def test_what_is_drawn_can_be_chosen():
    found = trajectory(3)
    ax = found.plot(ax=axes(), steps=[0, 2], axes=np.eye(3)[:, :2], diracs=False, balls=False, title=False)
    assert not ax.get_title(loc="left")
    assert not ax.patches
    # Two states, shares of mass, means.
    assert len(ax.get_legend().get_texts()) == 4
    assert found.plot(ax=axes(), legend=False).get_legend() is None


def test_states_on_the_line_stand_over_their_steps():
    found = trajectory(1)
    ax = found.plot(ax=axes())
    ax.figure.canvas.draw()
    bodies = [c for c in ax.collections if isinstance(c, PolyCollection)]
    # Each density leans on its step, to the right of it.
    assert [body.get_paths()[0].vertices[:, 0].min() for body in bodies] == pytest.approx([0, 1, 2, 3])
    dots = [c for c in ax.collections if isinstance(c, PathCollection)]
    for t, (drawn, points) in enumerate(zip(dots, found.diracs, strict=True)):
        np.testing.assert_allclose(drawn.get_offsets()[:, 1], points.positions[:, 0])
        assert (drawn.get_offsets()[:, 0] == t).all()
    bars = [c for bar in ax.containers for c in bar.lines[2]]
    half = [0.5 * np.ptp(bar.get_segments()[0][:, 1]) for bar in bars]
    assert half == pytest.approx(found.w2_bound.tolist())
    assert ax.get_xlabel() == "step"
    assert len(ax.get_legend().get_texts()) == 3


def test_diracs_on_the_line_are_drawn():
    ax = propagate(SumOfDiracs([[0.0], [1.0]]), Affine([[0.5]]), None, 2, n=2).plot(ax=axes(), steps=[0, 2])
    ax.figure.canvas.draw()


def test_laws_without_a_density_are_drawn_as_points():
    points = SumOfDiracs([[0.0, 0.0], [1.0, 1.0]])
    ax = propagate(points, Affine(0.5 * np.eye(2)), None, 2, n=2, quantized=True).plot(ax=axes())
    assert len(ax.collections) >= 3


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="axes are for states of two or more dimensions"):
        trajectory(1).plot(ax=axes(), axes=np.eye(1))
    with pytest.raises(ValueError, match="steps must be between"):
        trajectory().plot(ax=axes(), steps=[7])
    with pytest.raises(ValueError, match="axes must have shape"):
        trajectory(3).plot(ax=axes(), axes=np.eye(3))


def test_exact_states_are_drawn_without_diracs():
    ax = propagate(Gaussian(np.ones(2), 0.1), Affine(0.8 * np.eye(2)), Gaussian(np.zeros(2), 0.01), 3).plot(ax=axes())
    assert ax.get_title(loc="left").startswith("3 steps, exact")
