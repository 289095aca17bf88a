"""All benchmarks, or some by name: what they print, seconds, processor time and memory, in one file to compare with.

Each runs in a process of its own, one after the other. Results go to a JSON file and a Markdown table; beside a stored
run of the same machine, what takes over a tenth longer is marked. Programs of others are left out where a benchmark can
do without (`--peers` keeps them).

    python benchmarks/run.py [NAME ...] [--quick] [--peers] [--output run.json] [--beside stored.json]
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
# Options of each: always, with --quick, and to leave peers out. Studies write pictures and are run by name only.
BENCHMARKS: dict[str, tuple[list[str], list[str], list[str]]] = {
    "cells": ([], [], []),
    "choose": ([], ["--quick"], []),
    "gaussian_plane": ([], [], []),
    "grid_certificates": ([], [], []),
    "high_dimension": ([], [], []),
    "many_components": ([], [], []),
    "memory": ([], ["--quick"], []),
    "merging": ([], [], []),
    "optimal_plane": ([], [], []),
    "propagation": ([], ["--quick"], []),
    "propagation_systems": ([], ["--quick"], []),
    "scalar_codebooks": ([], [], []),
    "scaling": ([], ["--only", "stream", "--samples", "1000000"], []),
    "search_cost": ([], [], []),
    "small_problems": ([], ["100"], []),
    "space": ([], ["--only", "gaussian"], []),
    "times": ([], ["--quick"], []),
    "transport_2d": ([], ["--quick"], ["--without-sdot"]),
    "transport_mixture": ([], ["--quick"], ["--without-sdot"]),
    "transport_scaling": ([], ["--quick"], []),
    "transport_space": ([], ["--quick"], ["--without-sdot"]),
    "univariate": ([], [], []),
}
STUDIES = ("heterogeneity", "parameters", "rates", "stability")
# A run is slower if it takes so much longer, and a second at least.
SLOWER, LEAST = 1.1, 1.0
PACKAGES = ("diracs", "numpy", "scipy", "torch", "jax", "scikit-learn")


def machine() -> dict[str, str]:
    """What a figure depends on."""
    found = {"python": platform.python_version(), "system": platform.platform(), "processors": str(os.cpu_count())}
    names = [line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    found["processor"] = names[0] if names else platform.processor()
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def measured(name: str, options: list[str]) -> dict[str, Any]:
    """One benchmark, run."""
    script = FOLDER / f"{name if (FOLDER / f'{name}.py').exists() else f'study_{name}'}.py"
    begin = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, str(script), *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        # Of this process alone, unlike what `resource` tells of all children.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return {
        "options": options,
        "exit": process.returncode,
        "seconds": round(time.perf_counter() - begin, 3),
        "processor": round(usage.ru_utime + usage.ru_stime, 3),
        "megabytes": round(usage.ru_maxrss / 1024.0, 1),
        "printed": printed,
    }


def is_slower(run: dict[str, Any], before: dict[str, Any]) -> bool:
    """Whether it took more than a tenth longer, by the clock and by the processor: other work changes only one."""
    return all(
        run[key] > SLOWER * before[key] and run[key] - before[key] > LEAST * (SLOWER - 1.0)
        for key in ("seconds", "processor")
    )


def table(runs: dict[str, dict[str, Any]], stored: dict[str, dict[str, Any]]) -> str:
    """Markdown, with what has changed beside the stored runs of the same options."""
    rows = ["| benchmark | seconds | processor | memory | beside stored |", "|---|---|---|---|---|"]
    for name, run in runs.items():
        before, change = stored.get(name), ""
        if before is not None and before["options"] == run["options"]:
            change = f"{run['processor'] / max(before['processor'], 1e-3):.2f}"
            change += " **slower**" if is_slower(run, before) else ""
        failed = "" if run["exit"] == 0 else " (failed)"
        row = f"| {name}{failed} | {run['seconds']:.1f} | {run['processor']:.1f} | {run['megabytes']:.0f} MB"
        rows.append(f"{row} | {change} |")
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join([*BENCHMARKS, *STUDIES])}")
    parser.add_argument("--quick", action="store_true", help="smaller problems, where a benchmark has them")
    parser.add_argument("--peers", action="store_true", help="with programs of others beside ours")
    parser.add_argument("--output", type=Path, default=Path("run.json"), help="where results go (run.json)")
    parser.add_argument("--beside", type=Path, help="results of an earlier run, to compare with")
    options = parser.parse_args()
    names = options.names or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS and name not in STUDIES]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join([*BENCHMARKS, *STUDIES])}")
    stored = json.loads(options.beside.read_text(encoding="utf-8"))["runs"] if options.beside else {}
    runs = {}
    for name in names:
        always, quick, alone = BENCHMARKS.get(name, ([], ["--quick"], []))
        chosen = [*always, *(quick if options.quick else []), *([] if options.peers else alone)]
        runs[name] = measured(name, chosen)
        print(f"{name}: {runs[name]['seconds']:.1f} s" + ("" if runs[name]["exit"] == 0 else ", failed"), flush=True)
    options.output.write_text(json.dumps({"machine": machine(), "runs": runs}, indent=1), encoding="utf-8")
    print("\n" + ", ".join(f"{key} {value}" for key, value in machine().items()) + "\n")
    print(table(runs, stored))
    return int(any(run["exit"] != 0 for run in runs.values()))


if __name__ == "__main__":
    sys.exit(main())
