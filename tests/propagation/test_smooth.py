"""Smooth maps through the front door: bounds by sets of Jacobians, against coupled simulations and one constant."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from diracs import Affine, Gaussian, GaussianMixture, Smooth, propagate
from diracs.propagation import run


def coupled(f, found, noise_cov, count=20_000, seed=0):
    """Root mean squares of x − z under the same noise, z through the nearest Diracs: nearly the bound's coupling."""
    rng = np.random.default_rng(seed)
    first = found.initial
    x = rng.multivariate_normal(np.asarray(first.means)[0], np.diag(np.asarray(first.covs)[0]), count)
    z, out = x, []
    for t, points in enumerate(found.diracs):
        positions = np.asarray(points.positions)
        root = np.linalg.cholesky(found.metrics[t]) if found.metrics else np.eye(x.shape[1])
        v = rng.standard_normal(x.shape) * np.sqrt(noise_cov)
        x, z = f(x) + v, f(positions[cKDTree(positions @ root).query(z @ root)[1]]) + v
        square = ((x - z) ** 2).sum(axis=1)
        out.append(np.sqrt(max(square.mean() - 4.0 * square.std() / count**0.5, 0.0)))
    return np.array(out)


def network(seed, d=2, width=6):
    rng = np.random.default_rng(seed)
    v, w = rng.standard_normal((width, d)), rng.standard_normal((d, width)) / width**0.5

    def f(x):
        return np.tanh(x @ v.T) @ w.T

    # J = W diag(s) V, 0 ≤ s ≤ 1.
    terms = w[:, :, None] * v[None]
    return f, (np.minimum(terms, 0.0).sum(axis=1), np.maximum(terms, 0.0).sum(axis=1))


@pytest.mark.parametrize("seed", range(8))
def test_no_network_drifts_further_apart_than_the_bound(seed):
    f, bounds = network(seed)
    start, noise = Gaussian([0.3, -0.2], [0.3, 0.1]), Gaussian([0.0, 0.0], [0.02, 0.05])
    found = propagate(start, Smooth(f, jacobian_range=bounds), noise, 3, n=40)
    plain = propagate(start, f, noise, 3, n=40, lipschitz=float(np.linalg.norm(np.maximum(-bounds[0], bounds[1]), 2)))
    apart = coupled(f, found, [0.02, 0.05])
    # Cells of the metric are not quite those of the nearest points.
    assert (apart <= 1.02 * found.w2_bound).all()
    assert (found.w2_bound <= plain.w2_bound * (1 + 1e-9)).all()


def test_a_linear_map_is_bounded_by_what_a_simulation_shows():
    matrix = np.array([[0.9, 0.5], [-0.1, 0.7]])
    start, noise = Gaussian([1.0, 0.5], [0.2, 0.1]), Gaussian([0.0, 0.0], [0.02, 0.05])
    found = propagate(start, Smooth(lambda x: x @ matrix.T, jacobian_hull=matrix[None]), noise, 4, n=60)
    apart = coupled(lambda x: x @ matrix.T, found, [0.02, 0.05])
    assert (apart <= 1.02 * found.w2_bound).all()
    assert apart[-1] >= 0.8 * found.w2_bound[-1]
    exact = propagate(start, Affine(matrix), noise, 4, n=60, quantized=True)
    np.testing.assert_allclose(found.w2_bound, exact.w2_bound, rtol=0.1)


def car(x):
    return np.stack([x[:, 0] + 1.5 * np.cos(x[:, 2]), x[:, 1] + 1.5 * np.sin(x[:, 2]), x[:, 2] + 0.6], axis=1)


CAR = [[1.0, 0.0, -1.5], [0.0, 1.0, -1.5], [0.0, 0.0, 1.0]], [[1.0, 0.0, 1.5], [0.0, 1.0, 1.5], [0.0, 0.0, 1.0]]


def test_the_car_of_the_literature_reaches_its_figure():
    start, noise = Gaussian([0.3, 0.2, 0.01], [0.1, 0.001, 0.01]), Gaussian(np.zeros(3), np.full(3, 0.01))
    found = propagate(start, Smooth(car, jacobian_range=CAR), noise, 3, n=1000)
    assert found.w2_bound[-1] < 0.20
    assert (coupled(car, found, np.full(3, 0.01)) <= found.w2_bound).all()


def kinked(x):
    """Slope one near zero, three beyond."""
    return x + 2.0 * np.sign(x) * np.maximum(np.abs(x) - 1.0, 0.0)


def on_boxes(boxes):
    steep = (boxes[0] < -1.0) | (boxes[1] > 1.0)
    return np.ones((boxes.shape[1], 1, 1)), np.where(steep, 3.0, 1.0)[:, :, None]


def test_a_chain_that_leaves_its_boxes_is_paid_for(monkeypatch):
    """Boxes of half a deviation, in which the map is flat, while it is steep where the chain often is."""
    monkeypatch.setattr(run, "DEVIATIONS", (0.9,))
    found = propagate(Gaussian([0.0], [1.0]), Smooth(kinked, jacobian=on_boxes), Gaussian([0.0], [0.1]), 2, n=1)
    apart = coupled(kinked, found, [0.1], 100_000)
    assert (apart <= found.w2_bound).all()
    # Without the excess, by the slope in the box alone, it would be wrong.
    assert apart[0] > 1.2 * found.dirac_errors[0]


def test_boxes_are_used_where_they_help():
    start, noise = Gaussian([0.0], [0.001]), Gaussian([0.0], [1e-4])
    near = propagate(start, Smooth(kinked, jacobian=on_boxes), noise, 3, n=10)
    far = propagate(start, Smooth(kinked, jacobian_range=([[1.0]], [[3.0]])), noise, 3, n=10)
    assert near.w2_bound[-1] < 0.3 * far.w2_bound[-1]
    assert (coupled(kinked, near, [1e-4]) <= 1.01 * near.w2_bound).all()


def bent(x):
    return np.stack([0.25 * np.tanh(2 * x[:, 0] + x[:, 1]), 0.2 * np.tanh(x[:, 0] - 2 * x[:, 1])], axis=1)


def test_single_cells_may_have_constants_of_their_own():
    smooth, start, noise = Smooth(bent), Gaussian([1.0, 0.5], [0.2, 0.2]), Gaussian([0.0, 0.0], [0.05, 0.05])
    whole = smooth.everywhere(2).norm
    assert smooth.slopes(np.array([[0.0, 0.0], [9.0, 9.0]]), np.array([np.inf, 1.0])) == pytest.approx(
        [whole, 0], abs=1e-4
    )
    local = propagate(start, bent, noise, 2, n=50, lipschitz=smooth.slopes)
    plain = propagate(start, bent, noise, 2, n=50, lipschitz=whole)
    assert local.w2_bound[0] < 0.95 * plain.w2_bound[0]
    assert (coupled(bent, local, [0.05, 0.05]) <= 1.02 * local.w2_bound).all()


@pytest.mark.parametrize("unit", [1e-140, 1e-75, 1e120, 1e140])
def test_units_do_not_matter(unit):
    found = [
        propagate(
            Gaussian(np.array([1.0, 2.0]) * size, np.array([0.1, 0.2]) * size * size),
            Smooth(lambda x: 0.5 * x, jacobian_hull=0.5 * np.eye(2)[None]),
            Gaussian(np.zeros(2), np.full(2, 0.01) * size * size),
            2,
            n=20,
        )
        for size in (1.0, unit)
    ]
    np.testing.assert_allclose(found[1].w2_bound / unit, found[0].w2_bound, rtol=1e-6)


def test_fewest_points_limits_and_other_frameworks():
    f, bounds = network(3)
    bounds = tuple(0.2 * x for x in bounds)
    start, noise = GaussianMixture([[0.3, -0.2], [0.5, 0.1]], [[0.03, 0.01]] * 2), Gaussian([0.0, 0.0], [0.02, 0.05])
    smooth = Smooth(lambda x: 0.2 * f(x), jacobian_range=bounds)
    found = propagate(start, smooth, noise, 3, w2_bound=0.05)
    assert (found.w2_bound <= 0.05).all() and len(found.diracs[0]) > 1
    limit = found.limit()
    assert 0.0 < limit.w2_bound < 0.2
    torch = pytest.importorskip("torch")
    linear = Smooth(lambda x: torch.tanh(x), jacobian_range=(np.zeros((2, 2)), np.eye(2)))
    given = Gaussian(torch.tensor([0.3, 0.1]), torch.tensor([0.1, 0.2]))
    out = propagate(given, linear, Gaussian(torch.zeros(2), torch.full((2,), 0.01)), 2, n=20)
    assert out.w2_bound.dtype == torch.float32 and len(out.states) == 2


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"f": 3}, TypeError, "f must be callable"),
        ({"jacobian": 3}, TypeError, "jacobian must be a function"),
        ({"jacobian_range": np.eye(2)}, TypeError, "pair"),
        ({"jacobian_range": (np.eye(2), np.eye(3))}, ValueError, "one shape"),
        ({"jacobian_range": (np.eye(2), 0 * np.eye(2))}, ValueError, "low ≤ high"),
        ({"jacobian_range": (np.eye(2), np.full((2, 2), np.inf))}, ValueError, "finite"),
        ({"jacobian_hull": np.eye(2)}, ValueError, "shape"),
        ({"jacobian_hull": np.eye(2)[None], "jacobian_range": (np.eye(2), np.eye(2))}, ValueError, "not both"),
    ],
)
def test_bad_sets_are_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        Smooth(**{"f": car, **arguments})


def test_a_range_may_be_one_array():
    one, pair = Smooth(car, jacobian_range=np.array(CAR)), Smooth(car, jacobian_range=CAR)
    np.testing.assert_array_equal(one.jacobian_range, pair.jacobian_range)


def test_bad_use_is_refused():
    start, noise = Gaussian([0.3, 0.2], [0.1, 0.1]), None
    with pytest.raises(ValueError, match="3 columns"):
        propagate(start, Smooth(car, jacobian_range=CAR), noise, 1, n=5)
    with pytest.raises(ValueError, match="leave lipschitz out"):
        propagate(start, Smooth(car, jacobian_range=CAR), noise, 1, n=5, lipschitz=1.0)
    unbounded = Smooth(lambda x: x**2, jacobian=lambda b: (2 * b[0][:, :, None], 2 * b[1][:, :, None]))
    with pytest.raises(ValueError, match="not bounded"):
        propagate(Gaussian([0.3], [0.1]), unbounded, noise, 1, n=5)
    short = Smooth(lambda x: x, jacobian=lambda b: (np.zeros((2, 1, 1)), np.ones((2, 1, 1))))
    with pytest.raises(ValueError, match="each of 1 boxes"):
        propagate(Gaussian([0.3], [0.1]), short, noise, 1, n=5)


def test_what_single_boxes_do_not_know_the_whole_space_does():
    """A Jacobian without a bound on any box leaves the bound by the range, on the line as well."""
    unknown = lambda boxes: tuple(np.full((boxes.shape[1], 1, 1), end) for end in (-np.inf, np.inf))  # noqa: E731
    given = [Smooth(np.tanh, jacobian=j, jacobian_range=([[0.0]], [[1.0]])) for j in (None, unknown)]
    bounds = [propagate(Gaussian([0.2], [1.0]), f, Gaussian([0.0], [0.1]), 3, n=20).w2_bound for f in given]
    np.testing.assert_allclose(bounds[1], bounds[0], rtol=0.02)


def test_jacobians_of_another_dimension_are_refused():
    start, wide = Gaussian([0.0, 0.0], 1.0), (np.zeros((3, 2)), np.ones((3, 2)))
    with pytest.raises(ValueError, match="3 rows"):
        propagate(start, Smooth(np.tanh, jacobian_range=wide), None, 1, n=5)
    on_boxes = lambda boxes: tuple(np.repeat(x[None], boxes.shape[1], axis=0) for x in wide)  # noqa: E731
    f = Smooth(np.tanh, jacobian=on_boxes, jacobian_range=(np.zeros((2, 2)), np.eye(2)))
    with pytest.raises(ValueError, match="matrices of shape"):
        propagate(start, f, Gaussian([0.0, 0.0], 0.1), 2, n=5)


def test_a_map_that_is_constant_where_the_chain_is():
    """In the boxes the first coordinate of the image does not move at all, outside of them it does."""
    f = Smooth(lambda x: 100.0 * np.maximum(x - 50.0, 0.0))
    found = propagate(Gaussian([0.0, 0.0], 1.0), f, Gaussian([0.0, 0.0], 0.1), 3, n=10)
    assert np.isfinite(found.w2_bound).all() and found.w2_bound[0] < 0.1
