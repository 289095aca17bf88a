"""One Gaussian in 256 dimensions, variances from 1 to 0.01: how much of the possible reduction n points reach.

No n points can lower the mean square error by more than trace − w2_lower² (rate–distortion); the table gives the share
of that which each configuration reaches. The published grid reaches 52 % with 1000 points.

    python benchmarks/high_dimension.py
"""

from time import perf_counter

import numpy as np

from diracs import Gaussian, quantize

DIMENSION = 256


def main():
    variances = np.linspace(1.0, 0.01, DIMENSION)
    gaussian = Gaussian(np.zeros(DIMENSION), variances)
    total = variances.sum()
    quantize(gaussian, 10)  # codebooks of a first call are kept
    print(f"{'n':>6} {'scheme':>8} {'points':>7} {'w2':>9} {'lower':>9} {'share':>7} {'time':>8}")
    for n in (10, 100, 1000, 10_000):
        for scheme in ("grid", "cross", "auto"):
            start = perf_counter()
            q = quantize(gaussian, n, scheme=scheme)
            elapsed = perf_counter() - start
            share = (total - q.w2**2) / (total - q.w2_lower**2)
            print(f"{n:6} {scheme:>8} {len(q):7} {q.w2:9.5f} {q.w2_lower:9.5f} {share:7.1%} {elapsed:6.3f} s")


if __name__ == "__main__":
    main()
