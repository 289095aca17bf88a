"""The optimal quantizer of the standard normal: W₂, time, and how stationary the levels are.

python benchmarks/scalar_codebooks.py
"""

from time import perf_counter

import numpy as np

from diracs.cells.intervals import interval_moments, voronoi_gaps
from diracs.codebooks.optimal import normal_levels


def main():
    print(f"{'n':>7} {'W2':>14} {'n·W2':>9} {'|centroid − level|/spacing':>27} {'time':>10}")
    for n in (1, 2, 3, 10, 100, 1000, 10_000, 100_000):
        normal_levels.cache_clear()
        start = perf_counter()
        levels, error = normal_levels(n)
        elapsed = perf_counter() - start
        cells = interval_moments(levels, *voronoi_gaps(levels), 0.0, 1.0)
        spacing = np.gradient(levels) if n > 1 else 1.0
        off = np.abs(cells.first / cells.mass / spacing).max()
        print(f"{n:7} {np.sqrt(error):14.10f} {n * np.sqrt(error):9.5f} {off:27.1e} {elapsed * 1e3:7.1f} ms")


if __name__ == "__main__":
    main()
