"""The Hessian is that of the distortion; Newton's method ends where each seed is the barycenter of its cell."""

import numpy as np
import pytest
from independent import random_mixture

from diracs.codebooks.cell_laws import CellImage, CellMixture
from diracs.codebooks.trust_region import Quantizer, minimize


def mixture(components=3, kind="full", d=2):
    means, covs, weights = random_mixture(4, components, d, kind)
    return CellMixture.of(means, covs, weights)


def image(*shape):
    values = np.random.default_rng(2).random(shape) + 0.1
    return CellImage.of(values / values.sum(), np.array([1.0, 0.7, 0.8])[: len(shape)])


def dense(at):
    """The Hessian's columns, by products with unit vectors."""
    hessian, unit = at.hessian(), np.eye(at.seeds.size)
    return np.stack([hessian.multiply(e.reshape(at.seeds.shape)).ravel() for e in unit], axis=1)


@pytest.mark.parametrize(
    "law",
    [mixture(1), mixture(3), image(5, 4), mixture(1, d=3), mixture(3, d=3), image(3, 2, 4)],
    ids=["one", "three", "image", "one in space", "three in space", "volume"],
)
@pytest.mark.parametrize("n", [2, 25, 80])
def test_hessian_against_differences_of_the_gradient(law, n):
    seeds = law.draw_root(n, np.random.default_rng(n))
    at = Quantizer.of(law, seeds)
    matrix = dense(at)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-15)
    step = 1e-6
    size = seeds.size
    for k in range(0, size, max(1, size // 7)):
        shift = np.zeros(size)
        shift[k] = step
        ahead, behind = (Quantizer.of(law, seeds + s * shift.reshape(seeds.shape)).first for s in (1.0, -1.0))
        column = -(ahead - behind).ravel() / step
        np.testing.assert_allclose(matrix[:, k], column, atol=2e-7 * np.abs(matrix).max())


@pytest.mark.parametrize("d", [2, 3])
def test_steps_are_newtons_where_the_radius_allows_and_end_on_it_elsewhere(d):
    law = mixture(d=d)
    at = minimize(law, Quantizer.of(law, law.draw_root(20, np.random.default_rng(3))), 300, 1e-3)
    gradient, matrix = -2.0 * at.first, dense(at)
    step, promised, cut = at.hessian().step(gradient, radius=1e9, accuracy=1e-13, products=1000)
    newton = -np.linalg.solve(matrix, gradient.ravel())
    assert not cut
    np.testing.assert_allclose(step.ravel(), newton, atol=1e-8 * np.abs(newton).max())
    assert promised == pytest.approx(-0.5 * float(gradient.ravel() @ newton), rel=1e-9)
    length = np.sqrt(float((at.mass * (step**2).sum(axis=1)).sum()))
    short, less, cut = at.hessian().step(gradient, radius=0.3 * length, accuracy=1e-13, products=1000)
    assert cut
    assert float((at.mass * (short**2).sum(axis=1)).sum()) == pytest.approx((0.3 * length) ** 2, rel=1e-12)
    model = float((gradient * short).sum()) + 0.5 * float((short * at.hessian().multiply(short)).sum())
    assert less == pytest.approx(-model, rel=1e-9)
    assert 0 < less < promised


def test_gradient_against_differences_of_the_distortion():
    law = mixture()
    seeds, way = (law.draw_root(20, np.random.default_rng(s)) for s in (0, 1))
    ahead, behind = (Quantizer.of(law, seeds + s * 1e-5 * way).distortion for s in (1.0, -1.0))
    slope = -2.0 * (Quantizer.of(law, seeds).first * way).sum()
    assert (ahead - behind) / 2e-5 == pytest.approx(slope, rel=1e-8)


def test_shifts_lead_to_barycenters():
    law = mixture()
    at = Quantizer.of(law, law.draw_root(10, np.random.default_rng(0)))
    whole = (at.mass[:, None] * (at.seeds + at.shifts)).sum(axis=0)
    np.testing.assert_allclose(whole, law.weights @ law.means, atol=1e-14)


@pytest.mark.parametrize(
    "law", [mixture(), image(5, 4), mixture(d=3), image(3, 2, 4)], ids=["mixture", "image", "in space", "volume"]
)
def test_minimizing_never_raises_the_distortion_and_ends_stationary(law):
    start = Quantizer.of(law, law.draw_root(40, np.random.default_rng(3)))
    end = minimize(law, start, 300, 1e-12)
    assert end.distortion < start.distortion
    assert end.length < 1e-9 * np.sqrt(end.distortion)
    hessian = dense(end)
    assert np.linalg.eigvalsh(hessian)[0] > -1e-8 * np.abs(hessian).max()


def test_few_evaluations_are_respected():
    law = mixture()
    start = Quantizer.of(law, law.draw_root(40, np.random.default_rng(3)))
    assert minimize(law, start, 0, 1e-12) is start
    assert minimize(law, start, 2, 1e-12).distortion <= start.distortion


def counted(law):
    """The law, and how often its moments were computed."""
    calls = []

    class Counted:
        components = law.components

        def moments(self, *args):
            calls.append(args)
            return law.moments(*args)

    return Counted(), calls


def test_a_descent_ends_where_it_gains_little_or_does_not_look_as_if_it_would_pass_the_bar():
    law, calls = counted(mixture())
    start = Quantizer.of(law, mixture().draw_root(80, np.random.default_rng(3)))

    def descended(**options):
        calls.clear()
        return minimize(law, start, 300, 1e-12, **options), len(calls)

    end, most = descended()
    slow, fewer = descended(slow=1e-2)
    assert end.distortion < slow.distortion < 1.02 * end.distortion
    assert fewer < 0.7 * most
    hopeless, few = descended(bar=0.8 * end.distortion)
    assert hopeless.distortion > end.distortion
    assert few < 0.5 * most
    np.testing.assert_array_equal(descended(bar=1.01 * end.distortion)[0].seeds, end.seeds)


def test_no_seed_leaves_its_cell_behind(monkeypatch):
    law = image(5, 4)
    start = Quantizer.of(law, law.draw_root(80, np.random.default_rng(3)))
    radii = np.sqrt(start.second / start.mass)

    def farthest():
        return (np.linalg.norm(minimize(law, start, 1, 1e-12).seeds - start.seeds, axis=1) / radii).max()

    assert 0.3 < farthest() < 0.7 * (1 + 1e-12)
    monkeypatch.setattr("diracs.codebooks.trust_region._FARTHEST", 1e9)
    assert farthest() != pytest.approx(0.7, abs=0.05)
