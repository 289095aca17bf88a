"""The coupling of product schemes in balls: docs/certificates.md, "Product schemes", "Crosses" and "Mixtures".

In exactly orthonormal coordinates of a scheme's frame, about its offset, a component is N(m, S), and Z has independent
coordinates: those of S on axes of levels, N(0, scale²) on crosses. Sent to q(Z), it costs

    E|X|² − Σ E z² + Σ [S_kk + m_k² − 2 m_k E q_k + E q_k²] − 2 tr (diag ĝ S diag ĝ)^½,   ĝ_k = E ξ_k q_k,

where sums are over the covered axes. With levels only, if S is diagonal, or if the masses are those of the cells
themselves (two axes), the last terms make Σ E (z_k − q_k)² of the marginals, and each point goes to the nearest of the
scheme.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from flint import arb, arb_mat

from diracs.backend.arrays import concrete
from diracs.codebooks.cross import CrossCodebook
from diracs.schemes.product import ProductScheme
from diracs.verification.balls import Ball, Balls, balls, root
from diracs.verification.codebooks import BlockMoments, cross, levels, one_level
from diracs.verification.gaussians import dot, frame_of, least_trace_of_root
from diracs.verification.rectangles import rectangle_masses

# Components less correlated than this keep the masses of independent coordinates, as `certificates/upper/product` does.
_UNCORRELATED = 1e-10


class Placed(NamedTuple):
    """One scheme of a stack."""

    scheme: ProductScheme
    frame: Balls | None  # (d, r)
    offset: list[Ball]
    scales: list[Ball]

    @classmethod
    def of(cls, scheme: ProductScheme, number: int, d: int) -> Placed:
        """The scheme with this number in its stack, of dimension d."""

        def one(value: object, rank: int) -> np.ndarray | None:
            if value is None:
                return None
            held = concrete(value)
            return np.asarray(held[number] if held.ndim > rank else held, dtype=np.float64)

        r = scheme.ndim_support
        frame, offset, scales = one(scheme.frame, 2), one(scheme.offset, 1), one(scheme.scales, 1)
        # All columns together: those that no codebook covers turn the others by roundings, when these are mended.
        q = None if frame is None else frame_of(frame)
        if q is not None:
            q = arb_mat(d, r, [q[i, j] for i in range(d) for j in range(r)])
        return cls(
            scheme,
            q,
            balls(np.zeros(d) if offset is None else offset),
            balls(np.ones(r) if scales is None else scales),
        )

    def points(self) -> list[list[Ball]]:
        """(n, d), in the order of `ProductScheme.positions`."""
        books = [balls(concrete(book.points())) for book in self.scheme.codebooks]
        widths = [book.ndim for book in self.scheme.codebooks]
        points: list[list[Ball]] = [[]]
        for book, width in zip(books, widths):
            rows = [book[i : i + width] for i in range(0, len(book), width)]
            points = [[*p, *row] for p in points for row in rows]
        scaled = [[s * z for s, z in zip(self.scales, p)] for p in points]
        d = len(self.offset)
        if self.frame is None:
            return [[o + (p[k] if k < len(p) else 0) for k, o in enumerate(self.offset)] for p in scaled]
        rows = [[self.frame[i, j] for j in range(self.frame.ncols())] for i in range(d)]
        return [[o + dot(row, p) for row, o in zip(rows, self.offset)] for p in scaled]

    def marginal(self, mean: list[Ball], cov: Balls) -> tuple[list[Ball], Balls, Ball]:
        """m and S on the covered axes, and E|X − offset|² on what they leave out."""
        delta = [a - b for a, b in zip(mean, self.offset)]
        r, d = self.scheme.ndim_support, len(delta)
        whole = cov.trace() + dot(delta, delta)
        if self.frame is None:
            m = delta[:r]
            s = arb_mat(r, r, [cov[i, j] for i in range(r) for j in range(r)])
            # Term by term: nothing cancels.
            return m, s, sum((cov[k, k] + delta[k] ** 2 for k in range(r, d)), arb(0))
        turned = self.frame.transpose()
        m = (turned * arb_mat(d, 1, delta)).entries()
        s = turned * cov * self.frame
        rest = whole - s.trace() - dot(m, m)
        return m, s, rest.max(arb(0)) if d > r else arb(0)

    def blocks(self, m: list[Ball], s: Balls) -> tuple[list[BlockMoments], Ball]:
        """Moments of the codebooks, and the square of the W₂ by which axes without a sure variance are off at most."""
        out, start, square = [], 0, arb(0)
        for book in self.scheme.codebooks:
            if isinstance(book, CrossCodebook):
                radii = balls(np.sort(np.asarray(concrete(book.radii), dtype=np.float64)))
                out.append(cross(radii, self.scales[start : start + book.ndim]))
            else:
                sorted_levels = balls(np.sort(np.asarray(concrete(book.levels), dtype=np.float64)))
                points, variance = [self.scales[start] * y for y in sorted_levels], s[start, start]
                if variance > 0:
                    out.append(levels(points, m[start], variance))
                else:
                    out.append(one_level(points, m[start]))
                    square += variance.upper().max(arb(0))
            start += book.ndim
        return out, square


class Coupled(NamedTuple):
    """A component sent to the points of a scheme."""

    cost: Ball
    masses: list[Ball]  # (n,)
    off: Ball  # W₂² between the component and what was sent
    seconds: list[Ball] | None  # at least E|X − q|² on the cells, where that is known
    nearest: Ball | None  # E min|X − y|² over the points, where that is known


def couple(placed: Placed, mean: list[Ball], cov: Balls) -> Coupled:
    """Send N(mean, cov) to the points of a scheme.

    Parameters
    ----------
    mean : list of d balls
    cov : (d, d), surely positive semidefinite
    """
    m, s, rest = placed.marginal(mean, cov)
    blocks, off = placed.blocks(m, s)
    if not blocks:
        return Coupled(rest, [arb(1)], arb(0), None, rest)
    levels_only = not any(isinstance(book, CrossCodebook) for book in placed.scheme.codebooks)
    nearest = rest + sum((block.distortion for block in blocks), arb(0)) if levels_only else None
    if nearest is not None and _diagonal(s):
        masses, seconds = _independent(blocks, rest)
        return Coupled(nearest, masses, off, seconds, nearest)
    if nearest is not None and len(blocks) == 2 and _jointly(s):
        rho = s[0, 1] / (s[0, 0] * s[1, 1]).sqrt()
        masses = rectangle_masses(blocks[0].borders, blocks[1].borders, rho)
        return Coupled(nearest, masses, off, _joint_seconds(blocks, masses, rest), nearest)
    gains = [gain for block in blocks for gain in block.gain]
    r = len(gains)
    scaled = arb_mat(r, r, [gains[i] * s[i, j] * gains[j] for i in range(r) for j in range(r)])
    cost = rest + s.trace() + dot(m, m) - 2 * least_trace_of_root(scaled)
    cost += sum((block.energy - 2 * block.first for block in blocks), arb(0))
    masses, _ = _independent([block._replace(seconds=block.masses) for block in blocks], rest)
    return Coupled(cost, masses, off, None, nearest)


def _diagonal(s: Balls) -> bool:
    return all(s[i, j].is_zero() for i in range(s.nrows()) for j in range(s.nrows()) if i != j)


def _jointly(s: Balls) -> bool:
    """Whether two axes are correlated enough for the masses of their rectangles, and not too much."""
    product = s[0, 0] * s[1, 1]
    if not (s[0, 0] > 0 and s[1, 1] > 0 and s[0, 1] ** 2 < product):
        return False
    return bool(float((s[0, 1] ** 2 / product).mid()) > _UNCORRELATED**2)


def _independent(blocks: list[BlockMoments], rest: Ball) -> tuple[list[Ball], list[Ball]]:
    """Masses (n,) and second moments (n,) of products of independent cells."""
    found = [(arb(1), rest)]
    for block in blocks:
        cells = list(zip(block.masses, block.seconds))
        found = [(mass * p, second * p + mass * q) for mass, second in found for p, q in cells]
    return [mass for mass, _ in found], [second for _, second in found]


def _joint_seconds(blocks: list[BlockMoments], masses: list[Ball], rest: Ball) -> list[Ball]:
    """Bounds on the second moments (n,) of rectangles: of normal v, E[v²; cell] ≤ p^½ (E v⁴)^½ ≤ (3p)^½ E v²."""
    one, other = blocks
    out = []
    for i in range(len(one.masses)):
        for j in range(len(other.masses)):
            p = masses[i * len(other.masses) + j].max(arb(0))
            heavy, second = root(3 * p), root(3 * p) * rest
            for block, k in ((one, i), (other, j)):
                bound, reach = block.seconds[k].min(heavy * block.around[k]), block.reach[k]
                second += bound if reach is None else bound.min(p * reach)
            out.append(second)
    return out
