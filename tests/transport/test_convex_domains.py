"""Power diagrams in convex polygons and polyhedra: cells of a box that holds these, cut off at their borders."""

import pickle

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from diracs import PowerDiagram

OCTAHEDRON = np.concatenate([np.eye(3), -np.eye(3)])
TRIANGLE = np.array([[0.0, 0.0], [2.0, 0.0], [0.5, 1.5]])


def within(hull, points):
    """Whether points (k, d) are in a convex hull."""
    found = ConvexHull(hull).equations
    return (points @ found[:, :-1].T + found[:, -1] <= 0).all(axis=1)


@pytest.mark.parametrize("corners", [TRIANGLE, OCTAHEDRON], ids=["triangle", "octahedron"])
@pytest.mark.parametrize("n", [1, 2, 40])
def test_cells_fill_the_hull_and_are_those_of_the_nearest_seeds(corners, n):
    rng, d = np.random.default_rng(n), corners.shape[1]
    seeds, weights = 0.6 * rng.normal(size=(n, d)), 0.05 * rng.normal(size=n)
    # Points inside, and more than once, change nothing.
    diagram = PowerDiagram(seeds, weights, np.concatenate([corners, corners[:1], corners.mean(axis=0, keepdims=True)]))
    volume = ConvexHull(corners).volume
    assert diagram.masses.sum() == pytest.approx(volume, rel=1e-12)
    low, high = corners.min(axis=0), corners.max(axis=0)
    x = low + rng.random((200_000, d)) * (high - low)
    x = x[within(corners, x)]
    shares = np.bincount(diagram.locate(x), minlength=n) / len(x)
    assert np.abs(shares - diagram.masses / volume).max() < 5 * np.sqrt(0.25 / len(x))
    means = np.stack([np.bincount(diagram.locate(x), c, n) for c in x.T], axis=1)
    solid = shares > 0.02
    means = means[solid] / (shares * len(x))[solid, None]
    assert np.abs(means - diagram.barycenters[solid]).max() < 0.05


def test_polyhedra_lie_within_and_meet_the_border():
    diagram = PowerDiagram(0.4 * np.random.default_rng(0).normal(size=(30, 3)), domain=OCTAHEDRON)
    for cell, neighbours in zip(diagram.cells, diagram.neighbours, strict=True):
        assert (np.abs(cell.vertices).sum(axis=1) <= 1 + 1e-12).all()
        assert len(neighbours) == len(cell.faces)
    border = [
        cell.vertices[face]
        for cell, neighbours in zip(diagram.cells, diagram.neighbours, strict=True)
        for face, other in zip(cell.faces, neighbours, strict=True)
        if other == -1
    ]
    assert border and all(np.allclose(np.abs(face).sum(axis=1), 1.0, atol=1e-12) for face in border)
    section = diagram.cut(2, 0.25)
    assert section.masses.sum() == pytest.approx(2 * 0.75**2, rel=1e-12)
    with pytest.raises(ValueError, match="at must"):
        diagram.cut(0, 1.5)


def test_copies_keep_the_hull():
    diagram = PowerDiagram(np.random.default_rng(0).random((5, 2)), domain=TRIANGLE)
    again = pickle.loads(pickle.dumps(diagram))
    np.testing.assert_array_equal(again.masses, diagram.masses)
    assert again.masses.sum() == pytest.approx(1.5)


def test_bad_domains_are_refused_by_name():
    seeds = np.random.default_rng(0).random((4, 3))
    for domain in (np.zeros((4, 3)), OCTAHEDRON * [1, 1, 0], OCTAHEDRON[:, :2], np.full((5, 3), np.nan)):
        with pytest.raises(ValueError, match="domain"):
            PowerDiagram(seeds, domain=domain)
    with pytest.raises(ValueError, match="where nothing is periodic"):
        PowerDiagram(seeds, domain=OCTAHEDRON, periodic=True)
