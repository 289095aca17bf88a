"""Pictures of plans and power diagrams: what is drawn, and that odd input draws too."""

import numpy as np
import pytest
from optional import optional

from diracs import GaussianMixture, Mesh, PolynomialGrid, PowerDiagram, SumOfDiracs, optimal_transport_plan, quantize
from diracs.show.stipples import plot_stipples, sheet

FigureCanvasAgg = optional("matplotlib.backends.backend_agg").FigureCanvasAgg
LineCollection = optional("matplotlib.collections").LineCollection
PolyCollection = optional("matplotlib.collections").PolyCollection
Figure = optional("matplotlib.figure").Figure


@pytest.fixture
def ax():
    return Figure().subplots()


def test_plan_draws_cells_arrows_and_dots(ax):
    rng = np.random.default_rng(0)
    plan = optimal_transport_plan(SumOfDiracs(rng.random((20, 2))), PolynomialGrid(rng.random((6, 6))))
    assert plan.plot(ax) is ax
    kinds = [type(artist).__name__ for artist in ax.collections]
    assert kinds.count("PolyCollection") == 1 and kinds.count("LineCollection") == 1
    assert len(ax.images) == 1
    assert "W₂" in ax.get_title(loc="left")
    ax.figure.canvas.draw()


@pytest.mark.parametrize("density", [PolynomialGrid([1.0, 2.0]), GaussianMixture([[0.0], [3.0]], [1.0, 0.2])])
def test_plan_on_the_line_ties_diracs_to_their_cells(ax, density):
    masses = np.array([0.5, 0.0, 0.3, 0.2])
    plan = optimal_transport_plan(SumOfDiracs([[0.7], [0.1], [0.2], [0.7]], masses), density)
    assert plan.plot(ax) is ax
    ax.figure.canvas.draw()
    borders, ties = [c.get_segments() for c in ax.collections if isinstance(c, LineCollection)]
    # Two cells, of which two Diracs share one: the border between has 0.3 of the mass to its left.
    assert len(borders) == 1 and len(ties) == 3
    inside = borders[0][0][0]
    if isinstance(density, PolynomialGrid):
        assert inside == pytest.approx(0.45)
    for end, centre in zip([tie[1][0] for tie in ties], plan.barycenters[masses > 0, 0], strict=True):
        assert end == pytest.approx(centre)
    assert "W₂" in ax.get_title(loc="left")
    assert len(ax.get_legend().get_texts()) == 4


def test_densities_have_one_colour_and_a_scale(ax):
    rng = np.random.default_rng(0)
    plan = optimal_transport_plan(SumOfDiracs(rng.random((9, 2))), PolynomialGrid(rng.random((6, 6))))
    plan.plot(ax)
    other = quantize(plan.density, 5).plot(Figure().subplots())
    assert ax.images[0].get_cmap() == other.images[0].get_cmap()
    assert all(a.child_axes[0].get_title(loc="left") == "mass per area" for a in (ax, other))


def test_values_of_cells_are_named(ax):
    diagram = PowerDiagram(np.random.default_rng(0).random((9, 2)))
    diagram.plot(ax, values=np.arange(9.0), label="number")
    assert ax.child_axes[0].get_title(loc="left") == "number"
    cells = next(c for c in ax.collections if isinstance(c, PolyCollection))
    assert cells.get_clim() == (0.0, 8.0)
    ax.figure.canvas.draw()


def test_stipples_have_the_ink_of_the_picture():
    # Apart, black discs cover what they are to cover.
    domain = [[0.0, 0.0], [30.0, 20.0]]
    places = np.stack(np.meshgrid(np.arange(2.5, 30, 5), np.arange(2.5, 20, 5)), axis=-1).reshape(-1, 2)
    figure = sheet(domain, 6.0)
    plot_stipples(places, figure.axes[0], domain, ink=120.0)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., 0] / 255.0
    assert pixels.shape == (400, 600)
    assert 1.0 - pixels.mean() == pytest.approx(120.0 / 600.0, rel=0.02)


@pytest.mark.parametrize("positions", [[[0.5, 0.5]], [[0, 0], [1, 1], [2, 2]], [[0, 0]] * 3, np.eye(2)])
def test_diagrams_of_few_seeds(positions, ax):
    PowerDiagram(np.array(positions, dtype=float)).plot(ax)
    ax.figure.canvas.draw()
    assert len(ax.collections) == 2


def test_cells_fill_the_domain_and_know_their_neighbours():
    diagram = PowerDiagram(np.random.default_rng(1).random((30, 2)), domain=[[0, 0], [1, 1]])
    area = 0.0
    for k, (cell, others) in enumerate(zip(diagram.cells, diagram.neighbours)):
        x, y = cell.T
        area += 0.5 * (x @ np.roll(y, -1) - y @ np.roll(x, -1))
        assert len(others) == len(cell)
        assert all(k in diagram.neighbours[j] for j in others if j >= 0)
    assert area == pytest.approx(1.0)


def test_diagrams_of_tori_fill_their_domain():
    """One cell around a corner: it is drawn in all four."""
    diagram = PowerDiagram(np.zeros((1, 2)), domain=[[0.0, 0.0], [1.0, 1.0]], periodic=True)
    ax = diagram.plot()
    corners = [tuple(path.vertices.min(axis=0).round(9)) for path in ax.collections[0].get_paths()]
    assert sorted(corners) == [(-0.5, -0.5), (-0.5, 0.5), (0.5, -0.5), (0.5, 0.5)]


def test_diagrams_and_plans_in_space_are_drawn():
    rng = np.random.default_rng(0)
    for periodic in (False, True):
        plan = optimal_transport_plan(
            SumOfDiracs(rng.random((5, 3))), PolynomialGrid(np.ones((1, 1, 1)), periodic=periodic)
        )
        ax = plan.plot()
        assert "W₂" in ax.get_title()
        ax = plan.power_diagram.plot(seeds=True, values=np.arange(5.0), label="number")
        assert len(ax.collections) == 2
        ax.figure.draw_without_rendering()


@pytest.mark.parametrize("per", ["simplex", "vertex"])
def test_meshes(per):
    vertices, simplices = [[0, 0], [1, 0], [1, 1], [0, 1], [3.0, 0.5]], [[0, 1, 2], [0, 2, 3], [1, 2, 4]]
    mesh = Mesh(vertices, simplices, [1.0, 2.0, 3.0] if per == "simplex" else [1.0, 2.0, 3.0, 0.0, 1.0])
    plan = optimal_transport_plan(SumOfDiracs([[0.2, 0.3], [2.0, 0.5]]), mesh)
    for result in (plan, quantize(mesh, 3)):
        ax = Figure().subplots()
        result.plot(ax)
        assert "mesh" in [text.get_text() for text in ax.get_legend().get_texts()]
        ax.figure.canvas.draw()
