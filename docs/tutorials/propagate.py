"""
Propagate: points move on
=========================

A system x⁺ = f(x) + v takes an uncertain state through time. Its law is pushed forward as points, and bounds tell for
every step how far the law that is kept can be from the true one.
"""

# %%
# A damped swing
# --------------
# A function of arrays (n, d), an uncertain start, noise, and how steep the function is at most:
import numpy as np

import diracs


def step(x):
    angle, speed = x[:, 0], x[:, 1]
    speed = 0.9 * speed - 0.2 * np.sin(angle)
    return np.stack([angle + 0.2 * speed, speed], axis=1)


start = diracs.Gaussian([1.0, 0.0], [0.01, 0.01])
noise = diracs.Gaussian([0.0, 0.0], 1e-3)
trajectory = diracs.propagate(start, diracs.Smooth(step), noise, 10, n=100)
for t in (1, 5, 10):
    print(f"after {t:2} steps: W₂ ≤ {trajectory.w2_bound[t - 1]:.4f}")

# %%
# ``Smooth`` finds the set of all Jacobians of the function in its code; no constants are asked of you. The states are
# mixtures of Gaussians (the noise around each point); the picture shows some of them, each with the ball of its bound.
ax = trajectory.plot(steps=[0, 2, 5, 10])

# %%
# Is it safe?
# -----------
# With which probability does the angle stay below 1.4 at every step? What is certain about the true system takes the
# bounds into account:
safe = trajectory.stays_in(diracs.HalfSpace([1.0, 0.0], 1.4))
print(f"at least {safe.low:.3f}")

# %%
# and simulation agrees:
rng = np.random.default_rng(0)
x = rng.normal([1.0, 0.0], 0.1, (100_000, 2))
inside = x[:, 0] <= 1.4
for _ in range(10):
    x = step(x) + rng.normal(0.0, 1e-3**0.5, x.shape)
    inside &= x[:, 0] <= 1.4
print(f"simulated: {inside.mean():.3f}")

# %%
# Linear systems are exact
# ------------------------
# An affine map of a Gaussian mixture is one, so that nothing is lost, for ever:
turn = 0.8 * np.array([[np.cos(0.4), np.sin(0.4)], [-np.sin(0.4), np.cos(0.4)]])
trajectory = diracs.propagate(start, diracs.Affine(turn), noise, 10)
print(f"W₂ ≤ {trajectory.w2_bound.max():.1e}, {trajectory.states[-1].n_components} component")

# %%
# Go on
# -----
# :doc:`Why the bounds hold </propagation>`; in the gallery :doc:`a car between a wall and an obstacle
# </generated/gallery/propagate/safe_set>`, :doc:`a neural network as dynamics </generated/gallery/propagate/network>`.
