"""A NumPy function with its derivative, callable in PyTorch and JAX: under autograd, function transforms and compilers.

The compiled core is not differentiated through. A `NumpyFunction` brings its value and its vector-Jacobian product; the
frameworks see one opaque operation, run on several threads over the axes that a vmap adds. Second derivatives are there
for a function that brings a product with them too; asking for what is not known is an error, never a zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from diracs.backend.arrays import Array, framework
from diracs.backend.members import Ahead, over_members

Numbers = tuple[float, ...]
Arrays = Sequence[np.ndarray]
Shapes = Sequence[tuple[Any, ...]]


class InvalidValues(ValueError):
    """Values that the front door would have refused, had it seen them: under JAX the results become NaN."""


@dataclass(frozen=True, eq=False)
class NumpyFunction:
    """A function of float arrays, differentiable in each of them.

    Parameters
    ----------
    name : str
        One of its own, a Python identifier.
    title : str
        What messages call it.
    arity : int
        Number of arrays that it takes.
    shapes : callable
        From the shapes of these to those of the outputs and of what is kept for the derivative.
    value : callable
        From numbers, known before any value is, and arrays in their own dtypes to the outputs, in the dtype of the
        first array, and what is kept, float64. Raises InvalidValues.
    pullback : callable
        From numbers, arrays, what was kept, cotangents of the outputs and which derivatives are wanted to these, one
        for each array; whatever for others. Raises InvalidValues where `value` does.
    smooth : int, optional
        Only the first so many arrays have derivatives; all by default.
    constants : str
        What messages call the other arrays.
    twice : int
        Of a function with one output, a number: the first so many arrays have second derivatives, in all pairs.
    together : callable, optional
        From numbers and arrays (b, …), or (1, …) where all problems have the same, to which problems of a batch it has
        solved (b,) and outputs with what is kept (b, …) of these; None if it is for others. `value` has the rest.
    pull_together : callable, optional
        The same for `pullback`, from what that takes to problems and the wanted derivatives.
    hessian : callable, optional
        From numbers, arrays, what was kept and directions in the first `twice` arrays to the product of the symmetric
        matrix of second derivatives with these.

    Notes
    -----
    PyTorch's compiler knows the functions that were made, or called, before it is at work.
    """

    name: str
    title: str
    arity: int
    shapes: Callable[[Shapes], tuple[Shapes, Shapes]]
    value: Callable[[Numbers, Arrays], tuple[Arrays, Arrays]]
    pullback: Callable[[Numbers, Arrays, Arrays, Arrays, Sequence[bool]], Arrays]
    smooth: int | None = None
    constants: str = ""
    twice: int = 0
    hessian: Callable[[Numbers, Arrays, Arrays, Arrays], Arrays] | None = None
    together: Callable[[Numbers, Arrays], tuple[np.ndarray, Arrays] | None] | None = None
    pull_together: Callable[[Arrays, Arrays, Arrays, Sequence[bool]], tuple[np.ndarray, Arrays] | None] | None = None

    def __post_init__(self) -> None:
        FUNCTIONS.append(self)

    def __call__(self, numbers: Numbers, *arrays: Array) -> tuple[Array, ...]:
        """The outputs, in the framework of the arrays (NumPy's go with all), dtype and device of the first."""
        kinds = [framework(x) for x in arrays]
        if "torch" in kinds:
            from diracs.backend import callback_torch

            return callback_torch.call(self, numbers, *arrays)
        if "jax" in kinds:
            from diracs.backend import callback_jax

            return callback_jax.call(self, numbers, *arrays)
        return tuple(np.asarray(x)[()] for x in self.value(numbers, arrays)[0])

    def batch(self, numbers: Numbers, mapped: Sequence[bool], *arrays: Array) -> tuple[Array, ...]:
        """The outputs (B, …) for arrays with a first axis of length B where they are mapped, shared elsewhere."""
        kinds = [framework(x) for x in arrays]
        if "torch" in kinds:
            from diracs.backend import callback_torch

            return callback_torch.call_batch(self, numbers, mapped, *arrays)
        if "jax" in kinds:
            import jax

            found: tuple[Array, ...] = jax.vmap(partial(self, numbers), tuple(0 if m else None for m in mapped))(
                *arrays
            )
            return found
        full = [x if m else x[None] for x, m in zip(arrays, mapped, strict=True)]
        outputs, kept = self.shapes([x.shape[1:] for x in full])

        def member(arrays: list[np.ndarray]) -> list[np.ndarray]:
            found, more = self.value(numbers, arrays)
            return [*found, *more]

        results = over_members(member, full, 1, [*outputs, *kept], self.ahead(numbers))
        return tuple(results[: len(outputs)])

    def ahead(self, numbers: Numbers) -> Ahead | None:
        """What solves some problems of a batch at once."""
        return None if self.together is None else partial(self.together, numbers)

    def pull_ahead(self, wanted: Sequence[bool], kept: int) -> Ahead | None:
        """The same for the wanted derivatives, from arrays, the `kept` ones and cotangents in one list."""
        pull, a, b = self.pull_together, self.arity, self.arity + kept
        return None if pull is None else lambda given: pull(given[:a], given[a:b], given[b:], wanted)

    def check_wanted(self, wanted: Sequence[bool]) -> None:
        """Raise if derivatives are wanted that there are none of."""
        if self.smooth is not None and any(wanted[self.smooth :]):
            raise NotImplementedError(
                f"derivatives of {self.title} in {self.constants} are not available: make these constants (torch:"
                " .detach(), JAX: jax.lax.stop_gradient)"
            )

    def check_wanted_twice(self, wanted: Sequence[bool], again: Sequence[bool] = ()) -> None:
        """The same for derivatives, in arrays wanted again, of derivatives in arrays wanted first."""
        if self.hessian is None or any(wanted[self.twice :]) or any(again[self.twice :]):
            raise NotImplementedError(self.refusal)

    @property
    def refusal(self) -> str:
        """The message where second derivatives are asked for that are not known."""
        where = f"in {self.constants}" if self.hessian is not None else "yet"
        return (
            f"second derivatives of {self.title} are not available {where}: take finite differences of its gradient, or"
            " a method that needs gradients only (L-BFGS for Newton's method); if the gradient is part of a loss only"
            " as a constant, detach it (torch: .detach(), JAX: jax.lax.stop_gradient)"
        )


# All of them.
FUNCTIONS: list[NumpyFunction] = []
