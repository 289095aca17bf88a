"""What to choose: dimension × law × number of points → seconds and W₂ of each scheme, as the table of docs/choose.md.

Seconds are of the processor, of all cores together, so that other work on the machine matters little. W₂ is relative to
the least of its row. A dash: there is no other scheme, or it is not tried.

    python benchmarks/choose.py [--quick]
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import scipy.stats

import diracs

SCHEMES = ("auto", "grid", "product", "optimal")
# Dimension and number of points, of mixtures.
SIZES = ((1, 1000), (2, 100), (2, 1000), (3, 100), (3, 1000), (4, 100), (4, 1000), (10, 1000))


def mixture(d: int) -> diracs.GaussianMixture:
    """Three components whose covariances do not commute."""
    rng = np.random.default_rng(d)
    roots = rng.normal(size=(3, d, d)) / d**0.5
    covs = roots @ roots.swapaxes(1, 2) + 0.1 * np.eye(d)
    return diracs.GaussianMixture(2.0 * rng.normal(size=(3, d)) / d**0.5, covs, [0.3, 0.4, 0.3])


def samples(d: int) -> diracs.SumOfDiracs:
    """A hundred thousand."""
    return diracs.SumOfDiracs(np.random.default_rng(d).normal(size=(100_000, d)))


def image(d: int, side: int) -> diracs.PolynomialGrid:
    """A smooth bump on a faint ground."""
    centres = np.stack(np.meshgrid(*[(np.arange(side) + 0.5) / side] * d, indexing="ij"))
    return diracs.PolynomialGrid(np.exp(-8.0 * ((centres - 0.4) ** 2).sum(axis=0)) + 0.05)


def independent(d: int) -> diracs.Independent:
    """Gamma coordinates, mixed."""
    return diracs.Independent([scipy.stats.gamma(2.0)] * d, np.random.default_rng(d).normal(size=(d, d)))


def rows(quick: bool) -> list[tuple[str, Any, int, tuple[str, ...]]]:
    """Name of the law, the law, the number of points, the schemes that there are."""
    everything: list[tuple[str, Any, int, tuple[str, ...]]] = [
        *((f"mixture, d = {d}", mixture(d), n, SCHEMES) for d, n in SIZES),
        ("mixture, d = 50", mixture(50), 1000, SCHEMES[:3]),
        *(("`scipy.stats.gamma(2)`", scipy.stats.gamma(2.0), n, ("auto",)) for n in (10, 1000)),
        *(("image, 256²", image(2, 256), n, ("auto",)) for n in (100, 1000)),
        ("volume, 32³", image(3, 32), 100, ("auto",)),
        *((f"10⁵ samples, d = {d}", samples(d), n, ("auto",)) for d, n in ((2, 1000), (10, 100))),
        ("`Independent`, d = 3", independent(3), 300, SCHEMES),
    ]
    return [row for row in everything if not quick or row[2] <= 100]


def measured(law: Any, n: int, scheme: Any) -> tuple[float, float]:
    """Processor seconds, and W₂."""
    begin = time.process_time()
    q = diracs.quantize(law, n, scheme=scheme)
    return time.process_time() - begin, float(q.w2)


def entry(seconds: float, w2: float, least: float) -> str:
    return f"{seconds:.2g}\N{NO-BREAK SPACE}s, {w2 / least:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="at most 100 points")
    options = parser.parse_args()
    # What is loaded and compiled at the first call is no part of the figures.
    for law in (mixture(2), mixture(3), samples(2), image(2, 8), scipy.stats.gamma(2.0)):
        diracs.quantize(law, 10)

    print("| law | points | " + " | ".join(f'`"{name}"`' for name in SCHEMES) + " |")
    print("|---|---|" + "---|" * len(SCHEMES))
    for name, law, n, schemes in rows(options.quick):
        found = {scheme: measured(law, n, scheme) for scheme in schemes}
        least = min(w2 for _, w2 in found.values())
        cells = [entry(*found[scheme], least) if scheme in found else "–" for scheme in SCHEMES]
        print(f"| {name} | {n} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
