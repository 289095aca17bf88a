"""One Gaussian in the plane: the best grids and the optimal points beside the lower bound and Zador's value.

Zador's value √(5/(18√3)·(∫√f)²/n) is where the best n points go as n grows (Zador 1982). The best grids stay a factor
of √(√3π/(8π·5/(18√3))) = 1.162 above it in the long run: squares that cannot follow the density.

    python benchmarks/gaussian_plane.py
"""

import itertools

import numpy as np

from diracs import Gaussian, quantize


def main():
    print(f"{'variances':>12} {'scheme':>8} {'n':>6} {'points':>7} {'w2':>9} {'w2/lower':>9} {'w2/Zador':>9}")
    for variances in ((1.0, 1.0), (4.0, 1.0), (100.0, 1.0)):
        for scheme, n in itertools.product(("product", "optimal"), (10, 100, 1000, 10_000)):
            q = quantize(Gaussian([0.0, 0.0], variances), n, scheme=scheme)
            zador = np.sqrt(5.0 / (18.0 * np.sqrt(3.0)) * 8.0 * np.pi * np.sqrt(np.prod(variances)) / n)
            shown = f"{variances!s:>12} {scheme:>8} {n:6} {len(q):7} {q.w2:9.5f}"
            print(f"{shown} {q.w2 / q.w2_lower:9.4f} {q.w2 / zador:9.4f}", flush=True)


if __name__ == "__main__":
    main()
