"""Product schemes: codebooks on disjoint blocks of axes of a rotated frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import (
    Array,
    asarray_like,
    common_framework,
    companion,
    concrete,
    constant,
    eps,
    is_traced,
    map_arrays,
    namespace,
    pytree,
    take,
)
from diracs.codebooks.cross import CrossCodebook
from diracs.codebooks.scalar import ScalarCodebook

Codebook = ScalarCodebook | CrossCodebook


@pytree
@dataclass(frozen=True, eq=False, init=False)
class ProductScheme:
    """The points offset + frame · (scales ∘ p), p running over all combinations of the codebooks' points.

    Each codebook covers the next block of columns of the frame; columns beyond the last block stay at the offset.
    A leading axis of length G on frame, offset or scales makes a *stack*: G schemes that share their codebooks, whose
    points follow one another.

    Parameters
    ----------
    codebooks : sequence of ScalarCodebook and CrossCodebook
        Covering r axes in all; empty for the single point `offset`.
    frame : array (..., d, m), optional
        Orthonormal columns, r ≤ m ≤ d; the coordinate axes by default.
    offset : array (..., d), optional
        Zero by default.
    scales : array (..., r), optional
        Non-negative, one per covered axis; ones by default.

    Raises
    ------
    ValueError, TypeError
        For wrong shapes, negative scales, a frame whose columns are not orthonormal, arrays of different frameworks.

    Examples
    --------
    >>> from diracs import ProductScheme, ScalarCodebook
    >>> levels = [ScalarCodebook([-1.0, 1.0]), ScalarCodebook([0.0, 3.0])]
    >>> scheme = ProductScheme(levels, offset=[10.0, 0.0], scales=[2.0, 1.0])
    >>> scheme.positions().tolist()
    [[8.0, 0.0], [8.0, 3.0], [12.0, 0.0], [12.0, 3.0]]
    """

    codebooks: tuple[Codebook, ...]
    frame: Array | None
    offset: Array | None
    scales: Array | None

    _leaves = ("codebooks", "frame", "offset", "scales")
    _static = ()

    def __init__(
        self, codebooks: Sequence[Codebook], frame: Any = None, offset: Any = None, scales: Any = None
    ) -> None:
        if not isinstance(codebooks, Codebook | Sequence):
            raise TypeError(f"codebooks must be a sequence of codebooks, got {type(codebooks).__name__}")
        books = (codebooks,) if isinstance(codebooks, Codebook) else tuple(codebooks)
        for book in books:
            if not isinstance(book, Codebook):
                raise TypeError(f"codebooks must be ScalarCodebook or CrossCodebook objects, got {type(book).__name__}")
        arrays = {f"codebooks[{i}]": book_array(book) for i, book in enumerate(books)}
        kind = common_framework(frame=frame, offset=offset, scales=scales, **arrays)
        like = companion(frame, offset, scales, *arrays.values())
        object.__setattr__(self, "codebooks", placed(books, like))
        for name, value, rank in (("frame", frame, 2), ("offset", offset, 1), ("scales", scales, 1)):
            checked = None
            if value is not None and not (name == "scales" and not books):
                checked = checks.floating(name, value, kind, like)
                if checked.ndim not in (rank, rank + 1):
                    raise ValueError(f"{name} must have {rank} axes, or {rank + 1} for a stack, got {checked.ndim}")
            object.__setattr__(self, name, checked)
        self._check_shapes()

    def _check_shapes(self) -> None:
        r = self.ndim_support
        if self.scales is not None:
            if self.scales.shape[-1] != r:
                raise ValueError(f"scales must have {r} entries, one per covered axis, got {self.scales.shape[-1]}")
            if not is_traced(self.scales) and (concrete(self.scales) < 0).any():
                raise ValueError(f"scales must not be negative, smallest is {concrete(self.scales).min():g}")
        if self.frame is not None:
            d, m = self.frame.shape[-2:]
            if not r <= m <= d:
                raise ValueError(
                    f"frame must have shape (d, m) with {r} ≤ m ≤ d, as the codebooks cover {r} axes, got {(d, m)}"
                )
            if not is_traced(self.frame):
                defect, allowed = orthonormality(self.frame)
                if defect > allowed:
                    raise ValueError(
                        f"frame must have orthonormal columns, but frame.T @ frame is off by {defect:.3g};"
                        " use the Q of a QR decomposition"
                    )
        if self.offset is not None:
            d = self.offset.shape[-1]
            if self.frame is not None and self.frame.shape[-2] != d:
                raise ValueError(f"offset has dimension {d}, but frame {self.frame.shape[-2]}")
            if r > d:
                raise ValueError(f"the codebooks cover {r} axes, but offset has dimension {d}")
        lengths = {v.shape[0] for v, rank in self._stackable() if v.ndim > rank}
        if len(lengths) > 1:
            raise ValueError(f"frame, offset and scales must have the same number of schemes in a stack, got {lengths}")

    def _stackable(self) -> list[tuple[Array, int]]:
        return [(v, rank) for v, rank in ((self.frame, 2), (self.offset, 1), (self.scales, 1)) if v is not None]

    @property
    def stack(self) -> int:
        """Number of schemes in the stack, 1 if it is none."""
        return next((v.shape[0] for v, rank in self._stackable() if v.ndim > rank), 1)

    @property
    def ndim_support(self) -> int:
        """Number r of axes that the codebooks cover."""
        return sum(book.ndim for book in self.codebooks)

    @property
    def ndim(self) -> int | None:
        """Dimension d of the space, None if neither frame nor offset tells it."""
        if self.frame is not None:
            return self.frame.shape[-2]
        return None if self.offset is None else self.offset.shape[-1]

    @property
    def size(self) -> int:
        """Number of points."""
        return self.stack * math.prod(book.size for book in self.codebooks)

    def arrays(self) -> list[Array]:
        """All arrays that the scheme holds."""
        return [book_array(book) for book in self.codebooks] + [v for v, _ in self._stackable()]

    def positions(self, ndim: int | None = None) -> Array:
        """The points, (size, d); `ndim` gives d where neither frame nor offset tells it.

        Raises
        ------
        ValueError
            If the dimension is not known or contradicts the scheme.
        """
        d = check_dimension(self, ndim)
        if not self.codebooks:
            return np.zeros((1, d)) if self.offset is None else self.offset.reshape(-1, d)
        sizes = [book.size for book in self.codebooks]
        combinations = np.indices(sizes).reshape(len(sizes), -1)
        xp = namespace(*self.arrays())
        points = [take(book.points(), i, axis=0) for book, i in zip(self.codebooks, combinations, strict=True)]
        z = xp.concat(points, axis=1)[None]  # (1, n, r)
        if self.scales is not None:
            z = z * self.scales.reshape(-1, 1, z.shape[-1])
        if self.frame is not None:
            columns = orthonormal(self.frame)[..., : z.shape[-1]]
            x = xp.matmul(z, xp.matrix_transpose(columns.reshape(-1, d, z.shape[-1])))
        else:
            x = xp.concat([z, *[xp.zeros_like(z[..., :1])] * (d - z.shape[-1])], axis=-1)
        if self.offset is not None:
            x = x + self.offset.reshape(-1, 1, d)
        return x.reshape(-1, d)

    def __repr__(self) -> str:
        parts = ", ".join(
            f"cross {b.ndim} axes × {b.radii.shape[0]}" if isinstance(b, CrossCodebook) else str(b.size)
            for b in self.codebooks
        )
        stack = f"{self.stack} × " if self.stack > 1 else ""
        return f"ProductScheme({stack}[{parts}], {self.size} points)"


def placed(scheme: Any, like: Array | None) -> Any:
    """A scheme, or a tuple of its parts, whose NumPy numbers take framework, dtype and device of `like`, if any."""
    return scheme if like is None else map_arrays(scheme, lambda a: constant(a, like))


def book_array(book: Codebook) -> Array:
    """The array that a codebook holds: its levels or radii."""
    return book.radii if isinstance(book, CrossCodebook) else book.levels


def check_dimension(scheme: ProductScheme, ndim: int | None) -> int:
    """The dimension of the space, from the scheme or from `ndim`; they must agree."""
    d = scheme.ndim
    if d is None:
        if ndim is None:
            raise ValueError("the scheme's dimension is not known: give it an offset or a frame")
        d = ndim
    if ndim is not None and d != ndim:
        raise ValueError(f"the scheme lies in dimension {d}, but the distribution in dimension {ndim}")
    if scheme.ndim_support > d:
        raise ValueError(f"the scheme's codebooks cover {scheme.ndim_support} axes, but the space has {d}")
    return d


def orthonormality(frame: Array) -> tuple[Array, float]:
    """How far the columns are from orthonormal, and how far that may be for the rounding of the dtype."""
    allowed = max(64 * frame.shape[-2] * eps(frame), 1e-5 if eps(frame) > 1e-10 else 1e-9)
    f = frame if is_traced(frame) else concrete(frame)
    xp = namespace(f)
    gram = xp.matmul(xp.matrix_transpose(f), f)
    return xp.max(abs(gram - asarray_like(np.eye(f.shape[-1]), f))), allowed


def orthonormal(frame: Array) -> Array:
    """The frame with its columns orthonormal to the working precision, by two Newton–Schulz steps."""
    xp = namespace(frame)
    for _ in range(2):
        gram = xp.matmul(xp.matrix_transpose(frame), frame)
        frame = 1.5 * frame - 0.5 * xp.matmul(frame, gram)
    return frame
