"""Components in the frames of their groups, and couplings with coordinates that are independent there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from diracs.laws.gaussian import FLAT
from diracs.propagation.law import Law
from diracs.schemes.product import ProductScheme

# A correlation below this is as good as none: its effect is of the order of its square (certificates/upper/product.py).
_UNCORRELATED = 1e-10


class InFrames(NamedTuple):
    """J components of a stack of G schemes on r axes, sorted by scheme and kind of covariance: P pairs of these."""

    members: np.ndarray  # (J,): which components
    share: np.ndarray  # (J,): their weights
    group: np.ndarray  # (J,): which scheme
    pair: np.ndarray  # (J,): which pair
    frame: np.ndarray  # (G, d, r)
    mean: np.ndarray  # (J, r): EZ, about the scheme's offset
    outside: np.ndarray  # (J, d): what the frame does not span of the means
    pair_group: np.ndarray  # (P,)
    pair_kind: np.ndarray  # (P,)
    spread: np.ndarray  # (P, d, r): Σ R
    variance: np.ndarray  # (P, r): the diagonal D of Rᵀ Σ R

    def along(self, coordinates: np.ndarray) -> np.ndarray:
        """Vectors (J, d) with the given coordinates (J, r) in the frames."""
        if len(self.frame) == 1:
            return coordinates @ self.frame[0].T
        return (self.frame[self.group] @ coordinates[:, :, None])[:, :, 0]


def in_frames(
    part: ProductScheme, members: np.ndarray, index: np.ndarray | None, share: np.ndarray, law: Law
) -> InFrames:
    """The components `members` of a law in the frames of their schemes."""
    d, r, stack = law.means.shape[1], part.ndim_support, part.stack
    group = np.zeros(len(members), dtype=int) if index is None else index
    code = group * len(law.covs) + law.kind[members]
    order = np.argsort(code, kind="stable")
    members, share, group = members[order], share[order], group[order]
    pairs, pair = np.unique(code[order], return_inverse=True)
    pair_group, pair_kind = np.divmod(pairs, len(law.covs))
    columns = np.zeros((d, 0)) if part.frame is None else part.frame[..., :r]
    frame = np.broadcast_to(columns, (stack, d, r))
    delta = law.means[members] - np.broadcast_to(np.asarray(part.offset), (stack, d))[group]
    mean = delta @ frame[0] if stack == 1 else (delta[:, None, :] @ frame[group])[:, 0]
    spread = law.covs[pair_kind] @ frame[pair_group]
    variance = np.maximum((frame[pair_group] * spread).sum(axis=1), 0.0)
    found = InFrames(members, share, group, pair, frame, mean, delta, pair_group, pair_kind, spread, variance)
    return found._replace(outside=delta - found.along(mean))


def correlated(placed: InFrames, law: Law) -> np.ndarray:
    """The pairs whose covariance the frame does not diagonalize, or not cut off from the other axes."""
    away = np.abs(placed.spread - placed.frame[placed.pair_group] * placed.variance[:, None, :])
    sizes = np.sqrt(np.diagonal(law.covs, axis1=1, axis2=2))[placed.pair_kind]
    bound = _UNCORRELATED * sizes[:, :, None] * np.sqrt(placed.variance)[:, None, :]
    return np.flatnonzero((away > bound).any(axis=(1, 2)))


def excess(placed: InFrames, pairs: list[int], gain: np.ndarray) -> np.ndarray:
    """C − R (p, d, r) for some pairs, where X = μ + C(Z − EZ) + rest.

    C = Σ R B^{−1/2} O D^{−1/2} with B = RᵀΣR, D its diagonal: then C D Cᵀ ≤ Σ, and RᵀX has the covariance B. O is the
    orthogonal matrix that maximizes tr(diag(gain) B^{1/2} O), `gain` (p, r) being E ξ_k q_k: best for one component.
    """
    frame, spread, variance = placed.frame[placed.pair_group[pairs]], placed.spread[pairs], placed.variance[pairs]
    root = np.sqrt(variance)
    inverse = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)
    block = np.swapaxes(frame, 1, 2) @ spread
    off = np.abs(block) * (1.0 - np.eye(root.shape[1]))
    diagonal = (off <= _UNCORRELATED * root[:, :, None] * root[:, None, :]).all(axis=(1, 2))
    values, vectors = np.linalg.eigh(0.5 * (block + np.swapaxes(block, 1, 2)))
    positive = values > FLAT * values[:, -1:]
    roots = np.sqrt(np.where(positive, values, 0.0))
    inverses = np.where(positive, 1.0 / np.where(positive, roots, 1.0), 0.0)
    transposed = np.swapaxes(vectors, 1, 2)
    u, _, vt = np.linalg.svd(gain[:, :, None] * ((vectors * roots[:, None, :]) @ transposed))
    half = (vectors * inverses[:, None, :]) @ transposed
    rotated = spread @ half @ np.swapaxes(u @ vt, 1, 2) * inverse[:, None, :]
    return np.where(diagonal[:, None, None], spread * (inverse**2)[:, None, :], rotated) - frame
