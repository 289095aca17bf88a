"""Learn a quantizer: the levels, offset and scales of a grid built by hand, by gradient descent on its certificate.

Run it with `python examples/learn_levels.py`. The certificate of `discretize` is differentiable in everything that a
scheme is made of, so any optimizer of PyTorch can improve a scheme, and the number it ends with is still proved.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from matplotlib.figure import Figure

import diracs

STEPS = 200


def mixture() -> diracs.GaussianMixture:
    """Three overlapping bumps, one of them correlated."""
    return diracs.GaussianMixture(
        means=torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.5, 0.0]], dtype=torch.float64),
        covs=torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.3], [0.3, 0.5]], [[0.2, 0.0], [0.0, 1.0]]]).double(),
        weights=torch.tensor([0.3, 0.4, 0.3], dtype=torch.float64),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="the picture, before and after")
    path: Path | None = parser.parse_args().output
    torch.set_num_threads(1)  # the tensors are small
    law = mixture()
    # A hand-built start: 6 × 5 points at equal distances, no rotation, in the wrong place.
    levels = [torch.linspace(-2.0, 2.0, n, dtype=torch.float64).requires_grad_() for n in (6, 5)]
    offset = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    log_scales = torch.zeros(2, dtype=torch.float64, requires_grad=True)

    def scheme() -> diracs.ProductScheme:
        books = [diracs.ScalarCodebook(axis) for axis in levels]
        return diracs.ProductScheme(books, offset=offset, scales=torch.exp(log_scales))

    start = diracs.discretize(law, scheme())
    optimizer = torch.optim.Adam([*levels, offset, log_scales], lr=0.05)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for _ in range(STEPS):
        optimizer.zero_grad()
        diracs.discretize(law, scheme()).w2.backward()
        optimizer.step()
        decay.step()
    with torch.no_grad():
        learned = diracs.discretize(law, scheme())

    n = len(learned)
    automatic = diracs.quantize(law, n=n)
    print(f"{'scheme':<34} {'points':>6} {'W₂':>9}")
    for name, q in (
        ("grid built by hand", start),
        (f"the same after {STEPS} steps of Adam", learned),
        ("quantize, scheme='grid'", diracs.quantize(law, n=n, scheme="grid")),
        ("quantize, scheme='auto'", automatic),
    ):
        print(f"{name:<34} {len(q):>6} {'=' if q.exact else '≤'} {float(q.w2.detach()):.5f}")
    print(f"{'no points can beat this':<34} {n:>6} ≥ {float(automatic.w2_lower):.5f}")

    if path:
        figure = Figure(figsize=(11.0, 4.6), layout="constrained")
        axes = figure.subplots(1, 2, sharex=True, sharey=True)
        with torch.no_grad():
            start.plot(axes[0], legend=False)
            learned.plot(axes[1], legend=False)
        figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
