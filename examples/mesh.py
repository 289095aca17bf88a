"""Seeds spread evenly over a shape that is a mesh: a key with a hole, a bracket of tetrahedra, air around a wing.

Lloyd's steps with equal masses place the seeds, and each gets a cell of the same mass. The key and the bracket are made
of arrays, the mesh around the wing comes from a file that PyAMG ships (pip install pyamg); those of other formats are
read by `Mesh.from_file("part.msh")`.

    python examples/mesh.py [--points N] [--steps N] [--output mesh.png]
"""

from __future__ import annotations

import argparse
import itertools
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from diracs import Mesh, OtPlan, lloyd, optimal_transport_plan, quantize


def blocks(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and simplices of the cubes of a lattice where `cells` are true, each cut into d! simplices."""
    d = cells.ndim
    shape = np.array(cells.shape) + 1
    vertices = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, d)
    place = np.append(np.cumprod(shape[:0:-1])[::-1], 1)
    low = np.argwhere(cells)
    corners = []
    for order in itertools.permutations(range(d)):
        ways = np.cumsum([np.zeros(d, int), *np.eye(d, dtype=int)[list(order)]], axis=0)
        corners.append((low[:, None] + ways) @ place)
    return vertices.astype(float), np.concatenate(corners)


def key(n: int) -> Mesh:
    """A ring and a stem with two teeth, denser on the left."""
    x, y = (np.stack(np.meshgrid(np.arange(4 * n), np.arange(2 * n), indexing="ij")) + 0.5) / n
    r = np.hypot(x - 1.0, y - 1.0)
    teeth = (y > 0.5) & (y < 1.0) & (np.abs(np.abs(x - 3.1) - 0.35) < 0.18)
    cells = ((r < 0.95) & (r > 0.45)) | ((x > 1.8) & (np.abs(y - 1.0) < 0.2)) | teeth
    vertices, triangles = blocks(cells)
    return Mesh(vertices / n, triangles, 4.5 - vertices[:, 0] / n, per="vertex")


def bracket(n: int) -> Mesh:
    """Two plates at a right angle."""
    x, y, z = np.meshgrid(*[np.arange(3 * n)] * 3, indexing="ij")
    vertices, tetrahedra = blocks(((x < n) | (z < n)) & (y < 2 * n))
    return Mesh(vertices / n, tetrahedra)


def air() -> Mesh:
    """The triangles around a wing, each of the same mass: seeds are spread like these."""
    found = find_spec("pyamg")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("the mesh comes with PyAMG: pip install pyamg", name="pyamg")
    file = loadmat(Path(found.origin).parent / "gallery" / "example_data" / "airfoil.mat")
    wing = Mesh(file["vertices"], file["elements"].astype(int))
    return Mesh(wing.vertices, wing.simplices, 1.0 / wing.volumes)


def spread(mesh: Mesh, points: int, steps: int) -> OtPlan:
    """A plan with equal masses."""
    plan = optimal_transport_plan(lloyd(mesh, points, masses="equal", iterations=steps), mesh)
    print(mesh)
    print(f"W₂ = {float(plan.distance) ** 0.5:.4f}, masses right to {np.ptp(plan.cell_masses) * points:.0e}")
    return plan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=150)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--output", default="mesh.png")
    options = parser.parse_args()

    flat = key(10)
    plans = [spread(mesh, options.points, options.steps) for mesh in (flat, bracket(2), air())]
    best = quantize(flat, options.points)
    print(
        f"with the best masses and points on the key: {float(best.w2):.4f}, and no {options.points} points come below"
        f" {float(best.w2_lower):.4f}"
    )

    from matplotlib import pyplot as plt

    figure = plt.figure(figsize=(17.0, 4.6))
    plans[0].plot(figure.add_subplot(1, 3, 1), arrows=False)
    plans[1].plot(figure.add_subplot(1, 3, 2, projection="3d"), cells=False)
    near = plans[2].plot(figure.add_subplot(1, 3, 3), arrows=False)
    near.set_xlim(-0.8, 1.8)
    near.set_ylim(-0.9, 0.9)
    figure.savefig(options.output, dpi=150, bbox_inches="tight")


if __name__ == "__main__":
    main()
