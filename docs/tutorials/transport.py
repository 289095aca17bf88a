"""
Transport: points meet a density
================================

Semi-discrete optimal transport sends a density to weighted points at the least mean square distance. Each point gets a
cell, polygons that together make up the plane, and diracs finds these exactly.
"""

# %%
# A plan
# ------
# A density on the unit square, as an image of 64 × 64 pixels (axis 0 is the first coordinate), and 100 random points of
# the same mass:
import numpy as np

import diracs

t = (np.arange(64) + 0.5) / 64
x, y = np.meshgrid(t, t, indexing="ij")
density = diracs.PolynomialGrid(np.exp(-20 * ((x - 0.3) ** 2 + (y - 0.4) ** 2)) + 0.1)
points = diracs.SumOfDiracs(np.random.default_rng(0).random((100, 2)))

plan = diracs.optimal_transport_plan(points, density)
print(f"W₂² = {plan.distance:.5f}, cells of mass {plan.cell_masses.min():.6f} to {plan.cell_masses.max():.6f}")

# %%
# Cells of equal mass, small where the density is high; arrows lead from each point to the barycenter of its cell.
ax = plan.plot()

# %%
# ``distance`` is W₂², squared, as in the literature of transport; ``w2`` in other places of the library is not.
#
# A loss with derivatives
# -----------------------
# The derivative of W₂² in a point is twice its mass times the way back from the barycenter of its cell. In PyTorch and
# JAX automatic differentiation finds it:
import torch

positions = torch.tensor(points.positions, requires_grad=True)
loss = diracs.distance(diracs.SumOfDiracs(positions), density)
loss.backward()
by_hand = 2 * 0.01 * (points.positions - plan.barycenters)
print(f"difference to the formula: {np.abs(positions.grad.numpy() - by_hand).max():.0e}")

# %%
# Points that follow a density
# ----------------------------
# Moving each point to the barycenter of its cell, again and again, is Lloyd's method; with equal masses it makes
# blue noise.
placed = diracs.lloyd(density, 300, masses="equal", iterations=30)
plan = diracs.optimal_transport_plan(placed, density)
print(f"W₂² = {plan.distance:.6f}")
ax = plan.plot(arrows=False)

# %%
# Mixtures as densities
# ---------------------
# A Gaussian mixture is taken as it is, on the whole plane, with any covariances, and the distance is differentiable in
# its parameters. So a mixture can be fitted to points in W₂:
rng = np.random.default_rng(1)
cloud = np.concatenate([rng.normal([0, 0], [1.0, 0.3], (150, 2)), rng.normal([3, 1], [0.4, 0.9], (100, 2))])
fit = diracs.fit_mixture(cloud, 2)
print(f"weights {fit.mixture.weights.round(3)}, W₂ = {fit.distance**0.5:.3f}")
ax = fit.plot()

# %%
# Go on
# -----
# :doc:`A picture of your own </recipes>`, :doc:`the mathematics of transport </transport>`; in the gallery, by the same
# calls,
# :doc:`meshes </generated/gallery/transport/mesh>`, :doc:`polycrystals </generated/gallery/transport/polycrystal>` and
# :doc:`fluids </generated/gallery/transport/fluid>`.
