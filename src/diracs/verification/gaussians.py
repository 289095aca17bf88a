"""Covariances in balls: what is positive semidefinite for sure, and exactly orthonormal frames near given ones."""

from __future__ import annotations

import numpy as np
from flint import arb, arb_mat, ctx

from diracs.verification.balls import Ball, Balls, balls, matrix, root

# Newton's iterations for frames, and Jacobi's sweeps: quadratic both, from what is right to double precision.
_FRAME_STEPS, _SWEEPS = 6, 12


def covariance_of(covs: np.ndarray, d: int) -> tuple[Balls, Ball]:
    """A component's covariance, given as a variance, d of them or a matrix; and the W₂ by which its law is off at most.

    A matrix that rounding has made indefinite stands for its positive semidefinite part: with Σ = V (D + R) Vᵀ, V
    exactly orthonormal and D diagonal, that of V D Vᵀ is within ‖R‖ of it, as projections on convex sets bring nothing
    apart, and roots of matrices with ‖A − B‖ ≤ r are within (d^½ r)^½ (Powers & Størmer 1970), which bounds W₂
    (Gelbrich 1990).
    """
    if covs.ndim < 2:
        return matrix(np.diag(np.broadcast_to(covs, (d,)))), arb(0)
    given = (matrix(covs) + matrix(np.ascontiguousarray(covs.T))) / 2
    if semidefinite(given):
        return given, arb(0)
    frame, turned = eigenbasis(given)
    kept = [turned[k, k].mid().max(arb(0)) for k in range(d)]
    held = arb_mat(d, d, [kept[i] if i == j else arb(0) for i in range(d) for j in range(d)])
    rest = root(sum(((turned[i, j] - _middle(turned, i, j)) ** 2 for i in range(d) for j in range(d)), arb(0)))
    return frame * held * frame.transpose(), root(arb(d).sqrt() * rest)


def _middle(a: Balls, i: int, j: int) -> Ball:
    return a[i, j].mid() if i == j else arb(0)


def semidefinite(a: Balls) -> bool:
    """Whether a symmetric matrix surely is, by elimination."""
    rows = a.tolist()
    for k in range(len(rows)):
        pivot = rows[k][k]
        if pivot.is_zero() and all(rows[i][k].is_zero() for i in range(k + 1, len(rows))):
            continue
        if not pivot > 0:
            return False
        for i in range(k + 1, len(rows)):
            factor = rows[i][k] / pivot
            if not factor.is_zero():
                for j in range(k + 1, len(rows)):
                    rows[i][j] -= factor * rows[k][j]
    return True


def frame_of(frame: np.ndarray) -> Balls:
    """Columns (d, m) that are exactly orthonormal, within the rounding of the given ones.

    Newton and Schulz's iteration, which the points of a scheme are placed by, then Gram and Schmidt's in balls.
    """
    if np.isin(frame, (-1.0, 0.0, 1.0)).all():
        return matrix(frame)
    return frame_of_balls(matrix(frame))


def frame_of_balls(q: Balls) -> Balls:
    """The same for columns that are nearly orthonormal, of which the middles count."""
    for _ in range(_FRAME_STEPS):
        q = ((q * 3 - q * (q.transpose() * q)) / 2).mid()
    columns = [[q[i, j] for i in range(q.nrows())] for j in range(q.ncols())]
    done: list[list[Ball]] = []
    for column in columns:
        for _ in range(2):
            for other in done:
                share = dot(column, other)
                column = [a - share * b for a, b in zip(column, other)]
        length = dot(column, column).sqrt()
        done.append([a / length for a in column])
    return arb_mat(q.ncols(), q.nrows(), [a for column in done for a in column]).transpose()


def least_trace_of_root(b: Balls) -> Ball:
    """A number not above tr B^½, B positive semidefinite.

    In exactly orthonormal columns that nearly are eigenvectors, with D the diagonal and R the rest of B there,
    |tr B^½ − tr D^½| ≤ d ‖R‖^½, as ‖A^½ − D^½‖ ≤ ‖A − D‖^½.
    """
    d = b.nrows()
    if not _diagonal(b):
        _, b = eigenbasis(b)
    rest = sum((b[i, j] ** 2 for i in range(d) for j in range(d) if i != j), arb(0))
    return sum((root(b[k, k]) for k in range(d)), arb(0)) - d * root(root(rest))


def eigenbasis(b: Balls) -> tuple[Balls, Balls]:
    """Exactly orthonormal columns that nearly are eigenvectors of a symmetric matrix, and the matrix there."""
    frame = frame_of(np.linalg.eigh(_scaled_doubles(b))[1])
    frame = frame_of_balls(frame * _rotations((frame.transpose() * b * frame).mid()))
    return frame, frame.transpose() * b * frame


def _diagonal(b: Balls) -> bool:
    return all(b[i, j].is_zero() for i in range(b.nrows()) for j in range(b.nrows()) if i != j)


def _scaled_doubles(b: Balls) -> np.ndarray:
    """About B over its trace."""
    size = b.trace().mid()
    size = size if size > 0 else arb(1)
    return np.array([[float((x / size).mid()) for x in row] for row in b.tolist()])


def _rotations(b: Balls) -> Balls:
    """Jacobi's for a nearly diagonal B of exact entries, about: the product of a few sweeps."""
    d = b.nrows()
    a, v = b.tolist(), scaled_identity(d, arb(1)).tolist()
    least = abs(b.trace()).mid() * arb(2) ** (-ctx.prec + 10)
    for _ in range(_SWEEPS):
        turned = False
        for p in range(d):
            for q in range(p + 1, d):
                if not abs(a[p][q]) > least:
                    continue
                turned = True
                half = (a[q][q] - a[p][p]) / (2 * a[p][q])
                t = 1 / (abs(half) + (half * half + 1).sqrt())
                t = (-t if half < 0 else t).mid()
                c = (1 / (t * t + 1).sqrt()).mid()
                s = (t * c).mid()
                for rows in (a, v):
                    for row in rows:
                        row[p], row[q] = (c * row[p] - s * row[q]).mid(), (s * row[p] + c * row[q]).mid()
                a[p], a[q] = (
                    [(c * x - s * y).mid() for x, y in zip(a[p], a[q])],
                    [(s * x + c * y).mid() for x, y in zip(a[p], a[q])],
                )
        if not turned:
            break
    return arb_mat(v)


def scaled_identity(d: int, size: Ball) -> Balls:
    """size·I."""
    return arb_mat(d, d, [size if i == j else arb(0) for i in range(d) for j in range(d)])


def dot(a: list[Ball], b: list[Ball]) -> Ball:
    """Σ aᵢ bᵢ."""
    return sum((s * t for s, t in zip(a, b)), arb(0))


def vector(values: np.ndarray) -> list[Ball]:
    """(d,) exactly."""
    return balls(values)
