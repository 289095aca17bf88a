"""Small problems solved whole in the core, beside the loop in Python that has everything else."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optional import optional
from precision import enable_x64

from diracs import ConvergenceWarning, PolynomialGrid, SumOfDiracs, _core, distance, optimal_transport_plan, set_threads
from diracs.transport import solved
from diracs.transport.small import small_transports
from diracs.transport.target import GridTarget

jax = optional("jax")
jnp = optional("jax.numpy")
torch = optional("torch")

BOX = np.array([[0.0, 0.0], [1.0, 1.0]])


def image(kind, pixels=16):
    rng = np.random.default_rng(3)
    x = (np.arange(pixels) + 0.5) / pixels
    peaks = np.exp(-((x[:, None] - 0.3) ** 2 + (x - 0.6) ** 2) / 0.02)
    return {
        "uniform": np.ones((1, 1)),
        "peaks": 0.02 + peaks,
        "steep": peaks**2 + 1e-7,
        "noise": rng.random((pixels, pixels // 2)) ** 4,
        "holes": np.where(rng.random((pixels, pixels)) < 0.4, 1.0, 0.0),
    }[kind]


def by_the_loop(monkeypatch, positions, masses, values, tolerance=1e-9, box=BOX):
    with monkeypatch.context() as patch:
        patch.setattr(solved, "_small", lambda *_: None)
        return solved.transport(positions, masses / masses.sum(), GridTarget(values, box, (False, False)), tolerance)


def in_the_core(positions, masses, values, tolerance=1e-9, box=BOX):
    found = small_transports(positions, masses, GridTarget(values[0], box, (False, False)), values, tolerance)
    assert found is not None
    return found


@pytest.mark.parametrize("masses", ["equal", "unequal"])
@pytest.mark.parametrize("kind", ["uniform", "peaks", "steep", "noise", "holes"])
def test_solutions_are_those_of_the_loop(monkeypatch, kind, masses):
    rng = np.random.default_rng(1)
    positions = rng.random((6, 40, 2))
    own = np.ones((6, 40)) if masses == "equal" else 10.0 ** rng.uniform(-3, 0, (6, 40))
    found = in_the_core(positions, own, image(kind)[None])
    # Ordinary problems are not left to the loop, nor most others.
    assert found.solved.mean() >= (0.5 if kind == "holes" else 1.0)
    for k in np.flatnonzero(found.solved):
        loop = by_the_loop(monkeypatch, positions[k], own[k], image(kind))
        assert loop.converged
        np.testing.assert_allclose(found.weights[k], loop.weights, rtol=0, atol=1e-9)
        assert found.distance[k] == pytest.approx(loop.distance, rel=1e-12)
        np.testing.assert_allclose(found.mass[k], loop.mass, rtol=2e-9)
        np.testing.assert_allclose(found.first[k], loop.first, rtol=0, atol=1e-9)
        np.testing.assert_allclose(found.second[k], loop.second, rtol=1e-6)
        assert found.error[k] <= 1e-9
        assert found.error[k] == pytest.approx(np.abs(found.mass[k] / own[k] * own[k].sum() - 1).max(), abs=1e-14)


def test_seeds_that_hide_each_other_are_revived(monkeypatch):
    """Seeds in a corner, where nothing of the density is: many cells are empty at first."""
    positions = 0.05 * np.random.default_rng(0).random((1, 60, 2))
    values = image("peaks")
    found = in_the_core(positions, np.ones((1, 60)), values[None])
    assert found.solved.all()
    loop = by_the_loop(monkeypatch, positions[0], np.ones(60), values)
    np.testing.assert_allclose(found.weights[0], loop.weights, rtol=0, atol=1e-9)


def test_diracs_on_one_spot_share_a_cell(monkeypatch):
    positions = np.random.default_rng(0).random((1, 20, 2))
    positions[0, 5:9] = positions[0, 4]
    masses = np.arange(1.0, 21.0)[None]
    found = in_the_core(positions, masses, image("peaks")[None])
    loop = by_the_loop(monkeypatch, positions[0], masses[0], image("peaks"))
    np.testing.assert_allclose(found.mass[0], masses[0] / 210.0, rtol=2e-9)
    np.testing.assert_allclose(found.mass[0], loop.mass, rtol=2e-9)
    np.testing.assert_allclose(found.first[0], loop.first, rtol=0, atol=1e-10)
    assert np.ptp(found.weights[0, 4:9]) == 0.0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda y, m, v: y.__setitem__((1, 0, 0), np.nan),
        lambda y, m, v: y.__setitem__((1, 0), 1e9),
        lambda y, m, v: y.__setitem__((1, slice(None), 1), 0.25),
        lambda y, m, v: m.__setitem__((1, 3), 0.0),
        lambda y, m, v: m.__setitem__((1, 3), -1.0),
        lambda y, m, v: m.__setitem__((1, 3), np.inf),
        lambda y, m, v: v.__setitem__(1, 0.0),
        lambda y, m, v: v.__setitem__((1, 2, 2), -0.1),
        lambda y, m, v: v.__setitem__((1, 2, 2), np.nan),
    ],
)
def test_what_is_no_ordinary_problem_is_left(spoil):
    y, m, v = np.random.default_rng(0).random((3, 10, 2)), np.ones((3, 10)), np.tile(image("peaks"), (3, 1, 1))
    spoil(y, m, v)
    found = in_the_core(y, m, v)
    assert found.solved.tolist() == [True, False, True]
    assert (found.weights[1] == 0).all() and found.distance[1] == 0


def test_batches_with_problems_for_the_loop_are_single_calls(monkeypatch):
    """A mass of zero, seeds on a line, and coincident ones, between ordinary problems."""
    rng = np.random.default_rng(2)
    positions, masses = rng.random((5, 12, 2)), rng.random((5, 12)) + 0.1
    masses[1, 2] = 0.0
    positions[2, :, 0] = 0.5
    positions[3, 5:] = positions[3, 5]
    grid = PolynomialGrid(image("noise"))
    together = distance(SumOfDiracs(positions, masses), grid)
    singly = [distance(SumOfDiracs(y, m), grid) for y, m in zip(positions, masses, strict=True)]
    np.testing.assert_array_equal(together, singly)
    y, m = (torch.tensor(x, requires_grad=True) for x in (positions, masses))
    distance(SumOfDiracs(y, m), grid).sum().backward()
    for k in range(5):
        one, own = (torch.tensor(x[k], requires_grad=True) for x in (positions, masses))
        distance(SumOfDiracs(one, own), grid).backward()
        torch.testing.assert_close(y.grad[k], one.grad, rtol=1e-14, atol=0)
        torch.testing.assert_close(m.grad[k], own.grad, rtol=1e-12, atol=1e-15)


def test_results_do_not_depend_on_the_threads():
    positions = np.random.default_rng(4).random((24, 150, 2))
    images = np.random.default_rng(5).random((24, 12, 9)) ** 3
    found = []
    for threads in (1, 2, 5):
        with set_threads(threads):
            found.append(in_the_core(positions, np.ones((1, 150)), images))
    for other in found[1:]:
        for name in ("solved", "distance", "mass", "first", "second", "weights", "error", "iterations"):
            np.testing.assert_array_equal(getattr(other, name), getattr(found[0], name))


def test_gradients_are_differences():
    rng = np.random.default_rng(6)
    positions, masses = rng.random((3, 15, 2)), rng.random((3, 15)) + 0.2
    step, change = rng.standard_normal(positions.shape), rng.standard_normal(masses.shape) * 0.1
    grid, h = PolynomialGrid(image("peaks")), 1e-6
    y, m = (torch.tensor(x, requires_grad=True) for x in (positions, masses))
    distance(SumOfDiracs(y, m), grid).sum().backward()

    def values(t):
        return distance(SumOfDiracs(positions + t * step, masses + t * change), grid)

    along = (y.grad.numpy() * step).sum(axis=(1, 2)) + (m.grad.numpy() * change).sum(axis=1)
    np.testing.assert_allclose(along, (values(h) - values(-h)) / (2 * h), rtol=1e-5)
    with enable_x64(True):
        one = jax.vmap(jax.grad(lambda p, q: distance(SumOfDiracs(p, q), grid)))(*map(jnp.asarray, (positions, masses)))
    np.testing.assert_allclose(one, y.grad, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("scale", [1e-150, 1e-8, 1e150])
def test_scales(scale):
    positions = np.random.default_rng(7).random((2, 30, 2))
    values = image("peaks")
    plain = in_the_core(positions, np.ones((1, 30)), values[None])
    wide = in_the_core(scale * positions, np.full((1, 30), scale), scale * values[None], box=scale * BOX)
    assert wide.solved.all()
    np.testing.assert_allclose(wide.distance / scale / scale, plain.distance, rtol=1e-10)
    np.testing.assert_allclose(wide.weights / scale / scale, plain.weights, rtol=0, atol=1e-9)


COORDINATES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5000000001, 0.75, 1.0, -0.5, 1.7]) | st.floats(
    -0.25, 1.25, width=32
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(COORDINATES, COORDINATES, st.sampled_from([1.0, 1.0, 0.0, 1e-4, 30.0])), min_size=1, max_size=14
    ),
    st.lists(st.sampled_from([0.0, 0.0, 1.0, 1e-6, 5.0]), min_size=12, max_size=12),
)
def test_awkward_problems_are_those_of_the_loop(points, pixels):
    """Whatever the core says is solved, the masses are right and the distance is that of the loop."""
    y, masses = np.array(points)[:, :2], np.array(points)[:, 2]
    values = np.reshape(pixels, (4, 3)) if any(pixels) else np.ones((4, 3))
    if not masses.any():
        masses[0] = 1.0
    grid = PolynomialGrid(values)
    found = in_the_core(y[None], masses[None], values[None])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        together = distance(SumOfDiracs(np.stack([y, y]), np.stack([masses, masses])), grid)
        single = distance(SumOfDiracs(y, masses), grid)
    assert together.tolist() == [single, single]
    if not found.solved[0]:
        return
    with pytest.MonkeyPatch.context() as patch:
        loop = by_the_loop(patch, y, masses, values)
    np.testing.assert_allclose(found.mass[0], masses / masses.sum(), rtol=2e-9)
    if loop.converged:
        assert found.distance[0] == pytest.approx(loop.distance, rel=1e-9, abs=1e-12)


def test_single_precision_asks_for_less():
    y = torch.tensor(np.random.default_rng(0).random((2, 30, 2)), dtype=torch.float32)
    found = distance(SumOfDiracs(y), PolynomialGrid(image("peaks")))
    assert found.dtype == torch.float32
    wanted = distance(SumOfDiracs(y.numpy().astype(float)), PolynomialGrid(image("peaks")))
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_plans_of_small_problems_report_their_steps():
    told = []
    diracs = SumOfDiracs(np.random.default_rng(0).random((30, 2)))
    plan = optimal_transport_plan(diracs, PolynomialGrid(image("peaks")), progress=lambda *step: told.append(step))
    assert plan.converged and plan.message == "converged" and 2 <= plan.iterations <= 12
    assert told[-1] == ("Newton steps of transport", plan.iterations, None)
    assert plan.dual_value == pytest.approx(float(plan.distance), rel=1e-12)
    np.testing.assert_allclose(plan.power_diagram.masses.sum(), 1.0)


def test_warnings_name_the_problem():
    positions = np.random.default_rng(0).random((4, 3, 1))
    masses = np.ones((4, 3))
    masses[2, 1] = 1e-17
    with pytest.warns(ConvergenceWarning, match="transport: problem 2 of the batch: masses too unequal"):
        distance(SumOfDiracs(positions, masses), PolynomialGrid([1.0, 2.0]))
    with pytest.warns(ConvergenceWarning, match="transport: masses too unequal"):
        distance(SumOfDiracs(positions[2], masses[2]), PolynomialGrid([1.0, 2.0]))


def test_errors_at_the_front_door_name_the_problem():
    positions, masses = np.random.default_rng(0).random((4, 5, 3, 2)), np.ones((4, 5, 3))
    positions[2, 3, 1, 0] = np.nan
    with pytest.raises(ValueError, match=r"^positions\[2, 3\] must be finite"):
        SumOfDiracs(positions)
    with pytest.raises(ValueError, match=r"^positions must be finite"):
        SumOfDiracs(positions[2, 3])
    for value, message in ((np.inf, "must be finite"), (-0.5, "must not be negative, smallest is -0.5")):
        masses[1, 4, 0] = value
        with pytest.raises(ValueError, match=rf"^weights\[1, 4\] {message}"):
            SumOfDiracs(np.zeros((4, 5, 3, 2)), masses)
    masses[1, 4] = 0.0
    with pytest.raises(ValueError, match=r"^weights\[1, 4\] must not all be zero"):
        SumOfDiracs(np.zeros((4, 5, 3, 2)), masses)
    with pytest.raises(TypeError, match=r"^density\[1\]: density must be a"):
        distance(SumOfDiracs(np.zeros((2, 3, 2))), [PolynomialGrid([[1.0]]), "image"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"positions": np.zeros((2, 3, 3))}, "shape"),
        ({"masses": np.ones((2, 4))}, "differ in length"),
        ({"masses": np.ones((3, 3))}, "one for each problem"),
        ({"images": np.ones((3, 2, 2))}, "one for each problem"),
        ({"images": np.ones((1, 0, 2))}, "pixels"),
        ({"box": np.zeros((2, 2))}, "box"),
    ],
)
def test_the_core_refuses_arrays_that_do_not_go_together(change, message):
    arrays = {
        "images": np.ones((1, 2, 2)),
        "box": BOX - 0.5,
        "positions": np.zeros((2, 3, 2)),
        "masses": np.ones((2, 3)),
    }
    with pytest.raises(ValueError, match=message):
        _core.transport_small(**{**arrays, **change}, tolerance=1e-9)


STOPPED = """
import os, signal, threading, time
import numpy as np
from diracs import PolynomialGrid, SumOfDiracs, distance
signal.signal(signal.SIGINT, signal.default_int_handler)
diracs = SumOfDiracs(np.random.default_rng(0).random((20_000, 200, 2)))
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
begin = time.process_time()
try:
    distance(diracs, PolynomialGrid(np.random.default_rng(1).random((64, 64))))
except KeyboardInterrupt:
    print("stopped", time.process_time() - begin)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_ctrl_c_stops_a_batch():
    found = subprocess.run([sys.executable, "-c", STOPPED], capture_output=True, text=True, check=False)
    assert found.stdout.startswith("stopped"), found.stderr
    # The batch takes more than a minute.
    assert float(found.stdout.split()[1]) < 10.0
