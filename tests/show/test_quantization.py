"""What is drawn agrees with its source: numbers of artists, sizes, edges, levels, and inputs without a density."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.spatial
import scipy.stats
from optional import optional

from diracs import (
    GaussianMixture,
    PointScheme,
    PolynomialGrid,
    ProductScheme,
    Quantization,
    ScalarCodebook,
    discretize,
    quantize,
)
from diracs.show.law import density_levels
from diracs.show.quantization import certificate_text, plot_quantization, voronoi_edges

LineCollection = optional("matplotlib.collections").LineCollection
PathCollection = optional("matplotlib.collections").PathCollection
QuadContourSet = optional("matplotlib.contour").QuadContourSet
Figure = optional("matplotlib.figure").Figure
AxesImage = optional("matplotlib.image").AxesImage

torch = optional("torch")


THREE = GaussianMixture([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]], [1.0, 1.0, 1.0], [0.3, 0.4, 0.3])


def grid(law: GaussianMixture, *numbers: int, width: float = 2.0) -> Quantization:
    """A plain grid about the mean of the law."""
    books = tuple(ScalarCodebook(np.linspace(-width, width, m) if m > 1 else [0.0]) for m in numbers)
    center = np.asarray(law.weights) @ np.asarray(law.means)
    return discretize(law, ProductScheme(books, offset=center))


def draw(q: Quantization, **options):
    """Plot into a figure of its own and render it, which is where wrong artists fail."""
    figure = Figure()
    ax = figure.subplots()
    assert plot_quantization(q, ax, **options) is ax
    figure.canvas.draw()
    assert figure.axes == [ax]
    return ax


def artists(ax, kind):
    return [a for a in ax.get_children() if type(a) is kind]


def test_plane_draws_points_cells_and_contours():
    q = grid(THREE, 4, 5)
    ax = draw(q)
    (dots,) = artists(ax, PathCollection)
    np.testing.assert_allclose(dots.get_offsets(), q.positions)
    sizes = dots.get_sizes()
    inside = (sizes > sizes.min()) & (sizes < 160)
    assert inside.sum() > 10
    # Area is proportional to mass.
    ratio = sizes[inside] / q.weights[inside]
    np.testing.assert_allclose(ratio, ratio[0])
    (cells,) = artists(ax, LineCollection)
    # 4 × 5 points have 3·5 + 4·4 neighbouring pairs.
    assert len(cells.get_segments()) == 31
    assert len(artists(ax, QuadContourSet)) == 2
    assert ax.get_aspect() == 1.0
    (low, high), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert (q.positions > [low, bottom]).all()
    assert (q.positions < [high, top]).all()


def test_images_are_drawn_in_their_box_behind_the_points():
    image = PolynomialGrid(np.arange(12.0).reshape(4, 3), [[-1.0, 0.0], [3.0, 2.0]])
    q = discretize(image, PointScheme([[0.0, 0.5], [2.0, 1.5], [1.0, 1.0]]))
    ax = draw(q)
    (picture,) = artists(ax, AxesImage)
    assert picture.get_extent() == [-1.0, 3.0, 0.0, 2.0]
    np.testing.assert_array_equal(picture.get_array(), image.values.T)
    assert ax.get_xlim()[0] <= -1.0 and ax.get_xlim()[1] >= 3.0 and ax.get_ylim()[1] >= 2.0
    (dots,) = artists(ax, PathCollection)
    np.testing.assert_allclose(dots.get_offsets(), q.positions)
    assert not artists(draw(q, contours=False), AxesImage)


def test_parts_can_be_left_out():
    ax = draw(grid(THREE, 3, 3), cells=False, contours=False, title=False)
    assert not artists(ax, LineCollection)
    assert not artists(ax, QuadContourSet)
    assert ax.get_title(loc="left") == ""


def test_line_draws_density_and_stems():
    law = GaussianMixture([[0.0], [3.0]], [1.0, 0.25], [0.4, 0.6])
    q = grid(law, 9)
    ax = draw(q)
    (curve,) = ax.get_lines()
    x, f = curve.get_data()
    expected = 0.4 * scipy.stats.norm.pdf(x) + 0.6 * scipy.stats.norm.pdf(x, 3.0, 0.5)
    np.testing.assert_allclose(f, expected, rtol=1e-12)
    (stems,) = artists(ax, LineCollection)
    heights = np.array([s[1][1] for s in stems.get_segments()])
    np.testing.assert_allclose(heights / heights.max(), q.weights / q.weights.max())
    np.testing.assert_allclose(heights.max(), f.max())


def test_narrow_components_are_not_missed():
    law = GaussianMixture([[0.0], [3.0]], [1.0, 1e-6], [0.5, 0.5])
    (curve,) = draw(grid(law, 5)).get_lines()
    np.testing.assert_allclose(curve.get_data()[1].max(), 0.5 / (1e-3 * math.sqrt(2 * math.pi)), rtol=1e-2)


def test_space_is_projected_on_the_leading_axes():
    variances = np.array([[0.1, 9.0, 0.2, 4.0]])
    law = GaussianMixture([[1.0, 2.0, 3.0, 4.0]], variances)
    q = grid(law, 2, 3, 2, 3)
    ax = draw(q)
    (dots,) = artists(ax, PathCollection)
    np.testing.assert_allclose(dots.get_offsets(), (q.positions - law.means)[:, [1, 3]], atol=1e-12)
    assert not artists(ax, LineCollection)
    assert "68%" in ax.get_xlabel()
    assert "cells not drawn" in ax.get_ylabel()


def test_components_without_density_are_segments_and_rings():
    covs = np.stack([np.eye(2), [[1.0, 1.0], [1.0, 1.0]], np.zeros((2, 2))])
    law = GaussianMixture([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]], covs)
    ax = draw(grid(law, 3, 3), cells=False)
    (segment,) = artists(ax, LineCollection)
    # Two standard deviations, √2 each, to both sides of the mean along the diagonal.
    np.testing.assert_allclose(np.sort(segment.get_segments()[0], axis=0), [[1.0, -2.0], [5.0, 2.0]])
    rings, dots = artists(ax, PathCollection)
    np.testing.assert_allclose(rings.get_offsets(), [[0.0, 4.0]])
    assert len(dots.get_offsets()) == 9
    assert len(artists(ax, QuadContourSet)) == 2


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("variance", [0.0, 1.0])
def test_few_points_and_point_masses(d, n, variance):
    law = GaussianMixture(np.ones((1, d)), np.full(1, variance))
    ax = draw(grid(law, n, *[1] * (d - 1)))
    assert np.isfinite([*ax.get_xlim(), *ax.get_ylim()]).all()


def test_extreme_scales():
    for scale in (1e-9, 1e9):
        law = GaussianMixture(THREE.means * scale, THREE.covs * scale**2)
        ax = draw(grid(law, 3, 3, width=2.0 * scale))
        assert len(artists(ax, QuadContourSet)) == 2
        assert len(artists(ax, LineCollection)[0].get_segments()) == 12


def test_torch_with_derivatives_and_new_figure():
    from matplotlib import pyplot as plt

    means = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    levels = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    q = discretize(
        GaussianMixture(means, torch.ones(1, dtype=torch.float64)), ProductScheme([ScalarCodebook(levels)] * 2)
    )
    ax = q.plot()
    assert "n = 4" in ax.get_title(loc="left")
    plt.close(ax.figure)


def test_a_batch_is_refused():
    law = GaussianMixture(np.zeros((3, 1, 2)), np.ones((3, 1)))
    q = discretize(law, ProductScheme((ScalarCodebook([0.0, 1.0]),)))
    with pytest.raises(ValueError, match="batch"):
        plot_quantization(q)


def test_missing_matplotlib_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"diracs\[plot\]"):
        plot_quantization(grid(THREE, 2, 2))


def test_title_rounds_bounds_to_the_safe_side():
    q = grid(THREE, 4, 5)
    loose = Quantization(q.distribution, q.scheme, q.positions, q.weights, np.float64(0.22901), False)
    object.__setattr__(loose, "_w2_lower", np.float64(0.20099))
    assert certificate_text(loose) == "n = 20,  W₂ ≤ 0.2291 (certified),  best possible ≥ 0.2009"
    assert "= " in certificate_text(q)


def test_the_lower_bound_is_computed_only_when_asked_for(monkeypatch):
    monkeypatch.setattr("diracs.certificates.lower.mixture.sharpest_lower_bound", lambda *_: 0.125)
    q = grid(THREE, 4, 5)
    assert "best possible" not in draw(q).get_title(loc="left")
    assert not q.w2_lower_known
    assert "≥ 0.1250" in draw(q, lower=True).get_title(loc="left")
    assert q.w2_lower_known
    assert "≥ 0.1250" in draw(q).get_title(loc="left")


def test_narrow_laws_are_stretched_until_they_can_be_seen():
    law = GaussianMixture([[0.0, 0.0]], [[100.0, 0.01]])
    ax = draw(grid(law, 9, 1, width=20.0))
    assert ax.get_aspect() == "auto"
    assert "stretched" in ax.get_ylabel()
    # The regions of highest density fill the picture from top to bottom.
    (bottom, top), contours = ax.get_ylim(), artists(ax, QuadContourSet)[0]
    reach = max(path.vertices[:, 1].max() for path in contours.get_paths() if len(path.vertices))
    assert reach > 0.8 * top and top - bottom < 1.0
    assert draw(grid(THREE, 3, 3)).get_aspect() == 1.0


def test_shades_and_sizes_are_explained():
    ax = draw(grid(THREE, 4, 5))
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert any("area: mass" in text for text in texts) and "Voronoi cells" in texts
    (bar,) = ax.child_axes
    assert [label.get_text() for label in bar.get_yticklabels()] == ["99%", "95%", "85%", "70%", "50%", "30%", "10%"]
    plain = draw(grid(THREE, 4, 5), legend=False)
    assert plain.get_legend() is None and not plain.child_axes


def test_masses_on_the_line_have_an_axis_of_their_own():
    law = GaussianMixture([[0.0], [3.0]], [1.0, 0.25], [0.4, 0.6])
    q = grid(law, 9)
    ax = draw(q)
    (scale,) = ax.child_axes
    ax.figure.draw_without_rendering()
    assert scale.get_ylim()[1] == pytest.approx(1.08 * q.weights.max())


def test_new_figures_have_no_band_around_the_picture():
    from matplotlib import pyplot as plt

    for law in (THREE, GaussianMixture([[0.0, 0.0]], [[9.0, 1.0]]), GaussianMixture([[0.0, 0.0]], [[1.0, 9.0]])):
        figure = grid(law, 3, 3).plot().figure
        figure.canvas.draw()
        white = (np.asarray(figure.canvas.buffer_rgba())[..., :3] == 255).all(axis=-1)
        plt.close(figure)
        for side in (white, white[::-1], white.T, white.T[::-1]):
            assert not side[: int(0.25 * figure.dpi)].all()


def test_voronoi_edges_separate_neighbours():
    """The middle of each edge is as near to its two nearest points, as a KD-tree says, and none is missing."""
    points = np.random.default_rng(0).normal(size=(60, 2))
    edges = voronoi_edges(points)
    middle = edges.mean(axis=1)
    distances, _ = scipy.spatial.cKDTree(points).query(middle, k=2)
    np.testing.assert_allclose(distances[:, 0], distances[:, 1], rtol=1e-9)
    # Neighbours in the plane are the edges of the Delaunay triangulation: 3n − 3 − (corners of the hull).
    hull = len(scipy.spatial.ConvexHull(points).vertices)
    assert len(edges) == 3 * 60 - 3 - hull


@pytest.mark.parametrize(
    ("points", "number"),
    [
        ([[1.0, 2.0]], 0),
        ([[1.0, 2.0], [1.0, 2.0]], 0),
        ([[0.0, 0.0], [2.0, 0.0]], 1),
        ([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]], 3),
        ([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 1.0]], 4),
        (1e8 + np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), 3),
    ],
)
def test_voronoi_edges_of_degenerate_points(points, number):
    edges = voronoi_edges(np.asarray(points))
    lengths = np.linalg.norm(edges[:, 0] - edges[:, 1], axis=-1)
    assert (lengths > 1e-6).sum() == number


def test_density_levels_hold_their_shares():
    """For a standard normal in the plane the region holding p ends at the density (1 − p)/2π."""
    x = np.linspace(-6, 6, 601)
    density = np.exp(-0.5 * (x[:, None] ** 2 + x**2)) / (2 * math.pi)
    levels = density_levels(density, np.full(density.shape, 0.02**2), 1.0)
    np.testing.assert_allclose(levels * 2 * math.pi, [0.01, 0.05, 0.15, 0.3, 0.5, 0.7, 0.9], rtol=0.01)


def test_densities_of_univariate_laws_are_curves_and_poles_are_cut_off():
    for law, most in ((scipy.stats.gamma(2.0), 0.4), (scipy.stats.beta(0.5, 0.5), 40.0), (scipy.stats.t(2.2), 0.4)):
        q = quantize(law, 30)
        ax = q.plot()
        (curve,) = ax.lines
        x, f = curve.get_data()
        inside = (x > law.ppf(0.1)) & (x < law.ppf(0.9))
        np.testing.assert_allclose(f[inside], law.pdf(x[inside]), rtol=1e-9)
        assert ax.get_ylim()[1] <= most
        # Beyond the ends of its support there is nothing.
        low, high = law.support()
        assert not f[(x < low) | (x > high)].any()


def test_a_lower_bound_of_zero_is_not_shown():
    q = grid(THREE, 4, 5)
    object.__setattr__(q, "_w2_lower", np.float64(0.0))
    assert "best possible" not in certificate_text(q)
    assert "below" not in repr(q)
    object.__setattr__(q, "_w2_lower", np.float64(0.125))
    assert "no 20 points below 0.125" in repr(q)
