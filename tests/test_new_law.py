"""A law from outside the package, uniform on a disc, registers its engines: transport and quantization take it."""

import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from diracs import SumOfDiracs, _core, discretize, distance, lloyd, optimal_transport_plan, quantize
from diracs.backend.arrays import pytree
from diracs.cells.facets import planar_moments
from diracs.cells.spaces import PLANE
from diracs.certificates.upper.nearest import bounded_cells
from diracs.codebooks.cell_laws import CoreLaw, thinned
from diracs.laws.shown import Drawn
from diracs.quantization.by_points import ENGINES, ByPoints, best_positions, nothing_known
from diracs.quantization.voronoi_search import quick_error
from diracs.show.law import draw_law, limits_of
from diracs.show.plain import inside, plot_by_itself
from diracs.transport.density import ImageDensity
from diracs.transport.families import Family, register

# A regular polygon of the area of the disc stands for it: W₂ between the two is 2e-6 of the radius.
CORNERS = 1024


@pytree
@dataclass(frozen=True, eq=False)
class Disc:
    centre: Any
    radius: float

    _leaves = ("centre",)
    _static = ("radius",)
    ndim = 2


def polygon(radius):
    angles = 2 * np.pi * np.arange(CORNERS) / CORNERS
    reach = radius * math.sqrt(2 * np.pi / (CORNERS * math.sin(2 * np.pi / CORNERS)))
    return reach * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def uniform(radius, n, rng):
    angle, r = 2 * np.pi * rng.random(n), radius * np.sqrt(rng.random(n))
    return np.stack([r * np.cos(angle), r * np.sin(angle)], axis=1)


class DiscDensity:
    """Of radius ½ about the origin; what is only a start is asked of a picture of it."""

    core = _core.Polygon(polygon(0.5), 4 / np.pi)
    finest, space = 0.5, PLANE
    box = np.array([[-0.5, -0.5], [0.5, 0.5]])

    def __init__(self):
        x = (np.arange(64) + 0.5) / 64 - 0.5
        self.picture = ImageDensity.of((np.hypot(x[:, None], x) < 0.5).astype(float), np.ones(2))
        for name in ("blurred", "coarse", "spread", "bulk"):
            setattr(self, name, getattr(self.picture, name))

    def moments(self, seeds, weights):
        return _core.moments(self.core, seeds, weights, edges=True)

    def facets(self, seeds, weights):
        cells, edges = self.moments(seeds, weights)
        return cells, planar_moments(edges, weights)

    def draw(self, n, rng):
        return uniform(0.5, n, rng)


class DiscTarget:
    def __init__(self, centre, radius):
        self.centre, self.size = centre, 2 * radius

    def normalized(self, positions):
        return (positions - self.centre) / self.size

    def original(self, points):
        return self.centre + self.size * points

    def density(self):
        return DiscDensity()

    def box(self):
        return DiscDensity.box

    def slopes(self, positions, weights):
        """Moving the disc: 2 ∫ (x − y(x)) dρ."""
        seeds = np.ascontiguousarray(self.normalized(positions))
        first = _core.moments(DiscDensity.core, seeds, weights / self.size**2, edges=False)[0].first
        return (2 * self.size * first.sum(axis=0),)


@dataclass
class DiscInUnit(CoreLaw):
    centre: np.ndarray
    unit: float
    reach: float = 1.0
    components: int = 1
    core: Any = field(default_factory=lambda: _core.Polygon(polygon(1.0), 1 / np.pi))

    @property
    def law(self):
        return self

    def draw_root(self, count, rng):
        return thinned(uniform(1.0, 20 * count, rng), np.ones(20 * count), count, rng)

    def cells(self, y, weights=None):
        return bounded_cells(self, 1.0, y, np.zeros(len(y)) if weights is None else weights, 1.0)

    def rounding(self):
        """And of the polygon."""
        return 1e-5


@pytest.fixture(scope="module", autouse=True)
def _registered():
    register(
        Family(
            Disc,
            "disc",
            ("centre",),
            lambda disc: (disc.radius,),
            lambda numbers, parameters: DiscTarget(parameters[0], numbers[0]),
            lambda disc: None,
            lambda numbers, parameters: numbers[0] > 0,
            lambda disc, positions: disc.centre + disc.radius * np.array([[-1.0, -1.0], [1.0, 1.0]]),
        )
    )
    unit = lambda disc: DiscInUnit(disc.centre, disc.radius)  # noqa: E731
    ENGINES.add(Disc, 2, ByPoints(unit, best_positions, quick_error, nothing_known, nothing_known))


DISC = Disc(np.array([3.0, -1.0]), 2.0)


def test_transport_to_it():
    """One Dirac: E|X − y|² = r²/2 + |centre − y|². Four by symmetry: quarters of the disc."""
    one = SumOfDiracs([[3.0, 1.0]])
    assert distance(one, DISC) == pytest.approx(2.0 + 4.0, rel=1e-4)
    corners = np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
    plan = optimal_transport_plan(SumOfDiracs(DISC.centre + corners), DISC)
    assert plan.converged
    np.testing.assert_allclose(plan.barycenters, DISC.centre + corners * 8 / (3 * np.pi), atol=1e-4)
    assert plan.power_diagram.domain.tolist() == [[1.0, -3.0], [5.0, 1.0]]
    assert len(lloyd(DISC, 5, iterations=3)) == 5


def test_derivative_in_its_parameter():
    torch = pytest.importorskip("torch")
    centre = torch.tensor([3.0, -1.0], dtype=torch.float64, requires_grad=True)
    points = torch.tensor([[3.0, 1.0], [5.0, 0.0]], dtype=torch.float64)
    distance(SumOfDiracs(points), Disc(centre, 2.0)).backward()
    # Both, moved together, keep the plan: the derivative is twice the difference of means.
    np.testing.assert_allclose(centre.grad, 2 * (np.array([3.0, -1.0]) - [4.0, 0.5]), atol=1e-5)


def test_it_is_quantized():
    """Two points lie at the barycenters of half discs, ±4r/3π; W₂² = r²/2 − (4r/3π)²."""
    q = quantize(DISC, 2)
    best = math.sqrt(2.0 - (8 / (3 * np.pi)) ** 2)
    assert best <= q.w2 <= best * 1.0001
    np.testing.assert_allclose(np.linalg.norm(q.positions - DISC.centre, axis=1), 8 / (3 * np.pi), rtol=1e-3)
    again = discretize(DISC, q.scheme)
    assert again.w2 == q.w2 and q.w2_lower == 0.0
    assert quantize(DISC, w2=1.2).w2 <= 1.2


def test_pictures_of_what_is_not_known_have_points_only():
    q = quantize(DISC, 2)
    drawing = [x.tag.split("}")[1] for x in ET.fromstring(q._repr_html_()).iter() if x.tag.endswith(("circle", "rect"))]
    assert drawing == ["circle", "circle"] and not q.plot().images
    with pytest.raises(ValueError, match="not known how to draw Disc"):
        plot_by_itself(DISC)


class Sampled(Drawn):
    """The same law, of which draws are known, on the line their first coordinates."""

    def __init__(self, ndim):
        self.ndim = ndim

    def __repr__(self):
        return "Sampled()"

    def sample(self, size, seed):
        return uniform(2.0, size, np.random.default_rng(seed))[:, : self.ndim]


@pytest.mark.parametrize("d", [1, 2])
def test_draws_are_drawn(d):
    """Their density is spread a little beyond the disc, of radius 2."""
    ax = Sampled(d).plot()
    assert ax.get_title(loc="left") == "Sampled()" and ax.collections
    assert all(1.8 < abs(end) < 2.4 for end in ax.get_xlim())
    text = Sampled(d)._repr_html_()
    assert "<svg" in text and "Sampled()" in text


class Painted(Disc):
    """One that registers how it is drawn."""


def test_pictures_register():
    @draw_law.register(Painted)
    def _(law, mpl, ax, limits, legend):
        ax.add_patch(mpl.patches.Circle(law.centre, law.radius))
        return []

    @limits_of.register(Painted)
    def _(law, points, reach=2.7):
        return law.centre + law.radius * np.array([[-1.0, -1.0], [1.0, 1.0]])

    @inside.register(Painted)
    def _(law):
        return law.centre[None]

    ax = plot_by_itself(Painted(DISC.centre, 2.0))
    assert len(ax.patches) == 1 and ax.get_xlim() == (1.0, 5.0)
