"""Plans against an independent solver, and against what optimality demands."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diracs import (
    ConvergenceWarning,
    GaussianMixture,
    MassesNotMet,
    PolynomialGrid,
    PowerDiagram,
    SumOfDiracs,
    distance,
    optimal_transport_plan,
)

REFERENCE = np.load(Path(__file__).parent.parent / "data" / "transport.npz")
PLANAR = ("uniform_square", "uniform_square_weighted", "random_image_16", "two_peaks_64", "two_peaks_64_outside")


def peaks(n=64):
    t = np.linspace(0, 1, n)
    x, y = np.meshgrid(t, t, indexing="ij")
    return np.exp(-50 * ((x - 0.3) ** 2 + (y - 0.3) ** 2)) + np.exp(-50 * ((x - 0.7) ** 2 + (y - 0.7) ** 2))


@pytest.mark.parametrize("case", PLANAR)
def test_cost_and_barycenters_are_those_of_the_reference(case):
    values = REFERENCE[f"{case}/values"] if f"{case}/values" in REFERENCE else np.ones((1, 1))
    diracs = SumOfDiracs(REFERENCE[f"{case}/positions"], REFERENCE[f"{case}/masses"])
    plan = optimal_transport_plan(diracs, PolynomialGrid(values))
    assert plan.converged
    assert plan.distance == pytest.approx(float(REFERENCE[f"{case}/cost"]), rel=1e-9)
    np.testing.assert_allclose(plan.barycenters, REFERENCE[f"{case}/barycenters"], atol=1e-7)
    assert plan.dual_value == pytest.approx(plan.distance, rel=1e-8)


@pytest.mark.parametrize("tol", [1e-3, 1e-9])
def test_masses_are_met_within_the_tolerance(tol):
    rng = np.random.default_rng(0)
    masses = rng.dirichlet(np.ones(150))
    plan = optimal_transport_plan(SumOfDiracs(rng.random((150, 2)), masses), PolynomialGrid(peaks(32)), tol=tol)
    assert plan.converged
    assert np.abs(plan.cell_masses - masses).max() <= tol * masses.min()


def test_unequal_masses_over_five_orders_of_magnitude():
    rng = np.random.default_rng(1)
    masses = 10.0 ** rng.uniform(-5, 0, 200)
    plan = optimal_transport_plan(SumOfDiracs(rng.random((200, 2)), masses), PolynomialGrid(peaks(16)))
    assert plan.converged
    np.testing.assert_allclose(plan.cell_masses, masses / masses.sum(), rtol=1e-7)


def test_one_dirac_is_the_variance():
    values = np.random.default_rng(2).random((7, 5))
    plan = optimal_transport_plan(SumOfDiracs([[0.2, 0.9]]), PolynomialGrid(values))
    x, y = ((np.arange(n) + 0.5) / n for n in values.shape)
    p = values / values.sum()
    square = (p * ((x[:, None] - 0.2) ** 2 + (y - 0.9) ** 2)).sum() + (7.0**-2 + 5.0**-2) / 12
    assert plan.distance == pytest.approx(square, rel=1e-12)


def test_separate_supports():
    t = (np.arange(64) + 0.5) / 64
    x, y = np.meshgrid(t, t, indexing="ij")
    discs = ((x - 0.25) ** 2 + (y - 0.25) ** 2 < 0.04) | ((x - 0.75) ** 2 + (y - 0.75) ** 2 < 0.04)
    positions = np.random.default_rng(3).random((120, 2))
    plan = optimal_transport_plan(SumOfDiracs(positions), PolynomialGrid(discs.astype(float)))
    assert plan.converged
    np.testing.assert_allclose(plan.cell_masses, 1 / 120, rtol=1e-8)


def test_duplicates_share_a_cell_and_zero_masses_have_none():
    rng = np.random.default_rng(4)
    positions = rng.random((20, 2))
    positions[7] = positions[3]
    masses = rng.random(20)
    masses[11] = 0.0
    plan = optimal_transport_plan(SumOfDiracs(positions, masses), PolynomialGrid(peaks(16)))
    np.testing.assert_allclose(plan.cell_masses, masses / masses.sum(), rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(plan.barycenters[3], plan.barycenters[7])
    assert (plan.representative == np.where(np.arange(20) == 7, 3, np.arange(20))).all()
    np.testing.assert_array_equal(plan.barycenters[11], positions[11])


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("shift", [0.0, 30.0])
def test_scaling_and_translation(scale, shift):
    rng = np.random.default_rng(5)
    positions = rng.random((50, 2))
    plain = optimal_transport_plan(SumOfDiracs(positions), PolynomialGrid(peaks(16)))
    domain = np.array([[shift, -shift], [shift + 1, 1 - shift]]) * scale
    moved = optimal_transport_plan(
        SumOfDiracs((positions + np.array([shift, -shift])) * scale), PolynomialGrid(peaks(16), domain=domain)
    )
    assert moved.distance == pytest.approx(plain.distance * scale**2, rel=1e-9)


def test_an_earlier_plan_is_a_good_start():
    rng = np.random.default_rng(6)
    positions = rng.random((200, 2))
    density = PolynomialGrid(peaks(32))
    first = optimal_transport_plan(SumOfDiracs(positions), density)
    again = optimal_transport_plan(SumOfDiracs(positions + 1e-5), density, start=first)
    assert again.converged and again.iterations < first.iterations
    assert optimal_transport_plan(SumOfDiracs(positions), density, start=first).iterations == 0


@settings(deadline=None, max_examples=12, derandomize=True)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["lattice", "line", "diagonal", "circle", "far", "clustered"]),
    st.integers(1, 40),
)
def test_degenerate_seeds(seed, kind, n):
    rng = np.random.default_rng(seed)
    if kind == "lattice":
        positions = np.stack(np.meshgrid(np.arange(6), np.arange(6)), axis=-1).reshape(-1, 2)[:n] / 6
    elif kind == "line":
        positions = np.stack([np.linspace(0, 1, n), np.full(n, 0.5)], axis=1)
    elif kind == "diagonal":
        positions = np.stack([np.linspace(0, 1, n)] * 2, axis=1)
    elif kind == "circle":
        positions = 0.5 + 0.4 * np.stack([f(2 * np.pi * np.arange(n) / n) for f in (np.cos, np.sin)], axis=1)
    elif kind == "far":
        positions = 100 + rng.random((n, 2))
    else:
        positions = 0.5 + 1e-4 * rng.standard_normal((n, 2))
    plan = optimal_transport_plan(SumOfDiracs(positions), PolynomialGrid(0.1 + rng.random((5, 4))))
    assert plan.converged
    np.testing.assert_allclose(plan.cell_masses.sum(), 1.0, rtol=1e-12)
    assert plan.dual_value == pytest.approx(plan.distance, rel=1e-7)


def test_one_dimension_by_quantiles():
    rng = np.random.default_rng(7)
    values, positions = rng.random(9), rng.random((30, 1)) * 2 - 0.5
    masses = rng.random(30)
    plan = optimal_transport_plan(SumOfDiracs(positions, masses), PolynomialGrid(values))
    # Midpoint rule on the quantile functions of both laws.
    q = (np.arange(400_000) + 0.5) / 400_000
    p = np.concatenate([[0], np.cumsum(values) / values.sum()])
    x = np.interp(q, p, np.linspace(0, 1, 10))
    order = np.argsort(positions[:, 0])
    y = positions[order, 0][np.minimum(np.searchsorted(np.cumsum(masses[order]) / masses.sum(), q), 29)]
    assert plan.distance == pytest.approx(((x - y) ** 2).mean(), rel=1e-4)
    np.testing.assert_allclose(plan.cell_masses, masses / masses.sum(), rtol=1e-12)
    assert plan.dual_value == pytest.approx(plan.distance, rel=1e-9)


def test_what_cannot_be_reached_is_said():
    values = np.zeros((64, 64))
    values[0, 0] = values[63, 63] = 1.0
    positions = np.random.default_rng(8).random((50, 2))
    try:
        plan = optimal_transport_plan(SumOfDiracs(positions), PolynomialGrid(values), tol=1e-16)
    except ConvergenceWarning as warning:  # pytest turns warnings into errors
        assert "transport" in str(warning)
    else:
        assert plan.converged


def test_power_diagram_of_a_plan_has_its_masses_as_areas():
    rng = np.random.default_rng(9)
    masses = rng.dirichlet(np.ones(40))
    diagram = PowerDiagram(rng.random((40, 2))).adjust_weights(masses, PolynomialGrid(np.ones((1, 1))))
    areas = []
    for cell in diagram.cells:
        x, y = cell.T
        areas.append(0.5 * (x @ np.roll(y, -1) - y @ np.roll(x, -1)))
    np.testing.assert_allclose(areas, masses, rtol=1e-7)


@pytest.mark.parametrize("mass", [1e-2, 1e-4, 1e-6])
def test_two_very_unequal_masses(mass):
    plan = optimal_transport_plan(SumOfDiracs([[0.2, 0.5], [0.6, 0.5]], [1, mass]), PolynomialGrid(np.ones((4, 4))))
    assert plan.converged


@pytest.mark.parametrize("width", [0.05, 0.03, 0.02])
def test_narrow_bump_far_from_most_seeds(width):
    t = (np.arange(64) + 0.5) / 64
    bump = np.exp(-((t[:, None] - 0.1) ** 2 + (t - 0.9) ** 2) / (2 * width**2))
    plan = optimal_transport_plan(SumOfDiracs(np.random.default_rng(0).random((50, 2))), PolynomialGrid(bump))
    assert plan.converged


def test_all_mass_in_one_pixel():
    values = np.zeros((64, 64))
    values[5, 60] = 1.0
    plan = optimal_transport_plan(SumOfDiracs(np.random.default_rng(0).random((50, 2))), PolynomialGrid(values))
    assert plan.converged


def test_cells_of_diracs_without_mass_are_empty():
    rng = np.random.default_rng(10)
    masses = np.where(np.arange(15) < 12, rng.random(15), 0.0)
    plan = optimal_transport_plan(SumOfDiracs(rng.random((15, 2)), masses), PolynomialGrid(np.ones((4, 4))))
    assert [len(cell) > 0 for cell in plan.power_diagram.cells] == [True] * 12 + [False] * 3


def test_masses_too_unequal_for_sums_on_the_line_are_not_called_converged():
    with pytest.raises(ConvergenceWarning, match="unequal"):
        optimal_transport_plan(SumOfDiracs([[0.0], [0.5], [1.0]], [1, 1e-17, 1]), PolynomialGrid(np.ones(7)))


def test_positions_beyond_all_digits_are_refused():
    with pytest.raises(ValueError, match="positions"):
        optimal_transport_plan(SumOfDiracs([[1e300, 0.0]]), PolynomialGrid(np.ones((4, 4)), [[0, 0], [1e-100, 1e-100]]))


def test_masses_that_are_not_met_are_an_error_where_a_check_is_asked_for():
    diracs, density = SumOfDiracs([[0.0], [0.5], [1.0]], [1, 1e-17, 1]), PolynomialGrid(np.ones(7))
    with pytest.raises(MassesNotMet, match="unequal") as caught:
        optimal_transport_plan(diracs, density, check=True)
    assert isinstance(caught.value, RuntimeError) and caught.value.plan.converged is False
    assert pickle.loads(pickle.dumps(caught.value)).plan.iterations == 0
    assert optimal_transport_plan(SumOfDiracs([[0.0], [1.0]]), density, check=True).converged


def test_totals_do_not_matter():
    """Masses are shares of their sum on either side: W₂ is between probability measures."""
    rng = np.random.default_rng(11)
    positions, masses, values = rng.random((6, 2)), rng.random(6), rng.random((3, 3))
    means, weights = rng.random((2, 2)), np.array([1.0, 3.0])
    for density in (lambda t: PolynomialGrid(t * values), lambda t: GaussianMixture(means, np.ones(2), t * weights)):
        one = distance(SumOfDiracs(positions, masses / masses.sum()), density(1.0))
        for total in (1e-3, 7.0):
            assert distance(SumOfDiracs(positions, total * masses), density(total)) == pytest.approx(one, rel=1e-12)
            plan = optimal_transport_plan(SumOfDiracs(positions, total * masses), density(5.0))
            assert plan.distance == pytest.approx(one, rel=1e-12)
            np.testing.assert_allclose(plan.cell_masses, masses / masses.sum(), rtol=1e-8)
