"""Laws that are cut: moments are conserved by every cut, and right against samples."""

import math

import numpy as np
import pytest
import scipy.stats as st

from diracs import (
    Elliptical,
    Gaussian,
    GaussianMixture,
    Independent,
    Mesh,
    Mixture,
    PolynomialGrid,
    SumOfDiracs,
    quantize,
)
from diracs.cells.axis import law_axis, normal_axis
from diracs.cells.laws import divisible
from diracs.laws.balls import Balls
from diracs.laws.convert import as_law
from diracs.merging.cutting import coarse
from diracs.merging.pieces import UnitPieces
from diracs.quantization.moment_matching import moments_of

RNG = np.random.default_rng(4)
MATRIX = RNG.normal(size=(3, 3))
LAWS = {
    "independent": Independent([st.gamma(2), st.laplace(), st.uniform()], MATRIX, [1.0, 2.0, -3.0]),
    "singular": Independent([st.gamma(2), st.expon(), st.norm()], [[1.0, 2.0, 0.0], [2.0, 4.0, 0.0]]),
    "wide": Independent([st.beta(2, 3), st.uniform()], [[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]]),
    "elliptical": Elliptical(st.gamma(3), [1.0, -1.0], [[2.0, 0.5], [0.5, 1.0]]),
    "student": as_law(st.multivariate_t([0.0, 5.0], [[2.0, 0.3], [0.3, 0.5]], df=6)),
    "flat": Elliptical(st.uniform(0, 2), [0.0, 0.0, 1.0], [1.0, 0.0, 2.0]),
    "histogram": PolynomialGrid(RNG.integers(0, 3, (3, 4, 5, 2)), [[0, 0, 0, -1], [3, 1, 7, 1]]),
    "uneven": PolynomialGrid.from_histogram([[1, 0, 2], [3, 1, 1]], [[0, 1, 5], [-1, 0, 0.5, 2]]),
    "balls": Balls(RNG.normal(size=(4, 3)), 0.7, [1, 2, 3, 0]),
    "disc": Balls([[1.0, 2.0]], 2.0),
    "gaussians": GaussianMixture(
        [[0.0, 0.0], [3.0, 1.0]], [[[1.0, 0.4], [0.4, 2.0]], [[0.0, 0.0], [0.0, 1.0]]], [1, 2]
    ),
    "triangles": Mesh([[0, 0], [2, 0], [2, 1], [0, 1.5]], [[0, 1, 2], [0, 2, 3]], [1.0, 2.0, 0.0, 5.0]),
    "tetrahedra": Mesh(np.eye(4)[:, :3] * 3, [[0, 1, 2, 3]], [1.0, 0.0, 2.0, 4.0]),
    "constant": Mesh([[0, 0], [2, 0], [2, 1], [0, 1.5]], [[0, 1, 2], [0, 2, 3]], [1.0, 2.0]),
    "mixed": Mixture(
        [Gaussian([0.0, 0.0], [1.0, 2.0]), SumOfDiracs([[3.0, 3.0], [4.0, 5.0]]), PolynomialGrid([[1.0, 2.0]])],
        [2, 1, 1],
    ),
}


@pytest.mark.parametrize("name", LAWS)
def test_cuts_conserve_mass_mean_and_variance(name: str) -> None:
    """In cells: Σ m c is the mean, Σ v + Σ m |c − mean|² the total variance, however fine they are."""
    law = LAWS[name]
    unit = UnitPieces.of(law)
    mean, cov = moments_of(law)
    for count in (1, 60, 3000):
        cells = coarse(unit.law, count)[1].cells
        assert len(cells.mass) >= min(count, 6)
        assert cells.mass.sum() == pytest.approx(1.0, rel=1e-12)
        at = unit.out_of(cells.barycenter)
        np.testing.assert_allclose(cells.mass @ at, mean, atol=1e-11 * (1 + np.abs(mean).max()))
        total = cells.spread.sum() * unit.unit**2 + cells.mass @ ((at - mean) ** 2).sum(axis=1)
        assert total == pytest.approx(float(np.trace(cov)), rel=1e-10)


@pytest.mark.parametrize("name", ["independent", "elliptical", "student", "balls", "histogram", "mixed"])
def test_cuts_across_a_direction(name: str) -> None:
    """Cutting where the variance along a vector is largest conserves the moments as well, and lowers that variance."""
    law = UnitPieces.of(LAWS[name]).law
    rows, cut = coarse(law, 40)
    along = np.broadcast_to(np.eye(law.ndim)[0] + 0.1, (len(rows), law.ndim))
    loose = cut.loose > 0
    rows, along = rows[loose], along[loose]
    before, after = law.cut(rows).cells, law.cut(np.concatenate(law.halves(rows, along))).cells
    m = len(rows)
    np.testing.assert_allclose(after.mass[:m] + after.mass[m:], before.mass, rtol=1e-11)
    first = after.mass[:, None] * after.barycenter
    np.testing.assert_allclose(first[:m] + first[m:], before.mass[:, None] * before.barycenter, atol=1e-12)
    inside = lambda cells: cells.spread + cells.mass * (cells.barycenter**2).sum(axis=1)  # noqa: E731
    np.testing.assert_allclose(inside(after)[:m] + inside(after)[m:], inside(before), rtol=1e-9)
    both = np.concatenate(law.halves(rows, along))
    left = (after.mass * law.variances(both, np.concatenate([along, along]))).sum()
    # Runs of pixels and angles of balls are halved where they are, whatever the direction.
    lowered = 1.0001 if name in ("histogram", "balls") else 0.9
    assert left < lowered * (before.mass * law.variances(rows, along)).sum()


def test_barycenters_and_spreads_against_samples() -> None:
    """A sector of a ball, that samples find their way into by the same coordinates."""
    rng = np.random.default_rng(0)
    law = divisible(Balls([[0.0, 0.0, 0.0]], 1.0), np.zeros(3), 1.0)
    row = law.whole()
    for _ in range(4):
        row = law.halves(row, None)[1]
    x = rng.normal(size=(400_000, 3))
    x *= (rng.random(len(x)) ** (1 / 3) / np.linalg.norm(x, axis=1))[:, None]
    left, inside = np.ones(len(x)), np.ones(len(x), dtype=bool)
    for k, (axis, node) in enumerate(zip(law.angles, row[0, 1:])):  # type: ignore[attr-defined]
        t = np.arcsin(np.clip(x[:, k] / np.sqrt(left), -1, 1))
        inside &= (t >= axis.low[node]) & (t < axis.high[node])
        left = np.maximum(left - x[:, k] ** 2, 1e-300)
    cell = law.cut(row).cells
    assert inside.mean() == pytest.approx(float(cell.mass[0]), rel=2e-2)
    np.testing.assert_allclose(x[inside].mean(axis=0), cell.barycenter[0], atol=5e-3)
    assert x[inside].var(axis=0).sum() == pytest.approx(float(cell.spread[0] / cell.mass[0]), rel=1e-2)


def test_an_axis_against_quadrature() -> None:
    axis = law_axis(as_law(st.gamma(2.5, loc=1.0, scale=3.0)))
    nodes = np.zeros(1, dtype=int)
    for _ in range(4):
        nodes = np.concatenate([axis.halves(nodes), axis.halves(nodes) + 1])
    frozen = st.gamma(2.5, loc=1.0, scale=3.0)
    mean, deviation = frozen.mean(), frozen.std()
    for node in nodes:
        low, high = mean + deviation * axis.low[node], mean + deviation * axis.high[node]
        m = frozen.expect(lambda x: 1.0, lb=low, ub=high)
        assert axis.mass[node] == pytest.approx(m, rel=1e-7)
        c = frozen.expect(lambda x: x, lb=low, ub=high) / m
        assert mean + deviation * axis.mean[node] == pytest.approx(c, rel=1e-7)
        assert axis.doubt[node] < 1e-10
    order = nodes[np.argsort(axis.low[nodes])]
    np.testing.assert_array_equal(axis.high[order][:-1], axis.low[order][1:])
    assert normal_axis().halves(np.array([0]))[0] == 1


def test_doubt_is_above_what_halves_do_not_add_up_to() -> None:
    axis = law_axis(as_law(st.t(3)))
    nodes = np.zeros(1, dtype=int)
    for _ in range(7):
        first = axis.halves(nodes)
        both = np.concatenate([first, first + 1])
        off = np.abs(axis.mass[first] + axis.mass[first + 1] - axis.mass[nodes])
        assert (off <= 2 * axis.mass[nodes] * axis.doubt[nodes] + 1e-16).all()
        nodes = both


def test_far_and_small_pieces_of_pixels() -> None:
    """Halving a pixel forty times along one axis leaves the others whole."""
    law = divisible(PolynomialGrid(np.ones((1, 1, 1, 1))), np.full(4, 0.5), 1.0)
    rows = law.whole()
    along = np.array([[1.0, 0.0, 0.0, 0.0]])
    for _ in range(40):
        rows = law.halves(rows, along)[1]
    cut = law.cut(rows)
    assert cut.cells.mass[0] == 2.0**-40
    np.testing.assert_allclose(cut.cells.barycenter[0], [0.5 * (1 - 2.0**-40), 0, 0, 0], atol=1e-17)
    assert cut.cells.spread[0] == pytest.approx(2.0**-40 * 3 / 12 * (1 + 2.0**-80 / 3))
    assert math.isclose(float(law.variances(rows, along)[0]), 2.0**-80 / 12)


def test_a_law_without_ndim_is_named():
    class Bare:
        def cells(self, count):
            raise AssertionError("never asked")

    with pytest.raises(TypeError, match="ndim of a Bare must be"):
        quantize(Bare(), n=3)
