"""Ten million samples pass by once: how the certificate of a hundred points evolves, in constant memory.

python examples/stream.py [--samples 10000000] [--output stream.png]
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np

import diracs

CHUNK = 100_000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--samples", type=int, default=10_000_000)
    options.add_argument("--points", type=int, default=100)
    options.add_argument("--output", type=Path)
    given = options.parse_args()
    rng = np.random.default_rng(0)
    summary = diracs.Summary(given.points, 3)
    seen, errors, sizes = [], [], []
    busy = 0.0
    following = CHUNK
    while len(summary) < given.samples:
        count = min(CHUNK, given.samples - len(summary))
        # The law turns slowly while it is being sampled.
        angle = 2.0 * np.pi * len(summary) / given.samples
        centre = 2.0 * np.array([np.cos(angle), np.sin(angle), 0.0])
        samples = rng.normal(size=(count, 3)) * [1.0, 0.5, 0.2] + centre
        start = time.perf_counter()
        summary.update(samples)
        busy += time.perf_counter() - start
        if len(summary) >= following or len(summary) == given.samples:
            q = summary.quantize()
            seen.append(len(summary))
            errors.append(float(q.w2))
            sizes.append(summary.nbytes / 1e6)
            print(f"{seen[-1]:>11,} samples: W2 ≤ {errors[-1]:.4f}, summary of {sizes[-1]:.1f} MB", flush=True)
            following *= 2
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    print(f"{len(summary) / busy / 1e6:.2f} million samples a second; peak memory of the process {peak:.0f} MB")
    if given.output:
        plot(seen, errors, sizes, given.output)


def plot(seen: list[int], errors: list[float], sizes: list[float], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (above, below) = plt.subplots(2, 1, sharex=True, figsize=(6.0, 5.0), layout="constrained")
    above.semilogx(seen, errors, marker="o")
    above.set_ylabel("W₂ of 100 points, certified")
    below.semilogx(seen, sizes, marker="o")
    below.set(xlabel="samples seen", ylabel="summary [MB]", ylim=(0.0, None))
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
