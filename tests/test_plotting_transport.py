"""Pictures of plans and power diagrams: what is drawn, and that odd input draws too."""

import matplotlib
import numpy as np
import pytest

from diracs import PolynomialGrid, PowerDiagram, SumOfDiracs, optimal_transport_plan

matplotlib.use("Agg")
from matplotlib.figure import Figure


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


def test_plan_on_the_line_is_refused(ax):
    plan = optimal_transport_plan(SumOfDiracs([[0.2], [0.7]]), PolynomialGrid([1.0, 2.0]))
    with pytest.raises(ValueError, match="plane"):
        plan.plot(ax)


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
