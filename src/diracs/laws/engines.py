"""Engines: what answers one question about laws, looked up by the law's class and its dimension."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

Engine = TypeVar("Engine")


class Engines(Generic[Engine]):
    """The engines for one question.

    Examples
    --------
    >>> from diracs.laws.engines import Engines
    >>> from diracs.laws.pixels import PolynomialGrid
    >>> lengths = Engines()
    >>> lengths.add(PolynomialGrid, 1, lambda law: float(law.domain[1, 0] - law.domain[0, 0]))
    >>> law = PolynomialGrid([1.0, 2.0], [[0.0], [3.0]])
    >>> lengths.of(law)(law)
    3.0
    """

    def __init__(self) -> None:
        self._table: list[tuple[type[Any], int | None, Engine]] = []

    def add(self, law: type[Any], ndim: int | None, engine: Engine) -> None:
        """For laws of this class and dimension, of any other if None; what was added last comes first."""
        self._table.insert(0, (law, ndim, engine))

    def __iter__(self) -> Iterator[Engine]:
        return (engine for _, _, engine in self._table)

    def know(self, law: Any) -> bool:
        """Whether there is an engine for this class of laws, in some dimension."""
        return any(isinstance(law, kind) for kind, _, _ in self._table)

    def of(self, law: Any) -> Engine | None:
        """That for the class and dimension of the law; None if there is none."""
        own = [(ndim, engine) for kind, ndim, engine in self._table if isinstance(law, kind)]
        exact = [engine for ndim, engine in own if ndim == getattr(law, "ndim", None)]
        return next(iter(exact + [engine for ndim, engine in own if ndim is None]), None)
