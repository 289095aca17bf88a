"""Transport to meshes: reference problems, the cube in simplices, derivatives, shapes with holes, Lloyd's method."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from meshes import cut_cube
from numpy.testing import assert_allclose
from scipy.spatial import Delaunay

from diracs import Mesh, PolynomialGrid, SumOfDiracs, barycenter, distance, lloyd, optimal_transport_plan
from diracs.transport.families import parts, target_of

REFERENCE = np.load(Path(__file__).parents[1] / "data" / "mesh.npz")
CASES = sorted({key.split("/")[0] for key in REFERENCE})


@pytest.mark.parametrize("case", CASES)
def test_reference(case):
    field = {key.split("/")[1]: REFERENCE[key] for key in REFERENCE if key.startswith(case + "/")}
    values = field.get("element_values", field.get("nodal_values"))
    mesh = Mesh(field["vertices"], field["elements"], values)
    assert mesh.per == ("simplex" if "element_values" in field else "vertex")
    plan = optimal_transport_plan(SumOfDiracs(field["positions"], field["masses"]), mesh, tol=1e-10)
    assert plan.converged
    assert_allclose(float(plan.distance), field["cost"], rtol=1e-12)
    assert_allclose(plan.barycenters, field["barycenters"], atol=1e-10)
    assert_allclose(plan.weights - plan.weights.mean(), field["weights"], atol=1e-10)


@pytest.mark.parametrize("d, n", [(2, 60), (3, 30)])
def test_a_cube_in_simplices_is_the_cube(d, n):
    rng = np.random.default_rng(d)
    diracs = SumOfDiracs(1.5 * rng.random((n, d)) - 0.2, 0.2 + rng.random(n))
    whole = PolynomialGrid(np.ones((1,) * d), np.stack([np.zeros(d), np.ones(d)]))
    one, two = (optimal_transport_plan(diracs, law, tol=1e-12) for law in (whole, Mesh(*cut_cube(3, d))))
    assert_allclose(two.distance, one.distance, rtol=1e-12)
    assert_allclose(two.barycenters, one.barycenters, atol=1e-12)
    assert_allclose(two.power_diagram.domain, one.power_diagram.domain)


def shape(d, linear):
    """An L of one part and a block of another, with a simplex that holds nothing."""
    vertices, simplices = cut_cube(2, d)
    kept = vertices[simplices].mean(axis=1)
    simplices = simplices[(kept[:, :2] < 0.5).any(axis=1)]
    part = vertices + 2.0 * np.eye(d)[0]
    every = np.concatenate([vertices, part]), np.concatenate([simplices, simplices[:3] + len(vertices)])
    rng = np.random.default_rng(4)
    values = 0.2 + rng.random(len(every[0]) if linear else len(every[1]))
    values[2] = 0.0
    return *every, values


def slope(function, x, index, h=1e-4):
    up, down = x.copy(), x.copy()
    up[index] += h
    down[index] -= h
    return (float(function(up)) - float(function(down))) / (2 * h)


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_derivatives(d, linear, framework):
    vertices, simplices, values = shape(d, linear)
    per = "vertex" if linear else "simplex"
    rng = np.random.default_rng(d)
    y, nu = rng.random((6, d)), 0.1 + rng.random(6)

    def value(a, b, c):
        return distance(SumOfDiracs(a, b), Mesh(vertices, simplices, c, per=per))

    if framework == "torch":
        torch = pytest.importorskip("torch")
        leaves = [torch.tensor(x, requires_grad=True) for x in (y, nu, values)]
        value(*leaves).backward()
        found = [np.asarray(x.grad) for x in leaves]
    else:
        jax = pytest.importorskip("jax")
        enable = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
        with enable(True):
            found = [np.asarray(x) for x in jax.jit(jax.grad(value, (0, 1, 2)))(y, nu, values)]
    assert_allclose(found[0][2, 1], slope(lambda x: value(x, nu, values), y, (2, 1)), rtol=1e-5)
    assert_allclose(found[1][3], slope(lambda x: value(y, x, values), nu, 3), rtol=1e-5, atol=1e-8)
    for k in (0, 5):
        assert_allclose(found[2][k], slope(lambda x: value(y, nu, x), values, k), rtol=1e-5, atol=1e-8)
    # What holds nothing may get something: a derivative from one side.
    up = values.copy()
    up[2] = 1e-5
    rise = (float(value(y, nu, up)) - float(value(y, nu, values))) / 1e-5
    assert_allclose(found[2][2], rise, rtol=1e-3, atol=1e-5)


def test_as_an_argument_of_jax():
    jax = pytest.importorskip("jax")
    mesh = Mesh(*cut_cube(2, 2), jax.numpy.ones(8), per="simplex")
    y = np.random.default_rng(0).random((5, 2)).astype(np.float32)
    found = jax.jit(lambda a, law: distance(SumOfDiracs(a), law))(y, mesh)
    assert_allclose(found, distance(SumOfDiracs(y), mesh), rtol=1e-4)


@pytest.mark.filterwarnings("default")
def test_under_the_compiler_of_torch():
    torch = pytest.importorskip("torch")
    mesh = Mesh(*cut_cube(1, 2), torch.tensor([1.0, 2.0], dtype=torch.float64))
    y = torch.tensor(np.random.default_rng(0).random((4, 2)), requires_grad=True)
    masses = torch.full((4,), 0.25, dtype=torch.float64)
    loss = torch.compile(lambda x, m: distance(SumOfDiracs(x, m), mesh), backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(loss(y, masses), distance(SumOfDiracs(y, masses), mesh))


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("linear", [False, True])
def test_parts_with_nothing_between(d, linear):
    """More Diracs on one side than its mass: some cells reach across."""
    mesh = Mesh(*shape(d, linear))
    rng = np.random.default_rng(1)
    y = rng.random((40, d))
    plan = optimal_transport_plan(SumOfDiracs(y), mesh, tol=1e-10)
    assert plan.converged
    assert_allclose(plan.cell_masses, 1 / 40, rtol=1e-8)
    # The barycenter of all barycenters is that of the mesh.
    mean = (mesh.volumes[:, None] * _first(mesh)).sum(axis=0)
    assert_allclose(plan.barycenters.mean(axis=0), mean, atol=1e-9)


def _first(mesh):
    """∫xρ over each simplex per volume: quadrature by the corners and the middle, exact for second degree."""
    x, r = mesh.vertices[mesh.simplices], mesh.densities
    d = mesh.ndim
    corners = (x * r[:, :, None]).sum(axis=1) / ((d + 1) * (d + 2))
    return corners + x.mean(axis=1) * r.mean(axis=1)[:, None] * (d + 1) / (d + 2)


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("scale, away", [(1e-6, 0.0), (1e6, 0.0), (1.0, 1e6), (1e-3, 1e3)])
def test_scales_and_places(d, scale, away):
    vertices, simplices, values = shape(d, True)
    y = np.random.default_rng(2).random((20, d))
    one = optimal_transport_plan(SumOfDiracs(y), Mesh(vertices, simplices, values))
    moved = Mesh(scale * vertices + away, simplices, values)
    two = optimal_transport_plan(SumOfDiracs(scale * y + away), moved)
    rounding = 1e-15 * away / scale
    assert_allclose(two.distance / scale**2, one.distance, rtol=1e-9 + 100 * rounding)
    assert_allclose((two.barycenters - away) / scale, one.barycenters, atol=1e-9 + 100 * rounding)


@pytest.mark.parametrize("hole", [0.0, 0.3])
def test_masses_over_decades(hole):
    """Of a convex hull, and with a hole: what has hardly any mass may lie in a gap."""
    rng = np.random.default_rng(3)
    diracs = SumOfDiracs(rng.random((60, 2)), 10.0 ** -rng.uniform(0, 8, 60))
    vertices = rng.random((200, 2))
    triangles = Delaunay(vertices).simplices
    far = np.linalg.norm(vertices[triangles].mean(axis=1) - 0.5, axis=1) >= hole
    plan = optimal_transport_plan(diracs, Mesh(vertices, triangles[far]), tol=1e-9)
    assert plan.converged
    assert_allclose(plan.cell_masses, diracs.weights, rtol=1e-8)


@pytest.mark.parametrize("d", [2, 3])
def test_filling(d):
    """Part of the mass is uniform; both parts have their edges."""
    mesh = Mesh(*shape(d, True))
    form, parameters = parts(mesh)
    law = target_of(form, parameters).density()
    rng = np.random.default_rng(0)
    seeds = np.ascontiguousarray(law.box[0] + rng.random((10, d)) * (law.box[1] - law.box[0]))
    some, none, every = (law.blurred(width).moments(seeds, np.zeros(10)) for width in (1.0, 0.0, 9.0))
    for name in ("mass", "first", "second"):
        a, b, c = (getattr(cells, name) for cells, _ in (some, none, every))
        assert_allclose(a, 0.75 * b + 0.25 * c, atol=1e-15)
    sums = [np.bincount(edges.i, edges.integrals[:, 0], minlength=10) for _, edges in (some, none, every)]
    assert_allclose(sums[0], 0.75 * sums[1] + 0.25 * sums[2], atol=1e-14)
    assert_allclose(law.blurred(1.0).coarse(8)[1].sum(), 1.0)
    drawn = law.blurred(1.0).draw(50, rng)
    assert (drawn >= law.box[0]).all() and (drawn <= law.box[1]).all()


@pytest.mark.parametrize("d", [2, 3])
def test_lloyd(d):
    mesh = Mesh(*shape(d, False))
    costs = []
    free = lloyd(mesh, 12, iterations=15, callback=lambda k, diracs, cost: costs.append(cost))
    assert (np.diff(costs) <= 1e-12).all()
    assert_allclose(free.weights.sum(), 1.0)
    equal = lloyd(mesh, 12, iterations=5, masses="equal")
    assert_allclose(equal.weights, 1 / 12)
    assert distance(equal, mesh) < distance(lloyd(mesh, 12, iterations=1, masses="equal"), mesh)


def test_barycenter_of_two():
    """Of two squares of one size: the square between."""
    vertices, simplices = cut_cube(1, 2)
    both = [Mesh(vertices, simplices), Mesh(vertices + np.array([4.0, 0.0]), simplices)]
    middle = barycenter(both, 4, iterations=30)
    assert_allclose(middle.positions.mean(axis=0), [2.5, 0.5], atol=1e-6)


def test_draws():
    """Moments of many, to five deviations."""
    for d in (2, 3):
        mesh = Mesh(*shape(d, True))
        form, parameters = parts(mesh)
        target = target_of(form, parameters)
        x = target.original(target.density().draw(20_000, np.random.default_rng(0)))
        mean = (mesh.volumes[:, None] * _first(mesh)).sum(axis=0)
        assert (np.abs(x.mean(axis=0) - mean) < 5 * x.std(axis=0) / np.sqrt(20_000)).all()


def test_a_mesh_and_diracs_of_other_dimensions():
    with pytest.raises(ValueError, match="dimension 3"):
        optimal_transport_plan(SumOfDiracs(np.zeros((2, 3))), Mesh(*cut_cube(1, 2)))
