"""Summaries of streams: certified for all samples seen, in any order of merges."""

import itertools
import pickle

import numpy as np
import pytest
from scipy.spatial import cKDTree

from diracs import Summary, SumOfDiracs, quantize


@pytest.fixture(autouse=True)
def _small_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few samples fill a summary, so that these tests merge often."""
    monkeypatch.setattr("diracs.quantization.summary._LEAST", 256)
    monkeypatch.setattr("diracs.quantization.summary._BUFFER", 2)


def samples(count: int, d: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, d)) + 2.0 * rng.integers(2, size=(count, 1))


def direct(x: np.ndarray, points: np.ndarray) -> float:
    return float((cKDTree(points).query(x)[0] ** 2).mean() ** 0.5)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_error_to_all_samples_is_certified_and_near_that_of_a_batch(d: int) -> None:
    x = samples(4200, d)
    summary = Summary(8, d)
    for part in np.array_split(x, 7):
        summary.update(part)
    q = summary.quantize(8)
    assert len(summary) == 4200 and len(q) == 8
    assert len(q.distribution.weights) < 4200
    batch = float(quantize(SumOfDiracs(x), 8).w2)
    assert direct(x, q.positions) <= q.w2 <= 1.1 * batch
    assert q.w2_lower <= batch * (1 + 1e-9)
    assert q.weights.sum() == pytest.approx(1.0, abs=1e-13)
    label = cKDTree(q.positions).query(x)[1]
    np.testing.assert_allclose(q.weights, np.bincount(label, minlength=8) / 4200, atol=0.01)


def test_memory_does_not_grow() -> None:
    summary = Summary(2, 2)
    sizes = []
    for seed in range(4):
        summary.update(samples(1500, 2, seed))
        sizes.append(summary.nbytes)
    assert max(sizes) <= 4 * 256 * 4 * 8
    assert summary.mass == pytest.approx(6000, rel=1e-12)


def test_merged_in_any_order() -> None:
    x = samples(3000, 3)
    parts = np.array_split(x, 3)
    for order in itertools.permutations(range(3)):
        one = Summary(3, 3).update(parts[order[0]])
        two = Summary(3, 3).update(parts[order[1]]).merge(Summary(3, 3).update(parts[order[2]]))
        one.merge(two)
        q = one.quantize(3)
        assert len(one) == 3000
        assert direct(x, q.positions) <= q.w2 <= 1.1 * direct(x, q.positions)


def test_merging_leaves_the_other_alone() -> None:
    one, other = Summary(3, 2).update(samples(1000, 2)), Summary(3, 2).update(samples(1000, 2, 1))
    before = float(other.quantize().w2)
    one.merge(other)
    one.update(samples(1500, 2, 2))
    assert float(other.quantize().w2) == before and len(other) == 1000
    copy = other.copy().update(samples(10, 2))
    assert len(copy) == 1010 and len(other) == 1000


def test_few_samples_are_kept_as_they_are() -> None:
    x = samples(250, 3)
    q = Summary(4, 3).update(x).quantize()
    assert q.exact
    assert q.w2 == pytest.approx(direct(x, q.positions), rel=1e-12)
    assert q.w2 <= 1.05 * quantize(SumOfDiracs(x), 4).w2


def test_weights_count() -> None:
    x = samples(300, 2)
    w = np.arange(300) % 3
    one = Summary(6, 2).update(x, w).quantize()
    other = Summary(6, 2).update(np.repeat(x, w, axis=0)).quantize()
    assert one.w2 == pytest.approx(float(other.w2), rel=0.1)
    assert Summary(6, 2).update(x, w).mass == w.sum()


def test_a_stream_that_moves_away() -> None:
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(500, 2)) + np.array([3.0 * i, 0.0]) for i in range(8)]
    summary = Summary(8, 2)
    for part in parts:
        summary.update(part)
    x = np.concatenate(parts)
    q = summary.quantize()
    assert direct(x, q.positions) <= q.w2 <= 1.1 * float(quantize(SumOfDiracs(x), 8).w2)


def test_saved_loaded_and_pickled(tmp_path) -> None:
    summary = Summary(3, 2, seed=3).update(samples(2000, 2))
    summary.save(tmp_path / "s.npz")
    for again in (Summary.load(tmp_path / "s.npz"), pickle.loads(pickle.dumps(summary))):
        assert len(again) == 2000 and again.nbytes == summary.nbytes
        assert (again.quantize().positions == summary.quantize().positions).all()
        assert again.quantize().w2 == summary.quantize().w2


@pytest.mark.parametrize("shift", [0.0, 1e8])
def test_far_from_the_origin(shift: float) -> None:
    x = samples(3000, 2) + shift
    q = Summary(4, 2).update(x).quantize()
    assert direct(x, q.positions) <= q.w2 <= 1.05 * direct(x, q.positions)


def test_refused() -> None:
    with pytest.raises(ValueError, match="points must have shape"):
        Summary(5, 2).update(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="NaN"):
        Summary(5, 1).update([[np.nan]])
    with pytest.raises(ValueError, match="negative"):
        Summary(5, 1).update([[0.0]], [-1.0])
    with pytest.raises(ValueError, match="one weight each"):
        Summary(5, 1).update([[0.0]], [1.0, 1.0])
    with pytest.raises(ValueError, match="no samples"):
        Summary(5, 1).quantize()
    with pytest.raises(ValueError, match="dimension"):
        Summary(5, 1).merge(Summary(5, 2))
    with pytest.raises(TypeError, match="Summary"):
        Summary(5, 1).merge(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="n must"):
        Summary(0, 1)
