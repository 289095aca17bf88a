"""Python's operators on interval dual numbers, which all frameworks share."""

from __future__ import annotations

from typing import Any

from diracs.intervals.dual import Dual
from diracs.intervals.errors import not_understood
from diracs.intervals.operations import apply, chosen
from diracs.intervals.reductions import matmul
from diracs.intervals.truth import Truth


def operate(name: str, *operands: Any) -> Any:
    """An operation by its name in NumPy.

    Raises
    ------
    TypeError
        If there is none.
    """
    if name == "matmul":
        return matmul(*operands)
    if name == "floor_divide":
        return apply("floor", apply("divide", *operands))
    out = apply(name, *operands)
    if out is None:
        raise not_understood(f"'{name}'")
    return out


class Operators(Dual):
    """A dual with operators; `x[condition] = …` writes where a comparison holds."""

    def __setitem__(self, key: Any, x: Any) -> None:
        if isinstance(key, Truth):
            super().__setitem__(..., chosen(key, x, self))
        else:
            super().__setitem__(key, x)

    def __neg__(self) -> Any:
        return operate("negative", self)

    def __pos__(self) -> Any:
        return operate("positive", self)

    def __abs__(self) -> Any:
        return operate("absolute", self)

    def __add__(self, x: Any) -> Any:
        return operate("add", self, x)

    def __radd__(self, x: Any) -> Any:
        return operate("add", x, self)

    def __sub__(self, x: Any) -> Any:
        return operate("subtract", self, x)

    def __rsub__(self, x: Any) -> Any:
        return operate("subtract", x, self)

    def __mul__(self, x: Any) -> Any:
        return operate("multiply", self, x)

    def __rmul__(self, x: Any) -> Any:
        return operate("multiply", x, self)

    def __truediv__(self, x: Any) -> Any:
        return operate("divide", self, x)

    def __rtruediv__(self, x: Any) -> Any:
        return operate("divide", x, self)

    def __floordiv__(self, x: Any) -> Any:
        return operate("floor_divide", self, x)

    def __mod__(self, x: Any) -> Any:
        return operate("remainder", self, x)

    def __pow__(self, x: Any) -> Any:
        return operate("power", self, x)

    def __rpow__(self, x: Any) -> Any:
        return operate("power", x, self)

    def __matmul__(self, x: Any) -> Any:
        return operate("matmul", self, x)

    def __rmatmul__(self, x: Any) -> Any:
        return operate("matmul", x, self)

    def __lt__(self, x: Any) -> Any:
        return operate("less", self, x)

    def __le__(self, x: Any) -> Any:
        return operate("less_equal", self, x)

    def __gt__(self, x: Any) -> Any:
        return operate("greater", self, x)

    def __ge__(self, x: Any) -> Any:
        return operate("greater_equal", self, x)

    def __eq__(self, x: Any) -> Any:
        return operate("equal", self, x)

    def __ne__(self, x: Any) -> Any:
        return operate("not_equal", self, x)

    # Arrays change in place, and with them whatever shares their memory.

    def __iadd__(self, x: Any) -> Any:
        return self._become(self + x)

    def __isub__(self, x: Any) -> Any:
        return self._become(self - x)

    def __imul__(self, x: Any) -> Any:
        return self._become(self * x)

    def __itruediv__(self, x: Any) -> Any:
        return self._become(self / x)

    def __ipow__(self, x: Any) -> Any:
        return self._become(self**x)

    def _become(self, x: Any) -> Any:
        self[...] = x
        return self
