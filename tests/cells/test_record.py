"""The records of the compiled core: what it returns are these classes."""

import numpy as np

from diracs import _core
from diracs.cells import record


def test_moments_come_as_records():
    square = _core.Polygon(np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]), 2.0)
    seeds = np.array([[0.5, 0.75], [0.5, 0.25], [0.75, 0.75]])
    cells, edges = _core.moments(square, seeds, np.zeros(3), edges=True)
    assert type(cells) is record.Cells and type(edges) is record.Edges
    assert cells.mass.sum() == 2.0
    np.testing.assert_array_equal(edges.displacement, seeds[edges.j] - seeds[edges.i])
    np.testing.assert_allclose(edges.gap, np.linalg.norm(edges.displacement, axis=1), rtol=1e-15)
    cells, edges = _core.moments(square, seeds, np.zeros(3), edges=False)
    assert [len(part) for part in edges] == [0] * 5
