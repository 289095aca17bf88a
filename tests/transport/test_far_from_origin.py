"""Boxes and mixtures far from the origin: exact rationals, and moves that are exact in doubles change nothing."""

from fractions import Fraction

import numpy as np
import pytest

from diracs import GaussianMixture, PolynomialGrid, PowerDiagram, SumOfDiracs, distance, lloyd, optimal_transport_plan

RNG = np.random.default_rng(0)
PIXELS = RNG.random((5, 4))
MASSES = RNG.random(20) + 0.1


def exact_cost_on_line(low, high, seeds, masses):
    """W₂² between the uniform law on an interval and sorted seeds, a fraction."""
    low, high, total = Fraction(low), Fraction(high), sum(map(Fraction, masses))
    cost, left = Fraction(0), low
    for y, mass in zip(map(Fraction, seeds), map(Fraction, masses), strict=True):
        right = left + (high - low) * mass / total
        cost += ((right - y) ** 3 - (left - y) ** 3) / (3 * (high - low))
        left = right
    return cost


@pytest.mark.parametrize("origin", [0.1, 1e6, -1e9, 1e12])
@pytest.mark.parametrize("side", [1e-3, 1.0, 700.0])
def test_uniform_law_on_the_line_and_in_the_plane_is_that_of_exact_rationals(origin, side):
    low, high = origin, origin + side
    seeds = np.unique(low + side * np.array([0.0, 0.11, 0.35, 0.5, 0.93]))
    masses = np.array([0.1, 0.2, 0.15, 0.3, 0.25])[: len(seeds)]
    masses /= masses.sum()
    exact = exact_cost_on_line(low, high, seeds, masses)
    found = float(distance(SumOfDiracs(seeds[:, None], masses), PolynomialGrid([1.0], [[low], [high]])))
    assert abs(Fraction(found) / exact - 1) < 1e-14
    # Seeds in a row: their cells are strips, and the other coordinate adds its own cost.
    beside = Fraction(low) + Fraction(side) / 3
    row = np.stack([seeds, np.full(len(seeds), float(beside))], axis=1)
    across = exact_cost_on_line(low, high, row[:1, 1], [1.0])
    for order in ([0, 1], [1, 0]):
        plan = optimal_transport_plan(
            SumOfDiracs(row[:, order], masses), PolynomialGrid([[1.0]], [[low, low], [high, high]]), tol=1e-12
        )
        assert abs(Fraction(float(plan.distance)) / (exact + across) - 1) < 2e-14


def on_lattice(points):
    """Numbers with so few digits that adding 2³⁰ or 2⁴⁰ to them is exact."""
    return np.round(points * 2.0**12) / 2.0**12


@pytest.mark.parametrize("shift", [2.0**30, -(2.0**40)])
@pytest.mark.parametrize("dimension", [1, 2])
@pytest.mark.parametrize("kind", ["grid", "mixture"])
def test_exact_moves_change_nothing(kind, dimension, shift):
    torch = pytest.importorskip("torch")
    seeds = on_lattice(np.random.default_rng(1).random((20, dimension)))
    means = on_lattice(np.random.default_rng(2).random((3, dimension)))
    results = []
    for move in (0.0, shift):
        y = torch.tensor(seeds + move, requires_grad=True)
        if kind == "grid":
            # The middle of this box is not a double once it has moved by 2⁴⁰.
            box = np.array([[0.0] * dimension, [1.0 + 2.0**-12] * dimension]) + move
            parameter = torch.tensor(PIXELS if dimension == 2 else PIXELS[0], requires_grad=True)
            law = PolynomialGrid(parameter, box)
        else:
            parameter = torch.tensor(means + move, requires_grad=True)
            law = GaussianMixture(parameter, torch.tensor([0.01, 0.02, 0.05], dtype=torch.float64))
        value = distance(SumOfDiracs(y, torch.tensor(MASSES)), law)
        value.backward()
        results.append([value.detach().numpy(), y.grad.numpy(), parameter.grad.numpy()])
    for here, there in zip(*results, strict=True):
        np.testing.assert_allclose(there, here, rtol=1e-9, atol=1e-11 * np.abs(here).max())
    assert results[1][0] == pytest.approx(results[0][0], rel=2e-14)


def test_power_diagrams_move_exactly():
    seeds, weights = on_lattice(RNG.random((40, 2))), on_lattice(0.1 * RNG.random(40))
    here = PowerDiagram(seeds, weights, [[0.0, 0.0], [1.0, 1.0]])
    there = PowerDiagram(seeds + 2.0**30, weights, [[2.0**30, 2.0**30], [2.0**30 + 1.0, 2.0**30 + 1.0]])
    for a, b in zip(here.cells, there.cells, strict=True):
        np.testing.assert_allclose(b - 2.0**30, a, atol=2.0**-22)
    for a, b in zip(here.neighbours, there.neighbours, strict=True):
        np.testing.assert_array_equal(a, b)


def test_masses_of_lloyd_are_those_of_the_positions_that_it_returns():
    low = 2.0**30
    density = PolynomialGrid([[1.0]], [[low, low], [low + 2.0**-14, low + 2.0**-14]])
    found = lloyd(density, 12, iterations=20)
    # Doubles there are 2⁻²² apart, a 256th of the side; near the origin the same points have all their digits.
    near = (np.asarray(found.positions) - low) * 2.0**14
    cells = PowerDiagram(near, None, [[0.0, 0.0], [1.0, 1.0]]).cells
    areas = [0.5 * (c[:, 0] @ np.roll(c[:, 1], -1) - c[:, 1] @ np.roll(c[:, 0], -1)) for c in cells]
    np.testing.assert_allclose(found.weights, areas, rtol=1e-13)


@pytest.mark.parametrize("pixels", [1, 8])
@pytest.mark.parametrize("width", [0.2, 1e-3])
def test_thousands_of_seeds_in_a_spot_far_from_the_law(pixels, width):
    """Without weights one cell holds all: no better a start than with cells of all sizes."""
    rng = np.random.default_rng(0)
    seeds = np.array([5.0, 0.5]) + width * rng.standard_normal((5000, 2))
    law = PolynomialGrid(1.0 + rng.random((pixels, pixels)))
    plan = optimal_transport_plan(SumOfDiracs(seeds, np.full(5000, 1 / 5000)), law)
    assert plan.converged and plan.iterations <= 20
    np.testing.assert_allclose(plan.cell_masses, 1 / 5000, rtol=1e-6)
