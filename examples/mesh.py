"""Seeds spread evenly over a shape that is a mesh: a key with a hole, and a bracket of tetrahedra.

Lloyd's steps with equal masses place the seeds, and each gets a cell of the same mass. A mesh of a file is read by
`Mesh.from_file("part.msh")`; here meshes are made of arrays.

    python examples/mesh.py [--points N] [--steps N] [--output mesh.png]
"""

from __future__ import annotations

import argparse
import itertools

import numpy as np

from diracs import Mesh, lloyd, optimal_transport_plan, quantize


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=150)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--output", default="mesh.png")
    options = parser.parse_args()

    flat, solid = key(10), bracket(2)
    print(flat)
    plan = optimal_transport_plan(lloyd(flat, options.points, masses="equal", iterations=options.steps), flat)
    print(f"W₂ = {float(plan.distance) ** 0.5:.4f}, masses right to {np.ptp(plan.cell_masses) * options.points:.0e}")
    best = quantize(flat, options.points)
    print(
        f"with the best masses and points: {float(best.w2):.4f}, and no {options.points} points come below"
        f" {float(best.w2_lower):.4f}"
    )
    print(solid)
    inside = optimal_transport_plan(lloyd(solid, options.points, masses="equal", iterations=options.steps), solid)
    print(
        f"W₂ = {float(inside.distance) ** 0.5:.4f}, masses right to {np.ptp(inside.cell_masses) * options.points:.0e}"
    )

    from matplotlib import pyplot as plt

    figure = plt.figure(figsize=(13.0, 4.4))
    plan.plot(figure.add_subplot(1, 2, 1), arrows=False)
    inside.plot(figure.add_subplot(1, 2, 2, projection="3d"), cells=False)
    figure.savefig(options.output, dpi=150, bbox_inches="tight")


if __name__ == "__main__":
    main()
