"""Majorants of JᵀPJ over sets of Jacobians."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diracs.propagation.metrics import JacobianSet, least_majorant, within


def definite(rng, d, low=0.0):
    x = rng.standard_normal((d, d)) * 10.0 ** rng.uniform(-3, 3, d)
    return x @ x.T + low * np.eye(d)


def below(matrix, other):
    """Whether other − matrix is positive semidefinite, to rounding of other."""
    return np.linalg.eigvalsh(other - matrix)[0] >= -1e-13 * np.trace(other)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 4), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_every_member_of_a_set_is_below_its_majorant(seed, m, d, count):
    rng = np.random.default_rng(seed)
    metric, weight = definite(rng, m), definite(rng, d)
    hull = rng.standard_normal((count, m, d)) * 10.0 ** rng.uniform(-6, 6, (1, m, d))
    share = rng.dirichlet(np.full(count, 0.5), 20)
    found = JacobianSet.hull_of(hull).majorant(metric, weight)
    for matrix in [*hull, *np.einsum("sk,kij->sij", share, hull)]:
        assert below(matrix.T @ metric @ matrix, found)
    low, high = np.minimum(hull[0], hull[-1]), np.maximum(hull[0], hull[-1])
    known = JacobianSet.between(low, high)
    found = known.majorant(metric, weight)
    for _ in range(40):
        corner = np.where(rng.random((m, d)) < 0.5, low, high)
        inner = low + (high - low) * rng.random((m, d))
        for matrix in (corner, inner):
            assert below(matrix.T @ metric @ matrix, found)
            assert np.linalg.norm(matrix, 2) <= known.norm


def test_two_matrices_have_a_least_majorant_in_closed_form():
    rng = np.random.default_rng(1)
    for _ in range(20):
        a, b, weight = definite(rng, 3), definite(rng, 3), definite(rng, 3, 0.1)
        values, vectors = np.linalg.eigh(weight)
        root = (vectors * np.sqrt(values)) @ vectors.T
        lacking, axes = np.linalg.eigh(root @ (b - a) @ root)
        least = np.trace(a @ weight) + np.maximum(lacking, 0.0).sum()
        found = least_majorant(np.array([a, b]), weight)
        assert least * (1 - 1e-9) <= np.trace(found @ weight) <= least * 1.002
        assert axes.shape == (3, 3)


def test_the_barrier_finds_the_ball_around_a_circle_of_directions():
    # Of (cos, sin)(cos, sin)ᵀ the least majorant is the identity, by symmetry of trace 2.
    angles = np.linspace(0, np.pi, 17)[:-1]
    u = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = least_majorant(u[:, :, None] * u[:, None, :], np.eye(2))
    np.testing.assert_allclose(found, np.eye(2), atol=2e-3)
    assert np.trace(least_majorant(np.zeros((3, 2, 2)), np.eye(2))) == 0.0


def test_many_uncertain_entries_go_by_their_radii_and_few_by_their_corners():
    rng = np.random.default_rng(2)
    centre = rng.standard_normal((3, 3))
    known = JacobianSet.between(centre - 0.01, centre + 0.01)
    assert known.hull is None
    found = known.majorant(np.eye(3), np.eye(3))
    least = np.trace(centre.T @ centre)
    assert least <= np.trace(found) <= (np.sqrt(least) + 0.01 * 3.0 * np.sqrt(3.0)) ** 2 * (1 + 1e-9)
    few = JacobianSet.between(np.diag([0.0, 1.0]), np.eye(2))
    assert len(few.hull) == 2 and few.norm == pytest.approx(1.0)


def test_what_two_sets_have_in_common():
    circle = np.array([[[np.cos(t)], [np.sin(t)]] for t in np.linspace(0, 2 * np.pi, 17)[:-1]]) / np.cos(np.pi / 16)
    square = JacobianSet.between(-np.ones((2, 1)), np.ones((2, 1)))
    whole = JacobianSet.hull_of(circle)
    assert within(square, whole) is whole
    narrow = JacobianSet.between(np.array([[0.9], [-0.1]]), np.array([[2.0], [0.1]]))
    both = within(narrow, whole)
    for x, y in itertools.product((0.9, 1.0), (-0.1, 0.1)):
        assert both.low[0, 0] <= x <= both.high[0, 0] + 1e-12 and both.low[1, 0] <= y <= both.high[1, 0]
    assert both.majorant(np.eye(2), np.eye(1))[0, 0] < 1.02**2 + 0.02
    # What is not known of a box is known of the whole space.
    assert within(JacobianSet.between(np.full((2, 1), -np.inf), np.ones((2, 1))), whole).norm <= 1.1
