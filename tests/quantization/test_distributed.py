"""Samples in chunks: the same error as of all samples at once, wherever chunks are summed up."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from diracs import Gaussian, GaussianMixture, quantize
from diracs.quantization.distributed import exact, summarized, sums_to_nearest, together


def chunks(d: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(count, d)) + [1.0] * d for count in (500, 1, 700)]


def check(q, x: np.ndarray) -> None:
    square = cdist(x, q.positions, "sqeuclidean")
    direct = float(square.min(axis=1).mean() ** 0.5)
    assert q.exact and direct * (1 - 1e-13) <= q.w2 <= direct * (1 + 1e-9)
    np.testing.assert_allclose(q.weights, np.bincount(square.argmin(axis=1), minlength=len(q)) / len(x), rtol=1e-12)


def test_sums_over_chunks_are_exact() -> None:
    parts = chunks(3)
    summaries = [summarized(part, 6, 3) for part in parts]
    before = [s.nbytes for s in summaries]
    summary = together(together(summaries[0], summaries[1]), summaries[2])
    # Tasks change nothing: one that is run again counts nothing twice.
    assert together(summaries[0], summaries[1]).count == 501
    assert [s.nbytes for s in summaries] == before
    first = summary.quantize()
    check(exact(first, [sums_to_nearest(part, np.asarray(first.positions)) for part in parts]), np.concatenate(parts))


def test_dask_arrays() -> None:
    dask_array = pytest.importorskip("dask.array")
    x = np.concatenate(chunks(2))
    q = quantize(dask_array.from_array(x, chunks=(400, 1)), 7)
    check(q, x)
    with pytest.raises(ValueError, match="number n"):
        quantize(dask_array.from_array(x, chunks=(400, 2)), w2=0.1)


def test_executors_give_the_same_numbers() -> None:
    law = GaussianMixture(np.zeros((3, 1, 2)), np.ones((3, 1)) * [[1.0], [2.0], [3.0]])
    with ThreadPoolExecutor(2) as executor:
        q = quantize(law, 4, scheme="product", executor=executor)
    other = quantize(law, 4, scheme="product")
    assert (q.positions == other.positions).all() and (q.w2 == other.w2).all()
    with ThreadPoolExecutor(2) as executor:
        assert quantize(Gaussian([0.0], [1.0]), 3, executor=executor).w2 == quantize(Gaussian([0.0], [1.0]), 3).w2
