"""Certificates beside the published grids: 41 inputs, at most as many points.

The reference (tests/data/grid_certificates.json) holds, for each input, the certificate that the published package for
certified quantization of Gaussian mixtures reports, in float32, or the error that it stops with. A dash stands for
these.

    python benchmarks/grid_certificates.py
"""

import json
from pathlib import Path
from time import perf_counter

import numpy as np

from diracs import Gaussian, GaussianMixture, quantize

REFERENCE = Path(__file__).parent.parent / "tests" / "data" / "grid_certificates.json"


def law(case):
    if "cov" in case:
        cov = np.array(case["cov"], dtype=float)
        return Gaussian(np.zeros(len(cov)), cov)
    return GaussianMixture(case["means"], case["covs"], case["weights"])


def main():
    ratios = []
    print(f"{'case':20} {'n':>5} {'published':>10} {'diracs':>10} {'ratio':>7} {'lower':>10} {'exact':>6} {'time':>8}")
    for case in json.loads(REFERENCE.read_text()):
        start = perf_counter()
        q = quantize(law(case), case["n"])
        elapsed = perf_counter() - start
        published = case.get("w2")
        ratio = q.w2 / published if published else np.nan
        ratios.append(ratio)
        shown = f"{published:10.5f} {q.w2:10.5f} {ratio:7.4f}" if published else f"{'—':>10} {q.w2:10.5f} {'—':>7}"
        print(f"{case['case']:20} {case['n']:5} {shown} {q.w2_lower:10.5f} {q.exact!s:>6} {elapsed:6.3f} s")
    solved = np.array(ratios)[np.isfinite(ratios)]
    print(f"\n{len(ratios)} inputs, {len(solved)} of which the published package solves:")
    print(f"geometric mean of diracs/published {np.exp(np.log(solved).mean()):.3f}, largest {solved.max():.8f}")


if __name__ == "__main__":
    main()
