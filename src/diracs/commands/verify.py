"""`diracs verify`."""

from __future__ import annotations

import os

import diracs
from diracs.show import files


def verified(path: str | os.PathLike[str], *, strict: bool = False, cells: int = 200_000) -> int:
    """Print what is proved about a saved quantization; the exit code.

    0 if the recorded value is proved to be a bound, or not refuted where only fine cells are at hand; 1 if it is below
    what can be proved, and with `strict` also where it is just not refuted.
    """
    proved = diracs.verify(files.load(path), cells=cells)
    print(proved)
    return int(not (proved.holds or (proved.verdict == "not refuted" and not strict)))
