"""Work for each member of a batch, shared among threads.

The compiled core releases Python's lock, so that members are solved side by side; each is solved by one thread, and
what comes out does not depend on how many there are.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import TypeVar

import numpy as np

from diracs import _core

T = TypeVar("T")

# What has some members at once: from arrays (b, …), (1, …) where all have the same, to which ones (b,) and results.
Ahead = Callable[[list[np.ndarray]], tuple[np.ndarray, Sequence[np.ndarray]] | None]

# The member that the thread is at work for.
_member: ContextVar[int | None] = ContextVar("diracs member", default=None)


def of_batch() -> str:
    """What a message begins with: the number of the problem, where it is one of a batch."""
    member = _member.get()
    return "" if member is None else f"problem {member} of the batch: "


class _Share:
    """Members that are left, handed out in their order, and the first failure."""

    def __init__(self, count: int) -> None:
        self.stop = _core.Stop()
        self.failure: tuple[int, BaseException] | None = None
        self._count, self._next, self._lock = count, 0, threading.Lock()

    def take(self) -> int | None:
        """The next one; none if all are taken, or one has failed."""
        with self._lock:
            if self._next >= self._count or self.failure is not None or self.stop.is_set():
                return None
            self._next += 1
            return self._next - 1

    def failed(self, member: int, error: BaseException) -> None:
        """Remember the failure of the lowest member: those below were taken before, and come to their end."""
        with self._lock:
            if self.failure is None or member < self.failure[0]:
                self.failure = member, error


def for_each(work: Callable[[int], T], count: int, numbers: Sequence[int] | None = None) -> list[T]:
    """[work(0), …, work(count − 1)], of the members with these numbers if they are not all of a batch.

    Raises
    ------
    ValueError
        If the work does: with the number of the first member for which it does. Other errors come as they are.
    KeyboardInterrupt
        At Ctrl-C, with all threads stopped.
    """
    threads = min(_core.get_threads(), count)
    share = _Share(count)
    found: list[T | None] = [None] * count
    numbers = range(count) if numbers is None else numbers

    def run() -> None:
        before = _member.set(None)
        try:
            while (member := share.take()) is not None:
                _member.set(numbers[member])
                try:
                    found[member] = work(member)
                except Exception as error:
                    share.failed(member, error)
        finally:
            _member.reset(before)

    def help_out() -> None:
        _core.take_part(True)
        share.stop.heed()
        try:
            run()
        except BaseException as error:  # a stop, which the thread that set it answers for
            if not share.stop.is_set():
                share.failed(count, error)

    # Threads do not inherit the context, in which NumPy keeps how it treats overflow.
    helpers = [threading.Thread(target=contextvars.copy_context().run, args=(help_out,)) for _ in range(1, threads)]
    try:
        for helper in helpers:
            helper.start()
        if helpers:
            _core.take_part(True)
        run()
        for helper in helpers:
            helper.join()
    except BaseException:
        share.stop.set()
        for helper in helpers:
            if helper.ident is not None:
                helper.join()
        raise
    finally:
        if helpers:
            _core.take_part(False)
    if share.failure is not None:
        member, error = share.failure
        if isinstance(error, ValueError):
            raise ValueError(f"problem {numbers[member]} of the batch: {error}") from error
        raise error
    return found  # type: ignore[return-value]


def over_members(
    work: Callable[[list[np.ndarray]], Sequence[np.ndarray]],
    arrays: Sequence[np.ndarray],
    lead: int,
    shapes: Sequence[tuple[int, ...]],
    ahead: Ahead | None = None,
) -> list[np.ndarray]:
    """A function of arrays, for each member of a batch along their first `lead` axes, which may be of length one.

    Parameters
    ----------
    work : callable
        From arrays without these axes to arrays.
    arrays : arrays
    lead : int
    shapes : sequence of tuples
        Those of what the function returns.
    ahead : callable, optional
        What has the results of some members sooner; the function is asked for those of the others.

    Returns
    -------
    list of arrays (…, own axes)
    """
    if not lead:
        return list(work(list(arrays)))
    batch = np.broadcast_shapes(*[x.shape[:lead] for x in arrays])
    places = list(np.ndindex(batch))
    if not places:
        return [np.empty(batch + tuple(shape)) for shape in shapes]
    known = None if ahead is None else ahead([_stacked(x, lead, batch) for x in arrays])
    left = range(len(places)) if known is None else np.flatnonzero(~known[0]).tolist()
    full = [np.broadcast_to(x, batch + x.shape[lead:]) for x in arrays]
    members = for_each(lambda k: [np.asarray(x) for x in work([x[places[left[k]]] for x in full])], len(left), left)
    if known is None:
        return [np.stack(part).reshape(batch + part[0].shape) for part in zip(*members, strict=True)]
    for k, member in zip(left, members, strict=True):
        for results, own in zip(known[1], member, strict=True):
            results[k] = own
    return [x.reshape(batch + x.shape[1:]) for x in known[1]]


def _stacked(x: np.ndarray, lead: int, batch: tuple[int, ...]) -> np.ndarray:
    """(b, …), or (1, …) for what does not differ between members."""
    own = x.shape[lead:]
    if all(n == 1 or step == 0 for n, step in zip(x.shape[:lead], x.strides[:lead], strict=True)):
        return x[(0,) * lead][None]
    return np.broadcast_to(x, batch + own).reshape(-1, *own)
