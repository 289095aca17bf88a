"""How many processors this process may use: those of the machine, less what the system keeps from it."""

from __future__ import annotations

import math
import os
from pathlib import Path


def available_processors(root: Path = Path("/")) -> int:
    """Those that the process may run on (its affinity), or as many as its control group may use at once, rounded up."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    return max(1, math.ceil(min(count, _quota(root))))


def _quota(root: Path) -> float:
    """Processors' worth of time that control groups allow (Linux, both versions), infinite if they do not say."""
    groups = root / "sys/fs/cgroup"
    found = math.inf
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, kinds, name = line.split(":", 2)
        if kinds and "cpu" not in kinds.split(","):
            continue
        # A group is bound by those that it is in; containers may see their own one as the top.
        inside = Path(name.lstrip("/"))
        for group in (inside, *inside.parents):
            if kinds:
                parts = [_text(groups / "cpu" / group / f"cpu.cfs_{part}_us") for part in ("quota", "period")]
            else:
                parts = _text(groups / group / "cpu.max").split()
            found = min(found, _ratio(parts))
    return found


def _ratio(parts: list[str]) -> float:
    """Quota over period; infinite for "max", −1, or nothing."""
    try:
        quota, period = (float(part) for part in parts)
    except ValueError:
        return math.inf
    return quota / period if quota > 0 and period > 0 else math.inf


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
