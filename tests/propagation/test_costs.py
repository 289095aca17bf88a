"""Worst expected costs are attained by laws of the ball."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import norm

from diracs import Gaussian, GaussianMixture, quadratic_cost_bounds, worst_case_max

LAW = GaussianMixture([[0.0, 0.5], [1.0, -0.5]], [[[0.5, 0.2], [0.2, 0.3]], [[0.2, 0.0], [0.0, 0.4]]], [0.4, 0.6])


def moments():
    mean = LAW.weights @ LAW.means
    second = np.einsum("k,kij->ij", LAW.weights, LAW.covs + LAW.means[:, :, None] * LAW.means[:, None, :])
    return mean, second


def attained(Q, q, radius):
    """The cost under the image of the law by y = x + ½(λ − Q)⁻¹(2Qx + q), λ such that it is as far as the radius."""
    mean, second = moments()

    def image(lam):
        M = np.linalg.inv(lam * np.eye(2) - Q)
        B, c = M @ Q, 0.5 * M @ q
        square = np.trace(B @ second @ B.T) + 2 * c @ B @ mean + c @ c
        A = np.eye(2) + B
        cost = np.trace(Q @ (A @ second @ A.T + np.outer(A @ mean, c) + np.outer(c, A @ mean) + np.outer(c, c)))
        return square - radius**2, cost + q @ (A @ mean + c)

    start = max(np.linalg.eigvalsh(Q)[-1], 0.0)
    lam = start + brentq(lambda x: image(start + x)[0], 1e-6, 1e6, xtol=1e-14)
    return image(lam)[1]


@pytest.mark.parametrize("radius", [1e-4, 0.1, 2.0])
@pytest.mark.parametrize("Q", [[[1.0, 0.3], [0.3, 2.0]], [[1.0, 0.5], [0.5, -1.0]], [[0.0, 0.0], [0.0, 0.0]]])
def test_quadratics_are_attained(Q, radius):
    Q, q = np.array(Q), np.array([0.7, -0.2])
    low, high = quadratic_cost_bounds(LAW, radius, Q, q)
    assert high == pytest.approx(attained(Q, q, radius), rel=1e-8)
    if not np.array_equal(Q, [[1.0, 0.3], [0.3, 2.0]]) or radius < 1.0:
        assert low == pytest.approx(-attained(-Q, -q, radius), rel=1e-8)
    mean, second = moments()
    assert low <= np.trace(Q @ second) + q @ mean <= high


def test_the_least_quadratic_is_not_below_its_minimum():
    low = quadratic_cost_bounds(LAW, 100.0, np.eye(2)).low
    assert low == pytest.approx(0.0, abs=1e-9) and low <= 0.0


def test_without_a_radius_quadratics_are_their_expectations():
    mean, second = moments()
    Q = np.array([[1.0, 0.4], [0.0, 2.0]])
    low, high = quadratic_cost_bounds(LAW, 0.0, Q, [1.0, 2.0])
    truth = np.trace(Q @ second) + mean @ [1.0, 2.0]
    assert low <= truth <= high and high - low < 1e-11


@pytest.mark.parametrize("scale", [1e-60, 1e60])
def test_scales(scale):
    low, high = quadratic_cost_bounds(Gaussian(0.0, scale**2), 0.1 * scale, [[1.0]])
    assert (low / scale**2, high / scale**2) == pytest.approx((0.81, 1.21))
    found = worst_case_max(Gaussian(0.0, scale**2), 0.1 * scale, [[1.0], [0.0]], [0.0, 0.0])
    assert found / scale == pytest.approx(worst_case_max(Gaussian(0.0, 1.0), 0.1, [[1.0], [0.0]], [0.0, 0.0]), rel=1e-9)


@pytest.mark.parametrize("radius", [0.01, 0.3])
def test_maxima_of_affine_functions_are_attained(radius):
    """The law moves to x + a_i/2λ, where i is the best piece there: its cost and its distance by quadrature."""
    slopes, offsets = np.array([-1.0, 0.5, 2.0]), np.array([0.2, 0.0, -1.5])

    def at(lam, what):
        def integrand(x):
            i = int(np.argmax(slopes * x + offsets + slopes**2 / (4 * lam)))
            y = x + slopes[i] / (2 * lam)
            return ((y - x) ** 2 if what == "distance" else np.max(slopes * y + offsets)) * norm.pdf(x, 0.3, 0.8)

        return quad(integrand, -8, 8, limit=200, epsabs=1e-8)[0]

    lam = np.exp(brentq(lambda e: at(np.exp(e), "distance") - radius**2, -3.0, 10.0, xtol=1e-7))
    found = worst_case_max(Gaussian(0.3, 0.64), radius, slopes[:, None], offsets)
    assert found == pytest.approx(at(lam, "cost"), abs=1e-5)


def test_slopes_on_a_line_in_the_plane():
    rng = np.random.default_rng(0)
    x = np.concatenate(
        [rng.multivariate_normal(m, c, int(400_000 * w)) for m, c, w in zip(LAW.means, LAW.covs, LAW.weights)]
    )
    a, b = np.array([[1.0, 2.0], [-0.5, 0.3]]), np.array([0.2, 0.5])
    cost = (x @ a.T + b).max(axis=1)
    error = 4 * cost.std() / np.sqrt(len(x))
    assert worst_case_max(LAW, 0.0, a, b) == pytest.approx(cost.mean(), abs=error)
    # A line whose pieces never count, and one that is there twice.
    more = worst_case_max(LAW, 0.0, [*a, 0.5 * (a[0] + a[1]), a[0]], [*b, -50.0, 0.1])
    assert more == pytest.approx(worst_case_max(LAW, 0.0, a, b), abs=1e-10)
    # One slope: the mean, and the shift along it.
    assert worst_case_max(LAW, 0.3, a[:1], [0.2]) == pytest.approx(
        LAW.weights @ LAW.means @ a[0] + 0.2 + 0.3 * np.sqrt(5.0), rel=1e-9
    )


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"Q must have shape \(2, 2\)"):
        quadratic_cost_bounds(LAW, 0.1, [1.0, 2.0])
    with pytest.raises(ValueError, match="q must have shape"):
        quadratic_cost_bounds(LAW, 0.1, np.eye(2), [1.0])
    with pytest.raises(ValueError, match="slopes must lie on one line"):
        worst_case_max(LAW, 0.1, [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], np.zeros(3))
    with pytest.raises(ValueError, match="slopes must have shape"):
        worst_case_max(LAW, 0.1, [1.0, 0.0], np.zeros(2))
    with pytest.raises(ValueError, match="offsets must have shape"):
        worst_case_max(LAW, 0.1, [[1.0, 0.0]], np.zeros(2))
