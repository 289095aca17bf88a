"""Samples in chunks on several machines: a summary of each, a tree of merges, and a second pass for the exact error."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from diracs.certificates.masses import settled
from diracs.certificates.rounding import with_moved_masses
from diracs.merging.cloud import UnitCloud, sent_to
from diracs.quantization.discretization import Quantization
from diracs.quantization.summary import Summary

_EPS = 2.0**-52
# In tasks: Dask runs as many of these at once as there are cores.
_THREADS = 1


def is_dask(x: Any) -> bool:
    """True for arrays of Dask, which is never imported to find out."""
    return type(x).__module__.startswith("dask.array")


def quantize_chunks(samples: Any, n: int, *, seed: int = 0) -> Quantization:
    """At most n points for the samples in a Dask array (N, d): `w2` is their exact W₂ to all of them.

    Chunks along the first axis are summarized where they are (`Summary`), summaries merged two by two, and each chunk
    then goes to the nearest of the points, once more where it is. What is sent are summaries, points, and sums.
    Whatever task is lost with a worker is run again by Dask; tasks change nothing that others see.
    """
    import dask

    if samples.ndim != 2:
        raise ValueError(f"samples must have shape (N, d), got {samples.shape}")
    d = int(samples.shape[1])
    chunks = list(samples.rechunk({1: -1}).to_delayed().ravel())
    summaries = [dask.delayed(summarized)(chunk, n, d, seed) for chunk in chunks]
    while len(summaries) > 1:
        pairs = [summaries[i : i + 2] for i in range(0, len(summaries), 2)]
        summaries = [dask.delayed(together)(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
    summary = summaries[0].compute()
    first = summary.quantize(n)
    points = np.asarray(first.positions)
    sums = dask.compute(*[dask.delayed(sums_to_nearest)(chunk, points) for chunk in chunks])
    return exact(first, sums)


def summarized(samples: np.ndarray, n: int, d: int, seed: int = 0) -> Summary:
    """The summary of one chunk."""
    summary = Summary(n, d, seed=seed)
    summary._threads = _THREADS
    return summary.update(np.asarray(samples, dtype=np.float64)).compact()


def together(first: Summary, second: Summary) -> Summary:
    """What two summaries have seen, these left as they are."""
    return first.copy().merge(second)


def sums_to_nearest(samples: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Of samples (m, d) of weight one: how many go to each of the points (n, d), the sum of squares, of rounding."""
    x = np.asarray(samples, dtype=np.float64)
    cloud = UnitCloud.of(x, np.ones(len(x)))
    close, found = sent_to(cloud, points, _THREADS)
    counts = np.zeros(len(points))
    counts[close] = found.masses[0]
    return counts, found.square * cloud.unit**2, found.moved * cloud.unit**2


def exact(first: Quantization, sums: Iterable[tuple[np.ndarray, float, float]]) -> Quantization:
    """The same points with the masses and the error that sums over all samples tell."""
    counts, squares, moved = zip(*sums)
    masses = np.sum(counts, axis=0)
    total = float(masses.sum())
    held = np.flatnonzero(masses > 0)
    points = np.asarray(first.positions)
    size = float(np.abs(points - points[0]).max()) or 1.0
    pair = masses[held] / total, np.zeros(len(held))
    weights = np.zeros(len(points))
    # A quotient is right to half a rounding.
    weights[held], change, fraction = settled(points[held] / size, pair, _EPS * pair[0])
    square = np.asarray(math.fsum(squares) / total / size**2 * (1.0 + 1e-12))
    root = math.sqrt(float(with_moved_masses(square, np.asarray(change), fraction))) * size
    w2 = root + 2.0 * _EPS * math.sqrt(math.fsum(moved) / total)
    return Quantization(first.distribution, first.scheme, points, weights, np.float64(w2), True)


def each(executor: Any, work: Callable[..., Quantization], items: list[Any]) -> list[Quantization]:
    """The work for each item, on an executor if there is one: the same results in the same order."""
    return list(map(work, items) if executor is None else executor.map(work, items))
