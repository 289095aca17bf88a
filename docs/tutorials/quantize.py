"""
Quantize: a law becomes points
==============================

A probability distribution goes in, n weighted points (Diracs) come out, with a number that their 2-Wasserstein
distance W₂ to the distribution is proved not to exceed.
"""

# %%
# A mixture, a hundred points
# ---------------------------
# Covariances may be numbers (variances, the same in all directions), lists of variances, or matrices.
import diracs

mixture = diracs.GaussianMixture(means=[[0, 0], [1, 1], [2, 0]], covs=[1, 1, 1], weights=[0.3, 0.4, 0.3])
q = diracs.quantize(mixture, n=100)
print(f"{len(q)} points, W₂ = {q.w2:.4f}")

# %%
# The points and their masses are arrays:
q.positions.shape, q.weights.sum()

# %%
# and a picture shows the law, the points with areas as large as their masses, and their cells.
ax = q.plot()

# %%
# What the number promises
# ------------------------
# `q.w2` is never below the distance between the mixture and exactly these points with exactly these masses. Here it is
# the distance itself:
q.exact

# %%
# No other 100 points, with any masses, come closer than `q.w2_lower`, so that nobody can improve much on these:
print(f"{q.w2_lower:.4f} ≤ W₂ of the best 100 points ≤ {q.w2:.4f}, a ratio of {q.w2 / q.w2_lower:.3f}")

# %%
# What follows for expectations is certified too: \|E f(X) − E f(Y)\| ≤ W₂ for every f of Lipschitz constant one.
import numpy as np

found = diracs.expectation(q, lambda x: np.hypot(x[:, 0], x[:, 1]), lipschitz=1)
print(f"E|x| is between {found.low:.4f} and {found.high:.4f}")

# %%
# An error to stay below
# ----------------------
# If you know how much error you can bear, ask for the fewest points:
for w2 in (0.6, 0.3):
    q = diracs.quantize(mixture, w2=w2)
    print(f"W₂ ≤ {w2}: {len(q):3} points, W₂ = {q.w2:.4f}")

# %%
# Twice the precision takes about four times as many points: in d dimensions W₂ falls as n to the power −1/d.
#
# Other laws
# ----------
# Any frozen distribution of SciPy, samples, images, meshes, products and mixtures of these go the same way. A gamma law
# with 12 points:
import scipy.stats

q = diracs.quantize(scipy.stats.gamma(2), 12)
print(f"W₂ = {q.w2:.4f}, exact: {q.exact}")
ax = q.plot()

# %%
# Twenty thousand samples in three dimensions become 50 points, and `w2` is the exact distance to the samples:
samples = np.random.default_rng(0).standard_t(5, size=(20_000, 3))
q = diracs.quantize(diracs.SumOfDiracs(samples), n=50)
print(f"W₂ = {q.w2:.4f}, exact: {q.exact}")

# %%
# Go on
# -----
# :doc:`What to know first </first_questions>`, :doc:`what to choose and how long it takes </choose>`,
# :doc:`why the certificates hold </certificates>`.
