"""Degenerate seeds, masses, images and boxes; what is claimed is recomputed from the weights."""

import threading
import warnings

import numpy as np
import pytest

import diracs
from diracs import PolynomialGrid, PowerDiagram, SumOfDiracs, _core, distance, lloyd, optimal_transport_plan

RNG = np.random.default_rng(0)
SEEDS = RNG.random((50, 2))
IMAGE = RNG.random((16, 16))
LINE = np.linspace(0.0, 1.0, 50)
LATTICE = np.indices((8, 8)).reshape(2, -1).T / 8.0
ROWS = IMAGE * (np.arange(16) % 5 > 1)[:, None]
CHECKERS = (np.indices((16, 16)).sum(axis=0) % 2).astype(float)
HALF = np.where(np.arange(50) % 2, RNG.random(50), 0.0)


def recomputed(plan):
    """Masses of the cells of the plan, distinct seeds with mass, and the error of the masses asked for."""
    y, masses = np.asarray(plan.diracs.positions), np.asarray(plan.diracs.weights)
    held = masses > 0
    unique, first, place = np.unique(y[held], axis=0, return_index=True, return_inverse=True)
    box = plan.density.domain
    size, centre = (box[1] - box[0]).max(), box.mean(axis=0)
    image = _core.Image(np.asarray(plan.density.values) * size**2, (box - centre) / size)
    seeds = np.ascontiguousarray((unique - centre) / size)
    found = _core.moments(image, seeds, plan.weights[held][first] / size**2, edges=False)[0].mass
    target = np.bincount(place.ravel(), masses[held])
    return np.abs(found - target).max() / target.min()


CASES = {
    "duplicates": (np.vstack([SEEDS, SEEDS, SEEDS[:5]]), None, IMAGE, None),
    "collinear": (np.c_[LINE, np.full(50, 0.5)], None, IMAGE, None),
    "diagonal": (np.c_[LINE, LINE], None, IMAGE, None),
    "slanted": (np.c_[LINE, 0.3 * LINE + 0.1], None, IMAGE, None),
    "lattice on corners of pixels": (LATTICE, None, np.ones((8, 8)), None),
    "lattice of width 1e-9": (LATTICE * 1e-9, None, IMAGE, None),
    "one spot": (np.full((50, 2), 0.3), None, IMAGE, None),
    "one seed far away": (np.full((1, 2), 1e6), None, IMAGE, None),
    "two seeds": (SEEDS[:2], None, IMAGE, None),
    "far away": (SEEDS + 1e3, None, IMAGE, None),
    "cluster": (0.5 + 1e-8 * RNG.random((500, 2)), None, IMAGE, None),
    "masses zero": (SEEDS, HALF, IMAGE, None),
    "masses over four orders": (SEEDS, 10.0 ** (-4 * RNG.random(50)), IMAGE, None),
    "row": (SEEDS, None, IMAGE[:1], None),
    "column": (SEEDS, None, IMAGE[:, :1], None),
    "zero rows": (SEEDS, None, ROWS, None),
    "checkers": (SEEDS, None, CHECKERS, None),
    "dynamic range 1e-16": (SEEDS, None, 10.0 ** (-16 * RNG.random((32, 32))), None),
    "values near overflow": (SEEDS, None, IMAGE * 1.7e308, None),
    "small box": (SEEDS * 1e-12, None, IMAGE, [[0, 0], [1e-12, 1e-12]]),
    "large box": (SEEDS * 1e12, None, IMAGE, [[0, 0], [1e12, 1e12]]),
    "shifted box": (SEEDS + 1e6, None, IMAGE, [[1e6, 1e6], [1e6 + 1, 1e6 + 1]]),
    "thin box": (SEEDS * [1e-9, 1], None, IMAGE, [[0, 0], [1e-9, 1]]),
}


@pytest.mark.parametrize("case", CASES)
def test_converges_and_is_consistent(case):
    seeds, masses, values, box = CASES[case]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plan = optimal_transport_plan(SumOfDiracs(seeds, masses), PolynomialGrid(values, box))
    assert plan.converged
    assert recomputed(plan) <= 3e-9
    assert plan.dual_value == pytest.approx(float(plan.distance), rel=1e-8)
    low, high = plan.density.domain
    slack = 1e-9 * (high - low)
    inside = (plan.barycenters >= low - slack) & (plan.barycenters <= high + slack)
    assert inside[plan.cell_masses > 0].all()
    psi = 0.5 * ((seeds**2).sum(axis=1) - plan.weights)
    np.testing.assert_array_equal(plan.brenier_potential, psi)


@pytest.mark.parametrize("tol", [1e-16, 1e-30])
def test_unreachable_tolerance_warns(tol):
    with pytest.warns(diracs.ConvergenceWarning):
        plan = optimal_transport_plan(SumOfDiracs(SEEDS), PolynomialGrid(IMAGE), tol=tol)
    assert not plan.converged
    assert recomputed(plan) < 1e-12


@pytest.mark.parametrize("decades", [16, pytest.param(300, marks=pytest.mark.slow)])
def test_hopeless_masses_are_reported(decades):
    masses = 10.0 ** (-decades * np.linspace(0, 1, 50))
    with pytest.warns(diracs.ConvergenceWarning):
        plan = optimal_transport_plan(SumOfDiracs(SEEDS, masses), PolynomialGrid(IMAGE))
    assert not plan.converged
    assert np.isfinite(plan.weights).all()
    assert np.isfinite(plan.barycenters).all()


@pytest.mark.parametrize("tol", [0, -1, np.nan, np.inf, "x", None])
def test_bad_tolerance(tol):
    with pytest.raises((ValueError, TypeError), match="tol"):
        optimal_transport_plan(SumOfDiracs(SEEDS), PolynomialGrid(IMAGE), tol=tol)


@pytest.mark.parametrize("masses", ["free", "equal"])
@pytest.mark.parametrize("seeds", [np.full((20, 2), 0.5), np.full((20, 2), 1e12), np.c_[LINE, 0 * LINE]])
def test_lloyd_from_degenerate_seeds(seeds, masses):
    found = np.asarray(lloyd(PolynomialGrid(np.ones((8, 8))), seeds, masses=masses).positions)
    assert ((found >= 0) & (found <= 1)).all()
    assert len(np.unique(found, axis=0)) == len(seeds)


def test_diagram_far_from_the_origin_covers_its_box():
    cells = PowerDiagram(1e6 + SEEDS, None, [[1e6, 1e6], [1e6 + 1, 1e6 + 1]]).cells
    shifted = [c - c[0] for c in cells]
    area = sum(0.5 * (c[:, 0] @ np.roll(c[:, 1], -1) - c[:, 1] @ np.roll(c[:, 0], -1)) for c in shifted)
    assert area == pytest.approx(1.0, abs=1e-9)


def test_gradient_on_a_lattice_with_ties():
    torch = pytest.importorskip("torch")
    seeds = torch.tensor(LATTICE[::4] + 0.05, requires_grad=True)
    density = PolynomialGrid(IMAGE)
    distance(SumOfDiracs(seeds), density).backward()
    way = np.random.default_rng(1).normal(size=tuple(seeds.shape))
    y = seeds.detach().numpy()
    value = [float(distance(SumOfDiracs(y + h * way), density)) for h in (1e-5, -1e-5)]
    assert float((seeds.grad.numpy() * way).sum()) == pytest.approx((value[0] - value[1]) / 2e-5, rel=1e-5)


def test_threads_agree_with_one():
    density, seeds = PolynomialGrid(IMAGE), [RNG.random((100, 2)) for _ in range(5)]
    alone = [float(optimal_transport_plan(SumOfDiracs(y), density).distance) for y in seeds]
    found = [0.0] * len(seeds)

    def work(k):
        found[k] = float(optimal_transport_plan(SumOfDiracs(seeds[k]), density).distance)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(seeds))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == pytest.approx(alone, rel=1e-12)
