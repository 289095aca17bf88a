"""Progress of what takes seconds: loops say how far they are, to whoever has asked; to nobody, it costs nothing.

Whoever asks is kept in a context variable, so that nothing between the front door and a loop knows of it: threads and
processes that are started meanwhile say nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from diracs.typing import Progress

_told: ContextVar[Callable[[str, int, int | None], None] | None] = ContextVar("diracs progress", default=None)


def report(stage: str, step: int, total: int | None = None) -> None:
    """Say that so many steps of a stage are done, of so many at most if that is known."""
    tell = _told.get()
    if tell is not None:
        tell(stage, step, total)


@contextmanager
def reporting(progress: Progress) -> Iterator[None]:
    """Loops inside report to a callable, or to bars on stderr if it is True.

    Raises
    ------
    TypeError
        If it is neither a bool nor callable.
    ImportError
        For True without tqdm.
    """
    if isinstance(progress, bool | np.bool_):
        if not progress:
            yield
            return
        bars = _Bars()
        tell: Callable[[str, int, int | None], None] = bars
    elif callable(progress):
        bars, tell = None, progress
    else:
        raise TypeError(
            f"progress must be True, False or callable as progress(stage, step, total), got {type(progress).__name__}"
        )
    before = _told.set(tell)
    try:
        yield
    finally:
        _told.reset(before)
        if bars is not None:
            bars.close()


class _Bars:
    """A bar of tqdm for each stage, on stderr; gone when all is done."""

    def __init__(self) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            raise ImportError("progress=True needs tqdm: pip install 'diracs[progress]'") from None
        self._tqdm: Any = tqdm
        self._bars: dict[str, Any] = {}

    def __call__(self, stage: str, step: int, total: int | None) -> None:
        # Loops within one whose end is known would only make it flicker.
        if total is None and any(bar.total for bar in self._bars.values()):
            return
        if stage not in self._bars:
            self._bars[stage] = self._tqdm(desc=stage, total=total, leave=False)
        bar = self._bars[stage]
        if step < bar.n:
            bar.reset(total)
        bar.update(step - bar.n)

    def close(self) -> None:
        for bar in reversed(self._bars.values()):
            bar.close()
