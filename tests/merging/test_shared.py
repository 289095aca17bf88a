"""Blocks of boxes that are worked on elsewhere."""

import pickle
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pytest

import diracs.merging.refinement
from diracs import GaussianMixture, quantize
from diracs.merging.mixture import UnitMixtureCells


def elsewhere(work: Callable[..., Any], *columns: Iterable[Any]) -> Iterator[Any]:
    """As a pool of processes does: everything is pickled, and comes back as a copy."""
    for row in zip(*columns):
        sent = pickle.loads(pickle.dumps((work, row)))
        yield pickle.loads(pickle.dumps(sent[0](*sent[1])))


class Executor:
    """What a pool offers."""

    map = staticmethod(elsewhere)


@pytest.mark.parametrize("ndim", [3, 4])
def test_the_same_numbers(ndim: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diracs.merging.refinement, "_BLOCK", 50)
    rng = np.random.default_rng(ndim)
    roots = 0.5 * rng.normal(size=(4, ndim, ndim))
    law = rng.normal(size=(4, ndim)), roots @ roots.swapaxes(1, 2), rng.dirichlet(np.ones(4))
    points = rng.normal(size=(9, ndim))
    here, there = (UnitMixtureCells.of(*law, each=each).sent(points, 0.02) for each in (map, elsewhere))
    for a, b in zip((*here.masses, here.first, here.cost), (*there.masses, there.first, there.cost)):
        np.testing.assert_array_equal(a, b)
    assert here.square == there.square


def test_components_go_with_their_boxes_alone() -> None:
    law = UnitMixtureCells.of(np.eye(3), np.tile(np.eye(3), (3, 1, 1)), np.ones(3))
    boxes = law.boxes(5)
    some = boxes.take(np.flatnonzero(boxes.component == 1)[:3])
    alone = some.alone()
    assert len(alone.law.means) == 1
    np.testing.assert_array_equal(alone.cells().barycenter, some.cells().barycenter)
    assert (alone.component == 0).all()


def test_quantize_with_an_executor() -> None:
    law = GaussianMixture([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]], [1.0, 0.25], [0.75, 0.25])
    with_one, without = (quantize(law, 6, executor=executor) for executor in (Executor(), None))
    assert with_one.w2 == without.w2
    np.testing.assert_array_equal(with_one.positions, without.positions)
