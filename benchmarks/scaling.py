"""A stream in constant memory, one and two processes of a Dask cluster, and more samples than fit into memory.

python benchmarks/scaling.py [--only stream|workers|many] [--samples 10000000] [--many 100000000] [--points 100]
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from typing import Any

import numpy as np

import diracs

CHUNK = 500_000
DIMENSION = 3


def drawn(seed: int, count: int) -> np.ndarray:
    """Samples of a mixture of eight normal laws."""
    rng = np.random.default_rng(seed)
    centres = 2.0 * np.random.default_rng(0).standard_normal((8, DIMENSION))
    out = rng.standard_normal((count, DIMENSION)) * [1.0, 0.5, 0.2]
    out += centres[rng.integers(8, size=count)]
    return out


def array(count: int) -> Any:
    """Chunks that are drawn where they are needed."""
    import dask
    import dask.array

    numbers = [min(CHUNK, count - begin) for begin in range(0, count, CHUNK)]
    made = (dask.delayed(drawn)(seed, m) for seed, m in enumerate(numbers))
    parts = [dask.array.from_delayed(x, (m, DIMENSION), float) for x, m in zip(made, numbers)]
    return dask.array.concatenate(parts)


def stream(count: int, n: int) -> None:
    summary = diracs.Summary(n, DIMENSION)
    busy = 0.0
    for seed, begin in enumerate(range(0, count, CHUNK)):
        x = drawn(seed, min(CHUNK, count - begin))
        start = time.perf_counter()
        summary.update(x)
        busy += time.perf_counter() - start
    q = summary.quantize(n)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    batch = diracs.quantize(diracs.SumOfDiracs(np.concatenate([drawn(i, CHUNK // 2) for i in range(2)])), n)
    print(f"stream of {count:,} samples, {n} points: W2 ≤ {q.w2:.4f} to all of them, {count / busy / 1e6:.2f} million")
    print(f"    samples a second, peak memory {peak:.0f} MB; {CHUNK:,} of them at once: {batch.w2:.4f}", flush=True)


def on_cluster(workers: int, count: int, n: int) -> tuple[float, float]:
    """W₂, and the seconds that it took."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(workers)
        diracs.quantize(array(2 * CHUNK // 10), n)  # imports
        start = time.perf_counter()
        q = diracs.quantize(array(count), n)
        return float(q.w2), time.perf_counter() - start


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", choices=("stream", "workers", "many"))
    options.add_argument("--samples", type=int, default=10_000_000)
    options.add_argument("--many", type=int, default=100_000_000)
    options.add_argument("--points", type=int, default=100)
    given = options.parse_args()
    if given.only in (None, "stream"):
        stream(given.samples, given.points)
    if given.only in (None, "workers"):
        (one, alone), (two, both) = (on_cluster(k, given.samples, given.points) for k in (1, 2))
        print(f"Dask, {given.samples:,} samples: one process {alone:.1f} s, two {both:.1f} s: {alone / both:.2f} times")
        print(f"    W2 = {one:.6f}, {two:.6f}", flush=True)
    if given.only in (None, "many"):
        w2, seconds = on_cluster(2, given.many, given.points)
        print(f"Dask, {given.many:,} samples, two processes: W2 = {w2:.6f}, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
