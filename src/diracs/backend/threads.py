"""The limit on the threads of the compiled core, and of batches."""

from __future__ import annotations

import os
from types import TracebackType

from diracs import _core
from diracs.backend import checks
from diracs.backend.processors import available_processors

# The environment variable that is looked at when diracs is imported.
VARIABLE = "DIRACS_NUM_THREADS"
_MOST = 4096


class set_threads:
    """Let diracs use at most so many threads, in the whole process; in a `with` statement until its end.

    What comes out does not depend on the number of threads.

    Parameters
    ----------
    threads : int or None
        At least 1; None for what it was at first: the environment variable `DIRACS_NUM_THREADS` or, where that is not
        set, as many as there are processors that the process may use (affinity, control groups).

    Raises
    ------
    ValueError, TypeError
        For other numbers.

    Examples
    --------
    >>> import diracs
    >>> before = diracs.get_threads()
    >>> with diracs.set_threads(1):
    ...     diracs.get_threads()
    1
    >>> diracs.get_threads() == before
    True
    """

    def __init__(self, threads: int | None) -> None:
        self._before = _limit()
        _set_limit(initial_threads() if threads is None else _checked("threads", threads))

    def __repr__(self) -> str:
        return f"set_threads({get_threads()})"

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _set_limit(self._before)


def get_threads() -> int:
    """The largest number of threads that diracs uses.

    Returns
    -------
    int
        On a thread that works on a problem of a batch beside others, 1.

    Examples
    --------
    >>> import diracs
    >>> diracs.get_threads() >= 1
    True
    """
    return _core.get_threads()


def initial_threads() -> int:
    """As many as the environment says, or as there are processors."""
    asked = os.environ.get(VARIABLE, "").strip()
    if not asked:
        return available_processors()
    try:
        return _checked(VARIABLE, int(asked))
    except ValueError:
        raise ValueError(
            f"the environment variable {VARIABLE} must be a whole number from 1 to {_MOST}, got {asked!r}: change or"
            " unset it"
        ) from None


def _checked(name: str, threads: int) -> int:
    count = checks.count(name, threads)
    if count > _MOST:
        raise ValueError(f"{name} must be at most {_MOST}, got {count}")
    return count


_limits = [initial_threads()]


def _limit() -> int:
    return _limits[0]


def _set_limit(threads: int) -> None:
    _limits[0] = threads
    _core.set_threads(threads)


_set_limit(_limits[0])
