"""Weighted k-means beside scikit-learn's, in one run: costs and times. `python benchmarks/merging.py [--threads 1]`."""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from diracs.cells.partition import Partition
from diracs.merging.merge import merge

CASES = ((100_000, 2, 300), (200_000, 4, 1000), (50_000, 20, 200))


def samples(count: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """A mixture of ten normal laws, with weights."""
    rng = np.random.default_rng(0)
    centres = 0.3 * rng.standard_normal((10, d))
    x = centres[rng.integers(10, size=count)] + 0.2 * rng.standard_normal((count, d))
    weights = rng.exponential(size=count)
    return x, weights / weights.sum()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--threads", type=int, default=0)
    threads = options.parse_args().threads
    print(f"{'samples':>8} {'d':>3} {'n':>5} {'diracs':>9} {'sklearn':>9} {'ratio':>6} {'cost/cost':>9}")
    for count, d, n in CASES:
        x, weights = samples(count, d)
        start = time.perf_counter()
        found = merge(Partition.of_points(x, weights), n, threads=threads)
        own = time.perf_counter() - start
        start = time.perf_counter()
        with threadpool_limits(threads or None), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other = KMeans(n, n_init=1, max_iter=50, random_state=0).fit(x, sample_weight=weights)
        theirs = time.perf_counter() - start
        costs = found.square / other.inertia_
        print(f"{count:8} {d:3} {n:5} {own:8.2f}s {theirs:8.2f}s {theirs / own:6.1f} {costs:9.4f}", flush=True)


if __name__ == "__main__":
    main()
