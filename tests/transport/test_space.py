"""Transport in space and on tori: reference problems, derivatives, Lloyd's method, frameworks."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import linprog

from diracs import (
    GaussianMixture,
    PolynomialGrid,
    PowerDiagram,
    SumOfDiracs,
    distance,
    lloyd,
    optimal_transport_plan,
)

REFERENCE = np.load(Path(__file__).parents[1] / "data" / "transport3.npz")
CASES = sorted({key.split("/")[0] for key in REFERENCE})


def law_of(case):
    """The density of a reference problem."""
    field = {key.split("/")[1]: REFERENCE[key] for key in REFERENCE if key.startswith(case + "/")}
    if str(field["kind"]) == "gaussians":
        return GaussianMixture(field["means"], field["covs"], field["gauss_weights"])
    values = field.get("values", np.ones((1,) * field["positions"].shape[1]))
    return PolynomialGrid(values, field["domain"], periodic=tuple(map(bool, field["periodic"])))


@pytest.mark.parametrize("case", CASES)
def test_reference(case):
    positions, masses = REFERENCE[f"{case}/positions"], REFERENCE[f"{case}/masses"]
    plan = optimal_transport_plan(SumOfDiracs(positions, masses), law_of(case), tol=1e-10)
    assert plan.converged
    assert_allclose(float(plan.distance), REFERENCE[f"{case}/cost"], rtol=1e-8)
    assert_allclose(plan.barycenters, REFERENCE[f"{case}/barycenters"], atol=1e-6)
    assert_allclose(plan.weights - plan.weights.mean(), REFERENCE[f"{case}/weights"], atol=1e-7)


def slope(function, x, index, h=1e-4):
    up, down = x.copy(), x.copy()
    up[index] += h
    down[index] -= h
    return (float(function(up)) - float(function(down))) / (2 * h)


@pytest.mark.parametrize("periodic", [False, True, (True, False, True)])
def test_derivatives_for_images(periodic):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    y, nu, values = rng.random((6, 3)), 0.1 + rng.random(6), 0.2 + rng.random((2, 3, 2))
    domain = [[0.0, 0, 0], [1.0, 2, 1]]
    leaves = [torch.tensor(x, requires_grad=True) for x in (y, nu, values)]
    distance(SumOfDiracs(*leaves[:2]), PolynomialGrid(leaves[2], domain, periodic=periodic)).backward()

    def value(a, b, c):
        return distance(SumOfDiracs(a, b), PolynomialGrid(c, domain, periodic=periodic))

    assert_allclose(leaves[0].grad[2, 1], slope(lambda x: value(x, nu, values), y, (2, 1)), rtol=1e-5)
    assert_allclose(leaves[1].grad[3], slope(lambda x: value(y, x, values), nu, 3), rtol=1e-5, atol=1e-8)
    assert_allclose(leaves[2].grad[1, 2, 0], slope(lambda x: value(y, nu, x), values, (1, 2, 0)), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("shape, periodic", [((5,), True), ((3, 4), True), ((3, 4), (False, True))])
def test_derivatives_on_circles_and_plane_tori(shape, periodic):
    """In a box of any sides; one Dirac has no mass."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    d = len(shape)
    y, nu, values = rng.random((6, d)), 0.1 + rng.random(6), 0.2 + rng.random(shape)
    nu[4] = 0.0
    domain = np.stack([np.zeros(d), [2.0, 0.7][:d]])
    leaves = [torch.tensor(x, requires_grad=True) for x in (y, nu, values)]
    distance(SumOfDiracs(*leaves[:2]), PolynomialGrid(leaves[2], domain, periodic=periodic)).backward()

    def value(a, b, c):
        return distance(SumOfDiracs(a, b), PolynomialGrid(c, domain, periodic=periodic))

    last = (2,) * d
    assert_allclose(leaves[0].grad[2, -1], slope(lambda x: value(x, nu, values), y, (2, d - 1)), rtol=1e-5, atol=1e-8)
    assert_allclose(leaves[1].grad[3], slope(lambda x: value(y, x, values), nu, 3), rtol=1e-5, atol=1e-8)
    assert_allclose(leaves[2].grad[last], slope(lambda x: value(y, nu, x), values, last), rtol=1e-5, atol=1e-8)


def test_derivatives_for_mixtures():
    jax = pytest.importorskip("jax")
    enable = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
    rng = np.random.default_rng(1)
    y, means, weights = rng.normal(size=(5, 3)), rng.normal(size=(2, 3)), np.array([0.4, 0.6])
    covs = np.stack([np.diag([1.0, 0.5, 0.3]), 0.4 * np.eye(3) + 0.1])

    def value(y, m, c, w):
        return distance(SumOfDiracs(y), GaussianMixture(m, c, w))

    with enable(True):
        found = [np.asarray(x) for x in jax.jit(jax.grad(value, (0, 1, 2, 3)))(y, means, covs, weights)]
    assert_allclose(found[0][1, 2], slope(lambda x: value(x, means, covs, weights), y, (1, 2)), rtol=1e-5)
    assert_allclose(found[1][1, 0], slope(lambda x: value(y, x, covs, weights), means, (1, 0)), rtol=1e-5)
    assert_allclose(found[2][0, 1, 1], slope(lambda x: value(y, means, x, weights), covs, (0, 1, 1)), rtol=1e-5)
    assert_allclose(found[3][0], slope(lambda x: value(y, means, covs, x), weights, 0), rtol=1e-4, atol=1e-8)


def test_invariance():
    # Moving and stretching everything moves and stretches the plan.
    rng = np.random.default_rng(2)
    y, nu, cov = rng.normal(size=(20, 3)), rng.random(20) + 0.1, np.diag([1.0, 0.4, 2.0])
    one = optimal_transport_plan(SumOfDiracs(y, nu), GaussianMixture(np.zeros((1, 3)), cov[None]))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    moved = GaussianMixture(np.full((1, 3), 70.0), (9.0 * turn @ cov @ turn.T)[None])
    two = optimal_transport_plan(SumOfDiracs(3.0 * y @ turn.T + 70.0, nu), moved)
    assert_allclose(two.distance, 9.0 * one.distance, rtol=1e-10)
    assert_allclose(two.barycenters, 3.0 * one.barycenters @ turn.T + 70.0, atol=1e-7)


def test_shifted_torus():
    # A translation along the periods changes nothing, wherever it brings seeds and pixels.
    rng = np.random.default_rng(3)
    y, values = rng.random((15, 3)), 0.1 + rng.random((4, 3, 5))
    one = optimal_transport_plan(SumOfDiracs(y), PolynomialGrid(values, periodic=True))
    rolled = PolynomialGrid(np.roll(values, (1, 2, 3), axis=(0, 1, 2)), periodic=True)
    shift = np.array([3 + 1 / 4, 2 / 3 - 2, 3 / 5])
    two = optimal_transport_plan(SumOfDiracs(y + shift), rolled)
    assert_allclose(two.distance, one.distance, rtol=1e-10)
    assert_allclose(two.barycenters, one.barycenters + shift, atol=1e-8)
    assert_allclose(two.weights, one.weights, atol=1e-9)


@pytest.mark.parametrize("n", [1, 2])
def test_few_diracs_on_the_torus(n):
    y = np.array([[0.1, 0.5, 0.9], [0.6, 0.5, 0.9]])[:n]
    plan = optimal_transport_plan(SumOfDiracs(y), PolynomialGrid(np.ones((1, 1, 1)), periodic=True))
    assert_allclose(plan.distance, 0.25 if n == 1 else 1 / 12 + 1 / 12 + 1 / 48)
    assert_allclose(plan.barycenters, y, atol=1e-12)


@pytest.mark.parametrize("d", [2, 3])
def test_images_on_tori_take_few_steps(d):
    """Random seeds everywhere and a bump in the middle."""
    x = (np.arange(16) + 0.5) / 16
    values = np.exp(-8 * sum((axis - 0.4) ** 2 for axis in np.meshgrid(*[x] * d)))
    seeds = np.random.default_rng(d).random((600, d))
    plan = optimal_transport_plan(SumOfDiracs(seeds), PolynomialGrid(values, periodic=True))
    assert plan.converged and plan.iterations <= 6


def test_circle_against_a_linear_program():
    rng = np.random.default_rng(4)
    y, nu, values = rng.random(4), np.array([0.1, 0.3, 0.4, 0.2]), 0.1 + rng.random(6)
    plan = optimal_transport_plan(SumOfDiracs(y[:, None], nu), PolynomialGrid(values, periodic=True))
    m = 600
    x, p = (np.arange(m) + 0.5) / m, np.repeat(values / values.sum() / 100, 100)
    gap = x[:, None] - y
    cost = (gap - np.round(gap)) ** 2 + 1 / (12 * m**2)
    rows = np.kron(np.eye(m), np.ones(4))
    columns = np.kron(np.ones(m), np.eye(4))
    found = linprog(cost.ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.concatenate([p, nu]), method="highs")
    assert_allclose(float(plan.distance), found.fun, rtol=1e-4)


def test_massless_and_coincident_diracs():
    rng = np.random.default_rng(5)
    y = rng.random((8, 3))
    y[5] = y[2] + [1, 0, 0]
    nu = np.array([1.0, 1, 1, 0, 1, 2, 1, 1])
    for periodic in (False, True):
        plan = optimal_transport_plan(SumOfDiracs(y, nu), PolynomialGrid(np.ones((1, 1, 1)), periodic=periodic))
        assert plan.converged and plan.cell_masses[3] == 0.0
        diagram = plan.power_diagram
        assert_allclose(diagram.masses[3], 0.0, atol=1e-9)
        assert_allclose(plan.cell_masses, nu / nu.sum(), rtol=1e-8)


def test_empty_cells_are_revived():
    # Seeds far outside on one side: Voronoi cells and the first entropic ones are mostly empty.
    rng = np.random.default_rng(6)
    y = 0.02 * rng.random((60, 3)) + [3.0, 0.5, 0.5]
    values = np.zeros((6, 6, 6))
    values[0], values[5] = 1.0, 0.3
    plan = optimal_transport_plan(SumOfDiracs(y), PolynomialGrid(values))
    assert plan.converged
    assert_allclose(plan.cell_masses, 1 / 60, rtol=1e-8)


def test_lloyd_in_space():
    law = PolynomialGrid(np.ones((1, 1, 1)), periodic=True)
    costs = []
    free = lloyd(law, 16, iterations=30, callback=lambda i, diracs, cost: costs.append(cost))
    assert_allclose(np.sum(free.weights), 1.0)
    assert np.diff(costs).max() < 1e-12 and costs[-1] < 0.85 * costs[0]
    equal = lloyd(GaussianMixture(np.zeros((1, 3)), np.ones(1)), 10, masses="equal", iterations=10)
    assert_allclose(equal.weights, 0.1)


def test_power_diagram_in_space():
    rng = np.random.default_rng(7)
    y, w = rng.random((20, 3)), 0.02 * rng.normal(size=20)
    for periodic in (False, (True, True, False)):
        diagram = PowerDiagram(y, w, [[0.0, 0, 0], [1.0, 1, 1]], periodic=periodic)
        assert_allclose(diagram.masses.sum(), 1.0, rtol=1e-12)
        x = rng.random((4000, 3))
        gap = x[:, None] - y
        gap -= np.round(gap) * np.broadcast_to(periodic, 3)
        powers = (gap**2).sum(axis=2) - w
        assert (diagram.locate(x) == powers.argmin(axis=1)).all()
        cells = diagram.cells
        assert [len(c.faces) for c in cells] == [len(k) for k in diagram.neighbours]
        facets = diagram.facets
        assert_allclose(np.linalg.norm(facets.normal, axis=1), 1.0)
        # The centroid of a facet has equal powers for both of its seeds.
        near = ((facets.centroid - y[facets.i]) ** 2).sum(axis=1) - w[facets.i]
        far = ((facets.centroid - y[facets.i] - facets.displacement) ** 2).sum(axis=1) - w[facets.j]
        assert_allclose(near, far, atol=1e-10)

    halves = PowerDiagram(np.array([[0.25, 0.5, 0.5], [0.75, 0.5, 0.5]]), domain=[[0.0, 0, 0], [1.0, 1, 1]])
    assert_allclose(halves.barycenters, halves.positions, atol=1e-15)
    assert_allclose(halves.facets.centroid, [[0.5, 0.5, 0.5]])


def test_bad_input():
    with pytest.raises(ValueError, match="periodic"):
        PolynomialGrid(np.ones((2, 2)), periodic=(True, False, True))
    with pytest.raises(ValueError, match="periodic"):
        PolynomialGrid(np.ones((2, 2)), periodic="yes")
    with pytest.raises(ValueError, match="domain"):
        PowerDiagram(np.zeros((2, 3)), periodic=True)
    with pytest.raises(ValueError, match="shape"):
        PowerDiagram(np.random.default_rng(0).random((2, 3))).locate(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="dimension"):
        optimal_transport_plan(SumOfDiracs(np.zeros((1, 4))), PolynomialGrid(np.ones((1, 1, 1, 1))))


@pytest.mark.parametrize("periodic", [True, (True, False), (False, True)])
@pytest.mark.parametrize("n", [1, 2, 40])
def test_power_diagram_of_a_plane_torus(n, periodic):
    """Against sampling; polygons, facets and neighbours of each other."""
    rng = np.random.default_rng(n)
    y, w = rng.random((n, 2)) * [2.0, 1.0], 0.01 * rng.normal(size=n)
    diagram = PowerDiagram(y, w, [[0.0, 0.0], [2.0, 1.0]], periodic=periodic)
    sides, flags = np.array([2.0, 1.0]), np.broadcast_to(periodic, 2)
    assert_allclose(diagram.masses.sum(), 2.0, rtol=1e-12)
    areas = []
    for k, cell in enumerate(diagram.cells):
        x, z = cell[:, 0], cell[:, 1]
        areas.append(0.5 * float(x @ np.roll(z, -1) - z @ np.roll(x, -1)) if len(cell) else 0.0)
        if len(cell):
            gaps = cell[:, None] - y
            gaps -= np.round(gaps / sides) * sides * flags
            powers = (gaps**2).sum(axis=2) - w
            assert_allclose(powers.min(axis=1), powers[:, k], atol=1e-12)
    assert_allclose(areas, diagram.masses, atol=1e-12)
    pairs = {(k, j) for k, around in enumerate(diagram.neighbours) for j in around if j >= 0}
    assert pairs == {(j, k) for k, j in pairs}
    facets = diagram.facets
    assert {(min(p), max(p)) for p in pairs} == set(zip(facets.i.tolist(), facets.j.tolist(), strict=True))
    near = ((facets.centroid - y[facets.i]) ** 2).sum(axis=1) - w[facets.i]
    far = ((facets.centroid - y[facets.i] - facets.displacement) ** 2).sum(axis=1) - w[facets.j]
    assert_allclose(near, far, atol=1e-12)
    points = rng.random((500, 2)) * sides
    gaps = points[:, None] - y
    gaps -= np.round(gaps / sides) * sides * flags
    assert (diagram.locate(points) == ((gaps**2).sum(axis=2) - w).argmin(axis=1)).all()


def test_section_of_a_diagram_in_space():
    rng = np.random.default_rng(8)
    y, w = rng.random((30, 3)), 0.01 * rng.normal(size=30)
    for periodic in (False, (True, False, True)):
        diagram = PowerDiagram(y, w, [[0.0, 0, 0], [1.0, 1, 1]], periodic=periodic)
        points = rng.random((300, 3))
        points[:, 2] = 0.3
        assert (diagram.cut(2, 0.3).locate(points[:, :2]) == diagram.locate(points)).all()
    with pytest.raises(ValueError, match="axis"):
        diagram.cut(3, 0.5)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("periodic", [False, True])
def test_points_of_the_density_are_sent(d, periodic):
    """In proportion to the masses, at the cost of the plan; Diracs on one spot are one."""
    rng = np.random.default_rng(d)
    y = rng.random((9, d))
    y[4] = y[2]
    law = PolynomialGrid(np.ones((1,) * d), periodic=periodic)
    plan = optimal_transport_plan(SumOfDiracs(y, rng.random(9) + 0.2), law)
    x = rng.random((5000, d))
    sent = plan.locate(x)
    assert 4 not in sent
    held = np.bincount(sent, minlength=9) / len(x)
    expected = plan.cell_masses.copy()
    expected[2], expected[4] = expected[2] + expected[4], 0.0
    assert_allclose(held, expected, atol=5.0 / np.sqrt(len(x)))
    squares = ((plan.transport(x) - x) ** 2).sum(axis=1)
    assert abs(squares.mean() - plan.distance) < 5.0 * squares.std() / np.sqrt(len(x))
    with pytest.raises(ValueError, match="x must have shape"):
        plan.locate(np.zeros((2, d + 1)))


def test_start_from_weights():
    rng = np.random.default_rng(9)
    diracs, law = SumOfDiracs(rng.random((30, 3))), PolynomialGrid(np.ones((1, 1, 1)))
    plan = optimal_transport_plan(diracs, law)
    assert optimal_transport_plan(diracs, law, start=plan.weights).iterations == 0
    with pytest.raises(ValueError, match="start must be for 30 Diracs"):
        optimal_transport_plan(diracs, law, start=np.zeros(3))


def test_lloyd_with_given_masses_on_a_torus():
    """Volumes over three decades, and Diracs that settle at the barycenters."""
    rng = np.random.default_rng(10)
    volumes = 10.0 ** rng.uniform(-3, 0, 30)
    law = PolynomialGrid(np.ones((1, 1, 1)), periodic=True)
    found = lloyd(law, rng.random((30, 3)), masses=volumes, iterations=5, tol=0)
    assert_allclose(found.weights, volumes / volumes.sum())
    plan = optimal_transport_plan(found, law)
    assert_allclose(plan.cell_masses, found.weights, rtol=1e-8)
    costs = []
    lloyd(law, found, masses=volumes, damping=0.5, iterations=4, callback=lambda i, diracs, cost: costs.append(cost))
    assert np.diff(costs).max() < 0
    for bad in ([1.0, 2.0], -volumes):
        with pytest.raises(ValueError, match="masses must"):
            lloyd(law, 30, masses=bad)
    with pytest.raises(ValueError, match="damping"):
        lloyd(law, 3, damping=1.5)


def test_facets_in_the_plane():
    """Each is the edge that the two polygons share."""
    rng = np.random.default_rng(11)
    y, w = rng.random((30, 2)), 0.01 * rng.normal(size=30)
    diagram = PowerDiagram(y, w, [[0.0, 0.0], [1.0, 1.0]])
    assert_allclose(diagram.masses.sum(), 1.0, rtol=1e-12)
    expected = {}
    for k, (cell, around) in enumerate(zip(diagram.cells, diagram.neighbours, strict=True)):
        for a, b, j in zip(cell, np.roll(cell, -1, axis=0), around, strict=True):
            if j > k:
                expected[k, j] = np.linalg.norm(b - a), (a + b) / 2
    facets = diagram.facets
    found = {(i, j): row for row, (i, j) in enumerate(zip(facets.i.tolist(), facets.j.tolist(), strict=True))}
    assert {pair for pair, (length, _) in expected.items() if length > 1e-12} <= set(found)
    for pair, row in found.items():
        assert_allclose(facets.area[row], expected[pair][0], atol=1e-12)
        assert_allclose(facets.centroid[row], expected[pair][1], atol=1e-9)
    assert_allclose(
        facets.normal * np.linalg.norm(y[facets.j] - y[facets.i], axis=1)[:, None], y[facets.j] - y[facets.i]
    )


@pytest.mark.parametrize("d, periodic", [(2, False), (2, True), (3, False), (3, True)])
def test_diagrams_are_copied_pickled_and_read_only(d, periodic):
    y = np.random.default_rng(12).random((6, d))
    diagram = PowerDiagram(y, None, np.stack([np.zeros(d), np.ones(d)]), periodic=periodic)
    masses = diagram.masses.copy()
    y[:] = 0.5
    for again in (pickle.loads(pickle.dumps(diagram)), copy.deepcopy(diagram), copy.copy(diagram)):
        assert type(again) is type(diagram)
        assert_allclose(again.masses, masses)
    for array in (diagram.masses, diagram.barycenters, diagram.facets.area, diagram.facets.centroid):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 3.0
