"""Univariate laws: optimal points beside Panter and Dite's limit and the quantile coupling, the lower bound, seconds.

The limit of n·W₂ is ((∫ f^{1/3})³/12)^{1/2} (Panter & Dite 1951); the coupling integrates (F⁻¹(u) − y(u))² over u, from
2⁻³²⁰ on, which misses a part of the tails of t(2.1).

    python benchmarks/univariate.py
"""

import math
from time import perf_counter

import numpy as np
import scipy.stats as st

from diracs import Mixture, quantize

LAWS = {
    "gamma(2)": st.gamma(2.0),
    "gamma(0.1)": st.gamma(0.1),
    "beta(0.5, 2)": st.beta(0.5, 2.0),
    "t(5)": st.t(5.0),
    "t(2.1)": st.t(2.1),
    "lognormal(1)": st.lognorm(1.0),
    "weibull(1.7)": st.weibull_min(1.7),
    "pareto(4)": st.pareto(4.0),
    "invgauss(0.5), by quadrature": st.invgauss(0.5),
    "gamma(2), N(6, 0.3²), t(3)": Mixture([st.gamma(2.0), st.norm(6.0, 0.3), st.t(3.0, -4.0, 0.5)], [5, 2, 3]),
}
NODES, WEIGHTS = np.polynomial.legendre.leggauss(24)


def limit(law):
    """lim n·W₂, by sums over fine cells between quantiles."""
    shares = 2.0 ** -np.linspace(1.0, 600.0, 100_000)
    z = np.concatenate([law.quantiles(shares, 1.0 - shares), law.quantiles(1.0 - shares, shares)])
    z = np.unique(z[np.isfinite(z)])
    return np.sqrt((np.cbrt(law.heights(0.5 * z[1:] + 0.5 * z[:-1])) @ np.diff(z)) ** 3 / 12.0)


def coupling(law, y, masses):
    """W₂ by quadrature over u, in pieces that shrink towards both ends."""
    total = 0.0
    for levels, share, right in ((y, masses, False), (y[::-1], masses[::-1], True)):
        cuts = np.cumsum(share)
        u = np.unique(np.concatenate([0.5 ** np.arange(1.0, 320.0), cuts[cuts < 0.5]]))
        left, width = u[:-1], np.diff(u)
        owner = np.minimum(np.searchsorted(cuts, left + 0.5 * width, side="right"), len(y) - 1)
        u = (left[:, None] + width[:, None] * 0.5 * (1.0 + NODES)).ravel()
        x = law.quantiles(*((1.0 - u, u) if right else (u, 1.0 - u))).reshape(len(left), -1)
        total += float((0.5 * width) @ (((x - levels[owner][:, None]) ** 2) @ WEIGHTS))
    return math.sqrt(total)


def main():
    heads = f"{'law':>29} {'n':>5} {'W2':>12} {'W2/limit':>9} {'W2/coupling − 1':>16} {'lower/W2':>9}"
    print(f"{heads} {'ms':>6} {'ms lower':>9}")
    for name, law in LAWS.items():
        for n in (10, 100, 1000):
            quantize(law, n)  # panels are made once for a law
            start = perf_counter()
            q = quantize(law, n)
            middle = perf_counter()
            lower = float(q.w2_lower)
            end = perf_counter()
            w2, own = float(q.w2), q.distribution
            # Quantile functions of mixtures are steep between modes: rules for them would be finer ones.
            smooth = not isinstance(law, Mixture)
            off = w2 / coupling(own, q.positions[:, 0], q.weights) - 1.0 if smooth else math.nan
            shown = f"{name:>29} {n:5} {w2:12.9f} {n * w2 / limit(own):9.4f} {off:16.1e} {lower / w2:9.4f}"
            print(f"{shown} {1e3 * (middle - start):6.0f} {1e3 * (end - middle):9.0f}", flush=True)


if __name__ == "__main__":
    main()
