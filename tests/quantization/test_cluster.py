"""Processes: the same numbers on any executor, and a killed worker neither loses nor doubles mass."""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diracs import GaussianMixture, quantize

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster) as found,
    ):
        yield found


def check_the_same(executor: Any) -> None:
    rng = np.random.default_rng(0)
    roots = rng.normal(size=(2, 3, 3))
    law = GaussianMixture(rng.normal(size=(2, 3)), roots @ roots.swapaxes(1, 2), [0.25, 0.75])
    batch = GaussianMixture(rng.normal(size=(3, 2, 1)), np.ones((3, 2, 1)), np.full((3, 2), 0.5))
    for one, n in ((law, 6), (batch, 4)):
        here, there = quantize(one, n), quantize(one, n, executor=executor)
        np.testing.assert_array_equal(here.positions, there.positions)
        np.testing.assert_array_equal(here.weights, there.weights)
        np.testing.assert_array_equal(here.w2, there.w2)


def test_a_pool_of_processes() -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as executor:
        check_the_same(executor)


def test_executor_of_dask(client: Any) -> None:
    check_the_same(client.get_executor())


def drawing(folder: Path, deadly: int) -> Callable[[int], np.ndarray]:
    """What draws a chunk; the deadly one ends its process the first time."""

    def draw(seed: int) -> np.ndarray:
        import os
        import signal

        import numpy

        if seed == deadly and not (folder / "killed").exists():
            (folder / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return numpy.random.default_rng(seed).normal(size=(500 + seed, 3))

    return draw


def test_a_killed_worker_does_no_harm(client: Any, tmp_path: Path) -> None:
    import dask
    import dask.array

    def array(deadly: int) -> Any:
        draw = drawing(tmp_path, deadly)
        parts = [dask.array.from_delayed(dask.delayed(draw)(i), (500 + i, 3), float) for i in range(8)]
        return dask.array.concatenate(parts)

    undisturbed = quantize(array(-1), 5)
    assert not (tmp_path / "killed").exists()
    found = quantize(array(4), 5)
    assert (tmp_path / "killed").exists()
    np.testing.assert_array_equal(found.positions, undisturbed.positions)
    np.testing.assert_array_equal(found.weights, undisturbed.weights)
    assert found.w2 == undisturbed.w2
