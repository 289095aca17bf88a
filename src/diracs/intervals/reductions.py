"""Sums, products of matrices, norms and largest entries of interval dual numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from string import ascii_letters
from typing import Any

import numpy as np

from diracs.intervals import arithmetic as ia
from diracs.intervals.arithmetic import Interval
from diracs.intervals.dual import D, Dual, constant, rearranged
from diracs.intervals.operations import divide, maximum, minimum, multiply, unary, wide

# For the axes that functions do not see: boxes, and coordinates of derivatives.
_BOXES, _COORDINATES = "Z", "Y"
_LETTERS = ascii_letters.replace(_BOXES, "").replace(_COORDINATES, "")


def axes_of(u: Dual, axis: Any) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(u.ndim))
    listed = axis if isinstance(axis, Sequence | np.ndarray) else (axis,)
    if any(not -u.ndim <= a < u.ndim for a in listed):
        raise ValueError(f"axis {axis} is none of an array of shape {u.shape}")
    return tuple(int(a) % u.ndim for a in listed)


def total(u: D, axis: Any = None, keepdims: bool = False) -> D:
    axes = axes_of(u, axis)
    out = u.like(ia.total(u.value, axes), ia.total(u.slope, axes))
    return _kept(out, u, axes) if keepdims else out


def mean(u: D, axis: Any = None, keepdims: bool = False) -> D:
    n = int(np.prod([u.shape[a] for a in axes_of(u, axis)], dtype=int))
    return divide(total(u, axis, keepdims), u.constant(float(n)))


def extreme(u: D, largest: bool, axis: Any = None, keepdims: bool = False) -> D:
    """The largest or smallest entries along axes."""
    return _folded(maximum if largest else minimum, u, axis, keepdims)


def product(u: D, axis: Any = None, keepdims: bool = False) -> D:
    return _folded(multiply, u, axis, keepdims)


def _folded(f: Callable[[D, D], D], u: D, axis: Any, keepdims: bool) -> D:
    axes = axes_of(u, axis)
    rest = [a for a in range(u.ndim) if a not in axes]
    flat = u.transposed([*axes, *rest]).reshaped((-1, *(u.shape[a] for a in rest)))
    out = flat[0].copy()
    for n in range(1, len(flat)):
        out = f(out, flat[n])
    return _kept(out, u, axes) if keepdims else out


def norm(u: D, axis: Any = None, keepdims: bool = False) -> D:
    """Euclidean norms along axes. Their slope is the direction, of entries between −1 and 1 (at zero, any such)."""
    axes = axes_of(u, axis)
    length = unary("sqrt", total(unary("square", u), axes, keepdims=True))
    toward = ia.divide(u.value, length.value)
    unit = Interval(np.clip(toward.low, -1.0, 1.0), np.clip(toward.high, -1.0, 1.0))
    slope = ia.total(ia.multiply(wide(unit), u.slope), axes)
    out = u.like(length.reshaped(tuple(n for a, n in enumerate(u.shape) if a not in axes)).value, slope)
    return _kept(out, u, axes) if keepdims else out


def cumulated(u: D, axis: int, reverse: bool = False) -> D:
    """Sums up to each entry along an axis."""
    n = u.shape[axis]
    letters = _LETTERS[: u.ndim]
    (axis,) = axes_of(u, axis)
    before = np.tri(n).T if reverse else np.tri(n)
    inner = letters[:axis] + "A" + letters[axis + 1 :]
    return contraction(f"{letters[axis]}A,{inner}->{letters}", [before, u])


def _kept(out: D, u: D, axes: tuple[int, ...]) -> D:
    return out.reshaped(tuple(1 if a in axes else n for a, n in enumerate(u.shape)))


def matmul(a: Any, b: Any) -> Any:
    """a @ b, broadcast over leading axes as NumPy's."""
    na, nb = np.ndim(a) if not isinstance(a, Dual) else a.ndim, np.ndim(b) if not isinstance(b, Dual) else b.ndim
    if na == 0 or nb == 0:
        raise ValueError("matmul: an operand has no axes")
    left = ("..." if na > 2 else "") + ("ij" if na > 1 else "j")
    right = ("..." if nb > 2 else "") + ("jk" if nb > 1 else "j")
    lead = "..." if max(na, nb) > 2 else ""
    return contraction(f"{left},{right}->{lead}{'i' if na > 1 else ''}{'k' if nb > 1 else ''}", [a, b])


def contraction(subscripts: str, operands: Sequence[Any]) -> Any:
    """einsum. Constants meet duals as matrices, by `contract`, whose rounding is that of sums."""
    parts = [x if isinstance(x, Dual) else constant(x) for x in operands]
    inputs, output = _explicit(subscripts, [x.ndim for x in parts])
    if len(parts) == 1:
        parts, inputs = [np.ones(()), *parts], ["", *inputs]
    # From the first dual to the left, then what is on its right.
    first = next(n for n, x in enumerate(parts) if isinstance(x, Dual))
    order = [*range(first, -1, -1), *range(first + 1, len(parts))]
    parts, inputs = [parts[n] for n in order], [inputs[n] for n in order]
    current, names = parts[0], inputs[0]
    for n, (part, letters) in enumerate(zip(parts[1:], inputs[1:]), start=2):
        needed = set(output).union(*inputs[n:])
        kept = "".join(dict.fromkeys(x for x in names + letters if x in needed))
        kept = output if n == len(parts) else kept
        current, names = _pair(names, letters, kept, current, part), kept
    return current


def _pair(one: str, other: str, out: str, a: Any, b: Any) -> Any:
    if isinstance(a, Dual) and isinstance(b, Dual):
        return _bilinear(one, other, out, a, b)
    if isinstance(a, Dual):
        one, other, a, b = other, one, b, a
    value = ia.contract(f"{one},{other}{_BOXES}->{out}{_BOXES}", a, b.value)
    end = _COORDINATES + _BOXES
    return b.like(value, ia.contract(f"{one},{other}{end}->{out}{end}", a, b.slope))


def _bilinear(one: str, other: str, out: str, a: Dual, b: Dual) -> Dual:
    summed = "".join(dict.fromkeys(x for x in one + other if x not in out))
    a, b = (_aligned(x, letters, out + summed) for x, letters in ((a, one), (b, other)))
    return total(multiply(a, b), tuple(range(len(out), len(out + summed))))


def _aligned(u: Dual, letters: str, wanted: str) -> Dual:
    """Axes in the order wanted, of length one where there is none; diagonals of letters that occur twice."""
    present = "".join(x for x in wanted if x in letters)
    moved = rearranged([u], lambda n: np.einsum(f"{letters}->{present}", n).copy())
    sizes = dict(zip(present, moved.shape))
    return moved.reshaped(tuple(sizes.get(x, 1) for x in wanted))


def _explicit(subscripts: str, ndims: Sequence[int]) -> tuple[list[str], str]:
    """Letters of all axes, also of those that were left to dots, and of the result."""
    left, arrow, output = subscripts.replace(" ", "").partition("->")
    inputs = left.split(",")
    if len(inputs) != len(ndims):
        raise ValueError(f"einsum: {subscripts!r} has {len(inputs)} operands, got {len(ndims)}")
    free = [x for x in _LETTERS if x not in subscripts]
    hidden = [n - len(s.replace("...", "")) if "..." in s else 0 for s, n in zip(inputs, ndims)]
    dots = "".join(free[: max(hidden)])
    inputs = [s.replace("...", dots[len(dots) - h :]) for s, h in zip(inputs, hidden)]
    if not arrow:
        letters = "".join(inputs)
        output = "..." + "".join(sorted(x for x in set(letters) if letters.count(x) == 1 and x not in dots))
    return inputs, output.replace("...", dots)
