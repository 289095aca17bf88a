"""How long the calls beside `quantize` take, and how times grow: transport, propagation, samples, lower bounds, verify.

The tables of docs/choose.md. Seconds are of the processor, of all cores together, so that other work on the machine
matters little. A dash: not tried. Positions are uniform where the density is, or samples of the mixture; masses
are equal.

    python benchmarks/times.py [--quick] [--only transport|calls]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from choose import image, mixture
from run import machine
from scipy.spatial import Delaunay

import diracs

NUMBERS = {10**2: "10²", 10**3: "10³", 10**4: "10⁴", 10**5: "10⁵", 10**6: "10⁶"}
# Of Diracs, in the columns that have one number only.
SOME = 1000
STEPS = 4


def components(k: int, d: int) -> diracs.GaussianMixture:
    """Many that overlap, of covariances that do not commute."""
    rng = np.random.default_rng(k)
    roots = rng.normal(size=(k, d, d)) / d**0.5
    return diracs.GaussianMixture(10.0 * rng.random((k, d)), roots @ roots.swapaxes(1, 2) + 0.1 * np.eye(d))


def polygon() -> diracs.Mesh:
    """Like an L, of four triangles."""
    corners = [[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2]]
    return diracs.Mesh(corners, [[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 4, 5]])


def mesh(d: int) -> diracs.Mesh:
    """Some thousands of simplices between random vertices of the unit box, with a density at the vertices."""
    corners = np.stack(np.meshgrid(*[[0.0, 1.0]] * d, indexing="ij"), axis=-1).reshape(-1, d)
    vertices = np.concatenate([corners, np.random.default_rng(d).random((2000, d))])
    return diracs.Mesh(vertices, Delaunay(vertices).simplices, 0.1 + vertices.prod(axis=1))


def torus(d: int, side: int) -> diracs.PolynomialGrid:
    """The bump, on a torus."""
    return diracs.PolynomialGrid(image(d, side).values, periodic=True)


def densities() -> list[tuple[str, Any, int]]:
    """Name, density, and the largest number of Diracs that is tried."""
    return [
        ("square", diracs.PolynomialGrid([[1.0]]), 10**6),
        ("image, 256²", image(2, 256), 10**5),
        ("polygon, 4 triangles", polygon(), 10**5),
        ("mesh, 4000 triangles", mesh(2), 10**4),
        ("torus, 64² pixels", torus(2, 64), 10**4),
        ("mixture of 3, d = 2", mixture(2), 10**5),
        ("mixture of 1000, d = 2", components(1000, 2), 10**4),
        ("cube", diracs.PolynomialGrid([[[1.0]]]), 10**5),
        ("volume, 32³", image(3, 32), 10**4),
        ("mesh, 13 000 tetrahedra", mesh(3), 10**3),
        ("torus, 16³ voxels", torus(3, 16), 10**4),
        ("mixture of 3, d = 3", mixture(3), 10**4),
    ]


def positions(density: Any, n: int) -> np.ndarray:
    """Where the Diracs are, (n, d)."""
    rng = np.random.default_rng(0)
    if isinstance(density, diracs.GaussianMixture):
        return np.asarray(density.sample(n, 0))
    if isinstance(density, diracs.Mesh):
        corners = density.vertices[density.simplices]
        volumes = np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1]))
        chosen = corners[rng.choice(len(corners), n, p=volumes / volumes.sum())]
        return np.einsum("nk,nkd->nd", rng.dirichlet(np.ones(chosen.shape[1]), n), chosen)
    low, high = density.domain
    return low + (high - low) * rng.random((n, len(low)))


def seconds(call: Callable[[], Any]) -> float:
    """Of the processor."""
    begin = time.process_time()
    call()
    return time.process_time() - begin


def shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.{2 if value < 10 else 3}g}\N{NO-BREAK SPACE}s"


def gradient(points: np.ndarray, density: Any) -> float | None:
    """Seconds for a loss in PyTorch and its derivative, where it is installed."""
    try:
        import torch
    except ImportError:
        return None
    leaf = torch.tensor(points, requires_grad=True)
    return seconds(lambda: diracs.distance(diracs.SumOfDiracs(leaf), density).backward())


def transport(density: Any, most: int) -> list[float | None]:
    """First plans; of `SOME` Diracs the plan after they have moved a little, and the value with its gradient."""
    found: list[float | None] = []
    for n in NUMBERS:
        if n > most:
            found.append(None)
            continue
        given = diracs.SumOfDiracs(positions(density, n))
        found.append(seconds(lambda: diracs.optimal_transport_plan(given, density)))  # noqa: B023
    points = positions(density, SOME)
    plan = diracs.optimal_transport_plan(diracs.SumOfDiracs(points), density)
    moved = diracs.SumOfDiracs(points + 0.1 * (np.asarray(plan.barycenters) - points))
    again = seconds(lambda: diracs.optimal_transport_plan(moved, density, start=plan))
    return [*found, again, gradient(points, density)]


def affine(d: int) -> diracs.Affine:
    """A contraction that turns."""
    return diracs.Affine(0.85 * np.linalg.qr(np.random.default_rng(0).standard_normal((d, d)))[0])


def swing(x: Any) -> Any:
    """A damped pendulum."""
    speed = 0.9 * x[:, 1] - 0.2 * np.sin(x[:, 0])
    return np.stack([x[:, 0] + 0.2 * speed, speed], axis=1)


def step(system: Any, d: int, n: int, **options: Any) -> float:
    """Seconds for a step of a propagation."""
    start, noise = diracs.Gaussian(np.full(d, 0.5), 0.01), diracs.Gaussian(np.zeros(d), np.linspace(1e-3, 3e-3, d))
    diracs.propagate(start, system, noise, 1, n=10, **options)
    return seconds(lambda: diracs.propagate(start, system, noise, STEPS, n=n, **options)) / STEPS


def cloud(count: int) -> float:
    """Samples in space into 1000 points."""
    law = diracs.SumOfDiracs(np.random.default_rng(0).standard_normal((count, 3)))
    return seconds(lambda: diracs.quantize(law, 1000))


def stream(count: int) -> float:
    """Samples in space, in chunks, and 100 points at the end."""
    rng, summary, total = np.random.default_rng(0), diracs.Summary(100, ndim=3), 0.0
    for _ in range(0, count, 10**5):
        chunk = rng.standard_normal((10**5, 3))
        total += seconds(lambda: summary.update(chunk))  # noqa: B023
    return total + seconds(summary.quantize)


def lower(law: Any, n: int) -> float:
    """`w2_lower`, which is computed when it is asked for."""
    q = diracs.quantize(law, n)
    return seconds(lambda: q.w2_lower)


def proof(law: Any, n: int) -> float:
    """`verify` of a quantization."""
    q = diracs.quantize(law, n)
    return seconds(lambda: diracs.verify(q))


def calls() -> list[tuple[str, str, Callable[[int], float], tuple[int, ...]]]:
    """The call, what of, the seconds it takes, and for which numbers."""
    bump, gaussians = image(2, 64), mixture(2)
    return [
        (
            "`propagate` by `Affine`, a step",
            "d = 2; n points",
            lambda n: step(affine(2), 2, n, quantized=True),
            (100, 1000),
        ),
        (
            "`propagate` by `Affine`, a step",
            "d = 10; n points",
            lambda n: step(affine(10), 10, n, quantized=True),
            (100, 1000),
        ),
        (
            "`propagate` by a callable with `lipschitz=`, a step",
            "d = 2; n points",
            lambda n: step(swing, 2, n, lipschitz=1.1),
            (100, 1000),
        ),
        ("`propagate` by `Smooth`, a step", "d = 2; n points", lambda n: step(diracs.Smooth(swing), 2, n), (100, 1000)),
        ("`quantize(SumOfDiracs(samples), 1000)`", "d = 3; n samples", cloud, (10**4, 10**5, 10**6)),
        ("`Summary.update`, `.quantize(100)`", "d = 3; n samples", stream, (10**5, 10**6)),
        (
            '`lloyd(…, masses="equal", iterations=10)`',
            "image, 64²; n points",
            lambda n: seconds(lambda: diracs.lloyd(bump, n, masses="equal", iterations=10, tol=0)),
            (100, 1000, 10**4),
        ),
        ("`w2_lower`", "mixture of 3, d = 2; n points", lambda n: lower(gaussians, n), (100, 1000)),
        ("`w2_lower`", "image, 64²; n points", lambda n: lower(bump, n), (100, 1000)),
        ("`w2_lower`", "mixture of 3, d = 3; n points", lambda n: lower(mixture(3), n), (100,)),
        ("`verify`", "mixture of 3, d = 1; n points", lambda n: proof(mixture(1), n), (100, 1000)),
        ("`verify`", "mixture of 3, d = 2; n points", lambda n: proof(gaussians, n), (100, 1000)),
        ("`verify`", "image, 64²; n points", lambda n: proof(bump, n), (100, 1000)),
        (
            "`verify`",
            "10⁵ samples, d = 3; n points",
            lambda n: proof(diracs.SumOfDiracs(np.random.default_rng(0).standard_normal((10**5, 3))), n),
            (100, 1000),
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="numbers up to 1000 only, and but the least of calls")
    parser.add_argument("--only", choices=("transport", "calls"), help="one of the tables")
    options = parser.parse_args()
    here = machine()
    print(f"{here['processor']}, {here['processors']} processors\n", flush=True)
    if options.only != "calls":
        # What is loaded at the first call is no part of the figures.
        for law in (image(2, 4), mixture(2), image(3, 4), polygon()):
            gradient(positions(law, 10), law)
        print("| density | " + " | ".join(NUMBERS.values()) + " | 10³, `start=plan` | 10³, gradient |")
        print("|---|" + "---|" * (len(NUMBERS) + 2))
        for name, density, most in densities():
            found = transport(density, min(most, SOME) if options.quick else most)
            print(f"| {name} | " + " | ".join(map(shown, found)) + " |", flush=True)
    if options.only != "transport":
        print("\n| call | of | n: seconds | | |\n|---|---|---|---|---|")
        for call, of, measure, numbers in calls():
            chosen = numbers[: 1 if options.quick else None]
            cells = [f"{NUMBERS[n]}: {shown(measure(n))}" for n in chosen]
            print(f"| {call} | {of} | " + " | ".join([*cells, *[""] * (3 - len(cells))]) + " |", flush=True)


if __name__ == "__main__":
    main()
