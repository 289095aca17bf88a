"""Layered schemes: components go to the schemes of their groups, or to the cheapest."""

from __future__ import annotations

import numpy as np
import pytest

from diracs import GaussianMixture, LayeredScheme, ProductScheme, ScalarCodebook, discretize

BOOK = ScalarCodebook([-1.2, 0.0, 1.1])
MIXTURE = GaussianMixture([[0.0, 0.0], [5.0, 1.0], [6.0, 0.0]], [1.0, 0.5, 0.2], [0.5, 0.3, 0.2])


def at(x: float, y: float = 0.0) -> ProductScheme:
    return ProductScheme([BOOK, ScalarCodebook([-0.5, 0.5])], offset=[x, y])


def single(k: int) -> GaussianMixture:
    return GaussianMixture(MIXTURE.means[k : k + 1], MIXTURE.covs[k : k + 1])


def test_each_component_goes_to_the_scheme_of_its_group():
    parts = (at(5.5, 0.5), at(0.0))
    q = discretize(MIXTURE, LayeredScheme(parts, [1, 0, 0]))
    assert len(q) == 12
    np.testing.assert_allclose(q.positions, np.concatenate([p.positions() for p in parts]))
    assert q.weights[:6].sum() == pytest.approx(0.5)
    assert q.weights[6:].sum() == pytest.approx(0.5)
    alone = [discretize(single(k), parts[g]) for k, g in enumerate([1, 0, 0])]
    square = sum(w * one.w2**2 for w, one in zip(MIXTURE.weights, alone))
    assert q.w2**2 == pytest.approx(square, rel=1e-11)
    np.testing.assert_allclose(q.weights[6:], 0.5 * alone[0].weights, rtol=1e-12)
    np.testing.assert_allclose(q.weights[:6], 0.3 * alone[1].weights + 0.2 * alone[2].weights, rtol=1e-12)
    assert not q.exact


def test_without_groups_every_component_takes_the_cheapest_scheme():
    parts = (at(5.5, 0.5), at(0.0))
    free, best = discretize(MIXTURE, LayeredScheme(parts)), discretize(MIXTURE, LayeredScheme(parts, [1, 0, 0]))
    assert free.w2 == pytest.approx(best.w2, rel=1e-13)
    np.testing.assert_allclose(free.weights, best.weights, atol=1e-15)
    for groups in np.ndindex(2, 2, 2):
        assert free.w2 <= discretize(MIXTURE, LayeredScheme(parts, groups)).w2 * (1 + 1e-12)


def test_stacks_count_as_the_schemes_that_they_hold():
    books = [BOOK, ScalarCodebook([-0.5, 0.5])]
    stack = ProductScheme(books, offset=[[0.0, 0.0], [5.5, 0.5]])
    for groups in ([0, 1, 1], [1, 1, 0], [2, 0, 1], [2, 2, 2], None):
        layered = discretize(MIXTURE, LayeredScheme((stack, at(3.0)), groups))
        listed = discretize(MIXTURE, LayeredScheme((at(0.0), at(5.5, 0.5), at(3.0)), groups))
        np.testing.assert_allclose(layered.positions, listed.positions)
        np.testing.assert_allclose(layered.weights, listed.weights, atol=1e-15)
        assert layered.w2 == pytest.approx(listed.w2, rel=1e-12)


def test_schemes_that_nobody_goes_to_keep_their_points_without_mass():
    q = discretize(MIXTURE, LayeredScheme((at(0.0), at(99.0)), [0, 0, 0]))
    assert len(q) == 12
    assert (q.weights[6:] == 0.0).all()
    alone = discretize(MIXTURE, at(0.0))
    assert q.w2 == pytest.approx(alone.w2, rel=1e-12)


def test_one_scheme_in_a_layer_is_that_scheme():
    a, b = discretize(MIXTURE, at(3.0)), discretize(MIXTURE, LayeredScheme(at(3.0)))
    assert a.w2 == b.w2
    assert a.exact and b.exact
    np.testing.assert_array_equal(a.weights, b.weights)


def test_sizes_add():
    scheme = LayeredScheme((at(0.0), ProductScheme((), offset=[[1.0, 2.0], [3.0, 4.0]])))
    assert (scheme.size, scheme.stack, scheme.ndim, scheme.groups) == (8, 3, 2, None)
    assert scheme.positions().shape == (8, 2)


@pytest.mark.parametrize("groups", [[0, 2], [-1, 0], [0.0, 1.0], [[0, 1]], ["a", "b"], [True, False], 0])
def test_groups_that_are_no_numbers_of_schemes_are_refused(groups):
    with pytest.raises(ValueError, match="groups"):
        LayeredScheme((at(0.0), at(1.0)), groups)


def test_what_is_no_scheme_is_refused():
    with pytest.raises(ValueError, match="schemes"):
        LayeredScheme(())
    with pytest.raises(TypeError, match="schemes"):
        LayeredScheme((at(0.0), BOOK))
    with pytest.raises(ValueError, match="dimensions"):
        LayeredScheme((at(0.0), ProductScheme((), offset=[0.0])))


def test_groups_and_dimension_must_fit_the_distribution():
    with pytest.raises(ValueError, match="scheme gives groups for 2 components"):
        discretize(MIXTURE, LayeredScheme((at(0.0),), [0, 0]))
    with pytest.raises(ValueError, match="scheme lies in dimension 1"):
        discretize(MIXTURE, ProductScheme((BOOK,), offset=[0.0]))
    with pytest.raises(ValueError, match="3 axes"):
        discretize(MIXTURE, ProductScheme((BOOK, BOOK, BOOK)))
