"""What may be given as numbers: arrays, lists and tables of real numbers in double or single precision.

What would be lost on the way is refused: masks, missing values, units, imaginary parts, digits.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterator
from typing import Any

import numpy as np

from diracs.backend.arrays import Array, is_jax, is_torch

_HALF = ("float16", "half", "bfloat16", "float8", "float6", "float4")
_EXTENDED = ("longdouble", "float96", "float128")


def real_numbers(name: str, x: Any, truths: bool = False) -> Array:
    """`x` as an array of real numbers: tensors of PyTorch and arrays of JAX as they are, all else as a NumPy array.

    Parameters
    ----------
    name : str
        Of the argument, for messages.
    x : array, number, sequence or table of numbers
    truths : bool
        Whether True and False count, as 1 and 0.

    Raises
    ------
    TypeError
        For dtypes that are no numbers or that cannot carry a certificate (half and extended precision, complex ones),
        units, sparse arrays, lists of tensors.
    ValueError
        For masked entries, missing values, rows of unequal length.
    """
    if is_torch(x):
        if "strided" not in str(x.layout):
            raise TypeError(f"{name} must be dense, got a tensor of layout {x.layout}: use its to_dense()")
        dtype = str(x.dtype).removeprefix("torch.")
    else:
        x = x if is_jax(x) else _as_numpy(name, x)
        dtype = str(x.dtype.name)
    if not (truths and dtype == "bool"):
        _check_dtype(name, dtype)
    return x


def _check_dtype(name: str, dtype: str) -> None:
    if dtype in ("float64", "float32") or dtype.startswith(("int", "uint")):
        return
    if dtype.startswith(_HALF):
        why = "is of half precision or less, which no certificate survives: convert it to float32 or float64 first"
    elif dtype in _EXTENDED:
        why = "is of more than double precision, which results do not have: round it, astype('float64'), or scale it"
    elif dtype == "bool":
        why = "is made of True and False: convert it, astype('float64'), if these are meant as 1 and 0"
    elif dtype.startswith("complex"):
        why = "holds complex numbers: take their real part, or real and imaginary parts as coordinates"
    else:
        why = "does not hold numbers: convert it to float64"
    raise TypeError(f"{name} must be an array of real numbers, but {name} of dtype {dtype} {why}")


def _as_numpy(name: str, x: Any) -> np.ndarray:
    """As a NumPy array; what is no number, or more than one, is refused."""
    for leaf in _leaves(x) if isinstance(x, list | tuple) else (x,):
        if is_torch(leaf) or is_jax(leaf):
            stack = "torch.stack" if is_torch(leaf) else "jax.numpy.stack"
            raise TypeError(f"{name} must be one array, got a list of them: use {stack}")
        _check_plain(name, leaf)
    try:
        # Not np.asarray(x) for pandas: its columns know their missing values, arrays do not.
        a = x.to_numpy() if hasattr(x, "isna") else np.asarray(x)
        if a.dtype.kind == "O":
            a = _from_objects(a)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"{name} must be an array of real numbers, got {type(x).__name__}: {error}") from None
    return a


def _leaves(x: list[Any] | tuple[Any, ...]) -> Iterator[Any]:
    """What nested lists hold besides Python's numbers."""
    for item in x:
        if isinstance(item, list | tuple):
            yield from _leaves(item)
        elif not isinstance(item, float | int):
            yield item


def _check_plain(name: str, x: Any) -> None:
    """Raise where NumPy would drop masks, missing values, precision or units without a word."""
    if isinstance(x, np.ma.MaskedArray):
        masked = int(np.ma.count_masked(x))
        if masked:
            raise ValueError(
                f"{name} has {masked} masked entries: give them a value, {name}.filled(0) for pixels without mass, or"
                f" leave their rows out, {name}[~{name}.mask.any(axis=1)].data for points"
            )
    elif hasattr(x, "isna") and hasattr(x, "to_numpy"):  # pandas
        missing = int(np.sum(np.asarray(x.isna(), dtype=bool)))
        if missing:
            raise ValueError(f"{name} has {missing} missing values: leave them out, {name}.dropna(), or fill them in")
        for dtype in np.atleast_1d(np.asarray(x.dtypes if hasattr(x, "dtypes") else x.dtype, dtype=object)):
            # Beside columns of other dtypes it would not be seen any more.
            if str(dtype).lower().startswith(_HALF):
                _check_dtype(name, str(dtype).lower())
    elif hasattr(x, "positions") and hasattr(x, "weights"):
        raise TypeError(f"{name} must be an array of real numbers, got a {type(x).__name__}: take its positions")
    elif hasattr(x, "toarray"):
        raise TypeError(f"{name} must be dense, got a sparse {type(x).__name__}: use its toarray()")
    elif hasattr(x, "magnitude") or (isinstance(x, np.ndarray) and (hasattr(x, "unit") or hasattr(x, "units"))):
        raise TypeError(f"{name} has units, which would be lost: give its numbers, in one unit for all coordinates")
    elif isinstance(x, np.ndarray) and hasattr(x, "mask"):
        raise TypeError(f"{name} has a mask, which would be lost: fill or leave out what is masked, np.asarray(…)")


def _from_objects(a: np.ndarray) -> np.ndarray:
    """Python's numbers of any kind, whole ones beyond 64 bits and fractions too, rounded to double precision."""
    for item in a.flat:
        if isinstance(item, bool) or not isinstance(item, numbers.Real):
            raise TypeError(f"{item!r} is not a real number")
    return a.astype(np.float64)
