"""Derivatives of cells in weights and positions against central finite differences, in every kind of problem."""

import numpy as np
import pytest

from diracs import GaussianMixture, PolynomialGrid, SumOfDiracs, optimal_transport_plan
from diracs.backend.arrays import concrete
from diracs.transport.families import parts, target_of

RNG = np.random.default_rng(0)


def mixture(d):
    root = RNG.normal(size=(2, d, d))
    return GaussianMixture(RNG.normal(size=(2, d)), root @ root.swapaxes(1, 2) + np.eye(d), [0.3, 0.7])


DENSITIES = {
    "interval": PolynomialGrid(np.ones(1), domain=[[-1.0], [3.0]]),
    "image on the line": PolynomialGrid(RNG.random(5) + 0.1, domain=[[-1.0], [3.0]]),
    "mixture on the line": mixture(1),
    "circle": PolynomialGrid(RNG.random(5) + 0.1, domain=[[-1.0], [3.0]], periodic=True),
    "square": PolynomialGrid(np.ones((1, 1)), domain=[[-1.0, 0.0], [3.0, 2.0]]),
    "image": PolynomialGrid(RNG.random((4, 3)) + 0.1, domain=[[-1.0, 0.0], [3.0, 2.0]]),
    "mixture in the plane": mixture(2),
    "plane torus": PolynomialGrid(np.ones((1, 1)), domain=[[-1.0, 0.0], [3.0, 2.0]], periodic=(True, False)),
    "image on a torus": PolynomialGrid(RNG.random((4, 3)) + 0.1, domain=[[-1.0, 0.0], [3.0, 2.0]], periodic=True),
    "box": PolynomialGrid(np.ones((1, 1, 1)), domain=[[-1.0, 0, 0], [3.0, 2, 2]]),
    "volume": PolynomialGrid(RNG.random((2, 3, 2)) + 0.1, domain=[[-1.0, 0, 0], [3.0, 2, 2]]),
    "mixture in space": mixture(3),
    "space torus": PolynomialGrid(np.ones((1, 1, 1)), domain=[[-1.0, 0, 0], [3.0, 2, 2]], periodic=True),
    "volume on a torus": PolynomialGrid(
        RNG.random((2, 3, 2)) + 0.1, domain=[[-1.0, 0, 0], [3.0, 2, 2]], periodic=(True, False, True)
    ),
}


def points(density, n):
    """Within the box, or about the mixture."""
    u = np.random.default_rng(3).random((n, density.ndim))
    box = getattr(density, "domain", np.array([[-2.0], [2.0]]))
    return box[0] + u * (box[1] - box[0])


def cells_of(density, positions, weights):
    """Masses (n,) and barycenters (n, d) of power cells, empty ones of zero and of their seeds: an independent path."""
    form, parameters = parts(density)
    target = target_of(form, tuple(map(concrete, parameters)))
    seeds = target.normalized(positions)
    if seeds.shape[1] > 1:
        found = target.density().moments(np.ascontiguousarray(seeds), weights / target.size**2)[0]
        mass, first = found.mass, found.first[:, : density.ndim]
    else:
        y, w = seeds[:, 0], weights / target.size**2
        order = np.argsort(y)
        borders = 0.5 * (y[order][1:] + y[order][:-1]) - 0.5 * np.diff(w[order]) / np.diff(y[order])
        mass, first = np.zeros(len(y)), np.zeros((len(y), 1))
        cells = target.line().cell_moments(y[order], np.concatenate([[-np.inf], borders, [np.inf]]))
        mass[order], first[order, 0] = cells[:2]
    return mass, positions + target.size * first / np.where(mass > 0, mass, 1.0)[:, None]


def differences(function, x, step=2e-6):
    """Columns of the Jacobian (…, x.size)."""
    columns = []
    for index in np.ndindex(x.shape):
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved[index] += sign * step
            ends.append(np.asarray(function(moved)).ravel())
        columns.append((ends[0] - ends[1]) / (2 * step))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("name", DENSITIES)
@pytest.mark.parametrize("n", [1, 2, 7])
def test_all_blocks_are_those_of_finite_differences(name, n):
    density = DENSITIES[name]
    positions = points(density, n)
    plan = optimal_transport_plan(SumOfDiracs(positions, np.arange(1.0, n + 1)), density, tol=1e-11)
    found, weights = plan.jacobian(), concrete(plan.weights)
    by_weights = [lambda w, k=k: cells_of(density, positions, w)[k] for k in (0, 1)]
    by_positions = [lambda y, k=k: cells_of(density, y, weights)[k] for k in (0, 1)]
    # Facets that cross from one pixel to the next have kinks there: differences are good to the step.
    close = {"rtol": 2e-5, "atol": 2e-6}
    np.testing.assert_allclose(found.masses_weights.toarray(), differences(by_weights[0], weights), **close)
    np.testing.assert_allclose(found.barycenters_weights.toarray(), differences(by_weights[1], weights), **close)
    np.testing.assert_allclose(found.masses_positions.toarray(), differences(by_positions[0], positions), **close)
    np.testing.assert_allclose(found.barycenters_positions.toarray(), differences(by_positions[1], positions), **close)
    assert found.barycenters_positions.format == "csr"


@pytest.mark.parametrize("name", ["image on the line", "image", "volume", "space torus"])
def test_massless_diracs_have_zero_rows_and_twins_share(name):
    density = DENSITIES[name]
    alone, masses, d = points(density, 5), np.array([1.0, 2.0, 3.0, 2.0, 1.0]), density.ndim
    single = optimal_transport_plan(SumOfDiracs(alone, masses), density).jacobian()
    positions = np.concatenate([alone, alone[2:3], alone[:1] + 0.1])
    split = np.array([1.0, 2.0, 2.0, 2.0, 1.0, 1.0, 0.0])
    both = optimal_transport_plan(SumOfDiracs(positions, split), density).jacobian()
    for rows in (both.masses_weights, both.masses_positions):
        assert not rows.toarray()[6].any()
        np.testing.assert_allclose(rows.toarray()[2], 2 * rows.toarray()[5])
    assert not both.barycenters_positions.toarray()[6 * d :].any()
    # The twins moved as one, their masses and barycenters taken together.
    sizes = {"masses_weights": (1, 1), "masses_positions": (d, 1), "barycenters_weights": (1, d)}
    for block, (across, down) in (sizes | {"barycenters_positions": (d, d)}).items():
        found = getattr(both, block).toarray()
        found[:, 2 * across : 3 * across] += found[:, 5 * across : 6 * across]
        if block.startswith("masses"):
            found[2] += found[5]
        expected = getattr(single, block).toarray()
        np.testing.assert_allclose(found[: 5 * down, : 5 * across], expected, rtol=1e-6, atol=1e-9)


def test_units_and_symmetry():
    density, n = DENSITIES["image"], 6
    positions = points(density, n)
    plain = optimal_transport_plan(SumOfDiracs(positions), density).jacobian()
    large = PolynomialGrid(density.values, domain=1e3 * density.domain)
    scaled = optimal_transport_plan(SumOfDiracs(1e3 * positions), large).jacobian()
    for block, factor in (("masses_weights", 1e-6), ("masses_positions", 1e-3), ("barycenters_weights", 1e-3)):
        expected = factor * getattr(plain, block).toarray()
        np.testing.assert_allclose(getattr(scaled, block).toarray(), expected, rtol=1e-6, atol=1e-9 * factor)
    laplacian = plain.masses_weights.toarray()
    np.testing.assert_allclose(laplacian, laplacian.T)
    np.testing.assert_allclose(laplacian.sum(axis=1), 0.0, atol=1e-14)
    assert repr(plain) == "OtJacobian(6 Diracs in dimension 2)"
